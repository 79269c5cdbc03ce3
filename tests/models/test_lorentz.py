"""The equivariant network: what boosts, turns, order and padding must not change, and what it is made of."""

import keras
import numpy as np
import pytest

from jetlab import models, training
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.models.lorentz import STEP

LENGTH, NODES = 6, 8


def momenta(count=50, seed=1):
    """Massless particles of order one, 1 to 6 of a jet, as E, px, py, pz."""
    rng = np.random.default_rng(seed)
    p = (
        rng.normal([2.0, 0.0, 0.5], 0.5, (count, LENGTH, 3))
        * (np.arange(LENGTH) < rng.integers(1, LENGTH + 1, (count, 1)))[..., None]
    )
    return np.concatenate([np.linalg.norm(p, axis=-1, keepdims=True), p], axis=-1).astype(np.float32)


@pytest.fixture
def network():
    keras.utils.set_random_seed(3)
    return models.lorentz_net(LENGTH, NODES)


def scores(model, x):
    return model.predict(x.astype(np.float32), verbose=0)[:, 0]


def boost(x, velocity, axis=3):
    gamma = 1 / np.sqrt(1 - velocity**2)
    new = x.copy()
    new[..., 0] = gamma * (x[..., 0] + velocity * x[..., axis])
    new[..., axis] = gamma * (x[..., axis] + velocity * x[..., 0])
    return new


@pytest.mark.parametrize("velocity", [-0.6, 0.3, 0.8])
def test_boosts_leave_the_score(network, velocity):
    x = momenta()
    before = scores(network, x)
    assert np.ptp(before) > 0.005
    for axis in (1, 3):
        np.testing.assert_allclose(scores(network, boost(x, velocity, axis)), before, atol=2e-5)


def test_turns_leave_the_score_but_stretching_does_not(network):
    x = momenta()
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    turned = x.copy()
    turned[..., 1:] = x[..., 1:] @ turn
    np.testing.assert_allclose(scores(network, turned), scores(network, x), atol=2e-5)
    assert np.abs(scores(network, 2 * x) - scores(network, x)).max() > 1e-3


def test_neither_order_nor_padding_matters(network):
    x = momenta()
    before = scores(network, x)
    turned = x[:, np.random.default_rng(4).permutation(LENGTH)]
    np.testing.assert_allclose(scores(network, turned), before, atol=1e-5)
    longer = models.lorentz_net(LENGTH + 2, NODES)
    longer.set_weights(network.get_weights())
    np.testing.assert_allclose(scores(longer, np.pad(x, ((0, 0), (0, 2), (0, 0)))), before, atol=1e-5)


def test_it_equals_a_slow_loop(network):
    weights = {layer.name: [np.asarray(each) for each in layer.get_weights()] for layer in network.layers}

    def times(name, x):
        kernel, *bias = weights[name]
        return x @ kernel + (bias[0] if bias else 0)

    def product(one, other):
        found = one[0] * other[0] - one[1:] @ other[1:]
        return np.sign(found) * np.log(abs(found) + 1)

    relu, sigmoid = lambda x: np.maximum(x, 0), lambda x: 1 / (1 + np.exp(-x))
    for jet, wanted in zip(momenta(8).astype(np.float64), scores(network, momenta(8)), strict=True):
        x = jet[jet[:, 0] > 0]
        h = np.array([times("embedding", np.array([product(p, p)])) for p in x])
        for name in ("block_1", "block_2"):
            new_x, new_h = x.copy(), h.copy()
            for i in range(len(x)):
                heard = 0
                for j in range(len(x)):
                    pair = np.array([product(x[i] - x[j], x[i] - x[j]), product(x[i], x[j])])
                    first = times(f"{name}_own", h[i]) + times(f"{name}_other", h[j]) + times(f"{name}_pair", pair)
                    message = relu(times(f"{name}_message", relu(first)))
                    heard = heard + sigmoid(times(f"{name}_weight", message)) * message
                    if name == "block_1":
                        new_x[i] += STEP * times(f"{name}_step", message)[0] * x[j]
                seen = relu(times(f"{name}_seen", np.concatenate([h[i], heard])))
                new_h[i] = h[i] + times(f"{name}_new", seen)
            x, h = new_x, new_h
        whole = relu(times("hidden", h.mean(axis=0)))
        assert wanted == pytest.approx(sigmoid(times("output", whole))[0], abs=1e-4)


def test_the_compiled_programs_train_it(network):
    """The invariant mass of a jet decides."""
    x = momenta(900, 5)
    whole = x.sum(axis=1)
    mass2 = whole[:, 0] ** 2 - (whole[:, 1:] ** 2).sum(axis=1)
    y = (mass2 > np.median(mass2)).astype(np.float32)
    data = training.Data(x[:600], y[:600], None, x[600:], y[600:], None)
    config = RunConfig(batch_size=50, epochs=10, learning_rate=0.01, patience=0)
    assert training.fit(network, config, data).history["val_auc"][-1] > 0.95


def test_impossible_sizes_are_refused():
    with pytest.raises(ArgumentError, match="at least 2 and 1 are needed"):
        models.lorentz_net(1)
