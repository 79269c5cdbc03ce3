"""Networks as Keras models, built from a run configuration.

All are uncompiled, take inputs as `jetlab.inputs` makes them, and end with the layer that the configured loss wants.
Their first weights come from Keras' random state, which `jetlab.training.run` seeds.
"""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jetlab.backend import load_keras
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.models import objectives

if TYPE_CHECKING:
    import keras

#: Shape of one jet's inputs: a tuple of shapes for a network with several inputs.
Shape = tuple[int, ...] | tuple[tuple[int, ...], ...]
#: Numbers that stand for a particle-flow class, learnt by an `Embedding`; 7 classes with padding, see jets.id_class.
EMBEDDING, N_CLASSES = 3, 7
#: Nodes of the dense layer after the convolutions.
HEAD_NODES = 64


def dense(config: RunConfig, n_inputs: int) -> "keras.Model":
    """Fully connected network on (n, n_inputs) numbers; with no hidden layer it is logistic regression."""
    keras = load_keras()
    inputs = x = keras.layers.Input((n_inputs,), name="input")
    for number, nodes in enumerate(config.layer_nodes, start=1):
        x = keras.layers.Dense(nodes, activation=config.activation, name=f"hidden_{number}")(x)
        x = _dropped(x, config, number)
    return keras.Model(inputs, _output(x, config), name="dense")


def cnn(config: RunConfig, image: tuple[int, ...]) -> "keras.Model":
    """Convolutions of 3 x 3 pixels, each followed by a pooling of 2 x 2, on (n, size, size, channels); then one layer.

    The first has `nodes` filters, each further one twice as many (arXiv:1511.05190, 1701.08784).
    """
    keras = load_keras()
    inputs = x = keras.layers.Input(image, name="image")
    for number, filters, pooled in _convolutions(config, image):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation=config.activation, name=f"convolution_{number}")(
            x
        )
        if pooled:
            x = keras.layers.MaxPooling2D(name=f"pooling_{number}")(x)
        x = _dropped(x, config, number)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(HEAD_NODES, activation=config.activation, name="head")(x)
    return keras.Model(inputs, _output(x, config), name="cnn")


def recurrent(config: RunConfig, row: Shape) -> "keras.Model":
    """LSTM or GRU layers on (n, length, features), and (n, length) classes; padding is masked.

    Every layer but the last hands on its whole sequence (doi:10.1162/neco.1997.9.8.1735, arXiv:1406.1078).
    """
    keras = load_keras()
    cell = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[config.model]
    inputs, x = _constituents(row)
    for number in range(1, config.layers + 1):
        layer = cell(config.nodes, return_sequences=number < config.layers, name=f"{config.model}_{number}")
        if config.bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"bidirectional_{number}")
        x = _dropped(layer(x), config, number)
    if config.layers == 0:
        x = keras.layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(inputs, _output(x, config), name=config.model)


def deep_sets(config: RunConfig, row: Shape) -> "keras.Model":
    """Particle-flow network: the same layers for each constituent, their sum, and layers after it (arXiv:1810.05165).

    Takes (n, length, features), and (n, length) classes; it does not know the order of the constituents.
    """
    keras = load_keras()
    inputs, x = _constituents(row)
    for number in range(1, config.layers + 1):
        x = keras.layers.Dense(config.nodes, activation=config.activation, name=f"each_{number}")(x)
    # The mean over all places, padding included, is the sum over constituents in a handy unit.
    features = inputs[0] if isinstance(inputs, list) else inputs
    present = keras.ops.any(keras.ops.not_equal(features, 0.0), axis=-1, keepdims=True)
    x = keras.ops.mean(x * keras.ops.cast(present, "float32"), axis=1)
    for number in range(1, config.layers + 1):
        x = keras.layers.Dense(config.nodes, activation=config.activation, name=f"hidden_{number}")(x)
        x = _dropped(x, config, number)
    return keras.Model(inputs, _output(x, config), name="deep_sets")


def build(config: RunConfig, row: int | Shape) -> "keras.Model":
    """Build the model that `config.model` names, for one jet of that shape (without the batch).

    Raises ArgumentError for a shape that the model cannot take.
    """
    shapes = _shapes(row)
    wanted, what, make = _BUILDERS[config.model]
    if tuple(map(len, shapes)) not in wanted:
        raise ArgumentError(
            f"A {config.model} network takes {what} per jet, not shape {row}; see jetlab.inputs.prepare."
        )
    return make(config, shapes[0] if len(shapes) == 1 else shapes)


def count_parameters(config: RunConfig, row: int | Shape | None = None) -> int:
    """Count the weights that `build` would make, without making them, so that a slider can show it at once.

    `row` is the shape of one jet's inputs, by default that of as many numbers as the configuration has inputs.
    """
    shapes = _shapes(len(config.inputs) if row is None else row)
    n, total = shapes[0][-1], 0
    if config.model == "cnn":
        side = shapes[0][0]
        for _, filters, pooled in _convolutions(config, shapes[0]):
            total, n, side = total + (9 * n + 1) * filters, filters, side // 2 if pooled else side
        widths = [side**2 * n, HEAD_NODES]
    else:
        if len(shapes) == 2:
            total, n = N_CLASSES * EMBEDDING, n + EMBEDDING
        widths = [n]
    if config.model in ("lstm", "gru"):
        gates, biases = {"lstm": (4, 1), "gru": (3, 2)}[config.model]
        ways = 2 if config.bidirectional else 1
        for _ in range(config.layers):
            total += ways * gates * config.nodes * (widths[-1] + config.nodes + biases)
            widths = [ways * config.nodes]
    elif config.model != "cnn":
        widths += config.layer_nodes * (2 if config.model == "deep_sets" else 1)
    widths.append(objectives.get(config.loss).outputs)
    return total + sum((before + 1) * after for before, after in itertools.pairwise(widths))


def starts_at_zero(config: RunConfig) -> bool:
    """Whether the network is one weighted sum of its inputs, which then starts with weights of zero.

    Random weights are there to make the nodes of a hidden layer differ. One sum has no need of them, and a few epochs
    of small steps do not undo weights that happen to have the wrong sign: two inputs of M0 ended at an AUC of 0.10.
    """
    return config.layers == 0 and config.model != "cnn"


def _shapes(row: int | Shape) -> tuple[tuple[int, ...], ...]:
    if isinstance(row, int):
        return ((row,),)
    if not any(isinstance(each, tuple | list) for each in row):
        return (tuple(row),)
    return tuple(tuple(each) if isinstance(each, tuple | list) else (each,) for each in row)


def _convolutions(config: RunConfig, image: tuple[int, ...]) -> list[tuple[int, int, bool]]:
    """Number, filters and whether pooling follows, of each convolution: an image of one pixel row is not pooled."""
    return [(i + 1, config.nodes << i, image[0] >> i >= 2) for i in range(config.layers)]


def _constituents(row: Shape) -> tuple[Any, Any]:
    """Inputs for constituents, and the masked sequence made of them: with an embedding where classes come apart."""
    keras = load_keras()
    shapes = _shapes(row)
    features = keras.layers.Input(shapes[0], name="features")
    x = keras.layers.Masking(name="mask")(features)
    if len(shapes) == 1:
        return features, x
    classes = keras.layers.Input(shapes[1], name="id_class")
    # Joined, a place counts as padding only where both say so.
    embedded = keras.layers.Embedding(N_CLASSES, EMBEDDING, mask_zero=True, name="embedding")(classes)
    return [features, classes], keras.layers.Concatenate(name="joined")([x, embedded])


def _dropped(x: Any, config: RunConfig, number: int) -> Any:
    if config.dropout == 0:
        return x
    return load_keras().layers.Dropout(config.dropout, name=f"dropout_{number}")(x)


def _output(x: Any, config: RunConfig) -> Any:
    objective = objectives.get(config.loss)
    start = "zeros" if starts_at_zero(config) else "glorot_uniform"
    # A score near 1 needs float32 also where the user lets Keras calculate in 16 bits (`mixed_float16`).
    output = load_keras().layers.Dense(
        objective.outputs, activation=objective.activation, kernel_initializer=start, dtype="float32", name="output"
    )
    return output(x)


#: Model -> numbers of dimensions it takes, in words, and what builds it.
_BUILDERS: dict[str, tuple[tuple[tuple[int, ...], ...], str, Callable[..., Any]]] = {
    "dense": (((1,),), "a row of numbers", lambda config, row: dense(config, row[0])),
    "cnn": (((3,),), "an image", cnn),
    "lstm": (((2,), (2, 1)), "a sequence of constituents", recurrent),
    "gru": (((2,), (2, 1)), "a sequence of constituents", recurrent),
    "deep_sets": (((2,), (2, 1)), "a sequence of constituents", deep_sets),
}
