"""Clustering trees of jets: which particles belong together, pair by pair, and the order in which a tree is read.

The sequential algorithms of arXiv:1111.6097 without their beam distance, so that each jet becomes one tree; massless
particles, momenta added up (E-scheme).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.errors import ArgumentError

#: Power of pt in the distance d_ij = min(pt_i^2p, pt_j^2p) ΔR_ij².
POWERS = {"kt": 1, "cambridge": 0, "anti_kt": -1}
#: Jets that are clustered at a time.
CHUNK = 2000
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Trees(NamedTuple):
    """One tree for each jet. Nodes 0 ... length - 1 are the particles, node length + i is what the i-th merging made.

    Attributes:
        children: the two nodes that each merging joined, int64 (n_jets, length - 1, 2); -1 where there was no more.
        distance: their d_ij, (n_jets, length - 1); 0 where there was no more.
        momenta: px, py, pz, E of each node [units of pt], (n_jets, 2 length - 1, 4).
        particles: of each jet, how many, int64 (n_jets,).
    """

    children: Ints
    distance: Floats
    momenta: Floats
    particles: Ints

    @property
    def length(self) -> int:
        """Places for particles."""
        return int(self.children.shape[1]) + 1


def cluster(pt: ArrayLike, eta: ArrayLike, phi: ArrayLike, algorithm: str = "cambridge") -> Trees:
    """Cluster each jet's particles until one is left, always the two with the least d_ij.

    Args:
        pt: of each particle, (n_jets, length); 0 for padding, which may only come last.
        eta: pseudorapidity, absolute or from the jet's axis, (n_jets, length).
        phi: azimuth [rad], (n_jets, length).
        algorithm: "kt", "cambridge" (Cambridge/Aachen) or "anti_kt".

    Raises:
        ArgumentError: an unknown algorithm, a jet without particles, or padding before particles.
    """
    if algorithm not in POWERS:
        raise ArgumentError(f"cluster: algorithm is {algorithm!r}; allowed are {', '.join(POWERS)}.")
    pt, eta, phi = (np.asarray(each, np.float64) for each in (pt, eta, phi))
    present = pt > 0
    if not present[:, :1].all() or (present[:, 1:] & ~present[:, :-1]).any():
        raise ArgumentError("cluster: each jet needs a particle, and padding (pt = 0) may only follow the particles.")
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    momenta = np.stack([px, py, pz, pt * np.cosh(eta)], axis=-1)
    parts = [
        _cluster(momenta[first : first + CHUNK], present[first : first + CHUNK], POWERS[algorithm])
        for first in range(0, max(len(pt), 1), CHUNK)
    ]
    return Trees(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def depth_first(trees: Trees) -> Ints:
    """The particles of each jet in the order of a walk through its tree: int64 (n_jets, length), -1 for padding.

    The walk begins at the last merging and goes down; at each node it takes the child first that was made with the
    larger d_ij, and of two particles, and of equals, that with the larger pt (arXiv:1711.09059).
    """
    n, length = len(trees.particles), trees.length
    jet = np.arange(n)
    made = np.concatenate([np.full((n, length), -1.0), trees.distance], axis=1)
    pt = np.hypot(trees.momenta[..., 0], trees.momenta[..., 1])
    order = np.full((n, length), -1, np.int64)
    # Nodes still to be visited, the next one last.
    stack = np.zeros((n, length + 1), np.int64)
    stack[:, 0] = _root(trees)
    waiting, seen = np.ones(n, np.int64), np.zeros(n, np.int64)
    while (busy := jet[waiting > 0]).size:
        waiting[busy] -= 1
        node = stack[busy, waiting[busy]]
        leaf = node < length
        order[busy[leaf], seen[busy[leaf]]] = node[leaf]
        seen[busy[leaf]] += 1
        inner = busy[~leaf]
        one, other = trees.children[inner, node[~leaf] - length].T
        ranks = [(made[inner, each], pt[inner, each]) for each in (one, other)]
        first = (ranks[0][0] > ranks[1][0]) | ((ranks[0][0] == ranks[1][0]) & (ranks[0][1] >= ranks[1][1]))
        stack[inner, waiting[inner]] = np.where(first, other, one)
        stack[inner, waiting[inner] + 1] = np.where(first, one, other)
        waiting[inner] += 2
    return order


def prongs(trees: Trees) -> Ints:
    """The two parts that the last merging joined: 0 or 1 for each particle, int64 (n_jets, length), -1 for padding.

    With the kt algorithm these are a jet's two exclusive subjets. A jet of one particle has only part 0.
    """
    n, length = len(trees.particles), trees.length
    jet, root = np.arange(n), _root(trees)
    part = np.full((n, 2 * length - 1), -1, np.int64)
    part[jet, root] = 0
    for step in range(length - 2, -1, -1):
        found = jet[trees.children[:, step, 0] >= 0]
        one, other = trees.children[found, step].T
        last = root[found] == length + step
        part[found, one] = np.where(last, 0, part[found, length + step])
        part[found, other] = np.where(last, 1, part[found, length + step])
    return part[:, :length]


def _cluster(momenta: Floats, present: NDArray[np.bool_], power: int) -> tuple[Ints, Floats, Floats, Ints]:
    n, length = present.shape
    jet = np.arange(n)
    nodes = np.zeros((n, 2 * length - 1, 4))
    nodes[:, :length] = momenta
    children = np.full((n, length - 1, 2), -1, np.int64)
    distance = np.zeros((n, length - 1))
    count = present.sum(axis=1)
    # What is left of each jet: a merged pair takes the place of its first member.
    left, node = momenta.copy(), np.tile(np.arange(length), (n, 1))
    pairs = np.full((n, length, length), np.inf)
    for place in range(length):
        _measure(pairs, left, present, np.full(n, place), jet, power)
    alive = present.copy()
    for step in range(count.max(initial=1) - 1):
        busy = jet[count - step > 1]
        flat = pairs[busy].reshape(len(busy), -1)
        best = flat.argmin(axis=1)
        one, other = np.sort(np.stack(np.divmod(best, length)), axis=0)
        distance[busy, step] = flat[np.arange(len(busy)), best]
        children[busy, step, 0], children[busy, step, 1] = node[busy, one], node[busy, other]
        left[busy, one] += left[busy, other]
        nodes[busy, length + step] = left[busy, one]
        node[busy, one] = length + step
        alive[busy, other] = False
        pairs[busy, other] = pairs[busy, :, other] = np.inf
        _measure(pairs, left, alive, one, busy, power)
    return children, distance, nodes, count


def _measure(pairs: Floats, left: Floats, alive: NDArray[np.bool_], place: Ints, jet: Ints, power: int) -> None:
    """Write the distances of one particle of each jet to all others into `pairs`."""
    px, py, pz, energy = np.moveaxis(left[jet], -1, 0)
    there, others = np.arange(len(jet)), alive[jet] & alive[jet, place][:, None]
    others[there, place] = False
    pt2 = px**2 + py**2
    # Rapidity: what is merged has a mass.
    with np.errstate(divide="ignore", invalid="ignore"):
        rapidity = np.arctanh(np.where(energy > 0, pz / energy, 0.0))
        scale = np.where(pt2 > 0, pt2, 1.0) ** power
    phi = np.arctan2(py, px)
    dphi = phi - phi[there, place][:, None]
    dphi = np.arctan2(np.sin(dphi), np.cos(dphi))
    square = (rapidity - rapidity[there, place][:, None]) ** 2 + dphi**2
    found = np.where(others, np.minimum(scale, scale[there, place][:, None]) * square, np.inf)
    pairs[jet, place] = found
    pairs[jet, :, place] = found


def features(trees: Trees) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What `models.recursive_net` takes: numbers of each node, and the children of each merging, the harder one first.

    Returns float32 (n_jets, 2 length - 1, 5), the logarithm of a node's pt over the jet's, its pseudorapidity, its
    azimuth [rad], their root of squares, and its mass over the jet's pt, zero where there is no node; and node numbers,
    float32 (n_jets, length - 1, 2), -1 where there is no merging. Give `cluster` Δη and Δφ from the jet's axis.
    """
    px, py, pz, energy = np.moveaxis(trees.momenta, -1, 0)
    pt = np.hypot(px, py)
    there = pt > 0
    whole = pt[np.arange(len(pt)), _root(trees)]
    safe = np.where(there, pt, 1.0)
    eta, phi = np.arcsinh(pz / safe), np.arctan2(py, px)
    mass = np.sqrt(np.maximum(energy**2 - pt**2 - pz**2, 0))
    found = np.stack([np.log(safe / whole[:, None]), eta, phi, np.hypot(eta, phi), mass / whole[:, None]], axis=-1)
    jet = np.arange(len(pt))[:, None]
    one, other = np.moveaxis(trees.children, -1, 0)
    softer = (one >= 0) & (pt[jet, one] < pt[jet, other])
    children = np.where(softer[..., None], trees.children[..., ::-1], trees.children)
    return (found * there[..., None]).astype(np.float32), children.astype(np.float32)


def _root(trees: Trees) -> Ints:
    """The last node of each jet, which holds all its particles."""
    return np.where(trees.particles > 1, trees.length + trees.particles - 2, 0)
