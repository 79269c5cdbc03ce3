"""Physics of the shipped sample: what a lesson says about it must hold."""

import awkward as ak
import numpy as np
import pytest

from jetlab import catalog, jets, metrics
from jetlab.io import schema


@pytest.fixture(scope="module")
def sample():
    return catalog.load("jets")


@pytest.fixture(scope="module")
def is_w(sample):
    return sample["jet_isW_ak7"] == 1


def mode(values, low, high, bins=20):
    counts, edges = np.histogram(values, bins, (low, high))
    return (edges[counts.argmax()] + edges[counts.argmax() + 1]) / 2


def robust_width(response):
    low, high = np.percentile(response, [16, 84])
    return (high - low) / 2


def test_size_and_columns(sample, is_w):
    assert catalog.path("jets").stat().st_size <= 24e6
    assert len(sample) >= 30_000
    assert abs(is_w.mean() - 0.5) < 0.001
    assert set(schema.TUPLE) - {"ak7pfcand_ijet"} <= set(sample.columns)
    assert set(schema.TRACK) <= set(sample.tracks.fields)


def test_selection(sample):
    assert sample["jet_pt_ak7"].min() > 200
    assert sample["jet_pt_ak7"].max() < 500
    assert np.abs(sample["jet_eta_ak7"]).max() < 2
    assert sample["genjet_pt_ak7"].min() > 60


def test_nothing_is_lost_at_the_raw_pt_cut_of_the_simulation(sample):
    from jetlab.simulation.chunk import Conditions

    low, high = Conditions().kept_raw_pt
    assert sample["jet_ptraw_ak7"].min() > low + 5
    assert sample["jet_ptraw_ak7"].max() < high - 5


def test_soft_drop_mass_peaks_at_the_w_for_w_only(sample, is_w):
    msd = sample["jet_msd_ak7"]
    assert mode(msd[is_w], 40, 120) == pytest.approx(80.4, abs=5)
    assert mode(msd[~is_w], 0, 120) < 40
    in_window = (msd > 65) & (msd < 105)
    assert in_window[is_w].mean() > 3 * in_window[~is_w].mean()


def test_tau21_separates(sample, is_w):
    assert metrics.auc(is_w, -sample["jet_tau21_ak7"]) > 0.75


def test_jets_are_the_vector_sum_of_their_candidates(sample):
    pt, phi = sample["ak7pfcand_pt"], sample["ak7pfcand_phi"]
    raw = np.hypot(ak.sum(pt * np.cos(phi), axis=1), ak.sum(pt * np.sin(phi), axis=1))
    assert ak.to_numpy(raw) == pytest.approx(sample["jet_ptraw_ak7"], rel=1e-5)
    assert ak.to_numpy(raw) * sample["jet_jes_ak7"] == pytest.approx(sample["jet_pt_ak7"], rel=1e-5)
    assert sample["jet_Eraw_ak7"] * sample["jet_jes_ak7"] == pytest.approx(sample["jet_E_ak7"], rel=1e-5)


def test_candidates_are_sorted_charged_as_their_id_says_and_inside_the_jet(sample):
    pt, kind, charge = (sample[f"ak7pfcand_{name}"] for name in ("pt", "id", "charge"))
    assert ak.all(pt[:, 1:] <= pt[:, :-1])
    assert ak.to_numpy(ak.num(pt)) == pytest.approx(sample["jet_ncand_ak7"])
    neutral = (kind == 22) | (kind == 130)
    assert ak.all(neutral == (charge == 0))
    assert ak.all(charge[~neutral] == np.sign(kind[~neutral]))
    dphi = (sample["ak7pfcand_phi"] - sample["jet_phi_ak7"] + np.pi) % (2 * np.pi) - np.pi
    distance = np.hypot(sample["ak7pfcand_eta"] - sample["jet_eta_ak7"], dphi)
    assert ak.mean(distance < 0.7) > 0.98  # anti-kT jets are nearly, not exactly, round
    assert ak.max(distance) < 1.4


def test_phi_is_wrapped_and_some_jets_cross_pi(sample):
    for phi in (sample["jet_phi_ak7"], sample["genjet_phi_ak7"], ak.to_numpy(ak.flatten(sample["ak7pfcand_phi"]))):
        assert phi.min() >= -np.pi - 1e-6
        assert phi.max() < np.pi + 1e-6
    candidates = sample["ak7pfcand_phi"]
    crossing = (ak.max(candidates, axis=1) > 2.5) & (ak.min(candidates, axis=1) < -2.5)
    assert 0.1 < ak.mean(crossing) < 0.35


def test_jets_of_an_event_are_counted(sample):
    event = sample.event_index
    assert np.array_equal(np.bincount(event)[event], sample["njet_ak7"])
    order = np.lexsort((sample["ijet"], event))
    first = np.r_[True, np.diff(event[order]) != 0]
    start = np.maximum.accumulate(np.where(first, np.arange(len(event)), 0))
    assert np.array_equal(sample["ijet"][order], np.arange(len(event)) - start)


def test_raw_response_falls_with_eta_and_the_correction_closes(sample, is_w):
    gen_pt, eta = sample["genjet_pt_ak7"], np.abs(sample["jet_eta_ak7"])
    raw, corrected = sample["jet_ptraw_ak7"] / gen_pt, sample["jet_pt_ak7"] / gen_pt
    qcd = ~is_w & (gen_pt > 230) & (gen_pt < 450)  # away from the cuts on corrected pt, which bias the response
    medians = [np.median(raw[qcd & (eta >= low) & (eta < high)]) for low, high in ((0, 1), (1.3, 1.6), (1.75, 2.0))]
    assert medians[1] < medians[0] - 0.03
    assert medians[1] < medians[2] - 0.02
    for edge in np.arange(0, 2, 0.25):
        chosen = qcd & (eta >= edge) & (eta < edge + 0.25)
        assert np.median(corrected[chosen]) == pytest.approx(1, abs=0.015), edge


def test_raw_response_depends_on_pt_and_resolution_is_realistic(sample, is_w):
    gen_pt, central = sample["genjet_pt_ak7"], np.abs(sample["jet_eta_ak7"]) < 1
    jes = sample["jet_jes_ak7"]
    low, high = (central & (gen_pt > a) & (gen_pt < b) for a, b in ((220, 260), (400, 480)))
    assert np.median(jes[high]) - np.median(jes[low]) > 0.003  # pile-up is a smaller part of a hard jet
    response = sample["jet_pt_ak7"] / gen_pt
    widths = [robust_width(response[~is_w & m]) for m in (central & (gen_pt > 230) & (gen_pt < 280), high)]
    assert 0.05 < widths[0] < 0.10
    assert widths[1] < widths[0]


def test_weights_give_the_falling_qcd_spectrum(sample, is_w):
    pt, weight = sample["jet_pt_ak7"][~is_w], sample["mcweight"][~is_w]
    counts, _ = np.histogram(pt, [200, 250, 300, 400, 500], weights=weight)
    assert np.all(counts[1:] < counts[:-1])
    assert counts[0] / counts[-1] > 20
    assert metrics.effective_size(weight) > 0.2 * len(weight)


def test_most_qcd_jets_count_once_they_have_the_spectrum_of_the_w(sample, is_w):
    columns = (sample[name] for name in ("jet_pt_ak7", "jet_eta_ak7", "jet_isW_ak7", "mcweight"))
    weight = jets.reweight(*columns, train=jets.split(sample.event_index)[0])
    assert metrics.effective_size(weight[~is_w]) > 0.6 * np.sum(~is_w)


def test_jets_are_made_of_what_particle_flow_finds(sample, is_w):
    # arXiv:1706.04965: 65 % charged hadrons, 25 % photons, 10 % neutral hadrons in jets without pile-up.
    pt, kind = sample["ak7pfcand_pt"][~is_w], np.abs(sample["ak7pfcand_id"][~is_w])
    fraction = {pid: ak.mean(ak.sum(pt[kind == pid], axis=1) / ak.sum(pt, axis=1)) for pid in (211, 22, 130)}
    assert fraction[211] == pytest.approx(0.59, abs=0.04)
    assert fraction[22] == pytest.approx(0.31, abs=0.06)
    assert fraction[130] == pytest.approx(0.10, abs=0.03)


def test_the_offset_takes_off_what_pile_up_adds(sample, is_w):
    # The response follows rho little, before the correction and after it: the underlying event moves rho as well, but
    # belongs to the jet, so that the offset of an event with much of it takes off too much.
    central = ~is_w & (np.abs(sample["jet_eta_ak7"]) < 1.2) & (sample["genjet_pt_ak7"] > 230)
    response, rho = (sample["jet_pt_ak7"] / sample["genjet_pt_ak7"])[central], sample["rho"][central]
    low, high = rho < np.percentile(rho, 25), rho > np.percentile(rho, 75)
    assert np.median(response[high]) == pytest.approx(np.median(response[low]), abs=0.02)


def test_tracks_are_linked_to_no_jet_and_know_their_displacement(sample):
    tracks = sample.tracks
    assert not any("jet" in name for name in tracks.fields)
    assert ak.min(tracks.track_pt) > 0.99
    significance = np.abs(ak.to_numpy(tracks.track_d0 / tracks.track_d0err))
    core, tail = np.mean(significance < 1), np.mean(significance > 3)
    assert 0.5 < core < 0.69  # most are prompt, with Gaussian errors
    assert 0.02 < tail < 0.3  # decays of strange, charm and bottom hadrons
    far = np.abs(ak.to_numpy(tracks.track_dz)) > 5
    assert 0.05 < far.mean() < 0.7  # pile-up, centimetres away


def test_provenance_says_how_it_was_made(sample):
    assert sample.provenance["made_by"].startswith("jetlab simulate jets --jets")
    assert sample.provenance["settings"]["packages"]["pythia8mc"]
