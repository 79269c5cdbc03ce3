"""One chunk of flavour-tagging jets: everything about a jet that needs no other jet."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jetlab.angles import wrap
from jetlab.simulation import farm
from jetlab.simulation.detector import round_mantissa
from jetlab.simulation.flavour import events, impact
from jetlab.simulation.flavour.chain import chain
from jetlab.simulation.flavour.events import Events
from jetlab.simulation.flavour.jets import Jets, jets
from jetlab.simulation.flavour.tracker import PION_MASS, Tracks, tracks_of_jets
from jetlab.simulation.flavour.vertices import displaced, secondary
from jetlab.simulation.generator import Array, Generator, Particles, Process
from jetlab.simulation.parameters import ATLAS, Tracker
from jetlab.simulation.pile_up import minimum_bias_pool, overlay

POOL_MIN_PT = 0.7  # GeV, of the charged particles of the pool


@dataclass(frozen=True)
class Conditions:
    """Under which conditions collisions are recorded; `shower`: settings of Pythia for the hard collision."""

    tracker: Tracker = ATLAS
    shower: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chunk:
    """Flat tables of one chunk: `jets`, and their `tracks`, whose column `jet` counts into `jets`."""

    jets: dict[str, Array]
    tracks: dict[str, Array]


def pool(n_events: int, seed: int) -> Particles:
    """Charged particles of minimum-bias collisions at 13 TeV, sorted by event."""
    particles = minimum_bias_pool(n_events, seed, events.PILE_UP)
    return particles.take((particles.charge != 0) & (particles.pt > POOL_MIN_PT))


def simulate_chunk(process: Process, n_events: int, pool: Particles, seed: int, conditions: Conditions) -> Chunk:
    """Simulate `n_events` collisions of `process`; the same seed gives the same chunk."""
    generator_seed, numpy_seed = np.random.SeedSequence(seed).generate_state(2)
    rng = np.random.default_rng(numpy_seed)
    generator = Generator(process, farm.pythia_seed(int(generator_seed)), conditions.shower)
    parts = []
    first_event = first_jet = 0
    for batch in events.generate(generator, n_events):
        part = reconstruct(batch, pool, conditions.tracker, rng)
        number = events.PROCESSES.index(process)
        n_jets = len(part.jets["pt"])
        table = part.jets | {"event": part.jets["event"] + first_event, "process": np.full(n_jets, number)}
        parts.append(Chunk(table, part.tracks | {"jet": part.tracks["jet"] + first_jet}))
        first_event, first_jet = first_event + batch.number, first_jet + n_jets
    return Chunk(farm.stack([part.jets for part in parts]), farm.stack([part.tracks for part in parts]))


def reconstruct(batch: Events, pool: Particles, tracker: Tracker, rng: np.random.Generator) -> Chunk:
    """Jets, tracks and vertices of one batch of collisions with pile-up from the pool."""
    found = jets(batch, rng, tracker)
    particles, vertex_z, _ = overlay(
        batch.particles, batch.number, pool, tracker.mean_pile_up, tracker.beam_spot_z, rng
    )
    tracks = tracks_of_jets(particles, vertex_z, found, batch.number, rng, tracker)
    momentum = tracks.pt * np.cosh(tracks.eta)
    energy = np.bincount(tracks.jet, weights=np.hypot(momentum, PION_MASS), minlength=len(found))
    candidates = displaced(tracks, found)
    vertex, _, _ = secondary(candidates, found, energy, tracker)
    table = {name: values for name, values in vars(found).items() if not name.startswith("hadron_")}
    truth = {name: getattr(found, name) for name in ("hadron_pt", "hadron_l3d", "hadron_ctau")}
    table |= vertex | chain(candidates, found, energy) | _muon(tracks, found) | truth
    return Chunk(table, impact.per_track(tracks, found))


def _muon(tracks: Tracks, found: Jets) -> dict[str, Array]:
    """The hardest muon of each jet, NaN for jets without."""
    columns = {name: np.full(len(found), np.nan) for name in ("pt", "ptrel", "dr", "d0_significance")}
    chosen = np.flatnonzero(tracks.muon)
    chosen = chosen[np.lexsort((tracks.pt[chosen], tracks.jet[chosen]))]
    muons = tracks.take(chosen)
    last = np.r_[muons.jet[1:] != muons.jet[:-1], True] if len(muons) else np.zeros(0, dtype=bool)
    muons = muons.take(last)
    jet = muons.jet
    eta, phi = found.eta[jet], found.phi[jet]
    cosine = (np.cos(muons.phi - phi) + np.sinh(muons.eta) * np.sinh(eta)) / (np.cosh(muons.eta) * np.cosh(eta))
    d0, _ = impact.signed(muons, found)
    values = {
        "pt": muons.pt,
        "ptrel": muons.pt * np.cosh(muons.eta) * np.sqrt(np.maximum(1 - cosine**2, 0)),
        "dr": np.hypot(muons.eta - eta, wrap(muons.phi - phi)),
        "d0_significance": d0,
    }
    for name, column in columns.items():
        column[jet] = values[name]
    return {f"muon_{name}": column for name, column in columns.items()}


def save_chunk(path: Path, chunk: Chunk) -> None:
    """Keep a finished chunk, at the precision that the sample is written with."""
    arrays = {}
    for table in ("jets", "tracks"):
        for name, values in getattr(chunk, table).items():
            exact = values.dtype.kind != "f" or name in ("eta", "phi")
            arrays[f"{table}.{name}"] = values if exact else _rounded(values, 9 if table == "jets" else 6)
    farm.save_arrays(path, arrays)


def _rounded(values: Array, bits: int) -> Array:
    there = np.isfinite(values)
    return np.where(there, round_mantissa(np.where(there, values, 0.0), bits), values).astype(np.float32)


def load_chunk(path: Path, only: tuple[str, ...] = ("jets", "tracks")) -> Chunk:
    """Read a chunk back; tables that are not in `only` are left empty."""
    tables: dict[str, dict[str, Array]] = {"jets": {}, "tracks": {}}
    with np.load(path, allow_pickle=False) as stored:
        for key in stored.files:
            table, _, name = key.partition(".")
            if table in only:
                tables[table][name] = stored[key]
    return Chunk(**tables)
