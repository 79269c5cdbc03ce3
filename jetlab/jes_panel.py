"""The live panel of M6: the sliders and buttons of `panel`, and the closure against eta growing while a network trains.

What is drawn are validation jets: whoever chooses with this panel leaves the test jets untouched.
"""

import html
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from jetlab import jes, jes_plots, plots, training
from jetlab.config import ConfigError, RunConfig
from jetlab.controls import Controls
from jetlab.errors import ArgumentError
from jetlab.sample import JetSample
from jetlab.steering import Steering

#: A live curve needs no fine errors, but it needs them at once.
REPLICAS = 20
#: Range of the closure that is shown: a growing curve on growing axes could not be followed.
SHOWN = (0.93, 1.1)


@dataclass(frozen=True)
class Run:
    """One finished training of the panel, and the network judged on the validation jets."""

    result: training.Result
    scores: jes.Scores


class JesPanel:
    """Sliders, buttons, closure against |eta| and width epoch by epoch, and a table of the runs.

    While a network trains, the learning rate acts at once; any other control starts a new network at the end of the
    epoch.

    Args:
        data: scaled inputs (n, n_inputs) with the targets `jes.log_correction`, regression=True.
        sample: the validation jets, in the order of `data`.
        config: where the controls begin, with a loss for regression.
        options: `hide`, `lock`, `presets` and `most` of `controls.Controls`, for instructors.

    The last expression of a cell shows it. `runs` holds every finished training. Raises ConfigError for impossible
    options. Used in M6.
    """

    def __init__(self, data: training.Data, sample: JetSample, config: RunConfig, **options: Any) -> None:
        if len(sample) != len(data.y_validation):
            raise ArgumentError(
                f"There are {len(sample)} jets for {len(data.y_validation)} targets; give the validation jets."
            )
        self.runs: list[Run] = []
        self._data, self._sample = data, sample
        self._official = jes.judge(sample, sample["jet_pt_ak7"], replicas=REPLICAS)
        self._controls = Controls(config, len(data.y_train), **options)
        self._steering = Steering(self, lambda: self.config, lambda config: data)
        self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self._table = widgets.HTML()
        self._controls.on_change(self._moved)
        self.reset()
        self.widget = widgets.VBox([self._controls.widget, self._steering.widget, self._image, self._table])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def config(self) -> RunConfig:
        """The configuration that the controls stand at. Raises ConfigError."""
        return self._controls.config()

    def train(self, blocking: bool = False) -> None:
        """Train as the Train button does, or go on after a pause; `blocking` waits for the end. Used in M6."""
        self._steering.train(blocking)

    def stop(self) -> None:
        """Stop, as the Stop button does; the best weights so far are kept. Used in M6."""
        self._steering.stop()

    def reset(self) -> None:
        """Show nothing but the official correction, as in the beginning. Called by `steering`."""
        self._widths: list[float] = []
        self._scores: jes.Scores | None = None
        self._show()

    def begins(self, history: dict[str, list[float]]) -> None:
        """Begin with the curve so far. Called by `steering`."""
        self._widths, self._scores = list(history.get("val_width", [])), None

    def epoch_ended(self, event: training.EpochEnd) -> None:
        """Remember an epoch's width. Called by `steering`."""
        self._widths.append(event.metrics["val_width"])

    def draw(self, model: Any) -> None:
        """Judge the network as it is now, and show it. Called by `steering`."""
        self._scores = self._judge(training.predict(model, self._data.x_validation))
        self._show()

    def ended(self, result: training.Result) -> None:
        """Judge the weights that are kept, and add the run to the table. Called by `steering`."""
        self._scores = self._judge(result.predict(self._data.x_validation))
        if result.best_epoch:
            self.runs.append(Run(result, self._scores))
        self._show(result.best_epoch)
        head = ("nodes/layers", "learning rate", "best epoch", "largest |closure − 1|", "resolution", "seconds")
        rows = "".join(_row(_cells(run), "td") for run in self.runs)
        self._table.value = f"<table>{_row(head, 'th')}{rows}</table>" if self.runs else ""

    def _moved(self) -> None:
        try:
            self._steering.change(self.config)
        except ConfigError as error:
            self._steering.say(str(error), warning=True)

    def _judge(self, log_factor: NDArray[np.float32]) -> jes.Scores:
        # A network gone astray may say anything; a factor beyond 10 is drawn off the picture all the same.
        log_factor = np.nan_to_num(np.clip(log_factor, -2.3, 2.3))
        return jes.judge(self._sample, jes.corrected(self._sample, log_factor), replicas=REPLICAS)

    def _show(self, best_epoch: int = 0) -> None:
        fig = plots.figure(ncols=2, width=5.6, height=4.2)
        left, right = fig.axes
        results = {"official": self._official.by_eta}
        if self._scores is not None:
            results["this network"] = self._scores.by_eta
        jes_plots.closure(left, results, "|η|")
        left.set_ylim(*SHOWN)
        left.set_title("validation jets", fontsize=plots.FONT)
        right.plot(np.arange(1, len(self._widths) + 1), self._widths, "o-", color="#000000", markersize=4)
        if best_epoch:
            right.axvline(best_epoch, color=plots.QCD, linestyle=":", linewidth=2, label=f"best: epoch {best_epoch}")
            right.legend(fontsize=plots.FONT - 2, frameon=False)
        right.set(xlabel="epoch", ylabel="width of log(estimated / true pt)")
        right.set_xlim(0.5, max(len(self._widths), 5) + 0.5)
        right.grid(alpha=0.3)
        self._image.value = plots.png(fig)


def _cells(run: Run) -> tuple[str, ...]:
    config, result, scores = run.result.config, run.result, run.scores
    return (
        config.label,
        f"{config.learning_rate:.1e}",
        str(result.best_epoch),
        str(scores.worst),
        str(scores.resolution),
        f"{result.seconds:.1f}",
    )


def _row(cells: tuple[str, ...], tag: str) -> str:
    style = "padding: 2px 12px; text-align: right"
    return "<tr>" + "".join(f'<{tag} style="{style}">{html.escape(cell)}</{tag}>' for cell in cells) + "</tr>"
