"""The live panel of M7: sliders for the network of 2017, and one event whose assignment is redrawn while it trains."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

import ipywidgets as widgets
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jetlab import plots, training
from jetlab.metrics import Estimate
from jetlab.panel import views
from jetlab.panel.controls import FIELDS, RATE, slider
from jetlab.panel.live import LivePanel
from jetlab.panel.runs import Goal
from jetlab.panel.settings import SettingsControls
from jetlab.tracking import lstm2017
from jetlab.tracking.hits import Hits
from jetlab.tracking.lstm2017 import Network, Settings
from jetlab.tracking.score import correct, evaluate
from jetlab.training.checkpoint import Checkpoint
from jetlab.training.session import OnEvent

EVENTS = (10, 50, 100, 250, 500, 1000, 2000, 5000)


class TrackingPanel(LivePanel):
    """Sliders, buttons, one event as the network sorts it now, the score epoch by epoch, and a table of the runs.

    While a network trains, the learning rate acts at once; any other control starts a new network at the end of the
    epoch.

    Args:
        hits: events to learn from; the slider takes the first so many.
        validation: other events, scored after each epoch; the first is drawn.
        test: again others, for `look`.
        goal: what to reach, a validation score, which the panel shows and says when it is.
        config: where the controls begin, with values that they have; None: the network of 2017, and half of the sizes.

    The last expression of a cell shows it; what it can do is in `live.LivePanel`. `runs` holds every finished training.
    """

    COLUMNS: ClassVar = {"validation score": "score", "test score (looked\N{NO-BREAK SPACE}at)": "score"}
    SHOWN = ("event", "score")
    MOST = 5
    THINGS = "events"
    LABEL = "network"

    def __init__(
        self, hits: Hits, validation: Hits, test: Hits, goal: Goal | None = None, config: Settings | None = None
    ) -> None:
        self._hits, self._parts, self._event = hits, {"validation": validation, "test": test}, validation.first(1)
        controls = SettingsControls(Settings, _fields(hits.events), config)
        pictures = {"event": self._draw_event, "score": self._draw_scores, **views.LOSS}
        super().__init__(controls, self._fit, views.Known(controls.start), pictures, goal=goal)

    def _fit(
        self, settings: Any, on_event: OnEvent, stop: threading.Event, knobs: training.Knobs, kept: Checkpoint | None
    ) -> training.Result:
        self._known.config = settings
        model, last = lstm2017.build(settings), deque[Any](maxlen=1)

        def report(event: training.Event) -> None:
            last.append(event)
            on_event(event, model)

        network = lstm2017.train(self._hits, settings, report, stop, knobs, model, self._parts["validation"])
        return training.Result(model, settings, network.history, **asdict(last[0]))

    def _judge(self, model: Any, config: Settings, part: str) -> NDArray[np.int64]:
        return Network(model, config, {}).assign(self._parts[part])

    def _figures(self, score: NDArray[np.int64], part: str) -> Mapping[str, Estimate]:
        return {"score": evaluate(self._parts[part], score).efficiency}

    def _draw_event(self, ax: Axes, known: views.Known) -> None:
        labels = None if known.score is None else known.score[: len(self._event)]
        wrong = None if labels is None else ~correct(self._event, labels)
        plots.tracking.event_unrolled(ax, self._event, labels, wrong)
        what = "true tracks" if wrong is None else f"this network ({wrong.sum()} of {len(wrong)} hits wrong, ringed)"
        ax.set_title(what, fontsize=plots.FONT)

    def _draw_scores(self, ax: Axes, known: views.Known) -> None:
        views.before(ax, known, "val_score")
        histories = [known.history, *(run.result.history for run in known.beside)]
        labels = ["this network", *(f"{run.number}: {run.label}" for run in known.beside)]
        colours = [plots.COLOURS.index(plots.W), *range(self.MOST)]
        for history, label, colour in zip(histories, labels, colours, strict=False):
            scores, errors = history.get("val_score", []), history.get("val_score_error", [])
            epochs = range(1, len(scores) + 1)
            if scores:
                line = "-" if history is known.history else "--"
                plots.points(ax, epochs, scores, errors, label, colour, line)
        if known.beside:
            ax.legend(fontsize=plots.FONT - 3, frameon=False, loc="lower right")
        events = self._parts["validation"].events
        ax.set(xlabel="epoch", ylabel=f"score on {events} validation events", ylim=(0, 1.02))
        ax.set_xlim(0.5, max(self.config.epochs, *(len(each.get("loss", ())) for each in histories)) + 0.5)
        plots.whole_epochs(ax)
        ax.grid(alpha=0.3)


#: Field of the settings -> its control: label, what it does, values that can be chosen, and the first of them.
STEPS = {
    "bins": ("phi bins", "Bins around each layer", (25, 50, 100, 200, 400), 100),
    "hidden": ("hidden size", "Numbers the LSTM remembers", (2, 5, 10, 20, 50, 100, 200), 50),
    "epochs": ("epochs", "Times through the training events", (1, 2, 5, 10, 20, 40), 5),
}


def _fields(events: int) -> dict[str, Any]:
    """Field of the settings -> its widget; so many events are there to learn from."""
    sizes = sorted({size for size in EVENTS if size < events} | {events})
    steps = {"events": ("training events", "Events to learn from", sizes, sizes[len(sizes) // 2]), **STEPS}
    fields = {
        name: slider(widgets.SelectionSlider, label, sentence, options=options, value=value)
        for name, (label, sentence, options, value) in steps.items()
    }
    rate, turn = ("learning rate", FIELDS["learning_rate"].sentence), "turn each picture to its seed"
    fields["learning_rate"] = slider(RATE, *rate, value=1e-3, min=-5, max=0)
    fields["rotated"] = slider(widgets.Checkbox, turn, "Let the seed lie in the middle of its picture")
    return fields
