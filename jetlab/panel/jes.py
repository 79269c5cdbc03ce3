"""The live panel of M6: the closure against eta growing while a network trains."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes

from jetlab import jes, models, plots, training
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.io.sample import JetSample
from jetlab.metrics import Estimate
from jetlab.metrics.jes import Scores, judge
from jetlab.panel import views
from jetlab.panel.controls import Controls
from jetlab.panel.live import LivePanel
from jetlab.panel.runs import Goal
from jetlab.training import session

#: Bootstrap replicas for each part: a live curve needs rough errors, but at once.
REPLICAS = {"validation": 20, "test": 200}
#: Range of the closure that is shown: a curve on changing axes would be hard to follow.
SHOWN = (0.93, 1.1)


class JesPanel(LivePanel):
    """Sliders, buttons, closure against |eta| and width epoch by epoch, and a table of the runs.

    While a network trains, the learning rate acts at once; any other control starts a new network at the end of the
    epoch.

    Args:
        data: scaled inputs (n, n_inputs) with the targets `jes.log_correction`, regression=True.
        sample: the validation jets, in the order of `data`.
        config: where the controls begin, with a loss for regression.
        test: scaled inputs (n_test, n_inputs) and the test jets, in the same order, for `look`; None: there are none.
        goal: what to reach, which the panel shows and says when it is; its metric may also be
            "closure_in_the_worst_bin", 1 - largest |closure - 1|, of which more is better.
        options: `hide`, `lock`, `presets` and `most` of `controls.Controls`, for instructors.

    The last expression of a cell shows it; what it can do is in `live.LivePanel`. `runs` holds every finished training.
    Raises ConfigError for impossible
    options, ArgumentError for jets that are not as many as targets or inputs.
    """

    COLUMNS: ClassVar = {
        "validation: largest |closure − 1|": "worst",
        "validation: resolution": "resolution",
        "test: largest |closure − 1|": "worst",
        "test: resolution (looked\N{NO-BREAK SPACE}at)": "resolution",
    }
    SHOWN = ("closure", "width")
    MOST = 4

    def __init__(
        self,
        data: training.Data,
        sample: JetSample,
        config: RunConfig,
        test: tuple[training.Inputs, JetSample] | None = None,
        goal: Goal | None = None,
        **options: Any,
    ) -> None:
        if len(sample) != len(data.y_validation):
            raise ArgumentError(
                f"There are {len(sample)} jets for {len(data.y_validation)} targets; give the validation jets."
            )
        if test is not None and len(test[0]) != len(test[1]):
            raise ArgumentError(f"There are {len(test[1])} test jets for {len(test[0])} rows of inputs.")
        self._data = data
        self._parts = {"validation": (data.x_validation, sample)} | ({"test": test} if test else {})
        self._official = judge(sample, sample["jet_pt_ak7"], replicas=REPLICAS["validation"])
        label = "width of log(estimated / true pt)"
        pictures: dict[str, views.View] = {
            "closure": self._closure,
            "width": partial(views.metric, name="val_width", label=label, place="upper right"),
            **views.LOSS,
            "network": views.network,
        }
        known = views.Known(config, training.shape(data.x_train))
        controls = Controls(config, len(data.y_train), **options)
        fit = session.networks(self._begin)
        super().__init__(controls, fit, known, pictures, tested=test is not None, goal=goal)

    def _begin(self, config: RunConfig) -> training.Data:
        self._known.config = config
        return self._data

    def _judge(self, model: Any, config: RunConfig, part: str) -> Scores:
        x, sample = self._parts[part]
        # A network that diverged may predict anything; a factor above 10 would be off the picture anyway.
        log_factor = np.nan_to_num(np.clip(training.predict(model, x), -2.3, 2.3))
        return judge(sample, jes.corrected(sample, log_factor), replicas=REPLICAS[part])

    def _figures(self, score: Scores, part: str) -> Mapping[str, Estimate]:
        worst = score.worst
        least = Estimate(1 - worst.value, worst.error)
        return {"worst": worst, "resolution": score.resolution, "closure_in_the_worst_bin": least}

    def _size(self, config: RunConfig) -> str:
        return f"{models.count_parameters(config, self._known.row):,} parameters"

    def _closure(self, ax: Axes, known: views.Known) -> None:
        results = {"official": self._official.by_eta}
        if known.score is not None:
            results["this network"] = known.score.by_eta
        results |= {f"{run.number}: {run.label}": run.score.by_eta for run in known.beside}
        plots.jes.closure(ax, results, "|η|")
        ax.set_ylim(*SHOWN)
        ax.set_title("validation jets", fontsize=plots.FONT)
