"""Several taggers on the same test jets: the table of their figures of merit, and how they differ beyond it.

As in `jetlab.metrics`, y is 1 for W and 0 for QCD, a high score means W-like, and weights are per jet.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.metrics import tagging
from jetlab.metrics.estimate import Estimate, Floats, MetricError, Times, per_jet

if TYPE_CHECKING:
    import pandas as pd

_HEAD = ("AUC", "accuracy", "1/εB at εS = 0.3", "at εS = 0.5", "parameters", "seconds", "seeds")
_FIGURES = ("auc", "accuracy", *tagging.WORKING_POINTS)


def row(
    tagger: str,
    y: ArrayLike,
    scores: Sequence[ArrayLike],
    weight: ArrayLike | None = None,
    params: int = 0,
    seconds: float = 0.0,
    replicas: int = 200,
) -> dict[str, Any]:
    """One row of the table: auc, accuracy, rejection_30, rejection_50, each with its _err, params, seconds and seeds.

    `scores` are those of trainings that differ in their seed, (n_seeds, n); the value is their mean. Its uncertainty
    adds in quadrature that of the finite test sample (`tagging.evaluate`'s bootstrap, the mean over seeds: the jets
    are the same for all) and the spread of the seeds over the root of their number. With one seed the second is
    unknown and left out. `seconds` are those of one training. Raises MetricError as `tagging.Ranking`.
    """
    each = [tagging.evaluate(y, score, weight, replicas) for score in scores]
    result: dict[str, Any] = {"tagger": tagger}
    for name in each[0]:
        values, errors = zip(*(estimates[name] for estimates in each), strict=True)
        result[name], result[f"{name}_err"] = _over_seeds(np.array(values), float(np.mean(errors)))
    return result | {"params": int(params), "seconds": float(seconds), "seeds": len(each)}


def table(rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """Rows as a table to look at, the tagger in its index, all else as text; – stands for parameters not counted."""
    import pandas as pd  # half a second, which only who wants the table should wait for

    lines = []
    for one in rows:
        # Unbroken, so that a narrow page leaves value and error in one line.
        figures = [str(Estimate(one[name], one[f"{name}_err"])).replace(" ", "\N{NO-BREAK SPACE}") for name in _FIGURES]
        size = f"{one['params']:,}" if one["params"] else "–"
        lines.append([*figures, size, f"{one['seconds']:.0f}", str(one["seeds"])])
    return pd.DataFrame(lines, index=[one["tagger"] for one in rows], columns=list(_HEAD))


def auc_difference(
    y: ArrayLike,
    first: Sequence[ArrayLike],
    second: Sequence[ArrayLike],
    weight: ArrayLike | None = None,
    replicas: int = 100,
    seed: int = 0,
) -> Estimate:
    """By how much the AUC of `first` is above that of `second`, each the scores (n_seeds, n) of the same seeds.

    Both see the same jets, so what is peculiar to the sample cancels in part: each bootstrap sample is used for both.
    The spread of the seeds' differences, over the root of their number, is added in quadrature. Raises MetricError as
    `tagging.Ranking`, and for other numbers of seeds.
    """
    if len(first) != len(second) or not len(first):
        raise MetricError(f"There are {len(first)} and {len(second)} trainings; give as many of both, at least one.")
    pairs = [[tagging.Ranking(y, score, weight) for score in pair] for pair in zip(first, second, strict=True)]

    def differences(times: Times = None) -> Floats:
        aucs = np.array([[tagging.area(*jets.efficiencies(times)) for jets in pair] for pair in pairs])
        found: Floats = aucs[:, 0] - aucs[:, 1]
        return found

    spread = np.std([differences(times).mean() for times in pairs[0][0].samples(replicas, seed)], ddof=1)
    return _over_seeds(differences(), float(spread))


def cut(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, efficiency: float = 0.5) -> NDArray[np.bool_]:
    """Which jets (n,) pass the cut on the score that accepts this fraction of the W.

    Raises MetricError as `tagging.Ranking`, and for a fraction outside (0, 1].
    """
    if not 0 < efficiency <= 1:
        raise MetricError(f"efficiency is {efficiency}; a cut accepts a fraction above 0, at most 1.")
    curve = tagging.roc(y, score, weight)
    reached = np.searchsorted(curve.signal_efficiency, efficiency - 1e-12)
    passes: NDArray[np.bool_] = np.asarray(score) >= curve.threshold[reached]
    return passes


def correlation(scores: Mapping[str, ArrayLike], weight: ArrayLike | None = None) -> Floats:
    """Weighted rank correlation (Spearman's) between the scores (n,) of all pairs of taggers, (taggers, taggers).

    Ranks, since only the order of scores matters to a cut. Jets of equal score share the mean of their ranks, and a jet
    of weight two counts like two jets. Raises MetricError for scores that are not finite or all equal (there is no
    order to compare), shapes that differ, and weights that are negative or all zero.
    """
    named = {f"scores of '{name}'": score for name, score in scores.items()}
    *columns, weight = per_jet(named, weight)
    if not weight.any():
        raise MetricError("The weights are all zero; give some jets a weight above zero.")
    ranks = np.array([_ranks(name, score, weight) for name, score in zip(named, columns, strict=True)])
    centred = ranks - np.average(ranks, axis=1, weights=weight)[:, np.newaxis]
    covariance = centred * weight @ centred.T
    width = np.sqrt(np.diag(covariance))
    found: Floats = covariance / np.outer(width, width)
    return found


def efficiency(
    values: ArrayLike, passes: ArrayLike, weight: ArrayLike | None = None, edges: ArrayLike = (200, 300, 400, 500)
) -> tuple[Floats, Floats]:
    """Weighted fraction of jets that pass and its uncertainty in bins of `values`: (n_bins,), NaN where empty."""
    values, passes, weight = per_jet({"values": values, "passes": passes}, weight)
    edges = np.asarray(edges)
    total = np.histogram(values, edges, weights=weight)[0]
    passed = np.histogram(values, edges, weights=weight * passes)[0]
    fraction = _ratio(passed, total)
    place = np.clip(np.digitize(values, edges) - 1, 0, len(total) - 1)
    variance = np.histogram(values, edges, weights=(weight * (passes - np.nan_to_num(fraction)[place])) ** 2)[0]
    return fraction, _ratio(np.sqrt(variance), total)


def calibration(
    y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, bins: int = 10
) -> tuple[Floats, Floats, Floats]:
    """Mean score, true fraction of W and its uncertainty in equal bins of the score; each (bins,), NaN where empty.

    Where a score can be read as a probability the first two agree (arXiv:1706.04599).
    """
    edges = np.linspace(0, 1, bins + 1)
    y, score, weight = per_jet({"labels": y, "scores": score}, weight)
    fraction, error = efficiency(score, y, weight, edges)
    total, summed = (np.histogram(score, edges, weights=w)[0] for w in (weight, weight * score))
    return _ratio(summed, total), fraction, error


def divergence(
    values: ArrayLike, passes: ArrayLike, weight: ArrayLike | None = None, edges: ArrayLike = tuple(range(0, 161, 10))
) -> float:
    """Jensen-Shannon divergence, in bits, between the shapes of `values` (n,) of jets that pass and that fail.

    0 where a cut leaves the shape alone, 1 where nothing overlaps (doi:10.1109/18.61115); with the masses of QCD jets
    it shows how much a tagger sculpts the background. Raises MetricError where all or none pass.
    """
    values, passes, weight = per_jet({"values": values, "passes": passes}, weight)
    shapes = [np.histogram(values, edges, weights=weight * part)[0] for part in (passes, 1 - passes)]
    if not min(shape.sum() for shape in shapes) > 0:
        raise MetricError("All jets pass, or none does: there are no two shapes to compare; move the cut.")
    one, other = (shape / shape.sum() for shape in shapes)
    middle = (one + other) / 2
    return float(sum(np.sum(p[p > 0] * np.log2(p[p > 0] / middle[p > 0])) for p in (one, other)) / 2)


def _over_seeds(values: Floats, sample: float) -> Estimate:
    """The mean over seeds; its error joins that of the sample of jets and, where it is known, that of the seeds."""
    seeds = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return Estimate(float(np.mean(values)), float(np.hypot(sample, seeds)))


def _ratio(part: Floats, total: Floats) -> Floats:
    found: Floats = np.divide(part, total, out=np.full(len(total), np.nan), where=total > 0)
    return found


def _ranks(name: str, score: Floats, weight: Floats) -> Floats:
    """Rank of each jet (n,): the weight below it and half of that at its score; scipy's rankdata - 1/2 for ones."""
    distinct, place = np.unique(score, return_inverse=True)
    total = np.bincount(place, weight, minlength=len(distinct))
    if np.count_nonzero(total) < 2:
        raise MetricError(f"The {name} are all equal: without an order there is no rank correlation; leave them out.")
    ranks: Floats = (np.cumsum(total) - total / 2)[place]
    return ranks
