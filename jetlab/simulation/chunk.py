"""One chunk of simulated events: from Pythia's particles to the columns of the schema, before the energy correction.

The order is: generate, overlay pile-up, detector, jets, generator match.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import awkward as ak
import numpy as np

from jetlab.angles import wrap
from jetlab.io.schema import RADIUS
from jetlab.simulation import detector, reconstruction
from jetlab.simulation.farm import pythia_seed, save_arrays, stack
from jetlab.simulation.generator import Array, Collisions, Generator, Particles, Process
from jetlab.simulation.parameters import CMS, Detector
from jetlab.simulation.pile_up import overlay

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
    generator_seed, numpy_seed = np.random.SeedSequence(seed).generate_state(2)
    rng = np.random.default_rng(numpy_seed)
    generator = Generator(process, pythia_seed(int(generator_seed)), conditions.shower)
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


def _reconstruct(
    collisions: Collisions, pool: Particles, wants_w: bool, conditions: Conditions, rng: np.random.Generator
) -> Chunk:
    n = len(collisions)
    particles, vertex_z, vertices = overlay(
        collisions.particles, n, pool, conditions.mean_pile_up, conditions.detector.beam_spot_z, rng
    )
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
    rows, reach = (collisions.w, RADIUS) if wants_w else (collisions.partons, reconstruction.PARTON_MATCH)
    table, gen, constituents, is_w = table[matched], gen[matched], constituents[matched], is_w[matched]
    column = {name: ak.to_numpy(table[name]) for name in table.fields}
    gen_column = {f"gen_{name}": ak.to_numpy(ak.fill_none(gen[name], np.nan)) for name in gen.fields}
    column["parton"] = reconstruction.origin(table, rows, n, reach)
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
