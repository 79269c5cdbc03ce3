"""How good an assignment of hits to tracks is: the challenge's clustering efficiency, and what it does not show.

A prediction is one integer per hit, the number of its track within the event; negative means: of no track.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.angles import wrap
from jetlab.errors import ArgumentError
from jetlab.io.sample import look_up, run_starts
from jetlab.metrics import Estimate
from jetlab.tracking.detector import LAYERS
from jetlab.tracking.hits import Hits

#: Hits from which on a predicted track counts in the fake and duplicate rates.
MINIMUM = 3


@dataclass(frozen=True)
class Score:
    """What `evaluate` found, each value with its standard error; the first three are means over events.

    `efficiency` is the challenge's score; `purity` the fraction of assigned hits that belong to the majority of their
    predicted track; `hit_accuracy` the fraction of true hits in a predicted track whose majority is their own track.
    Among all predicted tracks of at least 3 hits: `fake_rate`, those without a majority of more than half from one true
    track; `duplicate_rate`, those whose true track is already that of another.
    """

    efficiency: Estimate
    purity: Estimate
    hit_accuracy: Estimate
    fake_rate: Estimate
    duplicate_rate: Estimate


class Tracks(NamedTuple):
    """True tracks, all (n,): dense number of the event, track, hits, those of them its claim matched, signed pt."""

    event: NDArray[np.int64]
    track: NDArray[np.int64]
    hits: NDArray[np.int64]
    matched: NDArray[np.int64]
    pt: NDArray[np.float64]


def efficiencies(hits: Hits, predicted: ArrayLike) -> NDArray[np.float64]:
    """Clustering efficiency of each event, float64 (events,), in the order of the events; noise is left out.

    Each true track claims its most frequent predicted number (the smallest, if several are); of true tracks with the
    same claim only the one with most hits keeps it; those hits over all hits of tracks is the efficiency. NaN for an
    event of noise alone. Source: ClusteringEfficiency of paris-saclay-cds/ramp-workflow.
    """
    tracks = per_track(hits, predicted)
    return _ratio(tracks.event, tracks.matched, tracks.hits, hits.events)


def per_track(hits: Hits, predicted: ArrayLike) -> Tracks:
    """True tracks, in the order of events, with the hits that count for the clustering efficiency."""
    real = hits.track >= 0
    span = int(hits.track.max(initial=0)) + 1
    key, first, inverse = np.unique(hits.number[real] * span + hits.track[real], return_index=True, return_inverse=True)
    matched = np.bincount(inverse[correct(hits, predicted)[real]], minlength=len(key))
    return Tracks(*np.divmod(key, span), np.bincount(inverse, minlength=len(key)), matched, hits.pt[real][first])


def correct(hits: Hits, predicted: ArrayLike) -> NDArray[np.bool_]:
    """Whether each hit counts for the clustering efficiency, bool (n,): its track kept its number."""
    predicted = _checked(hits, predicted)
    real = hits.track >= 0
    event, track, label, count = _table(hits.number[real], hits.track[real], predicted[real])
    claims = _first_of_each((event, track), (label, -count))
    event, track, label, count = event[claims], track[claims], label[claims], count[claims]
    kept = _first_of_each((event, label), (-count,))
    owner = look_up((hits.number, hits.track), (event[kept], track[kept]))
    found: NDArray[np.bool_] = real & (owner >= 0) & (predicted == np.append(label[kept], -1)[owner])
    return found


def evaluate(hits: Hits, predicted: ArrayLike) -> Score:
    """Score a prediction (n,) for hits (n,) of many events. Raises ArgumentError."""
    predicted = _checked(hits, predicted)
    event, label, track, count = _table(hits.number, predicted, hits.track, signed=True)
    # A predicted track is of the true track most of its hits come from; noise never is a majority.
    major = _first_of_each((event, label), (track, np.where(track < 0, 1, -count)))
    size = np.add.reduceat(count, np.flatnonzero(run_starts([event, label]))) if len(event) else count
    event, label, track, count = event[major], label[major], track[major], count[major]
    count = np.where(track < 0, 0, count)
    purity = _ratio(event, count, size, hits.events)
    total = np.bincount(hits.number[hits.track >= 0], minlength=hits.events)
    accuracy = np.bincount(event, count, minlength=hits.events) / np.where(total > 0, total, np.nan)
    long = size >= MINIMUM
    fake = 2 * count[long] <= size[long]
    event, track, count = event[long][~fake], track[long][~fake], count[long][~fake]
    distinct = len(_first_of_each((event, track), (-count,)))
    return Score(
        efficiency=_mean(efficiencies(hits, predicted)),
        purity=_mean(purity),
        hit_accuracy=_mean(accuracy),
        fake_rate=_fraction(int(fake.sum()), int(long.sum())),
        duplicate_rate=_fraction(len(event) - distinct, int(long.sum())),
    )


def over_seeds(hits: Hits, predictions: Sequence[ArrayLike]) -> Estimate:
    """Mean efficiency of several trainings' predictions (n,) for the same hits.

    Its error has that of the events and that of the trainings, in quadrature. Raises ArgumentError for none.
    """
    mean, spread = _trainings(hits, predictions)
    events = _mean(mean)
    return Estimate(events.value, float(np.hypot(events.error, spread)))


def difference(hits: Hits, first: Sequence[ArrayLike], second: Sequence[ArrayLike]) -> Estimate:
    """How much more efficient `first` is than `second`, each a list of one prediction (n,) per training.

    The events are the same, so what is hard in them drops out: the error is that of the differences event by event, and
    the trainings' of both. Raises ArgumentError for none.
    """
    (one, one_spread), (other, other_spread) = (_trainings(hits, each) for each in (first, second))
    events = _mean(one - other)
    return Estimate(events.value, float(np.sqrt(events.error**2 + one_spread**2 + other_spread**2)))


def _trainings(hits: Hits, predictions: Sequence[ArrayLike]) -> tuple[NDArray[np.float64], float]:
    """Mean efficiency of each event, and the standard error of the mean over trainings; 0 for a single one."""
    if not len(predictions):
        raise ArgumentError("There is no prediction to score; give a list with one for each training.")
    scores = np.stack([efficiencies(hits, each) for each in predictions])
    each = np.nanmean(scores, axis=1)
    spread = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else 0.0
    return scores.mean(axis=0), spread


def _checked(hits: Hits, predicted: ArrayLike) -> NDArray[np.int64]:
    predicted = np.asarray(predicted)
    if predicted.shape != (len(hits),) or predicted.dtype.kind not in "iu":
        raise ArgumentError(
            f"The prediction is {predicted.dtype} of shape {predicted.shape}; give one whole number per hit, "
            f"({len(hits)},), negative for hits of no track."
        )
    return predicted.astype(np.int64)


def _table(
    event: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64], signed: bool = False
) -> tuple[NDArray[np.int64], ...]:
    """Count hits by (event, first, second), sorted in this order, without those that are predicted to be of no track.

    The predicted numbers are `first` if `signed`, otherwise `second`.
    """
    kept = (first if signed else second) >= 0
    columns = [column[kept] for column in (event, first, second)]
    order = np.lexsort(columns[::-1])
    columns = [column[order] for column in columns]
    starts = np.flatnonzero(run_starts(columns))
    counts = np.diff(np.append(starts, len(order)))
    return (*(column[starts] for column in columns), counts)


def _first_of_each(keys: tuple[np.ndarray, ...], ranks: tuple[np.ndarray, ...]) -> NDArray[np.int64]:
    """Row of each distinct key, in the keys' order, with the smallest last rank, ties by the rank before it."""
    order = np.lexsort((*ranks, *keys[::-1]))
    rows: NDArray[np.int64] = order[run_starts([key[order] for key in keys])]
    return rows


def _ratio(event: np.ndarray, part: np.ndarray, whole: np.ndarray, events: int) -> NDArray[np.float64]:
    """Sum of `part` over that of `whole` in each event, (events,); NaN where there is nothing."""
    below = np.bincount(event, whole, minlength=events)
    return np.bincount(event, part, minlength=events) / np.where(below > 0, below, np.nan)


def _mean(values: NDArray[np.float64]) -> Estimate:
    values = values[~np.isnan(values)]
    if not values.size:
        return Estimate(float("nan"), float("nan"))
    error = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else float("nan")
    return Estimate(float(values.mean()), float(error))


def _fraction(part: int, whole: int) -> Estimate:
    if whole == 0:
        return Estimate(float("nan"), float("nan"))
    # One added to successes and to failures: a rate of 0 out of 10 is not known without uncertainty.
    smooth = (part + 1) / (whole + 2)
    return Estimate(part / whole, float(np.sqrt(smooth * (1 - smooth) / whole)))


#: Two tracks farther apart than this in azimuth are never near each other, radians.
NEAR = 0.5


class Anatomy(NamedTuple):
    """True tracks in the order of `score.per_track`, (n,): first layer hit, layers missed later, tracks crossed.

    A layer counts as missed if the track was seen in a later one; a crossing if two tracks change sides within 0.5 rad.
    """

    first: NDArray[np.int64]
    missed: NDArray[np.int64]
    crossed: NDArray[np.int64]


def anatomy(hits: Hits) -> Anatomy:
    """Look at each true track of each event."""
    real = np.flatnonzero(hits.track >= 0)
    span = int(hits.track.max(initial=0)) + 1
    key, row = np.unique(hits.number[real] * span + hits.track[real], return_inverse=True)
    phi = np.full((len(key), LAYERS), np.nan)
    phi[row, hits.layer[real]] = hits.phi[real]
    seen = ~np.isnan(phi)
    first = np.argmax(seen, axis=1)
    last = LAYERS - 1 - np.argmax(seen[:, ::-1], axis=1)
    missed = last - first + 1 - seen.sum(axis=1)
    crossed = np.zeros(len(key), np.int64)
    edges = np.searchsorted(key // span, np.arange(hits.events + 1))
    for begin, end in itertools.pairwise(edges):
        apart = wrap(phi[begin:end, None] - phi[None, begin:end])
        apart = np.where(np.abs(apart) < NEAR, apart, 0.0)
        crossed[begin:end] = ((apart > 0).any(axis=2) & (apart < 0).any(axis=2)).sum(axis=1)
    return Anatomy(first, missed, crossed)
