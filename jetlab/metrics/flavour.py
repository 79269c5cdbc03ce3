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
