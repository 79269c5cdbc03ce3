"""Sideband fit, significance and ABCD against numerical likelihoods, other fitters and toys."""

import numpy as np
import pytest
from scipy import optimize, stats
from sklearn.linear_model import PoissonRegressor

from jetlab.metrics import Estimate, MetricError, hunt

EDGES = np.linspace(0, 200, 41)
MIDDLE = (EDGES[1:] + EDGES[:-1]) / 2
WINDOW = (70.0, 95.0)


def falling(n: float) -> np.ndarray:
    shape = np.exp(-MIDDLE / 60)
    return n * shape / shape.sum()


def test_the_fit_is_that_of_scikit_learn():
    counts = np.random.default_rng(1).poisson(falling(2000))
    found = hunt.excess(counts, EDGES, WINDOW)
    outside = (MIDDLE < WINDOW[0]) | (MIDDLE > WINDOW[1])
    x = (MIDDLE - 100) / 100
    powers = np.stack([x, x**2], axis=1)
    other = PoissonRegressor(alpha=0, tol=1e-9, max_iter=1000).fit(powers[outside], counts[outside])
    np.testing.assert_allclose(found.spectrum, other.predict(powers), rtol=1e-3)


def test_what_is_expected_is_what_comes_within_its_errors():
    rng = np.random.default_rng(2)
    truth = falling(5000)
    inside = (MIDDLE > WINDOW[0]) & (MIDDLE < WINDOW[1])
    found = [hunt.excess(rng.poisson(truth), EDGES, WINDOW) for _ in range(300)]
    pulls = [(each.background.value - truth[inside].sum()) / each.background.error for each in found]
    assert abs(np.mean(pulls)) < 0.2
    assert np.std(pulls) == pytest.approx(1, abs=0.15)
    assert np.std([each.significance for each in found]) == pytest.approx(1, abs=0.15)
    assert abs(np.mean([each.significance for each in found])) < 0.2


def test_a_bump_is_found():
    counts = np.random.default_rng(3).poisson(falling(5000))
    signal = np.histogram(np.random.default_rng(4).normal(82, 5, 200), EDGES)[0]
    found = hunt.excess(counts + signal, EDGES, WINDOW)
    assert found.observed - found.background.value == pytest.approx(200, abs=3 * np.hypot(25, found.background.error))
    assert found.significance > 4


@pytest.mark.parametrize(
    ("observed", "b", "error"), [(30, 20.0, 3.0), (10, 20.0, 3.0), (150, 100.0, 20.0), (0, 3.0, 1.0)]
)
def test_the_significance_is_that_of_the_likelihood_ratio(observed, b, error):
    tau, off = b / error**2, (b / error) ** 2

    def minus_log(signal, background):
        # Continuous in the second count: Poisson's likelihood without its factorial.
        return -stats.poisson.logpmf(observed, signal + background) + tau * background - off * np.log(tau * background)

    without = optimize.minimize_scalar(lambda x: minus_log(0, x), bounds=(1e-3, 1000), method="bounded").fun
    best = -stats.poisson.logpmf(observed, observed) + off - off * np.log(off)
    expected = np.sign(observed - b) * np.sqrt(2 * (without - best))
    assert hunt.significance(observed, Estimate(b, error)) == pytest.approx(expected, abs=2e-3)


def test_a_background_without_error_is_the_limit():
    exact = hunt.significance(130, Estimate(100, 0))
    assert exact == pytest.approx(hunt.significance(130, Estimate(100, 1e-3)), rel=1e-4)
    assert exact == pytest.approx(3, abs=0.2)
    assert hunt.significance(100, Estimate(100, 5)) == 0


def test_independent_cuts_predict_what_pass_both():
    rng = np.random.default_rng(5)
    pulls = []
    for _ in range(200):
        one, other = rng.random(3000) < 0.2, rng.random(3000) < 0.3
        found = hunt.regions(one, other, rng.uniform(0.5, 1.5, 3000))
        pulls.append((found.observed.value - found.predicted.value) / np.hypot(*(each.error for each in found)))
    assert abs(np.mean(pulls)) < 0.25
    assert np.std(pulls) == pytest.approx(1, abs=0.15)


def test_cuts_that_depend_on_each_other_do_not():
    one = np.arange(1000) < 200
    other = np.arange(1000) % 4 == 0
    other[:150] = True
    found = hunt.regions(one, other)
    assert found.observed.value > found.predicted.value + 3 * found.predicted.error


def test_where_hardly_any_pass_one_cut_nothing_is_predicted():
    one, other = np.arange(1000) < 100, np.arange(1000) < 100
    found = hunt.regions(one, other)
    assert found.observed.value == 100
    assert found.predicted == Estimate(0.0, 0.0)
    one[100:104] = other[104:108] = True
    found = hunt.regions(one, other)
    # Two fours, known to a half each.
    assert found.predicted.value == pytest.approx(16 / 892)
    assert found.predicted.error == pytest.approx(16 / 892 * np.sqrt(0.25 + 0.25 + 1 / 892), rel=1e-6)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(MetricError, match="edges"):
        hunt.excess(np.ones(40), EDGES[1:], WINDOW)
    with pytest.raises(MetricError, match="finer bins"):
        hunt.excess(np.ones(4), np.linspace(0, 200, 5), (50, 100))
    with pytest.raises(MetricError, match="begin and end at edges of bins"):
        hunt.excess(np.ones(40), EDGES, (70, 97))
    with pytest.raises(MetricError, match="above zero"):
        hunt.significance(3, Estimate(0, 1))
    with pytest.raises(MetricError, match="move the cuts"):
        hunt.regions(np.ones(10, bool), np.ones(10, bool))
