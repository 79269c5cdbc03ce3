"""Simulated events for the toy detector: circles with scattering, lost hits, stopped tracks, noise and shared cells."""

import os

import numpy as np

from jetlab.errors import ArgumentError
from jetlab.io.sample import run_starts
from jetlab.tracking import detector
from jetlab.tracking.detector import CELLS, LAYERS, RADII
from jetlab.tracking.hits import NOISE, Hits
from jetlab.tracking.io import write_csv


def simulate(
    events: int,
    multiplicity: float = 10.0,
    seed: int = 1,
    noise: float = 0.0,
    merge: bool = False,
    lost: float = detector.LOST,
    stopped: float = detector.STOPPED,
) -> Hits:
    """Simulate events of the RAMP 2017 detector; all tracks of all events are moved from layer to layer at once.

    Args:
        events: how many; one without any hit leaves no trace in the result.
        multiplicity: mean of the Poisson number of tracks in an event.
        seed: the same seed gives the same hits.
        noise: mean number of random hits per layer and event.
        merge: whether tracks that cross the same cell leave one hit (of the first of them) or one each.
        lost: probability that a hit is not recorded.
        stopped: probability that a track ends in a layer; its hit there is still made.

    Returns hits in random order within an event. Raises ArgumentError for numbers that make no sense.
    """
    _check(events, multiplicity, noise, lost, stopped)
    rng = np.random.default_rng(seed)
    counts = rng.poisson(multiplicity, events)
    event = np.repeat(np.arange(events), counts)
    track = np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts)
    n = len(event)
    pt = rng.uniform(*detector.PT_RANGE, n) * rng.choice([-1, 1], n)
    curvature = detector.MEV_PER_MM / pt
    direction = rng.uniform(0, 2 * np.pi, n)
    x, y = rng.normal(0, detector.VERTEX, (2, n))
    alive = np.ones(n, bool)
    found: list[tuple[np.ndarray, ...]] = []
    for number in range(LAYERS):
        x, y, direction = detector.propagate(x, y, direction, curvature, RADII[number])
        alive &= ~np.isnan(x)
        seen = alive & (rng.random(n) >= lost)
        cells = detector.nearest_cell(number, np.arctan2(y[seen], x[seen]))
        found.append((event[seen], track[seen], np.full(len(cells), number), cells, pt[seen]))
        direction = direction + rng.normal(0, 1, n) * detector.SCATTERING / np.abs(pt)
        alive &= rng.random(n) >= stopped
        extra = np.repeat(np.arange(events), rng.poisson(noise, events))
        cells = rng.integers(0, CELLS[number], len(extra))
        found.append((extra, *(np.broadcast_to(value, extra.shape) for value in (NOISE, number, cells, np.nan))))
    columns = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    if merge:
        columns = _merged(*columns)
    order = np.lexsort((rng.random(len(columns[0])), columns[0]))
    event, track, layer, iphi, pt = (column[order] for column in columns)
    phi = detector.cell_phi(layer, iphi)
    return Hits(event, track, layer, iphi, RADII[layer] * np.cos(phi), RADII[layer] * np.sin(phi), pt)


def simulate_hits(events: int, output: str | os.PathLike[str], seed: int = 1, multiplicity: float = 10.0) -> Hits:
    """Simulate events and write them as RAMP CSV; `jetlab simulate hits` calls this."""
    hits = simulate(events, multiplicity, seed)
    write_csv(hits, output)
    return hits


def _merged(
    event: np.ndarray, track: np.ndarray, layer: np.ndarray, iphi: np.ndarray, pt: np.ndarray
) -> list[np.ndarray]:
    """The columns with one hit in each cell of an event."""
    # Stable: within a cell the tracks stay in the order in which they were made, noise last.
    order = np.lexsort((iphi, layer, event))
    kept = np.sort(order[run_starts([event[order], layer[order], iphi[order]])])
    return [column[kept] for column in (event, track, layer, iphi, pt)]


def _check(events: int, multiplicity: float, noise: float, lost: float, stopped: float) -> None:
    if events < 1:
        raise ArgumentError(f"events is {events}; simulate at least 1.")
    for name, value in (("multiplicity", multiplicity), ("noise", noise)):
        if not 0 <= value < 100_000:
            raise ArgumentError(f"{name} is {value}; allowed is a mean number from 0 to 100000.")
    for name, value in (("lost", lost), ("stopped", stopped)):
        if not 0 <= value <= 1:
            raise ArgumentError(f"{name} is {value}; a probability lies between 0 and 1.")
