"""A chain of decays along one line of flight, in the spirit of JetFitter (doi:10.1088/1742-6596/119/3/032032).

b and c hadrons of one jet decay nearly on the line from the primary vertex along the b hadron's momentum: so a single
track that crosses it away from the primary vertex is a vertex, too.
"""

import numpy as np

from jetlab.angles import wrap
from jetlab.simulation.flavour.jets import Jets
from jetlab.simulation.flavour.tracker import PION_MASS
from jetlab.simulation.flavour.vertices import Displaced, mass
from jetlab.simulation.generator import Array

AXIS_WIDTH = 0.03  # rad, how well the jet's axis gives the line of flight
STEPS = 2  # of the fit of the line
MAX_CHI2 = 9.0  # of a track's distance from the line
MERGED = 2.5  # sigma, within which crossings are one vertex
MIN_SIGNIFICANCE = 2.0  # of a crossing, from the primary vertex
MAX_DISTANCE = 150.0  # mm, of a crossing

COLUMNS = ("jf_mass", "jf_efrac", "jf_significance", "jf_nvertices", "jf_nsingle", "jf_ntracks", "jf_dr")


def chain(given: Displaced, jets: Jets, energy: Array) -> dict[str, Array]:
    """The decay chain of each jet: the columns COLUMNS (n_jets,), NaN for jets without.

    `energy` is that of all tracks of each jet, GeV.
    """
    tracks = given.tracks
    point, along = _lines(tracks)
    axis = given.axis
    for _ in range(STEPS):
        axis = _turned(axis, given.axis, point, along, tracks, given.there)
    where, error, chi2 = _crossings(axis, point, along, tracks)
    on = given.there & (chi2 < MAX_CHI2) & (where > MIN_SIGNIFICANCE * error) & (where < MAX_DISTANCE)
    vertex, mean, width, size = _clustered(where, error, on)
    several = on & (np.take_along_axis(size, vertex, axis=1) >= 2)
    # Where no vertex has two tracks, the single ones are the chain.
    chosen = np.where(several.any(axis=1, keepdims=True), several, on)
    some = chosen.any(axis=1)
    px, py, pz = (tracks["pt"] * along[..., i] for i in range(3))
    momentum = (px, py, pz)
    total = np.sqrt(px**2 + py**2 + pz**2 + PION_MASS**2)
    in_chain = (size >= np.where(several.any(axis=1), 2, 1)[:, None]) & (size > 0)
    weight = in_chain / width**2
    significance = np.sum(mean * weight, axis=1) / np.sqrt(np.maximum(weight.sum(axis=1), 1e-12))
    sum_x, sum_y, sum_z = (np.sum(each * chosen, axis=1) for each in momentum)
    eta = np.arcsinh(sum_z / np.maximum(np.hypot(sum_x, sum_y), 1e-9))
    phi = np.arctan2(sum_y, sum_x)
    values = (
        mass(momentum, chosen),
        np.sum(total * chosen, axis=1) / np.maximum(energy, 1e-9),
        significance,
        np.sum(size >= 2, axis=1),
        np.sum(size == 1, axis=1),
        np.sum(several, axis=1),
        np.hypot(eta - jets.eta, wrap(phi - jets.phi)),
    )
    return {name: np.where(some, column, np.nan) for name, column in zip(COLUMNS, values, strict=True)}


def _lines(tracks: dict[str, Array]) -> tuple[Array, Array]:
    """Points of the tracks near the primary vertex, and directions of length 1 across the beam; (n, n_tracks, 3)."""
    cos, sin = np.cos(tracks["phi"]), np.sin(tracks["phi"])
    point = np.stack([-tracks["d0"] * sin, tracks["d0"] * cos, tracks["z0"]], axis=-1)
    return point, np.stack([cos, sin, tracks["sinh_eta"]], axis=-1)


def _turned(axis: Array, jet_axis: Array, point: Array, along: Array, tracks: dict[str, Array], there: Array) -> Array:
    """The line of flight turned to where displaced tracks cross it, as far as the jet's axis allows (least squares)."""
    across = _units_across(axis)
    _, _, chi2 = _crossings(axis, point, along, tracks)
    normal = np.cross(axis[:, None], along)
    length = np.maximum(np.linalg.norm(normal, axis=-1), 1e-3)
    miss = np.sum(point * normal, axis=-1) / length
    # d(miss) when the axis moves to axis + a * across.
    slope = np.stack([np.sum(point * np.cross(each[:, None], along), axis=-1) / length for each in across], axis=-1)
    error = np.hypot(tracks["d0_error"], 0.5 * tracks["z0_error"])
    weight = there * (chi2 < 25 * MAX_CHI2) / error**2
    offset = np.stack([np.sum((axis - jet_axis) * each, axis=1) for each in across], axis=-1)
    matrix = np.einsum("nti,ntj,nt->nij", slope, slope, weight) + np.eye(2) / AXIS_WIDTH**2
    vector = np.einsum("nti,nt->ni", slope, weight * miss) + offset / AXIS_WIDTH**2
    turn = -np.linalg.solve(matrix, vector[..., None])[..., 0]
    turned = axis + turn[:, :1] * across[0] + turn[:, 1:] * across[1]
    whole: Array = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    return whole


def _units_across(axis: Array) -> tuple[Array, Array]:
    """Two unit vectors across each axis: one across the beam, too."""
    one = np.stack([-axis[:, 1], axis[:, 0], np.zeros(len(axis))], axis=1)
    one = one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-9)
    return one, np.cross(axis, one)


def _crossings(axis: Array, point: Array, along: Array, tracks: dict[str, Array]) -> tuple[Array, Array, Array]:
    """Where tracks cross the line, mm from the primary vertex, the uncertainty, and the chi squared of the miss.

    A point at distance L on the line lies at d0(L) - d0 and z0(L) - z0 from a track: two measurements of one number.
    """
    cos, sin = along[..., 0], along[..., 1]
    ax, ay, az = (axis[:, i, None] for i in range(3))
    # What a step along the line adds to the two residuals.
    first = ay * cos - ax * sin
    second = az - (ax * cos + ay * sin) * tracks["sinh_eta"]
    weights = 1 / tracks["d0_error"] ** 2, 1 / tracks["z0_error"] ** 2
    information = first**2 * weights[0] + second**2 * weights[1]
    information = np.maximum(information, 1e-8)
    where = (first * tracks["d0"] * weights[0] + second * tracks["z0"] * weights[1]) / information
    chi2 = (where * first - tracks["d0"]) ** 2 * weights[0] + (where * second - tracks["z0"]) ** 2 * weights[1]
    return where, 1 / np.sqrt(information), chi2


def _clustered(where: Array, error: Array, on: Array) -> tuple[Array, Array, Array, Array]:
    """Crossings of each row joined to vertices: the vertex of each; mean, uncertainty and size of each; (n, n_tracks).

    The two neighbours that are nearest in units of their uncertainty are joined first, until none are near.
    """
    n, length = where.shape
    order = np.argsort(np.where(on, where, np.inf), axis=1)
    weight = np.take_along_axis(on / error**2, order, axis=1)
    mean = np.take_along_axis(np.where(on, where, 0.0), order, axis=1)
    size = np.take_along_axis(on, order, axis=1).astype(np.int64)
    vertex = np.tile(np.arange(length), (n, 1))
    todo = np.arange(n)
    while len(todo):
        # Vertices that were joined stand at the place of their first crossing: others are skipped.
        best, left, right = _closest(mean[todo], weight[todo], size[todo])
        near = best < MERGED
        todo, left, right = todo[near], left[near], right[near]
        both = weight[todo, left] + weight[todo, right]
        mean[todo, left] = (
            mean[todo, left] * weight[todo, left] + mean[todo, right] * weight[todo, right]
        ) / np.maximum(both, 1e-12)
        weight[todo, left] = both
        size[todo, left] += size[todo, right]
        weight[todo, right], size[todo, right] = 0.0, 0
        moved = vertex[todo] == right[:, None]
        vertex[todo] = np.where(moved, left[:, None], vertex[todo])
    back = np.empty_like(vertex)
    np.put_along_axis(back, order, vertex, axis=1)
    return back, mean, 1 / np.sqrt(np.maximum(weight, 1e-12)), size


def _closest(mean: Array, weight: Array, size: Array) -> tuple[Array, Array, Array]:
    """The two neighbouring vertices of each row that are nearest in sigma: how near (inf: none), and their places."""
    n, length = mean.shape
    best, left, right = np.full(n, np.inf), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    last = np.full(n, -1)
    rows = np.arange(n)
    for place in range(length):
        there = size[:, place] > 0
        before = np.maximum(last, 0)
        spread = np.sqrt(1 / np.maximum(weight[rows, before], 1e-12) + 1 / np.maximum(weight[:, place], 1e-12))
        apart = np.abs(mean[:, place] - mean[rows, before]) / spread
        nearer = there & (last >= 0) & (apart < best)
        best[nearer], left[nearer], right[nearer] = apart[nearer], last[nearer], place
        last = np.where(there, place, last)
    return best, left, right
