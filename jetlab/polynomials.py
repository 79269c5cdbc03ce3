"""Energy flow polynomials (arXiv:1712.07124): a basis of what can be measured with soft or collinear radiation ignored.

Each belongs to a multigraph: a vertex is a sum over particles, weighted by their share of the jet's pt, an edge the
distance of two of them. A linear classifier of these numbers comes close to networks.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.errors import ArgumentError

#: A multigraph: pairs of vertices, an edge as often as it is there, in order.
Graph = tuple[tuple[int, int], ...]
Floats = NDArray[np.float64]
#: Jets that are calculated at a time.
CHUNK = 500


def graphs(degree: int) -> tuple[Graph, ...]:
    """All connected multigraphs without loops of 1 to `degree` edges: 1, 2, 5, 12, 33 of 1, 2, 3, 4, 5 edges.

    Raises ArgumentError for fewer than one edge.
    """
    if degree < 1:
        raise ArgumentError(f"graphs: degree {degree}, but a graph has at least one edge.")
    found: list[Graph] = [((0, 1),)]
    newest = set(found)
    for _ in range(degree - 1):
        newest = {_canonical((*graph, edge)) for graph in newest for edge in _further(graph)}
        found += sorted(newest)
    return tuple(found)


def energy_flow(
    share: ArrayLike, deta: ArrayLike, dphi: ArrayLike, wanted: Sequence[Graph], beta: float = 1.0
) -> Floats:
    """Energy flow polynomials of jets: sums over particles of products of shares and distances to the power beta.

    Args:
        share: of the jet's pt, (n_jets, n_particles), zero for padding.
        deta: Δη of each particle, (n_jets, n_particles).
        dphi: Δφ [rad], (n_jets, n_particles).
        wanted: multigraphs, such as `graphs` gives.
        beta: power of the distance ΔR.

    Returns float64 (n_jets, n_graphs).
    """
    z, eta, phi = (np.asarray(each, np.float64) for each in (share, deta, dphi))
    return np.concatenate([_of(z[rows], eta[rows], phi[rows], wanted, beta) for rows in _chunks(len(z))])


def _chunks(n: int) -> list[slice]:
    return [slice(first, first + CHUNK) for first in range(0, max(n, 1), CHUNK)]


def _of(z: Floats, eta: Floats, phi: Floats, wanted: Sequence[Graph], beta: float) -> Floats:
    dphi = phi[:, :, np.newaxis] - phi[:, np.newaxis]
    distance = np.hypot(eta[:, :, np.newaxis] - eta[:, np.newaxis], np.arctan2(np.sin(dphi), np.cos(dphi))) ** beta
    powers = {number: distance**number for graph in wanted for number in map(graph.count, graph)}
    found = np.empty((len(z), len(wanted)))
    for column, graph in enumerate(wanted):
        vertices, edges = sorted(set(itertools.chain(*graph))), sorted(set(graph))
        # einsum takes a sum as soon as no further factor needs it: trees cost as much as a single edge.
        jet, place = 0, {vertex: number for number, vertex in enumerate(vertices, start=1)}
        factors: list[object] = []
        for vertex in vertices:
            factors += [z, [jet, place[vertex]]]
        for one, other in edges:
            factors += [powers[graph.count((one, other))], [jet, place[one], place[other]]]
        found[:, column] = np.einsum(*factors, [jet], optimize="greedy")  # type: ignore[call-overload]  # numpy types only text
    return found


def _further(graph: Graph) -> list[tuple[int, int]]:
    """Where one more edge may go: between two vertices, or from one to a new one."""
    count = 1 + max(max(edge) for edge in graph)
    return [*itertools.combinations(range(count), 2), *((vertex, count) for vertex in range(count))]


def _canonical(graph: Graph) -> Graph:
    """The same text for the same graph, whatever its vertices are called."""
    count = 1 + max(max(edge) for edge in graph)
    named = (
        tuple(sorted((min(new[a], new[b]), max(new[a], new[b])) for a, b in graph))
        for new in itertools.permutations(range(count))
    )
    return min(named)
