"""The live panel of M7: sliders for the network of 2017, and one event whose assignment is redrawn while it trains.

Validation events are drawn and scored, so that choosing with this panel leaves the test events untouched. They
are for a deliberate look at the end.
"""

import html
import itertools
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
from matplotlib.axes import Axes

from jetlab import plots
from jetlab.errors import counted
from jetlab.metrics import Estimate
from jetlab.panel.runs import RunsView
from jetlab.tracking.hits import Hits
from jetlab.tracking.lstm2017 import Network, Settings, train
from jetlab.tracking.score import correct, evaluate
from jetlab.training import worker

MIN_SECONDS_BETWEEN_DRAWINGS = 0.25
STYLE = {"description_width": "9em"}
WIDE = widgets.Layout(width="27em")


#: Runs that are drawn beside the present one at a time.
MOST = 5


@dataclass
class Run:
    """One finished training of the panel, and how good it is.

    Attributes:
        number: 1 for the panel's first run, 2 for the second ...; it is never given again.
        events: training events.
        network: the trained network, with its settings.
        scores: of the validation events after each whole epoch.
        score: of the validation events, with the weights that the network has now.
        look: 1 if this was the first run whose test events were looked at, 2 if the second ...; 0: not looked at.
        test_score: of the test events; None until they are looked at.
    """

    number: int
    events: int
    network: Network
    scores: list[Estimate]
    score: Estimate
    look: int = 0
    test_score: Estimate | None = None

    @property
    def label(self) -> str:
        """Training events, bins and hidden size, such as "250 events, 100 bins, hidden 50"."""
        return f"{self.events} events, {self.network.settings.bins} bins, hidden {self.network.settings.hidden}"


class TrackingPanel:
    """Sliders, a Train and a Stop button, one event as the network sorts it now, the score per epoch, and the runs.

    Args:
        hits: events to learn from; the slider takes the first so many.
        validation: other events, scored after each epoch; the first is drawn.
        test: again others, for `look`.

    The last expression of a cell shows it; `runs` holds every finished training.
    """

    def __init__(self, hits: Hits, validation: Hits, test: Hits) -> None:
        self.runs: list[Run] = []
        self._hits, self._validation, self._test, self._event = hits, validation, test, validation.first(1)
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._numbers, self._beside = itertools.count(1), list[Run]()
        self._scores: list[Estimate] = []
        self._labels: Any = None
        self._last_drawn = 0.0
        sizes = sorted(
            {size for size in (10, 50, 100, 250, 500, 1000, 2000, 5000) if size < hits.events} | {hits.events}
        )
        self._size = _slider("training events", "Events to learn from", sizes, sizes[len(sizes) // 2])
        self._bins = _slider("phi bins", "Bins around each layer", (25, 50, 100, 200, 400), 100)
        self._hidden = _slider("hidden size", "Numbers the LSTM remembers", (2, 5, 10, 20, 50, 100, 200), 50)
        self._epochs = _slider("epochs", "Times through the training events", (1, 2, 5, 10, 20, 40), 5)
        self._rotated = widgets.Checkbox(description="turn each picture to its seed", indent=False, layout=WIDE)
        self._train = widgets.Button(description="Train", icon="play", button_style="primary", tooltip="Train anew")
        self._halt = widgets.Button(description="Stop", icon="stop", disabled=True, tooltip="Stop after this batch")
        self._status = widgets.HTML("Choose the network, then press <b>Train</b>.")
        self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self._table = RunsView(self.runs, self._columns, self._draw_beside, MOST, self._measure, "test events")
        self._train.on_click(lambda _: self.train())
        self._halt.on_click(lambda _: self.stop())
        left = widgets.VBox([self._size, self._bins, self._hidden])
        right = widgets.VBox([self._epochs, self._rotated])
        controls = widgets.HBox([left, right], layout=widgets.Layout(flex_flow="row wrap"))
        buttons = widgets.HBox([self._train, self._halt])
        self.widget = widgets.VBox([controls, buttons, self._status, self._image, self._table.widget])
        self._draw()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def settings(self) -> Settings:
        """What the sliders stand at."""
        return Settings(
            bins=self._bins.value,
            hidden=self._hidden.value,
            epochs=self._epochs.value,
            rotated=self._rotated.value,
        )

    def train(self, blocking: bool = False) -> None:
        """Train with the sliders' settings, as the Train button does; `blocking` waits for the end."""
        settings, size, stop = self.settings, self._size.value, threading.Event()
        try:
            # Held so that a Stop that comes meanwhile reaches this training; one that is refused leaves the Stop of
            # the training before as it is.
            with self._lock:
                thread = worker.start(lambda: self._run(settings, size, stop), f"Training on {counted(size, 'event')}")
                self._stop = stop
        except worker.BusyError as error:
            self._say(f"⚠ {html.escape(str(error))}")
            return
        if blocking:
            thread.join()

    def stop(self) -> None:
        """Stop after the current batch, as the Stop button does."""
        with self._lock:
            self._stop.set()

    def look(self) -> None:
        """Look at the test events of the ticked run, or of the last, as the button does: once for each run.

        What it finds is in the table and in the run's `test_score`.
        """
        self._table.look()

    def _run(self, settings: Settings, size: int, stop: threading.Event) -> None:
        self._train.disabled, self._halt.disabled = True, False
        self._scores, self._labels = [], None
        self._say(f"Building and training on {counted(size, 'event')} ...")
        try:
            network = train(self._hits.first(size), settings, self._on_epoch, stop)
            if self._scores:
                # A network that was stopped has learnt a little more than when its last epoch was scored.
                score = _score(network, self._validation) if stop.is_set() else self._scores[-1]
                self.runs.append(Run(next(self._numbers), size, network, self._scores, score))
            self._say("Stopped." if stop.is_set() else f"Trained for {counted(settings.epochs, 'epoch')}.")
            self._draw()
            self._table.show()
        except Exception as error:  # the thread has nobody above it: the participant must read what happened
            details = html.escape(traceback.format_exc())
            self._say(f"⚠ Training failed: {html.escape(str(error))}<details><pre>{details}</pre></details>")
        finally:
            self._train.disabled, self._halt.disabled = False, True

    def _on_epoch(self, network: Network, epoch: int) -> None:
        labels = network.assign(self._validation)
        self._scores.append(evaluate(self._validation, labels).efficiency)
        self._labels = labels[: len(self._event)]
        self._say(
            f"Epoch <b>{epoch}</b> of {network.settings.epochs} · loss {network.history['loss'][-1]:.3f} · "
            f"validation score {self._scores[-1]}"
        )
        if time.monotonic() - self._last_drawn > MIN_SECONDS_BETWEEN_DRAWINGS:
            self._draw()

    def _draw(self) -> None:
        fig = plots.figure(ncols=2, width=5.6, height=4.2)
        left, right = fig.axes
        wrong = None if self._labels is None else ~correct(self._event, self._labels)
        plots.tracking.event_unrolled(left, self._event, self._labels, wrong)
        what = "true tracks" if wrong is None else f"this network ({wrong.sum()} of {len(wrong)} hits wrong, ringed)"
        left.set_title(what, fontsize=plots.FONT)
        # Copies: a training may go on while a tick has this drawn.
        scores, beside = list(self._scores), list(self._beside)
        for number, run in enumerate(beside):
            _curve(right, run.scores, f"{run.number}: {run.label}", number, dashed=True)
        if scores:
            _curve(right, scores, "this network", plots.COLOURS.index(plots.W))
        if beside:
            right.legend(fontsize=plots.FONT - 3, frameon=False, loc="lower right")
        right.set(xlabel="epoch", ylabel=f"score on {self._validation.events} validation events", ylim=(0, 1.02))
        longest = max(map(len, (scores, *(run.scores for run in beside))))
        right.set_xlim(0.5, max(self._epochs.value, longest) + 0.5)
        plots.whole_epochs(right)
        right.grid(alpha=0.3)
        self._image.value = plots.png(fig)
        self._last_drawn = time.monotonic()

    def _draw_beside(self, runs: Sequence[Run]) -> None:
        self._beside = list(runs)
        self._draw()

    def _measure(self, run: Run) -> None:
        run.test_score = _score(run.network, self._test)

    def _columns(self) -> dict[str, list[str]]:
        runs, settings = self.runs, [run.network.settings for run in self.runs]
        return {
            "run": [str(run.number) for run in runs],
            "training events": [str(run.events) for run in runs],
            "bins": [str(each.bins) for each in settings],
            "hidden": [str(each.hidden) for each in settings],
            "epochs": [str(len(run.scores)) for run in runs],
            "turned": ["yes" if each.rotated else "no" for each in settings],
            "validation score": [str(run.score) for run in runs],
            "test score (looked\N{NO-BREAK SPACE}at)": [self._table.marked(run, str(run.test_score)) for run in runs],
        }

    def _say(self, markup: str) -> None:
        self._status.value = markup


def _score(network: Network, hits: Hits) -> Estimate:
    return evaluate(hits, network.assign(hits)).efficiency


def _curve(ax: Axes, scores: Sequence[Estimate], label: str, number: int, dashed: bool = False) -> None:
    values, errors = zip(*scores, strict=True)
    plots.points(ax, range(1, len(scores) + 1), values, errors, label, number, "--" if dashed else "-")


def _slider(description: str, tooltip: str, options: Any, value: int) -> widgets.SelectionSlider:
    return widgets.SelectionSlider(
        description=description,
        tooltip=tooltip,
        options=options,
        value=value,
        style=STYLE,
        layout=WIDE,
        continuous_update=False,
    )
