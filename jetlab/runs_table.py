"""Finished runs side by side: what differs between their configurations, and all of them as CSV."""

import csv
import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from jetlab.config import INPUTS, RunConfig
from jetlab.metrics import Estimate

if TYPE_CHECKING:
    from jetlab.training import Result

#: Configuration fields that have a unit.
UNITS = {
    "batch_size": "jets",
    "epochs": "epochs",
    "patience": "epochs",
    "train_size": "jets",
    "length": "constituents",
    "image_size": "pixels",
}
#: Metrics in the CSV, as `metrics.evaluate` names them; rejection_50 is 1/eB at eS = 0.5.
METRICS = ("auc", "rejection_50")
_SEQUENCES = ("lstm", "gru", "deep_sets")
#: Fields that act on some models only: elsewhere they may differ without making a difference.
_ONLY = {
    "length": _SEQUENCES,
    "order_by": _SEQUENCES,
    "pf_id": _SEQUENCES,
    "bidirectional": ("lstm", "gru"),
    "image_size": ("cnn",),
}
#: Field -> its value in words.
_WORDS: dict[str, Callable[[Any], str]] = {
    "model": lambda model: model.replace("_", " "),
    "layers": lambda n: f"{n} layer{'s' * (n != 1)}",
    "nodes": lambda n: f"{n} node{'s' * (n != 1)}",
    "widths": lambda nodes: f"nodes {'-'.join(map(str, nodes))}",
    "dropout": lambda fraction: f"dropout {fraction:g}" if fraction else "no dropout",
    "batch_size": lambda n: f"batch size {n}",
    "learning_rate": lambda rate: f"learning rate {rate:.3g}",
    "schedule": lambda name: {
        "constant": "constant learning rate",
        "cosine": "learning rate falling along a cosine",
        "step": "learning rate falling in steps",
    }[name],
    "epochs": lambda n: f"{n} epoch{'s' * (n != 1)}",
    "patience": lambda n: f"patience {n}" if n else "no early stopping",
    "seed": lambda n: f"seed {n}",
    "train_size": lambda n: "all training jets" if n is None else f"{n:,} training jets",
    "loss": lambda name: f"loss {name}",
    "length": lambda n: f"{n} constituent{'s' * (n != 1)}",
    "order_by": lambda name: "random order" if name == "random" else f"ordered by {name}",
    "bidirectional": lambda both: "bidirectional" if both else "one direction",
    "pf_id": lambda name: {"embedding": "class embedded", "one_hot": "class one-hot"}[name],
    "image_size": lambda n: f"{n} × {n} pixels",
}


class FinishedRun(Protocol):
    """What a row is made of, such as a `panel.Run`."""

    @property
    def result(self) -> "Result":
        """The trained model, its configuration and how training went."""

    @property
    def metrics(self) -> Mapping[str, Estimate]:
        """Name -> value and error, as `metrics.evaluate` gives them; those of a regression may lack some."""


def differences(configs: Sequence[RunConfig]) -> list[str]:
    """Say for each configuration what tells it from the others, such as "batch size 32, relu".

    Only fields are named that are not equal in all of them, and that act on the configuration's model; inputs are not
    named where they are the model's own. One configuration alone, and equal ones, differ in nothing: "". Used in M2.
    """
    fields = [field.name for field in dataclasses.fields(RunConfig)]
    differing = [name for name in fields if len({_value(config, name) for config in configs}) > 1]
    return [", ".join(_words(config, name) for name in differing if _acts(config, name)) for config in configs]


def short_name(column: str) -> str:
    """Name of an input as a label: "pt" for the column "jet_pt_ak7"; others stay as they are. Used in M2."""
    return column.removeprefix("jet_").removesuffix("_ak7")


def to_csv(runs: Sequence[FinishedRun]) -> str:
    """Write runs as CSV: a header of names and units in brackets, then a row for each run, in their order.

    Columns: label (nodes/layers), all fields of the configuration, parameters, best_epoch, AUC and 1/eB at eS = 0.5
    with their errors, reason and seconds of training. Inputs are separated by blanks; what a run does not have, such
    as the AUC of a regression, is left empty. Numbers are written in full. Used in M2.
    """
    fields = [field.name for field in dataclasses.fields(RunConfig)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    measured = [each for name in METRICS for each in (name, f"{name}_error")]
    named = [f"{name} [{UNITS[name]}]" if name in UNITS else name for name in fields]
    writer.writerow(
        ["label [nodes/layers]", *named, "parameters", "best_epoch", *measured, "reason", "training_time [s]"]
    )
    for run in runs:
        result = run.result
        figures = [each for name in METRICS for each in run.metrics.get(name, ("", ""))]
        writer.writerow(
            [
                result.config.label,
                *(_cell(getattr(result.config, name)) for name in fields),
                result.model.count_params(),
                result.best_epoch,
                *figures,
                result.reason,
                f"{result.seconds:.3f}",
            ]
        )
    return text.getvalue()


def _value(config: RunConfig, name: str) -> Any:
    if name == "inputs" and config.inputs == INPUTS[config.model]:
        return None
    if name == "nodes" and config.widths:
        return None
    return getattr(config, name)


def _acts(config: RunConfig, name: str) -> bool:
    if name == ("nodes" if config.widths else "widths"):
        return False
    return config.model in _ONLY.get(name, (config.model,))


def _words(config: RunConfig, name: str) -> str:
    value = getattr(config, name)
    if name == "inputs":
        return _inputs(config)
    if name == "nodes" and config.model == "cnn":
        return f"{value} filter{'s' * (value != 1)}"
    return _WORDS.get(name, str)(value)


def _inputs(config: RunConfig) -> str:
    """Inputs by name; of many, what is left out of or added to the model's own."""
    own = INPUTS[config.model]
    if config.inputs == own:
        return "default inputs"
    lacking = [name for name in own if name not in config.inputs]
    more = [name for name in config.inputs if name not in own]
    if len(config.inputs) <= 4 or not lacking + more:
        return f"inputs {_joined(config.inputs)}"
    words = [f"{word} {_joined(names)}" for word, names in (("without", lacking), ("with", more)) if names]
    return " ".join(words)


def _joined(names: Sequence[str]) -> str:
    return " + ".join(map(short_name, names))


def _cell(value: Any) -> Any:
    if value is None:
        return "all"
    return " ".join(map(str, value)) if isinstance(value, tuple) else value
