"""How a network is compiled: by XLA or not, a batch whole or in parts. Choices by what was measured."""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from jetlab.backend import load_keras, on_gpu
from jetlab.threads import cores

if TYPE_CHECKING:
    import keras

#: Numbers that the widest layer puts out for a batch, above which XLA's single-threaded loops lose to TensorFlow's.
XLA_WIDEST = 1_000_000
#: Numbers that the widest layer may put out in one call that only asks for outputs.
OUTPUT_NUMBERS = 2_000_000
#: XLA takes one to four seconds to compile, and saves a fraction of a millisecond a step, of a recurrent network some
#: milliseconds: shorter runs do without.
XLA_STEPS, XLA_STEPS_RECURRENT = 2000, 300
#: A network that puts out more than this for a jet works on pairs of particles. XLA takes a quarter of a minute to
#: compile one, and saves a third of the time of each jet: it is worth that where so many jets are trained on, with
#: every epoch's counted.
PAIRS_WIDEST, XLA_JETS = 10_000, 200_000
#: Jets that make a part of a batch: of fewer a core gains nothing, and the images of more leave its cache. Each part
#: adds to the time to compile.
PART_JETS, PART_JETS_RECURRENT, MOST_PARTS = 128, 16, 8


def wants_xla(model: "keras.Model", batch_size: int, steps: int) -> bool:
    """Whether XLA should compile the program: a choice by what was measured (benchmarks/training.py).

    On a CPU XLA's convolutions are many times slower than TensorFlow's, and take a minute to compile; everything else
    gains where batches are small, most of all recurrent networks, of which a time step is a handful of calls otherwise.
    Dropout of layers of different widths it makes ten to twenty times slower, for widths alike it does not.
    """
    layers = list(all_layers(model))
    if not all(layer.supports_jit for layer in layers):
        return False
    if not on_gpu():
        if any("Conv" in type(layer).__name__ for layer in layers):
            return False
        if widest(model) > PAIRS_WIDEST:
            return steps * batch_size >= XLA_JETS
        if widest(model) * batch_size > XLA_WIDEST:
            return False
        if len({layer.output.shape for layer in layers if getattr(layer, "rate", 0) and hasattr(layer, "output")}) > 1:
            return False
    return steps >= (XLA_STEPS_RECURRENT if is_recurrent(layers) else XLA_STEPS)


def wanted_parts(model: "keras.Model", batch_size: int, xla: bool) -> int:
    """Number of equal parts that a batch is cut into, whose gradients are added: the same step, to float tolerance.

    On a CPU a core works on each part, where it is worth one: a product of matrices gains little from a second core.
    The images of a large batch are convolved part by part, since few of them stay in the processor's cache.
    Measured by benchmarks/training.py.
    """
    layers = list(all_layers(model))
    # Averages and penalties of a batch need it whole; parts that draw numbers from one state would wait for each other.
    averages = any(variable.name != "seed_generator_state" for variable in model.non_trainable_variables)
    # An embedding's gradient is sparse, and Keras' optimizers take a sum of such for something else.
    sparse = any(isinstance(layer, load_keras().layers.Embedding) for layer in layers)
    if on_gpu() or averages or sparse or model.losses or any(getattr(layer, "rate", 0) for layer in layers):
        return 1
    if any("Conv" in type(layer).__name__ for layer in layers):
        parts = batch_size // PART_JETS
    elif is_recurrent(layers):
        parts = min(cores(), batch_size // PART_JETS_RECURRENT) if xla else 1
    else:
        parts = min(cores(), batch_size // PART_JETS)
    return next((n for n in range(min(parts, MOST_PARTS), 1, -1) if batch_size % n == 0), 1)


def at_a_time(model: "keras.Model") -> int:
    """Jets whose outputs are calculated in one call: 2,048 jets in the layers of ParticleNet would fill over 2 GB."""
    return max(1, min(2048, OUTPUT_NUMBERS // widest(model)))


def widest(model: "keras.Model") -> int:
    """Numbers that the widest layer puts out for one jet."""
    # A layer of a model that is no graph of layers has no known output; it counts as narrow.
    found = load_keras().tree.flatten([layer.output for layer in all_layers(model) if hasattr(layer, "output")])
    return max((math.prod(size or 1 for size in output.shape[1:]) for output in found), default=1)


def is_recurrent(layers: "Iterable[keras.Layer]") -> bool:
    """Whether one of these layers reads its inputs one after the other."""
    keras = load_keras()
    return any(isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional) for layer in layers)


def all_layers(model: "keras.Model") -> Iterator["keras.Layer"]:
    """Layers of a model, and of the models among them."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from all_layers(layer)
