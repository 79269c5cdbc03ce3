"""Simulated events for the toy detector: circles with scattering, lost hits, stopped tracks, noise and shared cells."""

import os
from typing import Any

import numpy as np

from jetlab.errors import ArgumentError
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
    columns: list[list[np.ndarray]] = [[] for _ in range(5)]
    for layer in range(LAYERS):
        x, y, direction = detector.propagate(x, y, direction, curvature, RADII[layer])
        alive &= ~np.isnan(x)
        seen = alive & (rng.random(n) >= lost)
        phi = np.arctan2(y[seen], x[seen])
        cell = detector.nearest_cell(layer, phi)
        for column, values in zip(columns, (event, track, np.full(n, layer), None, pt), strict=True):
            column.append(cell if values is None else values[seen])
        direction = direction + rng.normal(0, 1, n) * detector.SCATTERING / np.abs(pt)
        alive &= rng.random(n) >= stopped
        extra = np.repeat(np.arange(events), rng.poisson(noise, events))
        random: tuple[Any, ...] = (extra, NOISE, layer, rng.integers(0, CELLS[layer], len(extra)), np.nan)
        for column, values in zip(columns, random, strict=True):
            column.append(np.broadcast_to(values, extra.shape))
    return _ordered(rng, merge, *(np.concatenate(column) for column in columns))


def simulate_hits(events: int, output: str | os.PathLike[str], seed: int = 1, multiplicity: float = 10.0) -> Hits:
    """Simulate events and write them as RAMP CSV; `jetlab simulate hits` calls this."""
    hits = simulate(events, multiplicity, seed)
    write_csv(hits, output)
    return hits


def _ordered(
    rng: np.random.Generator,
    merge: bool,
    event: np.ndarray,
    track: np.ndarray,
    layer: np.ndarray,
    iphi: np.ndarray,
    pt: np.ndarray,
) -> Hits:
    if merge:
        # Stable: within a cell the tracks stay in the order they were made, noise last.
        order = np.lexsort((iphi, layer, event))
        same = np.ones(len(order), bool)
        for column in (event, layer, iphi):
            same[1:] &= column[order][1:] == column[order][:-1]
        same[:1] = False
        kept = np.sort(order[~same])
        event, track, layer, iphi, pt = (column[kept] for column in (event, track, layer, iphi, pt))
    order = np.lexsort((rng.random(len(event)), event))
    event, track, layer, iphi, pt = (column[order] for column in (event, track, layer, iphi, pt))
    phi = detector.cell_phi(layer, iphi)
    return Hits(event, track, layer, iphi, RADII[layer] * np.cos(phi), RADII[layer] * np.sin(phi), pt)


def _check(events: int, multiplicity: float, noise: float, lost: float, stopped: float) -> None:
    if events < 1:
        raise ArgumentError(f"events is {events}; simulate at least 1.")
    for name, value in (("multiplicity", multiplicity), ("noise", noise)):
        if not 0 <= value < 100_000:
            raise ArgumentError(f"{name} is {value}; allowed is a mean number from 0 to 100000.")
    for name, value in (("lost", lost), ("stopped", stopped)):
        if not 0 <= value <= 1:
            raise ArgumentError(f"{name} is {value}; a probability lies between 0 and 1.")
