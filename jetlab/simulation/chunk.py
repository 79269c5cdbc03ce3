"""One chunk of simulated events: from Pythia's particles to the columns of the schema, before the energy correction.

The order is: generate, overlay pile-up, detector, jets, generator match.
"""

import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from jetlab.angles import wrap
from jetlab.io.checks import atomic
from jetlab.simulation import detector, reconstruction
from jetlab.simulation.generator import (
    MINIMUM_BIAS,
    Array,
    Collisions,
    Generator,
    Particles,
    Process,
    concatenate,
)
from jetlab.simulation.parameters import CMS, Detector

TRACK_MIN_PT = 1.0  # GeV
#: Spectrum of the W's jets over that of QCD, against generator pt (GeV), to a constant factor, measured, with a floor.
#: It only decides which events are kept: a wrong one would cost jets, not make them wrong.
W_OVER_QCD = (
    (200.0, 212.0, 225.0, 237.0, 250.0, 275.0, 300.0, 350.0, 400.0, 450.0, 500.0),
    (0.2, 0.3, 0.48, 0.73, 1.0, 1.55, 2.0, 2.75, 3.6, 5.2, 6.1),
)
ALIKE = 0.16  # weight times that ratio up to which events are thinned out: three in five stay
TRACK_REACH = 1.0  # dR: tracks are kept a little beyond the jet, so that matching has something to decide


@dataclass(frozen=True)
class Conditions:
    """Under which conditions collisions are recorded, and which of their jets are kept.

    `min_pt`: raw pt (GeV) of the jets that the energy correction is derived from. `kept_raw_pt`: wide enough that no
    correction brings others into the analysis. `gen_pt_edges`: bins of generator pt (GeV) of the correction. `shower`:
    settings of Pythia for the hard collision.
    """

    detector: Detector = CMS
    shower: tuple[str, ...] = ()
    mean_pile_up: float = 9.0  # CMS 2011
    subtract_charged: bool = True
    min_pt: float = 90.0
    kept_raw_pt: tuple[float, float] = (140.0, 560.0)
    kept_max_eta: float = 2.0
    gen_pt_edges: tuple[float, ...] = (130.0, 150.0, 175.0, 200.0, 230.0, 270.0, 320.0, 400.0, 500.0, 700.0)


@dataclass(frozen=True)
class Task:
    """One chunk: its process, its number among the chunks of that process, and its luminosity section."""

    process: Process
    number: int
    lumi: int

    @property
    def name(self) -> str:
        """What its file is called and its seed derives from."""
        return f"{self.process.name}-{self.number:05d}"

    def file(self, parts: Path) -> Path:
        """Where it is kept when finished."""
        return parts / f"{self.name}.npz"


def plan(chunks: dict[Process, int]) -> list[Task]:
    """The first chunks of each process, each with a luminosity section of its own."""
    return [
        Task(process, i, i * len(chunks) + position + 1)
        for position, (process, n) in enumerate(chunks.items())
        for i in range(n)
    ]


def seed_of(seed: int, name: str) -> int:
    """Seed of the part `name` of the run with that seed."""
    return int(np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)[0])


def minimum_bias_pool(n_events: int, seed: int) -> Particles:
    """Visible particles of minimum-bias collisions, sorted by event."""
    (collisions,) = Generator(MINIMUM_BIAS, seed).batches(n_events, size=n_events)
    particles = collisions.particles
    return particles.take(np.abs(particles.eta) < CMS.max_eta)


TABLES = ("calibration", "jets", "candidates", "tracks")
TOTALS = ("cross_section", "events", "sum_of_weights")


@dataclass(frozen=True)
class Chunk:
    """Flat tables of one chunk.

    calibration: every generator-matched jet (pt_raw, eta, area, rho, gen_pt, vertices: of pile-up). jets: those worth
    keeping; `weight` undoes the bias of the spectrum and the thinning. candidates: theirs, `jet` counts into `jets`.
    tracks: those near a kept jet. `event` counts within the chunk, whose events have together the weight
    `sum_of_weights`.
    """

    calibration: dict[str, Array]
    jets: dict[str, Array]
    candidates: dict[str, Array]
    tracks: dict[str, Array]
    cross_section: float
    events: int
    sum_of_weights: float


def simulate_chunk(process: Process, events: int, pool: Particles, seed: int, conditions: Conditions) -> Chunk:
    """Simulate `events` collisions of `process`; the same seed gives the same chunk."""
    pythia_seed, numpy_seed = np.random.SeedSequence(seed).generate_state(2)
    rng = np.random.default_rng(numpy_seed)
    generator = Generator(process, int(pythia_seed % 900_000_000) + 1, conditions.shower)
    parts = []
    for collisions in generator.batches(events):
        kept = thinned(collisions, rng) if process.thinned else collisions
        part = _reconstruct(kept, pool, process.wants_w, conditions, rng)
        parts.append(replace(part, events=len(collisions), sum_of_weights=float(collisions.weight.sum())))
    return _joined(parts, generator.cross_section)


def thinned(collisions: Collisions, rng: np.random.Generator) -> Collisions:
    """Fewer of the events that would count little once QCD has the W's spectrum; those that stay weigh more.

    What is drawn by is known before the detector: the response of jets of one generator pt must not depend on it.
    Weights that are nearly alike are worth more jets.
    """
    jets = reconstruction.generator_jets(collisions.particles, len(collisions))
    hardest = ak.to_numpy(ak.fill_none(ak.max(jets.pt[np.abs(jets.eta) < CMS.track_max_eta], axis=1), 0.0))
    wanted = np.exp(np.interp(hardest, W_OVER_QCD[0], np.log(W_OVER_QCD[1])))
    share = np.minimum(1, collisions.weight * wanted / ALIKE)
    return replace(collisions, weight=collisions.weight / share).take(rng.random(len(collisions)) < share)


def _overlay(
    collisions: Collisions, pool: Particles, conditions: Conditions, rng: np.random.Generator
) -> tuple[Particles, Array, Array]:
    """The hard collisions with pile-up from the pool, each rotated in phi and mirrored in eta at random.

    Also returns each particle's vertex position along the beam relative to the hard collision, mm, and the number of
    pile-up collisions of each event.
    """
    n = len(collisions)
    count = rng.poisson(conditions.mean_pile_up, n)
    event = np.repeat(np.arange(n), count)
    vertex = np.arange(len(event)) - np.repeat(np.cumsum(count) - count, count) + 1
    pool_events = pool.event[-1] + 1
    pick = rng.integers(0, pool_events, len(event))
    turn, mirror = rng.uniform(-np.pi, np.pi, len(event)), rng.choice([-1.0, 1.0], len(event))
    beam = conditions.detector.beam_spot_z
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
    return concatenate([hard, pile_up]), np.concatenate([np.zeros(len(hard)), z[collision]]), count


def _reconstruct(
    collisions: Collisions, pool: Particles, wants_w: bool, conditions: Conditions, rng: np.random.Generator
) -> Chunk:
    n = len(collisions)
    particles, vertex_z, vertices = _overlay(collisions, pool, conditions, rng)
    candidates, tracks = detector.simulate(
        particles, vertex_z, rng, conditions.detector, subtract_charged=conditions.subtract_charged
    )
    candidates = candidates.take(np.lexsort((-candidates.pt, candidates.event)))
    jets = reconstruction.cluster_jets(candidates, n, conditions.min_pt, rng)
    rho = reconstruction.density(candidates, n)

    table, constituents = jets.table, jets.constituents
    gen, distance = reconstruction.nearest(table, reconstruction.generator_jets(collisions.particles, n))
    matched = distance < reconstruction.GEN_MATCH
    is_w = reconstruction.is_hadronic_w(table, collisions) if wants_w else np.zeros(len(table), dtype=bool)
    table, gen, constituents, is_w = table[matched], gen[matched], constituents[matched], is_w[matched]
    column = {name: ak.to_numpy(table[name]) for name in table.fields}
    gen_column = {f"gen_{name}": ak.to_numpy(ak.fill_none(gen[name], np.nan)) for name in gen.fields}
    column |= gen_column | {"rho": rho[column["event"]], "is_w": is_w, "ncand": ak.to_numpy(ak.num(constituents))}
    calibration = {name: column[name] for name in ("eta", "area", "rho", "gen_pt")}
    calibration |= {"pt_raw": column["pt"], "vertices": vertices[column["event"]]}
    low, high = conditions.kept_raw_pt
    kept = (column["pt"] > low) & (column["pt"] < high) & (np.abs(column["eta"]) < conditions.kept_max_eta)
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
        float(collisions.weight.sum()),
    )


def _event_columns(candidates: detector.Candidates, collisions: Collisions, event: Array) -> dict[str, Array]:
    n = len(collisions)
    px = np.bincount(candidates.event, weights=candidates.pt * np.cos(candidates.phi), minlength=n)
    py = np.bincount(candidates.event, weights=candidates.pt * np.sin(candidates.phi), minlength=n)
    sumet = np.bincount(candidates.event, weights=candidates.pt, minlength=n)
    return {
        "met": np.hypot(px, py)[event],
        "sumet": sumet[event],
        "pthat": collisions.pthat[event],
        "weight": collisions.weight[event],
    }


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


def _joined(parts: list[Chunk], cross_section: float) -> Chunk:
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
    weight = sum(part.sum_of_weights for part in parts)
    stacked = {name: stack(rows) for name, rows in tables.items()}
    return _of_tables(stacked, cross_section, event, weight)


def _of_tables(tables: dict[str, dict[str, Array]], cross_section: float, events: int, sum_of_weights: float) -> Chunk:
    calibration, jets, candidates, tracks = (tables[name] for name in TABLES)
    return Chunk(calibration, jets, candidates, tracks, cross_section, events, sum_of_weights)


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
    save_arrays(path, arrays | {name: getattr(chunk, name) for name in TOTALS})


def load_chunk(path: Path, only: tuple[str, ...] = TABLES) -> Chunk:
    """Read a chunk back; tables that are not in `only` are left empty."""
    with np.load(path, allow_pickle=False) as stored:
        tables: dict[str, dict[str, Array]] = {table: {} for table in TABLES}
        for key in stored.files:
            table, _, name = key.partition(".")
            if table in only:
                tables[table][name] = stored[key]
        return _of_tables(tables, *(stored[name].item() for name in TOTALS))
