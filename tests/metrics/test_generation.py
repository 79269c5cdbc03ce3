"""Measures of generated examples where the answer is known."""

import numpy as np
import pytest
import scipy.stats

from jetlab.metrics import MetricError, generation


def test_the_distance_of_shifted_numbers_is_the_shift():
    rng = np.random.default_rng(1)
    value, floor = generation.wasserstein(rng.normal(0, 1, 2000), rng.normal(0.5, 1, 3000), seed=1)
    assert value.value == pytest.approx(0.5, abs=4 * value.error)
    assert value.error == pytest.approx(np.sqrt(1 / 2000 + 1 / 3000), rel=0.35)
    assert value.value > floor.value + 10 * floor.error


def test_the_floor_is_that_of_equal_distributions():
    """Mean of |F - G| is sqrt(2 / pi) of its width, sqrt(u (1 - u) (1/n + 1/m)): its integral over u is pi / 8."""
    rng = np.random.default_rng(2)
    n, m = 1500, 1000
    value, floor = generation.wasserstein(rng.random(n), rng.random(m), replicas=400, seed=2)
    expected = np.sqrt(2 / np.pi) * np.pi / 8 * np.sqrt(1 / n + 1 / m)
    assert floor.value == pytest.approx(expected, rel=0.12)
    assert value.value < floor.value + 4 * floor.error


def test_trees_find_nearly_what_can_be_found():
    rng = np.random.default_rng(3)
    real, other = rng.normal(0, 1, (2, 3000, 2))
    assert generation.two_sample_auc(real, other).value == pytest.approx(0.5, abs=0.03)
    found = generation.two_sample_auc(real, other + np.array([1.0, 0.0]))
    best = scipy.stats.norm.cdf(1 / np.sqrt(2))
    assert best - 0.04 < found.value < best + 4 * found.error
    assert 0.003 < found.error < 0.01


def test_trees_see_a_correlation_that_no_single_number_shows():
    rng = np.random.default_rng(4)
    real = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 3000)
    assert generation.two_sample_auc(real, rng.normal(size=(3000, 2))).value > 0.75


def test_copies_are_found_and_fresh_examples_are_not():
    rng = np.random.default_rng(5)
    train, more, held_back, fresh = rng.normal(0, [1, 100], (4, 2000, 2))
    for known in (train, np.concatenate([train, more])):
        share = generation.copied(fresh, known, held_back)
        # The places of the real examples scatter it about as much.
        assert share.value == pytest.approx(0.0, abs=6 * share.error)
        assert share.error < 0.04
        assert generation.copied(train + 1e-3, known, held_back).value > 0.9
        half = np.concatenate([train[:1000], fresh[:1000]])
        assert generation.copied(half, known, held_back).value == pytest.approx(0.5, abs=0.12)
    assert generation.copied(fresh, train, train).value == 0.0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: generation.wasserstein(x, x[:, 0]), "one number each"),
        (lambda x: generation.wasserstein(x[:, 0], x[:0, 0]), "not none"),
        (lambda x: generation.wasserstein(x[:, 0], x[:, 0], replicas=1), "replicas is 1"),
        (lambda x: generation.two_sample_auc(x, x[:, :1]), "cannot be compared"),
        (lambda x: generation.two_sample_auc(x[:3], x), "cannot be compared"),
        (lambda x: generation.two_sample_auc(x, x * np.nan), "must be finite"),
        (lambda x: generation.copied(x, x, x[:, :1]), "no distance"),
        (lambda x: generation.copied(x, x, x * [1, 0]), "constant"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, said):
    with pytest.raises(MetricError, match=said):
        call(np.random.default_rng(6).random((20, 2)))
