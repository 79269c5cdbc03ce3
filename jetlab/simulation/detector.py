"""A parametrised CMS-like detector with particle flow: stable particles in, particle-flow candidates and tracks out.

What is modelled, because the jet energy scale and the taggers feel it: tracking efficiency and resolution, bending in
the 3.8 T field, conversions of photons, showers in ECAL and HCAL, clusters, thresholds, the link of tracks to clusters
(`particle_flow`), charged-hadron subtraction. What is not: nuclear interactions beyond the tracks they cost, electron
bremsstrahlung, fake tracks, particles beyond |eta| = 3. Every number stands in `parameters` with its source.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetlab.angles import wrap
from jetlab.simulation import calorimeter, particle_flow
from jetlab.simulation.calorimeter import Clusters, Deposits, Grid
from jetlab.simulation.generator import Array, Particles
from jetlab.simulation.parameters import CMS, Detector

PION_MASS = 0.1396
ELECTRON_MASS = 0.000511
MUON_MASS = 0.1057


@dataclass(frozen=True)
class Candidates:
    """Particle-flow candidates, flat, one array entry each; pt and mass in GeV, `pid` PDG-like and signed."""

    event: NDArray[np.int64]
    pid: NDArray[np.int64]
    charge: NDArray[np.int64]
    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]
    mass: NDArray[np.float64]

    def take(self, index: Array) -> "Candidates":
        """The candidates at `index` (integers or mask)."""
        return Candidates(**{name: values[index] for name, values in vars(self).items()})


def simulate(
    particles: Particles,
    vertex_z: Array,
    rng: np.random.Generator,
    detector: Detector = CMS,
    subtract_charged: bool = True,
) -> tuple[Candidates, dict[str, Array]]:
    """Candidates and tracks that the detector makes of the particles.

    `vertex_z` (n_particles,): position of each particle's collision along the beam relative to the hard one, mm.
    `subtract_charged` drops the charged candidates of pile-up vertices. Tracks are a dict of flat arrays: event, vertex
    and the columns of `schema.TRACK` without the prefix.
    """
    particles, vertex_z = _accepted(particles, vertex_z, detector)
    tracked = _is_tracked(particles, rng, detector)
    tracks = _tracks(particles, vertex_z, tracked, rng, detector)
    charged = _charged(particles, tracks, tracked)
    if subtract_charged:
        charged = charged.take(_is_primary(tracks, vertex_z[tracked], rng, detector))
    neutral = _neutral(particles, tracks, tracked, rng, detector)
    merged = {name: np.concatenate([values, vars(neutral)[name]]) for name, values in vars(charged).items()}
    return _quantised(Candidates(**merged)), tracks


def _accepted(particles: Particles, vertex_z: Array, detector: Detector) -> tuple[Particles, Array]:
    inside = np.abs(particles.eta) < detector.max_eta
    enough = (particles.pt > detector.track_min_pt) | (particles.charge == 0)
    return particles.take(inside & enough), vertex_z[inside & enough]


def _is_tracked(p: Particles, rng: np.random.Generator, d: Detector) -> NDArray[np.bool_]:
    kind = np.abs(p.pid)
    endcap = _ramp(np.abs(p.eta), 0.9, 1.4)
    efficiency = d.hadron_efficiency_barrel + endcap * (d.hadron_efficiency_endcap - d.hadron_efficiency_barrel)
    efficiency = np.where(kind == 13, d.muon_efficiency, efficiency)
    efficiency = np.where(kind == 11, d.electron_efficiency, efficiency)
    efficiency *= 1 - d.core_loss * np.clip(_nearby_energy(p, d) / d.core_pt, 0, 1)
    efficiency *= np.clip(1 - np.hypot(p.x, p.y) / d.track_max_radius, 0, 1)
    efficiency *= 0.5 + 0.5 * _ramp(p.pt, d.track_min_pt, 3 * d.track_min_pt)
    possible = (p.charge != 0) & (p.pt > d.track_min_pt) & (np.abs(p.eta) < d.track_max_eta)
    tracked: NDArray[np.bool_] = possible & (rng.random(len(p)) < efficiency)
    return tracked


def _nearby_energy(p: Particles, d: Detector) -> Array:
    """Transverse momentum in the same HCAL tower: the density that merges hits."""
    _, tower = np.unique(Grid(*d.hcal_tower).cell(p.event, p.eta, p.phi), return_inverse=True)
    return np.bincount(tower, weights=p.pt)[tower]


def _tracks(
    particles: Particles, vertex_z: Array, tracked: Array, rng: np.random.Generator, d: Detector
) -> dict[str, Array]:
    p = particles.take(tracked)
    n = len(p)
    forward = 1 + 2 * _ramp(np.abs(p.eta), 1.0, 2.5)
    pt = p.pt * np.maximum(
        1 + forward * np.hypot(d.pt_resolution, d.pt_resolution_slope * p.pt) * rng.normal(size=n), 0.1
    )
    angle = d.angle_resolution * np.hypot(0.3, 1 / p.pt)
    path = np.cosh(p.eta) ** 0.5
    d0_error = np.hypot(d.d0_resolution[0], d.d0_resolution[1] / p.pt * path)
    dz_error = np.hypot(d.dz_resolution[0], d.dz_resolution[1] / p.pt * path) * np.cosh(p.eta) ** 0.5
    cos, sin = np.cos(p.phi), np.sin(p.phi)
    d0 = p.y * cos - p.x * sin
    dz = vertex_z[tracked] + p.z - (p.x * cos + p.y * sin) * np.sinh(p.eta)
    return {
        "event": p.event,
        "vertex": p.vertex,
        "pt": pt,
        "eta": p.eta + angle * rng.normal(size=n),
        "phi": wrap(p.phi + angle * rng.normal(size=n)),
        "charge": np.sign(p.charge),
        "d0": d0 + d0_error * rng.normal(size=n),
        "d0err": d0_error,
        "dz": dz + dz_error * rng.normal(size=n),
        "dzerr": dz_error,
    }


def _charged(particles: Particles, tracks: dict[str, Array], tracked: Array) -> Candidates:
    kind = np.abs(particles.pid[tracked])
    kind = np.where((kind == 11) | (kind == 13), kind, 211)
    charge = tracks["charge"].astype(np.int64)
    mass = np.select([kind == 11, kind == 13], [ELECTRON_MASS, MUON_MASS], PION_MASS)
    return Candidates(tracks["event"], kind * charge, charge, tracks["pt"], tracks["eta"], tracks["phi"], mass)


def _neutral(
    particles: Particles, tracks: dict[str, Array], tracked: Array, rng: np.random.Generator, d: Detector
) -> Candidates:
    """Photons and neutral hadrons: showers in the calorimeters, clusters of them, and particle flow."""
    kind = np.abs(particles.pid)
    reaches = calorimeter.bend(particles, d) < 1
    is_photon = (kind == 22) | (kind == 11) & ~tracked & reaches  # an electron without its track is taken for one
    is_hadron = ~np.isin(kind, (11, 13, 22)) & reaches
    photons, hadrons = (_deposits(particles.take(kind), d) for kind in (is_photon, is_hadron))
    seen_in_ecal, seen_in_hcal = calorimeter.hadron_deposits(hadrons.energy, rng, d)
    photons = calorimeter.with_conversions(photons, particles.pid[is_photon] == 22, rng, d)
    in_ecal = calorimeter.joined([photons, dataclasses.replace(hadrons, energy=seen_in_ecal)])
    in_ecal = dataclasses.replace(
        in_ecal, energy=d.ecal_scale * in_ecal.energy * calorimeter.ecal_response(in_ecal.eta, d)
    )
    in_hcal = dataclasses.replace(hadrons, energy=seen_in_hcal * calorimeter.hcal_response(hadrons.eta, d))
    n_events = int(particles.event.max()) + 1 if len(particles) else 0
    noise = calorimeter.noise(n_events, rng, d)
    ecal = Clusters.build(Grid(*d.ecal_cell), in_ecal, d.ecal_threshold).smeared(d.ecal_resolution, rng)
    hcal = Clusters.build(
        Grid(*d.hcal_tower), calorimeter.joined([calorimeter.spread(in_hcal, rng, d), noise]), d.hcal_threshold
    )

    hadron = is_hadron[tracked]
    entry = _deposits(particles.take(tracked).take(hadron), d)
    momentum = (tracks["pt"] * np.cosh(tracks["eta"]))[hadron]
    found = particle_flow.reconstruct(ecal, hcal, particle_flow.Tracks(entry.event, momentum, entry.eta, entry.phi), d)
    n = len(found.energy)
    blur = np.where(found.pid == particle_flow.NEUTRAL_HADRON, d.tower_position, 0.0)
    eta, phi = (axis + blur * rng.normal(size=n) for axis in (found.eta, found.phi))
    return Candidates(
        found.event, found.pid, np.zeros(n, dtype=int), found.energy / np.cosh(eta), eta, wrap(phi), np.zeros(n)
    )


def _deposits(p: Particles, d: Detector) -> Deposits:
    """The whole energy of particles where they enter the ECAL."""
    return Deposits(p.event, p.eta, calorimeter.phi_at_calorimeter(p, d), p.energy)


def _is_primary(tracks: dict[str, Array], vertex_z: Array, rng: np.random.Generator, d: Detector) -> NDArray[np.bool_]:
    """Charged-hadron subtraction: a track goes when its pile-up vertex is found and is not merged with the primary."""
    vertices, index = np.unique(tracks["event"] * 1000 + tracks["vertex"], return_inverse=True)
    found = (rng.random(len(vertices)) < d.vertex_efficiency)[index]
    merged = np.abs(vertex_z) < d.vertex_separation
    kept: NDArray[np.bool_] = (tracks["vertex"] == 0) | ~found | merged
    return kept


def _ramp(x: Array, low: float, high: float) -> Array:
    return np.clip((x - low) / (high - low), 0, 1)


def _quantised(c: Candidates) -> Candidates:
    """Candidates with the precision they are stored with, rounded *before* clustering so that jets equal their sum."""
    phi = np.round(c.phi * 4096) / 4096
    return Candidates(
        c.event, c.pid, c.charge, round_mantissa(c.pt, 10), np.round(c.eta * 4096) / 4096, wrap(phi), c.mass
    )


def round_mantissa(values: Array, bits: int) -> Array:
    """Values rounded to `bits` binary digits after the leading one (relative step 2**-bits): they compress well."""
    mantissa, exponent = np.frexp(values)
    rounded: Array = np.ldexp(np.round(mantissa * 2 ** (bits + 1)) / 2 ** (bits + 1), exponent)
    return rounded
