"""Follow tracks outwards from layer to layer, for all events at once, with whatever predicts where a track goes next.

A predictor (the filter of `kalman`, the network of `residual`) knows physics or has learnt it; this module only
proposes hits, keeps the likeliest combinations and makes sure that no hit is used twice.
"""

import itertools
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from jetlab.angles import wrap
from jetlab.tracking.detector import LAYERS, LOST, STOPPED
from jetlab.tracking.hits import Hits

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
#: What a predictor knows of n tracks: arrays whose first axis is n.
State = tuple[NDArray[Any], ...]

GATE = 5.0


class Predictor(Protocol):
    """Where will the track cross the next layer, and how sure is that?"""

    def start(self, layer: int, phi: Floats) -> State:
        """Begin tracks at hits (n,) of a layer."""

    def predict(self, state: State, layer: int) -> tuple[Floats, Floats, State]:
        """Return the expected azimuth (n,), its standard deviation, and the state carried to that layer."""

    def update(self, carried: State, layer: int, phi: Floats) -> State:
        """Take a hit (n,) into account that was found in the layer the state was carried to."""


@dataclass(frozen=True)
class Candidates:
    """Track candidates: event, seed and log likelihood ratio (n,), layers missed in a row, hits (n, 9) or -1, state."""

    event: Integers
    seed: Integers
    score: Floats
    missed: Integers
    hits: Integers
    state: State

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self.event)

    def take(self, rows: Any) -> "Candidates":
        """Return the candidates in these rows."""
        state = tuple(part[rows] for part in self.state)
        return Candidates(
            self.event[rows], self.seed[rows], self.score[rows], self.missed[rows], self.hits[rows], state
        )

    def total(self) -> Floats:
        """Score, the layers missed at the end included: their hits were lost, or the track has stopped."""
        total: Floats = self.score + np.maximum(
            self.missed * np.log(LOST), np.where(self.missed > 0, np.log(STOPPED), 0)
        )
        return total


def combinatorial(
    hits: Hits,
    predictor: Predictor,
    branches: int = 6,
    starts: tuple[int, ...] = tuple(range(LAYERS)),
    pairs: bool = False,
) -> Integers:
    """Combinatorial search: follow up to `branches` alternatives per seed, then let the likeliest take their hits.

    Seeds are the hits of layer 0; what is left over seeds again from layer 1, and so on through `starts`, so that a hit
    lost in layer 0 does not cost the track. With `pairs`, every pair of a seed and a hit near it in the next layer is a
    seed of its own with `branches` alternatives. Returns a track number per hit (n,), -1 for a hit in a layer without
    seeds that found no track; a seed that nothing joins is a track of its own.
    """
    labels = np.full(len(hits), -1)
    for start in starts:
        # A seed that lost all its candidates to likelier tracks tries again with the hits that are left.
        while len(seeds := np.flatnonzero((labels < 0) & (hits.layer == start))):
            free = np.flatnonzero(labels < 0)
            candidates = _begin(hits, seeds, predictor, start)
            for layer in range(start + 1, LAYERS):
                in_layer = free[hits.layer[free] == layer]
                candidates = _branch(hits, candidates, in_layer, predictor, layer)
                if pairs and layer == start + 1:
                    candidates = replace(candidates, seed=np.arange(len(candidates)))
                candidates = _best(candidates, branches)
            _accept(candidates, labels, start)
    return labels


def layerwise(hits: Hits, predictor: Predictor, starts: tuple[int, ...] = tuple(range(LAYERS))) -> Integers:
    """Follow every seed once, with the hits of each layer shared out by `scipy.optimize.linear_sum_assignment`.

    In a layer each track gets one hit or misses it, each hit goes to one track at most, and the summed log likelihood
    is the largest possible: a conflict is solved for all tracks of the event together. Returns as `combinatorial`.
    """
    labels = np.full(len(hits), -1)
    for start in starts:
        free = np.flatnonzero(labels < 0)
        candidates = _begin(hits, free[hits.layer[free] == start], predictor, start)
        for layer in range(start + 1, LAYERS):
            in_layer = free[hits.layer[free] == layer]
            grown = _branch(hits, candidates, in_layer, predictor, layer)
            candidates = grown.take(_share_out(grown, layer))
        _accept(candidates, labels, start)
    return labels


class Steps(NamedTuple):
    """What a predictor makes of tracks: its state after each of the 9 hits; phi and sigma of layers 1 to 8, (n, 8)."""

    states: list[State]
    phi: Floats
    sigma: Floats


def follow(predictor: Predictor, phi: Floats) -> Steps:
    """Lead a predictor along true tracks that have a hit in every layer, phi (n, 9) in radians: nothing is searched."""
    state = predictor.start(0, phi[:, 0])
    states, expected, widths = [state], [], []
    for layer in range(1, LAYERS):
        mean, sigma, carried = predictor.predict(state, layer)
        state = predictor.update(carried, layer, phi[:, layer])
        states.append(state)
        expected.append(mean)
        widths.append(sigma)
    return Steps(states, np.column_stack(expected), np.column_stack(widths))


def _begin(hits: Hits, seeds: Integers, predictor: Predictor, layer: int) -> Candidates:
    taken = np.full((len(seeds), LAYERS), -1)
    taken[:, layer] = seeds
    zeros = np.zeros(len(seeds))
    state = predictor.start(layer, hits.phi[seeds])
    return Candidates(hits.number[seeds], seeds, zeros, zeros.astype(int), taken, state)


def _branch(hits: Hits, old: Candidates, in_layer: Integers, predictor: Predictor, layer: int) -> Candidates:
    """All ways to go on: with each hit near the prediction, and with none."""
    phi, sigma, carried = predictor.predict(old.state, layer)
    carried_on = replace(old, state=carried)
    row, hit = nearby(old.event, phi, np.minimum(GATE * sigma, 1.0), hits.number[in_layer], hits.phi[in_layer])
    hit = in_layer[hit]
    away = wrap(hits.phi[hit] - phi[row]) / sigma[row]
    density = np.bincount(hits.number[in_layer], minlength=hits.events)[old.event[row]] / (2 * np.pi)
    gain = -(away**2) / 2 - np.log(sigma[row] * np.sqrt(2 * np.pi) * density)
    found = carried_on.take(row)
    found.hits[:, layer] = hit
    score = found.score + gain + np.log(1 - LOST) + found.missed * np.log(LOST)
    state = predictor.update(found.state, layer, hits.phi[hit])
    found = replace(found, score=score, missed=np.zeros_like(found.missed), state=state)
    return _join(found, replace(carried_on, missed=old.missed + 1))


def nearby(
    event: Integers, phi: Floats, width: Floats, hit_event: Integers, hit_phi: Floats
) -> tuple[Integers, Integers]:
    """Pairs (row, hit) of the same event with the hit within `width` of `phi` around the circle."""
    turn = 2 * np.pi
    # One number line for all events: an event is 100 long, its hits lie there three times, a turn apart.
    line = np.concatenate([hit_event * 100.0 + hit_phi + shift for shift in (-turn, 0, turn)])
    order = np.argsort(line)
    reached = np.isfinite(phi) & np.isfinite(width)
    centre = event * 100.0 + np.mod(np.where(reached, phi, 0), turn)
    width = np.where(reached, width, -1.0)
    low, high = (np.searchsorted(line[order], centre + sign * width) for sign in (-1, 1))
    counts = np.maximum(high - low, 0)
    row = np.repeat(np.arange(len(event)), counts)
    position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(low, counts)
    return row, order[position] % max(len(hit_event), 1)


def _best(candidates: Candidates, branches: int) -> Candidates:
    order = np.lexsort((-candidates.total(), candidates.seed))
    seed = candidates.seed[order]
    first = np.searchsorted(seed, seed)
    return candidates.take(order[np.arange(len(order)) - first < branches])


def _share_out(grown: Candidates, layer: int) -> Integers:
    """Rows of the one continuation per seed that together are likeliest."""
    from scipy.optimize import linear_sum_assignment

    order = np.argsort(grown.event, kind="stable")
    edges = np.flatnonzero(np.diff(grown.event[order], prepend=-1, append=-1))
    kept = []
    for rows in (order[a:b] for a, b in itertools.pairwise(edges)):
        seeds, seed = np.unique(grown.seed[rows], return_inverse=True)
        hit = grown.hits[rows, layer]
        places, place = np.unique(hit[hit >= 0], return_inverse=True)
        # To miss is a place of its own for each seed.
        column = np.empty(len(rows), int)
        column[hit >= 0], column[hit < 0] = place, len(places) + seed[hit < 0]
        row_of = np.full((len(seeds), len(places) + len(seeds)), -1)
        row_of[seed, column] = rows
        gain = np.full(row_of.shape, -1e9)
        gain[seed, column] = grown.score[rows] + grown.missed[rows] * np.log(LOST)
        chosen = linear_sum_assignment(gain, maximize=True)
        kept.append(row_of[chosen])
    return np.concatenate(kept) if kept else np.zeros(0, int)


def _accept(candidates: Candidates, labels: Integers, start: int) -> None:
    """Give hits their tracks' numbers, those of the hit in layer `start`, the likeliest candidate first.

    A candidate that shares a hit with a likelier one is out.
    """
    left = candidates
    while len(left):
        order = np.argsort(-left.total(), kind="stable")
        rank = np.empty(len(order), int)
        rank[order] = np.arange(len(order))
        # Best of all that want the same hits: no need to look at the rest of the event.
        best = np.full(len(labels) + 1, len(order))
        np.minimum.at(best, left.hits, rank[:, None])
        best[-1] = len(order)
        wins = (best[left.hits] >= rank[:, None]).all(axis=1)
        rows = np.flatnonzero(wins)
        owner, layer = np.nonzero(left.hits[rows] >= 0)
        labels[left.hits[rows][owner, layer]] = left.hits[rows, start][owner]
        taken = np.append(labels >= 0, False)[left.hits].any(axis=1)
        left = left.take(~taken)


def _join(first: Candidates, second: Candidates) -> Candidates:
    names = ("event", "seed", "score", "missed", "hits")
    event, seed, score, missed, hits = (np.concatenate([getattr(c, name) for c in (first, second)]) for name in names)
    state = tuple(np.concatenate(parts) for parts in zip(first.state, second.state, strict=True))
    return Candidates(event, seed, score, missed, hits, state)
