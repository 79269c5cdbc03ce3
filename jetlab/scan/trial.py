"""One trial of a scan: a point is trained once for each seed. This runs where the workers are, and knows no study."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jetlab import training
from jetlab.config import RunConfig

#: Told the step and the validation loss after each epoch, and None between; answers whether to end the trial.
Look = Callable[[tuple[int, float] | None], bool]


@dataclass(frozen=True)
class Outcome:
    """What came of a training: `history` as in `training.Result`, to six digits, `steps` the batches of an epoch."""

    seed: int
    reason: str
    best_epoch: int
    seconds: float
    jets_per_second: float
    parameters: int
    steps: int
    jets: int
    history: dict[str, list[float]]

    def best(self, name: str) -> float:
        """A number of the history in the epoch whose weights are kept; infinite where no epoch ended."""
        return self.history[name][self.best_epoch - 1] if self.best_epoch else float("inf")


def train(configs: Sequence[RunConfig], data: training.Data, look: Look) -> list[Outcome]:
    """Train a point, one run after the other; fewer come back where `look` ends it.

    Runs of one structure share a compiled program, as all do in a process. Raises TrainingError.
    """
    outcomes: list[Outcome] = []
    for number, config in enumerate(configs):
        stop = threading.Event()

        def hear(event: training.Event, number: int = number, stop: threading.Event = stop) -> None:
            step = None
            if isinstance(event, training.EpochEnd):
                step = number * event.epochs + event.epoch, event.val_loss
            if isinstance(event, training.BatchEnd | training.EpochEnd) and look(step):
                stop.set()

        result = training.run(config, data, hear, stop)
        outcomes.append(_outcome(result, data))
        if stop.is_set():
            break
    return outcomes


def _outcome(result: training.Result, data: training.Data) -> Outcome:
    config, count = result.config, len(data.y_train)
    jets = min(count, config.train_size or count)
    history: dict[str, list[Any]] = {
        name: [float(f"{value:.6g}") for value in values] for name, values in result.history.items()
    }
    return Outcome(
        seed=config.seed,
        reason=result.reason,
        best_epoch=result.best_epoch,
        seconds=result.seconds,
        jets_per_second=result.jets_per_second,
        parameters=result.model.count_params(),
        steps=-(-jets // config.batch_size),
        jets=jets,
        history=history,
    )
