"""Flow matching from the normal distribution to another one, where velocity and least error are known."""

import keras
import numpy as np
import pytest

from jetlab import training
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.models import matching

MEAN, WIDTH = 3.0, 0.5


def exact():
    """The velocity from the standard normal distribution to that of MEAN and WIDTH."""
    x, t = keras.Input((1,)), keras.Input((1,))
    pull = (WIDTH**2 * t - (1 - t)) / ((1 - t) ** 2 + WIDTH**2 * t**2)
    return keras.Model([x, t], MEAN + pull * (x - t * MEAN))


def test_the_exact_velocity_leads_to_the_distribution():
    found = matching.sample(exact(), seed=1, n=4000, steps=50)
    assert found.shape == (4000, 1)
    assert found.mean() == pytest.approx(MEAN, abs=4 * WIDTH / np.sqrt(4000))
    assert found.std() == pytest.approx(WIDTH, rel=0.02)
    # All stay in their order: x1 = MEAN + WIDTH x0.
    start = np.random.default_rng(1).standard_normal((matching.CHUNK, 1), dtype=np.float32)
    np.testing.assert_allclose(found[: len(start)], MEAN + WIDTH * start, atol=0.01)


def test_heun_is_of_second_order():
    start = np.random.default_rng(1).standard_normal((100, 1), dtype=np.float32)
    errors = [
        np.abs(matching.sample(exact(), seed=1, n=100, steps=steps) - MEAN - WIDTH * start).max() for steps in (5, 10)
    ]
    assert 2.5 < errors[0] / errors[1] < 7


def test_the_error_of_the_exact_velocity_is_the_least():
    """The mean over t of the variance of x1 - x0 given x_t is WIDTH pi / 2."""
    keras.utils.set_random_seed(1)
    model = matching.matched(exact())
    x = np.random.default_rng(2).normal(MEAN, WIDTH, (200_000, 1)).astype("f4")
    errors = np.asarray(model(x))
    assert errors.shape == (200_000, 1)
    assert errors.mean() == pytest.approx(WIDTH * np.pi / 2, abs=4 * errors.std() / np.sqrt(len(errors)))


def particles(n=2000, length=6):
    """Sets of two to six particles about a centre of each set's own, and which there are."""
    rng = np.random.default_rng(3)
    present = (np.arange(length) < rng.integers(2, length + 1, n)[:, np.newaxis]).astype("f4")
    x = rng.normal(0, 1, (n, 1, 2)) + 0.3 * rng.normal(size=(n, length, 2))
    return (x * present[..., np.newaxis]).astype("f4"), present


def test_a_trained_velocity_makes_sets_with_what_their_particles_have_in_common():
    x, present = particles()
    keras.utils.set_random_seed(1)
    velocity = matching.set_velocity(6, 2, width=32, blocks=2)
    data = training.Data.unlabelled((x, present), None, np.arange(1600), np.arange(1600, 2000))
    config = RunConfig(loss="output", batch_size=100, learning_rate=5e-3, epochs=25, patience=0, schedule="cosine")
    history = training.fit(matching.matched(velocity), config, data).history
    # Least error of a normal distribution: pi / 2 times the mean root of its covariance's eigenvalues.
    number = present.sum(axis=1)
    least = np.pi / 2 * np.mean((np.sqrt(number + 0.3**2) + (number - 1) * 0.3) / number)
    assert history["loss"][-1] == pytest.approx(least, rel=0.08)
    drawn = matching.sample(velocity, 2, present=present, steps=10)
    assert (drawn[present == 0] == 0).all()
    centres = drawn.sum(axis=1) / present.sum(axis=1, keepdims=True)
    assert centres.std(axis=0) == pytest.approx(np.sqrt(1 + 0.3**2 / 4), rel=0.15)
    apart = np.abs(drawn[:, 0] - drawn[:, 1]).mean()
    assert apart == pytest.approx(0.3 * 2 / np.sqrt(np.pi), rel=0.3)


def test_order_and_padding_do_not_matter():
    x, present = particles(20)
    velocity = matching.set_velocity(6, 2, width=16, blocks=2)
    rng = np.random.default_rng(4)
    velocity.set_weights([rng.normal(0, 0.5, each.shape) for each in velocity.weights])
    time, turn = rng.random((20, 1)).astype("f4"), rng.permutation(6)
    found = np.asarray(velocity([x, time, present]))
    turned = np.asarray(velocity([x[:, turn], time, present[:, turn]]))
    np.testing.assert_allclose(turned, found[:, turn], atol=1e-4)
    junk = x + 7.0 * (1 - present[..., np.newaxis])
    np.testing.assert_allclose(velocity([junk, time, present]), found, atol=1e-4)
    assert np.abs(found[present == 1]).min() > 0
    other = np.asarray(velocity([x, 1 - time, present]))
    assert np.abs(other - found).max() > 0.1


# Keras calls numpy in a way that numpy will no longer take.
@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
def test_both_are_saved_and_loaded(tmp_path):
    velocity = matching.set_velocity(6, 2, width=8, blocks=1)
    model = matching.matched(velocity)
    model.save(tmp_path / "model.keras")
    velocity.save(tmp_path / "velocity.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    x, present = particles(10)
    assert loaded([x, present]).shape == (10, 1)
    again = keras.saving.load_model(tmp_path / "velocity.keras", safe_mode=True)
    one, other = (matching.sample(each, 1, present=present, steps=2) for each in (velocity, again))
    np.testing.assert_array_equal(one, other)


def test_what_does_not_fit_is_refused():
    x, t = keras.Input((2,)), keras.Input((1,))
    with pytest.raises(ArgumentError, match=r"shape \(1,\), but moves numbers of shape \(2,\)"):
        matching.matched(keras.Model([x, t], t))
    for wrong in ({}, {"n": 5, "steps": 0}, {"present": np.ones((5, 1))}):
        with pytest.raises(ArgumentError, match="give n"):
            matching.sample(exact(), 1, **wrong)
    with pytest.raises(ArgumentError, match="give n"):
        matching.sample(matching.set_velocity(6, 2), 1, n=5)
    assert matching.sample(exact(), 1, n=0).shape == (0, 1)
