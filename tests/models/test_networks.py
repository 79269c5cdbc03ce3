"""Networks: shapes, layer names, counts of weights, and no TensorFlow before it is needed."""

import itertools
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from jetlab import models, training
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError


def test_dense_has_the_layers_asked_for(subtests):
    for dropout, layers in itertools.product([0.0, 0.2], [0, 1, 3]):
        with subtests.test(dropout=dropout, layers=layers):
            model = models.dense(RunConfig(layers=layers, nodes=8, activation="tanh", dropout=dropout), 4)
            hidden = [layer for layer in model.layers if layer.name.startswith("hidden")]
            assert [layer.units for layer in hidden] == [8] * layers
            assert all(layer.activation.__name__ == "tanh" for layer in hidden)
            assert sum(layer.name.startswith("dropout") for layer in model.layers) == (layers if dropout else 0)
            assert model.layers[0].name == "input"
            assert model.input_shape == (None, 4)
            assert model.output_shape == (None, 1)
            assert not model.compiled


def test_layers_may_differ_in_width():
    config = RunConfig(layers=3, widths=(9, 5, 2))
    model = models.dense(config, 4)
    assert [layer.units for layer in model.layers if layer.name.startswith("hidden")] == [9, 5, 2]
    assert models.count_parameters(config) == model.count_params()


def test_output_is_the_sigmoid_of_a_sum_without_hidden_layers():
    model = models.dense(RunConfig(layers=0), 2)
    model.set_weights([np.array([[1.0], [-2.0]]), np.array([0.5])])
    x = np.array([[0.3, 0.1], [-4.0, 2.0]], dtype="f4")
    expected = 1 / (1 + np.exp(-(x @ [1.0, -2.0] + 0.5)))
    np.testing.assert_allclose(model.predict(x, verbose=0)[:, 0], expected, rtol=1e-6)


def test_a_network_without_hidden_layers_does_not_depend_on_the_seed(subtests):
    for model, row in [("dense", (4,)), ("gru", (7, 5)), ("deep_sets", (7, 5))]:
        with subtests.test(model=model, row=row):
            built = models.build(RunConfig(model=model, layers=0), row)
            assert not any(weights.any() for weights in built.get_weights())


ROWS = {
    "dense": [(4,), (1,)],
    "cnn": [(9, 9, 1), (8, 8, 4), (33, 33, 2)],
    "lstm": [(7, 5), ((7, 5), (7,))],
    "gru": [(7, 5), ((7, 5), (7,))],
    "deep_sets": [(7, 5), ((7, 5), (7,))],
}
CASES = [(model, row) for model, rows in ROWS.items() for row in rows]


def inputs(row, n=6):
    """Random numbers, with the last places of every sequence left empty."""
    rng = np.random.default_rng(1)
    several = isinstance(row[0], tuple)
    values = [rng.normal(size=(n, *each)).astype("f4") for each in (row if several else [row])]
    if several:
        values[1] = rng.integers(1, 7, (n, *row[1])).astype("f4")
    if len(values[0].shape) == 3:
        for each in values:
            each[:, -2:] = 0
    return tuple(values) if several else values[0]


def test_count_parameters_is_keras_count(subtests):
    """Loss and direction have to do with different layers: changed together they show as much as one by one."""
    changed = {"loss": "gaussian_nll", "bidirectional": True}
    for (model, row), layers, changes in itertools.product(CASES, [0, 1, 3], [{}, changed]):
        with subtests.test(model=model, row=row, layers=layers, changes=changes):
            config = RunConfig(model=model, layers=layers, nodes=5, **changes)
            built = models.build(config, row)
            assert models.count_parameters(config, row) == built.count_params()
            assert built.output_shape == (None, 2 if changes else 1)


def test_each_layer_is_described_as_keras_makes_it(subtests):
    for (model, row), bidirectional in itertools.product(CASES, [False, True]):
        with subtests.test(model=model, row=row, bidirectional=bidirectional):
            config = RunConfig(model=model, layers=2, nodes=5, dropout=0.1, bidirectional=bidirectional)
            built, described = models.build(config, row), models.describe(config, row)
            named = [layer for layer in described if layer.kind != "Sum"]
            assert {layer.name for layer in named} <= {layer.name for layer in built.layers}
            for layer in named:
                made = built.get_layer(layer.name)
                assert (layer.shape, layer.parameters) == (made.output.shape[1:], made.count_params())


def test_count_parameters_by_hand():
    assert models.count_parameters(RunConfig(layers=2, nodes=3, inputs=("a", "b"))) == (2 * 3 + 3) + (3 * 3 + 3) + (
        3 + 1
    )


def test_build_takes_a_number_or_a_shape():
    for shape in (5, (5,), [5]):
        assert models.build(RunConfig(), shape).input_shape == (None, 5)


def test_build_says_what_a_model_takes(subtests):
    for model, row, what in [
        ("dense", (40, 5), "a row of numbers"),
        ("cnn", (9, 9), "an image"),
        ("lstm", (5,), "a sequence of constituents"),
        ("gru", ((7, 5), (7,), (1,)), "a sequence of constituents"),
        ("deep_sets", ((7,), (7,)), "a sequence of constituents"),
    ]:
        with subtests.test(model=model, row=row, what=what):
            with pytest.raises(
                ArgumentError, match=re.escape(f"{what} per jet, not shape {row}; see jetlab.inputs.prepare")
            ):
                models.build(RunConfig(model=model), row)


def test_padding_changes_nothing(subtests):
    for model, row in [case for case in CASES if case[0] in ("lstm", "gru", "deep_sets")]:
        with subtests.test(model=model, row=row):
            built = models.build(RunConfig(model=model, layers=2, nodes=4, bidirectional=True), row)
            x = inputs(row)
            longer = models.build(RunConfig(model=model, layers=2, nodes=4, bidirectional=True), _longer(row))
            longer.set_weights(built.get_weights())
            padded = tuple(map(_pad, x)) if isinstance(x, tuple) else _pad(x)
            scale = 7 / 12 if model == "deep_sets" else 1.0
            if scale == 1.0:
                np.testing.assert_allclose(training.predict(longer, padded), training.predict(built, x), atol=1e-6)
            else:
                # The mean over all places has another unit for another length: its sum is what may not change.
                inner = [keras.Model(each.input, each.get_layer("hidden_1").input) for each in (built, longer)]
                means = [training.outputs(model, values) for model, values in zip(inner, (x, padded), strict=True)]
                np.testing.assert_allclose(means[1] / scale, means[0], atol=1e-6)


def _longer(row):
    return tuple((12, *each[1:]) for each in row) if isinstance(row[0], tuple) else (12, *row[1:])


def _pad(x):
    return np.concatenate([x, np.zeros((len(x), 5, *x.shape[2:]), "f4")], axis=1)


def test_deep_sets_do_not_know_the_order_but_a_recurrent_network_does():
    x = inputs((7, 5))[:, :5]
    for model, same in (("deep_sets", True), ("lstm", False)):
        built = models.build(RunConfig(model=model, layers=1, nodes=8), (5, 5))
        turned = training.predict(built, x[:, ::-1])
        assert np.allclose(turned, training.predict(built, x), atol=1e-6) == same


@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
def test_saved_and_loaded_safely(subtests, tmp_path):
    for model, row in CASES:
        with subtests.test(model=model, row=row):
            built = models.build(RunConfig(model=model, layers=1, nodes=4), row)
            built.save(tmp_path / "model.keras")
            loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
            np.testing.assert_allclose(
                training.predict(loaded, inputs(row)), training.predict(built, inputs(row)), atol=1e-6
            )


def test_keras_is_loaded_late_and_quietly():
    code = (
        "import sys, jetlab.config, jetlab.models, jetlab.training, jetlab.metrics\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'ipywidgets'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "model = jetlab.models.dense(jetlab.config.RunConfig(), 4)\n"
        "assert 'keras' in sys.modules\n"
        "print('said on stderr', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "said on stderr"
