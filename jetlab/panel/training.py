"""The live panel: turn a network's knobs while it trains, watch its curves grow, and compare the runs.

The panel only shows. What is trained and how is `session`'s and `training`'s, the buttons are `steering`'s, the sliders
`controls`', the pictures `views`', the table `runs`'s.

All figures are of the validation jets, so that choosing with the panel leaves the test jets untouched. They are for a
deliberate look at the end.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from jetlab import inputs, metrics, models, training
from jetlab.config import ConfigError, RunConfig
from jetlab.io.sample import JetSample
from jetlab.metrics import Estimate
from jetlab.models import Shape
from jetlab.panel import runs, views
from jetlab.panel.controls import STYLE, Controls
from jetlab.panel.runs import RunsView
from jetlab.panel.share import Tools
from jetlab.panel.steering import Steering


@dataclass
class Run:
    """One finished training of the panel, and how good it is.

    Attributes:
        number: 1 for the panel's first run, 2 for the second ...; it is never given again.
        result: the trained model, its configuration and how training went.
        score: of the validation jets, float32 (n_validation,).
        metrics: name -> value and error, from that score, as `metrics.evaluate` gives them.
        look: 1 if this was the first run whose test jets were looked at, 2 if the second ...; 0: not looked at.
        test_score: of the test jets, float32 (n_test,); None until they are looked at.
        test_metrics: as `metrics`, from that score; empty until then.
    """

    number: int
    result: training.Result
    score: NDArray[np.float32]
    metrics: Mapping[str, Estimate]
    look: int = 0
    test_score: NDArray[np.float32] | None = None
    test_metrics: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Nodes per layer and layers, such as "64/3"."""
        return self.result.config.label


class TrainingPanel:
    """Sliders for the network, buttons that steer its training, live pictures, and a table of the runs.

    While a network trains, the learning rate acts at once; any other control starts a new network at the end of the
    epoch, with the old curve in grey.

    Args:
        data: scaled training and validation parts.
        test: inputs (n, ...), labels (n,) and weights (n,) of the test part, scaled like the others; see `look`.
        config: where the controls begin; its inputs are the names of the columns of `data`.
        yardsticks: name -> scores (n_validation,) of the validation jets, at most six, drawn with the network's ROC.
        keep: a name, such as the lesson's: trainings are kept under it, to go on with after the kernel died.
        options: `hide`, `lock`, `presets` and `most` of `controls.Controls`, for instructors.

    The last expression of a cell shows it. `runs` holds every finished training. Raises ConfigError for impossible
    options and yardsticks.
    """

    def __init__(
        self,
        data: training.Data,
        test: tuple[training.Inputs, NDArray[Any], NDArray[Any]],
        config: RunConfig | None = None,
        yardsticks: Mapping[str, NDArray[Any]] | None = None,
        keep: str | None = None,
        **options: Any,
    ) -> None:
        config = config or RunConfig()
        whole = inputs.Prepared(data, *test)
        names = (
            config.inputs if config.model == "dense" and training.shape(data.x_train) == (len(config.inputs),) else ()
        )
        self._make(_columns_of(whole, names), whole, config, yardsticks, keep, inputs=names, **options)

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
        made = cls.__new__(cls)
        choice = {"dense": config.inputs, "cnn": inputs.CHANNELS}.get(config.model, inputs.CONSTITUENT)
        made._make(prepare, prepare(config), config, yardsticks, keep, inputs=choice, remade=True, **options)
        return made

    def _make(
        self,
        prepare: Callable[[RunConfig], inputs.Prepared],
        first: inputs.Prepared,
        config: RunConfig,
        yardsticks: Mapping[str, NDArray[Any]] | None,
        keep: str | None,
        **options: Any,
    ) -> None:
        self.runs: list[Run] = []
        self._prepare, self._prepared = prepare, first
        self._numbers = itertools.count(1)
        data = first.data
        self._controls = Controls(config, len(data.y_train), **options)
        y, weight = data.y_validation, data.w_validation
        assert weight is not None  # Data fills in ones
        self._known = views.Known(config, training.shape(data.x_train), y, weight)
        self._known.yardsticks = views.yardsticks(yardsticks or {}, y, weight)
        self._steering = Steering(self, lambda: self.config, self._data, keep)
        self._views = [_chooser(label, value) for label, value in (("left", "loss"), ("right", "ROC"))]
        self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self._table = RunsView(
            self.runs,
            lambda: runs.columns(self.runs, self._table.marked),
            self._overlay,
            views.MOST,
            measure=self._measure,
            csv=lambda: runs.to_csv(self.runs, self._table.looks),
        )
        self._tools = Tools(lambda: self.config, lambda: self._row(self.config), self._controls.set, self.runs)
        self._controls.on_change(self._moved)
        for view in self._views:
            view.observe(lambda _: self._show(), "value")
        self._show_size()
        self._show()
        choosers = widgets.HBox(self._views, layout=widgets.Layout(flex_flow="row wrap"))
        self.widget = widgets.VBox(
            [
                self._controls.widget,
                self._steering.widget,
                choosers,
                self._image,
                self._table.widget,
                self._tools.widget,
            ]
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)

    @property
    def config(self) -> RunConfig:
        """The configuration that the controls stand at. Raises ConfigError."""
        return self._controls.config()

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
        """Stop, as the Stop button does; the best weights so far are kept."""
        self._steering.stop()

    def look(self) -> None:
        """Look at the test jets of the ticked run, or of the last, as the button does: once for each run.

        What it finds is in the table and in the run's `test_score` and `test_metrics`.
        """
        self._table.look()

    def begins(self, history: dict[str, list[float]]) -> None:
        """Put the curve of the run before into grey; called in the worker."""
        known = self._known
        known.before = known.history or known.before
        known.history = {name: list(values) for name, values in history.items()}
        known.best_epoch = known.score = known.auc = known.weights = None

    def epoch_ended(self, event: training.EpochEnd) -> None:
        """Add the epoch's numbers to the curves; called in the worker."""
        for name, value in {"loss": event.loss, "val_loss": event.val_loss, **event.metrics}.items():
            self._known.history.setdefault(name, []).append(value)

    def draw(self, model: Any) -> None:
        """Show the network as it now is; called in the worker."""
        names = [view.value for view in self._views]
        if "scores" in names or "ROC" in names:
            self._known.score = training.predict(model, self._prepared.data.x_validation)
        if "network" in names:
            self._known.weights = model.get_weights()
        self._show()

    def ended(self, result: training.Result) -> None:
        """Add the run to the table and show the network that is kept; called in the worker."""
        known = self._known
        known.score = result.predict(self._prepared.data.x_validation)
        known.weights, known.best_epoch = result.model.get_weights(), result.best_epoch or None
        if result.best_epoch:
            found = metrics.evaluate(known.y, known.score, known.weight)
            known.auc = found["auc"]
            self.runs.append(Run(next(self._numbers), result, known.score, found))
        self._show()
        self._table.show()

    def reset(self) -> None:
        """Clear the curves; the runs in the table stay."""
        known = self._known
        known.history, known.before = {}, {}
        known.best_epoch = known.score = known.auc = known.weights = None
        self._controls.set(self._controls.start)
        self._show()

    def _data(self, config: RunConfig) -> training.Data:
        self._prepared = self._prepare(config)
        self._known.config, self._known.row = config, training.shape(self._prepared.data.x_train)
        return self._prepared.data

    def _moved(self) -> None:
        self._show_size()
        try:
            self._steering.change(self.config)
        except ConfigError as error:
            self._steering.say(str(error), warning=True)

    def _measure(self, run: Run) -> None:
        prepared = self._prepare(run.result.config)
        score = run.result.predict(prepared.x_test)
        run.test_metrics, run.test_score = metrics.evaluate(prepared.y_test, score, prepared.w_test), score

    def _overlay(self, chosen: Sequence[Run]) -> None:
        self._known.overlaid = views.overlaid(chosen, self._known.y, self._known.weight)
        self._show()

    def _show(self) -> None:
        self._image.value = views.picture([view.value for view in self._views], self._known)

    def _show_size(self) -> None:
        try:
            config = self.config
            count = models.count_parameters(config, self._row(config))
        except ConfigError as error:
            self._controls.say(f"⚠ {error}")
            return
        n_train = len(self._prepared.data.y_train)
        jets = min(n_train, config.train_size or n_train)
        many = " ⚠ more than there are training jets" if count > jets else ""
        self._controls.say(f"{count:,} parameters, {jets:,} training jets{many}")

    def _row(self, config: RunConfig) -> Shape:
        """Shape of the inputs for a configuration, without preparing them."""
        if config.model == "dense" and self._controls.chooses("inputs"):
            return (len(config.inputs),)
        return inputs.row(config) if self._controls.remade else training.shape(self._prepared.data.x_train)


def _columns_of(whole: inputs.Prepared, names: Sequence[str]) -> Callable[[RunConfig], inputs.Prepared]:
    """Prepare by picking columns of what is prepared already."""

    def prepare(config: RunConfig) -> inputs.Prepared:
        if not names or config.inputs == tuple(names):
            return whole
        return whole.columns([names.index(name) for name in config.inputs])

    return prepare


def _chooser(label: str, value: str) -> widgets.Dropdown:
    tooltip = f"What the {label} picture shows"
    return widgets.Dropdown(options=list(views.VIEWS), value=value, description=label, tooltip=tooltip, style=STYLE)
