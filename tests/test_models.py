"""Dense networks: shapes, layer names, counts of weights, and no TensorFlow before it is needed."""

import subprocess
import sys

import numpy as np
import pytest

from jetlab import models
from jetlab.config import RunConfig


@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_dense_has_the_layers_asked_for(layers, dropout):
    model = models.dense(RunConfig(layers=layers, nodes=8, activation="tanh", dropout=dropout), 4)
    hidden = [layer for layer in model.layers if layer.name.startswith("hidden")]
    assert [layer.units for layer in hidden] == [8] * layers
    assert all(layer.activation.__name__ == "tanh" for layer in hidden)
    assert sum(layer.name.startswith("dropout") for layer in model.layers) == (layers if dropout else 0)
    assert model.layers[0].name == "input"
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 1)
    assert not model.compiled


def test_output_is_the_sigmoid_of_a_sum_without_hidden_layers():
    model = models.dense(RunConfig(layers=0), 2)
    model.set_weights([np.array([[1.0], [-2.0]]), np.array([0.5])])
    x = np.array([[0.3, 0.1], [-4.0, 2.0]], dtype="f4")
    expected = 1 / (1 + np.exp(-(x @ [1.0, -2.0] + 0.5)))
    np.testing.assert_allclose(model.predict(x, verbose=0)[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(("layers", "nodes", "n_inputs"), [(0, 64, 4), (1, 1, 1), (3, 64, 4), (6, 16, 9)])
def test_count_parameters_is_keras_count(layers, nodes, n_inputs):
    config = RunConfig(layers=layers, nodes=nodes)
    assert models.count_parameters(config, n_inputs) == models.dense(config, n_inputs).count_params()


def test_count_parameters_by_hand():
    assert models.count_parameters(RunConfig(layers=2, nodes=3, inputs=("a", "b"))) == (2 * 3 + 3) + (3 * 3 + 3) + (
        3 + 1
    )


def test_build_takes_a_number_or_a_shape():
    for shape in (5, (5,), [5]):
        assert models.build(RunConfig(), shape).input_shape == (None, 5)
    with pytest.raises(ValueError, match=r"not shape \(40, 5\)"):
        models.build(RunConfig(), (40, 5))


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
