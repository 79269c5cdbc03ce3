"""A parametrised CMS-like detector with particle flow: stable particles in, particle-flow candidates and tracks out.

What is modelled, because the jet energy scale and the taggers feel it: tracking efficiency and resolution, bending in
the 3.8 T field, ECAL cells and HCAL towers with response, resolution and thresholds, the link of tracks to towers,
charged-hadron subtraction. What is not: material interactions, electron bremsstrahlung, particles beyond |eta| = 3.
Every number stands in `parameters` with its source. Used for `data/jets.root` of M1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetlab.angles import wrap
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
    particles: Particles, vertex_z: Array, rng: np.random.Generator, detector: Detector = CMS
) -> tuple[Candidates, dict[str, Array]]:
    """Candidates and tracks that the detector makes of the particles.

    `vertex_z` (n_particles,): position of each particle's collision along the beam relative to the hard one, mm.
    Tracks are a dict of flat arrays: event, vertex and the columns of `schema.TRACK` without the prefix.
    """
    particles, vertex_z = _accepted(particles, vertex_z, detector)
    tracked = _is_tracked(particles, rng, detector)
    tracks = _tracks(particles, vertex_z, tracked, rng, detector)
    kind = np.abs(particles.pid)
    electron = tracked & (kind == 11)
    muon = kind == 13

    candidates = [_charged(particles, tracks, tracked, electron, muon & tracked)]
    reaches = _bend(particles, detector) < 1
    electromagnetic = (kind == 22) | (kind == 11) & ~tracked & reaches
    candidates.append(_ecal(particles.take(electromagnetic), rng, detector))
    showers = ~(kind == 22) & ~(kind == 11) & ~muon & reaches
    candidates.append(_hcal(particles.take(showers), tracked[showers], rng, detector))

    keep = [_is_primary(tracks, vertex_z[tracked], rng, detector), slice(None), slice(None)]
    merged = {
        name: np.concatenate([vars(c)[name][k] for c, k in zip(candidates, keep, strict=True)])
        for name in vars(candidates[0])
    }
    return _quantised(Candidates(**merged)), tracks


def _accepted(particles: Particles, vertex_z: Array, detector: Detector) -> tuple[Particles, Array]:
    inside = np.abs(particles.eta) < detector.max_eta
    enough = (particles.pt > 0.2) | (particles.charge == 0)
    return particles.take(inside & enough), vertex_z[inside & enough]


def _is_tracked(p: Particles, rng: np.random.Generator, d: Detector) -> NDArray[np.bool_]:
    kind = np.abs(p.pid)
    endcap = _ramp(np.abs(p.eta), 0.9, 1.4)
    efficiency = d.hadron_efficiency_barrel + endcap * (d.hadron_efficiency_endcap - d.hadron_efficiency_barrel)
    efficiency = np.where(kind == 13, d.muon_efficiency, efficiency)
    efficiency = np.where(kind == 11, d.electron_efficiency, efficiency)
    efficiency *= 1 - d.core_loss * np.clip(_nearby_energy(p, d) / d.core_pt, 0, 1)
    efficiency *= np.clip(1 - np.hypot(p.x, p.y) / d.track_max_radius, 0, 1)
    efficiency *= _ramp(p.pt, d.track_min_pt, 3 * d.track_min_pt) * 0.15 + 0.85
    possible = (p.charge != 0) & (p.pt > d.track_min_pt) & (np.abs(p.eta) < d.track_max_eta)
    tracked: NDArray[np.bool_] = possible & (rng.random(len(p)) < efficiency)
    return tracked


def _nearby_energy(p: Particles, d: Detector) -> Array:
    """Transverse momentum in the same HCAL tower: the density that merges hits."""
    _, tower = np.unique(_cell(p.event, p.eta, p.phi, d.hcal_tower), return_inverse=True)
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


def _charged(
    particles: Particles, tracks: dict[str, Array], tracked: Array, electron: Array, muon: Array
) -> Candidates:
    electron, muon = electron[tracked], muon[tracked]
    kind = np.select([electron, muon], [11, 13], 211)
    charge = tracks["charge"].astype(np.int64)
    mass = np.select([electron, muon], [ELECTRON_MASS, MUON_MASS], PION_MASS)
    return Candidates(tracks["event"], kind * charge, charge, tracks["pt"], tracks["eta"], tracks["phi"], mass)


def _is_primary(tracks: dict[str, Array], vertex_z: Array, rng: np.random.Generator, d: Detector) -> NDArray[np.bool_]:
    """Charged-hadron subtraction: a track goes when its pile-up vertex is found and is not merged with the primary."""
    vertices, index = np.unique(tracks["event"] * 1000 + tracks["vertex"], return_inverse=True)
    found = (rng.random(len(vertices)) < d.vertex_efficiency)[index]
    merged = np.abs(vertex_z) < d.vertex_separation
    kept: NDArray[np.bool_] = (tracks["vertex"] == 0) | ~found | merged
    return kept


def _ecal(p: Particles, rng: np.random.Generator, d: Detector) -> Candidates:
    """Photons: the energy of each ECAL cell, at its energy-weighted position."""
    cell = _Cells(p.event, p.eta, phi_at_calorimeter(p, d), p.energy, d.ecal_cell)
    response = 1 - d.gap_depth_ecal * _gap(cell.eta, d)
    energy = _smear(cell.energy * response, d.ecal_resolution, rng)
    threshold = d.ecal_threshold * np.cosh(np.clip(np.abs(cell.eta) - 1.3, 0, None) * 1.5)
    return cell.candidates(22, energy, energy > threshold)


def _hcal(p: Particles, tracked: Array, rng: np.random.Generator, d: Detector) -> Candidates:
    """Neutral hadrons: the energy of each HCAL tower in excess of what its tracks account for (arXiv:1706.04965)."""
    cell = _Cells(p.event, p.eta, phi_at_calorimeter(p, d), p.energy, d.hcal_tower)
    seen = p.energy * hadronic_response(p.energy, d)
    local = np.where(np.abs(cell.eta) > 1.6, d.endcap_response, 1.0) * (1 - d.gap_depth_hcal * _gap(cell.eta, d))
    measured = _smear(cell.sum(seen) * local, d.hcal_resolution, rng)
    expected = cell.sum(np.where(tracked, seen, 0.0)) * local
    excess = measured - expected
    significant = excess > d.excess_significance * resolution(expected, d.hcal_resolution) * (expected > 0)
    keep = significant & (excess > d.hcal_threshold)
    return cell.candidates(130, excess, keep, jitter=d.tower_position, rng=rng)


class _Cells:
    """Particles gathered into calorimeter cells: `event`, and energy-weighted `eta`, `phi`, summed `energy`."""

    def __init__(self, event: Array, eta: Array, phi: Array, energy: Array, size: float) -> None:
        _, first, self._cell = np.unique(_cell(event, eta, phi, size), return_index=True, return_inverse=True)
        self.event = event[first]
        self.energy = self.sum(energy)
        self.eta = self.sum(energy * eta) / self.energy
        self.phi = wrap(phi[first] + self.sum(energy * wrap(phi - phi[first][self._cell])) / self.energy)

    def sum(self, values: Array) -> Array:
        return np.bincount(self._cell, weights=values, minlength=len(self.event))

    def candidates(
        self, pid: int, energy: Array, keep: Array, jitter: float = 0.0, rng: np.random.Generator | None = None
    ) -> Candidates:
        """Massless neutral candidates of the cells to keep, their position smeared by `jitter`."""
        eta, phi = self.eta[keep], self.phi[keep]
        if rng is not None:
            eta = eta + jitter * rng.normal(size=len(eta))
            phi = wrap(phi + jitter * rng.normal(size=len(phi)))
        n = len(eta)
        zero = np.zeros(n, dtype=np.int64)
        return Candidates(self.event[keep], zero + pid, zero, energy[keep] / np.cosh(eta), eta, phi, np.zeros(n))


def hadronic_response(energy: Array, d: Detector = CMS) -> Array:
    """Measured over true energy of a hadron, one at the calibration energy (Groom, NIM A 572 (2007) 633)."""

    def raw(e: Array | float) -> Array:
        electromagnetic_fraction = 1 - (np.maximum(e, d.groom_scale) / d.groom_scale) ** (d.groom_power - 1)
        return 1 - (1 - d.h_over_e) * (1 - electromagnetic_fraction)

    response: Array = raw(energy) / raw(d.calibration_energy)
    return response


def resolution(energy: Array, terms: tuple[float, float, float]) -> Array:
    """Absolute calorimeter resolution in GeV from the stochastic, noise and constant terms added in quadrature."""
    stochastic, noise, constant = terms
    return np.sqrt(stochastic**2 * energy + noise**2 + (constant * energy) ** 2)


def _smear(energy: Array, terms: tuple[float, float, float], rng: np.random.Generator) -> Array:
    return energy + resolution(energy, terms) * rng.normal(size=len(energy))


def _bend(p: Particles, d: Detector) -> Array:
    """Sine of the shift in azimuth between a particle's start and the ECAL, without sign; above one it curls up inside.

    The field turns its direction by twice that angle.
    """
    radius = np.minimum(d.ecal_radius, d.ecal_z / np.maximum(np.abs(np.sinh(p.eta)), 1e-3))
    return np.where(p.charge == 0, 0.0, 0.3 * d.field * radius / (2 * p.pt))


def phi_at_calorimeter(p: Particles, d: Detector) -> Array:
    """Azimuth where a particle that reaches it enters the ECAL."""
    phi: Array = wrap(p.phi - np.sign(p.charge) * np.arcsin(_bend(p, d)))
    return phi


def _gap(eta: Array, d: Detector) -> Array:
    depth: Array = np.exp(-0.5 * ((np.abs(eta) - d.gap_centre) / d.gap_width) ** 2)
    return depth


def _cell(event: Array, eta: Array, phi: Array, size: float) -> NDArray[np.int64]:
    """One integer per (event, eta cell, phi cell)."""
    cells = int(2 * np.pi / size)
    ieta = np.floor((eta + 6) / size).astype(np.int64)
    iphi = np.floor((phi + np.pi) / (2 * np.pi) * cells).astype(np.int64)
    return (event * int(12 / size + 1) + ieta) * (cells + 1) + iphi


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
