"""The live panel of M6: the sliders and buttons of `panel`, and the closure against eta growing while a network trains.

Validation jets are drawn, so that choosing with this panel leaves the test jets untouched. They are for a
deliberate look at the end.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from jetlab import jes, plots, training
from jetlab.config import ConfigError, RunConfig
from jetlab.errors import ArgumentError
from jetlab.io.sample import JetSample
from jetlab.metrics.jes import Scores, judge
from jetlab.panel.controls import Controls
from jetlab.panel.runs import RunsView, differing
from jetlab.panel.steering import Steering
from jetlab.training.data import Inputs

#: A live curve needs no fine errors, but it needs them at once.
REPLICAS = 20
#: Range of the closure that is shown: a growing curve on growing axes could not be followed.
SHOWN = (0.93, 1.1)
#: Runs that are drawn beside the present one at a time.
MOST = 4


@dataclass
class Run:
    """One finished training of the panel, and how good it is.

    Attributes:
        number: 1 for the panel's first run, 2 for the second ...; it is never given again.
        result: the trained model, its configuration and how training went.
        scores: of the validation jets.
        look: 1 if this was the first run whose test jets were looked at, 2 if the second ...; 0: not looked at.
        test_scores: of the test jets; None until they are looked at.
    """

    number: int
    result: training.Result
    scores: Scores
    look: int = 0
    test_scores: Scores | None = None

    @property
    def label(self) -> str:
        """Nodes per layer and layers, such as "64/3"."""
        return self.result.config.label


class JesPanel:
    """Sliders, buttons, closure against |eta| and width epoch by epoch, and a table of the runs.

    While a network trains, the learning rate acts at once; any other control starts a new network at the end of the
    epoch.

    Args:
        data: scaled inputs (n, n_inputs) with the targets `jes.log_correction`, regression=True.
        sample: the validation jets, in the order of `data`.
        config: where the controls begin, with a loss for regression.
        test: scaled inputs (n_test, n_inputs) and the test jets, in the same order, for `look`; None: there are none.
        options: `hide`, `lock`, `presets` and `most` of `controls.Controls`, for instructors.

    The last expression of a cell shows it. `runs` holds every finished training. Raises ConfigError for impossible
    options, ArgumentError for jets that are not as many as targets or inputs.
    """

    def __init__(
        self,
        data: training.Data,
        sample: JetSample,
        config: RunConfig,
        test: tuple[Inputs, JetSample] | None = None,
        **options: Any,
    ) -> None:
        if len(sample) != len(data.y_validation):
            raise ArgumentError(
                f"There are {len(sample)} jets for {len(data.y_validation)} targets; give the validation jets."
            )
        if test is not None and len(test[0]) != len(test[1]):
            raise ArgumentError(f"There are {len(test[1])} test jets for {len(test[0])} rows of inputs.")
        self.runs: list[Run] = []
        self._data, self._sample, self._test = data, sample, test
        self._numbers, self._beside = itertools.count(1), list[Run]()
        self._official = judge(sample, sample["jet_pt_ak7"], replicas=REPLICAS)
        self._controls = Controls(config, len(data.y_train), **options)
        self._steering = Steering(self, lambda: self.config, lambda config: data)
        self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self._table = RunsView(self.runs, self._columns, self._draw_beside, MOST, self._measure if test else None)
        self._controls.on_change(self._moved)
        self.reset()
        self.widget = widgets.VBox([self._controls.widget, self._steering.widget, self._image, self._table.widget])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def config(self) -> RunConfig:
        """The configuration that the controls stand at. Raises ConfigError."""
        return self._controls.config()

    def train(self, blocking: bool = False) -> None:
        """Train as the Train button does, or go on after a pause; `blocking` waits for the end."""
        self._steering.train(blocking)

    def stop(self) -> None:
        """Stop, as the Stop button does; the best weights so far are kept."""
        self._steering.stop()

    def look(self) -> None:
        """Look at the test jets of the ticked run, or of the last, as the button does: once for each run.

        What it finds is in the table and in the run's `test_scores`. Raises ArgumentError if there are no test jets.
        """
        self._table.look()

    def reset(self) -> None:
        """Show nothing but the official correction and ticked runs, as in the beginning. Called by `steering`."""
        self._widths: list[float] = []
        self._scores: Scores | None = None
        self._best_epoch = 0
        self._show()

    def begins(self, history: dict[str, list[float]]) -> None:
        """Begin with the curve so far. Called by `steering`."""
        self._widths, self._scores, self._best_epoch = list(history.get("val_width", [])), None, 0

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
        self._best_epoch = result.best_epoch
        if result.best_epoch:
            self.runs.append(Run(next(self._numbers), result, self._scores))
        self._show()
        self._table.show()

    def _moved(self) -> None:
        try:
            self._steering.change(self.config)
        except ConfigError as error:
            self._steering.say(str(error), warning=True)

    def _judge(self, log_factor: NDArray[np.float32]) -> Scores:
        return _judge(self._sample, log_factor, REPLICAS)

    def _measure(self, run: Run) -> None:
        assert self._test is not None  # else there is no button for this
        x, sample = self._test
        run.test_scores = _judge(sample, run.result.predict(x))

    def _draw_beside(self, runs: Sequence[Run]) -> None:
        self._beside = list(runs)
        self._show()

    def _columns(self) -> dict[str, list[str]]:
        runs, results = self.runs, [run.result for run in self.runs]
        columns = {
            "run": [str(run.number) for run in runs],
            "nodes/\N{ZERO WIDTH SPACE}layers": [run.label for run in runs],
            "differs in": differing(results),
            "best epoch": [str(result.best_epoch) for result in results],
            "validation: largest |closure − 1|": [str(run.scores.worst) for run in runs],
            "validation: resolution": [str(run.scores.resolution) for run in runs],
        }
        if self._test:
            looked_at = [run.test_scores for run in runs]
            columns["test: largest |closure − 1|"] = [str(scores.worst) if scores else "" for scores in looked_at]
            columns["test: resolution (looked\N{NO-BREAK SPACE}at)"] = [
                self._table.marked(run, str(scores and scores.resolution))
                for run, scores in zip(runs, looked_at, strict=True)
            ]
        return {**columns, "seconds": [f"{result.seconds:.1f}" for result in results]}

    def _show(self) -> None:
        fig = plots.figure(ncols=2, width=5.6, height=4.2)
        left, right = fig.axes
        results = {"official": self._official.by_eta}
        if self._scores is not None:
            results["this network"] = self._scores.by_eta
        results |= {f"{run.number}: {run.label}": run.scores.by_eta for run in self._beside}
        plots.jes.closure(left, results, "|η|")
        left.set_ylim(*SHOWN)
        left.set_title("validation jets", fontsize=plots.FONT)
        right.plot(np.arange(1, len(self._widths) + 1), self._widths, "o-", color="#000000", markersize=4)
        if best := self._best_epoch:
            right.axvline(best, color=plots.QCD, linestyle=":", linewidth=2, label=f"best: epoch {best}")
            right.legend(fontsize=plots.FONT - 2, frameon=False)
        right.set(xlabel="epoch", ylabel="width of log(estimated / true pt)")
        right.set_xlim(0.5, max(len(self._widths), 5) + 0.5)
        right.grid(alpha=0.3)
        self._image.value = plots.png(fig)


def _judge(sample: JetSample, log_factor: NDArray[np.float32], replicas: int = 200) -> Scores:
    # A network gone astray may say anything; a factor beyond 10 is drawn off the picture all the same.
    log_factor = np.nan_to_num(np.clip(log_factor, -2.3, 2.3))
    return judge(sample, jes.corrected(sample, log_factor), replicas=replicas)
