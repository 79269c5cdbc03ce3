"""What a training reports while it runs, to progress bars, panels and tests."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TrainBegin:
    """A network is ready to be trained; `history` has the numbers of the epochs done before, where it goes on."""

    epochs: int
    batches: int
    history: dict[str, list[float]] = field(default_factory=dict)


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
    """An epoch was trained and validated; `seconds` is all of it, `jets_per_second` counts the training alone.

    `metrics` has what the objective reports beside the losses: val_auc and accuracies, or val_bias and val_width.
    """

    epoch: int
    epochs: int
    loss: float
    val_loss: float
    metrics: dict[str, float]
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


Event = TrainBegin | BatchEnd | EpochEnd | TrainEnd
