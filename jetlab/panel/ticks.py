"""The panel of features: tick what a network may use, train, and compare with what was trained before."""

import html
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ipywidgets as widgets

from jetlab.errors import ArgumentError
from jetlab.metrics import Estimate
from jetlab.panel.controls import TICK, WRAP
from jetlab.panel.steering import button, explained, folded
from jetlab.training import worker

BEGIN = "Untick what the network must do without, then press Train."


class FeaturesPanel:
    """A box to tick for each feature, a button that trains with those that are ticked, and a table of what came out.

    Nothing trains until the button is pressed; it trains in the kernel's worker thread, so cells and widgets go on.

    Args:
        features: names of what there is to tick; all are ticked in the beginning.
        train: called with the names that are ticked, in their order; returns the figure that the table shows, with its
            error. It must draw nothing, because it is called in another thread.
        figure: what that is called, the head of its column.
        done: rows of the table in the beginning: the names that were ticked, and what came out.

    The last expression of a cell shows it; `runs` holds the rows of the table, in their order.
    """

    def __init__(
        self,
        features: Sequence[str],
        train: Callable[[tuple[str, ...]], Estimate],
        figure: str = "validation AUC",
        done: Sequence[tuple[Sequence[str], Estimate]] = (),
    ) -> None:
        self._train, self._figure = train, figure
        self.runs: list[tuple[tuple[str, ...], Estimate]] = [(tuple(names), found) for names, found in done]
        self._ticks = {name: self._tick(name) for name in features}
        self._button = button("Train", "play", "Train with the ticked features only", self.train)
        self._button.button_style = "primary"
        self._line, self._table = widgets.HTML(BEGIN), widgets.HTML()
        rows = [widgets.HBox(list(self._ticks.values()), layout=WRAP), widgets.HBox([self._button, self._line])]
        self.widget = widgets.VBox([*rows, self._table])
        self._show()

    @property
    def ticked(self) -> tuple[str, ...]:
        """The names that are ticked, in the order in which they were given."""
        return tuple(name for name, tick in self._ticks.items() if tick.value)

    def use(self, names: Iterable[str]) -> None:
        """Tick these features and no others; raises ArgumentError, and ticks nothing, for one that is not there."""
        wanted = set(names)
        if unknown := wanted.difference(self._ticks):
            raise ArgumentError(f"There is no feature {', '.join(unknown)}; there are {', '.join(self._ticks)}.")
        for name, tick in self._ticks.items():
            tick.value = name in wanted

    def train(self, blocking: bool = False) -> None:
        """Train with what is ticked, as the button does.

        Blocking is for places that cannot update widgets from a thread (scripts, tests, Colab).
        """
        names = self.ticked
        if not names:
            self._say("No feature is ticked; a network needs at least one.", warning=True)
            return
        if any(names == known for known, _ in self.runs):
            self._say("This was trained already: see the table. Tick something else.")
            return
        try:
            thread = worker.start(lambda: self._work(names), f"Training with {', '.join(names)}")
        except worker.BusyError as error:
            self._say(str(error), warning=True)
            return
        if blocking and thread is not threading.current_thread():
            thread.join()

    def _work(self, names: tuple[str, ...]) -> None:
        self._button.disabled = True
        self._say(f"Training {self._words(names)} ...")
        try:
            found = self._train(names)
        except Exception as error:  # the thread has nobody above it: the participant must read what happened
            fault = f"Training failed: {type(error).__name__}: {error}"
            text, details = explained(error, "take fewer training jets", fault)
            self._say(text, True, details)
        else:
            self.runs.append((names, found))
            self._show()
            self._say(f"Trained {self._words(names)}: {self._figure} {found}.")
        finally:
            self._button.disabled = False
            worker.finished()

    def _words(self, names: Sequence[str]) -> str:
        left = [name for name in self._ticks if name not in names]
        if not left:
            return "with everything"
        return f"without {', '.join(left)}" if len(left) <= len(names) else f"with {', '.join(names)} only"

    def _show(self) -> None:
        head = f"<tr><th>run</th><th>trained</th><th>{html.escape(self._figure)}</th></tr>"
        rows = [
            f"<tr><td>{number}</td><td>{html.escape(self._words(names))}</td><td>{found}</td></tr>"
            for number, (names, found) in enumerate(self.runs, start=1)
        ]
        self._table.value = f"<table>{head}{''.join(rows)}</table>" if rows else ""

    def _say(self, text: str, warning: bool = False, details: str = "") -> None:
        self._line.value = folded(f"{'⚠ ' if warning else ''}{text}", details)

    def _tick(self, name: str) -> widgets.Checkbox:
        return widgets.Checkbox(
            True, description=name, tooltip=f"Let the network see {name}", indent=False, layout=TICK
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return dict(self.widget._repr_mimebundle_(**kwargs))
