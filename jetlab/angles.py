"""Azimuths, of particles in the simulation and of hits in tracking."""

from typing import Any

import numpy as np


def wrap(phi: Any) -> Any:
    """Angles brought to [-pi, pi), float64 radians; of numbers, numpy or awkward arrays of any shape."""
    wrapped = (phi * np.float64(1) + np.pi) % (2 * np.pi) - np.pi
    # An angle just below -pi is rounded to pi itself.
    return wrapped - 2 * np.pi * (wrapped >= np.pi)
