"""Flavour-tagging jets: tracks, fits and likelihoods against closed forms, and the physics of a small sample."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

from jetlab import io

pytest.importorskip("pythia8mc", reason="the simulation extra is not installed")
pytest.importorskip("fastjet", reason="the simulation extra is not installed")

from jetlab.io import schema
from jetlab.simulation import SimulationError, simulate_flavour
from jetlab.simulation.flavour import chain, chunk, events, impact, production, tracker, vertices
from jetlab.simulation.flavour.jets import Jets
from jetlab.simulation.generator import Generator, Particles
from jetlab.simulation.parameters import ATLAS

#: Nothing but the resolution: no material, losses, tails, fakes, merged clusters or smeared vertices.
PLAIN = replace(
    ATLAS,
    material=(0.0,) * 5,
    hadron_efficiency=(1.0, 1.0),
    tail_share=0.0,
    fake_share=0.0,
    fake_core=0.0,
    core_loss=0.0,
    shared_share=0.0,
    layer_efficiency=1.0,
    vertex_resolution=(1e-6, 1e-6),
    max_radius=1e9,
)


def lone_jets(n, pt=100.0, eta=0.0, phi=0.0):
    """Light jets, one in each event."""
    none, ones = np.full(n, np.nan), np.ones(n)
    energy = ones * pt * np.cosh(eta)
    return Jets(np.arange(n), ones * pt, ones * eta, ones * phi, energy, np.zeros(n, dtype=int), none, none, none)


def pions(event, pt, eta, phi, x=0.0, y=0.0, z=0.0):
    n = len(event)
    ones = np.ones(n)
    charge = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    p = ones * pt * np.cosh(eta)
    zero = np.zeros(n, dtype=int)
    return Particles(
        event,
        zero,
        211 * charge.astype(int),
        charge,
        *(ones * each for each in (pt, eta, phi)),
        np.hypot(p, tracker.PION_MASS),
        *(ones * each for each in (x, y, z)),
    )


def found(particles, jets, detector=PLAIN, seed=1):
    rng = np.random.default_rng(seed)
    return tracker.tracks_of_jets(particles, np.zeros(len(particles)), jets, len(jets), rng, detector)


def energies(tracks, jets):
    return np.bincount(tracks.jet, weights=tracks.pt * np.cosh(tracks.eta), minlength=len(jets))


def test_a_perigee_lies_on_the_helix():
    rng = np.random.default_rng(2)
    n = 500
    x, y, z = rng.normal(0, 20, (3, n))
    phi, eta = rng.uniform(-np.pi, np.pi, n), rng.uniform(-2, 2, n)
    curvature = rng.choice([-1, 1], n) * rng.uniform(1e-6, 1e-3, n)
    d0, z0, phi0 = tracker.perigee(x, y, z, phi, eta, curvature)
    # From the perigee along the circle to where the direction is that of the production.
    turn = (phi - phi0 + np.pi) % (2 * np.pi) - np.pi
    across_x = -d0 * np.sin(phi0) + (np.sin(phi0 + turn) - np.sin(phi0)) / curvature
    across_y = d0 * np.cos(phi0) - (np.cos(phi0 + turn) - np.cos(phi0)) / curvature
    assert across_x == pytest.approx(x, abs=1e-6)
    assert across_y == pytest.approx(y, abs=1e-6)
    assert z0 + turn / curvature * np.sinh(eta) == pytest.approx(z, abs=1e-6)


def test_impact_parameters_are_as_wide_as_their_uncertainty_says():
    n = 4000
    jets = lone_jets(n)
    tracks = found(pions(np.arange(n), 5.0, 0.1, 0.1), jets)
    assert len(tracks) == n
    for pull in (tracks.d0 / tracks.d0_error, tracks.z0 / tracks.z0_error):
        assert np.std(pull) == pytest.approx(1, abs=0.05)
        assert np.mean(pull) == pytest.approx(0, abs=0.08)
    resolution = np.hypot(ATLAS.d0_resolution[0], ATLAS.d0_resolution[1] / 5.0 * np.cosh(0.1) ** 0.5)
    assert np.std(tracks.d0) == pytest.approx(resolution, rel=0.05)
    worse = found(pions(np.arange(n), 5.0, 0.1, 0.1), jets, replace(PLAIN, pull_width=1.3))
    assert np.std(worse.d0 / worse.d0_error) == pytest.approx(1.3, abs=0.07)


def test_impact_parameters_of_decays_ahead_are_positive():
    n = 500
    rng = np.random.default_rng(3)
    phi = rng.normal(0, 0.1, n)
    # All from a point 5 mm ahead of the vertex on the jet's axis: d0 is that times the sine of the angle.
    tracks = found(pions(np.arange(n), 50.0, 0.0, phi, x=5.0), lone_jets(n))
    d0, _ = impact.signed(tracks, lone_jets(n))
    far = np.abs(np.sin(phi[tracks.jet])) * 5 > 0.1
    assert np.all(d0[far] > 0)
    assert np.abs(tracks.d0) == pytest.approx(5 * np.abs(np.sin(phi[tracks.jet])), abs=0.08)
    behind = found(pions(np.arange(n), 50.0, 0.0, phi, x=-5.0), lone_jets(n))
    assert np.all(impact.signed(behind, lone_jets(n))[0][far] < 0)


def test_what_passes_material_leaves_secondaries_there():
    n = 3000
    thick = replace(PLAIN, material=(0.0, 1.0, 0.0, 0.0, 0.0))
    tracks = found(pions(np.arange(n), 20.0, 0.0, 0.0), lone_jets(n), thick)
    survived = np.exp(-ATLAS.nuclear_share)
    assert np.mean(tracks.prompt) < 1
    assert tracks.prompt.sum() / n == pytest.approx(survived, abs=4 * (survived * (1 - survived) / n) ** 0.5)
    # What is made in the innermost layer has hits from the next on.
    assert tracks.npixel[~tracks.prompt].max() == 3
    assert tracks.npixel[tracks.prompt].min() == 4


def test_a_vertex_fit_finds_the_point_that_straight_lines_meet_in():
    truth = np.array([[3.0, 1.0, 2.0]])
    phi, sinh = np.array([[0.1, 0.5, -0.4]]), np.array([[0.2, -0.3, 0.5]])
    along = truth[:, :1] * np.cos(phi) + truth[:, 1:2] * np.sin(phi)
    tracks = {
        "phi": phi,
        "sinh_eta": sinh,
        "curvature": np.zeros((1, 3)),
        "d0": truth[:, 1:2] * np.cos(phi) - truth[:, :1] * np.sin(phi),
        "z0": truth[:, 2:] - along * sinh,
        "d0_error": np.full((1, 3), 0.02),
        "z0_error": np.full((1, 3), 0.08),
    }
    fitted = vertices.fit(tracks, np.ones((1, 3), dtype=bool))
    assert fitted.position == pytest.approx(truth, abs=1e-4)
    assert fitted.chi2 == pytest.approx(np.zeros((1, 3)), abs=1e-5)
    # The normal equations of least squares, by numpy's own solver.
    zero, one = np.zeros(3), np.ones(3)
    rows = np.concatenate(
        [
            np.stack([-np.sin(phi[0]), np.cos(phi[0]), zero], axis=1) / 0.02,
            np.stack([-sinh[0] * np.cos(phi[0]), -sinh[0] * np.sin(phi[0]), one], axis=1) / 0.08,
        ]
    )
    assert fitted.covariance[0] == pytest.approx(np.linalg.inv(rows.T @ rows), rel=1e-3)


def decays(n, length, seed=5):
    """Decays of a mass of 4 GeV to four pions, `length` mm from the vertex, in jets along x; and the jets."""
    rng = np.random.default_rng(seed)
    event = np.repeat(np.arange(n), 4)
    px, (py, pz) = rng.uniform(3, 10, 4 * n), rng.normal(0, 0.9, (2, 4 * n))
    # Balanced across the flight, so that the sum points along it.
    py, pz = (each - np.repeat(each.reshape(n, 4).mean(axis=1), 4) for each in (py, pz))
    pt = np.hypot(px, py)
    particles = pions(event, pt, np.arcsinh(pz / pt), np.arctan2(py, px), x=length)
    energy = np.sqrt(px**2 + py**2 + pz**2 + tracker.PION_MASS**2).reshape(n, 4).sum(axis=1)
    mass = np.sqrt(energy**2 - px.reshape(n, 4).sum(axis=1) ** 2)
    return particles, lone_jets(n, pt=40.0), mass


def test_a_secondary_vertex_is_where_the_decay_was():
    n = 400
    particles, jets, mass = decays(n, 6.0)
    tracks = found(particles, jets)
    columns, inside, fitted = vertices.secondary(vertices.displaced(tracks, jets), jets, energies(tracks, jets), PLAIN)
    there = np.isfinite(columns["sv_mass"])
    whole = there & (columns["sv_ntracks"] == 4)
    assert there.mean() > 0.9
    assert whole.mean() > 0.5
    assert inside.sum(axis=1)[there] == pytest.approx(columns["sv_ntracks"][there])
    assert np.median(columns["sv_l3d"][there]) == pytest.approx(6.0, abs=0.1)
    assert np.median(columns["sv_mass"][whole] / mass[whole]) == pytest.approx(1, abs=0.02)
    assert np.median(columns["sv_dr"][there]) < 0.05
    error = np.sqrt(fitted.covariance[whole, 0, 0])
    assert np.std((fitted.position[whole, 0] - 6.0) / error) == pytest.approx(1, abs=0.15)


def test_jets_without_displaced_tracks_have_no_vertex_and_no_chain():
    n = 50
    jets = lone_jets(n)
    tracks = found(pions(np.arange(n), 50.0, 0.0, 0.05), jets, replace(PLAIN, d0_resolution=(1e-4, 0.0)))
    given = vertices.displaced(tracks.take(np.abs(tracks.z0 / tracks.z0_error) < 1.5), jets)
    columns, inside, _ = vertices.secondary(given, jets, np.ones(n), PLAIN)
    columns |= chain.chain(given, jets, np.ones(n))
    assert not inside.any()
    assert set(columns) <= set(schema.FLAVOUR)
    assert all(np.isnan(values[~given.there.any(axis=1)]).all() for values in columns.values())


def test_a_chain_has_a_vertex_for_each_decay():
    n = 300
    first, jets, _ = decays(n, 4.0, seed=6)
    second, _, _ = decays(n, 12.0, seed=7)
    both = Particles(*(np.concatenate(pair) for pair in zip(vars(first).values(), vars(second).values(), strict=True)))
    tracks = found(both, jets)
    columns = chain.chain(vertices.displaced(tracks, jets), jets, energies(tracks, jets))
    alone = found(first, jets)
    one = chain.chain(vertices.displaced(alone, jets), jets, energies(alone, jets))
    assert np.nanmedian(columns["jf_nvertices"]) == 2
    assert np.nanmedian(one["jf_nvertices"]) == 1
    assert np.nanmean(columns["jf_ntracks"]) > 1.5 * np.nanmean(one["jf_ntracks"])


def test_likelihood_ratios_are_those_of_the_templates():
    rng = np.random.default_rng(8)
    n = 60_000
    flavour = np.repeat([0, 4, 5], n)
    mean = np.select([flavour == 4, flavour == 5], [1.0, 3.0], 0.0)
    d0, z0 = rng.normal(mean, 1), rng.normal(0, 1, 3 * n)
    templates = impact.Templates.derive(d0, z0, np.full(3 * n, 3), flavour)
    assert templates.two.sum(axis=-1) == pytest.approx(1)
    assert templates.three.sum(axis=(-1, -2)) == pytest.approx(1)
    # Of Gaussians of width one the logarithm of the ratio is linear: 3 d0 - 4.5, averaged over a bin or two.
    x = np.array([0.75, 1.75, 2.75])
    three = np.full(3, 3)
    ratios = templates.ratios(x, np.zeros(3), three, np.arange(3), 4)
    assert ratios["ip2d_bu"][:3] == pytest.approx(3 * x - 4.5, abs=0.6)
    assert ratios["ip3d_bu"][:3] == pytest.approx(3 * x - 4.5, abs=0.6)
    assert np.isnan(ratios["ip3d_bc"][3])
    together = templates.ratios(x, np.zeros(3), three, np.zeros(3, dtype=int), 1)
    assert together["ip3d_bc"][0] == pytest.approx(ratios["ip3d_bc"][:3].sum())


def test_lifetime_of_b_hadrons_is_that_of_the_tables():
    # Without the underlying event, which changes no decay, events are several times as fast.
    quick = replace(events.BOTTOM, settings=(*events.BOTTOM.settings, "PartonLevel:MPI = off"))
    batches = list(events.generate(Generator(quick, 11), 1500))
    flavour, ctau = (np.concatenate([getattr(each.hadrons, name) for each in batches]) for name in ("flavour", "ctau"))
    b = flavour == 5
    assert b.sum() > 2500
    # Of the mixture of B+, B0, Bs and Lambda_b: 491, 455, 457 and 441 um, PDG 2024.
    assert ctau[b].mean() == pytest.approx(0.47, rel=0.05)


@pytest.fixture(scope="module")
def pool():
    return chunk.pool(150, 3)


@pytest.fixture(scope="module")
def sample(pool):
    """Jets of top pairs, which are of every flavour."""
    return chunk.simulate_chunk(events.TTBAR, 400, pool, 1, chunk.Conditions())


def of_flavour(sample, flavour, table, name):
    """A column of the jets with that flavour, or of their tracks."""
    mine = sample.jets["flavour"] == flavour
    return sample.jets[name][mine] if table == "jets" else sample.tracks[name][mine[sample.tracks["jet"]]]


def test_light_jets_have_symmetric_impact_parameters_and_b_jets_a_tail(sample):
    def significances(flavour):
        counted = of_flavour(sample, flavour, "tracks", "counts")
        return of_flavour(sample, flavour, "tracks", "track_d0_significance")[counted]

    light, b = significances(0), significances(5)
    core = np.abs(light) < 2
    assert np.mean(light[core] > 0) == pytest.approx(0.5, abs=4 * 0.5 / core.sum() ** 0.5)
    assert np.sum(b > 3) > 4 * np.sum(b < -3)
    # What light jets have comes from K0, Lambda and material.
    assert np.sum(light > 3) < 2 * np.sum(light < -3)
    assert np.mean(b > 3) > 8 * np.mean(light > 3)


def test_vertex_masses_are_those_of_b_and_c(sample):
    b, c, light = (of_flavour(sample, flavour, "jets", "sv_mass") for flavour in (5, 4, 0))
    found = [np.isfinite(mass).mean() for mass in (b, c, light)]
    assert found[0] > 0.5
    assert found[0] > 2 * found[1] > 4 * found[2]
    assert 1.3 < np.nanmedian(b) < 5
    assert np.nanmedian(c) < 1.2
    assert np.sum(c > 2) < 0.15 * np.isfinite(c).sum()
    assert np.sum(b > 2) > 0.2 * np.isfinite(b).sum()


def test_flavours_are_those_of_the_hadrons_inside(sample, pool):
    jets = sample.jets
    assert set(np.unique(jets["flavour"])) == {0, 4, 5, 15}
    assert np.array_equal(np.isnan(jets["hadron_pt"]), jets["flavour"] == 0)
    assert jets["pt"].min() > 20
    assert jets["pt"].max() < 1000
    assert np.abs(jets["eta"]).max() < 2.5
    # Two b and at least one c from each top pair, within the acceptance.
    assert 1 < np.sum(jets["flavour"] == 5) / 400 < 2.2
    assert 0.2 < np.sum(jets["flavour"] == 4) / 400 < 1.3
    for flavour, process in ((5, events.BOTTOM), (4, events.CHARM)):
        hard = chunk.simulate_chunk(process, 40, pool, 2, chunk.Conditions()).jets
        assert np.mean(hard["flavour"][hard["pt"] > 100] == flavour) > 0.6


def test_muons_are_more_frequent_in_b_jets(sample):
    b, light = (np.isfinite(of_flavour(sample, flavour, "jets", "muon_pt")).mean() for flavour in (5, 0))
    assert 0.05 < b < 0.4
    assert light < b / 4


def test_the_other_simulation_gives_other_jets_of_the_same_form(sample, pool):
    other = chunk.simulate_chunk(events.TTBAR, 25, pool, 1, production.VARIATIONS["alternative"])
    assert set(other.jets) == set(sample.jets)
    assert set(other.tracks) == set(sample.tracks)
    assert 2 < len(other.jets["pt"]) / 25 < 7


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(production, "EVENTS_PER_CHUNK", 12)
    monkeypatch.setattr(production, "POOL_EVENTS", 30)
    monkeypatch.setattr(production, "MIN_JETS", 10)
    monkeypatch.setattr(production, "EXPECTED_JETS", dict.fromkeys(production.EXPECTED_JETS, 20))


def test_same_seed_same_jets_whatever_the_workers_and_interruptions(small, tmp_path, monkeypatch):
    simulate_flavour(24, 5, 1, tmp_path / "one.h5")

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(production.io, "write_hdf5", interrupted)
        with pytest.raises(KeyboardInterrupt):
            simulate_flavour(24, 5, 2, tmp_path / "two.h5")
    lost = next((tmp_path / "two.h5.parts").glob("ttbar-*.npz"))
    lost.unlink()
    simulate_flavour(24, 5, 2, tmp_path / "two.h5")
    one, two = io.read(tmp_path / "one.h5"), io.read(tmp_path / "two.h5")
    for name in one.columns:
        assert ak.array_equal(one.jets[name], two.jets[name], equal_nan=True), name
    assert not (tmp_path / "two.h5.parts").exists()
    assert len(one) == len(two) >= 24
    assert one.radius == 0.4
    assert set(one.columns) == {
        *("run", "lumi", "event", "ijet", "jet_pt_ak7", "jet_eta_ak7", "jet_phi_ak7", "jet_E_ak7", "jet_flavour_ak7"),
        *schema.FLAVOUR,
        *schema.FLAVOUR_TRACK,
    }
    assert set(one["jet_process_ak7"]) == {0, 1, 2, 3}
    assert ak.max(ak.num(one["track_dr"])) <= production.MAX_TRACKS


def test_templates_of_another_sample_are_those_it_was_made_with(small, tmp_path, monkeypatch):
    one = tmp_path / "one.h5"
    simulate_flavour(24, 5, 1, one)
    simulate_flavour(24, 5, 1, tmp_path / "again.h5", templates=one)
    simulate_flavour(24, 6, 1, tmp_path / "own.h5")
    simulate_flavour(24, 6, 1, tmp_path / "other.h5", templates=one)
    again, own, other = (io.read(tmp_path / f"{name}.h5") for name in ("again", "own", "other"))

    def differing(first, second):
        return {name for name in first.columns if not ak.array_equal(first.jets[name], second.jets[name], True)}

    assert differing(io.read(one), again) == set()
    # The same jets, whose likelihoods are judged by the templates of the others.
    assert differing(own, other) == {"ip2d_bu", "ip2d_bc", "ip3d_bu", "ip3d_bc"}
    assert own.provenance["templates_of"] is None
    assert other.provenance["templates_of"] == "jetlab simulate flavour --jets 24 --seed 5 --variation nominal"
    assert other.provenance["made_by"].endswith(" --templates one.h5")
    monkeypatch.setattr(production, "EVENTS_PER_CHUNK", 13)
    with pytest.raises(SimulationError, match=r"--templates .*one\.h5: its jets cannot be made again"):
        simulate_flavour(24, 6, 1, tmp_path / "third.h5", templates=one)
    assert not (tmp_path / "third.h5.parts").exists()


def test_jets_of_top_pairs_alone_are_those_of_the_same_chunks(small, tmp_path):
    simulate_flavour(24, 5, 1, tmp_path / "top.h5", top_pairs=True)
    found = io.read(tmp_path / "top.h5")
    assert len(found) >= 24
    assert set(found["jet_process_ak7"]) == {0}
    assert set(found.provenance["chunks"]) == {"ttbar"}
    assert found.provenance["made_by"].endswith("--top-pairs")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"jets": 5}, "--jets 5"),
        ({"workers": 0}, "--workers 0"),
        ({"variation": "herwig"}, "one of nominal, alternative"),
        ({"output": "jets.root"}, "--output jets.root"),
    ],
)
def test_impossible_runs_are_refused(change, complaint, tmp_path):
    given = {"jets": 2000, "seed": 1, "workers": 1, "output": "jets.h5"} | change
    with pytest.raises(SimulationError, match=complaint):
        simulate_flavour(**given | {"output": tmp_path / given["output"]})
    assert list(tmp_path.iterdir()) == []
