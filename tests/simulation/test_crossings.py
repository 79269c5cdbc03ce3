"""`jetlab simulate pile-up`: what a detector reads out of a collision, its jets, and a small sample made anew."""

import numpy as np
import pytest

from jetlab.io import readout
from jetlab.simulation import SimulationError, crossings
from jetlab.simulation.generator import Collisions, Particles


def particles(event, pt, eta, phi, charge):
    event, pt, eta, phi, charge = (np.asarray(values) for values in (event, pt, eta, phi, charge))
    zero = np.zeros(len(pt))
    none = np.zeros(len(pt), np.int64)
    pt, eta, phi = (values.astype(np.float64) for values in (pt, eta, phi))
    return Particles(event, none, none, charge.astype(float), pt, eta, phi, pt * np.cosh(eta), zero, zero, zero)


def test_neutral_energy_is_summed_by_cell_and_soft_tracks_are_lost():
    given = particles(
        [0, 0, 0, 0, 1, 1, 1],
        [1.0, 2.0, 0.4, 8.0, 0.05, 4.0, 3.0],
        [0.01, 0.09, 0.5, -0.51, 0.3, 2.39, 2.5],
        [0.01, 0.02, 1.0, 3.1, 0.0, -np.pi, 0.0],
        [0, 0, 1, -1, 0, 0, 0],
    )
    found = crossings.read_out(given, 3)
    np.testing.assert_array_equal(found.n_neutral, [1, 1, 0])
    np.testing.assert_array_equal(found.n_charged, [1, 0, 0])
    np.testing.assert_array_equal(found.neutral_pt, [3.0, 4.0])
    np.testing.assert_array_equal(found.neutral_eta, [24, 47])
    np.testing.assert_array_equal(found.neutral_phi, [32, 0])
    # In pixels of a quarter of a cell, counted from -2.4 and -pi.
    np.testing.assert_array_equal(found.charged_eta, [75])
    np.testing.assert_array_equal(found.charged_phi, [int((3.1 + np.pi) / (2 * np.pi / 256))])


def test_jets_are_found_in_range_and_near_their_w():
    """Jets of one particle each: too soft, in range twice, too far in eta; one of the two has a merged W."""
    given = particles(
        [0, 0, 1, 1], [150.0, 300.0, 250.0, 250.0], [0.0, 1.0, 0.05, 1.5], [0.0, 2.0, -3.14, 0.0], [0] * 4
    )
    w = {"event": np.array([0, 1]), "eta": np.array([1.1, 0.0]), "phi": np.array([2.1, 3.1])}
    collisions = Collisions(given, np.ones(2), np.ones(2), w | {"dr_quarks": np.array([0.5, 0.8])}, {})
    event, eta, phi = crossings.find_jets(collisions, wants_w=False)
    np.testing.assert_array_equal(event, [0, 1])
    np.testing.assert_array_equal(eta, [34, 24])
    np.testing.assert_array_equal(phi, [int((2 + np.pi) / (2 * np.pi / 64)), 0])
    event, *_ = crossings.find_jets(collisions, wants_w=True)
    np.testing.assert_array_equal(event, [0])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("pile-up") / "some.h5"
    return crossings.simulate_pile_up(30, 5, 1, path, pool=50)


def test_a_small_sample(made):
    found = readout.read_crossings(made)
    assert len(found.jet_eta) == 30
    of_w = found.is_w[found.jet_collision]
    assert of_w.sum() == 10
    assert len(found.minimum_bias) == 50
    assert set(found.jet_collision) == set(range(len(found.hard)))
    assert not made.with_name("some.h5.parts").exists()
    # A jet's own axis is where its energy is: within three cells lies more than half of 200 GeV.
    hard = found.hard.take(found.jet_collision)
    of_jet = np.repeat(np.arange(30), hard.n_charged)
    deta = hard.charged_eta // readout.PIXELS - found.jet_eta[of_jet]
    dphi = (hard.charged_phi // readout.PIXELS - found.jet_phi[of_jet] + 32) % 64 - 32
    near = (np.abs(deta) <= 3) & (np.abs(dphi) <= 3)
    assert np.bincount(of_jet, hard.charged_pt * near).mean() > 100


def test_output_and_workers_are_checked(tmp_path):
    with pytest.raises(SimulationError, match=r"name it \.h5"):
        crossings.simulate_pile_up(30, 5, 1, tmp_path / "some.root")
    with pytest.raises(SimulationError, match="at least one"):
        crossings.simulate_pile_up(30, 5, 0, tmp_path / "some.h5")
