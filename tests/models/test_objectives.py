"""Losses against Keras' own and closed forms; what is reported of a validation part."""

import keras
import numpy as np
import pytest

from jetlab import metrics
from jetlab.config import LOSSES
from jetlab.models import objectives

rng = np.random.default_rng(3)
Y = rng.integers(0, 2, 50).astype("f4")
P = rng.uniform(0.05, 0.95, (50, 1)).astype("f4")


def losses(name, y, output):
    return keras.ops.convert_to_numpy(objectives.get(name).losses(y, output))


@pytest.mark.parametrize("name", ["binary_crossentropy", "mse", "mae", "huber"])
@pytest.mark.parametrize("column", [False, True])
def test_keras_own(name, column):
    y = Y[:, None] if column else Y
    expected = keras.ops.convert_to_numpy(keras.losses.get(name)(Y[:, None], P))
    np.testing.assert_allclose(losses(name, y, P), expected, rtol=1e-6)


def test_gaussian_likelihood_is_least_at_mean_and_variance():
    y = rng.normal(3.0, 2.0, 20_000).astype("f4")

    def mean_loss(mean, sigma):
        output = np.tile([[mean, 2 * np.log(sigma)]], (len(y), 1)).astype("f4")
        return losses("gaussian_nll", y, output).mean()

    best = mean_loss(y.mean(), y.std())
    assert best == pytest.approx(0.5 + np.log(y.std()), rel=1e-4)
    for mean, sigma in ((2.8, 2.0), (3.2, 2.0), (3.0, 1.8), (3.0, 2.2)):
        assert mean_loss(mean, sigma) > best


def test_a_tagger_reports_accuracy_and_auc():
    weight = rng.uniform(0.5, 2, 50)
    found = objectives.get("binary_crossentropy").validate(Y, P, weight)
    cross_entropy = -np.where(Y == 1, np.log(P[:, 0]), np.log(1 - P[:, 0]))
    assert found["val_loss"] == pytest.approx(np.mean(weight * cross_entropy), rel=1e-5)
    assert found["val_auc"] == metrics.auc(Y, P[:, 0], weight)
    assert found["val_accuracy"] == metrics.accuracy(Y, P[:, 0], weight)


def test_three_classes_report_accuracy():
    objective = objectives.get("sparse_categorical_crossentropy")
    y = rng.integers(0, 3, 200).astype("f4")
    p = rng.dirichlet((1, 1, 1), 200).astype("f4")
    weight = rng.uniform(0.5, 2, 200)
    found = objective.validate(y, p, weight)
    chosen = p[np.arange(200), y.astype(int)]
    assert found["val_loss"] == pytest.approx(np.mean(-weight * np.log(chosen)), rel=1e-4)
    right = p.argmax(axis=1) == y
    assert found["val_accuracy"] == pytest.approx(np.sum(weight * right) / np.sum(weight))
    assert np.array_equal(keras.ops.convert_to_numpy(objective.right(y, p)), right)


def test_regression_reports_bias_and_width():
    y = rng.normal(size=40_000)
    prediction = y + rng.normal(0.3, 0.1, y.size)
    found = objectives.get("mae").validate(y.astype("f4"), prediction[:, None].astype("f4"), np.ones(y.size))
    assert found["val_bias"] == pytest.approx(0.3, abs=0.003)
    assert found["val_width"] == pytest.approx(0.1, abs=0.003)
    assert found["val_loss"] == pytest.approx(0.3, abs=0.01)


def test_weights_count_in_bias_and_width():
    y, shift = np.zeros(3000), np.repeat([0.0, 1.0, 5.0], 1000)
    found = objectives.get("mse").validate(
        y.astype("f4"), shift[:, None].astype("f4"), np.repeat([1.0, 1.0, 0.0], 1000)
    )
    assert found["val_width"] == pytest.approx(0.5)
    assert 0 <= found["val_bias"] <= 1


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_of_a_configuration_has_its_objective(name):
    objective = objectives.get(name)
    assert objective.classifies == name.endswith("crossentropy")
    regression = () if name == "output" else ("val_bias", "val_width")
    expected = {0: regression, 2: ("accuracy", "val_accuracy", "val_auc")}
    assert objective.reported == expected.get(objective.classes, ("accuracy", "val_accuracy"))
