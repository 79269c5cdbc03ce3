"""What a panel keeps of its finished runs: their table, the look at the test part, and CSV."""

import base64
import csv
import dataclasses
import html
import io
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ipywidgets as widgets

from jetlab.errors import ArgumentError, JetlabError
from jetlab.metrics import Estimate
from jetlab.panel.controls import FIELDS, TICK, WRAP
from jetlab.panel.words import differences, rate_changes, rate_words
from jetlab.training import Result

BLANK = "\N{NO-BREAK SPACE}"


@dataclass
class Run:
    """One finished training of a panel, and how good it is.

    Attributes:
        number: 1 for the panel's first run, 2 for the second ...; it is never given again.
        result: the trained model, its configuration and how training went.
        score: what the network predicts for the validation part: scores (n_validation,) of a tagger, in M6
            `metrics.jes.Scores`, in M7 the track number of each hit.
        metrics: name -> value and error, from that score.
        look: 1 if this was the first run whose test part was looked at, 2 if the second ...; 0: not looked at.
        test_score: of the test part; None until it is looked at.
        test_metrics: as `metrics`, from that score; empty until then.
    """

    number: int
    result: Result
    score: Any
    metrics: Mapping[str, Estimate]
    look: int = 0
    test_score: Any = None
    test_metrics: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The network in short, such as "64/3" for nodes per layer and layers."""
        return self.result.config.label


#: What figures are called in the words of a goal.
_SAID = {"auc": "AUC", "rejection_50": "rejection at εS = 0.5", "jsd": "divergence"}


@dataclass(frozen=True)
class Goal:
    """What to reach with a panel: a validation figure of `least` or more, with `most_parameters` or fewer.

    `most` are other figures, and how large they may be at most.
    """

    least: float
    most_parameters: int | None = None
    metric: str = "auc"
    most: Mapping[str, float] = field(default_factory=dict)

    def reached(self, run: Run) -> bool:
        """Whether a run does."""
        small = self.most_parameters is None or run.result.model.count_params() <= self.most_parameters
        low = all(run.metrics[name].value <= most for name, most in self.most.items())
        return bool(small and low and run.metrics[self.metric].value >= self.least)

    def said(self, runs: Sequence[Run]) -> str:
        """The goal in words, and which runs reach it."""
        name, *others = (_SAID.get(each, each.replace("_", " ")) for each in (self.metric, *self.most))
        at_most = [f"{other} {most:g} or less" for other, most in zip(others, self.most.values(), strict=True)]
        if self.most_parameters is not None:
            at_most.append(f"at most {self.most_parameters} parameters")
        numbers = [str(run.number) for run in runs if self.reached(run)]
        by = f"reached by run{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" if numbers else "not reached yet"
        condition = f" with {' and '.join(at_most)}" if at_most else ""
        return f"Target: validation {name} {self.least:.4f} or more{condition}: {by}."


def to_csv(runs: Sequence[Run], looks: int = 0, names: Iterable[str] = ("auc", "rejection_50")) -> str:
    """Write runs as CSV: a header of names and units in brackets, then a row for each run, in their order.

    Columns: run (its number), label, all fields of the configuration, learning_rate_changes (such as "5: 0.0001" for a
    rate that was changed with epoch 5), parameters, best_epoch, the metrics of these `names` (rejection_50 is 1/eB at
    eS = 0.5) of the validation part with their errors, reason and seconds of training. Then the same metrics of the
    test part, test_look, which look at it gave them (1, 2 ...), and test_looks, out of how many (`looks`); all of these
    are empty where nobody has looked. Inputs are separated by blanks; what a run does not have is left empty. Numbers
    are written in full. Without runs the text is empty.
    """
    records = [_record(run, looks, list(names)) for run in runs]
    text = io.StringIO()
    if records:
        writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return text.getvalue()


def _record(run: Run, looks: int, names: Sequence[str]) -> dict[str, Any]:
    """Head of the CSV -> a run's cell."""
    result, config = run.result, run.result.config
    validation, test = (
        {
            f"{part}_{name}{end}": value
            for name in names
            for end, value in zip(("", "_error"), found.get(name, ("", "")), strict=True)
        }
        for part, found in (("validation", run.metrics), ("test", run.test_metrics))
    )
    return {
        "run": run.number,
        "label": config.label,
        **{_head(field.name): _cell(getattr(config, field.name)) for field in dataclasses.fields(config)},
        "learning_rate_changes [epoch: rate]": "; ".join(
            f"{n}: {rate:.6g}" for n, rate in rate_changes(result).items()
        ),
        "parameters": result.model.count_params(),
        "best_epoch": result.best_epoch,
        **validation,
        "reason": result.reason,
        "training_time [s]": f"{result.seconds:.3f}",
        **test,
        "test_look": run.look or "",
        "test_looks": looks if run.look else "",
    }


def _head(name: str) -> str:
    unit = FIELDS[name].unit if name in FIELDS else ""
    return f"{name} [{unit}]" if unit else name


def _cell(value: Any) -> Any:
    if value is None:
        return "all"
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


class RunsView:
    """A table of finished runs with a box to tick for each, the deliberate look at the test part, and CSV to download.

    Test figures are made on demand only, once per run, and counted: the table says which look gave them.

    Args:
        runs: the panel's finished runs, from which this deletes.
        columns: head of the table -> the metric below it; heads of the test part begin with "test".
        draw: called with the ticked runs, of many only the last `most`, whenever they change.
        most: runs that can be drawn at a time.
        measure: measures a run on the test part and keeps in the run what it finds; None: there is no test part.
        part: what the test part is called.
        label: what the runs' labels say.
        goal: what to reach, said above the table; None: nothing.
    """

    def __init__(
        self,
        runs: list[Run],
        columns: Mapping[str, str],
        draw: Callable[[Sequence[Run]], None],
        most: int,
        measure: Callable[[Run], None] | None = None,
        part: str = "test jets",
        label: str = "network",
        goal: Goal | None = None,
    ) -> None:
        self.looks = 0
        self._goal, self._aim = goal, widgets.HTML()
        self._runs, self._draw, self._most, self._label = runs, draw, most, label
        self._heads = {head: name for head, name in columns.items() if measure or not head.startswith("test")}
        self._measure, self._part = measure, part
        self._looking = threading.Lock()
        self._boxes: dict[int, widgets.Checkbox] = {}
        self._table, self._said, self._link = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._ticks = widgets.HBox(layout=WRAP)
        tooltip = f"For the end: measure the run that you have chosen by its validation figures on the {part}, once"
        self._look = widgets.Button(icon="eye", tooltip=tooltip, layout=widgets.Layout(width="auto"))
        self._look.on_click(lambda _: self.look())
        delete = widgets.Button(description="Delete ticked", icon="trash", tooltip="Remove the ticked runs")
        delete.on_click(lambda _: self.delete())
        tools = [*([self._look] if measure else []), delete, self._link]
        self._tools = widgets.HBox(tools, layout=widgets.Layout(display="none", flex_flow="row wrap"))
        self.widget = widgets.VBox([self._aim, self._table, self._ticks, self._tools, self._said])
        self._say_goal()

    def show(self) -> None:
        """Write the table anew, with a box to tick for each run."""
        ticked = {run.number for run in self.ticked()}
        columns = self.columns()
        rows = "".join(_row(cells, "td") for cells in zip(*columns.values(), strict=True))
        self._table.value = f"<table>{_row(columns, 'th')}{rows}</table>" if rows else ""
        self._boxes = {run.number: self._box(run, run.number in ticked) for run in self._runs}
        self._ticks.children = list(self._boxes.values())
        self._tools.layout.display = "" if rows else "none"
        self._say_goal()
        text = to_csv(self._runs, self.looks, dict.fromkeys(self._heads.values()))
        link = f"data:text/csv;base64,{base64.b64encode(text.encode()).decode()}"
        self._link.value = f'<a download="runs.csv" href="{link}">Export as CSV</a>'
        self._say()

    def columns(self) -> dict[str, list[str]]:
        """Head -> the text of each run."""
        results = [run.result for run in self._runs]
        words = zip(differences([result.config for result in results]), map(rate_words, results), strict=True)
        return {
            "run": [str(run.number) for run in self._runs],
            self._label: [run.label for run in self._runs],
            "differs in": [", ".join(filter(None, [each, *rates])) for each, rates in words],
            "para\N{SOFT HYPHEN}meters": [f"{result.model.count_params():,}" for result in results],
            "best epoch": [str(result.best_epoch) for result in results],
            **{head: [self._figure(run, head) for run in self._runs] for head in self._heads},
            "time [s]": [f"{result.seconds:.1f}" for result in results],
        }

    def ticked(self) -> list[Run]:
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
            # Held so that a second press finds the run already measured, and does not count again.
            with self._looking:
                self._look_at((ticked or self._runs)[-1], self._measure)
        else:
            self._say("There is no finished run to look at yet: press Train first.")

    def _look_at(self, run: Run, measure: Callable[[Run], None]) -> None:
        if run.look:
            self._say(f"The {self._part} of run {run.number} were looked at before; see the table.")
            return
        self._say(f"Looking at the {self._part} of run {run.number} ...")
        try:
            measure(run)
        except JetlabError as error:
            self._say(f"⚠ {error}")
            return
        self.looks += 1
        run.look = self.looks
        self.show()

    def _figure(self, run: Run, head: str) -> str:
        """A figure of a run; of the test part, which look it was, and nothing if nobody has looked."""
        if not head.startswith("test"):
            return str(run.metrics[self._heads[head]])
        mark = f"(look{BLANK}{run.look}{BLANK}of{BLANK}{self.looks})"
        return f"{run.test_metrics[self._heads[head]]} {mark}" if run.look else ""

    def _box(self, run: Run, ticked: bool) -> widgets.Checkbox:
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

    def _say_goal(self) -> None:
        if self._goal is not None:
            mark = "✔" if any(map(self._goal.reached, self._runs)) else "○"
            self._aim.value = f"<b>{mark} {html.escape(self._goal.said(self._runs))}</b>"

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
    # A number and its error stay on one line; long texts take several, close together.
    style = "padding: 2px 4px; text-align: right; line-height: 1.4; white-space: normal"
    whole = (html.escape(cell.replace(" ± ", f"{BLANK}±{BLANK}")) for cell in cells)
    return "<tr>" + "".join(f'<{tag} style="{style}">{cell}</{tag}>' for cell in whole) + "</tr>"
