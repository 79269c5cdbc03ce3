"""Hits of many events in memory: what the generator and the reader return, and everything in tracking starts from."""

import itertools
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetlab.errors import ArgumentError, counted
from jetlab.io.sample import run_starts
from jetlab.tracking.detector import cell_phi

NOISE = -1


@dataclass(frozen=True, eq=False)
class Hits:
    """Hits, the hits of one event one after the other.

    Attributes:
        event: number of the event, int64 (n,).
        track: true track within the event, int64 (n,), `NOISE` (-1) for a hit of no track.
        layer: 0 (innermost) to 8, int64 (n,).
        iphi: cell around the layer, int64 (n,).
        x: centre of the cell, mm, float64 (n,).
        y: as x.
        pt: transverse momentum of the true track in MeV times the sign of its curvature, float64 (n,); NaN for noise
            and where the file does not say.
    """

    event: NDArray[np.int64]
    track: NDArray[np.int64]
    layer: NDArray[np.int64]
    iphi: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    pt: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check that columns are equally long and events in one piece each."""
        sizes = {len(getattr(self, field.name)) for field in fields(self)}
        if len(sizes) != 1:
            raise ArgumentError(f"Hits have columns of different lengths, {sorted(sizes)}; give one number per hit.")
        if len(np.unique(self.event[self.starts])) != len(self.starts):
            raise ArgumentError(
                "The hits of an event are not in one piece; sort them by event, np.argsort(kind='stable')."
            )

    def __len__(self) -> int:
        """Return the number of hits."""
        return len(self.event)

    def __repr__(self) -> str:
        """Return one line: how many hits and events."""
        return f"<Hits: {counted(len(self), 'hit')} in {counted(self.events, 'event')}>"

    def __getitem__(self, item: Any) -> "Hits":
        """Return the hits that a mask, index array or slice picks."""
        return Hits(**{field.name: getattr(self, field.name)[item] for field in fields(self)})

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Position of the first hit of each event, int64 (events,)."""
        return np.flatnonzero(run_starts([self.event]))

    @property
    def events(self) -> int:
        """Number of events that have hits."""
        return len(self.starts)

    @cached_property
    def number(self) -> NDArray[np.int64]:
        """Dense number 0, 1, 2 ... of each hit's event, int64 (n,)."""
        return np.cumsum(run_starts([self.event])) - 1

    @cached_property
    def phi(self) -> NDArray[np.float64]:
        """Azimuth of each hit in [0, 2 pi), radians, float64 (n,)."""
        return cell_phi(self.layer, self.iphi)

    def first(self, events: int, skip: int = 0) -> "Hits":
        """Return the hits of `events` events after the first `skip`."""
        edges = np.append(self.starts, len(self))
        return self[edges[min(skip, self.events)] : edges[min(skip + events, self.events)]]

    def slices(self) -> list[slice]:
        """Return one slice per event."""
        edges = np.append(self.starts, len(self))
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]
