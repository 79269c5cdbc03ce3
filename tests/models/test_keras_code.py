"""The Keras code of a configuration, executed: same weights, layers and outputs as jetlab's, and the same training."""

import dataclasses
import itertools
import math
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetlab import models, training
from jetlab.config import MODELS, OPTIMIZERS, SCHEDULES, RunConfig
from jetlab.models import keras_code, objectives
from jetlab.training import Data

ROWS = {
    "dense": [(4,)],
    "cnn": [(9, 9, 2), (3, 3, 1)],
    "lstm": [(7, 5), ((7, 5), (7,))],
    "gru": [(7, 5), ((7, 5), (7,))],
    "deep_sets": [(7, 5), ((7, 5), (7,))],
}
CHANGES = [
    {"layers": 0},
    {"layers": 1, "seed": 2**32 - 1, "activation": "leaky_relu"},
    {"layers": 3, "dropout": 0.25, "loss": "gaussian_nll"},
    {"layers": 2, "loss": "huber", "train_size": 30},
]
CASES = [(model, row, change) for model, rows in ROWS.items() for row, change in itertools.product(rows, CHANGES)]
CASES += [("lstm", (7, 5), {"layers": layers, "bidirectional": True, "dropout": 0.1}) for layers in (0, 1, 2)]
CASES += [("dense", (4,), {"layers": 3, "widths": (9, 1, 4)})]
CASES += [("gru", ((7, 5), (7,)), {"layers": 2, "bidirectional": True})]


def inputs(row, n, seed=1):
    """Random inputs of n jets; the last places of a sequence are padding."""
    rng = np.random.default_rng(seed)
    several = isinstance(row[0], tuple)
    values = [rng.normal(size=(n, *each)).astype("f4") for each in (row if several else [row])]
    if several:
        values[1] = rng.integers(1, 7, (n, *row[1])).astype("f4")
    if len(values[0].shape) == 3:
        for each in values:
            each[:, -2:] = 0
    return tuple(values) if several else values[0]


def data(row, n=60, regression=False, classes=2):
    parts = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=n) if regression else np.arange(n) % classes
        parts += [inputs(row, n, seed), y, rng.uniform(0.5, 2, n)]
    return Data(*parts, regression=regression, classes=classes)


def executed(text, **names):
    exec(compile(text, "<keras code>", "exec"), names)
    return names


def test_the_code_builds_the_same_network(subtests):
    for model, row, changes in CASES:
        with subtests.test(model=model, row=row, changes=changes):
            config = RunConfig(**{"model": model, "nodes": 5, "seed": 3, **changes})
            keras.utils.set_random_seed(config.seed)
            expected = models.build(config, row)
            keras.utils.set_random_seed(99)
            found = executed(keras_code.model_code(config, row))["model"]
            assert found.name == expected.name
            assert [type(each) for each in found.operations] == [type(each) for each in expected.operations]
            # Operations, as the sum of deep_sets, have no names of their own: Keras counts them through.
            assert [layer.name for layer in found.layers] == [layer.name for layer in expected.layers]
            assert [layer.get_config() for layer in found.layers] == [layer.get_config() for layer in expected.layers]
            weights = list(zip(found.get_weights(), expected.get_weights(), strict=True))
            assert sum(each.size for each, _ in weights) == models.count_parameters(config, row)
            for ours, theirs in weights:
                np.testing.assert_array_equal(ours, theirs)
            x = inputs(row, 6)
            np.testing.assert_array_equal(training.outputs(found, x), training.outputs(expected, x))


def test_small_images_are_pooled_as_often(subtests):
    for size in [2, 4, 5, 33]:
        with subtests.test(size=size):
            config = RunConfig(model="cnn", layers=6, nodes=1)
            text = keras_code.model_code(config, (size, size, 1))
            expected = [layer.name for layer in models.build(config, (size, size, 1)).layers if "pooling" in layer.name]
            assert [name for name in (f"pooling_{i}" for i in range(1, 7)) if f'"{name}"' in text] == expected


# With all jets in one batch, training does not depend on their order, and the code must do exactly what jetlab does.
# Keras' own scheduler of the learning rate calls numpy in a way that numpy will no longer take.
@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
@pytest.mark.parametrize(
    ("model", "row", "changes"),
    [
        ("dense", (4,), {"patience": 0, "train_size": 40, "schedule": "step"}),
        ("dense", (4,), {"loss": "gaussian_nll", "optimizer": "nadam"}),
        ("dense", (4,), {"loss": "sparse_categorical_crossentropy"}),
        ("cnn", (6, 6, 1), {"optimizer": "rmsprop", "learning_rate": 0.003, "schedule": "cosine"}),
        ("lstm", ((7, 5), (7,)), {"train_size": 40}),
        ("gru", (7, 5), {"optimizer": "sgd"}),
        ("deep_sets", ((7, 5), (7,)), {"optimizer": "adamw"}),
    ],
)
def test_the_code_trains_as_jetlab_does(model, row, changes):
    config = RunConfig(
        **{"model": model, "layers": 1, "nodes": 4, "batch_size": 64, "epochs": 4, "learning_rate": 0.05, **changes}
    )
    objective = objectives.get(config.loss)
    sample = data(row, regression=not objective.classifies, classes=objective.classes or 2)
    arrays = {field.name: getattr(sample, field.name) for field in dataclasses.fields(sample)}
    code = executed(keras_code.code(config, row), **arrays)
    ours = training.run(config, sample)
    history = code["history"].history
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(history[name], ours.history[name], rtol=2e-3)
    assert int(np.argmin(history["val_loss"])) + 1 == ours.best_epoch
    for found, expected in zip(code["model"].get_weights(), ours.model.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-3)
    if objective.classes == 3:
        np.testing.assert_allclose(history["val_accuracy"], ours.history["val_accuracy"], atol=0.02)
    if objective.classes == 2:
        np.testing.assert_allclose(history["val_accuracy"], ours.history["val_accuracy"], atol=0.02)
        assert len(history["val_auc"]) == len(ours.history["val_auc"])


@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("epochs", [1, 8])
def test_each_epoch_has_the_learning_rate_of_the_configuration(schedule, epochs):
    config = RunConfig(
        layers=0, epochs=epochs, patience=0, batch_size=64, schedule=schedule, learning_rate=0.3, train_size=40
    )
    sample = data((4,))
    arrays = {field.name: getattr(sample, field.name) for field in dataclasses.fields(sample)}
    rates = []
    noted = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: rates.append(float(found["model"].optimizer.learning_rate))
    )
    found = executed(keras_code.model_code(config, (4,)))
    text = keras_code.fit_code(config, (4,)).replace("callbacks=[stop", "callbacks=[noted, stop")
    executed(text, **arrays, **found, noted=noted)
    np.testing.assert_allclose(rates, [config.rate(epoch) for epoch in range(1, epochs + 1)], rtol=1e-6)
    assert ("def rate(epoch)" in text) == (schedule != "constant")


@given(st.sampled_from(SCHEDULES[1:]), st.integers(1, 1000), st.floats(0, 10, exclude_min=True))
@settings(deadline=None)
def test_the_code_has_the_very_numbers_of_the_schedule(schedule, epochs, learning_rate):
    config = RunConfig(schedule=schedule, epochs=epochs, learning_rate=learning_rate)
    text = keras_code.fit_code(config, (4,))
    rate = executed(text[: text.index("# x_train")], math=math)["rate"]
    assert [rate(epoch) for epoch in range(epochs)] == [config.rate(epoch) for epoch in range(1, epochs + 1)]


def test_optimizers_are_those_of_training(subtests):
    for optimizer in OPTIMIZERS:
        with subtests.test(optimizer=optimizer):
            text = keras_code.fit_code(RunConfig(optimizer=optimizer, learning_rate=3e-5), (4,))
            line = next(line for line in text.splitlines() if "optimizer=" in line)
            found = executed(f"found = dict(\n{line}\n)['optimizer']", keras=keras)["found"]
            expected = keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": 3e-5}})
            assert type(found) is type(expected)
            # Keras counts the names through.
            assert {**found.get_config(), "name": ""} == {**expected.get_config(), "name": ""}


def test_early_stopping_is_the_configured_one():
    assert "EarlyStopping(patience=3, restore" in keras_code.fit_code(RunConfig(patience=3), (4,))
    # Keras would take 0 for "stop at the first epoch that is no better".
    assert "EarlyStopping(patience=20, restore" in keras_code.fit_code(RunConfig(patience=0, epochs=20), (4,))


def test_the_comment_says_what_x_is():
    dense = keras_code.fit_code(RunConfig(inputs=("jet_pt_ak7", "jet_msd_ak7")), (2,))
    assert "# x_train (n, 2): jet_pt_ak7, jet_msd_ak7, each scaled" in dense
    images = keras_code.fit_code(RunConfig(model="cnn", inputs=("photon", "muon")), (25, 25, 2))
    assert "x_train (n, 25, 25, 2): fraction of the jet's pt" in images
    assert "photon, muon" in images
    both = keras_code.fit_code(RunConfig(model="lstm", inputs=("dr", "id_class")), ((50, 1), (50,)))
    assert "# x_train: a tuple (features, id_class)" in both
    assert "# features (n, 50, 1): dr of the 50 constituents of largest pt, the hardest last" in both
    assert "# id_class (n, 50)" in both
    one_hot = RunConfig(model="deep_sets", inputs=("dr", "id_class"), pf_id="one_hot", order_by="dr")
    assert "(n, 50, 7): dr, id_class as a 1 among zeros of the 50 constituents nearest" in keras_code.fit_code(
        one_hot, (50, 7)
    )
    only_class = keras_code.fit_code(RunConfig(model="gru", inputs=("id_class",)), ((50, 1), (50,)))
    assert "features (n, 50, 1): 1 of the 50" in only_class
    assert "numbers scaled" not in only_class


def test_no_name_of_an_input_becomes_code():
    names = ("a\nraise SystemExit", "b\rimport os", "c\x00", "\ud800", "d # '\"", "e\x0craise")
    text = keras_code.code(RunConfig(inputs=names), (6,))
    tree = compile(text, "<keras code>", "exec")
    assert "SystemExit" not in tree.co_names
    assert "os" not in tree.co_names
    assert text.encode()


@pytest.mark.parametrize("model", MODELS)
def test_the_code_is_formatted_and_without_mistakes(model, tmp_path):
    undefined = "x_train y_train w_train x_validation y_validation w_validation".split()
    for number, (row, loss, size, schedule) in enumerate(
        itertools.product(ROWS[model], ["binary_crossentropy", "gaussian_nll"], [None, 1000], SCHEDULES)
    ):
        config = RunConfig.standard(
            model,
            loss=loss,
            train_size=size,
            schedule=schedule,
            layers=6,
            nodes=1024,
            dropout=0.1,
            activation="leaky_relu",
        )
        header = f"{keras_code.model_code(config, row)}\n"
        text = keras_code.code(config, row)
        assert text.startswith(header)
        # The arrays are the reader's: given here, as imports of their own would be.
        given = "".join(f"{name} = None\n" for name in undefined)
        (tmp_path / f"code_{number}.py").write_text(f"{header}\n{given}\n{text.removeprefix(header)}")
        (tmp_path / f"format_{number}.py").write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    checks = [*ruff, "check", "--isolated", "--select", "E,F,I,B,UP", "--ignore", "E402", "--line-length", "100"]
    for command, files in ((checks, "code"), ([*ruff, "format", "--isolated", "--check", "--line-length", "100"], "f")):
        paths = [str(path) for path in tmp_path.glob(f"{files}*.py")]
        assert len(paths) == number + 1
        done = subprocess.run([*command, "--no-cache", *paths], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_number_is_a_shape():
    assert keras_code.code(RunConfig(), 4) == keras_code.code(RunConfig(), (4,))
    assert keras_code.code(RunConfig(), [4]) == keras_code.code(RunConfig(), (4,))
