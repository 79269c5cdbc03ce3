"""Finished runs side by side: what differs between their configurations, and all of them as CSV."""

import csv
import dataclasses
import io
import math
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
PARTS = ("validation", "test")
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
    def number(self) -> int:
        """The run's number in its panel."""

    @property
    def result(self) -> "Result":
        """The trained model, its configuration and how training went."""

    @property
    def metrics(self) -> Mapping[str, Estimate]:
        """Name -> value and error for the validation jets, as `metrics.evaluate` gives them; some may be missing."""

    @property
    def test_metrics(self) -> Mapping[str, Estimate]:
        """The same for the test jets; empty as long as nobody has looked at them."""

    @property
    def look(self) -> int:
        """1 for the first run of the panel whose test jets were looked at, 2 for the second ...; 0: not looked at."""


def differences(configs: Sequence[RunConfig]) -> list[str]:
    """Say for each configuration what tells it from the others, such as "batch size 32, relu".

    Only fields are named that are not equal in all of them, and that act on the configuration's model; inputs are not
    named where they are the model's own. One configuration alone, and equal ones, differ in nothing: "". Used in M2.
    """
    fields = [field.name for field in dataclasses.fields(RunConfig)]
    differing = [name for name in fields if len({_value(config, name) for config in configs}) > 1]
    return [", ".join(_words(config, name) for name in differing if _acts(config, name)) for config in configs]


def differing(results: Sequence["Result"]) -> list[str]:
    """Say for each run what `differences` says of its configuration, and where its learning rate was changed."""
    turned = [
        [f"learning rate {rate:.3g} from epoch {n}" for n, rate in rate_changes(each).items()] for each in results
    ]
    both = zip(differences([result.config for result in results]), turned, strict=True)
    return [", ".join(filter(None, [words, *changes])) for words, changes in both]


def columns(runs: Sequence[FinishedRun], marked: Callable[[FinishedRun, str], str]) -> dict[str, list[str]]:
    """Head -> the text of each run, for a table; `marked` puts to a test figure which look at the jets gave it."""
    results = [run.result for run in runs]
    # Long heads may break in two: on a laptop at 125 % the last column would be out of sight otherwise.
    return {
        "run": [str(run.number) for run in runs],
        "nodes/\N{ZERO WIDTH SPACE}layers": [result.config.label for result in results],
        "differs in": differing(results),
        "parameters": [f"{result.model.count_params():,}" for result in results],
        "best epoch": [str(result.best_epoch) for result in results],
        "validation AUC": [str(run.metrics["auc"]) for run in runs],
        "validation 1/εB at εS\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.5": [
            str(run.metrics["rejection_50"]) for run in runs
        ],
        "test AUC (looked\N{NO-BREAK SPACE}at)": [marked(run, str(run.test_metrics.get("auc"))) for run in runs],
        "seconds": [f"{result.seconds:.1f}" for result in results],
    }


def short_name(column: str) -> str:
    """Name of an input as a label: "pt" for the column "jet_pt_ak7"; others stay as they are. Used in M2."""
    return column.removeprefix("jet_").removesuffix("_ak7")


def rate_changes(result: "Result") -> dict[int, float]:
    """Epochs, counted from 1, from which on the learning rate was another than configured, and that rate.

    What the configured schedule does from epoch to epoch is no change.
    """
    config, changes = result.config, {}
    rate, planned = config.learning_rate, config.learning_rate
    for epoch, used in enumerate(result.history.get("learning_rate", ()), start=1):
        # A rate that was turned follows the schedule from there, or stays: neither is another turn. The optimizer
        # keeps rates in single precision.
        followed = rate * config.rate(epoch) / planned
        if not any(math.isclose(used, expected, rel_tol=1e-4) for expected in (followed, rate)):
            changes[epoch] = used
        rate, planned = used, config.rate(epoch)
    return changes


def to_csv(runs: Sequence[FinishedRun], looks: int = 0) -> str:
    """Write runs as CSV: a header of names and units in brackets, then a row for each run, in their order.

    Columns: run (its number), label (nodes/layers), all fields of the configuration, learning_rate_changes (such as
    "5: 0.0001" for a rate that was changed with epoch 5), parameters, best_epoch, AUC and 1/eB at eS = 0.5 of the
    validation jets with their errors, reason and seconds of training. Then the same figures of the test jets,
    test_look, which look at test jets gave them (1, 2 ...), and test_looks, out of how many (`looks`); all of these
    are empty where nobody has looked. Inputs are separated by blanks; what a run does not have, such as the AUC of a
    regression, is left empty. Numbers are written in full.
    """
    fields = [field.name for field in dataclasses.fields(RunConfig)]
    named = [f"{name} [{UNITS[name]}]" if name in UNITS else name for name in fields]
    measured = {part: [f"{part}_{name}{end}" for name in METRICS for end in ("", "_error")] for part in PARTS}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "run",
            "label [nodes/layers]",
            *named,
            "learning_rate_changes [epoch: rate]",
            "parameters",
            "best_epoch",
            *measured["validation"],
            "reason",
            "training_time [s]",
            *measured["test"],
            "test_look",
            "test_looks",
        ]
    )
    for run in runs:
        result = run.result
        validation, test = (
            [each for name in METRICS for each in found.get(name, ("", ""))]
            for found in (run.metrics, run.test_metrics)
        )
        writer.writerow(
            [
                run.number,
                result.config.label,
                *(_cell(getattr(result.config, name)) for name in fields),
                "; ".join(f"{epoch}: {rate:.6g}" for epoch, rate in rate_changes(result).items()),
                result.model.count_params(),
                result.best_epoch,
                *validation,
                result.reason,
                f"{result.seconds:.3f}",
                *test,
                *((run.look, looks) if run.look else ("", "")),
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
