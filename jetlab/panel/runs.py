"""What a panel keeps of its finished runs: how they differ, their table, the look at the test part, and CSV."""

import csv
import dataclasses
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from jetlab.config import INPUTS, RunConfig, short_name
from jetlab.metrics import Estimate

if TYPE_CHECKING:
    from jetlab.training import Result

import base64
import html
import threading
from collections.abc import Iterable

import ipywidgets as widgets

from jetlab.errors import ArgumentError, JetlabError
from jetlab.panel.controls import TICK

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
    """Say for each configuration how it differs from the others, such as "batch size 32, relu".

    Only fields are named that are not equal in all of them, and that act on the configuration's model; inputs are not
    named where they are the model's own. One configuration alone, and equal ones, differ in nothing: "".
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


BLANK = "\N{NO-BREAK SPACE}"


class RunsView:
    """A table of finished runs with a box to tick for each, and the deliberate look at the test part.

    Test figures are made on demand only, once per run, and counted: the table says which look gave them.

    Args:
        runs: the panel's finished runs, from which this deletes. Each has a `number` of its own, a `label`, and `look`,
            0 until its test part is looked at, then 1 for the panel's first look, 2 for the second ...
        columns: gives head -> the text of each run, for all runs.
        draw: called with the ticked runs, of many only the last `most`, whenever they change.
        most: runs that can be drawn at a time.
        measure: measures a run on the test part and keeps in the run what it finds; None: there is no test part.
        part: what the test part is called.
        csv: gives the runs as CSV; None: they are not exported.
    """

    def __init__(
        self,
        runs: list[Any],
        columns: Callable[[], Mapping[str, Sequence[str]]],
        draw: Callable[[Sequence[Any]], None],
        most: int,
        measure: Callable[[Any], None] | None = None,
        part: str = "test jets",
        csv: Callable[[], str] | None = None,
    ) -> None:
        self.looks = 0
        self._runs, self._columns, self._draw, self._most = runs, columns, draw, most
        self._measure, self._part, self._csv = measure, part, csv
        self._looking = threading.Lock()
        self._boxes: dict[int, widgets.Checkbox] = {}
        self._table, self._said, self._link = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._ticks = widgets.HBox(layout=widgets.Layout(flex_flow="row wrap"))
        tooltip = f"For the end: measure the run that you have chosen by its validation figures on the {part}, once"
        self._look = widgets.Button(icon="eye", tooltip=tooltip, layout=widgets.Layout(width="auto"))
        self._look.on_click(lambda _: self.look())
        delete = widgets.Button(description="Delete ticked", icon="trash", tooltip="Remove the ticked runs")
        delete.on_click(lambda _: self.delete())
        tools = [*([self._look] if measure else []), delete, self._link]
        self._tools = widgets.HBox(tools, layout=widgets.Layout(display="none", flex_flow="row wrap"))
        self.widget = widgets.VBox([self._table, self._ticks, self._tools, self._said])

    def show(self) -> None:
        """Write the table anew, with a box to tick for each run."""
        ticked = {run.number for run in self.ticked()}
        columns = self._columns() if self._runs else {}
        rows = "".join(_row(cells, "td") for cells in zip(*columns.values(), strict=True))
        self._table.value = f"<table>{_row(columns, 'th')}{rows}</table>" if rows else ""
        self._boxes = {run.number: self._box(run, run.number in ticked) for run in self._runs}
        self._ticks.children = list(self._boxes.values())
        self._tools.layout.display = "" if rows else "none"
        if self._csv:
            text = base64.b64encode(self._csv().encode()).decode()
            self._link.value = f'<a download="runs.csv" href="data:text/csv;base64,{text}">Export as CSV</a>'
        self._say()

    def ticked(self) -> list[Any]:
        """The runs whose box is ticked, in the order of the table."""
        return [run for run in self._runs if run.number in self._boxes and self._boxes[run.number].value]

    def delete(self) -> None:
        """Remove the ticked runs; looks at their test parts still count."""
        gone = {run.number for run in self.ticked()}
        self._runs[:] = [run for run in self._runs if run.number not in gone]
        self.show()
        self._draw([])

    def look(self) -> None:
        """Measure the ticked run, or where none is ticked the last, on the test part, unless this was done before.

        Raises ArgumentError if there is no test part.
        """
        if self._measure is None:
            raise ArgumentError(f"This panel was given no {self._part} to look at; give it some when you make it.")
        ticked = self.ticked()
        if len(ticked) > 1:
            self._say("Several runs are ticked: tick only the one that you have chosen by its validation figures.")
        elif self._runs:
            # Held so that a second press, from wherever, finds the run measured and does not count again.
            with self._looking:
                self._look_at((ticked or self._runs)[-1])
        else:
            self._say("There is no finished run to look at yet: press Train first.")

    def marked(self, run: Any, found: str) -> str:
        """What a look at the test part found, and which look that was; empty if nobody has looked."""
        return f"{found} (look{BLANK}{run.look}{BLANK}of{BLANK}{self.looks})" if run.look else ""

    def _look_at(self, run: Any) -> None:
        if run.look:
            self._say(f"The {self._part} of run {run.number} were looked at before; see the table.")
            return
        self._say(f"Looking at the {self._part} of run {run.number} ...")
        assert self._measure is not None  # `look` has seen to it
        try:
            self._measure(run)
        except JetlabError as error:
            self._say(f"⚠ {error}")
            return
        self.looks += 1
        run.look = self.looks
        self.show()

    def _box(self, run: Any, ticked: bool) -> widgets.Checkbox:
        box = widgets.Checkbox(ticked, description=f"{run.number}: {run.label}", indent=False, layout=TICK)
        box.tooltip = f"Choose run {run.number}, and draw it beside the present one"
        box.observe(lambda _: self._tick(), "value")
        return box

    def _tick(self) -> None:
        ticked = self.ticked()
        self._draw(ticked[-self._most :])
        too_many = f"Of the {len(ticked)} ticked runs only the last {self._most} are drawn."
        self._say(too_many if len(ticked) > self._most else "")

    def _say(self, text: str = "") -> None:
        ticked = self.ticked()
        which = f" of run {(ticked or self._runs)[-1].number}" if self._runs and len(ticked) < 2 else ""
        self._look.description = f"Look at the {self._part}{which}"
        lines = "<br>".join(html.escape(line) for line in (text, self._meaning()) if line)
        self._said.value = f'<div style="line-height: 1.4">{lines}</div>'

    def _meaning(self) -> str:
        if self.looks == 0:
            return ""
        if self.looks == 1:
            return (
                f"The {self._part} of one run were looked at. Its test figures are honest if it was chosen before, by "
                "validation figures."
            )
        return (
            f"The {self._part} of {self.looks} runs were looked at. Choosing among these runs by their test figures "
            "makes the winner's too optimistic: choose by validation figures, and say how many runs you looked at."
        )


def _row(cells: Iterable[str], tag: str) -> str:
    # A number stays on one line with its error; what may be long takes several, close together.
    style = "padding: 2px 5px; text-align: right; line-height: 1.4; white-space: normal"
    whole = (html.escape(cell.replace(" ± ", f"{BLANK}±{BLANK}")) for cell in cells)
    return "<tr>" + "".join(f'<{tag} style="{style}">{cell}</{tag}>' for cell in whole) + "</tr>"
