"""How good a flavour tagger is: the discriminant, rejections at fixed b efficiency, and iso-efficiency curves.

Names as in the field: ATL-PHYS-PUB-2017-013, arXiv:2211.16345. Probabilities are columns light, c, b.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jetlab.metrics.estimate import Estimate, Floats, MetricError, per_jet

#: Efficiencies of b jets at which taggers are compared.
B_EFFICIENCIES = (0.60, 0.70, 0.77, 0.85)
LIGHT, CHARM, BOTTOM = 0, 1, 2
#: Of an iso-efficiency curve.
FRACTIONS = tuple(np.linspace(0, 1, 51).tolist())
#: Least probability: a network's softmax may give exactly 0.
_LEAST = 1e-20


class IsoEfficiency(NamedTuple):
    """Light and c rejection at one b efficiency while the fraction runs: each (n_fractions,), with binomial errors."""

    fraction: Floats
    light_rejection: Floats
    light_rejection_err: Floats
    c_rejection: Floats
    c_rejection_err: Floats


def discriminant(probabilities: ArrayLike, fraction: float = 0.018, signal: str = "b") -> Floats:
    """Return D_b = log(p_b / (f_c p_c + (1 - f_c) p_light)) of (n, 3) probabilities of light, c, b; float64 (n,).

    `fraction` is f_c; with `signal` "c" the result is D_c, with f_b in its place: the same training tags c jets. It
    can be chosen after training. Source: arXiv:1907.05120, section 4.3.

    Raises MetricError for another shape, negative or infinite probabilities, a fraction outside [0, 1], or a signal
    other than "b" and "c".
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] != 3 or not np.isfinite(p).all() or (p < 0).any():
        raise MetricError(f"Probabilities of shape {p.shape}: give three for each jet, of light, c and b, finite.")
    if not 0 <= fraction <= 1:
        raise MetricError(f"The fraction is {fraction}; allowed is a number from 0 to 1.")
    if signal not in ("b", "c"):
        raise MetricError(f"The signal is {signal!r}; allowed are 'b' and 'c'.")
    wanted, other = (BOTTOM, CHARM) if signal == "b" else (CHARM, BOTTOM)
    p = np.maximum(p, _LEAST)
    score: Floats = np.log(p[:, wanted] / (fraction * p[:, other] + (1 - fraction) * p[:, LIGHT]))
    return score


def threshold(
    label: ArrayLike, score: ArrayLike, efficiency: float, signal: int = BOTTOM, weight: ArrayLike | None = None
) -> float:
    """The highest cut that at least this share of the signal's weight passes (score >= threshold).

    Raises MetricError as `rejections`.
    """
    label, score, weight = per_jet({"labels": label, "scores": score}, weight)
    return _threshold(score[label == signal], weight[label == signal], efficiency)


def rejections(
    label: ArrayLike,
    score: ArrayLike,
    efficiency: float = 0.77,
    signal: int = BOTTOM,
    weight: ArrayLike | None = None,
) -> dict[int, Estimate]:
    """Rejection 1 / efficiency of each other class at the cut that this share of signal jets passes.

    Args:
        label: 0 light, 1 c, 2 b, (n,).
        score: higher for more signal-like, (n,).
        efficiency: of the signal, above 0, at most 1.
        signal: number of the signal's class.
        weight: of each jet, (n,); None: one.

    The uncertainty is the binomial one of the passing jets, of an effective number where they are weighted. It is inf
    where no jet passes, with the value inf: the sample is too small to tell.

    Raises MetricError for numbers that are not finite, no signal, fewer than two classes or an efficiency out of range.
    """
    label, score, weight = per_jet({"labels": label, "scores": score}, weight)
    cut = _threshold(score[label == signal], weight[label == signal], efficiency)
    found = {int(kind): _rejection(score, weight * (label == kind), cut) for kind in np.unique(label) if kind != signal}
    if not found:
        raise MetricError("There is no jet of another class than the signal's; a rejection needs one.")
    return found


def bootstrap(
    label: ArrayLike,
    score: ArrayLike,
    efficiency: float = 0.77,
    signal: int = BOTTOM,
    replicas: int = 100,
    seed: int = 1,
) -> dict[int, Estimate]:
    """Rejections as by `rejections`; their errors come from jets drawn again, and so contain that of the cut as well.

    `label` and `score` are (n,). Raises MetricError as `rejections` does.
    """
    value = rejections(label, score, efficiency, signal)
    passing = _passing(label, score, efficiency, signal, replicas, seed)
    # Of a class of which no jet passes there is nothing to draw: value and error stay infinite.
    errors = {
        kind: float(np.std(passing[kind], ddof=1) * r.value**2) if np.isfinite(r.value) else np.inf
        for kind, r in value.items()
    }
    return {kind: Estimate(r.value, errors[kind]) for kind, r in value.items()}


def ratios(
    label: ArrayLike,
    score: ArrayLike,
    other: ArrayLike,
    efficiency: float = 0.77,
    signal: int = BOTTOM,
    replicas: int = 100,
    seed: int = 1,
) -> dict[int, Estimate]:
    """How many times the rejection of `other` that of `score` is, for each class; a paired bootstrap over the jets.

    All arrays are (n,), of the same jets. Where no jet passes one of the cuts the ratio is that of half a jet. Raises
    MetricError as `rejections` does.
    """
    label = np.asarray(label)
    drawn = [_passing(label, each, efficiency, signal, replicas, seed) for each in (score, other)]
    once = [rejections(label, each, efficiency, signal) for each in (score, other)]
    found = {}
    for kind in once[0]:
        least = 0.5 / np.sum(label == kind)
        logs = np.log(np.maximum(drawn[1][kind], least)) - np.log(np.maximum(drawn[0][kind], least))
        first, second = (max(1 / each[kind].value, least) for each in once)
        found[kind] = Estimate(float(second / first), float(np.std(logs, ddof=1) * second / first))
    return found


def in_bins(
    values: ArrayLike,
    edges: ArrayLike,
    label: ArrayLike,
    score: ArrayLike,
    efficiency: float = 0.77,
    flat: bool = False,
    signal: int = BOTTOM,
) -> dict[int, tuple[Floats, Floats]]:
    """Efficiency of each class in bins of a variable, with its binomial error: class -> two arrays (n_bins,).

    Args:
        values: of the variable, such as pt, (n,).
        edges: of the bins, (n_bins + 1,).
        label: 0 light, 1 c, 2 b, (n,).
        score: (n,).
        efficiency: of the signal, over all bins, or in each of them if `flat`.
        flat: a cut for each bin, so that the signal's efficiency is the same in all, instead of one cut for all.
        signal: number of the signal's class.

    NaN where a bin has no jet of the class (flat: of the signal). Raises MetricError as `threshold` does.
    """
    label, score = np.asarray(label), np.asarray(score, dtype=np.float64)
    edges = np.asarray(edges, dtype=np.float64)
    place = np.digitize(np.asarray(values, dtype=np.float64), edges) - 1
    inside = (place >= 0) & (place < len(edges) - 1)
    cut = np.full(len(edges) - 1, np.nan)
    if not flat:
        cut[:] = threshold(label[inside], score[inside], efficiency, signal)
    for number in range(len(cut)):
        chosen = place == number
        if flat and np.any(chosen & (label == signal)):
            cut[number] = threshold(label[chosen], score[chosen], efficiency, signal)
    found = {}
    for kind in np.unique(label):
        jets = [score[(place == number) & (label == kind)] for number in range(len(cut))]
        total = np.array([len(each) for each in jets], dtype=np.float64)
        passed = np.array([np.sum(each >= edge) for each, edge in zip(jets, cut, strict=True)], dtype=np.float64)
        there = (total > 0) & np.isfinite(cut)
        share = np.divide(passed, total, out=np.full(len(cut), np.nan), where=there)
        found[int(kind)] = share, np.sqrt(share * (1 - share) / np.where(there, total, np.nan))
    return found


def iso_efficiency(
    label: ArrayLike,
    probabilities: ArrayLike,
    efficiency: float = 0.77,
    fractions: Sequence[float] = FRACTIONS,
    signal: str = "b",
    weight: ArrayLike | None = None,
) -> IsoEfficiency:
    """Light rejection against that of the other heavy flavour at one efficiency, while the fraction runs.

    `label` (n,) and `probabilities` (n, 3) as in `rejections` and `discriminant`. For `signal` "c" the c rejection is
    that of b jets. Raises MetricError as they do.
    """
    wanted, other = (BOTTOM, CHARM) if signal == "b" else (CHARM, BOTTOM)
    rows = []
    for fraction in fractions:
        found = rejections(label, discriminant(probabilities, fraction, signal), efficiency, wanted, weight)
        if LIGHT not in found or other not in found:
            raise MetricError("Iso-efficiency curves need jets of all three classes; take others.")
        rows.append((fraction, *found[LIGHT], *found[other]))
    return IsoEfficiency(*np.array(rows, dtype=np.float64).T)


def _passing(
    label: ArrayLike, score: ArrayLike, efficiency: float, signal: int, replicas: int, seed: int
) -> dict[int, Floats]:
    """Efficiency of each class in each replica, (replicas,), in which each jet counts as often as a Poisson number."""
    label, score, _ = per_jet({"labels": label, "scores": score}, None)
    order = np.argsort(-score, kind="stable")
    ranked, kinds = -score[order], [int(kind) for kind in np.unique(label) if kind != signal]
    is_signal, others = label[order] == signal, {kind: label[order] == kind for kind in kinds}
    found = {kind: np.full(replicas, np.nan) for kind in kinds}
    rng = np.random.default_rng(seed)
    for number in range(replicas):
        # Drawn before they are ranked, so that two scores of the same jets get the same replicas.
        weight = rng.poisson(1.0, len(score))[order].astype(np.float64)
        passed = np.cumsum(weight * is_signal)
        last = np.searchsorted(passed, efficiency * passed[-1] * (1 - 1e-12))
        end = np.searchsorted(ranked, ranked[last], side="right")
        for kind, chosen in others.items():
            found[kind][number] = weight[:end][chosen[:end]].sum() / max(weight[chosen].sum(), 1.0)
    return found


def _threshold(score: Floats, weight: Floats, efficiency: float) -> float:
    if not 0 < efficiency <= 1:
        raise MetricError(f"The efficiency is {efficiency}; allowed is a number above 0, at most 1.")
    if not weight.sum() > 0:
        raise MetricError("There is no signal jet with a weight above zero; a working point needs some.")
    order = np.argsort(-score, kind="stable")
    passed = np.cumsum(weight[order])
    # A sum of many weights may fall short of itself by its rounding.
    return float(score[order][np.searchsorted(passed, efficiency * passed[-1] * (1 - 1e-12))])


def _rejection(score: Floats, weight: Floats, cut: float) -> Estimate:
    total, passed = weight.sum(), weight[score >= cut].sum()
    if not passed > 0:
        return Estimate(np.inf, np.inf)
    efficiency = passed / total
    jets = total**2 / np.sum(weight**2)
    error = np.sqrt(efficiency * (1 - efficiency) / jets)
    return Estimate(float(1 / efficiency), float(error / efficiency**2))
