"""`jetlab simulate pile-up`: hard collisions and minimum-bias ones, each as one detector reads it out, to be overlaid.

At particle level, as in arXiv:1707.08600: a track is where its particle is and measured without error, a soft charged
particle curls up before the calorimeter, and neutral energy is known by cell. 13 TeV.
"""

import dataclasses
import functools
import importlib.metadata
import math
import os
import shutil
from pathlib import Path
from typing import Any

import awkward as ak
import fastjet
import numpy as np

from jetlab.angles import wrap
from jetlab.io import readout
from jetlab.io.readout import Crossings, Readout
from jetlab.io.schema import RADIUS
from jetlab.simulation import farm
from jetlab.simulation.detector import round_mantissa
from jetlab.simulation.farm import Recipe, SimulationError, Task, plan, pythia_seed, save_arrays, seed_of
from jetlab.simulation.generator import MINIMUM_BIAS, QCD, WW, Array, Collisions, Generator, Particles
from jetlab.simulation.reconstruction import by_event, four_vectors

ENERGY = 13_000.0
MIN_TRACK_PT = 0.5  # GeV: below, a charged particle reaches no calorimeter in 3.8 T (arXiv:1707.08600)
MIN_CELL_PT = 0.1  # GeV, of one collision
PT_DIGITS = 6
#: Of jets without pile-up: pt in GeV, and how far from the tracker's end a jet with what surrounds it may lie.
JET_PT, JET_MAX_ETA = (200.0, 500.0), 1.3
HARD_QCD = dataclasses.replace(QCD, thinned=False, energy=ENERGY)
HARD_W = dataclasses.replace(WW, energy=ENERGY)
SOFT = dataclasses.replace(MINIMUM_BIAS, energy=ENERGY)
EVENTS_PER_CHUNK = 500
#: Jets of a chunk, measured; only the first guess of how many chunks are needed.
EXPECTED_JETS = {HARD_QCD: 350, HARD_W: 350}
_ANTI_KT = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)


def simulate_pile_up(
    jets: int, seed: int, workers: int, output: str | os.PathLike[str], pool: int = 3000, dask: str | None = None
) -> Path:
    """Simulate `jets` jets, two thirds QCD and one third W, and `pool` minimum-bias collisions, and write them as HDF5.

    Jets without pile-up have 200 < pt < 500 GeV and |eta| < 1.3; all of a collision's particles are kept. Finished
    chunks are kept in `<output>.parts` and used again if the run is interrupted. `workers` only changes the time; they
    are processes here, or those of the Dask scheduler at the address `dask`. Returns the path written.

    Raises:
        SimulationError: a setting out of range, parts of another run in the way, or a worker that was killed.
        MemoryFullError: a worker found no memory.
    """
    farm.check_settings(workers, "nominal", {"nominal": None})
    output = Path(output).absolute()
    if output.suffix not in (".h5", ".hdf5"):
        raise SimulationError(f"--output {output.name}: these collisions are written as HDF5; name it .h5.")
    settings = _settings(seed, pool)
    parts = farm.parts_folder(output, settings)
    wanted = {HARD_QCD: jets - jets // 3, HARD_W: jets // 3}
    chunks = {process: math.ceil(n / EXPECTED_JETS[process]) for process, n in wanted.items()}
    recipe = Recipe(_make_chunk, functools.partial(_make_pool, n_events=pool))
    with farm.executor(workers, dask) as executor:
        while True:
            tasks = plan(chunks)
            farm.finish(tasks, parts, seed, recipe, executor)
            found = {p: sum(_jets_in(t.file(parts)) for t in tasks if t.process == p) for p in wanted}
            enough = farm.enlarged(chunks, found, wanted)
            if enough == chunks:
                break
            chunks = enough
    provenance = {
        "made_by": f"jetlab simulate pile-up --jets {jets} --pool {pool} --seed {seed}",
        "settings": settings,
    }
    readout.write_crossings(_merged(tasks, parts, wanted, seed, provenance), output)
    shutil.rmtree(parts)
    return output


def read_out(particles: Particles, n_events: int) -> Readout:
    """What the detector reads out of `n_events` collisions; `particles` are visible ones, sorted by event."""
    inside = np.abs(particles.eta) < readout.MAX_ETA
    charged = particles.take(inside & (particles.charge != 0) & (particles.pt > MIN_TRACK_PT))
    neutral = particles.take(inside & (particles.charge == 0))
    eta, phi = _grid(charged, readout.PIXELS)
    order = np.lexsort((phi, eta, charged.event))
    ieta, iphi = _grid(neutral, 1)
    cells = readout.N_ETA * readout.N_PHI
    cell, of_cell = np.unique((neutral.event * readout.N_ETA + ieta) * readout.N_PHI + iphi, return_inverse=True)
    pt = np.bincount(of_cell, neutral.pt, minlength=len(cell))
    cell, pt = cell[pt > MIN_CELL_PT], pt[pt > MIN_CELL_PT]
    return Readout(
        np.bincount(charged.event, minlength=n_events),
        np.bincount(cell // cells, minlength=n_events),
        round_mantissa(charged.pt[order], PT_DIGITS),
        eta[order],
        phi[order],
        round_mantissa(pt, PT_DIGITS),
        cell % cells // readout.N_PHI,
        cell % readout.N_PHI,
    )


def _grid(p: Particles, parts: int) -> tuple[Array, Array]:
    """Numbers in eta and phi of the cells that particles are in, each cell divided into so many parts."""
    eta = np.floor((p.eta + readout.MAX_ETA) / readout.CELL_ETA * parts).astype(np.int64)
    phi = np.floor((p.phi + np.pi) / readout.CELL_PHI * parts).astype(np.int64)
    return np.minimum(eta, readout.N_ETA * parts - 1), phi % (readout.N_PHI * parts)


def find_jets(collisions: Collisions, wants_w: bool) -> tuple[Array, Array, Array]:
    """Collision of each jet without pile-up in the range, and cell of its axis in eta and phi, each (n_jets,).

    With `wants_w` only those with a W within ΔR < 0.7, whose quarks are as near to each other.
    """
    p, n = collisions.particles, len(collisions)
    vectors = by_event(four_vectors(p.pt, p.eta, p.phi, 0.0), p.event, n)
    jets = fastjet.ClusterSequence(vectors, _ANTI_KT).inclusive_jets(JET_PT[0])
    event = np.repeat(np.arange(n), ak.to_numpy(ak.num(jets)))
    px, py, pz = (ak.to_numpy(ak.flatten(jets[name])) for name in ("px", "py", "pz"))
    pt, phi = np.hypot(px, py), np.arctan2(py, px)
    eta = np.arcsinh(pz / pt)
    kept = (pt < JET_PT[1]) & (np.abs(eta) < JET_MAX_ETA)
    if wants_w:
        w = collisions.w
        distance = np.hypot(eta[:, None] - w["eta"], wrap(phi[:, None] - w["phi"]))
        merged = (event[:, None] == w["event"]) & (w["dr_quarks"] < RADIUS) & (distance < RADIUS)
        kept &= merged.any(axis=1)
    ieta = np.floor((eta[kept] + readout.MAX_ETA) / readout.CELL_ETA).astype(np.int64)
    iphi = np.floor((phi[kept] + np.pi) / readout.CELL_PHI).astype(np.int64) % readout.N_PHI
    return event[kept], ieta, iphi


def _make_pool(path: Path, seed: int, n_events: int) -> None:
    (collisions,) = Generator(SOFT, pythia_seed(seed)).batches(n_events, size=n_events)
    save_arrays(path, vars(read_out(collisions.particles, n_events)))


def _make_chunk(task: Task, path: Path, _: Path, seed: int) -> None:
    kept: list[Readout] = []
    tables: list[Array] = []
    for collisions in Generator(task.process, pythia_seed(seed)).batches(EVENTS_PER_CHUNK):
        event, eta, phi = find_jets(collisions, task.process.wants_w)
        chosen, number = np.unique(event, return_inverse=True)
        tables.append(np.stack([number + sum(map(len, kept)), eta, phi]))
        kept.append(read_out(collisions.particles, len(collisions)).take(chosen))
    save_arrays(path, vars(readout.joined(kept)) | {"jets": np.concatenate(tables, axis=1)})


def _loaded(path: Path) -> tuple[Readout, Array]:
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
        jets: Array = arrays.pop("jets", np.zeros((3, 0), np.int64))
        return Readout(**arrays), jets


def _jets_in(path: Path) -> int:
    return len(_loaded(path)[1][0])


def _merged(tasks: list[Task], parts: Path, wanted: dict[Any, int], seed: int, provenance: dict[str, Any]) -> Crossings:
    """The first jets of each process, with their collisions in a random order."""
    hard, tables, is_w = [], [], []
    before = 0
    for process, n in wanted.items():
        for task in (task for task in tasks if task.process == process):
            collisions, jets = _loaded(task.file(parts))
            jets = jets[:, :n]
            n -= jets.shape[1]
            there = jets[0].max() + 1 if jets.size else 0
            hard.append(collisions.take(np.arange(there)))
            tables.append(jets + np.array([[before], [0], [0]]))
            is_w.append(np.full(there, process.wants_w))
            before += there
    order = np.random.default_rng(seed_of(seed, "order")).permutation(before)
    collision, eta, phi = np.concatenate(tables, axis=1)
    collision = np.argsort(order)[collision]
    rank = np.argsort(collision, kind="stable")
    return Crossings(
        readout.joined(hard).take(order),
        _loaded(parts / "pile-up.npz")[0],
        np.concatenate(is_w)[order],
        collision[rank],
        eta[rank],
        phi[rank],
        provenance,
    )


def _settings(seed: int, pool: int) -> dict[str, Any]:
    """Everything that decides what a chunk holds."""
    return {
        "seed": seed,
        "events_per_chunk": EVENTS_PER_CHUNK,
        "version": readout.VERSION,
        "pool": pool,
        "min_track_pt": MIN_TRACK_PT,
        "min_cell_pt": MIN_CELL_PT,
        "jet_pt": list(JET_PT),
        "jet_max_eta": JET_MAX_ETA,
        "energy": ENERGY,
        "processes": {p.name: list(p.settings) for p in (HARD_QCD, HARD_W, SOFT)},
        "packages": {name: importlib.metadata.version(name) for name in ("pythia8mc", "fastjet", "numpy")},
    }
