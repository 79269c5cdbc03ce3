"""Training a network: data, events, compiled epochs, checkpoints. It emits events and never draws."""

from jetlab.training.data import (
    Data,
    Inputs,
    TrainingError,
    rows,
    shape,
)
from jetlab.training.events import (
    BatchEnd,
    EpochEnd,
    Event,
    TrainBegin,
    TrainEnd,
)
from jetlab.training.fitting import (
    Knobs,
    Result,
    fit,
    outputs,
    predict,
    run,
)
from jetlab.training.progress import (
    bar,
    clock,
)

__all__ = [
    "BatchEnd",
    "Data",
    "EpochEnd",
    "Event",
    "Inputs",
    "Knobs",
    "Result",
    "TrainBegin",
    "TrainEnd",
    "TrainingError",
    "bar",
    "clock",
    "fit",
    "outputs",
    "predict",
    "rows",
    "run",
    "shape",
]
