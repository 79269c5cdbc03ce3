"""The table of a panel's finished runs: tick to lay them over the present one, delete, export."""

import base64
import html
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from jetlab import runs_table
from jetlab.controls import TICK

#: Long heads may break in two: on a laptop at 125 % the last column would be out of sight otherwise.
HEAD = (
    "run",
    "nodes/\N{ZERO WIDTH SPACE}layers",
    "differs in",
    "parameters",
    "best epoch",
    "AUC",
    "1/εB at εS\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.5",
    "seconds",
)


class RunsView:
    """Shows the runs of a panel, and tells `on_tick` which of them are ticked. Used in M2."""

    def __init__(self, runs: list[Any], on_tick: Callable[[Sequence[Any]], None]) -> None:
        self._runs, self._on_tick = runs, on_tick
        self._numbers: list[int] = []
        self._table = widgets.HTML()
        self._ticks = widgets.HBox(layout=widgets.Layout(flex_flow="row wrap"))
        self._delete = widgets.Button(description="Delete ticked", icon="trash", tooltip="Remove the ticked runs")
        self._delete.on_click(lambda _: self.delete())
        self._link = widgets.HTML()
        self._tools = widgets.HBox([self._delete, self._link], layout=widgets.Layout(display="none"))
        self.widget = widgets.VBox([self._table, self._ticks, self._tools])

    def show(self) -> None:
        """Write the table anew, with a box to tick for each run."""
        ticked = {id(run) for run in self.ticked()}
        first = (self._numbers[-1] + 1) if self._numbers else 1
        self._numbers += range(first, first + len(self._runs) - len(self._numbers))
        differs = runs_table.differences([run.result.config for run in self._runs])
        rows = [_cells(n, run, text) for n, run, text in zip(self._numbers, self._runs, differs, strict=True)]
        body = "".join(_row(cells, "td") for cells in rows)
        self._table.value = f"<table>{_row(HEAD, 'th')}{body}</table>" if rows else ""
        boxes = []
        for number, run in zip(self._numbers, self._runs, strict=True):
            text = f"{number}: {run.result.config.label}"
            box = widgets.Checkbox(id(run) in ticked, description=text, indent=False, layout=TICK)
            box.tooltip = f"Lay the ROC of run {number} over the present one"
            box.observe(lambda _: self._on_tick(self.ticked()), "value")
            boxes.append(box)
        self._ticks.children = boxes
        self._tools.layout.display = "" if rows else "none"
        text = base64.b64encode(runs_table.to_csv(self._runs).encode()).decode()
        self._link.value = f'<a download="runs.csv" href="data:text/csv;base64,{text}">Export as CSV</a>'

    def ticked(self) -> list[Any]:
        """The runs whose box is ticked, in the order of the table."""
        return [run for box, run in zip(self._ticks.children, self._runs, strict=False) if box.value]

    def delete(self) -> None:
        """Remove the ticked runs."""
        gone = {id(run) for run in self.ticked()}
        kept = [(n, run) for n, run in zip(self._numbers, self._runs, strict=True) if id(run) not in gone]
        self._ticks.children = ()
        self._numbers, self._runs[:] = [n for n, _ in kept], [run for _, run in kept]
        self.show()
        self._on_tick([])


def _cells(number: int, run: Any, differs: str) -> tuple[str, ...]:
    config, result = run.result.config, run.result
    return (
        str(number),
        config.label,
        differs,
        f"{result.model.count_params():,}",
        str(result.best_epoch),
        str(run.metrics["auc"]),
        str(run.metrics["rejection_50"]),
        f"{result.seconds:.1f}",
    )


def _row(cells: tuple[str, ...], tag: str) -> str:
    return "<tr>" + "".join(_cell(name, cell, tag) for name, cell in zip(HEAD, cells, strict=True)) + "</tr>"


def _cell(name: str, text: str, tag: str) -> str:
    # A number with its error stays on one line; the head and what may be long take several, close together.
    wrap = "normal" if tag == "th" or name == "differs in" else "nowrap"
    style = f"padding: 2px 5px; text-align: right; line-height: 1.4; white-space: {wrap}"
    return f'<{tag} style="{style}">{html.escape(text)}</{tag}>'
