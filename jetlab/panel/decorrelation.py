"""The live panel of E2: a tagger with a penalty, whose strength is turned while it trains."""

import dataclasses
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import ipywidgets as widgets
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jetlab import metrics, models, plots, training
from jetlab.backend import seeded
from jetlab.config import INTEGERS, ConfigError, RunConfig
from jetlab.errors import ArgumentError
from jetlab.metrics import Estimate, comparison
from jetlab.metrics.decorrelation import EFFICIENCY, MASS_EDGES, Point, point
from jetlab.models import penalties
from jetlab.panel import views
from jetlab.panel.controls import FIELDS, RATE, STEPS, slider
from jetlab.panel.live import LivePanel
from jetlab.panel.runs import Goal
from jetlab.panel.settings import SettingsControls, falling
from jetlab.training.checkpoint import Checkpoint
from jetlab.training.session import OnEvent

#: Kind of penalty -> what the control calls it.
KINDS = {"disco": "distance correlation", "moments": "correlations of moments", "adversary": "adversary"}
STRENGTHS = (0.0, 0.1, 0.3, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0)
#: Bootstrap replicas of the point in training, which is drawn again and again.
REPLICAS = 20


@dataclass(frozen=True)
class Settings:
    """A dense tagger, its penalty, and its training; the learning rate falls along half a cosine."""

    kind: str = "disco"
    strength: float = 10.0
    layers: int = 3
    nodes: int = 64
    epochs: int = 50
    batch_size: int = 1024
    learning_rate: float = 3e-3
    seed: int = 1

    def __post_init__(self) -> None:
        """Check the values. Raises ConfigError."""
        if self.kind not in KINDS:
            raise ConfigError(f"kind is {self.kind!r}; allowed are {', '.join(KINDS)}.")
        if not self.strength >= 0:
            raise ConfigError(f"strength is {self.strength!r}; it should be 0 or more.")
        self.run_config()

    @property
    def label(self) -> str:
        """Penalty and strength, such as "disco 10"."""
        return f"{self.kind} {self.strength:g}" if self.strength else "no penalty"

    def rate(self, epoch: int) -> float:
        """Learning rate in an epoch, counted from 1."""
        return self.run_config().rate(epoch)

    def run_config(self) -> RunConfig:
        """As `training.fit` takes it. Raises ConfigError."""
        return falling(self, layers=self.layers, nodes=self.nodes)


class Jets(NamedTuple):
    """Jets that a tagger is judged by: scaled inputs (n, n_inputs), masses [GeV], labels and weights, (n,) each."""

    x: NDArray[np.float32]
    mass: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64]


class DecorrelationPanel(LivePanel):
    """Sliders for a tagger and its penalty, buttons, live pictures, and a table of the runs.

    While a network trains, the learning rate and the strength of the penalty act at once; any other control starts a
    new network at the end of the epoch. A run counts as one of the strength that it ended with.

    Args:
        data: training and validation parts, whose inputs are pairs: the tagger's, float32 (n, n_inputs), and what
            `decorrelation.protected` gives, float32 (n, 2).
        mass: masses of the validation jets [GeV], (n_validation,).
        test: the test jets, for `look`; None: there are none.
        yardsticks: name -> scores (n_validation,) of the validation jets, at most six, drawn beside the network.
        config: where the controls begin; None: as `Settings` are.
        goal: what to reach, which the panel shows and says when it is; of the metrics "auc", "rejection_50" and "jsd".

    The last expression of a cell shows it; what it can do is in `live.LivePanel`. `runs` holds every finished training.
    Raises ArgumentError for inputs that are no such pair and masses that are not as many as the jets; ConfigError for
    impossible yardsticks and a `config` that the controls do not have.
    """

    COLUMNS: ClassVar = {
        "validation AUC": "auc",
        "validation 1/εB at εS\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.5": "rejection_50",
        "validation divergence [bit]": "jsd",
        "test 1/εB": "rejection_50",
        "test divergence (looked\N{NO-BREAK SPACE}at)": "jsd",
    }
    SHOWN = ("QCD mass", "rejection and divergence")
    MOST = 4
    LABEL = "penalty"

    def __init__(
        self,
        data: training.Data,
        mass: NDArray[Any],
        test: Jets | None = None,
        yardsticks: Mapping[str, NDArray[Any]] | None = None,
        config: Settings | None = None,
        goal: Goal | None = None,
    ) -> None:
        y, weight = data.y_validation, data.w_validation
        assert weight is not None  # Data fills in ones
        self._data, self._inputs = data, _width(data)
        self._parts = {"validation": Jets(data.x_validation[0], np.asarray(mass), y, weight)}
        self._parts |= {"test": Jets(*test)} if test else {}
        self._check()
        compared = views.yardsticks(yardsticks or {}, y, weight)
        self._yardsticks = {name: self._point(score) for name, score in (yardsticks or {}).items()}
        controls = SettingsControls(Settings, _fields(config or Settings()), config)
        known = views.Known(controls.start, y=y, weight=weight, yardsticks=compared)
        pictures: dict[str, views.View] = {
            "QCD mass": self._masses,
            "rejection and divergence": self._frontier,
            **{name: view for name, view in views.TAGGER.items() if name != "network"},
        }
        super().__init__(controls, self._fit, known, pictures, tested=test is not None, goal=goal)

    def _check(self) -> None:
        for name, part in self._parts.items():
            lengths = {len(each) for each in part}
            if len(lengths) > 1 or np.shape(part.x)[1:] != (self._inputs,):
                raise ArgumentError(
                    f"The {name} part has inputs {np.shape(part.x)} and {len(part.mass)} masses for {len(part.y)} "
                    f"jets; give {self._inputs} inputs, as in training, a mass, a label and a weight for each jet."
                )

    def _fit(
        self, settings: Any, on_event: OnEvent, stop: threading.Event, knobs: training.Knobs, kept: Checkpoint | None
    ) -> training.Result:
        self._known.config = settings
        config = settings.run_config()
        with seeded(settings.seed):
            tagger = models.build(config, (self._inputs,))
            model = penalties.decorrelated(tagger, settings.strength, settings.kind)
        found = training.fit(model, config, self._data, lambda event: on_event(event, model), stop, knobs)
        strength = settings.strength if knobs.strength is None else knobs.strength
        return dataclasses.replace(found, model=tagger, config=dataclasses.replace(settings, strength=strength))

    def _judge(self, model: Any, config: Settings, part: str) -> NDArray[np.float32]:
        x = self._parts[part].x
        # While it trains, the model has the penalty behind its tagger; no score depends on what is protected.
        protected = np.zeros((len(x), 2), np.float32)
        return training.predict(model, (x, protected) if len(model.inputs) > 1 else x)

    def _figures(self, score: NDArray[np.float32], part: str) -> Mapping[str, Estimate]:
        jets = self._parts[part]
        found = point(jets.y, score, jets.mass, jets.weight)
        auc = metrics.evaluate(jets.y, score, jets.weight)["auc"]
        return {"auc": auc, "rejection_50": found.rejection, "jsd": found.jsd}

    def _point(self, score: NDArray[Any], replicas: int = 200) -> Point:
        jets = self._parts["validation"]
        return point(jets.y, score, jets.mass, jets.weight, replicas)

    def _masses(self, ax: Axes, known: views.Known) -> None:
        jets, shown = self._parts["validation"], {}
        qcd = jets.y == 0
        scores = {f"{run.number}: {run.label}": run.score for run in known.beside}
        if known.score is not None:
            scores = {"this network": known.score} | scores
        for name, score in scores.items():
            if np.ptp(score) > 0:  # one that tells nothing apart has no cut
                shown[name] = comparison.cut(jets.y, score, jets.weight, EFFICIENCY)[qcd]
        plots.comparison.sculpting(ax, jets.mass[qcd], shown, jets.weight[qcd], MASS_EDGES)
        ax.set_title("QCD validation jets at εS = 0.5", fontsize=plots.FONT)

    def _frontier(self, ax: Axes, known: views.Known) -> None:
        found = {name: [each] for name, each in self._yardsticks.items()}
        for run in self.runs:
            measured = Point(run.metrics["rejection_50"], run.metrics["jsd"], 0.0, 0.0)
            config: Any = run.result.config
            name = KINDS[config.kind] if config.strength else "no penalty"
            found.setdefault(name, []).append(measured)
        found = {name: sorted(points, key=lambda each: each.jsd.value) for name, points in found.items()}
        if known.score is not None and np.ptp(known.score) > 0:
            found["this network"] = [self._point(known.score, REPLICAS)]
        plots.comparison.frontier(ax, found)
        ax.set_title("validation jets", fontsize=plots.FONT)

    def _size(self, config: Settings) -> str:
        return "The strength acts at once, the learning rate too."


def _width(data: training.Data) -> int:
    """Inputs of the tagger. Raises ArgumentError."""
    shapes: Any = training.shape(data.x_train) if isinstance(data.x_train, tuple) else ()
    match shapes:
        case ((int(inputs),), (2,)):
            return inputs
    raise ArgumentError(
        "The inputs should be a pair: those of the tagger, (n, n_inputs), and what decorrelation.protected gives, "
        f"(n, 2); got {shapes or training.shape(data.x_train)}."
    )


def _fields(start: Settings) -> dict[str, Any]:
    """Field of the settings -> its widget."""
    kinds = [(words, name) for name, words in KINDS.items()]
    found = {"kind": slider(widgets.Dropdown, "penalty", "What is punished", options=kinds, value=start.kind)}
    steps = {
        "strength": ("strength", "How much the penalty counts; it can be changed while the network trains", STRENGTHS),
        "layers": ("layers", FIELDS["layers"].sentence, (1, 2, 3, 4)),
        "nodes": ("nodes per layer", FIELDS["nodes"].sentence, (8, 16, 32, 64, 128)),
        "epochs": ("epochs", FIELDS["epochs"].sentence, (1, 2, 3, 5, 10, 20, 50, 100)),
        "batch_size": ("batch size", FIELDS["batch_size"].sentence, (128, 256, 512, 1024, 2048)),
    }
    for name, (label, sentence, options) in steps.items():
        value = getattr(start, name)
        shown = [(f"{each:g}", each) for each in sorted({*options, value})]
        found[name] = slider(STEPS, label, sentence, options=shown, value=value)
    rate, seed = FIELDS["learning_rate"].sentence, FIELDS["seed"].sentence
    found["learning_rate"] = slider(RATE, "learning rate", rate, value=start.learning_rate, min=-5, max=0)
    low, high = INTEGERS["seed"]
    found["seed"] = slider(widgets.BoundedIntText, "seed", seed, value=start.seed, min=low, max=high)
    return found
