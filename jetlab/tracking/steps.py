"""Tracks as sequences of steps, the inputs and targets of the residual network; domain knowledge lives here.

Only differences of azimuths enter, so a track learnt in one place of the detector is known everywhere. A step is a
residual: how far the hit lies from a simple extrapolation of the hits before it, in units of its usual size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetlab.angles import wrap
from jetlab.tracking.detector import LAYERS, RADII
from jetlab.tracking.hits import Hits
from jetlab.tracking.search import State

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Hits that extrapolations look back at.
MEMORY = 3
#: Slopes dphi/dr in 1/mm are given to the network in this unit: half of the largest curvature is 1.
SLOPE = 5e-4


def sequences(hits: Hits) -> tuple[Floats, Integers, Floats]:
    """Azimuths and layers of each true track's hits, from the innermost on, both (tracks, 9), and its signed pt.

    Where the track has no more hits, the layer is -1.
    """
    real = np.flatnonzero(hits.track >= 0)
    order = real[np.lexsort((hits.layer[real], hits.track[real], hits.number[real]))]
    key = hits.number[order] * (int(hits.track.max(initial=0)) + 1) + hits.track[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    row = np.cumsum(np.diff(key, prepend=-1) != 0) - 1
    column = np.arange(len(order)) - first[row] if len(order) else order
    # With shared cells or a noisy file a track could have two hits in a layer; nine steps are the most.
    order, row, column = (values[column < LAYERS] for values in (order, row, column))
    phi, layer = np.zeros((len(first), LAYERS)), np.full((len(first), LAYERS), -1)
    phi[row, column], layer[row, column] = hits.phi[order], hits.layer[order]
    pt = np.full(len(first), np.nan)
    pt[row] = hits.pt[order]
    return phi, layer, pt


def extrapolate(phi: Floats, layer: Integers, target: Integers | int, physics: bool) -> Floats:
    """Expected azimuth in the target layer (n,) from the last hits (n, 3), the latest first; layer -1: no such hit.

    With `physics`: along phi = a + b r + c / r through the last three hits (bending b, vertex beside the origin c),
    along a straight line in r through two, otherwise where the last hit is. Without: always where the last hit is.
    """
    here = phi[:, 0]
    if not physics:
        return here.copy()
    r = RADII[np.maximum(layer, 0)]
    to = RADII[target] - r[:, 0]
    known = (layer >= 0).sum(axis=1)
    one, two = wrap(here - phi[:, 1]), wrap(here - phi[:, 2])
    # Where hits are missing the radii would coincide; the quotients there are not used.
    safe = np.where(known >= 2, r[:, 0] - r[:, 1], 1.0)
    straight = here + one / safe * to
    inverse = 1 / r
    a, b = np.where(known[:, None] >= 3, r[:, :1] - r[:, 1:], [[1.0, 2.0]]).T
    c, d = np.where(known[:, None] >= 3, inverse[:, :1] - inverse[:, 1:], [[1.0, 1.0]]).T
    determinant = a * d - b * c
    bending, vertex = (one * d - two * c) / determinant, (a * two - b * one) / determinant
    full = here + bending * to + vertex * (1 / RADII[target] - inverse[:, 0])
    return np.where(known >= 3, full, np.where(known == 2, straight, here))


@dataclass(frozen=True)
class Units:
    """Usual size of a residual, radians, by hits known (1 to 3), layer of the last hit and target layer: (4, 9, 9)."""

    table: Floats
    physics: bool

    def __call__(self, layer: Integers, target: Integers | int) -> Floats:
        """Return the unit (n,) for tracks with last layers (n, 3)."""
        unit: Floats = self.table[(layer >= 0).sum(axis=1), layer[:, 0], target]
        return unit

    @classmethod
    def fit(cls, phi: Floats, layer: Integers, physics: bool) -> "Units":
        """Take the median absolute residual of training tracks, as `sequences` gives them."""
        found: dict[tuple[int, int, int], list[Floats]] = {}
        for column in range(LAYERS - 1):
            past_phi, past_layer = history(phi, layer, column)
            for ahead in range(column + 1, min(column + 3, LAYERS)):
                rows = np.flatnonzero(layer[:, ahead] >= 0)
                target = layer[rows, ahead]
                away = np.abs(wrap(phi[rows, ahead] - extrapolate(past_phi[rows], past_layer[rows], target, physics)))
                known = (past_layer[rows] >= 0).sum(axis=1)
                code = (known * LAYERS + past_layer[rows, 0]) * LAYERS + target
                for value in np.unique(code):
                    k, rest = divmod(int(value), LAYERS * LAYERS)
                    found.setdefault((k, *divmod(rest, LAYERS)), []).append(away[code == value])
        table = np.full((MEMORY + 1, LAYERS, LAYERS), np.nan)
        for place, parts in found.items():
            table[place] = max(1.5 * np.median(np.concatenate(parts)), 1e-5)
        # Steps that never occurred in training, over more than one lost layer, get the largest unit there is.
        return cls(np.where(np.isnan(table), np.nanmax(table, initial=1e-3), table), physics)


def history(phi: Floats, layer: Integers, column: int) -> tuple[Floats, Integers]:
    """Azimuths and layers of the hit in `column` and of those before it, both (n, 3), the latest first.

    Layers are -1 where there is no such hit, all of them where the track has no hit in `column`.
    """
    past_phi, past_layer = np.zeros((len(phi), MEMORY)), np.full((len(phi), MEMORY), -1)
    for back in range(min(MEMORY, column + 1)):
        past_phi[:, back], past_layer[:, back] = phi[:, column - back], layer[:, column - back]
    past_layer[layer[:, column] < 0] = -1
    return past_phi, past_layer


def inputs(phi: Floats, layer: Integers, residual: Floats, physics: bool) -> NDArray[np.float32]:
    """What the network sees of a hit, float32 (n, width): its residual, compressed, and its layer, one-hot.

    With `physics` also the slope of the last step and of the one before (the curvature), and how many hits are known.
    """
    columns = [np.arcsinh(np.clip(residual, -1e3, 1e3)), np.arcsinh(10 * np.clip(residual, -1e3, 1e3)) / 3]
    columns += list(np.eye(LAYERS)[np.maximum(layer[:, 0], 0)].T)
    if physics:
        r = RADII[np.maximum(layer, 0)]
        known = layer >= 0
        for back in range(MEMORY - 1):
            step = np.where(known[:, back + 1], r[:, back] - r[:, back + 1], 1.0)
            slope = np.where(known[:, back + 1], wrap(phi[:, back] - phi[:, back + 1]) / step, 0.0) / SLOPE
            columns += [slope, np.arcsinh(30 * slope) / 3]
        columns += [known[:, 1], known[:, 2]]
    return np.column_stack(columns).astype(np.float32)


@dataclass(frozen=True)
class Extrapolation:
    """What the residual network starts from, without the network: it shows what learning adds, and what the search.

    `width` is in units of the usual residual of such a step, which `fit` takes from training events.
    """

    units: Units
    width: float = 4.0

    @classmethod
    def fit(cls, hits: Hits, physics: bool = True, width: float = 4.0) -> "Extrapolation":
        """Take the usual residuals from true tracks; `physics` as in `steps.extrapolate`."""
        phi, layer, _ = sequences(hits)
        return cls(Units.fit(phi, layer, physics), width)

    def start(self, layer: int, phi: Floats) -> State:
        """Begin with a hit (n,) of a layer."""
        past_phi, past_layer = np.zeros((len(phi), MEMORY)), np.full((len(phi), MEMORY), -1)
        past_phi[:, 0], past_layer[:, 0] = phi, layer
        return past_phi, past_layer

    def predict(self, state: State, layer: int) -> tuple[Floats, Floats, State]:
        """Extrapolated azimuth and width in a layer, radians (n,)."""
        past_phi, past_layer = state
        mean = extrapolate(past_phi, past_layer, layer, self.units.physics)
        return np.mod(mean, 2 * np.pi), self.width * self.units(past_layer, layer), state

    def update(self, carried: State, layer: int, phi: Floats) -> State:
        """Remember the last three hits."""
        past_phi, past_layer = carried
        here = np.full(len(phi), layer)
        return np.column_stack([phi, past_phi[:, :-1]]), np.column_stack([here, past_layer[:, :-1]])
