"""Calorimeters and particle flow against closed forms and a slow clustering."""

import numpy as np
import pytest

pytest.importorskip("pythia8mc", reason="the simulation extra is not installed")

from jetlab.simulation import calorimeter, detector, particle_flow
from jetlab.simulation.calorimeter import Clusters, Deposits, Grid
from jetlab.simulation.generator import Particles
from jetlab.simulation.parameters import CMS, SHIFTED

BARREL = Grid(0.1, 0.2, 1.5)


def particles(pid, pt, eta, phi, charge=0.0):
    """Massless particles from the primary vertex, each in an event of its own."""
    n = len(pt)
    ones, zero = np.ones(n), np.zeros(n)
    return Particles(
        np.arange(n),
        np.zeros(n, dtype=int),
        (ones * pid).astype(int),
        ones * charge,
        np.asarray(pt, float),
        ones * eta,
        ones * phi,
        np.asarray(pt) * np.cosh(ones * eta),
        zero,
        zero,
        zero,
    )


def deposits(rows):
    """Deposits from (event, eta, phi, energy)."""
    event, eta, phi, energy = np.array(rows, dtype=float).reshape(-1, 4).T
    return Deposits(event.astype(int), eta, phi, energy)


def test_hadronic_response_is_grooms_power_law():
    energy = np.array([1.0, 10.0, 50.0, 300.0])
    assert calorimeter.hadronic_response(energy) == pytest.approx(
        1 - (1 - CMS.h_over_e) * energy ** (CMS.groom_power - 1)
    )
    assert np.all(np.diff(calorimeter.hadronic_response(energy)) > 0)


def test_hadrons_leave_on_average_what_the_response_says():
    rng = np.random.default_rng(1)
    for energy in (3.0, 50.0):
        ecal, hcal = calorimeter.hadron_deposits(np.full(200_000, energy), rng)
        pions = calorimeter.hadronic_response(np.array([50.0]))[0]
        at_photon_scale = ecal + hcal * pions
        ionisation = CMS.ecal_ionisation * np.exp(-CMS.ecal_depth)
        expected = energy * calorimeter.hadronic_response(np.array([energy]))[0] + ionisation
        assert at_photon_scale.mean() == pytest.approx(expected, rel=0.01)
        assert min(ecal.min(), hcal.min()) >= 0
    assert np.mean(ecal > CMS.ecal_ionisation + 1e-9) == pytest.approx(1 - np.exp(-CMS.ecal_depth), abs=0.02)


@pytest.mark.parametrize("energy", [20.0, 200.0])
def test_photons_have_the_resolution_of_the_ecal(energy):
    rng = np.random.default_rng(1)
    n = 6000
    photons = particles(22, np.full(n, energy), 0.0, rng.uniform(-3, 3, n))
    found, tracks = detector.simulate(photons, np.zeros(n), rng)
    assert len(tracks["pt"]) == 0
    near = (found.pid == 22) & (np.abs(found.phi - photons.phi[found.event]) < 0.01)
    whole = found.pt[near & (found.pt > 0.8 * energy)]
    stochastic, noise, constant = CMS.ecal_resolution
    expected = np.sqrt(stochastic**2 / energy + (noise / energy) ** 2 + constant**2)
    assert np.median(whole) / energy == pytest.approx(1, abs=0.005)
    p16, p84 = np.percentile(whole / energy, [16, 84])
    assert (p84 - p16) / 2 == pytest.approx(expected, rel=0.1)


def test_photons_convert_as_often_as_the_material_says_and_keep_their_energy():
    rng = np.random.default_rng(2)
    n = 20_000
    hard = Deposits(np.arange(n), np.zeros(n), np.zeros(n), np.full(n, 50.0))
    after = calorimeter.with_conversions(hard, np.ones(n, dtype=bool), rng)
    converted = len(after.energy) - n
    # Two electrons in place of one photon, but those that are too soft to arrive.
    assert converted / n == pytest.approx(1 - np.exp(-7 / 9 * 0.4), abs=0.02)
    assert after.energy.sum() == pytest.approx(50.0 * n, rel=0.005)
    none = calorimeter.with_conversions(hard, np.zeros(n, dtype=bool), rng)
    assert len(none.energy) == n


def test_bend_agrees_with_the_radius_of_curvature():
    pion = particles(211, [1.0], 0.0, 0.0, charge=1)
    # Chord L of a circle of radius R = pt / (0.3 B): the track enters the ECAL at the angle arcsin(L / 2R).
    radius = 1.0 / (0.3 * CMS.field)
    assert calorimeter.phi_at_calorimeter(pion)[0] == pytest.approx(-np.arcsin(CMS.ecal_radius / (2 * radius)))


def test_noise_is_as_frequent_as_its_tail():
    noise = calorimeter.noise(4000, np.random.default_rng(3))
    barrel = np.abs(noise.eta) < CMS.hcal_tower[2]
    towers = 2 * CMS.hcal_tower[2] / 0.087 * 2 * np.pi / 0.087
    assert barrel.sum() / 4000 / towers == pytest.approx(0.00235, rel=0.05)  # Gaussian above 0.8 / 0.283 = 2.827 sigma
    assert noise.energy.min() > CMS.hcal_threshold


def test_cells_and_their_neighbours_agree():
    rng = np.random.default_rng(4)
    event = rng.integers(0, 5, 2000)
    eta, phi = rng.uniform(-2.9, 2.9, 2000), rng.uniform(-np.pi, np.pi, 2000)
    cell = BARREL.cell(event, eta, phi)
    for step in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1)):
        there = BARREL.neighbour(cell, *step)
        back = BARREL.neighbour(there, -step[0], -step[1])
        assert np.all(back[there >= 0] == cell[there >= 0])
    inner = np.abs(eta) < 1.3
    assert np.all(BARREL.neighbour(cell, 1, 0)[inner] == BARREL.cell(event, eta + 0.1, phi)[inner])
    assert len(np.unique(BARREL.cell(np.arange(5), np.zeros(5), np.zeros(5)))) == 5


def test_neighbours_close_around_phi():
    cell = BARREL.cell(np.array([0]), np.array([0.05]), np.array([np.pi - 1e-6]))
    assert BARREL.neighbour(cell, 0, 1) == BARREL.cell(np.array([0]), np.array([0.05]), np.array([-np.pi]))


def test_clusters_join_neighbours_and_keep_the_energy():
    rows = [(0, 0.05, 0.05, 5.0), (0, 0.15, 0.05, 2.0), (0, 0.75, 0.05, 3.0), (1, 0.05, 0.05, 4.0), (0, -1.0, 2.0, 0.4)]
    clusters = Clusters.build(BARREL, deposits(rows), threshold=0.5)
    order = np.argsort(clusters.energy)
    assert clusters.energy[order] == pytest.approx([3.0, 4.0, 7.0])
    assert clusters.event[order].tolist() == [0, 1, 0]
    assert clusters.eta[order][2] == pytest.approx((5 * 0.05 + 2 * 0.15) / 7)
    at = clusters.at(np.array([0, 0, 1, 0]), np.array([0.05, 0.15, 0.05, -1.0]), np.array([0.05, 0.05, 0.05, 2.0]))
    assert at[0] == at[1] != at[2]
    assert at[3] == -1


def test_clusters_across_phi_have_their_centre_there():
    rows = [(0, 0.05, np.pi - 0.01, 5.0), (0, 0.05, -np.pi + 0.01, 4.9)]
    clusters = Clusters.build(Grid(0.1, 0.1, 1.5), deposits(rows), threshold=0.5)
    assert len(clusters.energy) == 1
    assert np.abs(clusters.phi[0]) == pytest.approx(np.pi, abs=1e-3)


def slow_clusters(energy):
    """Which seed each cell of a small grid belongs to, cell by cell; no cell touches the edge."""

    def climb(i, j):
        four = [(0, 1), (0, -1), (1, 0), (-1, 0)]
        eight = [*four, (1, 1), (1, -1), (-1, 1), (-1, -1)]
        if all(energy[i, j] >= energy[i + a, j + b] for a, b in four):
            return i, j
        a, b = max(eight, key=lambda step: energy[i + step[0], j + step[1]])
        return climb(i + a, j + b)

    return {(i, j): climb(i, j) for i, j in zip(*np.nonzero(energy), strict=True)}


def test_clusters_are_those_of_a_slow_search():
    rng = np.random.default_rng(5)
    energy = np.zeros((14, 14))
    energy[1:-1, 1:-1] = np.where(rng.random((12, 12)) < 0.6, rng.exponential(3.0, (12, 12)) + 1, 0)
    i, j = np.nonzero(energy)
    n_phi = int(2 * np.pi / 0.1)
    phi = (j + 10.5) / n_phi * 2 * np.pi - np.pi
    clusters = Clusters.build(BARREL, Deposits(0 * i, i * 0.1 - 0.95, phi, energy[i, j]), threshold=0.5)
    seeds = slow_clusters(energy)
    found = clusters.at(0 * i, i * 0.1 - 0.95, phi)
    expected = [seeds[cell] for cell in zip(i, j, strict=True)]
    assert len(clusters.energy) == len(set(expected))
    pairs = set(zip(found.tolist(), expected, strict=True))
    assert len(pairs) == len(set(expected))


def flow(ecal=(), hcal=(), tracks=()):
    """Particle flow of deposits and tracks, rows of (event, eta, phi, GeV)."""
    event, eta, phi, momentum = np.array(tracks, dtype=float).reshape(-1, 4).T
    entry = particle_flow.Tracks(event.astype(int), momentum, eta, phi)
    in_ecal, in_hcal = (
        Clusters.build(Grid(*size), deposits(rows), 0.1)
        for size, rows in ((CMS.ecal_cell, ecal), (CMS.hcal_tower, hcal))
    )
    found = particle_flow.reconstruct(in_ecal, in_hcal, entry, CMS)
    return sorted(zip(found.pid.tolist(), np.round(found.energy, 6).tolist(), strict=True))


def calibrated(energy, share_in_ecal):
    """Signals in ECAL and HCAL that the calibration of a hadron brings back to `energy` (GeV), about that momentum."""
    response = calorimeter.hadronic_response(np.array([energy]))[0]
    pions = calorimeter.hadronic_response(np.array([50.0]))[0]
    return share_in_ecal * energy * response, (1 - share_in_ecal) * energy * response / pions


def test_clusters_without_tracks_are_photons_and_neutral_hadrons():
    assert flow(ecal=[(0, 0.1, 0.1, 8.0)], hcal=[(0, 0.5, 1.0, 6.0)]) == [(22, 8.0 + CMS.ecal_offset), (130, 6.0)]
    assert flow(ecal=[(0, 0.1, 0.1, 0.2)], hcal=[(0, 0.5, 1.0, 0.7)]) == []


def test_a_hadron_whose_energy_is_its_momentum_leaves_nothing_neutral():
    ecal, hcal = calibrated(40.0, 0.3)
    assert flow([(0, 0.1, 0.1, ecal)], [(0, 0.1, 0.1, hcal)], [(0, 0.1, 0.1, 40.0)]) == []


def test_an_excess_is_a_photon_up_to_the_energy_in_ecal():
    _, hcal = calibrated(40.0, 0.0)
    ((kind, energy),) = flow([(0, 0.1, 0.1, 25.0)], [(0, 0.1, 0.1, hcal)], [(0, 0.1, 0.1, 40.0)])
    assert kind == 22
    assert 20 < energy <= 25


def test_what_the_ecal_cannot_explain_is_a_neutral_hadron():
    ecal, hcal = calibrated(40.0, 0.1)
    found = flow([(0, 0.1, 0.1, ecal)], [(0, 0.1, 0.1, hcal + 40.0)], [(0, 0.1, 0.1, 40.0)])
    assert [kind for kind, _ in found] == [22, 130]
    assert found[0][1] == pytest.approx(ecal)
    assert 20 < found[1][1] < 45


def test_an_excess_within_the_resolution_is_none():
    _, hcal = calibrated(40.0, 0.0)
    sigma = calorimeter.resolution(np.array([40.0]), CMS.hadron_resolution)[0]
    just_below = hcal * (1 + 0.95 * CMS.excess_significance * sigma / 40.0)
    above = hcal * (1 + 1.3 * CMS.excess_significance * sigma / 40.0)
    track = [(0, 0.1, 0.1, 40.0)]
    assert flow((), [(0, 0.1, 0.1, just_below)], track) == []
    assert [kind for kind, _ in flow((), [(0, 0.1, 0.1, above)], track)] == [130]


def test_events_do_not_mix():
    _, hcal = calibrated(40.0, 0.0)
    assert flow((), [(0, 0.1, 0.1, hcal)], [(1, 0.1, 0.1, 40.0)]) == [(130, round(hcal, 6))]


def test_transition_region_loses_energy():
    rng = np.random.default_rng(1)

    def response(eta):
        kaons = particles(130, np.full(3000, 50 / np.cosh(eta)), eta, 0.0)
        found = detector.simulate(kaons, np.zeros(3000), rng)[0]
        near = (np.abs(found.phi) < 0.3) & (np.abs(found.eta - eta) < 0.3)
        return found.pt[near].sum() / 3000 / (50 / np.cosh(eta))

    assert 0.8 < response(0.5) < 1
    assert response(CMS.gap_centre) < response(0.5) - 0.1


def test_the_shifted_detector_sees_less():
    def charged_and_total(d):
        rng = np.random.default_rng(6)
        n = 6000
        pions = particles(211, np.full(n, 20.0), 0.2, rng.uniform(-3, 3, n), charge=1)
        found, tracks = detector.simulate(pions, np.zeros(n), rng, d)
        return len(tracks["pt"]) / n, found.pt.sum() / n / 20

    nominal, shifted = charged_and_total(CMS), charged_and_total(SHIFTED)
    assert shifted[0] == pytest.approx(0.97 * nominal[0], abs=0.015)
    assert shifted[1] < nominal[1]
