"""The calorimeters: what particles leave in ECAL cells and HCAL towers, and the clusters made of neighbouring ones.

A hadron may already shower in the ECAL, whose crystals are about one interaction length deep. Calorimeters see only a
part of its energy, the smallest of a soft one (Groom), with large fluctuations. Every number stands in `parameters`.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from jetlab.angles import wrap
from jetlab.simulation.generator import Array, Particles
from jetlab.simulation.parameters import CMS, Detector

SEED_NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0))
NEIGHBOURS = (*SEED_NEIGHBOURS, (1, 1), (1, -1), (-1, 1), (-1, -1))


@dataclass(frozen=True)
class Deposits:
    """Energies (GeV) left in a calorimeter, flat, with their event, eta and phi."""

    event: Array
    eta: Array
    phi: Array
    energy: Array

    def take(self, index: Array) -> "Deposits":
        """The deposits at `index` (integers or mask)."""
        return Deposits(**{name: values[index] for name, values in vars(self).items()})


def joined(parts: list[Deposits]) -> Deposits:
    """Several sets of deposits as one."""
    return Deposits(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})


def hadronic_response(energy: Array, d: Detector = CMS) -> Array:
    """Measured over true energy of a hadron (GeV) at the scale of electrons (Groom, NIM A 572 (2007) 633)."""
    electromagnetic_fraction = 1 - (np.maximum(energy, d.groom_scale) / d.groom_scale) ** (d.groom_power - 1)
    response: Array = 1 - (1 - d.h_over_e) * (1 - electromagnetic_fraction)
    return response


def resolution(energy: Array, terms: tuple[float, float, float]) -> Array:
    """Absolute calorimeter resolution in GeV from the stochastic, noise and constant terms added in quadrature."""
    stochastic, noise, constant = terms
    return np.sqrt(stochastic**2 * energy + noise**2 + (constant * energy) ** 2)


def ecal_response(eta: Array, d: Detector = CMS) -> Array:
    """Share of the energy seen by the ECAL: less in the gap between barrel and endcap."""
    return 1 - d.gap_depth_ecal * _gap(eta, d)


def hcal_response(eta: Array, d: Detector = CMS) -> Array:
    """Share of the energy seen by the HCAL: less in the gap between barrel and endcap, and in the endcap."""
    return np.where(np.abs(eta) > 1.6, d.endcap_response, 1.0) * (1 - d.gap_depth_hcal * _gap(eta, d))


def _gap(eta: Array, d: Detector) -> Array:
    depth: Array = np.exp(-0.5 * ((np.abs(eta) - d.gap_centre) / d.gap_width) ** 2)
    return depth


def hadron_deposits(energy: Array, rng: np.random.Generator, d: Detector = CMS) -> tuple[Array, Array]:
    """Energies (GeV) that hadrons leave in ECAL, at the scale of photons, and in HCAL, at that of 50 GeV pions."""
    n = len(energy)
    showers = rng.random(n) < 1 - np.exp(-d.ecal_depth)
    share = np.where(showers, rng.random(n), 0.0)
    relative = resolution(energy, d.hadron_resolution) / energy
    # A gamma distribution: its mean is one and no signal is negative, however large the fluctuation.
    fluctuation = rng.gamma(1 / relative**2) * relative**2
    seen = energy * hadronic_response(energy, d) * fluctuation
    ionisation = np.where(showers, 0.0, np.minimum(d.ecal_ionisation, energy))
    calibration = hadronic_response(np.asarray(d.calibration_energy), d)
    return share * seen + ionisation, d.hcal_scale * (1 - share) * seen / calibration


def bend(p: Particles, d: Detector = CMS) -> Array:
    """Sine of the shift in azimuth between a particle's start and the ECAL, without sign; above one it curls up inside.

    The field turns its direction by twice that angle.
    """
    radius = np.minimum(d.ecal_radius, d.ecal_z / np.maximum(np.abs(np.sinh(p.eta)), 1e-3))
    return np.where(p.charge == 0, 0.0, 0.3 * d.field * radius / (2 * p.pt))


def phi_at_calorimeter(p: Particles, d: Detector = CMS) -> Array:
    """Azimuth where a particle that reaches it enters the ECAL."""
    phi: Array = wrap(p.phi - np.sign(p.charge) * np.arcsin(bend(p, d)))
    return phi


def material(eta: Array, d: Detector = CMS) -> Array:
    """Radiation lengths of tracker material in the direction eta."""
    return np.interp(np.abs(eta), *d.tracker_material)


def with_conversions(deposits: Deposits, photon: Array, rng: np.random.Generator, d: Detector = CMS) -> Deposits:
    """Deposits in ECAL after some of those that are photons have become electron pairs in the tracker.

    Electron and positron share the energy at random. Each bends on its way to the ECAL; a soft one never gets there.
    """
    converts = photon & (rng.random(len(photon)) < 1 - np.exp(-7 / 9 * material(deposits.eta, d)))
    whole, born = deposits.take(~converts), deposits.take(converts)
    n = len(born.energy)
    share = rng.random(n)
    path = rng.uniform(0.0, d.ecal_radius - d.first_material, n)  # m, from the conversion to the ECAL
    sign = rng.choice([-1.0, 1.0], n)
    pairs = []
    for z, charge in ((share, sign), (1 - share, -sign)):
        energy = z * born.energy
        sine = 0.3 * d.field * path / (2 * np.maximum(energy, 1e-6) / np.cosh(born.eta))
        phi = wrap(born.phi - charge * np.arcsin(np.minimum(sine, 1)) * path / d.ecal_radius)
        pairs.append(Deposits(born.event, born.eta, phi, energy).take(sine < 1))
    return joined([whole, *pairs])


def spread(deposits: Deposits, rng: np.random.Generator, d: Detector = CMS) -> Deposits:
    """Hadronic showers with a part of their energy beside the axis: twice as many deposits."""
    n = len(deposits.energy)
    share = rng.random(n) * 2 * d.shower_beside
    eta, phi = (axis + d.shower_width * rng.normal(size=n) for axis in (deposits.eta, deposits.phi))
    axis = replace(deposits, energy=(1 - share) * deposits.energy)
    return joined([axis, Deposits(deposits.event, eta, wrap(phi), share * deposits.energy)])


def noise(n_events: int, rng: np.random.Generator, d: Detector = CMS) -> Deposits:
    """Electronic noise in HCAL towers of `n_events` events, where it alone is above threshold."""
    size, _, edge = d.hcal_tower
    parts = []
    for sigma, low, high in ((d.hcal_noise[0], 0.0, edge), (d.hcal_noise[1], edge, d.max_eta)):
        towers = 2 * (high - low) / size * 2 * np.pi / size
        n = rng.poisson(n_events * towers * scipy.stats.norm.sf(d.hcal_threshold / sigma))
        energy = scipy.stats.truncnorm.rvs(d.hcal_threshold / sigma, np.inf, scale=sigma, size=n, random_state=rng)
        eta = rng.uniform(low, high, n) * rng.choice([-1.0, 1.0], n)
        parts.append(Deposits(rng.integers(0, n_events, n), eta, rng.uniform(-np.pi, np.pi, n), energy))
    return joined(parts)


@dataclass(frozen=True)
class Grid:
    """Cells over |eta| < 6, of one size in the barrel and another beyond `edge`.

    Each cell has one integer, unique over events, from which its neighbours' follow; none are across the edge.
    """

    barrel: float
    endcap: float
    edge: float

    def cell(self, event: Array, eta: Array, phi: Array) -> NDArray[np.int64]:
        """The cell that holds the direction (eta, phi) of an event."""
        beyond = np.abs(eta) > self.edge
        steps = np.where(beyond, (np.abs(eta) - self.edge) / self.endcap, (self.edge + eta) / self.barrel)
        from_edge = steps.astype(int)
        row = np.where(beyond, self._barrel_rows + from_edge + (eta < 0) * self._endcap_rows, from_edge)
        row = row + np.asarray(event, dtype=np.int64) * self._rows
        iphi = np.floor((phi + np.pi) / (2 * np.pi) * self._n_phi(row)).astype(np.int64) % self._n_phi(row)
        return row * self._stride + iphi

    def neighbour(self, cell: Array, eta_step: int, phi_step: int) -> NDArray[np.int64]:
        """The cell one step away, -1 where the grid has none."""
        row, iphi = np.divmod(cell, self._stride)
        there = row + eta_step
        same = self._part(there) == self._part(row)
        return np.where(same, there * self._stride + (iphi + phi_step) % self._n_phi(row), -1)

    @property
    def _barrel_rows(self) -> int:
        return math.ceil(2 * self.edge / self.barrel)

    @property
    def _endcap_rows(self) -> int:
        return math.ceil((6 - self.edge) / self.endcap)

    @property
    def _rows(self) -> int:
        return self._barrel_rows + 2 * self._endcap_rows

    @property
    def _stride(self) -> int:
        return int(2 * np.pi / min(self.barrel, self.endcap)) + 1

    def _part(self, row: Array) -> Array:
        """Event and part of it: barrel 0, endcaps 1 and 2."""
        event, within = np.divmod(row, self._rows)
        part = (within >= self._barrel_rows).astype(int) + (within >= self._barrel_rows + self._endcap_rows)
        together: Array = event * 3 + part
        return together

    def _n_phi(self, row: Array) -> Array:
        in_barrel = row % self._rows < self._barrel_rows
        return np.where(in_barrel, int(2 * np.pi / self.barrel), int(2 * np.pi / self.endcap))


@dataclass(frozen=True)
class Clusters:
    """Clusters of neighbouring cells (flat, one entry each): event, energy (GeV), energy-weighted eta and phi.

    `cells` are the grid's numbers of the cells above threshold, sorted, and `member` the cluster that each belongs to.
    """

    grid: Grid
    event: NDArray[np.int64]
    energy: Array
    eta: Array
    phi: Array
    cells: NDArray[np.int64]
    member: NDArray[np.int64]

    @classmethod
    def build(cls, grid: Grid, deposits: Deposits, threshold: float) -> Self:
        """Clusters of the cells above `threshold` (GeV): one around each cell that is higher than its four neighbours.

        Every other cell joins the highest of its eight neighbours, and so on up to such a seed (arXiv:1706.04965, 3.4).
        """
        cells, inverse = np.unique(grid.cell(deposits.event, deposits.eta, deposits.phi), return_inverse=True)
        sums = np.bincount(inverse, weights=deposits.energy, minlength=len(cells))
        kept = sums > threshold
        of_deposit = (np.cumsum(kept) - 1)[inverse[kept[inverse]]]
        deposits = deposits.take(kept[inverse])
        cells, sums = cells[kept], sums[kept]

        parent = _highest(grid, cells, sums, SEED_NEIGHBOURS)
        is_seed = parent == np.arange(len(cells))
        parent = np.where(is_seed, parent, _highest(grid, cells, sums, NEIGHBOURS))
        while np.any(parent != parent[parent]):
            parent = parent[parent]
        seeds, member = np.unique(parent, return_inverse=True)

        cluster = member[of_deposit]
        _, first = np.unique(cluster, return_index=True)
        centre = deposits.phi[first]

        def mean(values: Array) -> Array:
            return np.bincount(cluster, weights=deposits.energy * values, minlength=len(seeds)) / total

        total = np.bincount(cluster, weights=deposits.energy, minlength=len(seeds))
        phi = wrap(centre + mean(wrap(deposits.phi - centre[cluster])))
        return cls(grid, deposits.event[first], total, mean(deposits.eta), phi, cells, member)

    def smeared(self, terms: tuple[float, float, float], rng: np.random.Generator) -> Self:
        """The clusters with energies as measured with that resolution."""
        energy = self.energy + resolution(self.energy, terms) * rng.normal(size=len(self.energy))
        return replace(self, energy=np.maximum(energy, 0))

    def at(self, event: Array, eta: Array, phi: Array) -> NDArray[np.int64]:
        """The cluster in each direction of an event, -1 where there is none."""
        if not len(self.cells):
            return np.full(len(event), -1)
        cell = self.grid.cell(event, eta, phi)
        position = np.minimum(np.searchsorted(self.cells, cell), len(self.cells) - 1)
        return np.where(self.cells[position] == cell, self.member[position], -1)


def _highest(grid: Grid, cells: Array, energy: Array, steps: tuple[tuple[int, int], ...]) -> NDArray[np.int64]:
    """Position of the highest cell among each one and its neighbours."""
    best, best_energy = np.arange(len(cells)), energy
    for step in steps:
        other = grid.neighbour(cells, *step)
        position = np.minimum(np.searchsorted(cells, other), len(cells) - 1)
        found = np.where(cells[position] == other, energy[position], -1.0)
        higher = found > best_energy
        best, best_energy = np.where(higher, position, best), np.where(higher, found, best_energy)
    return best
