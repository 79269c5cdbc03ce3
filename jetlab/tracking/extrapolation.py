"""The simplest predictor for `search`: extrapolate the last hits, with a width that is the same for all tracks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetlab.tracking.hits import Hits
from jetlab.tracking.search import State
from jetlab.tracking.steps import MEMORY, Units, extrapolate, sequences

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Extrapolation:
    """What the residual network starts from, without a network: tells how much is due to learning, how much to search.

    `width` is in units of the usual residual of such a step, which `fit` takes from training events. Used in M7.
    """

    units: Units
    width: float = 4.0

    @classmethod
    def fit(cls, hits: Hits, physics: bool = True, width: float = 4.0) -> "Extrapolation":
        """Take the usual residuals from true tracks; `physics` as in `steps.extrapolate`. Used in M7."""
        phi, layer, _ = sequences(hits)
        return cls(Units.fit(phi, layer, physics), width)

    def start(self, layer: int, phi: Floats) -> State:
        """Begin with a hit (n,) of a layer."""
        past_phi, past_layer = np.zeros((len(phi), MEMORY)), np.full((len(phi), MEMORY), -1)
        past_phi[:, 0], past_layer[:, 0] = phi, layer
        return past_phi, past_layer

    def predict(self, state: State, layer: int) -> tuple[Floats, Floats, State]:
        """Extrapolated azimuth and width in a layer, radians (n,)."""
        mean = extrapolate(*state, layer, self.units.physics)
        return np.mod(mean, 2 * np.pi), self.width * self.units(state[1], layer), state

    def update(self, carried: State, layer: int, phi: Floats) -> State:
        """Remember the last three hits."""
        past_phi, past_layer = carried
        here = np.full(len(phi), layer)
        return np.column_stack([phi, past_phi[:, :-1]]), np.column_stack([here, past_layer[:, :-1]])
