"""Networks, each described once: layer by layer, from a run configuration.

From that description come the Keras model, the number of its weights, its code (`jetlab.models.keras_code`) and its
drawing (`jetlab.plots.network`). The first weights come from Keras' random state, which `jetlab.training.run` seeds.
"""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from jetlab.backend import load_keras
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.models import objectives

if TYPE_CHECKING:
    import keras

#: Shape of one jet's inputs: a tuple of shapes for a network with several inputs.
Shape = tuple[int, ...] | tuple[tuple[int, ...], ...]
#: Particle-flow classes with padding, see jets.id_class.
N_CLASSES = 7


class Layer(NamedTuple):
    """A layer, which takes what the one before it gives; a second "Input" begins a branch, "Concatenate" joins the two.

    `kind` and `arguments` are Keras' (only "Sum" is an operation, see `build`); an argument may be a layer itself.
    `shape` is that of what it gives for one jet, `parameters` its number of weights; `describe` fills them in.
    """

    kind: str
    name: str
    arguments: dict[str, Any]
    shape: tuple[int, ...] = ()
    parameters: int = 0


def describe(config: RunConfig, row: int | Shape) -> tuple[Layer, ...]:
    """The layers of a configuration from the input to the output, for one jet of that shape (without the batch).

    Raises ArgumentError for a shape that the network cannot take.
    """
    shapes = _shapes(row)
    wanted, what, layers = _NETWORKS[config.model]
    if tuple(map(len, shapes)) not in wanted:
        raise ArgumentError(
            f"A {config.model} network takes {what} per jet, not shape {row}; see jetlab.inputs.prepare."
        )
    found, shape = [], shapes[0]
    for layer in (*layers(config, *shapes), _output(config)):
        shape, parameters = _sized(layer, shape)
        found.append(layer._replace(shape=shape, parameters=parameters))
    return tuple(found)


def build(config: RunConfig, row: int | Shape) -> "keras.Model":
    """Build the uncompiled model that `config.model` names, for one jet of that shape, as `jetlab.inputs` makes it.

    Raises ArgumentError for a shape that the model cannot take.
    """
    layers, keras = describe(config, row), load_keras()
    inputs: list[Any] = []
    branch = x = None
    for layer in layers:
        if layer.kind == "Input":
            branch, x = x, _made(layer)
            inputs.append(x)
        elif layer.kind == "Concatenate":
            # Joined, a place counts as padding only where both say so.
            x = _made(layer)([branch, x])
        elif layer.kind == "Sum":
            # The mean over all places, padding included, is the sum over constituents in a handy unit.
            present = keras.ops.any(keras.ops.not_equal(inputs[0], 0.0), axis=-1, keepdims=True)
            x = keras.ops.mean(x * keras.ops.cast(present, "float32"), axis=1)
        else:
            x = _made(layer)(x)
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], x, name=config.model)


def dense(config: RunConfig, n_inputs: int) -> "keras.Model":
    """Build a fully connected network on (n, n_inputs) numbers; with no hidden layer it is logistic regression."""
    return build(config, n_inputs)


def count_parameters(config: RunConfig, row: int | Shape | None = None) -> int:
    """Count the weights that `build` would make, without making them, so that a slider can show it at once.

    `row` is the shape of one jet's inputs, by default that of as many numbers as the configuration has inputs.
    """
    return sum(layer.parameters for layer in describe(config, len(config.inputs) if row is None else row))


def _shapes(row: int | Shape) -> tuple[tuple[int, ...], ...]:
    several = isinstance(row, tuple | list) and any(isinstance(each, tuple | list) for each in row)
    rows: Any = row if several else (row,)
    return tuple(tuple(each) if isinstance(each, tuple | list) else (each,) for each in rows)


def _dense(config: RunConfig, row: tuple[int, ...]) -> Iterator[Layer]:
    yield Layer("Input", "input", {"shape": row})
    yield from _hidden(config)


def _cnn(config: RunConfig, image: tuple[int, ...]) -> Iterator[Layer]:
    """Convolutions of 3 x 3 pixels, each followed by a pooling of 2 x 2, on (size, size, channels); then one layer.

    The first has `nodes` filters, each further one twice as many (arXiv:1511.05190, 1701.08784).
    """
    yield Layer("Input", "image", {"shape": image})
    for i in range(config.layers):
        options = {"padding": "same", "activation": config.activation}
        yield Layer("Conv2D", f"convolution_{i + 1}", {"filters": config.nodes << i, "kernel_size": 3, **options})
        # An image of one pixel row is not pooled.
        if image[0] >> i >= 2:
            yield Layer("MaxPooling2D", f"pooling_{i + 1}", {})
        yield from _dropout(config, i + 1)
    yield Layer("Flatten", "flatten", {})
    yield Layer("Dense", "head", {"units": 64, "activation": config.activation})


def _recurrent(config: RunConfig, *shapes: tuple[int, ...]) -> Iterator[Layer]:
    """LSTM or GRU layers; every one but the last hands on its whole sequence.

    See doi:10.1162/neco.1997.9.8.1735 and arXiv:1406.1078.
    """
    yield from _constituents(*shapes)
    for number in range(1, config.layers + 1):
        whole = {"return_sequences": True} if number < config.layers else {}
        layer = Layer(config.model.upper(), f"{config.model}_{number}", {"units": config.nodes, **whole})
        yield Layer("Bidirectional", f"bidirectional_{number}", {"layer": layer}) if config.bidirectional else layer
        yield from _dropout(config, number)
    if config.layers == 0:
        yield Layer("GlobalAveragePooling1D", "mean", {})


def _deep_sets(config: RunConfig, *shapes: tuple[int, ...]) -> Iterator[Layer]:
    """Particle-flow network: the same layers for each constituent, their sum, and layers after it (arXiv:1810.05165).

    It does not know the order of the constituents.
    """
    yield from _constituents(*shapes)
    for number in range(1, config.layers + 1):
        yield Layer("Dense", f"each_{number}", {"units": config.nodes, "activation": config.activation})
    yield Layer("Sum", "sum", {})
    yield from _hidden(config)


def _constituents(features: tuple[int, ...], classes: tuple[int, ...] | None = None) -> Iterator[Layer]:
    """Features (length, features), with padding masked; where classes (length,) come apart, with their embedding."""
    yield Layer("Input", "features", {"shape": features})
    yield Layer("Masking", "mask", {})
    if classes:
        yield Layer("Input", "id_class", {"shape": classes})
        yield Layer("Embedding", "embedding", {"input_dim": N_CLASSES, "output_dim": 3, "mask_zero": True})
        yield Layer("Concatenate", "joined", {}, (*classes, features[-1] + 3))


def _hidden(config: RunConfig) -> Iterator[Layer]:
    for number, nodes in enumerate(config.layer_nodes, start=1):
        yield Layer("Dense", f"hidden_{number}", {"units": nodes, "activation": config.activation})
        yield from _dropout(config, number)


def _dropout(config: RunConfig, number: int) -> list[Layer]:
    return [Layer("Dropout", f"dropout_{number}", {"rate": config.dropout})] if config.dropout else []


def _output(config: RunConfig) -> Layer:
    objective = objectives.get(config.loss)
    # Random weights are there to make the nodes of a hidden layer differ. One weighted sum has no need of them, and a
    # few epochs of small steps do not undo weights with the wrong sign: two inputs of M0 ended at an AUC of 0.10.
    start = {"kernel_initializer": "zeros"} if config.layers == 0 and config.model != "cnn" else {}
    options = {"units": objective.outputs, "activation": objective.activation, **start}
    # A score near 1 needs float32 also where the user lets Keras calculate in 16 bits (`mixed_float16`).
    return Layer("Dense", "output", {**options, "dtype": "float32"})


def _sized(layer: Layer, before: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Shape of what a layer gives for a shape that it takes, and its number of weights."""
    (*places, n), given = before, layer.arguments
    match layer.kind:
        case "Input":
            return given["shape"], 0
        case "Embedding":
            return (*before, given["output_dim"]), given["input_dim"] * given["output_dim"]
        case "Dense":
            return (*places, given["units"]), (n + 1) * given["units"]
        case "Conv2D":
            return (*places, given["filters"]), (9 * n + 1) * given["filters"]
        case "MaxPooling2D":
            return (before[0] // 2, before[1] // 2, n), 0
        case "Flatten":
            return (math.prod(before),), 0
        case "LSTM" | "GRU":
            gates, biases = (4, 1) if layer.kind == "LSTM" else (3, 2)
            units, kept = given["units"], places if "return_sequences" in given else ()
            return (*kept, units), gates * units * (n + units + biases)
        case "Bidirectional":
            (*kept, units), parameters = _sized(given["layer"], before)
            return (*kept, 2 * units), 2 * parameters
        case "GlobalAveragePooling1D" | "Sum":
            return (n,), 0
        case _:
            # What is joined has given its shape itself; all others keep that of what they take.
            return layer.shape or before, 0


def _made(layer: Layer) -> Any:
    arguments = {name: _made(value) if isinstance(value, Layer) else value for name, value in layer.arguments.items()}
    return getattr(load_keras().layers, layer.kind)(**arguments, name=layer.name)


#: Model -> numbers of dimensions it takes, in words, and its layers before the output.
_NETWORKS: dict[str, tuple[tuple[tuple[int, ...], ...], str, Callable[..., Iterator[Layer]]]] = {
    "dense": (((1,),), "a row of numbers", _dense),
    "cnn": (((3,),), "an image", _cnn),
    "lstm": (((2,), (2, 1)), "a sequence of constituents", _recurrent),
    "gru": (((2,), (2, 1)), "a sequence of constituents", _recurrent),
    "deep_sets": (((2,), (2, 1)), "a sequence of constituents", _deep_sets),
}
