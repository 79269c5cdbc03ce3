"""The table of a panel's finished runs: tick to compare them, look at the test part, delete, export."""

import base64
import html
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from jetlab.controls import TICK
from jetlab.errors import ArgumentError, JetlabError

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
