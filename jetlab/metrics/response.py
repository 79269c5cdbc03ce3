"""How good a jet energy scale is: closure (median response) and robust resolution, with bootstrap uncertainties.

The response of a jet is its estimated over its true pt. Jets are binned in *true* quantities: binned in the estimate
itself, a bin fills from below and above in proportion to the spectrum, and what one reads off is the sample's as much
as the detector's (CMS arXiv:1107.4277, 1607.03663). Medians and central 68 % intervals instead of means and standard
deviations, for responses have tails that are not Gaussian.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.metrics.tagging import Estimate, Floats, MetricError

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

    Raises MetricError for shapes that differ, no jets, true values not above zero or estimates that are not finite.

    """
    estimate, truth = np.asarray(estimate, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if estimate.ndim != 1 or estimate.shape != truth.shape or not len(truth):
        raise MetricError(f"Estimates have shape {estimate.shape}, truth {truth.shape}; give one of each per jet.")
    if not (np.isfinite(truth) & (truth > 0)).all():
        raise MetricError("True pt must be above zero; leave out jets without a generator jet.")
    if bad := int(np.sum(~np.isfinite(estimate))):
        raise MetricError(f"Estimates are not finite for {bad} of {len(estimate)} jets; look at the training.")
    ratio: Floats = estimate / truth
    return ratio


def closure(values: ArrayLike, weight: ArrayLike | None = None, replicas: int = 200, seed: int = 0) -> Estimate:
    """Median of responses (n,), with a bootstrap error; 1 is what a correction is for.

    The error is the standard deviation over samples in which every jet counts Poisson(1) times
    (doi:10.1214/aos/1176344552); for a Gaussian it comes to 1.25 sigma / sqrt(n). Raises MetricError for responses that
    are not finite, weights that are negative or not finite, and fewer than two jets with a weight above zero.
    """
    return _estimate(values, weight, lambda low, middle, high: middle, replicas, seed)


def resolution(values: ArrayLike, weight: ArrayLike | None = None, replicas: int = 200, seed: int = 0) -> Estimate:
    """Robust relative resolution of responses (n,): half the central 68.3 % interval over the median.

    For a Gaussian it is sigma / mean; tails do not enter. Error and exceptions as `closure`; MetricError also where the
    median is zero.
    """
    return _estimate(values, weight, _width, replicas, seed)


def gain(values: ArrayLike, reference: ArrayLike, replicas: int = 200, seed: int = 0) -> Estimate:
    """By which fraction the resolution of `values` is better than that of `reference`: 1 - ratio; both (n,).

    Both are responses of the *same* jets in the same order. Every bootstrap sample takes the same jets of both:
    what they have in common cancels in the ratio. Raises MetricError as `closure`, and where the reference has no width
    or very few jets leave it none in a bootstrap sample.
    """
    ours, theirs = np.asarray(values, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if ours.shape != theirs.shape:
        raise MetricError(f"The two have {ours.shape} and {theirs.shape} responses; give both for the same jets.")
    pair = [_Ordered(*_checked(each, None)) for each in (ours, theirs)]

    def figure(times: NDArray[np.integer] | None = None) -> float:
        first, second = (_width(*ordered.quantiles(times)) for ordered in pair)
        if second == 0:
            raise MetricError("The reference has no width: too few different responses; take more jets.")
        return 1 - first / second

    return Estimate(figure(), _spread(figure, len(ours), replicas, seed))


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
    by, edges = np.asarray(by, dtype=np.float64), np.asarray(edges, dtype=np.float64)
    values, weight = _checked(values, weight)
    if values.shape != by.shape:
        raise MetricError(f"Responses have shape {values.shape}, what they are binned by {by.shape}; give one per jet.")
    if not np.isfinite(by).all():
        raise MetricError("What the responses are binned by is not finite for some jets; leave them out.")
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise MetricError(f"Bin edges are {edges}; they must be two or more, and rise.")
    jets = np.zeros(len(edges) - 1, np.int64)
    results = np.full((len(jets), 4), np.nan)
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = (by >= low) & (by < high) & (weight > 0)
        jets[number] = inside.sum()
        if jets[number] >= max(minimum, 2):
            ordered = _Ordered(values[inside], weight[inside])

            def figures(times: NDArray[np.integer] | None = None, ordered: _Ordered = ordered) -> Floats:
                low, middle, high = ordered.quantiles(times)
                return np.array([middle, _width(low, middle, high)])

            results[number, :2] = figures()
            results[number, 2:] = _spread(figures, int(jets[number]), replicas, seed)
    closed, width, closed_error, width_error = results.T
    return Binned(edges, jets, closed, closed_error, width, width_error)


class _Ordered:
    """Values of weights above zero, sorted once, so that the quantiles of a bootstrap sample cost only a sum."""

    def __init__(self, values: Floats, weight: Floats) -> None:
        if len(values) < 2:
            raise MetricError(f"A median needs at least 2 jets with a weight above zero, not {len(values)}; take more.")
        self.order = np.argsort(values, kind="stable")
        self.values, self.weight = values[self.order], weight[self.order]

    def quantiles(self, times: NDArray[np.integer] | None = None) -> Floats:
        """Quantiles at QUANTILES, each jet standing in the middle of its weight, (3,)."""
        weight = self.weight if times is None else self.weight * times[self.order]
        there = weight > 0
        weight = weight[there]
        reached = np.cumsum(weight)
        found: Floats = np.interp(np.array(QUANTILES) * reached[-1], reached - weight / 2, self.values[there])
        return found


def _checked(values: ArrayLike, weight: ArrayLike | None) -> tuple[Floats, Floats]:
    """Responses and weights, each float64 (n,)."""
    values = np.asarray(values, dtype=np.float64)
    weight = np.ones(values.shape) if weight is None else np.asarray(weight, dtype=np.float64)
    if values.ndim != 1 or weight.shape != values.shape:
        raise MetricError(f"Responses have shape {values.shape}, weights {weight.shape}; give one per jet.")
    if not np.isfinite(values).all():
        raise MetricError("Some responses are not finite; look at the training, or at jets without a match.")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise MetricError("Weights must be finite and not negative; check the weights.")
    return values, weight


def _estimate(
    values: ArrayLike, weight: ArrayLike | None, figure: Callable[..., float], replicas: int, seed: int
) -> Estimate:
    values, weight = _checked(values, weight)
    # A bootstrap sample of jets without weight would have no median.
    there = weight > 0
    ordered = _Ordered(values[there], weight[there])
    error = _spread(lambda times: figure(*ordered.quantiles(times)), int(there.sum()), replicas, seed)
    return Estimate(float(figure(*ordered.quantiles())), float(error))


def _spread(figure: Callable[[NDArray[np.integer]], float | Floats], n: int, replicas: int, seed: int) -> Any:
    """Standard deviation of what `figure` gives, a number or an array, over bootstrap samples."""
    if replicas < 2:
        raise MetricError(f"replicas is {replicas}; a bootstrap uncertainty needs at least 2, better 200.")
    rng = np.random.default_rng(seed)
    return np.std(np.array([figure(_times(rng, n)) for _ in range(replicas)]), axis=0, ddof=1)


def _times(rng: np.random.Generator, n: int) -> NDArray[np.integer]:
    times = rng.poisson(1.0, n)
    # A bin of very few jets can be left out as a whole: such a sample has no median.
    while not times.any():
        times = rng.poisson(1.0, n)
    return times


def _width(low: float, middle: float, high: float) -> float:
    if middle == 0:
        raise MetricError("The median response is zero, so no width relative to it is defined; look at the training.")
    return float((high - low) / 2 / middle)
