"""Networks as Keras models, built from a run configuration."""

import itertools
from typing import TYPE_CHECKING

from jetlab.backend import load_keras
from jetlab.config import RunConfig

if TYPE_CHECKING:
    import keras


def dense(config: RunConfig, n_inputs: int) -> "keras.Model":
    """Fully connected network: (n, n_inputs) scaled float32 numbers in, (n, 1) probability to be a W out.

    Uncompiled; with no hidden layer it is logistic regression. The model's first weights come from Keras' random
    state, which `jetlab.training.run` seeds. Used in M2.
    """
    keras = load_keras()
    layers = keras.layers
    inputs = layers.Input((n_inputs,), name="input")
    x = inputs
    for number in range(1, config.layers + 1):
        x = layers.Dense(config.nodes, activation=config.activation, name=f"hidden_{number}")(x)
        if config.dropout > 0:
            x = layers.Dropout(config.dropout, name=f"dropout_{number}")(x)
    output = layers.Dense(1, activation="sigmoid", name="output")(x)
    return keras.Model(inputs, output, name="dense")


def build(config: RunConfig, input_shape: int | tuple[int, ...]) -> "keras.Model":
    """Build the model that `config.model` names, for one jet of that shape (without the batch). Used in M2."""
    shape = (input_shape,) if isinstance(input_shape, int) else tuple(input_shape)
    if len(shape) != 1:
        raise ValueError(f"A dense network takes a row of numbers per jet, not shape {shape}; flatten it first.")
    return dense(config, shape[0])


def count_parameters(config: RunConfig, n_inputs: int | None = None) -> int:
    """Count the weights `dense` will have, without building it, so that a slider can show it at once.

    `n_inputs` is the length of `config.inputs` where it is not given. Used in M2.
    """
    widths = [len(config.inputs) if n_inputs is None else n_inputs, *[config.nodes] * config.layers, 1]
    return sum((before + 1) * after for before, after in itertools.pairwise(widths))
