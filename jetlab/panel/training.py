"""The live panel: turn a network's knobs while it trains, watch its curves grow, and compare the runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from jetlab import inputs, metrics, models, training
from jetlab.config import RunConfig
from jetlab.io.sample import JetSample
from jetlab.metrics import Estimate
from jetlab.models import Shape
from jetlab.panel import views
from jetlab.panel.controls import Controls
from jetlab.panel.live import LivePanel
from jetlab.panel.runs import Goal
from jetlab.panel.share import Tools
from jetlab.training import checkpoint, session

#: Makes the three parts for a configuration.
Prepare = Callable[[RunConfig], inputs.Prepared]


class TrainingPanel(LivePanel):
    """Sliders for the network, buttons that steer its training, live pictures, and a table of the runs.

    While a network trains, the learning rate acts at once; any other control starts a new network at the end of the
    epoch, with the old curve in grey.

    Args:
        data: scaled training and validation parts.
        test: inputs (n, ...), labels (n,) and weights (n,) of the test part, scaled like the others; see `look`.
        config: where the controls begin; its inputs are the names of the columns of `data`.
        yardsticks: name -> scores (n_validation,) of the validation jets, at most six, drawn with the network's ROC.
        keep: a name, such as the lesson's: trainings are kept under it, to go on with after the kernel died.
        prepare: makes the parts where other inputs are chosen; None: they are columns of those given.
        goal: what to reach, which the panel shows and says when it is.
        options: `hide`, `lock`, `presets` and `most` of `controls.Controls`, for instructors.

    The last expression of a cell shows it; what it can do is in `live.LivePanel`. `runs` holds every finished training.
    Raises ConfigError for impossible
    options and yardsticks.
    """

    # Long heads may break in two: on a laptop at 125 % the last column would be out of sight otherwise.
    COLUMNS: ClassVar = {
        "validation AUC": "auc",
        "validation 1/εB at εS\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.5": "rejection_50",
        "test AUC (looked\N{NO-BREAK SPACE}at)": "auc",
    }
    SHOWN = ("loss", "ROC")

    def __init__(
        self,
        data: training.Data,
        test: tuple[training.Inputs, NDArray[Any], NDArray[Any]],
        config: RunConfig | None = None,
        yardsticks: Mapping[str, NDArray[Any]] | None = None,
        keep: str | None = None,
        prepare: Prepare | None = None,
        goal: Goal | None = None,
        **options: Any,
    ) -> None:
        config = config or RunConfig()
        self._prepared, row = inputs.Prepared(data, *test), training.shape(data.x_train)
        #: Shape of the inputs for a configuration, without preparing them.
        self._row: Callable[[RunConfig], Shape] = inputs.row
        if prepare is None:
            names = config.inputs if config.model == "dense" and row == (len(config.inputs),) else ()
            prepare, options["inputs"] = _columns_of(self._prepared, names), names
            self._row = lambda config: (len(config.inputs),) if names else row
        self._prepare = prepare
        y, weight = data.y_validation, data.w_validation
        assert weight is not None  # Data fills in ones
        self._truth = {"validation": (y, weight), "test": test[1:]}
        known = views.Known(config, row, y, weight, views.yardsticks(yardsticks or {}, y, weight))
        path = checkpoint.folder() / keep if keep else None
        controls = Controls(config, len(data.y_train), **options)
        tools = Tools(lambda: self.config, self._row, controls.set, lambda: self.runs)
        fit = session.networks(self._data, path)
        super().__init__(controls, fit, known, views.TAGGER, keep=path, more=[tools.widget], goal=goal)

    @classmethod
    def of(
        cls,
        sample: JetSample,
        dealt: Sequence[NDArray[np.int64]],
        weight: NDArray[np.float64],
        config: RunConfig | None = None,
        yardsticks: Mapping[str, NDArray[Any]] | None = None,
        keep: str | None = None,
        **options: Any,
    ) -> "TrainingPanel":
        """Make a panel that prepares the inputs itself, so that they too can be chosen; see `inputs.prepare`.

        `dealt` are the positions of training, validation and test jets; `yardsticks` name -> scores (n_validation,).
        """
        config = config or RunConfig()
        prepare = inputs.remembering(sample, dealt, weight)
        first = prepare(config)
        choice = {"dense": config.inputs, "cnn": inputs.CHANNELS}.get(config.model, inputs.CONSTITUENT)
        test = first.x_test, first.y_test, first.w_test
        return cls(first.data, test, config, yardsticks, keep, prepare, inputs=choice, remade=True, **options)

    def _data(self, config: RunConfig) -> training.Data:
        self._prepared = self._prepare(config)
        self._known.config, self._known.row = config, training.shape(self._prepared.data.x_train)
        return self._prepared.data

    def _judge(self, model: Any, config: RunConfig, part: str) -> NDArray[np.float32]:
        if part == "validation":
            return training.predict(model, self._prepared.data.x_validation)
        return training.predict(model, self._prepare(config).x_test)

    def _figures(self, score: NDArray[np.float32], part: str) -> Mapping[str, Estimate]:
        y, weight = self._truth[part]
        return metrics.evaluate(y, score, weight)

    def _size(self, config: RunConfig) -> str:
        count = models.count_parameters(config, self._row(config))
        n_train = len(self._prepared.data.y_train)
        jets = min(n_train, config.train_size or n_train)
        many = " ⚠ more than there are training jets" if count > jets else ""
        return f"{count:,} parameters, {jets:,} training jets{many}"


def _columns_of(whole: inputs.Prepared, names: Sequence[str]) -> Prepare:
    """Prepare by picking columns of what is prepared already."""

    def prepare(config: RunConfig) -> inputs.Prepared:
        if not names or config.inputs == tuple(names):
            return whole
        return whole.columns([names.index(name) for name in config.inputs])

    return prepare
