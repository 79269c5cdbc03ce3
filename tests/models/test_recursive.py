"""The recursive network against a slow recursion, and what must not matter to it."""

import threading

import keras
import numpy as np
import pytest

from jetlab import models, training, trees
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError

LENGTH, NODES = 7, 6


def clouds(count=30, seed=1):
    rng = np.random.default_rng(seed)
    present = np.arange(LENGTH) < rng.integers(1, LENGTH + 1, (count, 1))
    return rng.exponential(10, (count, LENGTH)) * present, *(rng.normal(0, 0.3, (2, count, LENGTH)) * present)


@pytest.fixture
def network():
    keras.utils.set_random_seed(2)
    return models.recursive_net(LENGTH, 5, NODES)


def slow(model, features, children, node):
    """What stands for a node, from what stands for its parts."""
    weights = {layer.name: [np.asarray(each) for each in layer.get_weights()] for layer in model.layers}

    def times(name, x):
        kernel, bias = weights[name]
        return x @ kernel + bias

    own = np.maximum(times("node", features[node]), 0)
    if node < LENGTH:
        return own
    left, right = (slow(model, features, children, int(each)) for each in children[node - LENGTH])
    seen = np.concatenate([left, right, own])
    fresh = np.maximum(times("candidate", seen / (1 + np.exp(-times("reset", seen)))), 0)
    share = np.exp(times("mixture", np.concatenate([fresh, seen])).reshape(4, NODES))
    share /= share.sum(axis=0)
    return share[0] * fresh + share[1] * left + share[2] * right + share[3] * own


@pytest.mark.parametrize("algorithm", ["kt", "anti_kt"])
def test_it_equals_a_recursion_over_each_tree(network, algorithm):
    found = trees.cluster(*clouds(), algorithm)
    features, children = trees.features(found)
    scores = network.predict([features, children], verbose=0)[:, 0]
    layer = {each.name: each for each in network.layers}
    for jet, count in enumerate(found.particles):
        root = LENGTH + count - 2 if count > 1 else 0
        whole = slow(network, features[jet], children[jet], root)
        kernel, bias = layer["hidden"].get_weights()
        hidden = np.maximum(whole @ kernel + bias, 0)
        kernel, bias = layer["output"].get_weights()
        assert scores[jet] == pytest.approx(1 / (1 + np.exp(-(hidden @ kernel + bias)[0])), abs=1e-5)


def test_neither_the_order_of_the_particles_nor_padding_matters(network):
    pt, eta, phi = clouds()
    full = pt[:, -1] > 0
    turned = np.random.default_rng(3).permutation(LENGTH)
    first = trees.features(trees.cluster(pt[full], eta[full], phi[full]))
    second = trees.features(trees.cluster(*(each[full][:, turned] for each in (pt, eta, phi))))
    scores = network.predict(list(first), verbose=0)
    np.testing.assert_allclose(scores, network.predict(list(second), verbose=0), atol=1e-5)
    longer = models.recursive_net(LENGTH + 3, 5, NODES)
    longer.set_weights(network.get_weights())
    padded = trees.features(trees.cluster(*(np.pad(each[full], ((0, 0), (0, 3))) for each in (pt, eta, phi))))
    np.testing.assert_allclose(scores, longer.predict(list(padded), verbose=0), atol=1e-5)


def test_features_are_those_of_the_nodes():
    pt, eta, phi = np.array([[1.0, 3.0, 0.0]]), np.array([[0.1, -0.2, 0.0]]), np.array([[0.2, 0.0, 0.0]])
    nodes, children = trees.features(trees.cluster(pt, eta, phi))
    px, py = 1 * np.cos(0.2) + 3, 1 * np.sin(0.2)
    whole = np.hypot(px, py)
    mass2 = 2 * 3 * (np.cosh(0.3) - np.cos(0.2))
    assert children.tolist() == [[[1, 0], [-1, -1]]]
    np.testing.assert_allclose(nodes[0, 0], [np.log(1 / whole), 0.1, 0.2, np.hypot(0.1, 0.2), 0], atol=1e-3)
    eta_whole = np.arcsinh((np.sinh(0.1) - 3 * np.sinh(0.2)) / whole)
    phi_whole = np.arctan2(py, px)
    wanted = [0, eta_whole, phi_whole, np.hypot(eta_whole, phi_whole), np.sqrt(mass2) / whole]
    np.testing.assert_allclose(nodes[0, 3], wanted, atol=1e-5)
    assert not nodes[0, [2, 4]].any()


def test_the_compiled_programs_train_it_and_it_learns(network):
    """Two particles near each other, or far: it is in the mass of their sum."""
    rng = np.random.default_rng(4)
    y = np.arange(600) % 2
    pt = np.concatenate([rng.uniform(5, 10, (600, 2)), np.zeros((600, LENGTH - 2))], axis=1)
    eta = np.zeros((600, LENGTH))
    eta[:, 1] = np.where(y, 0.6, 0.2)
    x = trees.features(trees.cluster(pt, eta, np.zeros((600, LENGTH))))
    parts = [tuple(each[rows] for each in x) for rows in (slice(0, 400), slice(400, 600))]
    data = training.Data(parts[0], y[:400], None, parts[1], y[400:], None)
    config = RunConfig(batch_size=50, epochs=12, learning_rate=0.01, patience=0)
    result = training.fit(network, config, data, None, threading.Event())
    assert result.history["val_auc"][-1] > 0.99


# Keras calls numpy in a way that numpy will no longer take.
@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
def test_a_saved_model_needs_no_jetlab(network, tmp_path):
    network.save(tmp_path / "network.keras")
    x = trees.features(trees.cluster(*clouds()))
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), network.predict(x, verbose=0), atol=1e-6)


def test_a_single_particle_makes_no_tree():
    with pytest.raises(ArgumentError, match="a tree takes two or more"):
        models.recursive_net(1, 5)
