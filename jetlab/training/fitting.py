"""Training a network: from a run configuration to fitted weights, with events that plots and panels subscribe to.

An epoch is trained in slices of a fraction of a second, each one call of a compiled program (`training.programs`).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jetlab import backend, memory, models
from jetlab.backend import device, load_keras
from jetlab.config import INPUTS, RunConfig
from jetlab.models import objectives
from jetlab.training import checkpoint, programs
from jetlab.training.compilation import at_a_time
from jetlab.training.data import Data, Inputs, TrainingError, rows, shape
from jetlab.training.events import Event
from jetlab.training.watch import Watch

if TYPE_CHECKING:
    import keras

#: Seconds of training between two looks at what the user wants: Stop has to act within half a second.
SLICE_SECONDS = 0.2


@dataclass
class Knobs:
    """What may be turned while `fit` runs, also from another thread; it is looked at before every slice.

    `learning_rate` replaces the configured one, and falls as the schedule says. `strength` is that of the penalties
    that the model has (`models.penalties`); when it changes, the best epoch is sought anew. `batches` is the number of
    batches to the next BatchEnd: with 1 training goes in single steps; None takes as many as fit into SLICE_SECONDS.
    Pause by blocking in `on_event`.
    """

    learning_rate: float | None = None
    strength: float | None = None
    batches: int | None = None


@dataclass(frozen=True)
class Result:
    """The trained model, what it was asked to be, and how training went.

    `history` has a list with a number per epoch: loss, val_loss (both with what layers add to the loss, as Keras'
    own), learning_rate, seconds, and for taggers
    accuracy, val_accuracy and (of two classes) val_auc, for regression val_bias and val_width: median and half the
    central 68 % of prediction - target.
    """

    model: "keras.Model"
    config: RunConfig
    history: dict[str, list[float]]
    best_epoch: int
    reason: str
    message: str
    seconds: float
    jets_per_second: float
    device: str

    def predict(self, x: Inputs) -> NDArray[np.float32]:
        """As the function `predict`, for this run's model."""
        return predict(self.model, x)


def run(
    config: RunConfig,
    data: Data,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    knobs: Knobs | None = None,
) -> Result:
    """Build by the configured seed and `fit`: the same configuration and data give the same numbers again.

    Raises TrainingError where a dense network's configuration names inputs of its own, but not as many as the data have
    columns, and as `fit` does.
    """
    device()
    row = shape(data.x_train)
    with backend.seeded(config.seed):
        model = models.build(config, row)
    # Inputs left empty say nothing of the data: names are known to be wanted only where they are not the model's own.
    if config.model == "dense" and config.inputs != INPUTS["dense"] and row != (len(config.inputs),):
        raise TrainingError(
            f"The configuration has {len(config.inputs)} inputs ({', '.join(config.inputs)}), but the data have "
            f"{row[0]} columns; make the data of these inputs, as jetlab.inputs.prepare does."
        )
    return fit(model, config, data, on_event, stop, knobs)


def fit(
    model: "keras.Model",
    config: RunConfig,
    data: Data,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    knobs: Knobs | None = None,
    keep: Path | None = None,
    resume: checkpoint.Checkpoint | None = None,
) -> Result:
    """Train by the configured loss, weighted, until the epochs are over, saturation, `stop` or a loss that is NaN.

    The model ends with the weights of the epoch of lowest validation loss, or of the last one where a layer is an
    adversary (`models.penalties`); stopped before the first epoch ended it
    keeps the weights it has, and after NaN those it began with. Events are emitted in the calling thread.

    `keep` is the folder and name under which `checkpoint` keeps the training after each epoch, until it ends; `resume`
    is what `checkpoint.cut_off` found there: the training goes on behind its last epoch, with the numbers that it would
    have had. Raises TrainingError where data and loss disagree on what is to be learnt, or `resume` is of other jets.
    """
    keras = load_keras()
    where = device()
    data = data.first(config.train_size, config.seed)
    optimizer = keras.optimizers.get(
        {"class_name": config.optimizer, "config": {"learning_rate": config.learning_rate}}
    )
    objective = objectives.get(config.loss)
    if objective.classes != (0 if data.regression else data.classes):
        numbers = "0 and 1" if objective.classes == 2 else f"0 to {objective.classes - 1}"
        wanted = f"labels {numbers}" if objective.classifies else "regression"
        of_kind = objective.classifies and not data.regression
        made = f"classes={data.classes}" if of_kind else f"regression={data.regression}"
        raise TrainingError(
            f"The loss {config.loss} is for {wanted}, but the data are made with {made}; change one of them."
        )
    # By Keras' own name, where it has one, so that a saved model needs no jetlab to be loaded.
    loss = config.loss if hasattr(keras.losses, config.loss) else objective.losses
    kind = keras.metrics.BinaryAccuracy if objective.classes == 2 else keras.metrics.SparseCategoricalAccuracy
    accuracy = [kind(name="accuracy")] if objective.classifies else []
    model.compile(optimizer, loss=loss, weighted_metrics=accuracy)
    # For float16 Keras has wrapped the optimizer in one that scales the loss.
    model.optimizer.build(model.trainable_variables)
    emit = on_event or (lambda event: None)
    watch = Watch(model, config, data, emit, stop or threading.Event(), judged, keep)
    try:
        if resume is not None:
            watch.resume(resume)
        watch.begins()
        train = _train_by_program if backend.name() == "tensorflow" else _train_by_keras
        train(watch, knobs or Knobs())
        end = watch.end(where)
    finally:
        # Nothing to do after an end; a failure leaves what was kept, to go on with.
        watch.close(cut_off=True)
        memory.give_back()
    emit(end)
    outcome = {name: getattr(end, name) for name in ("best_epoch", "reason", "message", "seconds", "jets_per_second")}
    return Result(model=model, config=config, history=watch.history, device=where, **outcome)


def predict(model: "keras.Model", x: Inputs) -> NDArray[np.float32]:
    """First output (n,) of a model for scaled inputs (n, ...): of a tagger the score, W near 1."""
    return outputs(model, x)[:, 0]


def outputs(model: "keras.Model", x: Inputs) -> NDArray[np.float32]:
    """All outputs (n, n_outputs) of a model for scaled inputs (n, ...)."""
    return judged(model, x)[0]


def judged(model: "keras.Model", x: Inputs) -> tuple[NDArray[np.float32], float]:
    """All outputs (n, n_outputs), and what the layers add to the loss: the mean over the parts that are looked at."""
    chunk = at_a_time(model)
    # Model.predict would compile anew for every model and every odd last batch, and TensorFlow warn about it.
    to_numpy = load_keras().ops.convert_to_numpy
    several = isinstance(x, tuple | list)
    x = tuple(np.asarray(each, dtype=np.float32) for each in x) if several else np.asarray(x, dtype=np.float32)
    n = len(x[0] if several else x)
    found, penalty = [], 0.0
    for first in range(0, n, chunk):
        found.append(to_numpy(model(rows(x, slice(first, first + chunk)), training=False)))
        penalty += sum(float(to_numpy(each)) for each in model.losses) * len(found[-1]) / n
    if n > chunk:
        memory.give_back()
    return np.concatenate(found) if found else np.empty((0, model.output_shape[-1]), np.float32), penalty


def _train_by_program(watch: Watch, knobs: Knobs) -> None:
    import tensorflow as tf

    model, config = watch.model, watch.config
    parts = [tf.nest.map_structure(tf.constant, getattr(watch.data, f"{letter}_train")) for letter in "xyw"]
    row, steps = shape(watch.data.x_train), config.epochs * watch.batches
    program = programs.take(model, watch.objective, row, config.batch_size, steps)
    watch.judge = program.outputs
    length = 1
    try:
        for epoch in range(watch.first_epoch, config.epochs + 1):
            watch.epoch_begins(epoch)
            shuffled = watch.data.order(config.seed, epoch)
            batch, sums = 0, np.zeros(4)
            while batch < watch.batches and not watch.over:
                watch.turn(knobs.learning_rate, knobs.strength)
                began = time.perf_counter()
                done = program.train(model, parts, shuffled, batch, knobs.batches or length)
                # The first slice of all is one batch: it holds the compilation, and says nothing about speed.
                seconds = (
                    (time.perf_counter() - began) / done.batches
                    if batch or epoch > watch.first_epoch
                    else SLICE_SECONDS
                )
                length = max(1, int(SLICE_SECONDS / seconds))
                batch += done.batches
                sums += done[1:]
                loss, accuracy = sums[0] / sums[1], sums[2] / sums[3] if sums[3] else 0.0
                watch.batch_ended(batch, float(loss))
            watch.epoch_ended(float(loss), float(accuracy))
            if watch.over:
                return
    finally:
        programs.keep(program)


def _train_by_keras(watch: Watch, knobs: Knobs) -> None:
    """The same through `model.fit`, for Keras on JAX or PyTorch; a slice is always one batch."""
    model, data, config = watch.model, watch.data, watch.config

    def batch_ended(batch: int, logs: dict[str, float]) -> None:
        if backend.name() == "jax":
            # Keras on JAX trains a copy of the variables: only so may they be read and the rate be changed.
            model.jax_state_sync()
        watch.batch_ended(batch + 1, logs["loss"])
        watch.turn(knobs.learning_rate, knobs.strength)
        model.stop_training = watch.over

    callback = load_keras().callbacks.LambdaCallback(on_train_batch_end=batch_ended)
    for epoch in range(watch.first_epoch, config.epochs + 1):
        watch.epoch_begins(epoch)
        watch.turn(knobs.learning_rate, knobs.strength)
        shuffled = data.order(config.seed, epoch)
        x, y, weight = (rows(getattr(data, f"{letter}_train"), shuffled) for letter in "xyw")
        fitted = model.fit(
            x, y, config.batch_size, sample_weight=weight, shuffle=False, callbacks=[callback], verbose=0
        ).history
        watch.epoch_ended(fitted["loss"][0], fitted.get("accuracy", [0.0])[0])
        if watch.over:
            return
