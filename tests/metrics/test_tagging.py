"""ROC, AUC, accuracy, rejection and their uncertainties against scikit-learn and closed forms."""

import itertools
import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score, roc_curve

from jetlab import metrics
from jetlab.metrics import Estimate, MetricError


def gaussian(n, separation, seed=0):
    """Scores of n W and n QCD jets, normal with width one, their means apart by `separation`."""
    rng = np.random.default_rng(seed)
    y = np.repeat([1, 0], n)
    return y, rng.normal(size=2 * n) + separation * y


def exponential(n, ratio, seed=0):
    """Scores distributed exponentially, W with `ratio` times the mean: eB = eS ** ratio exactly."""
    rng = np.random.default_rng(seed)
    y = np.repeat([1, 0], n)
    return y, rng.exponential(size=2 * n) * np.where(y == 1, ratio, 1.0)


def test_agrees_with_scikit_learn(subtests):
    for weighted, ties in itertools.product([False, True], repeat=2):
        with subtests.test(weighted=weighted, ties=ties):
            rng = np.random.default_rng(7)
            y = rng.integers(0, 2, 3000)
            score = 1 / (1 + np.exp(-(rng.normal(size=3000) + y)))
            score = np.round(score, 1) if ties else score
            weight = rng.exponential(size=3000) * rng.integers(0, 3, 3000) if weighted else np.ones(3000)
            # scikit-learn's curve leaves out jets of weight zero.
            kept = weight > 0
            curve = metrics.roc(y[kept], score[kept], weight[kept] if weighted else None)
            reference = roc_curve(y, score, sample_weight=weight, drop_intermediate=False)
            for ours, theirs in zip(curve, reference, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
            area, right = (
                roc_auc_score(y, score, sample_weight=weight),
                accuracy_score(y, score > 0.5, sample_weight=weight),
            )
            assert metrics.auc(y, score, weight) == pytest.approx(area, abs=1e-12)
            assert metrics.accuracy(y, score, weight) == pytest.approx(right)


def test_whole_weights_count_like_copies():
    rng = np.random.default_rng(3)
    y, score, times = rng.integers(0, 2, 200), rng.normal(size=200).round(1), rng.integers(0, 4, 200)
    copied = np.repeat(y, times), np.repeat(score, times)
    assert metrics.auc(y, score, times) == pytest.approx(metrics.auc(*copied), abs=1e-12)
    assert metrics.rejection(y, score, times, 0.37) == pytest.approx(metrics.rejection(*copied, None, 0.37))


def test_auc_of_gaussians_apart(subtests):
    for separation in [0.0, 0.5, 1.0, 2.0]:
        with subtests.test(separation=separation):
            y, score = gaussian(40_000, separation)
            expected = 0.5 * (1 + math.erf(separation / 2))  # Phi(d / sqrt 2)
            assert metrics.auc(y, score) == pytest.approx(expected, abs=0.006)


def test_auc_and_rejection_of_exponentials():
    ratio = 4.0
    y, score = exponential(200_000, ratio)
    assert metrics.auc(y, score) == pytest.approx(ratio / (1 + ratio), abs=0.004)
    for efficiency in (0.3, 0.5, 0.8):
        expected = efficiency**-ratio
        error = math.sqrt(expected / 200_000 * (1 + ratio**2))
        assert metrics.rejection(y, score, None, efficiency) == pytest.approx(expected, rel=4 * error)


def test_perfect_useless_and_inverted_scores():
    y = np.array([1, 1, 0, 0])
    assert metrics.auc(y, [4.0, 3.0, 2.0, 1.0]) == 1.0
    assert metrics.auc(y, [1.0, 2.0, 3.0, 4.0]) == 0.0
    assert metrics.auc(y, np.ones(4)) == 0.5
    np.testing.assert_array_equal(metrics.roc(y, np.ones(4)).signal_efficiency, [0, 1])
    assert metrics.rejection(y, np.ones(4), None, 0.5) == pytest.approx(2.0)
    assert metrics.rejection(y, [4.0, 3.0, 2.0, 1.0], None, 1.0) == np.inf


def test_rejection_by_hand():
    # Falling scores: W Q W Q Q W. The cut accepting 2 of 3 W accepts 1 of 3 QCD at best.
    y, score = [1, 0, 1, 0, 0, 1], [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    efficiencies = metrics.background_efficiency(y, score, None, [1 / 3, 0.5, 2 / 3, 0.9, 1.0])
    np.testing.assert_allclose(efficiencies, [0, 1 / 3, 1 / 3, 1, 1])
    # Two jets that tie pass together: between no jet and both, eS and eB rise in proportion.
    tied = metrics.background_efficiency([1, 0, 1, 0], [2.0, 2.0, 1.0, 0.0], None, [0.1, 0.25, 0.5])
    np.testing.assert_allclose(tied, [0.1, 0.25, 0.5])


def test_network_output_may_have_a_second_axis():
    y, score = gaussian(100, 1.0)
    assert metrics.auc(y, score[:, None]) == metrics.auc(y, score)


def test_undefined_metrics_say_why(subtests):
    for y, score, weight, message in [
        ([1, 1], [0.1, 0.2], None, "no QCD jet"),
        ([0, 0], [0.1, 0.2], None, "no W jet"),
        ([1, 0], [0.1, 0.2], [0.0, 1.0], "no W jet"),
        ([], [], None, "no W jet"),
        ([1, 0], [0.1, 0.2], [1.0, -1.0], "must not be negative"),
        ([1, 0], [0.1, 0.2], [1.0, np.nan], "finite"),
        ([1, 0], [0.1, np.nan], None, "not finite for 1 of 2 jets"),
        ([1, 2], [0.1, 0.2], None, r"1 \(W\) or 0 \(QCD\)"),
        ([1, 0], [0.1, 0.2, 0.3], None, r"labels \(2,\), scores \(3,\)"),
        ([1, 0], [0.1, 0.2], [1.0], r"weights \(1,\)"),
    ]:
        with subtests.test(message=message):
            for function in (metrics.roc, metrics.auc, metrics.accuracy, metrics.rejection, metrics.evaluate):
                with pytest.raises(MetricError, match=message):
                    function(y, score, weight)


def test_impossible_signal_efficiency(subtests):
    for efficiency in [0.0, -0.1, 1.1, np.nan]:
        with subtests.test(efficiency=efficiency):
            with pytest.raises(MetricError, match="signal_efficiency"):
                metrics.rejection([1, 0], [1.0, 0.0], None, efficiency)


def hanley_mcneil(auc, n_signal, n_background):
    """Standard error of an AUC (doi:10.1148/radiology.143.1.7063747), exact for exponential scores."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n_signal - 1) * (q1 - auc**2) + (n_background - 1) * (q2 - auc**2)
    return math.sqrt(variance / (n_signal * n_background))


def test_bootstrap_errors_against_closed_forms():
    n, ratio = 4000, 3.0
    y, score = exponential(n, ratio, seed=5)
    result = metrics.evaluate(y, score, replicas=600)
    assert result["auc"].error == pytest.approx(hanley_mcneil(result["auc"].value, n, n), rel=0.15)
    right = result["accuracy"].value
    assert result["accuracy"].error == pytest.approx(math.sqrt(right * (1 - right) / (2 * n)), rel=0.15)
    for name, signal in metrics.WORKING_POINTS.items():
        background, slope = signal**ratio, ratio * signal ** (ratio - 1)
        variance = background * (1 - background) / n + slope**2 * signal * (1 - signal) / n
        assert result[name].error == pytest.approx(math.sqrt(variance) / background**2, rel=0.25)
        assert result[name].value == pytest.approx(1 / background, abs=4 * math.sqrt(variance) / background**2)


def test_bootstrap_error_grows_as_weights_spread():
    y, score = gaussian(3000, 1.0)
    weight = np.random.default_rng(1).exponential(size=y.size) ** 2
    plain, weighted = metrics.evaluate(y, score)["auc"].error, metrics.evaluate(y, score, weight)["auc"].error
    assert weighted / plain == pytest.approx(math.sqrt(y.size / metrics.effective_size(weight)), rel=0.2)


def test_evaluate_is_the_single_metrics_and_reproducible():
    y, score = gaussian(2000, 1.5)
    score = 1 / (1 + np.exp(0.75 - score))
    weight = np.random.default_rng(2).uniform(0.5, 2, y.size)
    result = metrics.evaluate(y, score, weight, replicas=20, seed=4)
    assert list(result) == ["auc", "accuracy", "rejection_30", "rejection_50"]
    assert result["auc"].value == metrics.auc(y, score, weight)
    assert result["accuracy"].value == pytest.approx(metrics.accuracy(y, score, weight))
    assert result["rejection_30"].value == metrics.rejection(y, score, weight, 0.3)
    assert result["rejection_50"].value == metrics.rejection(y, score, weight, 0.5)
    assert metrics.evaluate(y, score, weight, replicas=20, seed=4) == result
    assert metrics.evaluate(y, score, weight, replicas=20, seed=5)["auc"].error != result["auc"].error
    with pytest.raises(MetricError, match="replicas is 1"):
        metrics.evaluate(y, score, weight, replicas=1)


def test_evaluate_survives_tiny_and_perfect_samples():
    result = metrics.evaluate([1, 0, 1], [3.0, 1.0, 2.0], replicas=50)
    assert result["auc"] == Estimate(1.0, 0.0)
    assert result["rejection_50"] == Estimate(np.inf, np.inf)


def test_jets_are_sorted_once_however_many_bootstrap_samples(monkeypatch):
    y, score = gaussian(500, 1.0)
    sort, sorted_arrays = np.argsort, []

    def counting(values, **options):
        sorted_arrays.append(values)
        return sort(values, **options)

    monkeypatch.setattr(np, "argsort", counting)
    metrics.evaluate(y, score, replicas=50)
    assert len(sorted_arrays) == 1


def test_roc_band_covers_the_true_curve():
    grid = np.array([0.3, 0.5, 0.7])
    inside = 0
    for seed in range(40):
        y, score = exponential(400, 2.0, seed=seed)
        low, high = metrics.roc_band(y, score, None, grid, replicas=60)
        assert (low <= high).all()
        inside += np.sum((low <= grid**2) & (grid**2 <= high))
    assert 0.5 < inside / 120 < 0.85  # 0.68 expected


def test_over_seeds():
    results = [{"auc": Estimate(value, 0.1), "rejection_50": Estimate(value, 0.1)} for value in (0.8, 0.9, 1.0)]
    summary = metrics.over_seeds(results)
    assert summary["auc"].value == pytest.approx(0.9)
    assert summary["auc"].error == pytest.approx(0.1)
    results[0]["rejection_50"] = Estimate(np.inf, np.inf)
    assert metrics.over_seeds(results)["rejection_50"] == Estimate(np.inf, np.inf)
    with pytest.raises(MetricError, match="at least 2"):
        metrics.over_seeds(results[:1])


def test_effective_size():
    assert metrics.effective_size(np.full(7, 0.3)) == pytest.approx(7)
    assert metrics.effective_size([1.0, 0.0, 0.0]) == 1
    assert metrics.effective_size([3.0, 1.0]) == pytest.approx(1.6)
    with pytest.raises(MetricError, match="not zero"):
        metrics.effective_size([0.0, 0.0])


def test_estimates_print_with_two_digits_of_error(subtests):
    for estimate, text in [
        (Estimate(0.84612, 0.00312), "0.8461 ± 0.0031"),
        (Estimate(123.4, 12.0), "123 ± 12"),
        (Estimate(12.34, 0.56), "12.34 ± 0.56"),
        (Estimate(np.inf, np.inf), "inf ± inf"),
        (Estimate(1.0, 0.0), "1 ± 0"),
    ]:
        with subtests.test(text=text):
            assert str(estimate) == text
