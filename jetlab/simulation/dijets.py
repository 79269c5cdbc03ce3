"""`jetlab simulate dijets`: pairs of jets near 1 TeV at 7 TeV, from QCD and from a resonance that nobody announced.

The resonance is a W' that decays to two new particles X and Y, each to two quarks: Pythia's W' -> W Z with other
masses, in the manner of the LHC Olympics (arXiv:2101.08320). To make a hundred thousand events in an hour, there is
neither pile-up nor an underlying event, and the detector is no more than a resolution for each kind of particle.
"""

import functools
import importlib.metadata
import json
import math
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import fastjet
import h5py
import numpy as np

from jetlab.io.checks import atomic
from jetlab.simulation import farm
from jetlab.simulation.farm import Recipe, SimulationError, Task, plan, pythia_seed, save_arrays, seed_of, stack
from jetlab.simulation.generator import Array, Generator, Particles, Process
from jetlab.simulation.parameters import CMS, Detector
from jetlab.simulation.reconstruction import by_event
from jetlab.substructure import groomed

RADIUS = 1.0
MIN_PARTICLE_PT = 0.5  # GeV: what a tracker and a calorimeter see without noise
MASS_RANGE = (800.0, 1500.0)  # GeV, of the pair
MAX_ETA = 2.0
MAX_SEPARATION = 1.3  # in eta: beyond it lies what QCD scatters forward
#: Of the hard scattering: by so much wider that jets of no pair in the range are missed.
PARTON_SEPARATION, MIN_PARTON_MASS, MIN_PTHAT = 1.5, 700.0, 270.0

EVENTS_PER_CHUNK = 2000
MIN_EVENTS = 100
RESONANCE_MASS, X_MASS, Y_MASS = 1050.0, 200.0, 110.0  # GeV

_NO_UNDERLYING_EVENT = "PartonLevel:MPI = off"
#: Nature's spectrum times pThat to the fourth power: high masses are filled, and it still falls smoothly.
QCD_DIJETS = Process(
    "qcd_dijets",
    (
        "HardQCD:all = on",
        f"PhaseSpace:pTHatMin = {MIN_PTHAT}",
        f"PhaseSpace:mHatMin = {MIN_PARTON_MASS}",
        "PhaseSpace:bias2Selection = on",
        "PhaseSpace:bias2SelectionPow = 4.",
        f"PhaseSpace:bias2SelectionRef = {MIN_PTHAT}",
        _NO_UNDERLYING_EVENT,
    ),
    max_separation=PARTON_SEPARATION,
)
RESONANCE = Process(
    "resonance",
    (
        "NewGaugeBoson:ffbar2Wprime = on",
        "Wprime:coup2WZ = 1.",
        f"34:m0 = {RESONANCE_MASS}",
        "34:doForceWidth = on",
        "34:mWidth = 10.",
        "34:onMode = off",
        "34:onIfAll = 24 23",
        f"24:m0 = {X_MASS}",
        f"23:m0 = {Y_MASS}",
        *(f"{boson}:{setting}" for boson in (24, 23) for setting in ("doForceWidth = on", "mWidth = 2.")),
        *(f"{boson}:{setting}" for boson in (24, 23) for setting in ("onMode = off", "onIfAny = 1 2 3 4 5")),
        _NO_UNDERLYING_EVENT,
    ),
)
#: Selected events in a chunk, measured; only the first guess of how many chunks are needed.
EXPECTED = {RESONANCE: 1340, QCD_DIJETS: 1040}


@dataclass(frozen=True)
class Column:
    """A column of the file: its unit, its meaning, and the step that its values are rounded to."""

    unit: str
    meaning: str
    step: float


COLUMNS = {
    "mjj": Column("GeV", "invariant mass of the two leading jets", 0.5),
    "m1": Column("GeV", "soft-drop mass of the heavier of them", 1 / 32),
    "m2": Column("GeV", "soft-drop mass of the lighter", 1 / 32),
    "tau21_1": Column("", "N-subjettiness ratio tau2 / tau1 of the heavier", 1 / 8192),
    "tau21_2": Column("", "N-subjettiness ratio tau2 / tau1 of the lighter", 1 / 8192),
    "n1": Column("", "particles in the heavier", 1.0),
    "n2": Column("", "particles in the lighter", 1.0),
    "pt1": Column("GeV", "transverse momentum of the heavier", 1.0),
    "pt2": Column("GeV", "transverse momentum of the lighter", 1.0),
    "deta": Column("", "distance of the two in eta", 1 / 256),
    "is_signal": Column("", "1: from the resonance, 0: QCD", 1.0),
}


def simulate_dijets(
    events: int, signal: int, seed: int, workers: int, output: str | os.PathLike[str], dask: str | None = None
) -> Path:
    """Simulate `events` pairs of QCD jets and `signal` of the resonance, and write them to the HDF5 file `output`.

    Selected: two leading jets (anti-kT, R = 1.0) within |eta| < 2, less than 1.3 apart in eta, 800 < mjj < 1500 GeV.
    A chunk takes ten to twenty seconds; finished ones are kept in `<output>.parts` and used again if the run is
    interrupted. `workers` only changes the time; they are processes here, or those of the Dask scheduler at the address
    `dask`, which must see the same folder. Returns the path written.

    Raises:
        SimulationError: a setting out of range, parts of another run in the way, or a worker that was killed.
        MemoryFullError: a worker found no memory.
    """
    if min(events, signal) < MIN_EVENTS:
        raise SimulationError(f"{min(events, signal)} events of a kind are too few: ask for at least {MIN_EVENTS}.")
    if workers < 1:
        raise SimulationError(f"--workers {workers}: at least one is needed.")
    output = Path(output).absolute()
    if output.suffix not in (".h5", ".hdf5"):
        raise SimulationError(f"--output {output.name}: pairs of jets are written as HDF5; name it .h5.")
    parts = farm.parts_folder(output, _settings(seed))
    wanted = {RESONANCE: signal, QCD_DIJETS: events}
    chunks = {process: math.ceil(n / EXPECTED[process]) for process, n in wanted.items()}
    with farm.executor(workers, dask) as executor:
        while True:
            tasks = plan(chunks)
            farm.finish(tasks, parts, seed, Recipe(functools.partial(_make_chunk, n_events=EVENTS_PER_CHUNK)), executor)
            found: Counter[Process] = Counter()
            for task in tasks:
                found[task.process] += len(_load(task.file(parts))["mjj"])
            enough = farm.enlarged(chunks, found, wanted)
            if enough == chunks:
                break
            chunks = enough
    table = _merged(tasks, parts, wanted, seed_of(seed, "order"))
    provenance = {
        "made_by": f"jetlab simulate dijets --events {events} --signal {signal} --seed {seed}",
        "settings": _settings(seed),
        "chunks": dict(Counter(task.process.name for task in tasks)),
    }
    _write(table, provenance, output)
    shutil.rmtree(parts)
    return output


def simulate_chunk(process: Process, events: int, seed: int) -> dict[str, Array]:
    """The columns of the pairs selected from `events` collisions of `process`; the same seed gives the same chunk."""
    generator_seed, numpy_seed = np.random.SeedSequence(seed).generate_state(2)
    rng = np.random.default_rng(numpy_seed)
    generator = Generator(process, pythia_seed(int(generator_seed)))
    parts = [
        pairs(measured(generator.visible(record.prt), CMS, rng), len(record)) for record in generator.records(events)
    ]
    table = stack(parts)
    return table | {"is_signal": np.full(len(table["mjj"]), float(process == RESONANCE))}


def measured(particles: Particles, detector: Detector, rng: np.random.Generator) -> Particles:
    """What a detector would see of the particles: each momentum scaled by the resolution for its kind, soft ones lost.

    Charged particles have the tracker's resolution, photons that of the electromagnetic calorimeter, other neutral ones
    that of both calorimeters; directions are exact, and so is the response on average.
    """
    stochastic, noise, constant = np.where(
        (particles.pid == 22)[:, np.newaxis], detector.ecal_resolution, detector.hadron_resolution
    ).T
    energy = np.maximum(particles.energy, 0.1)
    calorimeter = np.sqrt(stochastic**2 / energy + (noise / energy) ** 2 + constant**2)
    track = np.hypot(detector.pt_resolution, detector.pt_resolution_slope * particles.pt)
    width = np.where((particles.charge != 0) & (np.abs(particles.eta) < detector.track_max_eta), track, calorimeter)
    scale = np.maximum(1 + width * rng.normal(size=len(particles)), 0.0)
    seen = particles.with_(pt=particles.pt * scale, energy=particles.energy * scale)
    return seen.take((seen.pt > MIN_PARTICLE_PT) & (np.abs(seen.eta) < detector.max_eta))


def pairs(particles: Particles, n_events: int) -> dict[str, Array]:
    """The columns (without `is_signal`) of those events whose leading jets are a pair in the range of the sample."""
    px, py, pz = (particles.pt * f for f in (np.cos(particles.phi), np.sin(particles.phi), np.sinh(particles.eta)))
    flat = ak.zip({"px": px, "py": py, "pz": pz, "E": particles.energy}, with_name="Momentum4D")
    count = np.bincount(particles.event, minlength=n_events)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    sequence = fastjet.ClusterSequence(by_event(flat, particles.event, n_events), definition)
    jets, index = sequence.inclusive_jets(50.0), sequence.constituent_index(50.0)
    leading = ak.argsort(jets.px**2 + jets.py**2, axis=1, ascending=False)[:, :2]
    first = (np.cumsum(count) - count)[:, np.newaxis, np.newaxis]
    jets, constituents = jets[leading], index[leading] + first
    two = ak.num(jets) == 2
    jets, constituents = jets[two], constituents[two]
    momentum = np.stack([ak.to_numpy(ak.flatten(jets[name])) for name in ("px", "py", "pz", "E")]).reshape(4, -1, 2)
    pt = np.hypot(momentum[0], momentum[1])
    eta = np.arcsinh(momentum[2] / pt)
    total = momentum.sum(axis=2)
    mjj = np.sqrt(np.maximum(total[3] ** 2 - (total[:3] ** 2).sum(axis=0), 0.0))
    deta = np.abs(eta[:, 0] - eta[:, 1])
    chosen = (np.abs(eta) < MAX_ETA).all(axis=1) & (deta < MAX_SEPARATION)
    chosen &= (mjj > MASS_RANGE[0]) & (mjj < MASS_RANGE[1])
    inside = ak.flatten(constituents[chosen], axis=1)
    msd, tau21 = (values.reshape(-1, 2) for values in _groomed(flat, inside))
    number = ak.to_numpy(ak.num(inside)).reshape(-1, 2)
    heavier = np.argsort(-msd, axis=1, kind="stable")
    columns = {"mjj": mjj[chosen], "deta": deta[chosen]}
    for name, values in (("m", msd), ("tau21_", tau21), ("n", number), ("pt", pt[chosen])):
        ordered = np.take_along_axis(values, heavier, axis=1)
        columns |= {f"{name}1": ordered[:, 0], f"{name}2": ordered[:, 1]}
    return {name: columns[name] for name in COLUMNS if name in columns}


def _groomed(flat: ak.Array, constituents: ak.Array) -> tuple[Array, Array]:
    if len(constituents) == 0:
        return np.zeros(0), np.zeros(0)
    return groomed(ak.unflatten(flat[ak.flatten(constituents)], ak.num(constituents)), RADIUS)


def _settings(seed: int) -> dict[str, Any]:
    """Everything that decides what a chunk holds."""
    return {
        "seed": seed,
        "events_per_chunk": EVENTS_PER_CHUNK,
        "radius": RADIUS,
        "min_particle_pt": MIN_PARTICLE_PT,
        "mass_range": list(MASS_RANGE),
        "max_eta": MAX_ETA,
        "max_separation": MAX_SEPARATION,
        "processes": {process.name: list(process.settings) for process in (QCD_DIJETS, RESONANCE)},
        "packages": {name: importlib.metadata.version(name) for name in ("pythia8mc", "fastjet", "numpy")},
    }


def _make_chunk(task: Task, path: Path, _: Path, seed: int, n_events: int) -> None:
    save_arrays(path, simulate_chunk(task.process, n_events, seed))


def _load(path: Path) -> dict[str, Array]:
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def _merged(tasks: list[Task], parts: Path, wanted: dict[Process, int], seed: int) -> dict[str, Array]:
    """As many events of each process as wanted, in random order, rounded."""
    tables = []
    for process, n in wanted.items():
        whole = stack([_load(task.file(parts)) for task in tasks if task.process == process])
        tables.append({name: values[:n] for name, values in whole.items()})
    table = stack(tables)
    order = np.random.default_rng(seed).permutation(len(table["mjj"]))
    return {
        name: (np.round(table[name][order] / column.step) * column.step).astype(np.float32)
        for name, column in COLUMNS.items()
    }


def _write(table: dict[str, Array], provenance: dict[str, Any], path: Path) -> None:
    """Write the columns with their units and meanings, compressed, and the provenance, all or nothing."""
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["provenance"] = json.dumps(provenance)
        group = file.create_group("events")
        for name, values in table.items():
            stored = group.create_dataset(name, data=values, compression="gzip", compression_opts=9, shuffle=True)
            stored.attrs.update({"unit": COLUMNS[name].unit, "meaning": COLUMNS[name].meaning})
