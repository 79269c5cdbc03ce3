"""How good a tagger is: weighted ROC, AUC, accuracy and background rejection, with bootstrap uncertainties.

Everywhere y is 1 for W (signal) and 0 for QCD (background), a high score means W-like, and weights are per jet and
not negative.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.metrics.estimate import Estimate, Floats, MetricError, Times, per_jet, samples

#: Signal efficiencies at which taggers are compared (arXiv:1902.09914 quotes 1/eB at eS = 0.3).
WORKING_POINTS = {"rejection_30": 0.3, "rejection_50": 0.5}


class Roc(NamedTuple):
    """A ROC curve from (0, 0) to (1, 1): efficiencies of the cut score >= threshold, each (n_distinct_scores + 1,)."""

    background_efficiency: Floats
    signal_efficiency: Floats
    threshold: Floats


class Ranking:
    """Jets sorted once by falling score, so that a bootstrap sample costs only sums over the same order.

    Takes labels, scores and weights, (n,) each; scores may be (n, 1), as a network gives them. `times` (n,) says how
    often each jet counts, in the order given. Raises MetricError for labels other than 0 and 1, numbers that are not
    finite, negative weights or an empty class.
    """

    def __init__(self, y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> None:
        score = np.asarray(score, dtype=np.float64)
        score = score[:, 0] if score.ndim == 2 and score.shape[1] == 1 else score
        y, score, weight = per_jet({"labels": y, "scores": score}, weight)
        if not np.isin(y, (0, 1)).all():
            raise MetricError("Labels must be 1 (W) or 0 (QCD); check that they are jet_isW_ak7.")
        self.order = np.argsort(-score, kind="stable")
        y, score, self.weight = y[self.order], score[self.order], weight[self.order]
        self.signal, self.background = self.weight * y, self.weight * (1 - y)
        for name, part in (("W", self.signal), ("QCD", self.background)):
            if not part.sum() > 0:
                raise MetricError(f"There is no {name} jet with a weight above zero; a ROC curve needs both classes.")
        self.right = (score > 0.5) == y
        self.last = np.flatnonzero(np.append(score[1:] < score[:-1], True))
        self.thresholds = score[self.last]

    def efficiencies(self, times: Times = None) -> tuple[Floats, Floats]:
        """Background and signal efficiency at each distinct score, from 0 to 1."""
        counted = 1 if times is None else times[self.order]
        background, signal = (np.cumsum(part * counted)[self.last] for part in (self.background, self.signal))
        return np.append(0.0, background / background[-1]), np.append(0.0, signal / signal[-1])

    def accuracy(self, times: Times = None) -> float:
        """Fraction of jets classified rightly by score > 0.5."""
        return float(np.average(self.right, weights=self.weight if times is None else self.weight * times[self.order]))

    def samples(self, replicas: int, seed: int) -> Iterator[NDArray[np.integer]]:
        """Bootstrap samples with jets of both classes."""

        def usable(times: NDArray[np.integer]) -> bool:
            return bool(min(times[self.order] @ part for part in (self.background, self.signal)) > 0)

        return samples(len(self.order), replicas, seed, usable)


def roc(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Roc:
    """Weighted ROC curve of (n,) labels, scores and weights; jets of equal score pass a cut together.

    Raises MetricError as `Ranking`.
    """
    jets = Ranking(y, score, weight)
    return Roc(*jets.efficiencies(), np.concatenate([[np.inf], jets.thresholds]))


def auc(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Area under the weighted ROC: the chance that a W scores above a QCD jet, ties counting half.

    Raises MetricError as `Ranking`.
    """
    return area(*Ranking(y, score, weight).efficiencies())


def accuracy(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Weighted fraction of jets classified rightly by score > 0.5. Raises MetricError as `Ranking`."""
    return Ranking(y, score, weight).accuracy()


def background_efficiency(
    y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, signal_efficiency: ArrayLike = 0.5
) -> Floats:
    """Fraction of QCD accepted by the cut that accepts these fractions of W, interpolated along the ROC.

    `signal_efficiency` may have any shape; the result has the same. Raises MetricError as `Ranking` and for an
    efficiency outside (0, 1].
    """
    wanted = _wanted(signal_efficiency)
    return _interpolate(*Ranking(y, score, weight).efficiencies(), wanted)


def rejection(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, signal_efficiency: float = 0.5) -> float:
    """Background rejection 1/eB at a signal efficiency: of how many QCD jets one is mistaken for a W.

    It is inf where no QCD jet of the sample passes: the sample is too small to tell. Raises MetricError as
    `background_efficiency`.
    """
    return _inverse(float(background_efficiency(y, score, weight, signal_efficiency)))


def evaluate(
    y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, replicas: int = 200, seed: int = 0
) -> dict[str, Estimate]:
    """Auc, accuracy, rejection_30 and rejection_50 with statistical uncertainties of this test sample.

    The uncertainty is the standard deviation over `replicas` bootstrap samples. For 1/eB it is that of eB propagated,
    since 1/eB is inf in a replica without background. It does not contain the spread from training again: see
    `over_seeds`. Raises MetricError as `Ranking`.
    """
    points = np.array(list(WORKING_POINTS.values()))
    jets = Ranking(y, score, weight)

    def figures(times: Times = None) -> Floats:
        curve = jets.efficiencies(times)
        return np.array([area(*curve), jets.accuracy(times), *_interpolate(*curve, points)])

    values = figures()
    spread = np.std([figures(times) for times in jets.samples(replicas, seed)], axis=0, ddof=1)
    result = {name: Estimate(float(values[i]), float(spread[i])) for i, name in enumerate(("auc", "accuracy"))}
    for i, name in enumerate(WORKING_POINTS, start=2):
        inverse = _inverse(float(values[i]))
        result[name] = Estimate(inverse, float(spread[i]) * inverse**2 if np.isfinite(inverse) else np.inf)
    return result


def roc_band(
    y: ArrayLike, score: ArrayLike, weight: ArrayLike | None, signal_efficiency: ArrayLike, replicas: int = 100
) -> tuple[Floats, Floats]:
    """Lower and upper end of the central 68 % of background efficiencies over bootstrap samples, shaped as asked.

    Raises MetricError as `background_efficiency`.
    """
    jets, wanted = Ranking(y, score, weight), _wanted(signal_efficiency)
    curves = [_interpolate(*jets.efficiencies(times), wanted) for times in jets.samples(replicas, seed=0)]
    low, high = np.percentile(curves, [15.87, 84.13], axis=0)
    return low, high


def over_seeds(results: Sequence[dict[str, Estimate]]) -> dict[str, Estimate]:
    """Mean and standard deviation of each of `evaluate`'s numbers over trainings that differ in their seed.

    Raises MetricError for fewer than two results.
    """
    if len(results) < 2:
        raise MetricError(f"A spread over seeds needs at least 2 trainings, not {len(results)}; train more seeds.")
    values = {name: np.array([result[name].value for result in results]) for name in results[0]}
    return {
        name: Estimate(float(np.mean(v)), float(np.std(v, ddof=1)) if np.isfinite(v).all() else np.inf)
        for name, v in values.items()
    }


def effective_size(weight: ArrayLike) -> float:
    """Return (sum w)^2 / sum w^2: the number of jets of equal weight with the same relative uncertainty."""
    weight = np.asarray(weight, dtype=np.float64)
    squares = np.sum(weight**2)
    if not squares > 0:
        raise MetricError("An effective number of jets needs at least one weight that is not zero; check the weights.")
    return float(np.sum(weight) ** 2 / squares)


def area(background: Floats, signal: Floats) -> float:
    """Area under a ROC curve, given its efficiencies."""
    return float(np.trapezoid(signal, background))


def _wanted(signal_efficiency: ArrayLike) -> Floats:
    wanted = np.asarray(signal_efficiency, dtype=np.float64)
    if not ((wanted > 0) & (wanted <= 1)).all():
        raise MetricError(f"signal_efficiency is {signal_efficiency!s}; allowed are numbers above 0, at most 1.")
    return wanted


def _interpolate(background: Floats, signal: Floats, wanted: Floats) -> Floats:
    # Where several points share a signal efficiency, the first accepts least background; np.interp would take the last.
    after = np.searchsorted(signal, wanted, side="left")
    before = np.maximum(after - 1, 0)
    fraction = (wanted - signal[before]) / (signal[after] - signal[before])
    return background[before] + fraction * (background[after] - background[before])


def _inverse(background: float) -> float:
    return 1 / background if background > 0 else np.inf
