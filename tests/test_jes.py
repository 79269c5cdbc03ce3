"""Targets, inputs, weights and scores of the jet energy scale, and a training whose steps shorten."""

import awkward as ak
import numpy as np
import pytest

from jetlab import catalog, images, jes, jets, metrics
from jetlab.metrics import MetricError, response


@pytest.fixture(scope="module")
def whole():
    return catalog.load("jets")


@pytest.fixture(scope="module")
def sample(whole):
    return whole[:4000]


def test_the_target_undone_is_gen_pt(sample):
    np.testing.assert_allclose(jes.corrected(sample, jes.log_correction(sample)), sample["genjet_pt_ak7"], rtol=1e-6)
    np.testing.assert_allclose(jes.corrected(sample, np.zeros(len(sample))), sample["jet_ptraw_ak7"], rtol=1e-6)


def test_the_truth_closes_and_has_no_width(sample):
    scores = metrics.jes.judge(sample, sample["genjet_pt_ak7"], minimum=50, replicas=5)
    assert scores.worst.value == 0
    assert scores.resolution.value == 0
    assert scores.by_pt.jets.sum() == scores.by_eta.jets.sum() == metrics.jes.fiducial(sample).sum()


def test_a_scale_two_per_cent_too_high_is_found_in_every_bin(sample):
    scores = metrics.jes.judge(sample, 1.02 * sample["genjet_pt_ak7"], minimum=50, replicas=5)
    np.testing.assert_allclose(scores.by_pt.closure, 1.02, rtol=1e-6)
    np.testing.assert_allclose(scores.by_eta.closure, 1.02, rtol=1e-6)
    assert scores.worst.value == pytest.approx(0.02)
    assert scores.closure.value == pytest.approx(1.02)


def test_only_jets_of_the_range_are_judged(sample):
    estimate = np.where(metrics.jes.fiducial(sample), sample["genjet_pt_ak7"], 1.0)
    assert metrics.jes.judge(sample, estimate, minimum=50, replicas=5).worst.value == 0
    with pytest.raises(MetricError, match="No bin"):
        _ = metrics.jes.judge(sample, estimate, minimum=10_000, replicas=5).worst


def test_weights_make_both_spectra_flat(sample):
    train = np.arange(len(sample))
    weight, gen_pt = jes.flat_weights(sample, train), sample["genjet_pt_ak7"]
    edges = np.geomspace(*jes.FLAT_RANGE, 6)
    for chosen in (sample["jet_isW_ak7"] == 1, sample["jet_isW_ak7"] == 0):
        assert weight[chosen].mean() == pytest.approx(1)
        before, after = (np.histogram(gen_pt[chosen], edges, weights=w)[0] for w in (None, weight[chosen]))
        assert after.max() / after.min() < 1.05
        assert before.max() / before.min() > 1.5
    assert (weight > 0).all()


def test_weights_of_a_sample_of_one_class(sample):
    only = sample[sample["jet_isW_ak7"] == 0]
    assert jes.flat_weights(only, np.arange(len(only))).mean() == pytest.approx(1)


def test_flat_weights_are_learnt_from_training_jets_alone(whole):
    train = np.arange(0, 3000, 2)
    weight = jes.flat_weights(whole[:4000], train)
    assert weight[train].mean() == pytest.approx(1)
    np.testing.assert_array_equal(jes.flat_weights(whole[:3000], train), weight[:3000])
    few = train[:20]
    scarce, chosen = jes.flat_weights(whole[:4000], few), whole["jet_isW_ak7"][few] == 0
    assert scarce[few].mean() == pytest.approx(1)
    edges = np.geomspace(*jes.FLAT_RANGE, jes.FLAT_BINS + 1)
    seen = np.histogram(whole["genjet_pt_ak7"][few][chosen], edges)[0] > 0
    qcd = whole["jet_isW_ak7"][:4000] == 0
    counted = np.histogram(whole["genjet_pt_ak7"][:4000][qcd], edges, weights=scarce[qcd])[0] > 0
    np.testing.assert_array_equal(counted, seen, "bins without a training jet count nowhere")


def test_inputs_per_jet(sample):
    x = jes.jet_inputs(sample)
    assert x.shape == (len(sample), 5)
    np.testing.assert_allclose(np.exp(x[:, 0]), sample["jet_ptraw_ak7"], rtol=1e-6)
    assert (x[:, 1] >= 0).all()
    np.testing.assert_allclose(x[:, 4] * np.exp(x[:, 0]), x[:, 2] * x[:, 3], rtol=1e-6)


def test_fractions_are_of_the_whole(sample):
    x = jes.fractions(sample)
    np.testing.assert_allclose(x.sum(axis=1), 1, atol=1e-5)
    ids, pt = np.abs(sample["ak7pfcand_id"][7]), sample["ak7pfcand_pt"][7]
    assert x[7, 2] == pytest.approx(ak.sum(pt[ids == 22]) / ak.sum(pt), rel=1e-5)


def test_candidates_are_the_hardest_with_their_classes(sample):
    x = jes.candidate_inputs(sample, 30)
    assert x.shape == (len(sample), 30, 4 + len(jets.CLASSES))
    there = x[..., 0] > 0
    assert (there.sum(axis=1) == np.minimum(sample["jet_ncand_ak7"], 30)).all()
    assert (np.diff(x[..., 0], axis=1) <= 0).all()
    assert (x[..., 4:].sum(axis=-1) == there).all()
    assert (x[~there] == 0).all()
    first = int(abs(sample["ak7pfcand_id"][3, 0]))
    assert x[3, 0, 4 + jets.CLASSES.index(first)] == 1
    with pytest.raises(ValueError, match="length"):
        jes.candidate_inputs(sample, 0)


def test_in_bins_of_measured_pt_the_closure_is_the_spectrum_s_and_in_true_pt_it_is_not(whole):
    chosen = (whole["jet_isW_ak7"] == 0) & (np.abs(whole["jet_eta_ak7"]) < 1)
    pt, gen = whole["jet_pt_ak7"][chosen], whole["genjet_pt_ak7"][chosen]
    values = response.response(pt, gen)
    shifts = []
    for by in (pt, gen):
        natural, simulated = (
            response.binned(values, by, metrics.jes.PT_EDGES, weight, replicas=2).closure
            for weight in (whole["mcweight"][chosen], None)
        )
        shifts.append(np.mean(natural - simulated))
    assert 0.005 < shifts[0] < 0.02
    assert abs(shifts[1]) < 0.003


def test_the_official_correction_holds_for_qcd_and_not_for_the_two_prongs_of_a_w_in_the_gap(whole):
    eta, is_w = np.abs(whole["jet_eta_ak7"]), whole["jet_isW_ak7"] == 1
    gap = metrics.jes.fiducial(whole) & (eta > 1.25) & (eta < 1.5)
    values = whole["jet_pt_ak7"] / whole["genjet_pt_ak7"]
    assert np.median(values[gap & is_w]) > 1.012
    assert np.median(values[gap & ~is_w]) == pytest.approx(1, abs=0.01)
    beside = metrics.jes.fiducial(whole) & (eta > 1.75)
    assert np.median(values[beside & is_w]) < 0.995


def test_the_normalised_image_has_lost_the_scale(whole):
    picture = images.pixelate(images.centre(whole[:300]), 17, classes=True)
    raw = whole["jet_ptraw_ak7"][:300]
    assert np.corrcoef(picture.sum(axis=(1, 2, 3)), raw)[0, 1] > 0.99
    np.testing.assert_allclose(images.normalise(picture).sum(axis=(1, 2, 3)), 1, rtol=1e-5)
