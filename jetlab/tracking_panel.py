"""The live panel of M7: sliders for the network of 2017, and one event whose assignment is redrawn while it trains."""

import html
import threading
import time
import traceback
from typing import Any

import ipywidgets as widgets

from jetlab import plots, tracking_plots, worker
from jetlab.tracking.hits import Hits
from jetlab.tracking.network import Network, Settings, train
from jetlab.tracking.score import correct, efficiencies

MIN_SECONDS_BETWEEN_DRAWINGS = 0.25
STYLE = {"description_width": "9em"}
WIDE = widgets.Layout(width="27em")


class TrackingPanel:
    """Sliders, a Train and a Stop button, one event as the network sorts it now, and the score epoch by epoch.

    Args:
        hits: events to learn from; the slider takes the first so many.
        test: other events, scored after each epoch; the first is drawn.

    The last expression of a cell shows it; `runs` holds (events, settings, score) of every finished training. Used in
    M7.
    """

    def __init__(self, hits: Hits, test: Hits) -> None:
        self.runs: list[tuple[int, Settings, float]] = []
        self._hits, self._test, self._event = hits, test, test.first(1)
        self._stop = threading.Event()
        self._scores: list[float] = []
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
        self._table = widgets.HTML()
        self._train.on_click(lambda _: self.train())
        self._halt.on_click(lambda _: self.stop())
        left = widgets.VBox([self._size, self._bins, self._hidden])
        right = widgets.VBox([self._epochs, self._rotated])
        controls = widgets.HBox([left, right], layout=widgets.Layout(flex_flow="row wrap"))
        buttons = widgets.HBox([self._train, self._halt])
        self.widget = widgets.VBox([controls, buttons, self._status, self._image, self._table])
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
        """Train with the sliders' settings, as the Train button does; `blocking` waits for the end. Used in M7."""
        self._stop.clear()
        settings, size = self.settings, self._size.value
        try:
            thread = worker.start(lambda: self._run(settings, size), f"Training on {size} events")
        except worker.BusyError as error:
            self._say(f"⚠ {html.escape(str(error))}")
            return
        if blocking:
            thread.join()

    def stop(self) -> None:
        """Stop after the current batch, as the Stop button does. Used in M7."""
        self._stop.set()

    def _run(self, settings: Settings, size: int) -> None:
        self._train.disabled, self._halt.disabled = True, False
        self._scores, self._labels = [], None
        self._say(f"Building and training on {size} events ...")
        try:
            train(self._hits.first(size), settings, lambda network, epoch: self._on_epoch(network, epoch), self._stop)
            if self._scores:
                self.runs.append((size, settings, self._scores[-1]))
            self._say("Stopped." if self._stop.is_set() else f"All {settings.epochs} epochs are done.")
            self._draw()
            self._show_runs()
        except Exception as error:  # the thread has nobody above it: the participant must read what happened
            details = html.escape(traceback.format_exc())
            self._say(f"⚠ Training failed: {html.escape(str(error))}<details><pre>{details}</pre></details>")
        finally:
            self._train.disabled, self._halt.disabled = False, True

    def _on_epoch(self, network: Network, epoch: int) -> None:
        labels = network.assign(self._test)
        self._scores.append(float(efficiencies(self._test, labels).mean()))
        self._labels = labels[: len(self._event)]
        self._say(
            f"Epoch <b>{epoch}</b> of {network.settings.epochs} · loss {network.history['loss'][-1]:.3f} · score "
            f"{self._scores[-1]:.3f}"
        )
        if time.monotonic() - self._last_drawn > MIN_SECONDS_BETWEEN_DRAWINGS:
            self._draw()

    def _draw(self) -> None:
        fig = plots.figure(ncols=2, width=5.6, height=4.2)
        left, right = fig.axes
        wrong = None if self._labels is None else ~correct(self._event, self._labels)
        tracking_plots.event_unrolled(left, self._event, self._labels, wrong)
        what = "true tracks" if wrong is None else f"this network ({wrong.sum()} of {len(wrong)} hits wrong, ringed)"
        left.set_title(what, fontsize=plots.FONT)
        epochs = range(1, len(self._scores) + 1)
        right.plot(epochs, self._scores, "o-", color=plots.W)
        right.set(xlabel="epoch", ylabel=f"score on {self._test.events} other events", ylim=(0, 1.02))
        right.set_xlim(0.5, max(self._epochs.value, len(self._scores)) + 0.5)
        right.grid(alpha=0.3)
        self._image.value = plots.png(fig)
        self._last_drawn = time.monotonic()

    def _show_runs(self) -> None:
        head = (
            "<tr><th>training events</th><th>bins</th><th>hidden</th><th>epochs</th><th>turned</th><th>score</th></tr>"
        )
        rows = "".join(
            f"<tr><td>{size}</td><td>{s.bins}</td><td>{s.hidden}</td><td>{s.epochs}</td>"
            f"<td>{'yes' if s.rotated else 'no'}</td><td>{score:.3f}</td></tr>"
            for size, s, score in self.runs
        )
        self._table.value = f"<table>{head}{rows}</table>" if rows else ""

    def _say(self, markup: str) -> None:
        self._status.value = markup


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
