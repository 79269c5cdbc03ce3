"""The comparison of taggers, against cases whose answers are known."""

import numpy as np
import pytest
import scipy.stats

from jetlab import metrics
from jetlab.metrics import Estimate, MetricError, comparison
from tests.samples import scored_jets


@pytest.fixture(scope="module")
def jets():
    return scored_jets()


def test_a_row_joins_the_seeds(jets):
    y, weight, good, _ = jets
    row = comparison.row("good", y, good, weight, params=12, seconds=3.5, replicas=60)
    each = [metrics.evaluate(y, score, weight, 60) for score in good]
    aucs = [one["auc"].value for one in each]
    assert row["auc"] == pytest.approx(np.mean(aucs))
    sample = np.mean([one["auc"].error for one in each])
    assert row["auc_err"] == pytest.approx(np.hypot(sample, np.std(aucs, ddof=1) / np.sqrt(2)))
    assert (row["tagger"], row["params"], row["seconds"], row["seeds"]) == ("good", 12, 3.5, 2)
    assert set(row) >= {"accuracy", "rejection_30", "rejection_30_err", "rejection_50", "rejection_50_err"}
    alone = comparison.row("good", y, good[:1], weight, replicas=60)
    assert alone["auc_err"] == pytest.approx(each[0]["auc"].error)


def test_the_table_has_a_line_per_row(jets):
    y, weight, good, worse = jets
    rows = [comparison.row(name, y, scores, weight, 1234) for name, scores in (("good", good), ("worse one", worse))]
    table = comparison.table(rows)
    assert list(table.index) == ["good", "worse one"]
    assert table.loc["good", "parameters"] == "1,234"
    written = table.map(lambda text: text.replace("\N{NO-BREAK SPACE}", " "))
    assert written.loc["worse one", "AUC"] == str(Estimate(rows[1]["auc"], rows[1]["auc_err"]))
    assert written.loc["good", "at εS = 0.5"] == str(Estimate(rows[0]["rejection_50"], rows[0]["rejection_50_err"]))
    assert comparison.table([rows[0] | {"params": 0}]).loc["good", "parameters"] == "–"


def test_a_paired_difference_is_better_known_than_the_two_numbers(jets):
    y, weight, good, worse = jets
    found = comparison.auc_difference(y, good, worse, weight)
    expected = np.mean(
        [metrics.auc(y, a, weight) - metrics.auc(y, b, weight) for a, b in zip(good, worse, strict=True)]
    )
    assert found.value == pytest.approx(expected)
    single = metrics.evaluate(y, good[0], weight)["auc"].error
    same = comparison.auc_difference(y, good[:1], [good[0] + 1e-9 * good[1]], weight)
    assert same.error < 0.01 * single < found.error < 2 * single
    back = comparison.auc_difference(y, worse, good, weight)
    assert (back.value, back.error) == pytest.approx((-found.value, found.error))


def test_the_bootstrap_of_a_difference_is_that_of_numpy(jets):
    y, _, good, worse = jets
    rng = np.random.default_rng(7)
    replicas = []
    for _ in range(200):
        chosen = rng.integers(0, len(y), len(y))
        replicas.append(metrics.auc(y[chosen], good[0][chosen]) - metrics.auc(y[chosen], worse[0][chosen]))
    found = comparison.auc_difference(y, good[:1], worse[:1], replicas=200)
    assert found.error == pytest.approx(np.std(replicas, ddof=1), rel=0.25)


def test_differences_want_as_many_trainings_of_both(jets):
    y, weight, good, worse = jets
    with pytest.raises(MetricError, match="2 and 1 trainings"):
        comparison.auc_difference(y, good, worse[:1], weight)


def test_a_cut_accepts_the_fraction_of_w_that_was_asked_for(subtests, jets):
    for efficiency in [0.1, 0.5, 0.9, 1.0]:
        with subtests.test(efficiency=efficiency):
            y, weight, good, _ = jets
            passes = comparison.cut(y, good[0], weight, efficiency)
            assert np.average(passes[y == 1], weights=weight[y == 1]) == pytest.approx(efficiency, abs=2e-3)
            assert good[0][passes].min() > good[0][~passes].max() if not passes.all() else efficiency == 1


def test_a_cut_names_a_fraction_that_cannot_be(jets):
    y, weight, good, _ = jets
    with pytest.raises(MetricError, match=r"efficiency is 1\.5"):
        comparison.cut(y, good[0], weight, 1.5)


def test_rank_correlation_looks_at_the_order_alone():
    rng = np.random.default_rng(2)
    score, other = rng.random((2, 500))
    matrix = comparison.correlation({"a": score, "cubed": score**3, "turned": -score, "other": other + score})
    assert matrix[:3, :3] == pytest.approx(np.array([[1, 1, -1], [1, 1, -1], [-1, -1, 1]]))
    assert matrix[0, 3] == pytest.approx(scipy.stats.spearmanr(score, other + score).statistic)
    # Jets of weight zero do not count.
    weight = np.where(np.arange(500) < 250, 1.0, 0.0)
    turned = np.where(weight > 0, score, -score)
    assert comparison.correlation({"a": score, "b": turned}, weight)[0, 1] == pytest.approx(1)


def test_jets_of_equal_score_share_their_rank(subtests):
    for decimals in [0, 1, 2]:
        with subtests.test(decimals=decimals):
            rng = np.random.default_rng(3)
            scores = rng.random((3, 400))
            scores = {
                "a": scores[0].round(decimals),
                "b": (scores[0] + scores[1]).round(decimals),
                "c": scores[2].round(),
            }
            matrix = comparison.correlation(scores)
            assert matrix == pytest.approx(scipy.stats.spearmanr(np.array(list(scores.values())), axis=1).statistic)
            mixed = rng.permutation(400)
            in_another_order = comparison.correlation({name: score[mixed] for name, score in scores.items()})
            assert in_another_order == pytest.approx(matrix), "the order of the jets in the file says nothing"


def test_independent_cuts_are_not_correlated():
    passes = np.random.default_rng(4).integers(0, 2, (2, 10_000))
    assert abs(comparison.correlation({"a": passes[0], "b": passes[1]})[0, 1]) < 4 / np.sqrt(10_000)


def test_whole_weights_of_ranks_count_like_copies():
    rng = np.random.default_rng(5)
    scores, times = rng.random((2, 300)).round(1), rng.integers(0, 4, 300)
    copied = scipy.stats.spearmanr(*np.repeat(scores, times, axis=1)).statistic
    assert comparison.correlation({"a": scores[0], "b": scores[1]}, times)[0, 1] == pytest.approx(copied)


def test_a_correlation_that_is_not_defined_says_why(subtests):
    for scores, weight, message in [
        ([1.0, 1.0, 1.0], None, "scores of 'flat' are all equal: .* no rank correlation; leave them out"),
        ([1.0, 1.0, 2.0], [1.0, 1.0, 0.0], "scores of 'flat' are all equal"),
        ([1.0, np.nan, 2.0], None, "scores of 'flat' are not finite for 1 of 3 jets"),
        ([1.0, 2.0], None, r"scores of 'flat' \(2,\), weights \(3,\); give one of each per jet"),
        ([1.0, 2.0, 3.0], [1.0, -1.0, 1.0], "Weights must not be negative"),
        ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], "all zero"),
        ([1.0, 2.0, 3.0], [1.0], r"weights \(1,\)"),
    ]:
        with subtests.test(message=message):
            with pytest.raises(MetricError, match=message):
                comparison.correlation({"good": [1.0, 2.0, 3.0], "flat": scores}, weight)


def test_efficiency_per_bin_is_weighted_and_empty_bins_stay_empty():
    values, passes = np.array([210.0, 220.0, 320.0, 330.0]), np.array([True, False, True, True])
    fraction, error = comparison.efficiency(values, passes, [3.0, 1.0, 1.0, 1.0], (200, 300, 400, 500))
    assert fraction[:2] == pytest.approx([0.75, 1.0])
    assert error[0] == pytest.approx(np.sqrt((3 * 0.25) ** 2 + (1 * 0.75) ** 2) / 4)
    assert error[1] == 0
    assert np.isnan([fraction[2], error[2]]).all()


def test_efficiency_errors_are_binomial_for_equal_weights():
    passes = np.arange(1000) % 4 == 0
    fraction, error = comparison.efficiency(np.full(1000, 250.0), passes)
    assert (fraction[0], error[0]) == pytest.approx((0.25, np.sqrt(0.25 * 0.75 / 1000)))


def test_calibration_of_true_probabilities_lies_on_the_diagonal():
    rng = np.random.default_rng(3)
    score = rng.random(20_000)
    y = (rng.random(20_000) < score).astype(int)
    mean, fraction, error = comparison.calibration(y, score, bins=5)
    assert np.all(np.abs(mean - fraction) < 4 * error)
    _, squared, error = comparison.calibration((rng.random(20_000) < score**2).astype(int), score, bins=5)
    assert np.all(mean[1:4] - squared[1:4] > 4 * error[1:4])


def test_divergence_is_zero_for_one_shape_and_one_for_none_in_common():
    mass = np.concatenate([np.full(50, 20.0), np.full(50, 80.0)])
    assert comparison.divergence(mass, np.arange(100) % 2 == 0) == pytest.approx(0, abs=1e-12)
    assert comparison.divergence(mass, mass > 50) == pytest.approx(1)
    with pytest.raises(MetricError, match="none does"):
        comparison.divergence(mass, mass > 0)
