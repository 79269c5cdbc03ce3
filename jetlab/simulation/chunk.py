"""One chunk of simulated events: from Pythia's particles to the columns of the schema, before the energy correction.

The order is: generate, overlay pile-up, detector, jets, generator match. Used for `data/jets.root` of M1.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from jetlab.angles import wrap
from jetlab.io.checks import atomic
from jetlab.simulation import detector, reconstruction
from jetlab.simulation.generator import (
    MINIMUM_BIAS,
    QCD,
    SIGNAL,
    Array,
    Collisions,
    Generator,
    Particles,
    Process,
    concatenate,
)
from jetlab.simulation.parameters import CMS

MEAN_PILE_UP = 9.0  # CMS 2011
CALIBRATION_MIN_PT = 90.0  # GeV, raw: jets that the energy correction is derived from
KEPT_RAW_PT = (140.0, 560.0)  # GeV, raw: wide enough that no correction brings others into the analysis range
KEPT_MAX_ETA = 2.0
TRACK_MIN_PT = 1.0  # GeV
TRACK_REACH = 1.0  # dR: tracks are kept a little beyond the jet, so that matching has something to decide
#: How many of 20 QCD chunks go to each pThat bin: many jets at every pt, no bin with a few jets of huge weight.
QCD_SHARES = (6, 10, 3, 1)


@dataclass(frozen=True)
class Task:
    """One chunk: its process and its number among the chunks of that process."""

    process: Process
    number: int

    @property
    def name(self) -> str:
        """What its file is called and its seed derives from."""
        return f"{self.process.name}-{self.number:05d}"

    def file(self, parts: Path) -> Path:
        """Where it is kept when finished."""
        return parts / f"{self.name}.npz"

    @property
    def lumi(self) -> int:
        """Luminosity section, distinct for every chunk of every process."""
        processes = (SIGNAL, *QCD)
        return self.number * len(processes) + processes.index(self.process) + 1

    @property
    def kind(self) -> str:
        """The class of jets it is for: "ttbar" or "qcd"."""
        return "ttbar" if self.process.wants_w else "qcd"


def plan(chunks: dict[str, int]) -> list[Task]:
    """The first chunks of each kind; QCD chunks take turns over the pThat bins, by their shares."""
    turns = [b for _, b in sorted((i / share, b) for b, share in enumerate(QCD_SHARES) for i in range(share))]
    counts = np.bincount(np.resize(turns, chunks["qcd"]), minlength=len(QCD))
    tasks = [Task(SIGNAL, i) for i in range(chunks["ttbar"])]
    return tasks + [Task(QCD[b], i) for b in range(len(QCD)) for i in range(counts[b])]


def seed_of(seed: int, name: str) -> int:
    """Seed of the part `name` of the run with that seed."""
    return int(np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)[0])


def minimum_bias_pool(n_events: int, seed: int) -> Particles:
    """Visible particles of minimum-bias collisions, sorted by event."""
    (collisions,) = Generator(MINIMUM_BIAS, seed).batches(n_events, size=n_events)
    particles = collisions.particles
    return particles.take(np.abs(particles.eta) < CMS.max_eta)


TABLES = ("calibration", "jets", "candidates", "tracks")


@dataclass(frozen=True)
class Chunk:
    """Flat tables of one chunk.

    calibration: every generator-matched jet (pt_raw, eta, area, rho, gen_pt). jets: those worth keeping. candidates:
    theirs, `jet` counts into `jets`. tracks: those near a kept jet. `event` counts within the chunk.
    """

    calibration: dict[str, Array]
    jets: dict[str, Array]
    candidates: dict[str, Array]
    tracks: dict[str, Array]
    cross_section: float
    events: int


def simulate_chunk(process: Process, events: int, pool: Particles, seed: int) -> Chunk:
    """Simulate `events` collisions of `process`; the same seed gives the same chunk."""
    pythia_seed, numpy_seed = np.random.SeedSequence(seed).generate_state(2)
    rng = np.random.default_rng(numpy_seed)
    generator = Generator(process, int(pythia_seed % 900_000_000) + 1)
    parts = []
    for collisions in generator.batches(events):
        parts.append(_reconstruct(collisions, pool, process.wants_w, rng))
    return _joined(parts, generator.cross_section, events)


def _overlay(collisions: Collisions, pool: Particles, rng: np.random.Generator) -> tuple[Particles, Array]:
    """The hard collisions with pile-up from the pool, each rotated in phi and mirrored in eta at random.

    Also returns each particle's vertex position along the beam relative to the hard collision, mm.
    """
    n = len(collisions)
    count = rng.poisson(MEAN_PILE_UP, n)
    event = np.repeat(np.arange(n), count)
    vertex = np.arange(len(event)) - np.repeat(np.cumsum(count) - count, count) + 1
    pool_events = pool.event[-1] + 1
    pick = rng.integers(0, pool_events, len(event))
    turn, mirror = rng.uniform(-np.pi, np.pi, len(event)), rng.choice([-1.0, 1.0], len(event))
    beam = CMS.beam_spot_z
    z = rng.normal(0, beam, len(event)) - rng.normal(0, beam, n)[event]

    first = np.searchsorted(pool.event, np.arange(pool_events + 1))
    length = np.diff(first)[pick]
    collision = np.repeat(np.arange(len(event)), length)
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    p = pool.take(first[pick][collision] + within)
    cos, sin = np.cos(turn)[collision], np.sin(turn)[collision]
    pile_up = p.with_(
        event=event[collision],
        vertex=vertex[collision],
        phi=wrap(p.phi + turn[collision]),
        eta=p.eta * mirror[collision],
        x=p.x * cos - p.y * sin,
        y=p.x * sin + p.y * cos,
        z=p.z * mirror[collision],
    )
    hard = collisions.particles
    return concatenate([hard, pile_up]), np.concatenate([np.zeros(len(hard)), z[collision]])


def _reconstruct(collisions: Collisions, pool: Particles, wants_w: bool, rng: np.random.Generator) -> Chunk:
    n = len(collisions)
    candidates, tracks = detector.simulate(*_overlay(collisions, pool, rng), rng)
    candidates = candidates.take(np.lexsort((-candidates.pt, candidates.event)))
    jets = reconstruction.cluster_jets(candidates, n, CALIBRATION_MIN_PT, rng)
    rho = reconstruction.density(candidates, n)

    table, constituents = jets.table, jets.constituents
    gen, distance = reconstruction.nearest(table, reconstruction.generator_jets(collisions.particles, n))
    matched = distance < reconstruction.GEN_MATCH
    is_w = reconstruction.is_hadronic_w(table, collisions) if wants_w else np.zeros(len(table), dtype=bool)
    table, gen, constituents, is_w = table[matched], gen[matched], constituents[matched], is_w[matched]
    column = {name: ak.to_numpy(table[name]) for name in table.fields}
    gen_column = {f"gen_{name}": ak.to_numpy(ak.fill_none(gen[name], np.nan)) for name in gen.fields}
    column |= gen_column | {"rho": rho[column["event"]], "is_w": is_w, "ncand": ak.to_numpy(ak.num(constituents))}
    calibration = {
        name: column[source]
        for name, source in (("pt_raw", "pt"), ("eta", "eta"), ("area", "area"), ("rho", "rho"), ("gen_pt", "gen_pt"))
    }
    low, high = KEPT_RAW_PT
    kept = (column["pt"] > low) & (column["pt"] < high) & (np.abs(column["eta"]) < KEPT_MAX_ETA)
    kept &= is_w | (not wants_w)
    column = {name: values[kept] for name, values in column.items()}
    column |= _event_columns(candidates, collisions, column["event"])
    return Chunk(
        calibration,
        column,
        _kept_candidates(candidates, constituents[kept]),
        _kept_tracks(tracks, column, n),
        0.0,
        n,
    )


def _event_columns(candidates: detector.Candidates, collisions: Collisions, event: Array) -> dict[str, Array]:
    n = len(collisions)
    px = np.bincount(candidates.event, weights=candidates.pt * np.cos(candidates.phi), minlength=n)
    py = np.bincount(candidates.event, weights=candidates.pt * np.sin(candidates.phi), minlength=n)
    sumet = np.bincount(candidates.event, weights=candidates.pt, minlength=n)
    return {"met": np.hypot(px, py)[event], "sumet": sumet[event], "pthat": collisions.pthat[event]}


def _kept_candidates(candidates: detector.Candidates, constituents: ak.Array) -> dict[str, Array]:
    jet = np.repeat(np.arange(len(constituents)), ak.to_numpy(ak.num(constituents)))
    chosen = np.sort(ak.to_numpy(ak.flatten(constituents)) + jet * len(candidates.pt)) - jet * len(candidates.pt)
    c = candidates.take(chosen)
    return {"jet": jet, "pt": c.pt, "eta": c.eta, "phi": c.phi, "id": c.pid, "charge": c.charge}


def _kept_tracks(tracks: dict[str, Array], jets: dict[str, Array], n_events: int) -> dict[str, Array]:
    """Tracks above TRACK_MIN_PT near a kept jet, from any vertex, at the precision they are stored with."""
    tracks = {name: values[tracks["pt"] > TRACK_MIN_PT] for name, values in tracks.items() if name != "vertex"}
    axes = ak.zip({"eta": jets["eta"], "phi": jets["phi"]})
    flat = ak.zip({name: tracks[name] for name in ("event", "eta", "phi")})
    _, distance = reconstruction.nearest(flat, reconstruction.by_event(axes, jets["event"], n_events))
    tracks = {name: values[distance < TRACK_REACH] for name, values in tracks.items()}
    order = np.lexsort((-tracks["pt"], tracks["event"]))
    tracks = {name: values[order] for name, values in tracks.items()}
    for name, bits in (("pt", 10), ("d0", 9), ("dz", 9), ("d0err", 6), ("dzerr", 6)):
        tracks[name] = detector.round_mantissa(tracks[name], bits)
    tracks["eta"] = np.round(tracks["eta"] * 4096) / 4096
    tracks["phi"] = wrap(np.round(tracks["phi"] * 4096) / 4096)
    return tracks


def _joined(parts: list[Chunk], cross_section: float, events: int) -> Chunk:
    """The batches of a chunk as one: event and jet numbers count on."""
    tables: dict[str, list[dict[str, Array]]] = {name: [] for name in TABLES}
    event = jet = 0
    for part in parts:
        tables["calibration"].append(part.calibration)
        tables["jets"].append(part.jets | {"event": part.jets["event"] + event})
        tables["candidates"].append(part.candidates | {"jet": part.candidates["jet"] + jet})
        tables["tracks"].append(part.tracks | {"event": part.tracks["event"] + event})
        event += part.events
        jet += len(part.jets["event"])
    return Chunk(**{name: stack(rows) for name, rows in tables.items()}, cross_section=cross_section, events=events)


def stack(tables: list[dict[str, Array]]) -> dict[str, Array]:
    """Several tables with the same columns as one."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write named arrays, all or nothing: what is interrupted leaves no file of that name."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def save_chunk(path: Path, chunk: Chunk) -> None:
    """Keep a finished chunk."""
    arrays = {f"{table}.{name}": v for table in TABLES for name, v in getattr(chunk, table).items()}
    save_arrays(path, arrays | {"cross_section": chunk.cross_section, "events": chunk.events})


def load_chunk(path: Path, only: tuple[str, ...] = TABLES) -> Chunk:
    """Read a chunk back; tables that are not in `only` are left empty."""
    with np.load(path, allow_pickle=False) as stored:
        tables: dict[str, dict[str, Array]] = {table: {} for table in TABLES}
        for key in stored.files:
            table, _, name = key.partition(".")
            if table in only:
                tables[table][name] = stored[key]
        return Chunk(**tables, cross_section=float(stored["cross_section"]), events=int(stored["events"]))
