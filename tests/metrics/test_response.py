"""Closure, robust resolution and their errors against closed forms."""

import math

import numpy as np
import pytest

from jetlab.metrics import MetricError, response

SIGMA = 0.08


def gaussian(n=40_000, mean=0.95, sigma=SIGMA, seed=1):
    return np.random.default_rng(seed).normal(mean, sigma, n)


def test_response_is_estimated_over_true_pt():
    np.testing.assert_allclose(response.response([90, 110], [100, 100]), [0.9, 1.1])


def test_gaussian_responses_give_mean_and_relative_sigma():
    values = gaussian()
    median, width = response.closure(values), response.resolution(values)
    assert abs(median.value - 0.95) < 4 * median.error
    assert abs(width.value - SIGMA / 0.95) < 4 * width.error


def test_errors_are_those_that_theory_gives_a_gaussian():
    n = 40_000
    values = gaussian(n)
    assert response.closure(values).error == pytest.approx(math.sqrt(math.pi / 2) * SIGMA / math.sqrt(n), rel=0.25)
    # Variance of half the distance between two quantiles p and 1 - p: p (1 - 2 p) / (2 n f^2), f the density there.
    p, density = 0.158655, math.exp(-0.5) / math.sqrt(2 * math.pi) / SIGMA
    expected = math.sqrt(p * (1 - 2 * p) / (2 * n * density**2)) / 0.95
    assert response.resolution(values).error == pytest.approx(expected, rel=0.25)


def test_error_is_the_spread_over_samples():
    medians = [np.median(gaussian(500, seed=seed)) for seed in range(300)]
    quoted = np.mean([response.closure(gaussian(500, seed=seed)).error for seed in range(20)])
    assert quoted == pytest.approx(np.std(medians), rel=0.2)


def test_small_samples_agree_with_numpy():
    values = np.array([1.3, 0.7, 1.0, 0.9, 1.2])
    assert response.closure(values).value == 1.0
    assert response.closure(values[:4]).value == np.median(values[:4])


def test_tails_do_not_matter():
    values = gaussian()
    tail = values.copy()
    tail[tail > 1.2] *= 100
    assert response.resolution(tail).value == response.resolution(values).value


def test_resolution_does_not_depend_on_the_scale():
    values = gaussian()
    assert response.resolution(3 * values).value == pytest.approx(response.resolution(values).value)


def test_whole_weights_count_like_copies():
    rng = np.random.default_rng(2)
    values, times = rng.normal(1, 0.1, 3000), rng.integers(0, 4, 3000)
    copied = np.repeat(values, times)
    assert response.closure(values, times).value == pytest.approx(response.closure(copied).value, abs=3e-4)
    assert response.resolution(values, times).value == pytest.approx(response.resolution(copied).value, abs=3e-4)


def test_weights_move_the_median():
    values = np.r_[np.full(100, 0.9), np.full(100, 1.1)] + np.linspace(0, 1e-3, 200)
    weight = np.repeat([1, 9], 100)
    assert response.closure(values, weight).value == pytest.approx(1.1, abs=2e-3)


def test_gain_of_a_narrower_response_and_its_correlation():
    values = gaussian(mean=1.0)
    better = 1 + (values - 1) * 0.9
    gain = response.gain(better, values)
    assert gain.value == pytest.approx(0.1, abs=1e-3)
    # The same jets with the same fluctuations: nothing of the statistical error is left.
    assert gain.error < 1e-3
    other = response.gain(gaussian(mean=1.0, sigma=0.9 * SIGMA, seed=5), values)
    assert abs(other.value - 0.1) < 4 * other.error
    assert other.error > 3e-3


def test_bins_hold_what_belongs_to_them():
    rng = np.random.default_rng(3)
    by = rng.uniform(0, 3, 30_000)
    values = rng.normal(1 + 0.1 * np.floor(by), 0.05)
    result = response.binned(values, by, (0, 1, 2, 3))
    assert result.jets.sum() == len(by)
    np.testing.assert_allclose(result.centres, [0.5, 1.5, 2.5])
    assert (np.abs(result.closure - [1, 1.1, 1.2]) < 4 * result.closure_error).all()
    assert (np.abs(result.resolution - 0.05 / np.array([1, 1.1, 1.2])) < 4 * result.resolution_error).all()
    assert result.worst.value == pytest.approx(0.2, abs=2e-3)
    assert result.worst.error == result.closure_error[2]
    one = response.closure(values[(by >= 1) & (by < 2)])
    assert result.closure[1] == one.value


def test_a_bin_has_its_lower_edge_and_not_its_upper():
    result = response.binned(np.ones(4), np.array([0.0, 1.0, 1.0, 2.0]), (0, 1, 2), minimum=1)
    assert result.jets.tolist() == [1, 2]


def test_bins_of_few_jets_stay_empty():
    by = np.repeat([0.5, 1.5], [100, 10])
    result = response.binned(gaussian(110), by, (0, 1, 2), minimum=50)
    assert result.jets.tolist() == [100, 10]
    assert np.isfinite(result.closure).tolist() == [True, False]
    assert np.isfinite(result.resolution_error).tolist() == [True, False]
    assert response.binned(gaussian(110), by, (0, 1, 2), minimum=10).worst.value > 0


def test_jets_without_weight_count_nowhere():
    values, by = gaussian(300), np.repeat([0.5, 1.5, 2.5], 100)
    weight = np.repeat([1.0, 0.0, 1.0], 100)
    weight[200:298] = 0
    result = response.binned(values, by, (0, 1, 2, 3), weight, minimum=3)
    assert result.jets.tolist() == [100, 0, 2]
    assert np.isfinite(result.closure).tolist() == [True, False, False]
    assert response.closure(values, weight) == response.closure(values, np.where(weight > 0, 1.0, 0.0))
    few = np.r_[values[:2], values[:50]]
    assert np.isfinite(response.closure(few, np.repeat([1.0, 0.0], [2, 50])).error)


def test_the_same_seed_gives_the_same_errors():
    values = gaussian(1000)
    assert response.closure(values, seed=4) == response.closure(values, seed=4)
    assert response.closure(values, seed=4).error != response.closure(values, seed=5).error


def test_what_makes_no_sense_is_said(subtests):
    for call, word in [
        (lambda: response.response([1.0], [1.0, 2.0]), "one of each per jet"),
        (lambda: response.response([], []), "no jets"),
        (lambda: response.response([1.0], [0.0]), "above zero"),
        (lambda: response.response([np.nan], [1.0]), "not finite"),
        (lambda: response.closure([1.0]), "at least 2"),
        (lambda: response.closure([1.0, np.inf]), "not finite"),
        (lambda: response.closure([1.0, 1.1], [1.0, -1.0]), "must not be negative"),
        (lambda: response.closure([1.0, 1.1], [0.0, 0.0]), "weight above zero, not 0"),
        (lambda: response.closure([1.0, 1.1], [1.0, 0.0]), "at least 2 jets with a weight above zero, not 1"),
        (lambda: response.closure([1.0, 1.1], [1.0, np.nan]), "finite"),
        (lambda: response.closure([1.0, 1.1], [1.0, np.inf]), "finite"),
        (lambda: response.closure([]), "at least 2"),
        (lambda: response.closure([[1.0, 1.1]]), "one of each per jet"),
        (lambda: response.resolution([0.0, 0.0, 0.0]), "median response is zero"),
        (lambda: response.response([100.0, 100.0], [100.0, 0.0]), "above zero"),
        (lambda: response.gain([1.0], [1.0]), "at least 2"),
        (lambda: response.gain([0.9, 1.1], [1.0, 1.0]), "no width"),
        (lambda: response.gain([0.9, 1.1], [0.8, 1.2]), "no width"),
        (lambda: response.closure([1.0, 1.1], [1.0]), "one of each per jet"),
        (lambda: response.resolution([1.0, 1.1], replicas=1), "at least 2"),
        (lambda: response.gain([1.0, 1.1], [1.0]), "same jets"),
        (lambda: response.binned([1.0, 1.1], [1.0], (0, 1)), "one of each per jet"),
        (lambda: response.binned([1.0], [1.0], (0, 0)), "rise"),
        (lambda: response.binned([1.0], [1.0], (0, np.nan)), "rise"),
        (lambda: response.binned([1.0, 1.1], [1.0, 1.0], (0, 2), [1.0]), "one of each per jet"),
        (lambda: response.binned([1.0, 1.1], [1.0, 1.0], (0, 2), [1.0, -1.0]), "must not be negative"),
        (lambda: response.binned([1.0, np.nan], [1.0, 5.0], (0, 2)), "not finite"),
        (lambda: response.binned([1.0, 1.1], [1.0, np.nan], (0, 2)), "not finite"),
        (lambda: response.binned([], [], (0, 2)).worst, "No bin"),
        (lambda: response.binned([1.0], [1.0], (0, 1)).worst, "No bin"),
    ]:
        with subtests.test(word=word):
            with pytest.raises(MetricError, match=word):
                call()
