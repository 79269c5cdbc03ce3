"""Training as compiled programs: TensorFlow runs many batches in one call, instead of returning to Python after each.

A small network's step takes microseconds, and a call from Python a thousand of them: with the loop over the batches
inside the program a lesson can train batch size 1. `jetlab.training` calls a program for a slice of an epoch at a time.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jetlab.backend import on_gpu, seeded
from jetlab.models import Shape
from jetlab.models.objectives import Objective
from jetlab.training import structure
from jetlab.training.compilation import all_layers, at_a_time, is_recurrent, wanted_parts, wants_xla
from jetlab.training.data import Inputs, rows
from jetlab.training.recurrence import quicken

if TYPE_CHECKING:
    import keras

#: Compiled programs kept for the next run of the same structure; each holds some megabytes.
KEPT = 4

_idle: OrderedDict[Hashable, "Program"] = OrderedDict()
_lock = threading.Lock()


class Slice(NamedTuple):
    """What a call did: batches trained, and sums over its jets: of losses, jets, right answers and weights."""

    batches: int
    loss: float
    jets: float
    right: float
    weight: float


class Program:
    """A compiled loop over batches for one structure of network, kind of optimizer and batch size.

    It owns a network and an optimizer; a call copies the weights of those to be trained in, and afterwards out, so that
    another run with the same structure need not compile again. `key` is what such runs have in common; None where it is
    for `model` alone.
    """

    def __init__(
        self,
        model: "keras.Model",
        optimizer: "keras.Optimizer",
        objective: Objective,
        row: Shape,
        batch_size: int,
        xla: bool,
        parts: int = 1,
        key: Hashable = None,
    ) -> None:
        import tensorflow as tf

        tf.get_logger().addFilter(_no_false_alarm)
        self.model, self.optimizer, self.objective = model, optimizer, objective
        self.batch_size, self.parts, self.key = batch_size, parts, key
        several = tuple(tf.TensorSpec((None, *each)) for each in row if isinstance(each, tuple))
        x = several or tf.TensorSpec((None, *row))
        number = tf.TensorSpec((), tf.int32)
        data, jets = [x, tf.TensorSpec((None,)), tf.TensorSpec((None,))], tf.TensorSpec((None,), tf.int32)
        compiled = {"autograph": False, "jit_compile": xla or None}
        # XLA runs one loop after the other: for recurrent parts side by side the loop over batches is TensorFlow's.
        whole = xla and (parts == 1 or not is_recurrent(all_layers(model)))
        loop = {"input_signature": [*data, jets, number, number], "autograph": False, "jit_compile": whole or None}
        self._loop = tf.function(self._trace_loop, **loop)
        self._part = tf.function(self._trace_part, **compiled)
        self._apply = tf.function(self._trace_apply, **compiled)
        self._step = tf.function(self._trace_step, input_signature=[*data, jets], autograph=False)
        self._output = tf.function(self._trace_output, input_signature=[x], **compiled)

    def train(
        self,
        model: "keras.Model",
        data: Sequence[Any],
        order: NDArray[np.int32],
        first: int,
        batches: int,
    ) -> Slice:
        """Train `model` and its optimizer on at most `batches` batches of x, y, w taken in `order`, from `first` on.

        It ends sooner at the end of the epoch, the last batch of which may be shorter, and with a batch whose loss is
        not finite.
        """
        import tensorflow as tf

        whole = len(order) // self.batch_size
        end, reached, sums = first + batches, first, np.zeros(4)
        _copy(_state(model, model.optimizer), _state(self.model, self.optimizer))
        if first < whole:
            numbers = (tf.constant(first), tf.constant(min(end, whole)))
            reached, found = (each.numpy() for each in self._loop(*data, tf.constant(order), *numbers))
            sums += found
        if reached == whole and reached < end and len(order) > whole * self.batch_size and np.isfinite(sums[0]):
            # One step in a thousand needs no compilation of its own.
            sums += self._step(*data, tf.constant(order[whole * self.batch_size :])).numpy()
            reached += 1
        _copy(_state(self.model, self.optimizer), _state(model, model.optimizer))
        return Slice(int(reached) - first, *sums.tolist())

    def outputs(self, model: "keras.Model", x: Inputs) -> tuple[NDArray[np.float32], float]:
        """Outputs (n, n_outputs) of `model` for inputs (n, ...), and what its layers add to the loss.

        As `fitting.judged`, but compiled.
        """
        _copy(model.variables, self.model.variables)
        n = len(x[0] if isinstance(x, tuple) else x)
        chunk = min(at_a_time(self.model), 1 << (n - 1).bit_length())
        found, penalty = [], 0.0
        for first in range(0, n, chunk):
            kept = min(chunk, n - first)
            # One length means one compilation: the last chunk is filled up by repeating its jets.
            output, added = self._output(rows(x, np.resize(np.arange(first, first + kept), chunk)))
            found.append(output.numpy()[:kept])
            penalty += float(added) * kept / n
        return np.concatenate(found), penalty

    def _trace_output(self, x: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        output = self.model(x, training=False)
        return output, tf.add_n([tf.zeros(()), *self.model.losses])

    def _trace_part(self, x: Any, y: Any, weight: Any, chosen: Any, jets: Any) -> tuple[Any, Any]:
        """Sums of a Slice over the chosen jets, a part of a batch of `jets`, and the gradient of the batch's loss."""
        import tensorflow as tf

        x, y, weight = tf.nest.map_structure(lambda values: tf.gather(values, chosen), (x, y, weight))
        with tf.GradientTape() as tape:
            output = self.model(x, training=True)
            # Loss as `model.fit` defines it.
            loss = tf.reduce_sum(weight * self.objective.losses(y, output)) / jets
            loss = tf.add_n([loss, *self.model.losses])
            # Only an optimizer for float16 scales the loss, so that small gradients do not vanish; it scales them back.
            scaled = self.optimizer.scale_loss(loss)
        gradient = tape.gradient(scaled, self.model.trainable_variables)
        right = tf.zeros(())
        if self.objective.classifies:
            right = tf.reduce_sum(weight * tf.cast(self.objective.right(y, output), tf.float32))
        return tf.stack([loss * jets, tf.cast(tf.shape(y)[0], tf.float32), right, tf.reduce_sum(weight)]), gradient

    def _trace_apply(self, gradients: Any) -> None:
        """New weights, from the gradients of the parts of a batch."""
        import tensorflow as tf

        total = [None if each[0] is None else tf.add_n(each) for each in zip(*gradients, strict=True)]
        self.optimizer.apply(total, self.model.trainable_variables)

    def _trace_step(self, x: Any, y: Any, weight: Any, chosen: Any) -> Any:
        """One batch as a whole: predict, loss, gradient, new weights."""
        import tensorflow as tf

        sums, gradient = self._trace_part(x, y, weight, chosen, tf.cast(tf.shape(chosen)[0], tf.float32))
        self.optimizer.apply(gradient, self.model.trainable_variables)
        return sums

    def _trace_loop(self, x: Any, y: Any, weight: Any, order: Any, begin: Any, end: Any) -> Any:
        import tensorflow as tf

        def body(batch: Any, sums: Any) -> Any:
            chosen = tf.slice(order, [batch * self.batch_size], [self.batch_size])
            if self.parts == 1:
                found = self._trace_step(x, y, weight, chosen)
            else:
                jets = tf.constant(self.batch_size, tf.float32)
                parts = [self._part(x, y, weight, part, jets) for part in tf.split(chosen, self.parts)]
                found = tf.add_n([part[0] for part in parts])
                self._apply([part[1] for part in parts])
            # In float64 the sums do not depend on how an epoch is cut into slices: the same seed, the same curve.
            return batch + 1, sums + tf.cast(found, tf.float64)

        def goes_on(batch: Any, sums: Any) -> Any:
            return tf.logical_and(batch < end, tf.math.is_finite(sums[0]))

        return tf.while_loop(goes_on, body, (begin, tf.zeros(4, tf.float64)))


def take(model: "keras.Model", objective: Objective, row: Shape, batch_size: int, steps: int) -> Program:
    """Program that trains `model` (compiled with its optimizer): one kept from an earlier run, or a new one.

    `row` is the shape of the inputs of one jet, `steps` the length of the whole training in batches. Hand the program
    back with `keep`; until then no other thread gets it.
    """
    xla = wants_xla(model, batch_size, steps)
    parts = wanted_parts(model, batch_size, xla)
    described = _described(model, model.optimizer)
    key = (described, objective, row, batch_size, xla, parts) if all(described) else None
    with _lock:
        kept = _idle.pop(key, None)
    if kept is not None:
        return kept
    if key is not None:
        # Building a network draws seeds: the user's next network must not depend on whether a program was kept.
        with seeded(0):
            twin = type(model).from_config(model.get_config())
        optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        optimizer.build(twin.trainable_variables)
        # Layers that share variables, for one, are made apart by their configuration.
        if _described(twin, optimizer) == described:
            if xla and not on_gpu():
                quicken(all_layers(twin))
            return Program(twin, optimizer, objective, row, batch_size, xla, parts, key)
    return Program(model, model.optimizer, objective, row, batch_size, xla, parts)


def keep(program: Program) -> None:
    """Keep a program that is no longer in use for the next run, unless it is for its own network alone.

    The one that was kept longest ago is forgotten.
    """
    if program.key is None:
        return
    with _lock:
        _idle[program.key] = program
        _idle.move_to_end(program.key)
        while len(_idle) > KEPT:
            _idle.popitem(last=False)


def _described(model: "keras.Model", optimizer: "keras.Optimizer") -> tuple[str, str]:
    return structure.network(model), structure.optimizer(optimizer)


def _no_false_alarm(record: logging.LogRecord) -> bool:
    """TensorFlow warns of frequent tracing where many programs are each traced once, as they must be."""
    return "triggered tf.function retracing" not in record.getMessage()


def _state(model: "keras.Model", optimizer: "keras.Optimizer") -> list[Any]:
    return [*model.variables, *optimizer.variables]


def _copy(source: list[Any], target: list[Any]) -> None:
    from tensorflow.raw_ops import AssignVariableOp, ReadVariableOp

    for variable, other in zip(source, target, strict=True):
        if other is not variable:
            # `assign` would take three times as long, which counts where an epoch takes hundredths of a second.
            value = ReadVariableOp(resource=variable.value.handle, dtype=variable.value.dtype)
            AssignVariableOp(resource=other.value.handle, value=value)
