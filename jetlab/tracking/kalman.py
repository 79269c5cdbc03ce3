"""The classical ceiling: a Kalman filter that knows the circle, the scattering and the vertex, a `search.Predictor`."""

import numpy as np
from numpy.typing import NDArray

from jetlab.angles import wrap
from jetlab.tracking.detector import CELLS, MEV_PER_MM, PT_RANGE, RADII, SCATTERING, VERTEX, propagate
from jetlab.tracking.search import State

Floats = NDArray[np.float64]

#: Width of the Gaussian that stands for curvatures not yet measured, 1/mm: 1.7 times their root mean square
#: (found by trying on training events), because the few tracks of low pt are bent much more than the others.
CURVATURE = 1.7 * MEV_PER_MM / np.sqrt(PT_RANGE[0] * PT_RANGE[1])


class Kalman:
    """Predictor whose state is (azimuth, direction - azimuth, curvature), its covariance (n, 3, 3), and the layer.

    The circle is followed exactly, its derivatives are taken numerically (R. Fruehwirth, NIM A262 (1987) 444). With the
    detector's true numbers in it, it is close to the best that can be done hit by hit.
    """

    def start(self, layer: int, phi: Floats) -> State:
        """Begin with the hit and with what all tracks have in common: from near the origin, curved either way."""
        radius = RADII[layer]
        state = np.column_stack([phi, np.zeros_like(phi), np.zeros_like(phi)])
        # On a circle through the origin the direction turns by half of curvature times radius against the radius.
        half = radius / 2
        prior = np.zeros((3, 3))
        prior[0, 0] = _resolution(layer) ** 2
        prior[1, 1] = (VERTEX / radius) ** 2 + (CURVATURE * half) ** 2
        prior[1, 2] = prior[2, 1] = CURVATURE**2 * half
        prior[2, 2] = CURVATURE**2
        return state, np.broadcast_to(prior, (len(phi), 3, 3)).copy(), np.full(len(phi), layer)

    def predict(self, state: State, layer: int) -> tuple[Floats, Floats, State]:
        """Scatter in the layer left, follow the circle to the next."""
        mean, covariance, last = state
        # Where the curvature is not known yet, its square is expected to be this.
        square = np.clip(mean[:, 2] ** 2 + covariance[:, 2, 2], None, (MEV_PER_MM / PT_RANGE[0]) ** 2)
        covariance = covariance.copy()
        covariance[:, 1, 1] += (SCATTERING / MEV_PER_MM) ** 2 * square
        there = _transport(mean, last, layer)
        jacobian = np.zeros_like(covariance)
        jacobian[:, 0, 0] = 1
        for column, small in ((1, 1e-5), (2, 1e-8)):
            shifted = mean.copy()
            shifted[:, column] += small
            jacobian[:, :, column] = (_transport(shifted, last, layer) - there) / small
        covariance = jacobian @ covariance @ jacobian.transpose(0, 2, 1)
        sigma = np.sqrt(covariance[:, 0, 0] + _resolution(layer) ** 2)
        return there[:, 0], sigma, (there, covariance, np.full_like(last, layer))

    def update(self, carried: State, layer: int, phi: Floats) -> State:
        """Weigh the hit against the prediction."""
        mean, covariance, last = carried
        variance = covariance[:, 0, 0] + _resolution(layer) ** 2
        gain = covariance[:, :, 0] / variance[:, None]
        mean = mean + gain * wrap(phi - mean[:, 0])[:, None]
        covariance = covariance - gain[:, :, None] * covariance[:, 0, None, :]
        return mean, covariance, last


def _resolution(layer: int) -> float:
    return float(2 * np.pi / CELLS[layer] / np.sqrt(12))


def _transport(mean: Floats, last: NDArray[np.int64], layer: int) -> Floats:
    x, y, direction = propagate(RADII[last], 0.0, mean[:, 1], mean[:, 2], RADII[layer])
    turned = np.arctan2(y, x)
    return np.column_stack([mean[:, 0] + turned, direction - turned, mean[:, 2]])
