"""Significance improvement against closed forms: blind scores, a power law, and a signal that fills the top scores."""

import numpy as np
import pytest

from jetlab.metrics import MetricError, anomaly


def uniform(n: int) -> np.ndarray:
    """Scores of n background events: the quantiles themselves, so that eB of a cut is exact."""
    return (np.arange(n) + 0.5) / n


def labels(background: int, signal: int) -> np.ndarray:
    return np.concatenate([np.zeros(background), np.ones(signal)])


def test_a_power_law_grows_until_too_little_background_is_left():
    n = 10_000
    # A share eB^(1/4) of the signal passes the cut that a share eB of the background passes: SIC = eB^(-1/4).
    score = np.concatenate([uniform(n), 1 - uniform(n) ** 4])
    found = anomaly.improvement(labels(n, n), score)
    np.testing.assert_allclose(found.sic, found.background_efficiency**-0.25, rtol=0.01)
    assert found.background_efficiency[0] == pytest.approx(anomaly.MIN_BACKGROUND / n)
    best = anomaly.max_sic(labels(n, n), score)
    assert best.value == pytest.approx((anomaly.MIN_BACKGROUND / n) ** -0.25, rel=0.01)


def test_the_best_cut_is_where_the_signal_ends():
    n, top = 20_000, 0.04
    score = np.concatenate([uniform(n), 1 - top * uniform(1000)])
    found = anomaly.improvement(labels(n, 1000), score)
    best = int(np.argmax(found.sic))
    assert found.sic[best] == pytest.approx(1 / np.sqrt(top), rel=0.01)
    assert found.background_efficiency[best] == pytest.approx(top, rel=0.01)
    assert found.signal_efficiency[best] == pytest.approx(1, abs=0.01)


def test_without_a_cut_nothing_is_gained():
    found = anomaly.improvement(labels(500, 50), np.ones(550))
    assert [tuple(values) for values in found] == [(1.0,), (1.0,), (1.0,)]
    assert anomaly.max_sic(labels(500, 50), np.ones(550)) == (1.0, 0.0)


def test_a_blind_score_gains_nothing_but_luck():
    rng = np.random.default_rng(1)
    y = labels(20_000, 20_000)
    assert 1 <= anomaly.max_sic(y, rng.random(len(y))).value < 1.25


def test_the_error_is_the_spread_over_samples():
    rng = np.random.default_rng(2)
    top, n, signal = 0.04, 5000, 400
    y = labels(n, signal)

    def sample() -> np.ndarray:
        return np.concatenate([rng.random(n), 1 - top * rng.random(signal) ** 2])

    values = [anomaly.max_sic(y, sample(), replicas=2).value for _ in range(200)]
    errors = [anomaly.max_sic(y, sample(), replicas=100, seed=i).error for i in range(5)]
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.35)


def test_a_monotonous_transformation_changes_nothing():
    rng = np.random.default_rng(3)
    y = labels(3000, 300)
    score = rng.normal(y, 1)
    np.testing.assert_allclose(anomaly.improvement(y, score).sic, anomaly.improvement(y, np.exp(score)).sic)


def test_too_little_background_is_refused():
    with pytest.raises(MetricError, match="20 background events"):
        anomaly.improvement(labels(20, 5), np.arange(25))
