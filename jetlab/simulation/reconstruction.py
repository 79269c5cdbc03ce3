"""Anti-kT jets of particle-flow candidates, with area, soft-drop mass and N-subjettiness, matched to the generator.

FastJet arXiv:1111.6097 · anti-kT arXiv:0802.1189 · soft drop arXiv:1402.2657 · N-subjettiness arXiv:1011.2268 · active
area and median density arXiv:0707.1378, 0802.1188.
"""

from dataclasses import dataclass

import awkward as ak
import fastjet
import numpy as np
import vector
from numpy.typing import NDArray

from jetlab.angles import wrap
from jetlab.io.schema import RADIUS
from jetlab.simulation.detector import Candidates
from jetlab.simulation.generator import NEUTRINOS, Array, Collisions, Particles
from jetlab.substructure import groomed

vector.register_awkward()

GHOST_SPACING = 0.1
GHOSTS_AROUND = int(2 * np.pi / GHOST_SPACING)  # a whole number in phi, so the grid closes
GHOST_AREA = GHOST_SPACING * 2 * np.pi / GHOSTS_AROUND
GHOST_REACH = 0.85  # an anti-kT jet does not reach much beyond R
MAX_ETA = 2.1
GEN_MATCH = 0.35
PARTON_MATCH = 0.4
GEN_MIN_PT = 15.0
RHO_CELL = 0.55

_ANTI_KT = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)


def four_vectors(pt: Array, eta: Array, phi: Array, mass: Array | float) -> ak.Array:
    """Flat four-vectors (px, py, pz, E) that FastJet accepts."""
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    return ak.zip({"px": px, "py": py, "pz": pz, "E": energy}, with_name="Momentum4D")


def by_event(array: ak.Array | Array, event: Array, n_events: int) -> ak.Array:
    """A flat array, sorted by event, as one list per event."""
    return ak.unflatten(array, np.bincount(event, minlength=n_events))


@dataclass(frozen=True)
class Jets:
    """Jets as one flat record array, and each one's candidates (jagged positions in the flat candidates)."""

    table: ak.Array
    constituents: ak.Array


def cluster_jets(candidates: Candidates, n_events: int, min_pt: float, rng: np.random.Generator) -> Jets:
    """Jets above `min_pt` (raw, GeV) and within MAX_ETA, sorted by event and pt.

    Columns: event, pt, eta, phi, E, area, msd, tau21. `candidates` must be sorted by event.
    """
    vectors = four_vectors(candidates.pt, candidates.eta, candidates.phi, candidates.mass)
    seeds = fastjet.ClusterSequence(by_event(vectors, candidates.event, n_events), _ANTI_KT).inclusive_jets(min_pt)
    ghosts = _ghosts_around(seeds, rng)
    counts = np.bincount(candidates.event, minlength=n_events)
    inputs = ak.concatenate([ak.unflatten(vectors, counts), ghosts], axis=1)
    sequence = fastjet.ClusterSequence(ak.values_astype(inputs, np.float64), _ANTI_KT)
    jets, index = sequence.inclusive_jets(min_pt), sequence.constituent_index(min_pt)

    central = np.abs(np.arcsinh(jets.pz / np.hypot(jets.px, jets.py))) < MAX_ETA
    jets, index = jets[central], index[central]
    order = ak.argsort(np.hypot(jets.px, jets.py), axis=1, ascending=False)
    jets, index = jets[order], index[order]
    offsets = np.r_[0, np.cumsum(counts)[:-1]]
    real = index < counts[:, None, None] if n_events else index
    area = ak.flatten(ak.sum(~real, axis=2)) * GHOST_AREA
    constituents = ak.flatten(index[real] + offsets[:, None, None], axis=1)

    event = np.repeat(np.arange(n_events), ak.to_numpy(ak.num(jets)))
    flat = ak.flatten(jets)
    px, py, pz, energy = (ak.to_numpy(flat[name]) for name in ("px", "py", "pz", "E"))
    pt = np.hypot(px, py)
    msd, tau21 = _substructure(vectors, constituents)
    table = {
        "event": event,
        "pt": pt,
        "eta": np.arcsinh(pz / pt),
        "phi": wrap(np.arctan2(py, px)),
        "E": energy,
        "area": ak.to_numpy(area),
        "msd": msd,
        "tau21": tau21,
    }
    return Jets(ak.zip(table), constituents)


def _ghosts_around(seeds: ak.Array, rng: np.random.Generator) -> ak.Array:
    """Infinitely soft particles on a jittered grid around each jet: those that end in the jet measure its area."""
    steps = np.arange(-GHOST_REACH, GHOST_REACH + GHOST_SPACING / 2, GHOST_SPACING)
    deta, dphi = (grid.ravel() for grid in np.meshgrid(steps, steps))
    deta, dphi = (offset[np.hypot(deta, dphi) < GHOST_REACH] for offset in (deta, dphi))
    seeds = seeds[np.abs(np.arcsinh(seeds.pz / np.hypot(seeds.px, seeds.py))) < MAX_ETA]
    pt = np.hypot(seeds.px, seeds.py)
    eta, phi = (ak.to_numpy(ak.flatten(a)) for a in (np.arcsinh(seeds.pz / pt), np.arctan2(seeds.py, seeds.px)))
    event = np.repeat(np.arange(len(seeds)), ak.to_numpy(ak.num(seeds)))

    # One grid for all jets of an event, or the ghosts of two near jets would overlap and count twice.
    ieta = np.round((eta[:, None] + deta) / GHOST_SPACING).astype(int).ravel()
    iphi = np.round((phi[:, None] + dphi) / (2 * np.pi) * GHOSTS_AROUND).astype(int).ravel() % GHOSTS_AROUND
    cells = np.unique(np.stack([np.repeat(event, len(deta)), ieta, iphi]), axis=1)
    event, ieta, iphi = cells if cells.size else np.zeros((3, 0), dtype=int)
    jitter = rng.uniform(-0.5, 0.5, size=(2, len(event)))
    ghost_eta = (ieta + jitter[0]) * GHOST_SPACING
    ghost_phi = (iphi + jitter[1]) * 2 * np.pi / GHOSTS_AROUND
    ghosts = four_vectors(np.full(len(event), 1e-50), ghost_eta, ghost_phi, 0.0)
    return by_event(ghosts, event, len(seeds))


def _substructure(vectors: ak.Array, constituents: ak.Array) -> tuple[Array, Array]:
    if len(constituents) == 0:
        return np.zeros(0), np.zeros(0)
    return groomed(ak.unflatten(vectors[ak.flatten(constituents)], ak.num(constituents)), RADIUS)


def density(candidates: Candidates, n_events: int, max_eta: float = 2.5) -> Array:
    """Median transverse momentum per unit area over a grid of cells, GeV, one per event (arXiv:0802.1188)."""
    neta, nphi = round(2 * max_eta / RHO_CELL), round(2 * np.pi / RHO_CELL)
    inside = np.abs(candidates.eta) < max_eta
    ieta = ((candidates.eta[inside] + max_eta) / (2 * max_eta) * neta).astype(int)
    iphi = ((candidates.phi[inside] + np.pi) / (2 * np.pi) * nphi).astype(int) % nphi
    cell = (candidates.event[inside] * neta + ieta) * nphi + iphi
    sums = np.bincount(cell, weights=candidates.pt[inside], minlength=n_events * neta * nphi)
    rho: Array = np.median(sums.reshape(n_events, -1), axis=1) / (2 * max_eta / neta * 2 * np.pi / nphi)
    return rho


def generator_jets(particles: Particles, n_events: int, radius: float = RADIUS, min_pt: float = GEN_MIN_PT) -> ak.Array:
    """Anti-kT jets of all stable visible particles of the hard collision, one list per event: pt, eta, phi, E."""
    visible = ~np.isin(np.abs(particles.pid), NEUTRINOS)
    p = particles.take(visible)
    px, py, pz = p.pt * np.cos(p.phi), p.pt * np.sin(p.phi), p.pt * np.sinh(p.eta)
    vectors = ak.zip({"px": px, "py": py, "pz": pz, "E": p.energy}, with_name="Momentum4D")
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    jets = fastjet.ClusterSequence(by_event(vectors, p.event, n_events), definition).inclusive_jets(min_pt)
    pt = np.hypot(jets.px, jets.py)
    return ak.zip({"pt": pt, "eta": np.arcsinh(jets.pz / pt), "phi": np.arctan2(jets.py, jets.px), "E": jets.E})


def nearest(jets: ak.Array, others: ak.Array) -> tuple[ak.Array, Array]:
    """For each flat jet the nearest of its event's `others` (one list per event), and the distance (inf: none)."""
    mine = others[jets.event]
    distance = np.hypot(mine.eta - jets.eta, wrap(mine.phi - jets.phi))
    best = ak.argmin(distance, axis=1, keepdims=True)
    return ak.flatten(mine[best]), ak.to_numpy(ak.fill_none(ak.min(distance, axis=1), np.inf))


def is_hadronic_w(jets: ak.Array, collisions: Collisions) -> NDArray[np.bool_]:
    """Whether the nearest generator W lies within R of the jet, decays to two quarks, and these lie within R."""
    w = ak.zip({name: collisions.w[name] for name in ("eta", "phi", "dr_quarks")})
    nearest_w, distance = nearest(jets, by_event(w, collisions.w["event"], len(collisions)))
    found: NDArray[np.bool_] = (distance < RADIUS) & ak.to_numpy(ak.fill_none(nearest_w.dr_quarks, np.inf) < RADIUS)
    return found


def origin(jets: ak.Array, rows: dict[str, Array], n_events: int, reach: float) -> NDArray[np.int64]:
    """PDG id of the nearest of `rows` (event, id, eta, phi) to each flat jet; 0 where none lies within `reach`."""
    particles = by_event(ak.zip({name: rows[name] for name in ("id", "eta", "phi")}), rows["event"], n_events)
    found, distance = nearest(jets, particles)
    return np.where(distance < reach, ak.to_numpy(ak.fill_none(found.id, 0)), 0).astype(np.int64)
