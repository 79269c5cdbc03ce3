"""How much a tagger knows of the mass: distance correlation, and how far a cut bends the background's mass spectrum."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.metrics import comparison, tagging
from jetlab.metrics.estimate import Estimate, Floats, MetricError, per_jet, samples

#: Rows of the n x n distances that are in memory at a time.
ROWS = 1000
#: Of two columns: one with the other, and each with itself.
PAIRS = ((0, 1), (0, 0), (1, 1))
#: Part of the signal that a cut keeps.
EFFICIENCY = 0.5
#: Edges of the mass spectrum, GeV.
MASS_EDGES = np.linspace(40.0, 200.0, 17)


class Sculpting(NamedTuple):
    """How unlike the masses of jets that pass a cut and of those that fail are.

    Attributes:
        jsd: Jensen-Shannon divergence, bits, less the floor: 0 for alike, 1 for spectra that do not overlap. By chance
            it may be negative.
        floor: what as many jets have that are picked blindly, because they are so few.
        chance: standard deviation of that, from one blind choice to the next: less than two of these is as good as 0.
    """

    jsd: Estimate
    floor: float
    chance: float


class Point(NamedTuple):
    """A tagger at a signal efficiency of EFFICIENCY: what it rejects, and how far its cut bends the mass spectrum.

    Attributes:
        rejection: 1/eB.
        jsd: as in `Sculpting`, bits.
        floor: as there.
        chance: as there.
    """

    rejection: Estimate
    jsd: Estimate
    floor: float
    chance: float


def point(
    y: ArrayLike, score: ArrayLike, mass: ArrayLike, weight: ArrayLike | None = None, replicas: int = 200
) -> Point:
    """Judge a tagger by labels, scores and masses [GeV], (n,) each; errors by bootstrap. Raises MetricError."""
    labels, scores, masses, weights = per_jet({"labels": y, "scores": score, "masses": mass}, weight)
    rejection = tagging.evaluate(labels, scores, weights, replicas)["rejection_50"]
    passed, background = comparison.cut(labels, scores, weights, EFFICIENCY), labels == 0
    bent = sculpting(masses[background], passed[background], weights[background], replicas=replicas)
    return Point(rejection, *bent)


def distance_correlation(one: ArrayLike, other: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Distance correlation of two numbers per jet, (n,) each: 0 for independent ones, 1 where one scales the other.

    Unlike the linear correlation it is zero for nothing else, for n large; of a few jets it is above zero by chance.
    Time grows with n squared, memory with n (doi:10.1214/009053607000000505; weighted as in arXiv:2001.05310).
    Raises MetricError for numbers that are not finite, negative weights, or a column that is all alike.
    """
    x, y, weights = per_jet({"first numbers": one, "second numbers": other}, weight)
    if not weights.sum() > 0:
        raise MetricError("No jet has a weight above zero; a correlation needs some.")
    covariance, *spreads = _covariances(x, y, weights / weights.sum())
    if not min(spreads) > 0:
        raise MetricError("One of the two numbers is the same for all jets; there is nothing that it could depend on.")
    return float(np.sqrt(max(covariance, 0.0) / np.sqrt(spreads[0] * spreads[1])))


def _covariances(one: Floats, other: Floats, weight: Floats) -> list[float]:
    """Squared distance covariances of the two numbers, and of each with itself; the weights add up to one."""
    means, products = np.zeros((2, len(one))), np.zeros(3)
    for first in range(0, len(one), ROWS):
        rows = slice(first, first + ROWS)
        distances = [np.abs(x[rows, np.newaxis] - x) for x in (one, other)]
        for mean, distance in zip(means, distances, strict=True):
            mean[rows] = distance @ weight
        for i, (a, b) in enumerate(PAIRS):
            products[i] += weight[rows] @ ((distances[a] * distances[b]) @ weight)
    total = means @ weight
    return [
        float(product - 2 * weight @ (means[a] * means[b]) + total[a] * total[b])
        for product, (a, b) in zip(products, PAIRS, strict=True)
    ]


def sculpting(
    mass: ArrayLike,
    passed: ArrayLike,
    weight: ArrayLike | None = None,
    edges: ArrayLike = MASS_EDGES,
    replicas: int = 200,
    seed: int = 0,
) -> Sculpting:
    """What a cut does to the mass spectrum of background jets: masses [GeV] and whether they pass, (n,) each.

    The divergence is that of passing and failing jets (as in ATL-PHYS-PUB-2018-014), in bins with these edges. That of
    a few jets is above zero even for a blind cut; how far, `replicas` random cuts tell. The uncertainty is the standard
    deviation over bootstrap samples. Raises MetricError as `comparison.divergence`.
    """
    masses, decisions, weights = per_jet({"masses": mass, "decisions": passed}, weight)
    bins = np.asarray(edges, dtype=np.float64)
    # A blind cut is drawn among the jets of the spectrum: others take no part.
    inside = (masses >= bins[0]) & (masses <= bins[-1]) & (weights > 0)
    masses, chosen, weights = masses[inside], decisions[inside] > 0.5, weights[inside]

    def divergence(passing: NDArray[np.bool_], counted: Floats) -> float:
        return comparison.divergence(masses, passing, counted, bins)

    value = divergence(chosen, weights)
    rng = np.random.default_rng(seed)
    blind = [divergence(rng.permutation(chosen), weights) for _ in range(replicas)]
    floor, chance = float(np.mean(blind)), float(np.std(blind, ddof=1))

    def usable(times: NDArray[np.integer]) -> bool:
        return bool(times[chosen].any() and times[~chosen].any())

    spread = np.std(
        [divergence(chosen, weights * times) for times in samples(len(chosen), replicas, seed, usable)], ddof=1
    )
    return Sculpting(Estimate(value - floor, float(spread)), floor, chance)
