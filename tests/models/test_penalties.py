"""Penalties against the metric of the same name or closed forms, and a tagger that they keep from learning the mass."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats

from jetlab import models, training
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.metrics.decorrelation import distance_correlation
from jetlab.models import penalties


def test_the_penalty_is_the_squared_metric():
    rng = np.random.default_rng(1)
    score, mass, weight = rng.random(60), rng.normal(90, 30, 60), rng.uniform(0, 2, 60) * (rng.random(60) > 0.4)
    found = penalties.squared_distance_correlation(*(each.astype("f4") for each in (score, mass, weight)))
    assert float(found) == pytest.approx(distance_correlation(score, mass, weight) ** 2, rel=1e-3)


def test_the_correlations_of_powers_are_those_of_numpy():
    rng = np.random.default_rng(1)
    score, mass, weight = rng.random(60), rng.normal(0, 1, 60), rng.uniform(0, 2, 60) * (rng.random(60) > 0.4)

    def correlation(a, b):
        covariance = np.cov(a, b, aweights=weight, bias=True)
        return covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])

    def standard(x):
        mean = np.average(x, weights=weight)
        return (x - mean) / np.sqrt(np.average((x - mean) ** 2, weights=weight))

    expected = sum(correlation(standard(score) ** i, standard(mass) ** j) ** 2 for i in (1, 2, 3) for j in (1, 2, 3))
    found = penalties.squared_correlations(*(each.astype("f4") for each in (score, mass, weight)))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_the_likelihood_of_a_mixture_is_scipys():
    rng = np.random.default_rng(1)
    number = rng.normal(size=20)
    logits, means, log_widths = rng.normal(size=(3, 20, 5))
    shares = scipy.special.softmax(logits, axis=1)
    expected = -np.log((shares * scipy.stats.norm.pdf(number[:, None], means, np.exp(log_widths))).sum(axis=1))
    found = penalties.mixture_loss(*(each.astype("f4") for each in (number, logits, means, log_widths)))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_tagger_and_adversary_pull_in_opposite_directions():
    import tensorflow as tf

    rng = np.random.default_rng(1)
    protected = np.stack([rng.normal(size=50), np.ones(50)], axis=1).astype("f4")
    score = tf.constant(rng.random((50, 1)), tf.float32)

    def slopes(strength):
        keras.utils.set_random_seed(1)
        layer = penalties.layers()["adversary"](strength)
        with tf.GradientTape() as tape:
            tape.watch(score)
            layer(score, protected)
            loss = layer.losses[0]
        own, *others = tape.gradient(loss, [score, *layer.trainable_variables])
        return float(loss), own.numpy(), others

    # At strength -1 nothing is turned round: the plain loss of the adversary.
    plain, own, others = slopes(-1.0)
    turned, against, same = slopes(3.0)
    assert turned == pytest.approx(-3 * plain, rel=1e-5)
    np.testing.assert_allclose(against, -3 * own, rtol=1e-4, atol=1e-7)
    for one, other in zip(others, same, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-7)


def test_of_a_game_the_last_epoch_is_kept(toy):
    x, y, protected = toy
    config = RunConfig(layers=1, nodes=8, batch_size=500, epochs=4, patience=1)
    model = penalties.decorrelated(models.build(config, x.shape[1:]), 5.0, "adversary")
    data = training.Data.of((x, protected), y, np.ones(len(y)), np.arange(2000), np.arange(2000, 3000))
    result = training.fit(model, config, data)
    assert result.best_epoch == 4
    assert "epoch 4, the last" in result.message


def test_the_strength_is_turned_in_place():
    tagger = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model = penalties.decorrelated(tagger, 2.0)
    assert not penalties.turn(model, 2.0)
    assert penalties.turn(model, 5.0)
    assert float(model.get_layer("disco").strength.numpy()) == 5.0
    assert not penalties.turn(tagger, 1.0)


@pytest.fixture
def toy():
    """Jets whose first number tells signal, and whose second tells it better but is the background's mass, too."""
    rng = np.random.default_rng(2)
    y = np.arange(4000) % 2
    mass = rng.normal(0, 1, 4000)
    x = np.stack([y + rng.normal(0, 1, 4000), np.where(y, 1.0, mass)], axis=1)
    return x.astype("f4"), y, np.stack([mass, y == 0], axis=1).astype("f4")


def trained(toy, strength, kind="disco"):
    """Tagger trained with this strength, and its scores of the last 1,000 jets."""
    x, y, protected = toy
    keras.utils.set_random_seed(3)
    dense = [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
    tagger = keras.Sequential([keras.layers.Input((2,)), *dense])
    data = training.Data.of((x, protected), y, np.ones(4000), np.arange(3000), np.arange(3000, 4000))
    config = RunConfig(batch_size=250, learning_rate=1e-2, epochs=15, patience=0)
    training.fit(penalties.decorrelated(tagger, strength, kind), config, data)
    return training.predict(tagger, x[3000:])


@pytest.mark.parametrize(("kind", "strength"), [("disco", 20.0), ("moments", 5.0), ("adversary", 20.0)])
def test_a_tagger_forgets_the_mass_as_the_strength_grows(toy, kind, strength):
    _, y, protected = toy
    background = y[3000:] == 0
    scores = (trained(toy, each, kind)[background] for each in (0.0, strength))
    known = [distance_correlation(score, protected[3000:, 0][background]) for score in scores]
    assert known[0] > 0.4
    assert known[1] < 0.5 * known[0]


def test_the_strength_is_a_variable_and_counts_in_the_loss(toy):
    x, _, protected = toy
    tagger = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
    model = penalties.decorrelated(tagger, 2.0)
    first = float((model([x[:200], protected[:200]]), model.losses[0])[1])
    score = np.asarray(tagger(x[:200]))[:, 0]
    expected = distance_correlation(score, protected[:200, 0], protected[:200, 1]) ** 2
    assert first == pytest.approx(2 * expected, rel=1e-3)
    model.get_layer("disco").strength.assign(6.0)
    model([x[:200], protected[:200]])
    assert float(model.losses[0]) == pytest.approx(3 * first, rel=1e-4)


def test_the_validation_loss_has_the_penalty(toy):
    x, y, protected = toy
    keras.utils.set_random_seed(3)
    tagger = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
    data = training.Data.of((x, protected), y, np.ones(4000), np.arange(3000), np.arange(3000, 4000))
    config = RunConfig(batch_size=250, learning_rate=1e-2, epochs=1, patience=0)
    result = training.fit(penalties.decorrelated(tagger, 5.0), config, data)
    score = np.clip(training.predict(tagger, x[3000:]), 1e-7, 1 - 1e-7)
    background = y[3000:] == 0
    penalty = distance_correlation(score[background], protected[3000:, 0][background]) ** 2
    entropy = -np.mean(np.log(np.where(background, 1 - score, score)))
    # The 1,000 jets are filled up to 1,024 by repeating some.
    assert result.history["val_loss"][0] == pytest.approx(entropy + 5 * penalty, rel=0.02)
    assert 5 * penalty > 0.2 * entropy


def test_a_batch_of_signal_alone_has_no_penalty():
    none = penalties.squared_distance_correlation(np.ones(5, "f4"), np.arange(5.0, dtype="f4"), np.zeros(5, "f4"))
    assert float(none) == 0


def test_what_is_no_tagger_is_refused():
    tagger = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3)])
    with pytest.raises(ArgumentError, match="3 outputs"):
        penalties.decorrelated(tagger, 1.0)
    tagger = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ArgumentError, match="'disko', but disco, moments, adversary"):
        penalties.decorrelated(tagger, 1.0, "disko")
    with pytest.raises(ArgumentError, match="-1"):
        penalties.decorrelated(tagger, -1.0)
