"""What all live panels have in common: how controls, buttons, pictures and the table of runs work together.

The panels only show. What is trained and how is `jetlab.training`'s, the buttons are `steering`'s, the sliders
`controls`', the pictures `views`', the table `runs`'s.

All figures are of the validation part, so that choosing with a panel leaves the test part untouched. It is for a
deliberate look at the end.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import ipywidgets as widgets

from jetlab import training
from jetlab.config import ConfigError
from jetlab.metrics import Estimate
from jetlab.panel import views
from jetlab.panel.controls import STYLE, WRAP
from jetlab.panel.runs import Goal, Run, RunsView
from jetlab.panel.steering import Steering
from jetlab.training.session import Config, Fit


class LivePanel(ABC):
    """Controls, buttons that steer a training, two live pictures, and a table of the runs.

    While a network trains, the learning rate acts at once; any other control starts a new network at the end of the
    epoch, with the old curve in grey. The last expression of a cell shows the panel. `runs` holds every finished
    training, see `runs.Run`.

    A panel of a subject has the constants below, and says how a network is judged (`_judge`) and what its figures are
    (`_figures`).

    Args:
        controls: the widgets of a configuration, with the methods of `controls.Controls` that are called below.
        fit: trains it.
        known: what is known of the training; `fit` sets its `config`.
        pictures: name -> picture that can be chosen.
        tested: whether there is a test part.
        keep: where the training is kept on disk, to go on after the kernel died; None: it is not.
        more: widgets below the table.
        goal: what to reach, said above the table.
    """

    #: Head of the table -> the metric below it; heads of the test part begin with "test".
    COLUMNS: ClassVar[Mapping[str, str]]
    #: The pictures in the beginning.
    SHOWN: ClassVar[tuple[str, str]]
    #: Runs that can be drawn beside the present one.
    MOST: ClassVar[int] = views.MOST
    #: What is learnt from, and what a run's label says.
    THINGS: ClassVar[str] = "jets"
    LABEL: ClassVar[str] = "nodes/\N{ZERO WIDTH SPACE}layers"

    def __init__(
        self,
        controls: Any,
        fit: Fit,
        known: views.Known,
        pictures: Mapping[str, views.View],
        tested: bool = True,
        keep: Path | None = None,
        more: Sequence[widgets.Widget] = (),
        goal: Goal | None = None,
    ) -> None:
        self.runs: list[Run] = []
        self.goal = goal
        self._controls, self._known, self._pictures = controls, known, pictures
        self._numbers = itertools.count(1)
        self._steering = Steering(self, lambda: self.config, fit, keep, self.THINGS)
        self._shown = [self._chooser(*each) for each in zip(("left", "right"), self.SHOWN, strict=True)]
        self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        measure = self._measure if tested else None
        self._table = RunsView(
            self.runs, self.COLUMNS, self._draw_beside, self.MOST, measure, f"test {self.THINGS}", self.LABEL, goal
        )
        controls.on_change(self._moved)
        self._say_size()
        self._show()
        choosers = widgets.HBox(self._shown, layout=WRAP)
        self.widget = widgets.VBox(
            [controls.widget, self._steering.widget, choosers, self._image, self._table.widget, *more]
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @abstractmethod
    def _judge(self, model: Any, config: Config, part: str) -> Any:
        """What a network predicts for the "validation" or the "test" part."""

    @abstractmethod
    def _figures(self, score: Any, part: str) -> Mapping[str, Estimate]:
        """Name -> value and error, from what `_judge` gave."""

    def _size(self, config: Config) -> str:
        """What to say of a network beside the controls. Raises ConfigError."""
        return ""

    @property
    def config(self) -> Config:
        """The configuration that the controls show. Raises ConfigError."""
        return self._controls.config()

    def use(self, config: Config) -> list[str]:
        """Move the controls to a configuration; returns what has moved. Raises ConfigError where they cannot."""
        moved: list[str] = self._controls.set(config)
        return moved

    def train(self, blocking: bool = False) -> None:
        """Train as the Train button does, or go on after a pause.

        Blocking is for places that cannot update widgets from a thread (scripts, tests, Colab).
        """
        self._steering.train(blocking)

    def pause(self) -> None:
        """Hold the training, as the Pause button does."""
        self._steering.pause()

    def step(self, what: str = "batch") -> None:
        """Train one "batch" or to the end of the "epoch", then hold, as the Step buttons do."""
        self._steering.step(what)

    def stop(self) -> None:
        """Stop, as the Stop button does; the training joins the table if an epoch has ended."""
        self._steering.stop()

    def look(self) -> None:
        """Look at the test part of the ticked run, or of the last, as the button does: once for each run.

        What it finds is in the table and in the run's `test_score` and `test_metrics`. Raises ArgumentError if there is
        no test part.
        """
        self._table.look()

    def begins(self, history: dict[str, list[float]]) -> None:
        """Turn the curve of the previous run grey; called in the worker."""
        before = self._known.history or self._known.before
        self._known.clear({name: list(values) for name, values in history.items()}, before)

    def epoch_ended(self, event: training.EpochEnd) -> None:
        """Add the epoch's numbers to the curves; called in the worker."""
        for name, value in {"loss": event.loss, "val_loss": event.val_loss, **event.metrics}.items():
            self._known.history.setdefault(name, []).append(value)

    def draw(self, model: Any) -> None:
        """Show the network as it now is; called in the worker."""
        known = self._known
        known.score, known.weights = self._judge(model, known.config, "validation"), model.get_weights()
        self._show()

    def ended(self, result: training.Result) -> None:
        """Add the run to the table and show the network that is kept; called in the worker."""
        known = self._known
        known.score = self._judge(result.model, result.config, "validation")
        known.weights, known.best_epoch = result.model.get_weights(), result.best_epoch
        if result.best_epoch:
            known.metrics = self._figures(known.score, "validation")
            self.runs.append(Run(next(self._numbers), result, known.score, known.metrics))
        self._show()
        self._table.show()

    def reset(self) -> None:
        """Clear the curves and put the controls back; the runs in the table stay."""
        self._known.clear({}, {})
        self._controls.set(self._controls.start)
        self._show()

    def _moved(self) -> None:
        self._say_size()
        self._steering.change()

    def _measure(self, run: Run) -> None:
        score = self._judge(run.result.model, run.result.config, "test")
        run.test_metrics, run.test_score = self._figures(score, "test"), score

    def _draw_beside(self, ticked: Sequence[Run]) -> None:
        self._known.beside = list(ticked)
        self._show()

    def _show(self) -> None:
        self._image.value = views.picture([self._pictures[each.value] for each in self._shown], self._known)

    def _say_size(self) -> None:
        try:
            text = self._size(self.config)
        except ConfigError as error:
            text = f"⚠ {error}"
        self._controls.say(text)

    def _chooser(self, side: str, name: str) -> widgets.Dropdown:
        tooltip = f"What the {side} picture shows"
        chooser = widgets.Dropdown(
            options=list(self._pictures), value=name, description=side, tooltip=tooltip, style=STYLE
        )
        chooser.observe(lambda _: self._show(), "value")
        return chooser
