"""Secondary vertices: fits of points to tracks by weighted least squares, and the search for one in each jet.

In the spirit of SV1 (ATL-PHYS-PUB-2017-011): two-track vertices of displaced tracks, without those of K0, Lambda,
conversions and material; one vertex of all their tracks; the worst one taken away until all fit.
"""

from dataclasses import dataclass

import numpy as np

from jetlab.angles import wrap
from jetlab.simulation.flavour import impact
from jetlab.simulation.flavour.jets import Jets
from jetlab.simulation.flavour.tracker import PION_MASS, Tracks
from jetlab.simulation.generator import Array
from jetlab.simulation.parameters import Tracker

MOST_TRACKS = 14  # displaced tracks of a jet that are tried, the most significant first
MIN_SIGNIFICANCE = 2.0  # of a track, d0 and z0 together, to be tried
MIN_D0_SIGNIFICANCE = 1.0  # of a track, alone
MAX_D0 = 5.0  # mm
MAX_Z0 = 3.0  # mm, across the track: others are of pile-up
MAX_PAIR_CHI2 = 4.5  # one degree of freedom
MIN_PAIR_SIGNIFICANCE = 4.0  # distance across the beam over its uncertainty
MAX_TRACK_CHI2 = 14.0  # of a track in the vertex, two measurements
MAX_DISTANCE = 100.0  # mm, of a vertex across the beam
MIN_COSINE = 0.8  # between the jet and the direction of a vertex
MAX_MASS = 6.5  # GeV, of a vertex: beyond a b hadron
STEPS = 3  # of the fit; tracks are so straight that the second changes little
ELECTRON_MASS, PROTON_MASS = 0.000511, 0.9383  # GeV
K0, LAMBDA = (0.4976, 0.022), (1.1157, 0.008)  # GeV, mass and half the window, ATL-PHYS-PUB-2017-011
CONVERSION = 0.1  # GeV, mass as electrons below which a pair is one, where there is material
LAYER_WIDTH = 1.5  # mm, of the veto around a layer

#: Columns of `schema.FLAVOUR` that the vertex gives.
COLUMNS = ("sv_mass", "sv_efrac", "sv_ntracks", "sv_npairs", "sv_l3d", "sv_lxy", "sv_significance", "sv_dr")


@dataclass(frozen=True)
class Vertices:
    """Fitted points: `position` (n, 3) in mm, `covariance` (n, 3, 3), and the `chi2` of each track (n, n_tracks)."""

    position: Array
    covariance: Array
    chi2: Array


def padded(values: Array, jet: Array, n_jets: int, length: int) -> Array:
    """The first `length` values of each jet, (n_jets, length); `jet` must be sorted; filled with 0."""
    rank = np.arange(len(jet)) - np.searchsorted(jet, jet)
    kept = rank < length
    table = np.zeros((n_jets, length), dtype=values.dtype)
    table[jet[kept], rank[kept]] = values[kept]
    return table


def fit(tracks: dict[str, Array], used: Array) -> Vertices:
    """Fit one point to each row of tracks by weighted least squares, with their curvature (Gauss-Newton).

    `tracks` has d0, z0, phi, sinh_eta, curvature, d0_error and z0_error as in `Tracks`, each (n, n_tracks); those count
    where `used` is True. A loose constraint to the primary vertex keeps parallel tracks from running away.
    """
    n = len(used)
    cos, sin = np.cos(tracks["phi"]), np.sin(tracks["phi"])
    slope = tracks["sinh_eta"]
    across = used / tracks["d0_error"] ** 2
    along = used / tracks["z0_error"] ** 2
    position = np.zeros((n, 3))
    prior = np.eye(3) / (2 * MAX_DISTANCE) ** 2
    zero = np.zeros_like(cos)
    for _ in range(STEPS):
        first, second, s = _residuals(tracks, position, cos, sin)
        bend = tracks["curvature"] * s
        one = np.stack([-sin - bend * cos, cos - bend * sin, zero], axis=-1)
        two = np.stack([-slope * cos, -slope * sin, zero + 1], axis=-1)
        matrix = np.einsum("nti,ntj,nt->nij", one, one, across) + np.einsum("nti,ntj,nt->nij", two, two, along) + prior
        vector = np.einsum("nti,nt->ni", one, across * first) + np.einsum("nti,nt->ni", two, along * second)
        step = np.linalg.solve(matrix, (vector + position @ prior)[..., None])[..., 0]
        position = np.clip(position - step, -1e3, 1e3)
    first, second, _ = _residuals(tracks, position, cos, sin)
    return Vertices(position, np.linalg.inv(matrix), across * first**2 + along * second**2)


def _residuals(tracks: dict[str, Array], position: Array, cos: Array, sin: Array) -> tuple[Array, Array, Array]:
    """Distance of the points from the tracks, across and along the beam, and the path along the tracks, mm."""
    x, y, z = (position[:, i, None] for i in range(3))
    s = x * cos + y * sin
    first = y * cos - x * sin - tracks["d0"] - tracks["curvature"] * s**2 / 2
    second = z - tracks["z0"] - s * tracks["sinh_eta"]
    return first, second, s


def momenta(tracks: dict[str, Array], position: Array) -> tuple[Array, Array, Array]:
    """px, py, pz in GeV of tracks (n, n_tracks) at points (n, 3) in mm."""
    s = position[:, 0, None] * np.cos(tracks["phi"]) + position[:, 1, None] * np.sin(tracks["phi"])
    phi = tracks["phi"] + tracks["curvature"] * s
    return tracks["pt"] * np.cos(phi), tracks["pt"] * np.sin(phi), tracks["pt"] * tracks["sinh_eta"]


def mass(momentum: tuple[Array, Array, Array], used: Array, masses: Array | float = PION_MASS) -> Array:
    """Invariant mass (n,) of the tracks that are `used` (n, n_tracks), each with its own mass, GeV."""
    px, py, pz = momentum
    energy = np.sqrt(px**2 + py**2 + pz**2 + np.square(masses))
    total = [np.sum(each * used, axis=1) for each in (energy, px, py, pz)]
    whole: Array = np.sqrt(np.maximum(total[0] ** 2 - total[1] ** 2 - total[2] ** 2 - total[3] ** 2, 0))
    return whole


def distance(vertices: Vertices, dimensions: int = 3) -> tuple[Array, Array]:
    """Distance to the primary vertex (n,), mm, in space or (`dimensions` 2) across the beam, and its uncertainty."""
    position = vertices.position[:, :dimensions]
    length = np.maximum(np.linalg.norm(position, axis=1), 1e-9)
    direction = position / length[:, None]
    variance = np.einsum("ni,nij,nj->n", direction, vertices.covariance[:, :dimensions, :dimensions], direction)
    return length, np.sqrt(variance)


@dataclass(frozen=True)
class Displaced:
    """Displaced tracks of each jet, most significant first: `tracks` each (n_jets, n), `there` where there is one.

    `axis` (n_jets, 3): unit vector along the jet.
    """

    tracks: dict[str, Array]
    there: Array
    axis: Array


def displaced(tracks: Tracks, jets: Jets) -> Displaced:
    """Tracks that may come from a decay, and the unit vectors (n_jets, 3) of the jets' axes."""
    d0, z0 = impact.signed(tracks, jets)
    significance = np.hypot(d0, z0)
    near = (np.abs(tracks.d0) < MAX_D0) & (np.abs(tracks.z0) < MAX_Z0 * np.cosh(tracks.eta))
    far = (significance > MIN_SIGNIFICANCE) & (np.abs(d0) > MIN_D0_SIGNIFICANCE)
    chosen = np.flatnonzero(near & far & (tracks.npixel + tracks.nstrips > 4))
    chosen = chosen[np.lexsort((-significance[chosen], tracks.jet[chosen]))]
    t = tracks.take(chosen)
    named = {name: getattr(t, name) for name in ("pt", "phi", "curvature", "d0", "z0", "d0_error", "z0_error")}
    named |= {"sinh_eta": np.sinh(t.eta), "charge": -np.sign(t.curvature), "position": chosen}
    table = {name: padded(values, t.jet, len(jets), MOST_TRACKS) for name, values in named.items()}
    there = padded(np.ones(len(t), dtype=bool), t.jet, len(jets), MOST_TRACKS)
    for name in ("d0_error", "z0_error"):
        table[name] = np.where(there, table[name], 1.0)
    pz = np.sinh(jets.eta)
    axis = np.stack([np.cos(jets.phi), np.sin(jets.phi), pz], axis=1) / np.cosh(jets.eta)[:, None]
    return Displaced(table, there, axis)


def secondary(given: Displaced, jets: Jets, energy: Array, d: Tracker) -> tuple[dict[str, Array], Array, Vertices]:
    """The secondary vertex of each jet: the columns COLUMNS (n_jets,), which of its tracks are in it, and the fits.

    `energy` is that of all tracks of each jet, GeV. Jets without a vertex have NaN, no tracks and a point at 0.
    """
    n = len(jets)
    jet, pairs, good, decays = _pairs(given, d)
    in_decay = np.zeros_like(given.there)
    used = np.zeros_like(given.there)
    npairs = np.zeros(n)
    for of, chosen in ((in_decay, decays), (used, good)):
        for side in (0, 1):
            of[jet[chosen], pairs[chosen, side]] = True
    np.add.at(npairs, jet[good], 1)
    used &= ~in_decay
    at = np.flatnonzero(used.sum(axis=1) >= 2)
    result = {name: np.full(n, np.nan) for name in COLUMNS}
    whole = Vertices(np.zeros((n, 3)), np.tile(np.eye(3), (n, 1, 1)), np.zeros(used.shape))
    kept = np.zeros_like(used)
    if len(at) == 0:
        return result, kept, whole
    tracks = {name: values[at] for name, values in given.tracks.items()}
    vertices, inside = _cleaned(tracks, used[at])
    length, error = distance(vertices)
    lxy, _ = distance(vertices, 2)
    direction = vertices.position / length[:, None]
    momentum = momenta(tracks, vertices.position)
    pions = mass(momentum, inside)
    total = np.sqrt(sum(each**2 for each in momentum) + PION_MASS**2)
    ahead = np.sum(direction * given.axis[at], axis=1)
    fine = (inside.sum(axis=1) >= 2) & (ahead > MIN_COSINE) & (lxy < MAX_DISTANCE) & (pions < MAX_MASS)
    eta, phi = (
        np.arcsinh(direction[:, 2] / np.maximum(np.hypot(*direction.T[:2]), 1e-9)),
        np.arctan2(*direction.T[1::-1]),
    )
    values = (
        pions,
        np.sum(total * inside, axis=1) / np.maximum(energy[at], 1e-9),
        inside.sum(axis=1),
        npairs[at],
        length,
        lxy,
        length / error,
        np.hypot(eta - jets.eta[at], wrap(phi - jets.phi[at])),
    )
    for name, column in zip(COLUMNS, values, strict=True):
        result[name][at[fine]] = column[fine]
    kept[at[fine]] = inside[fine]
    for field in ("position", "covariance", "chi2"):
        getattr(whole, field)[at[fine]] = getattr(vertices, field)[fine]
    return result, kept, whole


def _pairs(given: Displaced, d: Tracker) -> tuple[Array, Array, Array, Array]:
    """Two-track vertices: jet (n,), positions of their tracks (n, 2), which are good, and which are known decays."""
    first, second = np.triu_indices(MOST_TRACKS, 1)
    there = given.there[:, first] & given.there[:, second]
    jet, pair = np.nonzero(there)
    pairs = np.stack([first[pair], second[pair]], axis=1)
    tracks = {name: values[jet[:, None], pairs] for name, values in given.tracks.items()}
    both = np.ones(pairs.shape, dtype=bool)
    vertices = fit(tracks, both)
    lxy, error = distance(vertices, 2)
    ahead = np.sum(vertices.position * given.axis[jet], axis=1) > 0
    chi2 = vertices.chi2.sum(axis=1)
    good = (chi2 < MAX_PAIR_CHI2) & ahead & (lxy > MIN_PAIR_SIGNIFICANCE * error) & (lxy < MAX_DISTANCE)
    momentum = momenta(tracks, vertices.position)
    opposite = tracks["charge"].sum(axis=1) == 0
    pions = mass(momentum, both)
    good &= pions < MAX_MASS
    harder = tracks["pt"] >= tracks["pt"].max(axis=1, keepdims=True)
    lambdas = mass(momentum, both, np.where(harder, PROTON_MASS, PION_MASS))
    electrons = mass(momentum, both, ELECTRON_MASS)
    in_layer = (np.abs(lxy[:, None] - np.asarray(d.layers)) < LAYER_WIDTH).any(axis=1)
    known = (np.abs(pions - K0[0]) < K0[1]) | (np.abs(lambdas - LAMBDA[0]) < LAMBDA[1])
    known = opposite & (known | ((electrons < CONVERSION) & (lxy > d.layers[0] - LAYER_WIDTH)))
    known |= in_layer & (pions < 1.5)
    decays = good & known
    return jet, pairs, good & ~known, decays


def _cleaned(tracks: dict[str, Array], used: Array) -> tuple[Vertices, Array]:
    """One vertex for each row; its worst track is taken away as long as it does not fit."""
    used = used.copy()
    vertices = fit(tracks, used)
    todo = np.arange(len(used))
    for _ in range(MOST_TRACKS):
        chi2 = np.where(used[todo], vertices.chi2[todo], 0.0)
        worst = np.argmax(chi2, axis=1)
        bad = (chi2[np.arange(len(todo)), worst] > MAX_TRACK_CHI2) & (used[todo].sum(axis=1) > 1)
        todo, worst = todo[bad], worst[bad]
        if len(todo) == 0:
            break
        used[todo, worst] = False
        again = fit({name: values[todo] for name, values in tracks.items()}, used[todo])
        for field in ("position", "covariance", "chi2"):
            getattr(vertices, field)[todo] = getattr(again, field)
    return vertices, used
