"""Flavour tagging's figures of merit against closed forms and counting."""

import numpy as np
import pytest

from jetlab.metrics import MetricError, flavour


def test_the_discriminant_is_the_log_of_the_ratio():
    p = np.array([[0.2, 0.3, 0.5], [0.9, 0.05, 0.05]])
    assert flavour.discriminant(p, 0.1) == pytest.approx(np.log(p[:, 2] / (0.1 * p[:, 1] + 0.9 * p[:, 0])))
    assert flavour.discriminant(p, 0.3, "c") == pytest.approx(np.log(p[:, 1] / (0.3 * p[:, 2] + 0.7 * p[:, 0])))
    assert flavour.discriminant(p, 0.0) == pytest.approx(np.log(p[:, 2] / p[:, 0]))
    assert np.isfinite(flavour.discriminant([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])).all()


@pytest.mark.parametrize(
    ("p", "fraction", "signal"),
    [
        ([[0.5, 0.5]], 0.1, "b"),
        ([[np.nan, 0.5, 0.5]], 0.1, "b"),
        ([[-0.1, 0.6, 0.5]], 0.1, "b"),
        ([[0.2, 0.3, 0.5]], 1.5, "b"),
        ([[0.2, 0.3, 0.5]], 0.1, "u"),
    ],
)
def test_impossible_discriminants_are_refused(p, fraction, signal):
    with pytest.raises(MetricError):
        flavour.discriminant(p, fraction, signal)


def gaussians(n=200_000, seed=1):
    """Scores with means 0, 1 and 3 for light, c and b, all of width one."""
    rng = np.random.default_rng(seed)
    label = np.repeat([0, 1, 2], n)
    return label, rng.normal(np.array([0.0, 1.0, 3.0])[label], 1)


def test_rejections_of_gaussian_scores_are_those_of_the_error_function():
    from scipy.stats import norm

    label, score = gaussians()
    for efficiency in flavour.B_EFFICIENCIES:
        cut = 3 + norm.isf(efficiency)
        assert flavour.threshold(label, score, efficiency) == pytest.approx(cut, abs=0.02)
        found = flavour.rejections(label, score, efficiency)
        for kind, mean in ((0, 0.0), (1, 1.0)):
            assert found[kind].value == pytest.approx(1 / norm.sf(cut - mean), abs=5 * found[kind].error)


def test_the_error_is_the_spread_over_samples():
    values = [flavour.rejections(*gaussians(2000, seed), 0.77)[0] for seed in range(200)]
    spread = np.std([each.value for each in values])
    # The cut's own uncertainty is small beside that of the few light jets that pass it.
    assert np.median([each.error for each in values]) == pytest.approx(spread, rel=0.3)


def test_weights_count_as_jets():
    label, score = gaussians(3000)
    twice = flavour.rejections(np.r_[label, label], np.r_[score, score])
    weighted = flavour.rejections(label, score, weight=np.full(len(label), 2.0))
    assert twice[0].value == pytest.approx(weighted[0].value, rel=1e-3)
    assert weighted[0].error == pytest.approx(twice[0].error * 2**0.5, rel=1e-2)


def test_nobody_passing_is_infinite_and_everybody_one():
    assert flavour.rejections([0, 0, 2, 2], [0.0, 0.1, 1.0, 2.0], 0.5)[0].value == np.inf
    assert flavour.rejections([0, 0, 2, 2], [3.0, 3.0, 1.0, 2.0], 1.0)[0].value == 1


@pytest.mark.parametrize("given", [([0, 1], [0.0, 1.0], 0.5), ([2, 2], [0.0, 1.0], 0.5), ([0, 2], [0.0, 1.0], 0.0)])
def test_impossible_working_points_are_refused(given):
    with pytest.raises(MetricError):
        flavour.rejections(*given)


def test_iso_efficiency_curves_trade_light_for_charm():
    rng = np.random.default_rng(3)
    label = np.repeat([0, 1, 2], 20_000)
    # Two measurements: one that separates light, one that separates c; probabilities by Bayes.
    x = rng.normal(np.array([0.0, 1.5, 2.5])[label], 1)
    y = rng.normal(np.array([0.0, 2.0, 0.0])[label], 1)
    logs = np.stack([-(x**2 + y**2), -((x - 1.5) ** 2 + (y - 2) ** 2), -((x - 2.5) ** 2 + y**2)], axis=1) / 2
    p = np.exp(logs - logs.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    curve = flavour.iso_efficiency(label, p, 0.7, (0.0, 0.2, 0.5, 1.0))
    assert np.all(np.diff(curve.c_rejection) > 0)
    assert np.all(np.diff(curve.light_rejection) < 0)
    alone = flavour.rejections(label, flavour.discriminant(p, 0.2), 0.7)
    assert (curve.light_rejection[1], curve.light_rejection_err[1]) == pytest.approx(alone[0])
    assert (curve.c_rejection[1], curve.c_rejection_err[1]) == pytest.approx(alone[1])
    tagged = flavour.iso_efficiency(label, p, 0.3, (0.0, 0.9), "c")
    assert tagged.c_rejection[1] > tagged.c_rejection[0]


def test_bootstrap_has_the_value_of_the_sample_and_the_spread_over_samples():
    label, score = gaussians(2000)
    once, drawn = flavour.rejections(label, score), flavour.bootstrap(label, score)
    assert {kind: found.value for kind, found in drawn.items()} == {kind: found.value for kind, found in once.items()}
    values = [flavour.rejections(*gaussians(2000, seed))[0].value for seed in range(100)]
    assert drawn[0].error == pytest.approx(np.std(values), rel=0.35)
    assert flavour.bootstrap(label, score) == drawn


def test_where_nobody_passes_value_and_error_are_infinite():
    label = np.repeat([0, 1, 2], 50)
    assert flavour.bootstrap(label, label.astype(float))[0] == (np.inf, np.inf)


def test_ratios_are_paired_so_that_equal_taggers_have_no_error():
    label, score = gaussians(2000)
    assert flavour.ratios(label, score, 2 * score + 1) == {0: (1.0, 0.0), 1: (1.0, 0.0)}
    noise = np.random.default_rng(3).normal(size=len(score))
    alike, unlike = (flavour.ratios(label, score, score + width * noise) for width in (0.02, 1.0))
    assert alike[0].error < unlike[0].error / 3
    assert unlike[0].value > 1 + 3 * unlike[0].error


def test_a_ratio_is_finite_where_no_jet_passes():
    label = np.repeat([0, 1, 2], 50)
    score = label + np.linspace(0, 0.1, 150)
    found = flavour.ratios(label, score, np.random.default_rng(1).normal(size=150))
    assert np.isfinite(found[0]).all()
    assert found[0].value > 10


def test_efficiencies_in_bins_agree_with_one_cut_or_are_flat():
    label, score = gaussians(5000)
    values, edges = np.tile(np.arange(4), len(label) // 4 + 1)[: len(label)], (0, 1, 2, 3, 4)
    score = score + 0.5 * values * (label == flavour.BOTTOM)
    fixed, flat = (flavour.in_bins(values, edges, label, score, 0.77, each) for each in (False, True))
    assert set(fixed) == {0, 1, 2}
    assert np.all(np.diff(fixed[2][0]) > 0)
    assert fixed[2][0].mean() == pytest.approx(0.77, abs=0.005)
    assert flat[2][0] == pytest.approx(0.77, abs=0.001)
    assert np.all(np.diff(flat[1][0]) < 0)
    assert fixed[0][1] == pytest.approx(np.sqrt(fixed[0][0] * (1 - fixed[0][0]) / 1250))


def test_bins_without_jets_are_nan():
    label, score = gaussians(100)
    found = flavour.in_bins(np.full(300, 0.5), (0, 1, 2), label, score, flat=True)
    assert np.isnan(found[0][0]).tolist() == [False, True]


@pytest.mark.parametrize(
    ("fraction", "efficiency", "light", "c"),
    [
        (0.018, 0.70, (38.0225988700565, 2.820120831208612), (5.098765432098766, 0.12698620605154784)),
        (0.1, 0.77, (20.965732087227416, 1.1419448211980145), (6.02919708029197, 0.16633122666580308)),
        (0.5, 0.85, (8.32920792079208, 0.27486832), (8.229140722291406, 0.2721841373297256)),
    ],
)
def test_rejections_are_those_of_the_tools_of_atlas(fraction, efficiency, light, c):
    """The numbers are what atlas-ftag-tools 0.3.6, on which puma is built, gives for the same probabilities."""
    rng = np.random.default_rng(5)
    label = rng.integers(0, 3, 20_000)
    logit = rng.normal(size=(20_000, 3))
    logit[np.arange(20_000), label] += 1.7
    p = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    found = flavour.rejections(label, flavour.discriminant(p, fraction), efficiency)
    assert found[flavour.LIGHT] == pytest.approx(light)
    assert found[flavour.CHARM] == pytest.approx(c)
