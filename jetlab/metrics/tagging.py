"""How good a tagger is: weighted ROC, AUC, accuracy and background rejection, with bootstrap uncertainties.

Everywhere y is 1 for W (signal) and 0 for QCD (background), a high score means W-like, and weights are per jet and
not negative.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.errors import JetlabError

Floats = NDArray[np.float64]
#: Signal efficiencies at which taggers are compared (arXiv:1902.09914 quotes 1/eB at eS = 0.3).
WORKING_POINTS = {"rejection_30": 0.3, "rejection_50": 0.5}


class MetricError(JetlabError, ValueError):
    """A metric is not defined for these jets; the message says why and what to do."""


class Estimate(NamedTuple):
    """A number and its uncertainty; prints as "0.846 ± 0.003"."""

    value: float
    error: float

    def __str__(self) -> str:
        """Two significant digits of the uncertainty, and the value to the same decimal place."""
        if not (np.isfinite(self.error) and self.error > 0 and np.isfinite(self.value)):
            return f"{self.value:.4g} ± {self.error:.2g}"
        decimals = max(0, 1 - int(np.floor(np.log10(self.error))))
        return f"{self.value:.{decimals}f} ± {self.error:.{decimals}f}"


class Roc(NamedTuple):
    """A ROC curve from (0, 0) to (1, 1): efficiencies of the cut score >= threshold, each (n_distinct_scores + 1,)."""

    background_efficiency: Floats
    signal_efficiency: Floats
    threshold: Floats


def roc(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Roc:
    """Weighted ROC curve of (n,) labels, scores and weights; jets of equal score pass a cut together.

    Raises MetricError for labels other than 0 and 1, scores that are not finite, negative weights or an empty class.

    """
    jets = _Sorted(y, score, weight)
    background, signal = jets.efficiencies()
    return Roc(background, signal, np.concatenate([[np.inf], jets.thresholds]))


def auc(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Area under the weighted ROC: the chance that a W scores above a QCD jet, ties counting half.

    Raises MetricError as `roc`.
    """
    return _area(*_Sorted(y, score, weight).efficiencies())


def accuracy(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Weighted fraction of jets classified rightly by score > 0.5. Raises MetricError as `roc`."""
    y, score, weight = _checked(y, score, weight)
    return float(np.average((score > 0.5) == y, weights=weight))


def background_efficiency(
    y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, signal_efficiency: ArrayLike = 0.5
) -> Floats:
    """Fraction of QCD accepted by the cut that accepts these fractions of W, interpolated along the ROC.

    `signal_efficiency` may have any shape; the result has the same. Raises MetricError as `roc` and for an efficiency
    outside (0, 1].
    """
    wanted = _wanted(signal_efficiency)
    return _interpolate(*_Sorted(y, score, weight).efficiencies(), wanted)


def rejection(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, signal_efficiency: float = 0.5) -> float:
    """Background rejection 1/eB at a signal efficiency: of how many QCD jets one is mistaken for a W.

    It is inf where no QCD jet of the sample passes: the sample is too small to tell. Raises MetricError as
    `background_efficiency`.
    """
    return _inverse(float(background_efficiency(y, score, weight, signal_efficiency)))


def evaluate(
    y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, replicas: int = 200, seed: int = 0
) -> dict[str, Estimate]:
    """Tell auc, accuracy, rejection_30 and rejection_50 with statistical uncertainties of this test sample.

    The uncertainty is the standard deviation over `replicas` bootstrap samples (doi:10.1214/aos/1176344552; every jet
    counts Poisson(1) times). For 1/eB it is that of eB propagated, since 1/eB is inf in a replica without background.
    It does not contain the spread from training again: see `over_seeds`. Raises MetricError as `roc`.
    """
    points = np.array(list(WORKING_POINTS.values()))
    jets = _Sorted(y, score, weight)

    def figures(times: NDArray[np.integer] | None = None) -> Floats:
        background, signal = jets.efficiencies(times)
        return np.array([_area(background, signal), jets.accuracy(times), *_interpolate(background, signal, points)])

    values = figures()
    spread = np.std([figures(times) for times in jets.replicas(replicas, seed)], axis=0, ddof=1)
    result = {name: Estimate(float(values[i]), float(spread[i])) for i, name in enumerate(("auc", "accuracy"))}
    for i, name in enumerate(WORKING_POINTS, start=2):
        inverse = _inverse(float(values[i]))
        result[name] = Estimate(inverse, float(spread[i]) * inverse**2 if np.isfinite(inverse) else np.inf)
    return result


def roc_band(
    y: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None,
    signal_efficiency: ArrayLike,
    replicas: int = 100,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Lower and upper end of the central 68 % of background efficiencies over bootstrap samples, shaped as asked.

    Raises MetricError as `background_efficiency`.
    """
    wanted = _wanted(signal_efficiency)
    jets = _Sorted(y, score, weight)
    curves = [_interpolate(*jets.efficiencies(times), wanted) for times in jets.replicas(replicas, seed)]
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


class _Sorted:
    """Jets sorted once by falling score, so that a bootstrap sample costs only sums over the same order."""

    def __init__(self, y: ArrayLike, score: ArrayLike, weight: ArrayLike | None) -> None:
        y, score, weight = _checked(y, score, weight)
        order = np.argsort(-score, kind="stable")
        score = score[order]
        self.y, self.weight = y[order], weight[order]
        self.signal, self.background = self.weight * self.y, self.weight * (1 - self.y)
        self.right = (score > 0.5) == self.y
        self.last = np.flatnonzero(np.append(score[1:] < score[:-1], True))
        self.thresholds = score[self.last]

    def efficiencies(self, times: NDArray[np.integer] | None = None) -> tuple[Floats, Floats]:
        """Background and signal efficiency at each distinct score, from 0 to 1, each jet counted `times` times."""
        return self._passing(self.background, times), self._passing(self.signal, times)

    def accuracy(self, times: NDArray[np.integer] | None = None) -> float:
        return float(np.average(self.right, weights=self.weight if times is None else self.weight * times))

    def replicas(self, number: int, seed: int) -> Iterator[NDArray[np.integer]]:
        if number < 2:
            raise MetricError(f"replicas is {number}; a bootstrap uncertainty needs at least 2, better 200.")
        rng = np.random.default_rng(seed)
        for _ in range(number):
            times = rng.poisson(1.0, self.y.size)
            # A class of a handful of jets can be left out as a whole: such a sample has no ROC.
            while not (times @ self.signal > 0 and times @ self.background > 0):
                times = rng.poisson(1.0, self.y.size)
            yield times

    def _passing(self, weight: Floats, times: NDArray[np.integer] | None) -> Floats:
        total = np.cumsum(weight if times is None else weight * times)[self.last]
        return np.concatenate([[0.0], total / total[-1]])


def _checked(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    y, score = (np.asarray(values, dtype=np.float64) for values in (y, score))
    score = score[:, 0] if score.ndim == 2 and score.shape[1] == 1 else score
    weight = np.ones_like(y) if weight is None else np.asarray(weight, dtype=np.float64)
    if not (y.ndim == 1 and y.shape == score.shape == weight.shape):
        raise MetricError(
            f"Labels, scores and weights have shapes {y.shape}, {score.shape} and {weight.shape}; give one per jet."
        )
    if not np.isin(y, (0, 1)).all():
        raise MetricError("Labels must be 1 (W) or 0 (QCD); check that they are jet_isW_ak7.")
    if bad := int(np.sum(~np.isfinite(score))):
        raise MetricError(
            f"Scores are not finite for {bad} of {y.size} jets; scale the inputs or train with a lower learning rate."
        )
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise MetricError(
            "Weights must be finite and not negative: a ROC curve would not rise steadily; check the weights."
        )
    for name, label in (("W", 1), ("QCD", 0)):
        if not weight[y == label].sum() > 0:
            raise MetricError(
                f"There is no {name} jet with a weight above zero; a ROC curve needs both W and QCD jets."
            )
    return y, score, weight


def _wanted(signal_efficiency: ArrayLike) -> Floats:
    wanted = np.asarray(signal_efficiency, dtype=np.float64)
    if not ((wanted > 0) & (wanted <= 1)).all():
        raise MetricError(f"signal_efficiency is {signal_efficiency!s}; allowed are numbers above 0, at most 1.")
    return wanted


def _area(background: Floats, signal: Floats) -> float:
    return float(np.trapezoid(signal, background))


def _interpolate(background: Floats, signal: Floats, wanted: Floats) -> Floats:
    # Where several points share a signal efficiency, the first accepts least background; np.interp would take the last.
    after = np.searchsorted(signal, wanted, side="left")
    before = np.maximum(after - 1, 0)
    fraction = (wanted - signal[before]) / (signal[after] - signal[before])
    return background[before] + fraction * (background[after] - background[before])


def _inverse(background: float) -> float:
    return 1 / background if background > 0 else np.inf
