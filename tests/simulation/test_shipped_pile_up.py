"""Physics of the shipped collisions for pile-up: what a lesson says about them must hold."""

import numpy as np
import pytest

from jetlab import catalog, pile_up
from jetlab.io import readout
from jetlab.metrics import response


@pytest.fixture(scope="module")
def crossings():
    return pile_up.read_crossings(catalog.path("pile_up"))


@pytest.fixture(scope="module")
def at_40(crossings):
    return pile_up.overlay(crossings, 40, seed=1, collisions=np.arange(1200))


def test_size_and_numbers(crossings):
    assert catalog.path("pile_up").stat().st_size < 2.5e6
    assert len(crossings.jet_eta) == 5000
    assert crossings.is_w[crossings.jet_collision].sum() == 1666
    assert len(crossings.minimum_bias) == 3000
    assert "jetlab simulate pile-up" in crossings.provenance["made_by"]


def test_every_collision_has_a_jet_that_lies_whole_on_the_grid(crossings):
    assert set(crossings.jet_collision) == set(range(len(crossings.hard)))
    # An image of 15 cells, and another 0.3 for PUPPI.
    assert np.abs(crossings.jet_eta - readout.N_ETA / 2).max() <= 14
    for part in (crossings.hard, crossings.minimum_bias):
        assert part.charged_pt.min() >= 0.5
        assert part.neutral_pt.min() > 0.099  # seven binary digits
        assert 0 <= part.charged_eta.min() < part.charged_eta.max() < readout.N_ETA * readout.PIXELS
        assert 0 <= part.neutral_phi.min() < part.neutral_phi.max() < readout.N_PHI


def test_jets_of_w_have_its_mass_and_all_lie_in_the_range(crossings):
    jets = pile_up.overlay(crossings, 0, seed=1)
    pt, mass = pile_up.kinematics(jets, jets.truth)
    assert 75 < np.median(mass[jets.is_w]) < 85
    assert np.median(mass[~jets.is_w]) < 60
    # The jets were found with the soft tracks, and around their own axis instead of a cell's.
    assert np.mean((pt > 180) & (pt < 500)) > 0.95


def test_minimum_bias_has_about_what_was_measured(crossings):
    """Charged particles above 0.5 GeV, |eta| < 2.5, in inelastic collisions at 13 TeV: 2.9 per unit of eta.

    ATLAS, arXiv:1602.01633, in collisions with one such particle at least, about as many as were simulated here.
    """
    n = crossings.minimum_bias.n_charged
    assert n[n > 0].mean() / (2 * readout.MAX_ETA) == pytest.approx(2.9, rel=0.2)


def test_pile_up_makes_jets_heavy_and_each_correction_makes_them_light_again(at_40):
    _, mass = pile_up.kinematics(at_40, at_40.truth)
    there = mass > 10
    corrected = {
        "none": at_40.neutral,
        "area": pile_up.area_subtracted(at_40.neutral, at_40.rho),
        "SoftKiller": pile_up.soft_killed(at_40.neutral, at_40.killer),
        "PUPPI": at_40.neutral * at_40.puppi,
    }
    found = {}
    for name, cells in corrected.items():
        _, seen = pile_up.kinematics(at_40, cells)
        ratio = (seen / np.maximum(mass, 1))[there & ~at_40.is_w]
        found[name] = response.closure(ratio).value, response.resolution(ratio).value
    assert found["none"][0] > 1.3
    assert all(abs(closure - 1) < 0.2 for name, (closure, _) in found.items() if name != "none")
    assert found["PUPPI"][1] < 0.7 * min(found["area"][1], found["SoftKiller"][1]) < found["none"][1]
