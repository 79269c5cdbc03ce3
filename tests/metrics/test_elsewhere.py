"""The correction for looking in many windows, against the closed form for independent ones."""

import numpy as np
import pytest
from scipy import stats

from jetlab.metrics import MetricError, elsewhere

EDGES = np.linspace(800, 1500, 29)
MIDDLE = (EDGES[1:] + EDGES[:-1]) / 2
TRUTH = 3000 * np.exp(-(MIDDLE - 800) / 250)
WINDOWS = [(low, low + 75.0) for low in (900.0, 1000.0, 1100.0, 1200.0)]


def spectra(rng: np.random.Generator, excess: float = 0.0) -> list[np.ndarray]:
    bump = excess * ((MIDDLE > 1000) & (MIDDLE < 1075)) / 3
    return [rng.poisson(TRUTH + bump) for _ in WINDOWS]


def test_the_largest_of_independent_windows_has_the_closed_form():
    found = elsewhere.scan(spectra(np.random.default_rng(1)), EDGES, WINDOWS, toys=800, seed=2)
    # Of k independent windows the largest lies below z with the k-th power of one window's probability.
    for z in (0.5, 1.0, 1.5, 2.0):
        expected = 1 - stats.norm.cdf(z) ** len(WINDOWS)
        share = np.mean(found.toys > z)
        assert share == pytest.approx(expected, abs=4.5 * np.sqrt(expected * (1 - expected) / 800))


def test_one_window_needs_no_correction():
    rng = np.random.default_rng(3)
    counts = spectra(rng, 400.0)[1:2]
    found = elsewhere.scan(counts, EDGES, WINDOWS[1:2], toys=800, seed=4)
    local = found.local[0].significance
    assert found.p_value.value == pytest.approx(stats.norm.sf(local), abs=4.5 * max(found.p_value.error, 1e-3))


def test_a_clear_bump_is_beyond_all_toys():
    found = elsewhere.scan(spectra(np.random.default_rng(5), 1500.0), EDGES, WINDOWS, toys=100)
    assert found.p_value.value == 0
    assert found.significance == pytest.approx(stats.norm.isf(0.01))
    assert found.local[1].significance > found.toys.max()


def test_the_same_seed_gives_the_same_answer():
    counts = spectra(np.random.default_rng(6))
    first, second = (elsewhere.scan(counts, EDGES, WINDOWS, toys=20, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first.toys, second.toys)


def test_what_does_not_fit_together_is_refused():
    counts = spectra(np.random.default_rng(8))
    with pytest.raises(MetricError, match="4 spectra for 1 windows"):
        elsewhere.scan(counts, EDGES, WINDOWS[:1])
    with pytest.raises(MetricError, match="toys is 0"):
        elsewhere.scan(counts, EDGES, WINDOWS, toys=0)
