"""The live panel: sliders for the network, buttons that steer the training, and curves that grow meanwhile.

Training runs in the kernel's worker thread; the figures are drawn there on private Agg canvases and reach the page as
PNG, a few times a second at most. The panel only shows: what is trained and how is `session`'s and `training`'s.
"""

import html
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from jetlab import metrics, models, plots, session, training, worker
from jetlab.config import ConfigError, RunConfig
from jetlab.controls import Controls, button

MIN_SECONDS_BETWEEN_DRAWINGS = 0.25
EARLIER_RUNS = 2  # drawn beside the present one


@dataclass(frozen=True)
class Run:
    """One finished training of the panel: its result, the scores of the test jets and the metrics from them."""

    result: training.Result
    score: NDArray[np.float32]
    metrics: Mapping[str, metrics.Estimate]


class TrainingPanel:
    """Sliders, Train, Pause, Step and Stop, live loss curves and ROC, and a table of runs labelled nodes/layers.

    While a network trains, the learning rate acts at once; any other slider starts a new network at the end of the
    epoch.

    Args:
        data: scaled training and validation parts.
        test: inputs (n, n_inputs), labels (n,) and weights (n,) of the test part, scaled like the others.
        config: where the sliders begin; its inputs are the names of the columns of `data`.
        yardsticks: name -> scores (n,) of the same test jets, drawn with the network's ROC.

    The last expression of a cell shows it. `runs` holds every finished training. Used in M2.
    """

    def __init__(
        self,
        data: training.Data,
        test: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
        config: RunConfig | None = None,
        yardsticks: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self.runs: list[Run] = []
        self._data, self._base = data, config or RunConfig()
        self._x_test, self._y_test, self._w_test = test
        self._yardsticks = dict(yardsticks or {})
        self._session = session.Session(data, self._on_event, self._on_end, self._on_state)
        self._begins = True
        self._history: dict[str, list[float]] = {}
        self._before: dict[str, list[float]] = {}
        self._score: NDArray[np.float32] | None = None
        self._last_drawn = self._last_progress = 0.0
        self._controls = Controls(self._base)
        self._train = button("Train", "play", "Train a network with these settings, or go on after a pause", self.train)
        self._train.button_style = "primary"
        self._pause = button("Pause", "pause", "Hold the training; Train goes on", self.pause)
        self._batch = button("1 batch", "step-forward", "Train one batch, then hold", lambda: self.step("batch"))
        self._epoch = button("1 epoch", "step-forward", "Train to the end of the epoch", lambda: self.step("epoch"))
        self._halt = button("Stop", "stop", "Stop after this batch and keep the best weights", self.stop)
        self._progress = widgets.IntProgress(0, 0, 1, layout=widgets.Layout(width="12em"))
        self._status = widgets.HTML("Choose the network, then press <b>Train</b>.")
        self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self._table = widgets.HTML()
        self._controls.on_change(self._changed)
        self._on_state(session.IDLE)
        self._show_size()
        self._draw()
        buttons = [self._train, self._pause, self._batch, self._epoch, self._halt, self._progress]
        self.widget = widgets.VBox(
            [
                self._controls.widget,
                widgets.HBox(buttons, layout=widgets.Layout(flex_flow="row wrap")),
                self._status,
                self._image,
                self._table,
            ]
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def config(self) -> RunConfig:
        """The configuration that the sliders stand at. Raises ConfigError."""
        return self._controls.config(self._base)

    def train(self, blocking: bool = False) -> None:
        """Train with the sliders' configuration, or go on after a pause, as the Train button does.

        Blocking is for places that cannot update widgets from a thread (scripts, tests, Colab). Used in M2.
        """
        self._try(lambda: self._session.train(self.config, blocking))

    def pause(self) -> None:
        """Hold the training, as the Pause button does. Used in M2."""
        self._session.pause()

    def step(self, what: str = "batch") -> None:
        """Train one "batch" or to the end of the "epoch", then hold, as the Step buttons do. Used in M2."""
        self._try(lambda: self._session.step(self.config, what))

    def stop(self) -> None:
        """Stop, as the Stop button does; the best weights so far are kept. Used in M2."""
        self._session.stop()

    def _try(self, command: Callable[[], None]) -> None:
        try:
            command()
        except (ConfigError, worker.BusyError) as error:
            self._say(str(error), warning=True)

    def _changed(self) -> None:
        self._show_size()
        if self._session.change(self.config):
            self._say(f"A new network, {self.config.label}, starts at the end of this epoch.")

    def _on_state(self, state: str) -> None:
        idle, running = state == session.IDLE, state == session.RUNNING
        self._train.disabled = running
        self._train.description = "Train" if idle or running else "Resume"
        self._pause.disabled = not running
        self._batch.disabled = self._epoch.disabled = running
        self._halt.disabled = idle
        if running and self._begins:
            self._say(f"Building network {self.config.label} ...")

    def _on_event(self, event: training.Event, model: Any) -> None:
        if self._begins:
            self._begins, self._before, self._score = False, self._history, None
            self._history = {"loss": [], "val_loss": []}
        now = time.monotonic()
        held = self._session.stepping
        if isinstance(event, training.BatchEnd):
            if held or now - self._last_progress > MIN_SECONDS_BETWEEN_DRAWINGS:
                self._last_progress = now
                self._progress.max = event.epochs * event.batches
                self._progress.value = (event.epoch - 1) * event.batches + event.batch
                if held:
                    self._say(f"Epoch {event.epoch}, batch {event.batch} of {event.batches}: loss {event.loss:.4f}")
        elif isinstance(event, training.EpochEnd):
            self._history["loss"].append(event.loss)
            self._history["val_loss"].append(event.val_loss)
            auc = event.metrics["val_auc"]
            self._say(
                f"Epoch <b>{event.epoch}</b> of {event.epochs} · loss {event.loss:.4f} · validation loss "
                f"{event.val_loss:.4f} · validation AUC {auc:.4f} · {event.jets_per_second:,.0f} jets/s",
                markup=True,
            )
            if held or now - self._last_drawn > MIN_SECONDS_BETWEEN_DRAWINGS:
                self._score = training.predict(model, self._x_test)
                self._draw()
        else:
            self._progress.value = self._progress.max

    def _on_end(self, end: training.Result | Exception) -> None:
        self._begins = True
        if isinstance(end, Exception):
            self._say(f"Training failed: {end}", True, details="".join(traceback.format_exception(end)))
            return
        self._score = end.predict(self._x_test)
        if end.best_epoch:
            self.runs.append(Run(end, self._score, metrics.evaluate(self._y_test, self._score, self._w_test)))
        self._say(end.message, warning=end.reason == "nan")
        self._draw(end.best_epoch)
        self._show_runs()

    def _draw(self, best_epoch: int | None = None) -> None:
        fig = plots.figure(ncols=2, width=5.6, height=4.2)
        left, right = fig.axes
        if self._before.get("val_loss"):
            before = self._before["val_loss"]
            left.plot(range(1, len(before) + 1), before, color="#bbbbbb", label="validation, run before")
        plots.loss_curves(left, self._history, best_epoch)
        for colour, (name, score) in zip((plots.GREY, *plots.COLOURS[1:]), self._yardsticks.items(), strict=False):
            plots.roc(right, self._y_test, score, self._w_test, name, colour, replicas=0)
        for run in [run for run in self.runs if run.score is not self._score][-EARLIER_RUNS:]:
            plots.roc(right, self._y_test, run.score, self._w_test, run.result.config.label, "#56B4E9", replicas=0)
        if self._score is not None:
            plots.roc(right, self._y_test, self._score, self._w_test, "this network", plots.W, replicas=0)
        right.set_title("test jets", fontsize=plots.FONT)
        self._image.value = plots.png(fig)
        self._last_drawn = time.monotonic()

    def _show_runs(self) -> None:
        head = (
            "nodes/layers",
            "batch size",
            "learning rate",
            "parameters",
            "best epoch",
            "AUC",
            "1/εB at εS = 0.5",
            "seconds",
        )
        rows = "".join(_row(_cells(run, len(self._base.inputs)), "td") for run in self.runs)
        self._table.value = f"<table>{_row(head, 'th')}{rows}</table>" if self.runs else ""

    def _show_size(self) -> None:
        try:
            count = models.count_parameters(self.config, self._data.x_train.shape[1])
        except ConfigError as error:
            self._controls.say(html.escape(str(error)))
            return
        jets = min(len(self._data.y_train), self._base.train_size or len(self._data.y_train))
        many = " ⚠ more than there are training jets" if count > jets else ""
        self._controls.say(f"{count:,} parameters, {jets:,} training jets{many}")

    def _say(self, text: str, warning: bool = False, markup: bool = False, details: str = "") -> None:
        text = text if markup else html.escape(text)
        more = f"<details><summary>details</summary><pre>{html.escape(details)}</pre></details>" if details else ""
        self._status.value = f"{'⚠ ' if warning else ''}{text}{more}"


def _cells(run: Run, n_inputs: int) -> tuple[str, ...]:
    config, result = run.result.config, run.result
    return (
        config.label,
        str(config.batch_size),
        f"{config.learning_rate:.1e}",
        f"{models.count_parameters(config, n_inputs):,}",
        str(result.best_epoch),
        str(run.metrics["auc"]),
        str(run.metrics["rejection_50"]),
        f"{result.seconds:.1f}",
    )


def _row(cells: tuple[str, ...], tag: str) -> str:
    style = "padding: 2px 12px; text-align: right"
    return "<tr>" + "".join(f'<{tag} style="{style}">{html.escape(cell)}</{tag}>' for cell in cells) + "</tr>"
