"""DisCo's penalty against the metric of the same name, and a tagger that it keeps from learning the mass."""

import keras
import numpy as np
import pytest

from jetlab import training
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.metrics.decorrelation import distance_correlation
from jetlab.models import penalties


def test_the_penalty_is_the_squared_metric():
    rng = np.random.default_rng(1)
    score, mass, weight = rng.random(60), rng.normal(90, 30, 60), rng.uniform(0, 2, 60) * (rng.random(60) > 0.4)
    found = penalties.squared_distance_correlation(*(each.astype("f4") for each in (score, mass, weight)))
    assert float(found) == pytest.approx(distance_correlation(score, mass, weight) ** 2, rel=1e-3)


@pytest.fixture
def toy():
    """Jets whose first number tells signal, and whose second tells it better but is the background's mass, too."""
    rng = np.random.default_rng(2)
    y = np.arange(4000) % 2
    mass = rng.normal(0, 1, 4000)
    x = np.stack([y + rng.normal(0, 1, 4000), np.where(y, 1.0, mass)], axis=1)
    return x.astype("f4"), y, np.stack([mass, y == 0], axis=1).astype("f4")


def trained(toy, strength):
    """Tagger trained with this strength, and its scores of the last 1,000 jets."""
    x, y, protected = toy
    keras.utils.set_random_seed(3)
    dense = [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
    tagger = keras.Sequential([keras.layers.Input((2,)), *dense])
    data = training.Data.of((x, protected), y, np.ones(4000), np.arange(3000), np.arange(3000, 4000))
    config = RunConfig(batch_size=250, learning_rate=1e-2, epochs=15, patience=0)
    training.fit(penalties.decorrelated(tagger, strength), config, data)
    return training.predict(tagger, x[3000:])


def test_a_tagger_forgets_the_mass_as_the_strength_grows(toy):
    _, y, protected = toy
    background = y[3000:] == 0
    known = [distance_correlation(trained(toy, s)[background], protected[3000:, 0][background]) for s in (0.0, 20.0)]
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


def test_a_batch_of_signal_alone_has_no_penalty():
    none = penalties.squared_distance_correlation(np.ones(5, "f4"), np.arange(5.0, dtype="f4"), np.zeros(5, "f4"))
    assert float(none) == 0


def test_what_is_no_tagger_is_refused():
    tagger = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3)])
    with pytest.raises(ArgumentError, match="3 outputs"):
        penalties.decorrelated(tagger, 1.0)
    with pytest.raises(ArgumentError, match="-1"):
        penalties.decorrelated(tagger, -1.0)
