"""What is hard about a true track: hits lost on its way, other tracks it crosses; it tells where methods err."""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jetlab.angles import wrap
from jetlab.tracking.detector import LAYERS
from jetlab.tracking.hits import Hits

#: Two tracks farther apart than this in azimuth are never near each other, radians.
NEAR = 0.5


class Anatomy(NamedTuple):
    """True tracks in the order of `score.per_track`, (n,): first layer hit, layers missed later, tracks crossed.

    A layer counts as missed if the track was seen in a later one; a crossing if two tracks change sides within 0.5 rad.
    Used in M7.
    """

    first: NDArray[np.int64]
    missed: NDArray[np.int64]
    crossed: NDArray[np.int64]


def anatomy(hits: Hits) -> Anatomy:
    """Look at each true track of each event. Used in M7."""
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
