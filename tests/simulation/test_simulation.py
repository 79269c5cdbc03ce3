"""The simulation against closed forms, literal implementations and itself."""

import os
import zipfile

import awkward as ak
import numpy as np
import pytest

from jetlab import cli, io
from jetlab.angles import wrap

pytest.importorskip("pythia8mc", reason="the simulation extra is not installed")
pytest.importorskip("fastjet", reason="the simulation extra is not installed")

from jetlab.simulation import (
    SimulationError,
    correction,
    detector,
    farm,
    production,
    reconstruction,
    simulate_jets,
)
from jetlab.simulation.chunk import thinned
from jetlab.simulation.detector import CMS, Candidates
from jetlab.simulation.generator import QCD, TOP, Collisions, Generator, Particles


def particles(pid, pt, eta, phi, charge=0.0, event=None):
    """Massless particles from the primary vertex, each in an event of its own unless told otherwise."""
    n = len(pt)
    zero = np.zeros(n)
    event = np.arange(n) if event is None else np.asarray(event)
    ones = np.ones(n)
    return Particles(
        event,
        np.zeros(n, dtype=int),
        (ones * pid).astype(int),
        ones * charge,
        np.asarray(pt, float),
        ones * eta,
        ones * phi,
        np.asarray(pt) * np.cosh(eta),
        zero,
        zero,
        zero,
    )


def candidates(pt, eta, phi, event=None):
    """Massless neutral candidates."""
    n = len(pt)
    event = np.zeros(n, dtype=int) if event is None else np.asarray(event)
    zero = np.zeros(n, dtype=int)
    return Candidates(event, zero + 22, zero, np.asarray(pt, float), np.asarray(eta), np.asarray(phi), np.zeros(n))


def test_pions_are_tracked_as_often_as_said_and_the_rest_becomes_neutral():
    rng = np.random.default_rng(2)
    n = 4000
    pions = particles(211, np.full(n, 20.0), 0.2, rng.uniform(-3, 3, n), charge=1)
    found, tracks = detector.simulate(pions, np.zeros(n), rng)
    merging = 1 - CMS.core_loss * 20 / CMS.core_pt
    efficiency = CMS.hadron_efficiency_barrel * merging
    assert len(tracks["pt"]) / n == pytest.approx(efficiency, abs=4 * np.sqrt(efficiency * (1 - efficiency) / n))
    charged = found.pid == 211
    assert np.sum(charged) == len(tracks["pt"])
    assert np.std(tracks["d0"] / tracks["d0err"]) == pytest.approx(1, rel=0.06)
    near = np.abs(wrap(found.phi - pions.phi[found.event])) < 0.3
    untracked = np.setdiff1d(pions.event, tracks["event"])
    assert np.isin(untracked, found.event[~charged & near]).mean() > 0.95


def test_charged_pile_up_is_mostly_removed_and_neutral_is_not():
    rng = np.random.default_rng(3)
    n = 3000
    pions = particles(211, np.full(n, 2.0), 0.2, rng.uniform(-3, 3, n), charge=1).with_(vertex=np.ones(n, dtype=int))
    far = np.full(n, 50.0)  # mm: no chance of a merged vertex
    found, tracks = detector.simulate(pions, far, rng)
    kept = np.sum(found.pid == 211) / len(tracks["pt"])
    assert kept == pytest.approx(1 - CMS.vertex_efficiency, abs=0.03)


def test_displaced_decay_has_its_impact_parameter():
    rng = np.random.default_rng(4)
    n = 3000
    # Produced at x = 0, y = 2 mm, flying along x: passes the vertex at 2 mm, positive in the convention of CMS dxy.
    pions = particles(211, np.full(n, 20.0), 0.0, 0.0, charge=1).with_(y=np.full(n, 2.0))
    _, tracks = detector.simulate(pions, np.zeros(n), rng)
    assert np.mean(tracks["d0"]) == pytest.approx(2, abs=0.01)


def test_round_mantissa_keeps_the_relative_step():
    values = np.random.default_rng(5).lognormal(2, 3, 1000) * np.array([1, -1] * 500)
    rounded = detector.round_mantissa(values, 10)
    assert np.max(np.abs(rounded / values - 1)) <= 2**-11
    assert np.array_equal(detector.round_mantissa(rounded, 10), rounded)
    assert np.array_equal(rounded.astype(np.float32), rounded)


def test_area_of_a_lone_hard_particle_is_pi_r_squared():
    n = 200
    rng = np.random.default_rng(6)
    lone = candidates(np.full(n, 300.0), rng.uniform(-1.5, 1.5, n), rng.uniform(-np.pi, np.pi, n), np.arange(n))
    jets = reconstruction.cluster_jets(lone, n, 100, rng)
    assert len(jets.table) == n
    assert ak.mean(jets.table.area) == pytest.approx(np.pi * 0.7**2, rel=0.01)
    assert ak.std(jets.table.area) < 0.05


def test_jets_are_the_sum_of_their_constituents():
    rng = np.random.default_rng(7)
    n = 400
    event = np.repeat(np.arange(10), n // 10)
    soft = candidates(rng.exponential(20, n), rng.normal(0, 1, n), rng.uniform(-np.pi, np.pi, n), event)
    jets = reconstruction.cluster_jets(soft, 10, 30, rng)
    first = jets.constituents
    px = ak.sum(ak.unflatten((soft.pt * np.cos(soft.phi))[ak.flatten(first)], ak.num(first)), axis=1)
    py = ak.sum(ak.unflatten((soft.pt * np.sin(soft.phi))[ak.flatten(first)], ak.num(first)), axis=1)
    assert np.hypot(px, py) == pytest.approx(ak.to_numpy(jets.table.pt))
    same_event = event[ak.to_numpy(ak.flatten(first))] == np.repeat(jets.table.event, ak.num(first))
    assert ak.all(same_event)


def literal_soft_drop(vectors, zcut, beta, radius):
    """Soft-drop mass by Cambridge/Aachen with a list of lists, as the paper says it (arXiv:1402.2657)."""

    def rap_phi(p):
        return 0.5 * np.log((p[3] + p[2]) / (p[3] - p[2])), np.arctan2(p[1], p[0])

    def distance(a, b):
        (ya, pa), (yb, pb) = rap_phi(a), rap_phi(b)
        return np.hypot(ya - yb, (pa - pb + np.pi) % (2 * np.pi) - np.pi)

    nodes = [(v, None) for v in vectors]
    while len(nodes) > 1:
        pairs = [(distance(nodes[i][0], nodes[j][0]), i, j) for i in range(len(nodes)) for j in range(i)]
        _, i, j = min(pairs)
        merged = (nodes[i][0] + nodes[j][0], (nodes[i], nodes[j]))
        nodes = [n for k, n in enumerate(nodes) if k not in (i, j)] + [merged]
    node = nodes[0]
    while node[1] is not None:
        a, b = sorted(node[1], key=lambda n: -np.hypot(*n[0][:2]))
        pta, ptb = np.hypot(*a[0][:2]), np.hypot(*b[0][:2])
        if ptb / (pta + ptb) > zcut * (distance(a[0], b[0]) / radius) ** beta:
            break
        node = a
    p = node[0]
    return np.sqrt(max(p[3] ** 2 - p[0] ** 2 - p[1] ** 2 - p[2] ** 2, 0))


def test_soft_drop_mass_is_that_of_a_literal_implementation():
    rng = np.random.default_rng(8)
    n_events, per_event = 12, 14
    event = np.repeat(np.arange(n_events), per_event)
    n = len(event)
    jet = candidates(rng.exponential(30, n) + 1, rng.normal(0, 0.15, n), rng.normal(0, 0.15, n), event)
    jets = reconstruction.cluster_jets(jet, n_events, 100, rng)
    vectors = reconstruction.four_vectors(jet.pt, jet.eta, jet.phi, jet.mass)
    table = np.stack([ak.to_numpy(vectors[name]) for name in ("px", "py", "pz", "E")], axis=1)
    for members, msd in zip(jets.constituents, jets.table.msd, strict=True):
        expected = literal_soft_drop(list(table[ak.to_numpy(members)]), 0.1, 1.0, 0.7)
        assert msd == pytest.approx(expected, rel=1e-6, abs=1e-4)


def test_two_particles_have_no_tau2():
    pair = candidates([150.0, 100.0], [0.0, 0.3], [0.0, 0.2])
    jets = reconstruction.cluster_jets(pair, 1, 100, np.random.default_rng(9))
    assert jets.table.tau21[0] == pytest.approx(0, abs=1e-6)
    assert jets.table.msd[0] == pytest.approx(jet_mass(pair), rel=1e-6)


def jet_mass(c):
    px, py, pz = np.sum(c.pt * np.cos(c.phi)), np.sum(c.pt * np.sin(c.phi)), np.sum(c.pt * np.sinh(c.eta))
    return np.sqrt(np.sum(c.pt * np.cosh(c.eta)) ** 2 - px**2 - py**2 - pz**2)


def test_density_finds_a_uniform_field_under_a_hard_jet():
    rng = np.random.default_rng(10)
    n = 40_000
    field = candidates(np.full(n, 0.01), rng.uniform(-2.5, 2.5, n), rng.uniform(-np.pi, np.pi, n))
    field.pt[0] = 500.0
    assert reconstruction.density(field, 1)[0] == pytest.approx(n * 0.01 / (5 * 2 * np.pi), rel=0.02)


def test_hadronic_w_needs_both_quarks_inside_and_the_jet_near():
    w = {
        "event": np.array([0, 1, 2]),
        "pt": np.full(3, 250.0),
        "eta": np.array([0.0, 0.0, 0.0]),
        "phi": np.array([3.1, 3.1, 3.1]),
        "dr_quarks": np.array([0.5, 0.9, 0.5]),
    }
    collisions = Collisions(particles(22, [1.0, 1.0, 1.0, 1.0], 0.0, 0.0), np.zeros(4), np.ones(4), w, {})
    # Near across phi = pi; quarks too far apart; W too far away; an event without a W.
    jets = ak.zip({"event": np.arange(4), "eta": np.zeros(4), "phi": np.array([-3.1, 3.1, 2.0, 3.1])})
    assert reconstruction.is_hadronic_w(jets, collisions).tolist() == [True, False, False, False]


def test_a_jet_comes_from_the_nearest_parton_of_its_event():
    rows = {"event": [0, 0, 1], "id": [21, -2, 24], "eta": [0.0, 0.5, 1.0], "phi": [3.1, 3.1, 0.0]}
    rows = {name: np.array(values) for name, values in rows.items()}
    # Between two partons, the second nearer; across phi = pi; too far from any; in an event without one.
    jets = ak.zip({"event": [0, 0, 1, 2], "eta": [0.3, -0.1, 0.0, 1.0], "phi": [3.1, -3.1, 0.0, 0.0]}, depth_limit=1)
    assert reconstruction.origin(jets, rows, 3, 0.4).tolist() == [-2, 21, 0, 0]


def test_partons_of_the_hard_process_balance():
    (batch,) = Generator(QCD, seed=7).batches(50, size=50)
    p = batch.partons
    assert np.bincount(p["event"]).tolist() == [2] * 50
    assert set(np.abs(p["id"])) <= {1, 2, 3, 4, 5, 21}
    assert p["pt"] == pytest.approx(np.repeat(batch.pthat, 2), rel=1e-3)
    chosen = batch.take(np.arange(50) % 5 == 0)
    assert chosen.partons["event"].tolist() == np.repeat(np.arange(10), 2).tolist()
    (tops,) = Generator(TOP, seed=7).batches(50, size=50)
    assert set(tops.w["id"]) == {24, -24}


GEN_PT_EDGES = (130.0, 160.0, 200.0, 250.0, 320.0, 420.0, 700.0)


def test_offset_is_what_pile_up_adds_and_leaves_the_underlying_event():
    rng = np.random.default_rng(12)
    n = 60_000
    gen_pt, area, vertices = rng.uniform(130, 300, n), rng.normal(1.5, 0.05, n), rng.poisson(9, n)
    underlying, per_vertex, slope = 1.4, 0.5, 0.8
    pile_up = per_vertex * vertices
    # The density fluctuates from event to event; the pile-up under a jet does not follow that.
    rho = underlying + pile_up + rng.normal(0, 1.0, n)
    pt_raw = 0.95 * gen_pt * rng.normal(1, 0.06, n) + slope * pile_up * area
    offset = correction.Offset.derive(pt_raw, area, rho, gen_pt, vertices)
    assert offset.rho_ue == pytest.approx(underlying, abs=0.05)
    assert offset.slope == pytest.approx(slope, rel=0.08)
    left = pt_raw * offset.factor(pt_raw, area, rho) / gen_pt
    assert np.polyfit(vertices, left, 1)[0] == pytest.approx(0, abs=5e-4)
    assert offset.factor(np.array([200.0]), np.array([1.5]), np.array([underlying - 1])) == pytest.approx(1)


def test_correction_inverts_a_known_response():
    rng = np.random.default_rng(11)
    n = 60_000
    gen_pt, eta = rng.uniform(120, 700, n), rng.uniform(-2, 2, n)
    vertices, area = rng.poisson(9, n), rng.normal(1.5, 0.05, n)
    rho = 1.5 + 0.5 * vertices

    def response(pt):
        return (0.85 + 0.02 * np.log(pt / 100)) * (1 - 0.1 * np.abs(eta) / 2)

    pt_raw = gen_pt * response(gen_pt) * rng.normal(1, 0.06, n) + 0.5 * vertices * area
    derived = correction.Correction.derive(pt_raw, eta, area, rho, gen_pt, vertices, GEN_PT_EDGES)
    corrected = pt_raw * derived.jes(pt_raw, eta, area, rho) / gen_pt
    for low, high in ((200, 300), (300, 400), (400, 550)):
        for edge in (0.0, 0.5, 1.0, 1.5):
            chosen = (gen_pt > low) & (gen_pt < high) & (np.abs(eta) > edge) & (np.abs(eta) < edge + 0.5)
            assert np.median(corrected[chosen]) == pytest.approx(1, abs=0.006)


def test_correction_needs_enough_jets():
    few = np.full(20, 250.0)
    none = few * 0
    with pytest.raises(correction.CalibrationError, match="simulate more jets"):
        correction.Correction.derive(few, none, none, none, few, none, GEN_PT_EDGES)


def test_weights_undo_the_bias_of_the_spectrum():
    (batch,) = Generator(QCD, seed=7).batches(300, size=300)
    assert batch.weight == pytest.approx((110.0 / batch.pthat) ** 3, rel=2e-3)
    (tops,) = Generator(TOP, seed=7).batches(20, size=20)
    assert tops.weight == pytest.approx(1)


def one_pion_each(pthat, pt):
    """Collisions of a single pion, whose generator jet has that pt; weights of a spectrum times pThat^3."""
    n = len(pt)
    number, zero, energy = np.arange(n), np.zeros(n), np.hypot(pt, 0.14)
    pid, charge = np.full(n, 211), np.ones(n)
    pions = Particles(number, np.zeros(n, int), pid, charge, pt, zero, zero, energy, zero, zero, zero)
    none = {"event": np.zeros(0, int), "pt": np.zeros(0)}
    return Collisions(pions, pthat, (110 / pthat) ** 3, none, none)


def test_thinning_changes_no_spectrum_and_evens_the_weights():
    rng = np.random.default_rng(13)
    n = 40_000
    pthat = 110 * rng.random(n) ** -0.5
    whole = one_pion_each(pthat, pthat * rng.normal(1, 0.15, n))
    thin = thinned(whole, rng)
    assert len(thin) < 0.8 * len(whole)
    assert np.array_equal(thin.particles.event, np.arange(len(thin)))
    edges = [200, 220, 250, 300, 400, 500]
    before, after = (np.histogram(each.particles.pt, edges, weights=each.weight)[0] for each in (whole, thin))
    assert after == pytest.approx(before, rel=0.1)

    def evenness(collisions):
        in_bin = (collisions.particles.pt > 260) & (collisions.particles.pt < 280)
        w = collisions.weight[in_bin]
        return w.sum() ** 2 / np.sum(w**2) / in_bin.sum()

    assert evenness(thin) > evenness(whole) + 0.05


def test_thinning_knows_nothing_of_the_detector():
    # Of events alike before the detector, the same share stays whatever is measured afterwards.
    rng = np.random.default_rng(14)
    same = one_pion_each(np.full(4000, 150.0), np.full(4000, 210.0))
    thin = thinned(same, rng)
    share = np.unique(same.weight[0] / thin.weight)
    assert len(share) == 1
    assert len(thin) / 4000 == pytest.approx(share[0], abs=4 * (share[0] * (1 - share[0]) / 4000) ** 0.5)


@pytest.fixture
def small(monkeypatch):
    """Chunks of a few events, and a fixed correction, for which so few jets could not give one."""
    offset = correction.Offset(1.5, 0.8)
    flat = correction.Correction(offset, correction.ETA_EDGES, np.tile([0.0, 0.0, 1.05], (16, 1)), (100.0, 600.0))
    monkeypatch.setattr(production, "EVENTS_PER_CHUNK", 25)
    monkeypatch.setattr(production, "POOL_EVENTS", 40)
    monkeypatch.setattr(production, "EXPECTED_JETS", dict.fromkeys(production.EXPECTED_JETS, 8))
    monkeypatch.setattr(production, "MIN_JETS", 10)
    monkeypatch.setattr(production.merging, "derive_correction", lambda tasks, parts, edges: flat)


def test_same_seed_same_jets_whatever_the_workers_and_interruptions(small, tmp_path, monkeypatch):
    one = io.read(simulate_jets(24, seed=5, workers=1, output=tmp_path / "one.root"))

    with monkeypatch.context() as patch:
        patch.setattr(production.merging, "merge", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            simulate_jets(24, seed=5, workers=2, output=tmp_path / "two.root")
    assert not (tmp_path / "two.root").exists()
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "two.root.parts").iterdir()}
    lost = next(path for path in parts if path.name.startswith("qcd"))
    lost.unlink()
    rewritten = []
    with monkeypatch.context() as patch:
        patch.setattr(production.shutil, "rmtree", lambda folder: rewritten.extend(folder.iterdir()))
        two = io.read(simulate_jets(24, seed=5, workers=2, output=tmp_path / "two.root"))
    changed = {path for path in rewritten if path.suffix == ".npz" and path.stat().st_mtime_ns != parts[path]}
    assert changed == {lost}

    assert len(one) >= 24
    assert len(one) == len(two)
    for name in one.columns:
        assert ak.array_equal(one.jets[name], two.jets[name]), name
    assert ak.array_equal(one.tracks, two.tracks)
    assert not (tmp_path / "one.root.parts").exists()


def test_parts_of_another_run_are_refused(tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(farm, "ProcessPoolExecutor", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            simulate_jets(5000, seed=1, workers=1, output=tmp_path / "jets.root")
    with pytest.raises(SimulationError, match="delete that folder"):
        simulate_jets(5000, seed=2, workers=1, output=tmp_path / "jets.root")
    with pytest.raises(SimulationError, match="delete that folder"):
        simulate_jets(5000, seed=1, workers=1, output=tmp_path / "jets.root", variation="detector")


@pytest.mark.parametrize(("jets", "workers"), [(10, 1), (5000, 0)])
def test_impossible_runs_are_refused(tmp_path, jets, workers):
    with pytest.raises(SimulationError, match=r"--(jets|workers)"):
        simulate_jets(jets, seed=1, workers=workers, output=tmp_path / "jets.root")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_variation_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(SimulationError, match="one of nominal, shower, detector, ww"):
        simulate_jets(5000, seed=1, workers=1, output=tmp_path / "jets.root", variation="herwig")


@pytest.mark.parametrize("variation", ["shower", "detector", "ww"])
def test_variations_give_other_jets_of_the_same_form(small, tmp_path, variation):
    jets = io.read(simulate_jets(12, seed=5, workers=1, output=tmp_path / "jets.root", variation=variation))
    assert len(jets) >= 12
    assert jets.provenance["settings"]["variation"] == variation
    assert set(np.unique(jets["jet_isW_ak7"])) == {0, 1}


def command(output):
    return ["simulate", "jets", "--jets", "24", "--seed", "5", "--workers", "1", "--output", str(output)]


def test_a_file_that_a_worker_cannot_read_is_named_in_one_sentence(small, tmp_path, capsys):
    pool = tmp_path / "jets.root.parts" / "pile-up.npz"
    pool.mkdir(parents=True)
    assert cli.main(command(tmp_path / "jets.root")) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith(f"jetlab: {pool}: Is a directory; ")


def test_a_fault_in_a_worker_keeps_its_traceback(small, tmp_path):
    (tmp_path / "jets.root.parts").mkdir()
    np.savez(tmp_path / "jets.root.parts" / "pile-up.npz", nonsense=np.ones(3))
    with pytest.raises(TypeError, match="nonsense") as caught:
        cli.main(command(tmp_path / "jets.root"))
    assert "in read_pool" in str(caught.value.__cause__), "where it was raised in the worker"


class Ends:
    """What ends the process in which it is unpickled, as the kernel does when the memory is full."""

    def __reduce__(self):
        return os._exit, (1,)


def test_a_worker_that_is_killed_is_told_in_one_sentence(small, tmp_path, monkeypatch):
    monkeypatch.setattr(farm, "seed_of", lambda *_: Ends())
    with pytest.raises(SimulationError, match="A worker was killed") as caught:
        simulate_jets(24, seed=5, workers=1, output=tmp_path / "jets.root")
    assert "the same command again with fewer --workers, which goes on where this one stopped" in str(caught.value)


def test_a_worker_without_memory_is_told_in_one_sentence(small, tmp_path, capsys):
    (tmp_path / "jets.root.parts").mkdir()
    with zipfile.ZipFile(tmp_path / "jets.root.parts" / "pile-up.npz", "w") as pool, pool.open("pt.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**16,)})
    assert cli.main(command(tmp_path / "jets.root")) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("jetlab: The memory is full (Unable to allocate")
    assert "the same command again with fewer --workers" in message
