"""Following a training: its events, its validation, the best weights, and when it is over."""

import math
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jetlab.config import RunConfig
from jetlab.errors import counted
from jetlab.models import objectives, penalties
from jetlab.training import checkpoint
from jetlab.training.data import Data, TrainingError
from jetlab.training.events import BatchEnd, EpochEnd, Event, TrainBegin, TrainEnd

if TYPE_CHECKING:
    import keras


class Watch:
    """Follows a fit: emits its events, validates, keeps the best weights and decides when it is over."""

    def __init__(
        self,
        model: "keras.Model",
        config: RunConfig,
        data: Data,
        emit: Callable[[Event], None],
        stop: threading.Event,
        judge: Callable[..., tuple[NDArray[np.float32], float]],
        keep: Path | None = None,
    ) -> None:
        self.model, self.config, self.data, self.emit, self.stop = model, config, data, emit, stop
        self.jets = len(data.y_train)
        self.batches = -(-self.jets // config.batch_size)
        self.objective = objectives.get(config.loss)
        self.history: dict[str, list[float]] = {
            name: [] for name in ("loss", "val_loss", *self.objective.reported, "learning_rate", "seconds")
        }
        self.best_epoch, self.best_loss = 0, math.inf
        # Where two networks play against each other no loss says which epoch is the best; then it is the last.
        self.game = any(getattr(layer, "game", False) for layer in model.layers)
        self.first_weights = self.best_weights = model.get_weights()
        self.training_seconds: list[float] = []
        self.over, self.judge = False, judge
        self.first_epoch, self.chosen_rate, self.rate = 1, config.learning_rate, math.nan
        self.keeper = checkpoint.Keeper(keep) if keep else None
        self.fingerprint = checkpoint.fingerprint(data) if keep else 0
        self.reason = "finished"
        self.message = "The only epoch is done" if config.epochs == 1 else f"All {config.epochs} epochs are done"
        self.began = time.perf_counter()

    def resume(self, kept: checkpoint.Checkpoint) -> None:
        """Go on behind the last epoch of a training that was cut off."""
        variables = [*self.model.variables, *self.model.optimizer.variables]
        shapes = [tuple(variable.shape) for variable in variables]
        if kept.data != checkpoint.fingerprint(self.data) or shapes != [value.shape for value in kept.variables]:
            raise TrainingError("The training that was kept is of other jets or another network; train anew.")
        if self.keeper:
            self.keeper.take_over(kept)
        for variable, value in zip(variables, kept.variables, strict=True):
            variable.assign(value)
        self.history = {name: list(values) for name, values in kept.history.items()}
        self.first_epoch, self.chosen_rate = kept.epoch + 1, kept.learning_rate
        self.best_epoch, self.best_weights = kept.best_epoch, kept.best
        self.best_loss = self.history["val_loss"][kept.best_epoch - 1]

    def begins(self) -> None:
        """Report that the network is ready."""
        history = {name: list(values) for name, values in self.history.items() if values}
        self.emit(TrainBegin(self.config.epochs, self.batches, history))

    def turn(self, learning_rate: float | None, strength: float | None = None) -> None:
        """Train on with the rate chosen last, `learning_rate` if there is one, and let the schedule lower it.

        Likewise with the strength of a penalty chosen last: losses with another one do not compare.
        """
        if strength is not None and penalties.turn(self.model, strength):
            self.best_loss = math.inf
        if learning_rate is not None:
            self.chosen_rate = learning_rate
        rate = self.config.rate(self.epoch, self.chosen_rate)
        if rate != self.rate:
            self.rate = self.model.optimizer.learning_rate = rate

    def epoch_begins(self, epoch: int) -> None:
        """Start the clock of an epoch, counted from 1."""
        self.epoch, self.epoch_began = epoch, time.perf_counter()
        # The optimizer of a training that goes on has the rate of its last epoch.
        self.rate = math.nan

    def batch_ended(self, batch: int, loss: float) -> None:
        """Report that the epoch was trained up to `batch`; see whether it diverged or must stop."""
        self.emit(BatchEnd(self.epoch, self.config.epochs, batch, self.batches, loss))
        if not math.isfinite(loss):
            self._diverged(f"The loss became {loss} in batch {batch} of epoch {self.epoch}")
        elif self.stop.is_set():
            self._halt("stopped", f"Stopped in batch {batch} of epoch {self.epoch}")

    def epoch_ended(self, loss: float, accuracy: float) -> None:
        """Validate, keep the weights if they are the best, and look whether training is saturated."""
        # An epoch cut short is neither validated nor kept: Stop acts at once, and curves hold whole epochs only.
        if self.over:
            return
        self.training_seconds.append(time.perf_counter() - self.epoch_began)
        output, penalty = self.judge(self.model, self.data.x_validation)
        if not np.isfinite(output).all():
            self._diverged(f"The scores became NaN in epoch {self.epoch}")
            return
        found = {"accuracy": accuracy}
        weight = self.data.w_validation
        assert weight is not None  # Data fills in ones
        found |= self.objective.validate(self.data.y_validation, output, weight)
        val_loss, reported = found["val_loss"] + penalty, {name: found[name] for name in self.objective.reported}
        seconds = time.perf_counter() - self.epoch_began
        numbers = {"loss": loss, "val_loss": val_loss, **reported, "learning_rate": self.rate, "seconds": seconds}
        for name, value in numbers.items():
            self.history[name].append(value)
        if self.game or val_loss < self.best_loss:
            self.best_epoch, self.best_loss, self.best_weights = self.epoch, val_loss, self.model.get_weights()
        self._keep()
        rate = self.jets / self.training_seconds[-1]
        self.emit(EpochEnd(self.epoch, self.config.epochs, loss, val_loss, reported, seconds, rate))
        if self.config.patience and self.epoch - self.best_epoch >= self.config.patience:
            waited = counted(self.config.patience, "epoch")
            self._halt("saturated", f"Saturated: no better validation loss in {waited}")

    def end(self, where: str) -> TrainEnd:
        """Give the model its final weights, and sum up."""
        self.close(cut_off=False)
        if self.best_epoch:
            self.model.set_weights(self.best_weights)
            kept = f"the model has the weights of epoch {self.best_epoch}, the {'last' if self.game else 'best'}"
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

    def close(self, cut_off: bool) -> None:
        """Keep nothing more on disk; what was kept stays there if the training was cut off."""
        if self.keeper:
            self.keeper.end(cut_off)
            self.keeper = None

    def _keep(self) -> None:
        if not self.keeper:
            return
        variables = [variable.numpy() for variable in (*self.model.variables, *self.model.optimizer.variables)]
        done = (self.fingerprint, self.epoch, self.best_epoch, self.chosen_rate, self.history)
        try:
            self.keeper.write(checkpoint.Checkpoint(self.config, *done, variables, self.best_weights))
        except OSError as error:
            text = f"The training cannot be kept in {self.keeper.path} ({error}); it goes on without."
            warnings.warn(text, stacklevel=2)
            self.close(cut_off=False)

    def _diverged(self, what: str) -> None:
        remedy = f"lower the learning rate (now {self.config.learning_rate:g}) and check that the inputs are scaled"
        self._halt("nan", f"{what}: {remedy}")

    def _halt(self, reason: str, message: str) -> None:
        self.reason, self.message, self.over = reason, message, True
