"""Three classical ways to sort hits into tracks, written to be read: nearest hit, DBSCAN, Hough transform.

Each takes hits of many events and returns a track number per hit, int64 (n,), -1 where it gives none.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jetlab.angles import wrap
from jetlab.tracking.detector import LAYERS, RADII
from jetlab.tracking.hits import Hits

Labels = NDArray[np.int64]


def nearest_hit(hits: Hits, min_cos: float = 0.8) -> Labels:
    """From each hit of layer 0 go to the nearest free hit of the next layer, and so on outwards.

    A track ends where it would turn by an angle with a cosine below `min_cos`. This is the challenge's starting kit;
    after one wrong step all that follows is wrong.
    """

    def event(hits: Hits) -> Labels:
        point = np.column_stack([hits.x, hits.y])
        labels = np.full(len(hits), -1)
        free = np.ones(len(hits), bool)
        layers = [np.flatnonzero(hits.layer == layer) for layer in np.unique(hits.layer) if layer > 0]
        for number, seed in enumerate(np.flatnonzero(hits.layer == 0)):
            track = [seed]
            for layer in layers:
                candidates = layer[free[layer]]
                if not len(candidates):
                    break
                step = point[candidates] - point[track[-1]]
                best = np.argmin((step**2).sum(axis=1))
                if len(track) > 1:
                    before, after = point[track[-1]] - point[track[-2]], step[best]
                    if before @ after < min_cos * np.sqrt(before @ before * (after @ after)):
                        break
                track.append(candidates[best])
                free[candidates[best]] = False
            labels[track] = number
        return labels

    return _each(hits, event)


def dbscan(hits: Hits, eps: float = 0.03, curvatures: int = 41, min_hits: int = 3) -> Labels:
    """Cluster hits by density after undoing the bending, once for each of `curvatures` trial curvatures.

    A circle through the origin obeys phi = phi0 + asin(r / 2R), R with the sign of the curvature: for the right
    curvature all its hits have one phi0. DBSCAN with radius `eps` (radians) runs for every trial; the largest clusters,
    over all trials, become tracks first.
    """
    from sklearn.cluster import DBSCAN

    found, qualities = [], []
    for curvature in _trial_curvatures(curvatures):
        start = hits.phi - _bending(curvature, hits.layer)
        # On the unit circle, so that 0 and 2 pi are neighbours; a chord is as long as its angle there, nearly. Events
        # lie one above the other, out of each other's reach, so that one call does them all.
        points = np.column_stack([np.cos(start), np.sin(start), 10.0 * hits.number])
        clusters = DBSCAN(eps=eps, min_samples=min_hits).fit_predict(points) if len(hits) else np.zeros(0, int)
        order = np.argsort(clusters, kind="stable")[np.sum(clusters < 0) :]
        found += np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1) if len(order) else []
        qualities.append(_quality(hits.layer[order], clusters[order], start[order]))
    return _take_best(hits, found, np.concatenate(qualities), min_hits)


def hough(hits: Hits, angles: int = 400, curvatures: int = 61, min_hits: int = 4) -> Labels:
    """Let every hit vote for all the circles through the origin it could lie on; full bins are tracks.

    Bins are in phi0 and in curvature; each hit votes for one phi0 bin, and its neighbours, at every curvature. The bin
    crossed by most layers becomes a track, its hits no longer vote, and so on.
    """
    trials = _trial_curvatures(curvatures)

    def event(hits: Hits) -> Labels:
        start = hits.phi[:, None] - _bending(trials[None, :], hits.layer[:, None])
        bins = np.floor(np.mod(start, 2 * np.pi) / (2 * np.pi) * angles).astype(int)
        votes = np.zeros((LAYERS, curvatures, angles), int)
        columns = np.arange(curvatures)
        for shift in (-1, 0, 1):
            np.add.at(votes, (hits.layer[:, None], columns, (bins + shift) % angles), 1)
        labels, free = np.full(len(hits), -1), np.ones(len(hits), bool)
        for number in range(len(hits)):
            layers = (votes > 0).sum(axis=0)
            best, angle = np.unravel_index(np.argmax(layers), layers.shape)
            if layers[best, angle] < min_hits:
                break
            near = np.abs((bins[:, best] - angle + 1) % angles - 1) <= 1
            members = _one_per_layer(hits, np.flatnonzero(near & free), start[:, best])
            labels[members], free[members] = number, False
            for shift in (-1, 0, 1):
                np.add.at(votes, (hits.layer[members, None], columns, (bins[members] + shift) % angles), -1)
        return labels

    return _each(hits, event)


def _trial_curvatures(number: int) -> NDArray[np.float64]:
    largest = 0.3 / 300
    return np.linspace(-largest, largest, number)


def _bending(curvature: NDArray[np.float64] | float, layer: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.arcsin(curvature * RADII[layer] / 2)


def _quality(layer: Labels, cluster: Labels, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Layers that each cluster crosses minus its width in radians; members come cluster by cluster."""
    clusters = int(cluster.max(initial=-1)) + 1
    layers = np.bincount(np.unique(cluster * LAYERS + layer) // LAYERS, minlength=clusters)
    first = np.searchsorted(cluster, np.arange(clusters))
    away = wrap(start - start[first[cluster]])
    mean, square = (np.bincount(cluster, power, clusters) / np.bincount(cluster) for power in (away, away**2))
    width: NDArray[np.float64] = np.sqrt(np.maximum(square - mean**2, 0))
    return layers - width


def _take_best(hits: Hits, found: list[Labels], quality: NDArray[np.float64], min_hits: int) -> Labels:
    """Clusters become tracks, the best first; one that lost half of its hits to better ones does not."""
    labels = np.full(len(hits), -1)
    for number, best in enumerate(np.argsort(-quality, kind="stable")):
        members = found[best]
        left = members[labels[members] < 0]
        if len(left) >= min_hits and 2 * len(left) > len(members):
            labels[left] = number
    return labels


def _one_per_layer(hits: Hits, members: Labels, start: NDArray[np.float64]) -> Labels:
    """Of each layer the hit nearest to the median of `start`: a track crosses a layer once."""
    middle = start[members[0]] + np.median(wrap(start[members] - start[members[0]]))
    distance = np.abs(wrap(start[members] - middle))
    order = np.lexsort((distance, hits.layer[members]))
    return members[order][np.unique(hits.layer[members][order], return_index=True)[1]]


def _each(hits: Hits, event: Callable[[Hits], Labels]) -> Labels:
    parts = [event(hits[part]) for part in hits.slices()]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
