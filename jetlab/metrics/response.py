"""How good a jet energy scale is: closure (median response) and robust resolution, with bootstrap uncertainties.

The response of a jet is its estimated over its true pt. Jets are binned in *true* quantities: binned in the estimate
itself, a bin fills from below and above in proportion to the spectrum, and what one reads off is the sample's as much
as the detector's (CMS arXiv:1107.4277, 1607.03663). Medians and central 68 % intervals instead of means and standard
deviations, because responses have tails that are not Gaussian.
"""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.metrics.estimate import Estimate, Floats, MetricError, Times, per_jet, samples

#: Where a Gaussian's cumulative distribution is at minus one, zero and plus one standard deviation.
QUANTILES = (0.158655, 0.5, 0.841345)
#: A median of fewer jets says little: such bins are left empty.
MINIMUM = 50


class Binned(NamedTuple):
    """Closure and resolution in bins; every array has shape (n_bins,) but `edges`, which has one more.

    `closure` is the median response and `resolution` half its central 68 % interval over the median, both with a
    bootstrap error; NaN in bins of fewer jets than were asked for, whose number is in `jets` all the same.
    """

    edges: Floats
    jets: NDArray[np.int64]
    closure: Floats
    closure_error: Floats
    resolution: Floats
    resolution_error: Floats

    @property
    def centres(self) -> Floats:
        """Middles of the bins."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def worst(self) -> Estimate:
        """Largest |closure - 1| of all bins, with that bin's error."""
        if not np.isfinite(self.closure).any():
            raise MetricError("No bin has enough jets for a median; take more jets or wider bins.")
        at = int(np.nanargmax(np.abs(self.closure - 1)))
        return Estimate(float(abs(self.closure[at] - 1)), float(self.closure_error[at]))


def response(estimate: ArrayLike, truth: ArrayLike) -> Floats:
    """Estimated over true pt of each jet, float64 (n,).

    Raises MetricError for shapes that differ, no jets, true values not above zero or numbers that are not finite.
    """
    estimate, truth, _ = per_jet({"estimates": estimate, "true pt": truth})
    if not len(truth):
        raise MetricError("There are no jets; give an estimate and a true pt for each.")
    if not (truth > 0).all():
        raise MetricError("True pt must be above zero; leave out jets without a generator jet.")
    return np.divide(estimate, truth)


def closure(values: ArrayLike, weight: ArrayLike | None = None, replicas: int = 200, seed: int = 0) -> Estimate:
    """Median of responses (n,), with a bootstrap error; 1 is what a correction is for.

    For a Gaussian the error comes to 1.25 sigma / sqrt(n). Raises MetricError for responses that are not finite,
    weights that are negative or not finite, fewer than two jets with a weight above zero, and a median of zero.
    """
    return _judged(per_jet({"responses": values}, weight), replicas, seed)[0]


def resolution(values: ArrayLike, weight: ArrayLike | None = None, replicas: int = 200, seed: int = 0) -> Estimate:
    """Robust relative resolution of responses (n,): half the central 68.3 % interval over the median.

    For a Gaussian it is sigma / mean; tails do not enter. Error and exceptions as `closure`.
    """
    return _judged(per_jet({"responses": values}, weight), replicas, seed)[1]


def gain(values: ArrayLike, reference: ArrayLike, replicas: int = 200, seed: int = 0) -> Estimate:
    """By which fraction the resolution of `values` is better than that of `reference`: 1 - ratio; both (n,).

    Both are responses of the *same* jets in the same order. Every bootstrap sample takes the same jets of both:
    what they have in common cancels in the ratio. Raises MetricError as `closure`, and where the reference has no width
    or very few jets leave it none in a bootstrap sample.
    """
    *both, ones = per_jet({"responses": values, "references": reference})
    pair = [_Ordered(each, ones) for each in both]

    def figure(times: Times = None) -> float:
        (_, first), (_, second) = (ordered.figures(times) for ordered in pair)
        if second == 0:
            raise MetricError("The reference has no width: too few different responses; take more jets.")
        return float(1 - first / second)

    spread = np.std([figure(times) for times in samples(len(ones), replicas, seed)], ddof=1)
    return Estimate(figure(), float(spread))


def binned(
    values: ArrayLike,
    by: ArrayLike,
    edges: ArrayLike,
    weight: ArrayLike | None = None,
    minimum: int = MINIMUM,
    replicas: int = 200,
    seed: int = 0,
) -> Binned:
    """Closure and resolution of responses (n,) in bins of `by` (n,), each from its lower edge up to below the upper.

    Bins of fewer than `minimum` jets with a weight above zero give NaN. Raises MetricError for lengths that differ,
    edges that do not rise, numbers that are not finite and negative weights.
    """
    values, by, weight = per_jet({"responses": values, "numbers they are binned by": by}, weight)
    edges = np.asarray(edges, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise MetricError(f"Bin edges are {edges}; they must be two or more, and rise.")
    bins = [(by >= low) & (by < high) & (weight > 0) for low, high in itertools.pairwise(edges)]
    jets = np.array([inside.sum() for inside in bins])
    empty = Estimate(np.nan, np.nan)
    found = [
        _judged([values[inside], weight[inside]], replicas, seed) if n >= max(minimum, 2) else (empty, empty)
        for inside, n in zip(bins, jets, strict=True)
    ]
    return Binned(edges, jets, *np.reshape(found, (-1, 4)).T)


class _Ordered:
    """Responses of weights above zero, sorted once, so that a bootstrap sample costs only a sum."""

    def __init__(self, values: Floats, weight: Floats) -> None:
        if len(values) < 2:
            raise MetricError(f"A median needs at least 2 jets with a weight above zero, not {len(values)}; take more.")
        self.order = np.argsort(values, kind="stable")
        self.values, self.weight = values[self.order], weight[self.order]

    def figures(self, times: Times = None) -> Floats:
        """Median, and half the central 68 % over it, each jet standing in the middle of its weight, (2,)."""
        weight = self.weight if times is None else self.weight * times[self.order]
        there = weight > 0
        weight = weight[there]
        reached = np.cumsum(weight)
        low, middle, high = np.interp(np.array(QUANTILES) * reached[-1], reached - weight / 2, self.values[there])
        if middle == 0:
            raise MetricError("The median response is zero, so no width relative to it exists; look at the training.")
        return np.array([middle, (high - low) / 2 / middle])


def _judged(columns: list[Floats], replicas: int, seed: int) -> tuple[Estimate, Estimate]:
    """Closure and resolution of responses and their weights (checked), with bootstrap errors."""
    values, weight = columns
    # A bootstrap sample of jets without weight would have no median.
    there = weight > 0
    ordered = _Ordered(values[there], weight[there])
    replicated = [ordered.figures(times) for times in samples(len(ordered.values), replicas, seed)]
    pairs = zip(ordered.figures(), np.std(replicated, axis=0, ddof=1), strict=True)
    closed, width = (Estimate(float(value), float(error)) for value, error in pairs)
    return closed, width
