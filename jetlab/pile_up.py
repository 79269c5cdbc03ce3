"""Pile-up laid over hard collisions, and taken off again: area subtraction, SoftKiller, PUPPI, or any cells' energy.

A jet is what lies within 0.7 of the centre of one calorimeter cell: tracks of the leading vertex, which are known to be
its own, and neutral energy in cells, which no one can tell where it comes from. Without pile-up it is the truth.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from jetlab.errors import ArgumentError
from jetlab.io.readout import CELL_ETA, CELL_PHI, MAX_ETA, N_ETA, N_PHI, PIXELS, Crossings, Readout, read_crossings

__all__ = [
    "CELL_AREA",
    "Jets",
    "area_subtracted",
    "density",
    "images",
    "inside",
    "joined",
    "kinematics",
    "overlay",
    "puppi_weights",
    "read_crossings",
    "shape_alpha",
    "soft_killed",
    "soft_killer_threshold",
]

Array = NDArray[Any]

RADIUS = 0.7
#: Cells on each side of a jet's image, and what surrounds it that PUPPI looks at.
SIZE = 15
CELL_AREA = CELL_ETA * CELL_PHI
#: Cells of a patch in eta and phi, for the density (about 0.7 wide) and for SoftKiller (0.4, as arXiv:1407.0408).
DENSITY_PATCH, KILLER_PATCH = (6, 8), (4, 4)
#: PUPPI as arXiv:1407.6013 sets it, for the central detector: radii, least weight, and least pt [GeV] of a weighted
#: particle with its slope in the number of pile-up collisions.
R_MIN, R_0, LEAST_WEIGHT, LEAST_PT = 0.02, 0.3, 0.1, (0.1, 0.007)
#: Charged particles of an image that are kept in a list: in 40 collisions all, in 140 not the softest.
TRACKS = 96
#: Hard collisions that are overlaid at a time.
CHUNK = 250


@dataclass(frozen=True)
class Jets:
    """Jets in pile-up, and what there would be without. All pt in GeV, all images (n, SIZE, SIZE), eta before phi.

    `leading` and `pile_up` are images of the pt of charged particles, `neutral` of all neutral energy, `truth` of that
    of the leading vertex. `charged` (n, 4) is the four-momentum E, px, py, pz [GeV] of the jet's charged particles of
    the leading vertex, px along its axis; `eta` (n,) that of its axis. `tracks` (n, TRACKS, 4) are the charged
    particles in the image, padded with zeros: pt, Δη and Δφ from the axis, and 1 for the leading vertex, 0 for pile-up;
    those of the leading vertex first, each kind by pt. Of its crossing: `n_pile_up` (n,) collisions, density `rho` (n,)
    of neutral pt [GeV per unit area], SoftKiller's threshold `killer` (n,) [GeV]; `puppi` are PUPPI's weights of the
    cells. `collision` (n,) counts into the hard collisions, `is_w` (n,) is whether it is a W.
    """

    leading: Array
    pile_up: Array
    neutral: Array
    truth: Array
    charged: Array
    tracks: Array
    eta: Array
    n_pile_up: Array
    rho: Array
    killer: Array
    puppi: Array
    collision: Array
    is_w: Array

    def __len__(self) -> int:
        return len(self.eta)

    def take(self, positions: Array) -> Self:
        """The jets at these positions (integers or mask)."""
        return type(self)(**{name: values[positions] for name, values in vars(self).items()})


def joined(parts: list[Jets]) -> Jets:
    """Several sets of jets as one."""
    return Jets(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})


def overlay(
    crossings: Crossings, mean: float, seed: int, collisions: Array | None = None, pool: Array | None = None
) -> Jets:
    """Lay pile-up over the hard collisions, and read out their jets.

    To each collision is added a Poisson number of minimum-bias collisions, drawn at random, each turned by a random
    number of cells in phi and mirrored in eta in every second case. The same seed gives the same jets.

    Args:
        crossings: what `read_crossings` gives.
        mean: number of pile-up collisions on average.
        seed: of the draws.
        collisions: positions of the hard collisions to take, each once; None: all.
        pool: positions of the minimum-bias collisions to draw from; None: all.

    Raises ArgumentError for a negative mean, and for no collisions.
    """
    if mean < 0:
        raise ArgumentError(f"mean is {mean}; a number of pile-up collisions is 0 or more.")
    collisions = np.arange(len(crossings.hard)) if collisions is None else np.asarray(collisions)
    pool = np.arange(len(crossings.minimum_bias)) if pool is None else np.asarray(pool)
    if len(collisions) == 0 or len(pool) == 0:
        raise ArgumentError(f"There are {len(collisions)} collisions and {len(pool)} of pile-up; give one or more.")
    rng = np.random.default_rng(seed)
    # A crowded crossing has some 6,000 particles: few at a time.
    chunks = [collisions[start : start + CHUNK] for start in range(0, len(collisions), CHUNK)]
    return joined([_read_out(crossings, chunk, *_drawn(crossings, pool, len(chunk), mean, rng)) for chunk in chunks])


def _drawn(crossings: Crossings, pool: Array, n: int, mean: float, rng: np.random.Generator) -> tuple[Array, Readout]:
    """Number of pile-up collisions in each of n crossings, and all of them, turned and mirrored."""
    count = rng.poisson(mean, n)
    total = int(count.sum())
    drawn = crossings.minimum_bias.take(pool[rng.integers(0, len(pool), total)])
    turn, mirror = rng.integers(0, N_PHI, total), rng.random(total) < 0.5
    moved = {}
    for kind, parts in (("charged", PIXELS), ("neutral", 1)):
        n_of = vars(drawn)[f"n_{kind}"]
        eta, phi = vars(drawn)[f"{kind}_eta"], vars(drawn)[f"{kind}_phi"]
        moved[f"{kind}_eta"] = np.where(np.repeat(mirror, n_of), N_ETA * parts - 1 - eta, eta)
        moved[f"{kind}_phi"] = (phi + np.repeat(turn, n_of) * parts) % (N_PHI * parts)
    return count, Readout(**vars(drawn) | moved)


def _read_out(crossings: Crossings, collisions: Array, count: Array, pile_up: Readout) -> Jets:
    hard = crossings.hard.take(collisions)
    n = len(collisions)
    crossing = np.repeat(np.arange(n), count)
    truth = _cells(hard, np.arange(n), n)
    neutral = truth + _cells(pile_up, crossing, n)
    rho = density(neutral)
    killer = soft_killer_threshold(neutral)

    position = np.full(len(crossings.hard), -1)
    position[collisions] = np.arange(n)
    listed = position[crossings.jet_collision] >= 0
    of_jet = position[crossings.jet_collision[listed]]
    ieta, iphi = crossings.jet_eta[listed], crossings.jet_phi[listed]
    axes = (ieta + 0.5) * CELL_ETA - MAX_ETA, (iphi + 0.5) * CELL_PHI - np.pi
    own, others = _Tracks(hard, np.arange(n), n), _Tracks(pile_up, crossing, n)
    leading, charged_pile_up = (
        _windows(_summed(each.crossing, each.cells[0], each.cells[1], each.pt, n), of_jet, ieta, iphi)
        for each in (own, others)
    )
    seen = _windows(neutral, of_jet, ieta, iphi)
    charged, near = _near(own, others, of_jet, axes)
    return Jets(
        leading=leading,
        pile_up=charged_pile_up,
        neutral=seen,
        truth=_windows(truth, of_jet, ieta, iphi),
        charged=charged,
        tracks=near,
        eta=axes[0],
        n_pile_up=count[of_jet],
        rho=rho[of_jet],
        killer=killer[of_jet],
        puppi=_puppi(own, others, seen, of_jet, axes, count),
        collision=collisions[of_jet],
        is_w=crossings.is_w[collisions[of_jet]],
    )


def images(jets: Jets) -> Array:
    """What PUMML sees of each jet (arXiv:1707.08600), float32 (n, SIZE, SIZE, 3) in GeV.

    The channels are charged particles of the leading vertex, charged particles of pile-up, and all neutral energy.
    """
    return np.stack([jets.leading, jets.pile_up, jets.neutral], axis=-1)


def kinematics(jets: Jets, neutral: Array) -> tuple[Array, Array]:
    """Pt and mass [GeV], each (n,), of jets made of their charged particles and these neutral cells, (n, SIZE, SIZE).

    Particles are massless. Cells outside the jet do not count; those with negative pt do, and a negative squared mass
    gives 0.
    """
    cells = neutral * inside()
    eta = jets.eta[:, None] + _steps() * CELL_ETA
    phi = _steps() * CELL_PHI
    of_row = cells.sum(axis=2)
    parts = (
        (of_row * np.cosh(eta)).sum(axis=1),
        (cells * np.cos(phi)).sum(axis=(1, 2)),
        (cells * np.sin(phi)).sum(axis=(1, 2)),
        (of_row * np.sinh(eta)).sum(axis=1),
    )
    energy, x, y, z = jets.charged.T + np.stack(parts)
    return np.hypot(x, y), np.sqrt(np.maximum(energy**2 - x**2 - y**2 - z**2, 0.0))


def inside() -> Array:
    """Which cells of an image belong to the jet, bool (SIZE, SIZE): those whose centre is within RADIUS of the axis."""
    distance: Array = np.hypot(_steps()[:, None] * CELL_ETA, _steps() * CELL_PHI)
    within: Array = distance < RADIUS
    return within


def area_subtracted(neutral: Array, rho: Array) -> Array:
    """Cells (n, SIZE, SIZE) less the density rho (n,) [GeV per unit area] times their area, be it negative or not.

    Summed up, that is the jet's four-momentum less rho times its area four-vector (arXiv:0707.1378).
    """
    return neutral - np.asarray(rho)[:, None, None] * CELL_AREA


def soft_killed(neutral: Array, threshold: Array) -> Array:
    """Cells (n, SIZE, SIZE) with those below the threshold (n,) [GeV] set to zero (SoftKiller, arXiv:1407.0408)."""
    return np.where(neutral < np.asarray(threshold)[:, None, None], 0.0, neutral)


def density(cells: Array) -> Array:
    """Median pt per unit area (n,) of patches of a whole crossing's cells (n, N_ETA, N_PHI) (arXiv:0707.1378)."""
    patches = _patches(cells, DENSITY_PATCH).sum(axis=(2, 4))
    rho: Array = np.median(patches.reshape(len(cells), -1), axis=1)
    return rho / (DENSITY_PATCH[0] * DENSITY_PATCH[1] * CELL_AREA)


def soft_killer_threshold(cells: Array) -> Array:
    """The pt (n,) [GeV] below which half of the patches of a crossing's cells (n, N_ETA, N_PHI) become empty."""
    hardest = _patches(cells, KILLER_PATCH).max(axis=(2, 4))
    threshold: Array = np.median(hardest.reshape(len(cells), -1), axis=1)
    return threshold


def shape_alpha(eta: Array, phi: Array, charged_pt: Array, charged_eta: Array, charged_phi: Array) -> Array:
    """PUPPI's α (n,) at directions (n,): the logarithm of Σ (pt / ΔR)² over charged particles of the leading vertex.

    Those with R_MIN < ΔR < R_0 count (arXiv:1407.6013, where it is pt / ΔR; the square is CMS's, arXiv:2006.00503).
    Where there are none α is minus infinity.

    Args:
        eta: of the directions.
        phi: of the directions.
        charged_pt: of the charged particles [GeV].
        charged_eta: of the charged particles.
        charged_phi: of the charged particles.
    """
    dphi = (phi[:, None] - charged_phi + np.pi) % (2 * np.pi) - np.pi
    squared = (eta[:, None] - charged_eta) ** 2 + dphi**2
    near = (squared > R_MIN**2) & (squared < R_0**2)
    total = np.sum(np.divide(charged_pt**2, squared, out=np.zeros_like(squared), where=near), axis=1)
    alpha: Array = np.log(total, out=np.full(len(total), -np.inf), where=total > 0)
    return alpha


def puppi_weights(alpha: Array, of_pile_up: Array, pt: Array, n_pile_up: int) -> Array:
    """PUPPI's weights of neutral particles, of the same shape as their α and pt [GeV] (arXiv:1407.6013).

    `of_pile_up` are the α of the crossing's charged particles of pile-up. Those that are finite give the median and,
    below it, the spread; a neutral particle above the median by s spreads gets the probability of χ² < s² with one
    degree of freedom. Weights below LEAST_WEIGHT, and those of particles that are then too soft for so many pile-up
    collisions, are 0. Without such pile-up all weights are 1.
    """
    known = of_pile_up[np.isfinite(of_pile_up)]
    if len(known) < 2:
        return np.ones_like(pt)
    middle = np.median(known)
    below = known[known <= middle]
    spread = np.sqrt(np.mean((below - middle) ** 2))
    above = np.maximum(alpha - middle, 0.0)
    weight = scipy.stats.chi2.cdf((above / max(spread, 1e-6)) ** 2, 1)
    least = LEAST_PT[0] + LEAST_PT[1] * n_pile_up
    return np.where((weight < LEAST_WEIGHT) | (weight * pt < least), 0.0, weight)


class _Tracks:
    """Charged particles of collisions, sorted by crossing: where they are and where those of each crossing begin."""

    def __init__(self, readout: Readout, crossing: Array, n: int) -> None:
        """`crossing` (n_collisions,) says which of the n crossings each collision belongs to."""
        self.crossing = np.repeat(crossing, readout.n_charged)
        self.pt = readout.charged_pt.astype(np.float64)
        self.cells = readout.charged_eta // PIXELS, readout.charged_phi // PIXELS
        self.eta = (readout.charged_eta + 0.5) * CELL_ETA / PIXELS - MAX_ETA
        self.phi = (readout.charged_phi + 0.5) * CELL_PHI / PIXELS - np.pi
        self._first = np.searchsorted(self.crossing, np.arange(n + 1))

    def of(self, number: int) -> tuple[Array, Array, Array]:
        """Pt, eta and phi of those of one crossing."""
        part = slice(self._first[number], self._first[number + 1])
        return self.pt[part], self.eta[part], self.phi[part]


def _puppi(
    hard: _Tracks, others: _Tracks, seen: Array, of_jet: Array, axes: tuple[Array, Array], count: Array
) -> Array:
    """PUPPI's weights of the cells of each jet, (n, SIZE, SIZE)."""
    eta, phi = (each.astype(np.float64) for each in axes)
    weights = np.zeros_like(seen)
    for number in range(len(count)):
        leading = hard.of(number)
        _, eta_pile_up, phi_pile_up = others.of(number)
        of_pile_up = shape_alpha(eta_pile_up, phi_pile_up, *leading)
        for jet in np.flatnonzero(of_jet == number):
            filled = np.nonzero(seen[jet])
            where = eta[jet] + (filled[0] - SIZE // 2) * CELL_ETA, phi[jet] + (filled[1] - SIZE // 2) * CELL_PHI
            alpha = shape_alpha(*where, *leading)
            weights[jet][filled] = puppi_weights(alpha, of_pile_up, seen[jet][filled], int(count[number]))
    return weights


def _near(hard: _Tracks, others: _Tracks, of_jet: Array, axes: tuple[Array, Array]) -> tuple[Array, Array]:
    """Four-momenta (n, 4) of each jet's own charged particles, and the particles (n, TRACKS, 4) of its image."""
    momenta, near = np.zeros((len(of_jet), 4)), np.zeros((len(of_jet), TRACKS, 4), np.float32)
    for jet, number in enumerate(of_jet):
        kinds = [_around(*each.of(number), axes[0][jet], axes[1][jet]) for each in (hard, others)]
        pt, deta, dphi = kinds[0]
        part = np.hypot(deta, dphi) < RADIUS
        pt, eta, dphi = pt[part], deta[part] + axes[0][jet], dphi[part]
        each = pt * np.cosh(eta), pt * np.cos(dphi), pt * np.sin(dphi), pt * np.sinh(eta)
        momenta[jet] = [values.sum() for values in each]
        rows = np.concatenate(
            [np.stack([*kind, np.full(len(kind[0]), own)], axis=1) for own, kind in zip((1.0, 0.0), kinds, strict=True)]
        )[:TRACKS]
        near[jet, : len(rows)] = rows
    return momenta, near


def _around(pt: Array, eta: Array, phi: Array, axis_eta: float, axis_phi: float) -> tuple[Array, Array, Array]:
    """Pt, Δη and Δφ of the particles in an image about an axis, the hardest first."""
    deta, dphi = eta - axis_eta, (phi - axis_phi + np.pi) % (2 * np.pi) - np.pi
    half = SIZE / 2
    order = np.argsort(-pt, kind="stable")
    order = order[(np.abs(deta[order]) < half * CELL_ETA) & (np.abs(dphi[order]) < half * CELL_PHI)]
    return pt[order], deta[order], dphi[order]


def _cells(readout: Readout, crossing: Array, n: int) -> Array:
    """Neutral pt in the cells of n crossings, (n, N_ETA, N_PHI)."""
    return _summed(
        np.repeat(crossing, readout.n_neutral), readout.neutral_eta, readout.neutral_phi, readout.neutral_pt, n
    )


def _summed(crossing: Array, ieta: Array, iphi: Array, pt: Array, n: int) -> Array:
    sums: Array = np.bincount((crossing * N_ETA + ieta) * N_PHI + iphi, pt, minlength=n * N_ETA * N_PHI)
    return sums.reshape(n, N_ETA, N_PHI)


def _windows(cells: Array, of_jet: Array, ieta: Array, iphi: Array) -> Array:
    """Images (n_jets, SIZE, SIZE) around the axes' cells; phi closes, and jets lie far from the ends in eta."""
    rows = ieta[:, None, None] + _steps()[:, None]
    columns = (iphi[:, None, None] + _steps()) % N_PHI
    found: Array = cells[of_jet[:, None, None], rows, columns]
    return found.astype(np.float32)


def _patches(cells: Array, patch: tuple[int, int]) -> Array:
    """Cells (n, N_ETA, N_PHI) as (n, patches in eta, cells of a patch, patches in phi, cells of a patch)."""
    return cells.reshape(len(cells), N_ETA // patch[0], patch[0], N_PHI // patch[1], patch[1])


def _steps() -> Array:
    return np.arange(SIZE) - SIZE // 2
