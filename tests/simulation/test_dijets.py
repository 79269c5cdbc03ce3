"""Pairs of jets: made by hand, measured by hand, and a small sample of the real thing."""

import json

import h5py
import numpy as np
import pytest

pytest.importorskip("pythia8mc", reason="the simulation extra is not installed")
pytest.importorskip("fastjet", reason="the simulation extra is not installed")

from jetlab import anomalies
from jetlab.simulation import SimulationError, dijets, simulate_dijets
from jetlab.simulation.generator import Particles
from jetlab.simulation.parameters import CMS


def particles(event, pt, eta, phi, pid=211, charge=1.0):
    """Massless particles."""
    pt, eta, phi = (np.asarray(values, dtype=float) for values in (pt, eta, phi))
    ones, none = np.ones(len(pt)), np.zeros(len(pt))
    numbers = np.zeros(len(pt), dtype=int)
    return Particles(
        np.asarray(event), numbers, numbers + pid, charge * ones, pt, eta, phi, pt * np.cosh(eta), none, none, none
    )


def mass(pt, eta, phi):
    """Invariant mass of massless particles."""
    energy, z = (np.sum(pt * f(eta)) for f in (np.cosh, np.sinh))
    x, y = (np.sum(pt * f(phi)) for f in (np.cos, np.sin))
    return np.sqrt(energy**2 - x**2 - y**2 - z**2)


def test_two_jets_of_two_prongs_have_the_masses_of_their_prongs():
    pt, eta = np.array([250.0, 240, 300, 200]), np.array([0.1, -0.2, 0.3, 0.4])
    phi = np.array([0.3, -0.3, np.pi - 0.1, -np.pi + 0.1])
    found = dijets.pairs(particles([0, 0, 0, 0], pt, eta, phi), 1)
    assert found["mjj"][0] == pytest.approx(mass(pt, eta, phi), rel=1e-6)
    masses = [mass(pt[part], eta[part], phi[part]) for part in (slice(2), slice(2, 4))]
    assert [found["m1"][0], found["m2"][0]] == pytest.approx(sorted(masses, reverse=True), rel=1e-6)
    assert found["tau21_1"][0] < 1e-6  # two particles are two axes
    assert (found["n1"][0], found["n2"][0]) == (2, 2)
    assert found["pt1"][0] < 490 < found["pt2"][0] + 10  # the wider pair of prongs is the heavier


@pytest.mark.parametrize(
    ("pt", "eta", "why"),
    [
        ((300, 300), (0, 0), "too light"),
        ((900, 900), (0, 0), "too heavy"),
        ((450, 450), (0.8, -0.8), "too far apart"),
        ((450, 450), (2.1, 2.1), "not central"),
        ((900, 20), (0, 0), "only one jet"),
    ],
)
def test_pairs_outside_the_range_are_left_out(pt, eta, why):
    found = dijets.pairs(particles([0, 0], pt, eta, [0.0, 3.1]), 1)
    assert len(found["mjj"]) == 0, why


def test_events_stay_apart():
    # Between two good pairs, an event without jets and one with a single particle.
    event = [0, 0, 2, 3, 3]
    found = dijets.pairs(particles(event, [450, 450, 450, 500, 500], np.zeros(5), [0, 3.1, 0, 1, -2.1]), 5)
    assert found["mjj"] == pytest.approx([900, 1000], rel=1e-3)


@pytest.mark.parametrize(
    ("pid", "charge", "width"),
    [
        (211, 1.0, np.hypot(CMS.pt_resolution, CMS.pt_resolution_slope * 50)),
        (22, 0.0, np.sqrt(0.028**2 / 50 + (0.12 / 50) ** 2 + 0.02**2)),
        (130, 0.0, np.sqrt(1.1**2 / 50 + 0.09**2)),
    ],
)
def test_each_kind_of_particle_has_its_resolution(pid, charge, width):
    n = 20_000
    given = particles(np.arange(n), np.full(n, 50.0), np.zeros(n), np.zeros(n), pid, charge)
    seen = dijets.measured(given, CMS, np.random.default_rng(1))
    assert np.std(seen.pt / 50) == pytest.approx(width, rel=0.03)
    assert np.mean(seen.pt / 50) == pytest.approx(1, abs=5 * width / np.sqrt(n))
    np.testing.assert_allclose(seen.energy, seen.pt)  # still massless


def test_soft_and_forward_particles_are_not_seen():
    given = particles([0, 0, 0], [50.0, 0.3, 50.0], [0, 0, 3.5], [0, 1, 2])
    assert len(dijets.measured(given, CMS, np.random.default_rng(1))) == 1


def test_the_resonance_has_its_masses_and_the_seed_decides():
    table = dijets.simulate_chunk(dijets.RESONANCE, 150, seed=1)
    assert np.median(table["mjj"]) == pytest.approx(dijets.RESONANCE_MASS, rel=0.04)
    assert np.median(table["m1"]) == pytest.approx(dijets.X_MASS, rel=0.06)
    assert np.mean(np.abs(table["m2"] / dijets.Y_MASS - 1) < 0.15) > 0.35
    assert table["is_signal"].all()
    again = dijets.simulate_chunk(dijets.RESONANCE, 150, seed=1)
    for name in dijets.COLUMNS:
        np.testing.assert_array_equal(table[name], again[name])


def test_a_sample_is_made_written_and_read(tmp_path, monkeypatch):
    monkeypatch.setattr(dijets, "MIN_EVENTS", 20)
    monkeypatch.setattr(dijets, "EVENTS_PER_CHUNK", 60)
    monkeypatch.setattr(dijets, "EXPECTED", {dijets.RESONANCE: 35, dijets.QCD_DIJETS: 30})
    file = simulate_dijets(40, 20, seed=3, workers=1, output=tmp_path / "pairs.h5")
    pairs = anomalies.load(file)
    assert (len(pairs), int(pairs.is_signal.sum())) == (60, 20)
    assert set(pairs.columns) == set(dijets.COLUMNS)
    low, high = dijets.MASS_RANGE
    assert low <= pairs["mjj"].min() <= pairs["mjj"].max() <= high
    assert (pairs["m1"] >= pairs["m2"]).all()
    assert pairs["deta"].max() <= dijets.MAX_SEPARATION + 0.01
    for name, column in dijets.COLUMNS.items():
        np.testing.assert_array_equal(pairs[name] / column.step % 1, 0)
    with h5py.File(file) as stored:
        assert "--events 40 --signal 20 --seed 3" in json.loads(stored.attrs["provenance"])["made_by"]
        assert stored["events/m1"].attrs["unit"] == "GeV"
    assert not list(tmp_path.glob("*.parts"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"events": 5}, "5 events"),
        ({"workers": 0}, "workers 0"),
        ({"output": "pairs.root"}, "name it .h5"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path, monkeypatch, changes, message):
    monkeypatch.chdir(tmp_path)
    given = {"events": 200, "signal": 200, "seed": 1, "workers": 1, "output": "pairs.h5"} | changes
    with pytest.raises(SimulationError, match=message):
        simulate_dijets(**given)
