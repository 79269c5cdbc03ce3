"""The LSTM of the compiled programs, for few jets at a time: the numbers of Keras' own in about half the time.

Keras adds to the gradient of the recurrent weights at every constituent. Here one product at the end makes it of all
constituents, and padding is not calculated where all jets have it.
"""

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from jetlab.backend import load_keras

if TYPE_CHECKING:
    import keras

#: Above so many jets at once Keras' own loop is as fast: products of weights then take most of the time.
MOST_JETS = 32


def quicken(layers: "Iterable[keras.Layer]") -> None:
    """Give each LSTM among these layers, if it is like jetlab's own, a faster call, in place.

    A call for more than MOST_JETS jets, or for an unknown number, is left to Keras.
    """
    for layer in layers:
        if type(layer) is load_keras().layers.LSTM and _is_plain(layer):
            layer.call = functools.partial(_call, layer)


def _is_plain(layer: "keras.Layer") -> bool:
    cell, activations = layer.cell, load_keras().activations
    kind = (cell.activation, cell.recurrent_activation, cell.use_bias, layer.compute_dtype)
    others = ("go_backwards", "return_state", "stateful", "unroll", "zero_output_for_mask", "dropout")
    wanted = (activations.tanh, activations.sigmoid, True, "float32")
    return kind == wanted and not cell.recurrent_dropout and not any(getattr(layer, name) for name in others)


def _call(
    layer: "keras.Layer", sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
) -> Any:
    """Outputs of the layer for sequences (n, length, features) and their mask (n, length)."""
    import tensorflow as tf

    jets, length, _ = sequences.shape
    if initial_state is not None or jets is None or jets > MOST_JETS or length is None:
        return type(layer).call(layer, sequences, initial_state=initial_state, mask=mask, training=training)
    cell = layer.cell
    inputs = tf.tensordot(tf.transpose(sequences, (1, 0, 2)), cell.kernel.value, 1) + cell.bias.value
    if mask is None:
        first, last = tf.zeros((), tf.int32), tf.constant(length)
    else:
        mask = tf.transpose(mask)[..., tf.newaxis]
        reached = tf.cast(tf.reduce_any(mask, axis=(1, 2)), tf.int32)
        first, last = tf.argmax(reached, output_type=tf.int32), length - tf.argmax(reached[::-1], output_type=tf.int32)
    found = _scan(inputs, tf.convert_to_tensor(cell.recurrent_kernel.value), mask, first, last)
    return tf.transpose(found, (1, 0, 2)) if layer.return_sequences else found[-1]


def _scan(inputs: Any, kernel: Any, mask: Any, first: Any, last: Any) -> Any:
    """Outputs (length, n, nodes) of an LSTM (doi:10.1162/neco.1997.9.8.1735) whose states begin as zeros.

    `inputs` (length, n, 4 nodes) are the inputs times their weights, `kernel` (nodes, 4 nodes) the recurrent weights.
    Where `mask` (length, n, 1) is False a jet's state stays; only from `first` to before `last` is there any jet.
    XLA hands the operations of a loop to several threads, at a cost, if there are more than eight: the first has eight.
    """
    import tensorflow as tf

    (length, jets), nodes = inputs.shape[:2], kernel.shape[0]
    # Input, forget and output gate are sigmoids, the candidate is a tanh: 2 sigmoid(2 z) - 1.
    scale, offset = (np.repeat(np.array(each, np.float32), nodes) for each in ([1, 1, 2, 1], [0, 0, -1, 0]))

    def zeros(steps: int, width: int) -> Any:
        array = tf.TensorArray(tf.float32, steps, element_shape=(jets, width), clear_after_read=False)
        return array.unstack(tf.zeros((steps, jets, width)))

    def kept(step: Any, new: Any, old: Any) -> Any:
        return new if mask is None else tf.where(mask[step], new, old)

    def scan(inputs: Any, kernel: Any) -> tuple[Any, Callable[..., Any]]:
        def forward(step: Any, outputs: Any, cells: Any, gates: Any) -> Any:
            output, cell = outputs.read(step), cells.read(step)
            gates = gates.write(step, scale * tf.sigmoid(scale * (inputs[step] + output @ kernel)) + offset)
            enter, stay, candidate, leave = tf.split(gates.read(step), 4, axis=-1)
            cells = cells.write(step + 1, kept(step, stay * cell + enter * candidate, cell))
            outputs = outputs.write(step + 1, kept(step, leave * tf.tanh(cells.read(step + 1)), output))
            return step + 1, outputs, cells, gates

        states = (zeros(length + 1, nodes), zeros(length + 1, nodes), zeros(length, 4 * nodes))
        states = tf.while_loop(lambda step, *_: step < last, forward, (first, *states))[1:]
        outputs, cells, gates = (each.stack() for each in states)
        ended = (tf.range(length) >= last)[:, tf.newaxis, tf.newaxis]

        def gradient(upstream: Any) -> tuple[Any, Any]:
            def backward(step: Any, output: Any, cell: Any, found: Any) -> Any:
                enter, stay, candidate, leave = tf.split(gates[step], 4, axis=-1)
                output += upstream[step]
                squashed = tf.tanh(cells[step + 1])
                through = cell + output * leave * (1 - squashed * squashed)
                parts = [
                    through * candidate * enter * (1 - enter),
                    through * cells[step] * stay * (1 - stay),
                    through * enter * (1 - candidate * candidate),
                    output * squashed * leave * (1 - leave),
                ]
                each = kept(step, tf.concat(parts, axis=-1), tf.zeros((jets, 4 * nodes)))
                before = each @ tf.transpose(kernel) + kept(step, tf.zeros_like(output), output)
                return step - 1, before, kept(step, through * stay, cell), found.write(step, each)

            after = tf.reduce_sum(tf.where(ended, upstream, 0.0), axis=0)
            states = (last - 1, after, tf.zeros((jets, nodes)), zeros(length, 4 * nodes))
            found = tf.while_loop(lambda step, *_: step >= first, backward, states)[3].stack()
            before, each = tf.reshape(outputs[:-1], (-1, nodes)), tf.reshape(found, (-1, 4 * nodes))
            return found, tf.matmul(before, each, transpose_a=True)

        return tf.where(ended, tf.gather(outputs, last), outputs[1:]), gradient

    return tf.custom_gradient(scan)(inputs, kernel)
