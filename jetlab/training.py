"""Training a network: from a run configuration to fitted weights, with events that plots and panels subscribe to.

An epoch is trained in slices of a fraction of a second, each one call of a compiled program (`jetlab.programs`).
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jetlab import backend, metrics, models, programs
from jetlab.backend import device, load_keras
from jetlab.config import RunConfig
from jetlab.parts import Data
from jetlab.parts import TrainingError as TrainingError

if TYPE_CHECKING:
    import keras

#: Seconds of training between two looks at what the user wants: Stop has to act within half a second.
SLICE_SECONDS = 0.2
HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy", "val_auc", "seconds")


@dataclass(frozen=True, slots=True)
class BatchEnd:
    """A slice of an epoch was trained, up to `batch` (from 1); `loss` is the mean over the epoch so far."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """An epoch was trained and validated; `seconds` is all of it, `jets_per_second` counts the training alone."""

    epoch: int
    epochs: int
    loss: float
    val_loss: float
    val_auc: float
    seconds: float
    jets_per_second: float


@dataclass(frozen=True, slots=True)
class TrainEnd:
    """Training is over: "finished" (all epochs), "saturated" (patience ran out), "stopped" (by the user) or "nan".

    `message` says so in one sentence; `best_epoch` is the one whose weights the model now has, 0 where no epoch ended.
    """

    reason: str
    message: str
    best_epoch: int
    seconds: float
    jets_per_second: float
    device: str


Event = BatchEnd | EpochEnd | TrainEnd


@dataclass
class Knobs:
    """What may be turned while `fit` runs, also from another thread; it is looked at before every slice.

    `learning_rate` replaces the configured one. `batches` is the number of batches until the next BatchEnd: with 1
    training goes in single steps; None takes as many as fit into SLICE_SECONDS. Pause by blocking in `on_event`.
    """

    learning_rate: float | None = None
    batches: int | None = None


@dataclass(frozen=True)
class Result:
    """The trained model, what it was asked to be, and how training went; `history` has a list per name in HISTORY."""

    model: "keras.Model"
    config: RunConfig
    history: dict[str, list[float]]
    best_epoch: int
    reason: str
    message: str
    seconds: float
    jets_per_second: float
    device: str

    def predict(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """As the function `predict`, for this run's model. Used in M2."""
        return predict(self.model, x)


def run(
    config: RunConfig,
    data: Data,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    knobs: Knobs | None = None,
) -> Result:
    """Seed, build and `fit`: the same configuration and data give the same numbers again. Used in M2."""
    device()
    load_keras().utils.set_random_seed(config.seed)
    return fit(models.build(config, data.x_train.shape[1:]), config, data, on_event, stop, knobs)


def fit(
    model: "keras.Model",
    config: RunConfig,
    data: Data,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    knobs: Knobs | None = None,
) -> Result:
    """Train by weighted binary cross-entropy until the epochs are over, saturation, `stop` or a loss that is NaN.

    The model ends with the weights of the epoch of lowest validation loss; stopped before the first epoch ended it
    keeps the weights it has, and after NaN those it began with. Events are emitted in the calling thread. Used in M2.
    """
    keras = load_keras()
    where = device()
    data = data.first(config.train_size, config.seed)
    optimizer = keras.optimizers.get(
        {"class_name": config.optimizer, "config": {"learning_rate": config.learning_rate}}
    )
    accuracy = keras.metrics.BinaryAccuracy(name="accuracy")
    model.compile(optimizer, loss="binary_crossentropy", weighted_metrics=[accuracy])
    optimizer.build(model.trainable_variables)
    emit = on_event or (lambda event: None)
    watch = _Watch(model, config, data, emit, stop or threading.Event())
    train = _train_by_program if backend.name() == "tensorflow" else _train_by_keras
    train(watch, knobs or Knobs())
    end = watch.end(where)
    emit(end)
    outcome = {name: getattr(end, name) for name in ("best_epoch", "reason", "message", "seconds", "jets_per_second")}
    return Result(model=model, config=config, history=watch.history, device=where, **outcome)


def predict(model: "keras.Model", x: NDArray[Any], chunk: int = 2048) -> NDArray[np.float32]:
    """Scores (n,) between 0 (QCD) and 1 (W) of a model for scaled inputs (n, n_inputs). Used in M2."""
    # Model.predict would compile anew for every model and every odd last batch, and TensorFlow warn about it.
    to_numpy = load_keras().ops.convert_to_numpy
    x = np.asarray(x, dtype=np.float32)
    scores = [to_numpy(model(x[i : i + chunk], training=False))[:, 0] for i in range(0, len(x), chunk)]
    return np.concatenate(scores) if scores else np.empty(0, np.float32)


def _train_by_program(watch: "_Watch", knobs: Knobs) -> None:
    import tensorflow as tf

    model, config = watch.model, watch.config
    parts = [tf.constant(getattr(watch.data, f"{letter}_train")) for letter in "xyw"]
    program = programs.take(model, watch.data.x_train.shape[1:], config.batch_size, config.epochs * watch.batches)
    watch.predict = program.predict
    length = 1
    try:
        for epoch in range(1, config.epochs + 1):
            watch.epoch_begins(epoch)
            shuffled = watch.data.order(config.seed, epoch)
            batch, sums = 0, np.zeros(4)
            while batch < watch.batches and not watch.over:
                _turn(model, knobs)
                began = time.perf_counter()
                done = program.train(model, parts, shuffled, batch, knobs.batches or length)
                # The first slice of all is one batch: it holds the compilation, and says nothing about speed.
                seconds = (time.perf_counter() - began) / done.batches if batch or epoch > 1 else SLICE_SECONDS
                length = max(1, int(SLICE_SECONDS / seconds))
                batch += done.batches
                sums += done[1:]
                loss, accuracy = sums[0] / sums[1], sums[2] / sums[3] if sums[3] else 0.0
                watch.batch_ended(batch, float(loss))
            watch.epoch_ended(float(loss), float(accuracy))
            if watch.over:
                return
    finally:
        programs.keep(program, model)


def _train_by_keras(watch: "_Watch", knobs: Knobs) -> None:
    """The same through `model.fit`, for Keras on JAX or PyTorch; a slice is always one batch."""
    keras, data, config = load_keras(), watch.data, watch.config

    def batch_ended(batch: int, logs: dict[str, float]) -> None:
        watch.batch_ended(batch + 1, logs["loss"])
        _turn(watch.model, knobs)
        watch.model.stop_training = watch.over

    def epoch_ended(epoch: int, logs: dict[str, float]) -> None:
        watch.epoch_ended(logs["loss"], logs["accuracy"])
        watch.model.stop_training = watch.over

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=batch_ended, on_epoch_end=epoch_ended)
    callback.on_epoch_begin = lambda epoch, logs: watch.epoch_begins(epoch + 1)
    watch.model.fit(
        data.x_train,
        data.y_train,
        sample_weight=data.w_train,
        batch_size=config.batch_size,
        epochs=config.epochs,
        callbacks=[callback],
        verbose=0,
    )


def _turn(model: "keras.Model", knobs: Knobs) -> None:
    if knobs.learning_rate is not None:
        model.optimizer.learning_rate = knobs.learning_rate


class _Watch:
    """Follows a fit: emits its events, validates, keeps the best weights and decides when it is over."""

    def __init__(
        self,
        model: "keras.Model",
        config: RunConfig,
        data: Data,
        emit: Callable[[Event], None],
        stop: threading.Event,
    ) -> None:
        self.model, self.config, self.data, self.emit, self.stop = model, config, data, emit, stop
        self.jets = len(data.y_train)
        self.batches = -(-self.jets // config.batch_size)
        self.history: dict[str, list[float]] = {name: [] for name in HISTORY}
        self.best_epoch, self.best_loss = 0, math.inf
        self.first_weights = self.best_weights = model.get_weights()
        self.training_seconds: list[float] = []
        self.over, self.predict = False, predict
        self.reason, self.message = "finished", f"All {config.epochs} epochs are done"
        self.began = time.perf_counter()

    def epoch_begins(self, epoch: int) -> None:
        self.epoch, self.epoch_began = epoch, time.perf_counter()

    def batch_ended(self, batch: int, loss: float) -> None:
        self.emit(BatchEnd(self.epoch, self.config.epochs, batch, self.batches, loss))
        if not math.isfinite(loss):
            self._diverged(f"The loss became {loss} in batch {batch} of epoch {self.epoch}")
        elif self.stop.is_set():
            self._halt("stopped", f"Stopped in batch {batch} of epoch {self.epoch}")

    def epoch_ended(self, loss: float, accuracy: float) -> None:
        # An epoch cut short is neither validated nor kept: Stop acts at once, and curves hold whole epochs only.
        if self.over:
            return
        self.training_seconds.append(time.perf_counter() - self.epoch_began)
        y, weight = self.data.y_validation, self.data.w_validation
        score = self.predict(self.model, self.data.x_validation)
        if not np.isfinite(score).all():
            self._diverged(f"The scores became NaN in epoch {self.epoch}")
            return
        val_loss, val_auc = _cross_entropy(y, score, weight), metrics.auc(y, score, weight)
        seconds = time.perf_counter() - self.epoch_began
        row = (loss, accuracy, val_loss, metrics.accuracy(y, score, weight), val_auc, seconds)
        for name, value in zip(HISTORY, row, strict=True):
            self.history[name].append(value)
        if val_loss < self.best_loss:
            self.best_epoch, self.best_loss, self.best_weights = self.epoch, val_loss, self.model.get_weights()
        rate = self.jets / self.training_seconds[-1]
        self.emit(EpochEnd(self.epoch, self.config.epochs, loss, val_loss, val_auc, seconds, rate))
        if self.config.patience and self.epoch - self.best_epoch >= self.config.patience:
            self._halt("saturated", f"Saturated: no better validation loss in {self.config.patience} epochs")

    def end(self, where: str) -> TrainEnd:
        """Give the model the weights it shall keep and sum up."""
        if self.best_epoch:
            self.model.set_weights(self.best_weights)
            kept = f"the model has the weights of epoch {self.best_epoch}, the best"
        elif self.reason == "nan":
            self.model.set_weights(self.first_weights)
            kept = "the model has its first weights"
        else:
            kept = "no epoch was completed"
        # The first epoch contains the tracing of the network: it says little about the speed of the others.
        timed = self.training_seconds[1:] or self.training_seconds
        rate = self.jets * len(timed) / sum(timed) if timed else 0.0
        seconds = time.perf_counter() - self.began
        return TrainEnd(self.reason, f"{self.message}; {kept}.", self.best_epoch, seconds, rate, where)

    def _diverged(self, what: str) -> None:
        remedy = f"lower the learning rate (now {self.config.learning_rate:g}) and check that the inputs are scaled"
        self._halt("nan", f"{what}: {remedy}")

    def _halt(self, reason: str, message: str) -> None:
        self.reason, self.message, self.over = reason, message, True


def _cross_entropy(y: NDArray[Any], score: NDArray[Any], weight: NDArray[Any]) -> float:
    score = np.clip(score.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(np.average(-np.where(y == 1, np.log(score), np.log(1 - score)), weights=weight))
