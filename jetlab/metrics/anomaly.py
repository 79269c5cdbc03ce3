"""How much a cut on an anomaly score helps a search: the significance improvement."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.metrics.estimate import Estimate, Floats, MetricError
from jetlab.metrics.tagging import Ranking

#: Fewer background events than this behind a cut say too little: their number is known to 20 %.
MIN_BACKGROUND = 25


class Improvement(NamedTuple):
    """Significance improvement of the cuts that leave enough background, the tightest first; each (n_cuts,).

    Attributes:
        background_efficiency: eB of each cut.
        signal_efficiency: eS of each cut.
        sic: eS / sqrt(eB), by which the cut multiplies S / sqrt(B); the last cut takes all, and has 1.
    """

    background_efficiency: Floats
    signal_efficiency: Floats
    sic: Floats


def improvement(is_signal: ArrayLike, score: ArrayLike, min_background: int = MIN_BACKGROUND) -> Improvement:
    """Significance improvement characteristic (SIC, arXiv:1010.3698) of labels and scores (n,), high for an anomaly.

    Cuts that fewer than `min_background` background events pass are left out. Raises MetricError where no cut is left,
    and as `tagging.Ranking`.
    """
    events = _ranked(is_signal, score, min_background)
    return _improvement(events, None, min_background)


def max_sic(
    is_signal: ArrayLike,
    score: ArrayLike,
    min_background: int = MIN_BACKGROUND,
    replicas: int = 200,
    seed: int = 0,
) -> Estimate:
    """The largest significance improvement of all cuts; its uncertainty is the spread over bootstrap samples.

    A score that knows nothing has 1, up to what luck adds: the largest of many numbers that fluctuate lies a little too
    high. The uncertainty is that of this sample, not of training again. Raises MetricError as `improvement`.
    """
    events = _ranked(is_signal, score, min_background)
    drawn = [
        float(_improvement(events, times, min_background).sic.max())
        for times in events.samples(replicas, seed)
        if events.background @ times[events.order] >= min_background
    ]
    value = float(_improvement(events, None, min_background).sic.max())
    return Estimate(value, float(np.std(drawn, ddof=1)))


def _ranked(is_signal: ArrayLike, score: ArrayLike, min_background: int) -> Ranking:
    events = Ranking(is_signal, score)
    if events.background.sum() < min_background:
        raise MetricError(
            f"There are {events.background.sum():.0f} background events; a cut has to leave {min_background} of them. "
            "Take more background."
        )
    return events


def _improvement(events: Ranking, times: NDArray[np.integer] | None, min_background: int) -> Improvement:
    background, signal = events.efficiencies(times)
    counted = 1 if times is None else times[events.order]
    enough = background * float(np.sum(events.background * counted)) >= min_background
    background, signal = background[enough], signal[enough]
    return Improvement(background, signal, signal / np.sqrt(background))
