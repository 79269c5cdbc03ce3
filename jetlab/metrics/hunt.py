"""A hunt for a bump in a falling mass spectrum: background from the sidebands, or from four regions (ABCD)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jetlab.metrics.estimate import Estimate, Floats, MetricError, per_jet

#: Newton's steps at most, and the change of the parameters that ends them.
STEPS, CLOSE = 100, 1e-9


class Excess(NamedTuple):
    """What is seen in a window of masses, and what the sidebands let us expect there.

    Attributes:
        observed: jets in the window.
        background: expected there, with the uncertainty of the fit.
        significance: in standard deviations, negative for a deficit.
        spectrum: the fitted background (bins,).
    """

    observed: float
    background: Estimate
    significance: float
    spectrum: Floats


class Regions(NamedTuple):
    """Jets that pass two cuts, and how many there would be if the cuts were independent."""

    observed: Estimate
    predicted: Estimate


def excess(counts: ArrayLike, edges: ArrayLike, window: tuple[float, float], degree: int = 2) -> Excess:
    """Fit the bins outside `window` and compare what is inside with the fit: counts (bins,), edges (bins + 1,) in GeV.

    The background's density is the exponential of a polynomial of this degree in the mass; the fit maximises Poisson's
    likelihood. The window has to begin and end where bins do.

    Raises:
        MetricError: negative counts, a window whose ends are no edges of bins, an empty window, no more bins outside
            it than parameters, or empty sidebands.
    """
    seen, bins = np.asarray(counts, dtype=np.float64), np.asarray(edges, dtype=np.float64)
    if len(bins) != len(seen) + 1 or (seen < 0).any():
        raise MetricError(f"{len(seen)} counts need {len(seen) + 1} edges and none below zero; got {len(bins)} edges.")
    if not all(np.isclose(bins, end).any() for end in window):
        raise MetricError(
            f"The window {window} should begin and end at edges of bins, such as {bins[1]:g} or {bins[2]:g}."
        )
    middle = (bins[1:] + bins[:-1]) / 2
    inside = (middle > window[0]) & (middle < window[1])
    if not inside.any() or (~inside).sum() <= degree + 1 or not seen[~inside].any():
        raise MetricError(
            f"{inside.sum()} bins in the window and {(~inside).sum()} beside it, which hold {seen[~inside].sum():g} "
            f"jets: a polynomial of degree {degree} needs more than {degree + 1} bins with jets. Use finer bins?"
        )
    scale = np.ptp(bins) / 2
    powers = np.vander((middle - bins.mean()) / scale, degree + 1, increasing=True)
    widths = np.diff(bins) / scale
    parameters, covariance = _fit(powers[~inside], widths[~inside], seen[~inside])
    spectrum: Floats = widths * np.exp(powers @ parameters)
    slope = spectrum[inside] @ powers[inside]
    background = Estimate(float(spectrum[inside].sum()), float(np.sqrt(slope @ covariance @ slope)))
    observed = float(seen[inside].sum())
    return Excess(observed, background, significance(observed, background), spectrum)


def significance(observed: float, background: Estimate) -> float:
    """Standard deviations between an observed number and a background known with an uncertainty (doi:10.1086/161295).

    The uncertainty is that of a second count of background jets, as Li and Ma's off-source region; written as by
    G. Cowan (2012), "Discovery sensitivity for a counting experiment with background uncertainty". Raises MetricError
    for a background of zero or less.
    """
    b, error = background
    if not b > 0:
        raise MetricError(f"The background is {b:g}; a significance needs one above zero.")
    if error == 0:
        root = 2 * (_times_log(observed, observed / b) - (observed - b))
    else:
        variance = error**2
        first = _times_log(observed, observed * (b + variance) / (b**2 + observed * variance))
        second = b**2 / variance * np.log1p(variance * (observed - b) / (b * (b + variance)))
        root = 2 * (first - second)
    return float(np.sign(observed - b) * np.sqrt(max(root, 0.0)))


def regions(one: ArrayLike, other: ArrayLike, weight: ArrayLike | None = None) -> Regions:
    """The ABCD method: what pass two independent cuts (A) are the product of those that pass one (B, C) over none (D).

    Decisions bool (n,), weights (n,); uncertainties are those of the finite numbers of jets. Raises MetricError where
    nothing passes none (D).
    """
    first, second, weights = per_jet({"first decisions": one, "second decisions": other}, weight)
    a, b = first > 0.5, second > 0.5
    sums = []
    for chosen in (a & b, a & ~b, ~a & b, ~a & ~b):
        sums.append((weights[chosen].sum(), (weights[chosen] ** 2).sum()))
    (total, squares), (one_b, squares_b), (one_c, squares_c), (neither, squares_d) = sums
    if not neither > 0:
        raise MetricError("No jet fails both cuts, which predicts nothing; move the cuts.")
    predicted = one_b * one_c / neither
    variance = (one_c**2 * squares_b + one_b**2 * squares_c + predicted**2 * squares_d) / neither**2
    return Regions(
        Estimate(float(total), float(np.sqrt(squares))), Estimate(float(predicted), float(np.sqrt(variance)))
    )


def _fit(powers: Floats, widths: Floats, seen: Floats) -> tuple[Floats, Floats]:
    """Parameters of the log density and their covariance, by Newton's method: the likelihood has one maximum."""
    parameters: Floats = np.zeros(powers.shape[1])
    parameters[0] = np.log(seen.sum() / widths.sum())
    for _ in range(STEPS):
        expected = widths * np.exp(powers @ parameters)
        information = powers.T @ (expected[:, np.newaxis] * powers)
        covariance = np.linalg.inv(information).astype(np.float64)
        step: Floats = covariance @ (powers.T @ (seen - expected))
        longest = float(np.abs(step).max())
        # A step of more than one changes a bin several times over, where the parabola is far from the likelihood.
        parameters += step / max(1.0, longest)
        if longest < CLOSE:
            return parameters, covariance
    raise MetricError(f"The fit of the sidebands did not settle in {STEPS} steps; use a lower degree or wider bins.")


def _times_log(count: float, ratio: float) -> float:
    """Count times the logarithm of the ratio, 0 for none."""
    return count * float(np.log(ratio)) if count > 0 else 0.0
