"""The look-elsewhere effect: how often background alone makes the largest of several excesses so large."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from jetlab.metrics import hunt
from jetlab.metrics.estimate import Estimate, Floats, MetricError

Window = tuple[float, float]


class Scan(NamedTuple):
    """The excesses of a scan over windows of masses, and what the largest of them is worth.

    Attributes:
        local: the excess of each window, in their order.
        toys: largest local significance of each pseudo-experiment without signal, (n_toys,).
        p_value: share of the pseudo-experiments with a local significance at least as large as the largest one seen;
            its uncertainty is that of their number.
        significance: the same in standard deviations, one-sided; of none in n_toys as for one.
    """

    local: tuple[hunt.Excess, ...]
    toys: Floats
    p_value: Estimate
    significance: float


def scan(
    counts: Sequence[ArrayLike],
    edges: ArrayLike,
    windows: Sequence[Window],
    degree: int = 2,
    toys: int = 300,
    seed: int = 0,
) -> Scan:
    """Look for an excess in each of the windows [GeV], and correct the largest for having looked in all of them.

    One spectrum (bins,) for each window: events that a cut of this window's own classifier leaves. A pseudo-experiment
    draws each spectrum anew from the background that was fitted beside its window and is fitted in the same way; the
    spectra are drawn independently, as if no event passed two cuts, which makes the correction larger if anything.

    Raises:
        MetricError: not as many spectra as windows, less than one pseudo-experiment, or as `hunt.excess`.
    """
    if len(counts) != len(windows) or not len(windows):
        raise MetricError(f"{len(counts)} spectra for {len(windows)} windows: give one for each window, and some.")
    if toys < 1:
        raise MetricError(f"toys is {toys}; a global significance needs pseudo-experiments, better 300.")
    local = tuple(hunt.excess(seen, edges, window, degree) for seen, window in zip(counts, windows, strict=True))
    rng = np.random.default_rng(seed)
    largest = np.array([_largest(local, edges, windows, degree, rng) for _ in range(toys)])
    observed = max(each.significance for each in local)
    share = float(np.mean(largest >= observed))
    least = max(share, 1 / toys)
    p_value = Estimate(share, float(np.sqrt(least * (1 - share) / toys)))
    return Scan(local, largest, p_value, float(stats.norm.isf(min(least, 1 - 1e-9))))


def _largest(
    local: Sequence[hunt.Excess], edges: ArrayLike, windows: Sequence[Window], degree: int, rng: np.random.Generator
) -> float:
    """Largest local significance of one pseudo-experiment."""
    return max(
        hunt.excess(rng.poisson(each.spectrum), edges, window, degree).significance
        for each, window in zip(local, windows, strict=True)
    )
