"""Layers that Keras does not have."""

from typing import TYPE_CHECKING

from jetlab.backend import load_keras
from jetlab.errors import ArgumentError

if TYPE_CHECKING:
    import keras


def maxout(units: int, pieces: int = 2, name: str | None = None) -> "keras.Layer":
    """A Maxout layer: each of its `units` is the greatest of `pieces` weighted sums of the inputs (arXiv:1302.4389).

    Takes (n, n_inputs), gives (n, units), with (n_inputs + 1) * units * pieces weights. It is made of layers of Keras
    alone, so that a saved model needs no jetlab to be loaded.

    Raises:
        ArgumentError: fewer than one unit, or fewer than two pieces, which would be a plain sum.
    """
    if units < 1 or pieces < 2:
        raise ArgumentError(f"maxout: {units} units of {pieces} pieces, but at least 1 unit and 2 pieces are needed.")
    keras = load_keras()
    layers = keras.layers
    steps = [layers.Dense(units * pieces), layers.Reshape((pieces, units)), layers.GlobalMaxPooling1D()]
    return keras.Sequential(steps, name=name)
