"""Physics of the shipped flavour-tagging jets: what a lesson says about them must hold."""

import awkward as ak
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from jetlab import catalog, flavour, jets
from jetlab.io import schema
from jetlab.metrics import flavour as rejection

LIGHT, C, B = 0, 1, 2


@pytest.fixture(scope="module")
def sample():
    return catalog.load("flavour")


@pytest.fixture(scope="module")
def label(sample):
    return flavour.classes(sample)


def significances(sample, chosen):
    """Signed d0 significances of all tracks of these jets, one after the other."""
    return ak.to_numpy(ak.flatten(sample["track_d0_significance"][chosen]))


def test_size_columns_and_balance(sample, label):
    assert sum(catalog.path(name).stat().st_size for name in ("flavour", "flavour_alternative")) < 12e6
    assert len(sample) == 70_010
    assert set(schema.FLAVOUR) | set(schema.FLAVOUR_TRACK) <= set(sample.columns)
    assert np.all(np.bincount(label[label >= 0]) > 9_000)
    assert np.mean(sample["jet_process_ak7"] == flavour.TTBAR) == pytest.approx(0.5, abs=0.001)
    assert ak.max(ak.num(sample["track_dr"])) == 25


def test_selection(sample):
    # The file has nine binary digits of pt, so that 20.01 becomes 20.
    assert sample["jet_pt_ak7"].min() >= 20
    assert sample["jet_pt_ak7"].max() <= 1000
    assert np.abs(sample["jet_eta_ak7"]).max() < 2.5


def test_impact_parameters_of_light_jets_are_symmetric_and_b_jets_have_a_tail(sample, label):
    light, c, b = (significances(sample, label == each) for each in (LIGHT, C, B))
    core = light[np.abs(light) < 1]
    assert np.mean(core > 0) == pytest.approx(0.5, abs=0.02)
    # What light jets have beyond that comes from K0, Lambda and material.
    assert np.sum(light > 3) < 2.5 * np.sum(light < -3)
    assert np.mean(b > 3) > 2 * np.mean(c > 3) > 3 * np.mean(light > 3)
    assert np.sum(b > 3) > 4 * np.sum(b < -3)


def test_vertices_are_heavy_in_b_jets_and_below_the_d_mesons_in_c_jets(sample, label):
    mass = {each: sample["sv_mass"][label == each] for each in (LIGHT, C, B)}
    found = {each: np.isfinite(values).mean() for each, values in mass.items()}
    assert found[B] > 0.55 > 2 * 0.2 > found[C] > 4 * found[LIGHT]
    assert 1.2 < np.nanmedian(mass[B]) < 2.5
    assert np.mean(mass[B][np.isfinite(mass[B])] > 1.5) > 0.4
    assert np.nanmedian(mass[C]) < 1.1
    assert np.mean(mass[C][np.isfinite(mass[C])] < 2) > 0.85


def test_lifetimes_are_those_of_the_tables(sample, label):
    # Of the mixture of B+, B0, Bs and Lambda_b, PDG 2024; the mean of exponentials, in mm.
    assert np.nanmean(sample["hadron_ctau"][label == B]) == pytest.approx(0.47, rel=0.05)
    # D0, D+, Ds and Lambda_c have 123, 310, 151 and 61 um.
    assert 0.12 < np.nanmean(sample["hadron_ctau"][label == C]) < 0.25


def test_muons_are_more_frequent_in_b_jets(sample, label):
    found = [np.isfinite(sample["muon_pt"][label == each]).mean() for each in (LIGHT, C, B)]
    assert found[0] < 0.02 < found[1] < found[2] < 0.2


def test_rejections_are_of_the_published_order(sample, label):
    """ATL-PHYS-PUB-2017-013 in top pairs, 77 % of the b jets kept: IP3D 10 to 30, trees of all inputs 100 to 150."""
    train, _, test = jets.split(sample.event_index)
    train, test = train[label[train] >= 0], test[label[test] >= 0]
    ttbar = test[sample["jet_process_ak7"][test] == flavour.TTBAR]
    ip3d = rejection.rejections(label[ttbar], np.nan_to_num(sample["ip3d_bu"][ttbar], nan=-20.0))
    assert 15 < ip3d[LIGHT].value < 45
    assert 2 < ip3d[C].value < 6
    x, _ = flavour.inputs(sample)
    tree = HistGradientBoostingClassifier(learning_rate=0.1, max_depth=4, max_iter=60, random_state=1)
    tree.fit(x[train], label[train])
    score = rejection.discriminant(tree.predict_proba(x[ttbar]))
    found = rejection.rejections(label[ttbar], score)
    # These trees have seen 40,000 jets, the published ones millions.
    assert found[LIGHT].value > 1.6 * ip3d[LIGHT].value
    assert 50 < found[LIGHT].value < 180
    assert found[C].value > ip3d[C].value


def test_the_other_simulation_has_worse_impact_parameters_and_the_same_lifetime(sample, label):
    other = catalog.load("flavour_alternative")
    assert other.columns == sample.columns
    assert len(other) == 6_504
    assert set(other["jet_process_ak7"]) == {flavour.TTBAR}
    kinds = flavour.classes(other)
    top = sample["jet_process_ak7"] == flavour.TTBAR
    nominal, shifted = significances(sample, (label == LIGHT) & top), significances(other, kinds == LIGHT)
    assert np.mean(np.abs(shifted) > 3) > 1.05 * np.mean(np.abs(nominal) > 3)
    assert np.nanmean(other["hadron_ctau"][kinds == B]) == pytest.approx(0.47, rel=0.1)
    # Judged by the same templates, light jets look less like light ones; by templates of their own they looked more so.
    assert other.provenance["templates_of"] == sample.provenance["made_by"]
    light = [
        np.nanmedian(each["ip3d_bu"][chosen])
        for each, chosen in ((sample, (label == LIGHT) & top), (other, kinds == LIGHT))
    ]
    assert light[0] < light[1] < light[0] + 1


def test_provenance_says_how_it_was_made(sample):
    assert sample.provenance["made_by"] == "jetlab simulate flavour --jets 70000 --seed 2017 --variation nominal"
    assert sample.provenance["settings"]["packages"]["pythia8mc"]
    assert sample.radius == 0.4
