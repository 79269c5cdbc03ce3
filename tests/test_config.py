"""One run configuration: validated, JSON both ways, shrunk in fast mode only."""

import dataclasses
import json

import numpy as np
import pytest

from jetlab.config import INPUTS, MODELS, ConfigError, RunConfig, fast, fast_mode


def test_defaults_are_the_documented_run():
    config = RunConfig()
    assert config.label == "64/3"
    assert (config.model, config.batch_size, config.learning_rate, config.epochs) == ("dense", 128, 1e-3, 20)
    assert (config.patience, config.seed, config.train_size) == (5, 1, None)
    assert config.inputs == ("jet_pt_ak7", "jet_msd_ak7", "jet_tau21_ak7", "jet_ncand_ak7")


def test_standard_runs_and_their_inputs(subtests):
    for model in MODELS:
        with subtests.test(model=model):
            config = RunConfig.standard(model, seed=5)
            assert (config.model, config.seed, config.inputs) == (model, 5, INPUTS[model])
            assert RunConfig.from_json(config.to_json()) == config
            with pytest.raises(ConfigError, match="model is 'transformer'"):
                RunConfig.standard("transformer")


def test_layers_of_their_own_width():
    config = RunConfig(layers=3, widths=[32, 16, 8])
    assert (config.label, config.layer_nodes) == ("32-16-8/3", (32, 16, 8))
    assert RunConfig(layers=2, nodes=5).layer_nodes == (5, 5)
    assert RunConfig.from_json(config.to_json()) == config
    with pytest.raises(ConfigError, match="of a dense network"):
        RunConfig(model="lstm", layers=3, widths=(32, 16, 8))


def test_frozen_and_hashable():
    config = RunConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.layers = 2
    assert len({config, RunConfig(), RunConfig(seed=2)}) == 2


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(),
        RunConfig(
            inputs=("jet_msd_ak7",),
            layers=0,
            nodes=1,
            activation="tanh",
            dropout=0.25,
            batch_size=1,
            learning_rate=3e-2,
            optimizer="sgd",
            epochs=1,
            patience=0,
            seed=0,
            train_size=1000,
        ),
    ],
)
def test_json_both_ways(config):
    again = RunConfig.from_json(config.to_json())
    assert again == config
    assert hash(again) == hash(config)
    assert isinstance(again.inputs, tuple)
    assert set(json.loads(config.to_json())) == {field.name for field in dataclasses.fields(RunConfig)}


def test_json_with_fields_left_out_keeps_defaults():
    assert RunConfig.from_json('{"layers": 1, "train_size": null}') == RunConfig(layers=1)


def test_numpy_numbers_become_plain_ones():
    config = RunConfig(nodes=np.int64(32), learning_rate=np.float32(0.5), inputs=["a", "b"])
    assert type(config.nodes) is int
    assert type(config.learning_rate) is float
    assert RunConfig.from_json(config.to_json()) == config


def test_impossible_values_name_field_value_and_range(subtests):
    for name, value, allowed in [
        ("layers", 7, "from 0 to 6"),
        ("layers", -1, "from 0 to 6"),
        ("layers", 2.0, "from 0 to 6"),
        ("layers", True, "from 0 to 6"),
        ("nodes", 0, "from 1 to 1024"),
        ("nodes", 1025, "from 1 to 1024"),
        ("batch_size", 0, "from 1 to 4096"),
        ("batch_size", 4097, "from 1 to 4096"),
        ("epochs", 0, "from 1"),
        ("patience", -1, "from 0"),
        ("seed", -1, "from 0"),
        ("seed", 2**32, "from 0"),
        ("train_size", 1, "from 2"),
        ("dropout", 1.0, "not including, 1"),
        ("dropout", 10**400, "not including, 1"),
        ("dropout", -0.1, "not including, 1"),
        ("dropout", "half", "not including, 1"),
        ("learning_rate", 0.0, "above 0"),
        ("learning_rate", 11.0, "at most 10"),
        ("learning_rate", float("nan"), "above 0"),
        ("model", "transformer", "dense"),
        ("activation", "rellu", "Did you mean 'relu'"),
        ("activation", ["relu"], "relu, tanh"),
        ("optimizer", "Adam", "Did you mean 'adam'"),
        ("widths", (8, 4), "each of the 3 layers"),
        ("widths", (8, 4, 0), "from 1"),
        ("widths", 8, "list"),
        ("length", 0, "from 1"),
        ("image_size", 3, "from 4"),
        ("loss", "hinge", "mse"),
        ("order_by", "eta", "random"),
        ("pf_id", "onehot", "Did you mean 'one_hot'"),
        ("bidirectional", 1, "True and False"),
        ("inputs", "jet_pt_ak7", "list"),
        ("inputs", ("a", "a"), "different"),
        ("inputs", (1, 2), "names"),
    ]:
        with subtests.test(name=name, value=value):
            with pytest.raises(ConfigError, match=f"^{name} is ") as caught:
                RunConfig(**{name: value})
            assert allowed in str(caught.value)


@pytest.mark.parametrize(("low", "high"), [({"layers": 0, "nodes": 1, "batch_size": 1}, {"layers": 6, "nodes": 1024})])
def test_ends_of_the_ranges_are_allowed(low, high):
    assert RunConfig(**low).label == "1/0"
    assert RunConfig(**high, batch_size=4096).label == "1024/6"


def test_unknown_keys_name_the_nearest():
    with pytest.raises(ConfigError, match="no field 'batchsize'; did you mean 'batch_size'"):
        RunConfig.from_json('{"batchsize": 3}')
    with pytest.raises(ConfigError, match="no field 'zzz'; known are model, inputs"):
        RunConfig.from_json('{"zzz": 3}')


def test_text_that_is_no_configuration(subtests):
    for text, message in [("{", "not JSON"), ("[1]", "JSON list"), ("", "not JSON")]:
        with subtests.test(text=text, message=message):
            with pytest.raises(ConfigError, match=message):
                RunConfig.from_json(text)


def test_fast_mode_shrinks_only_when_asked(monkeypatch):
    config = RunConfig(epochs=20, train_size=1000)
    for off in (None, "", "0"):
        monkeypatch.delenv("JETLAB_FAST", raising=False)
        if off is not None:
            monkeypatch.setenv("JETLAB_FAST", off)
        assert not fast_mode()
        assert fast(config) is config
    monkeypatch.setenv("JETLAB_FAST", "1")
    assert fast_mode()
    assert fast(config, epochs=3, train_size=500) == RunConfig(epochs=3, train_size=500)
    assert fast(config, epochs=30, train_size=5000) == config
    assert fast(RunConfig(), epochs=3, train_size=500).train_size == 500

    monkeypatch.setenv("JETLAB_FAST", "2")
    assert fast_mode()
    assert fast(config, epochs=1, train_size=5000) == RunConfig(epochs=1, train_size=1000)
    assert fast(config, epochs=3, train_size=500) == RunConfig(epochs=2, train_size=500)
