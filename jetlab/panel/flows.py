"""The live panel of E4: a normalising flow of a few features, with its marginals while it trains."""

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import ipywidgets as widgets
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jetlab import plots, training
from jetlab.backend import seeded
from jetlab.config import INTEGERS, ConfigError, RunConfig
from jetlab.errors import ArgumentError
from jetlab.metrics import Estimate, generation
from jetlab.models import flows
from jetlab.panel import views
from jetlab.panel.controls import FIELDS, RATE, STEPS, slider
from jetlab.panel.live import LivePanel
from jetlab.panel.runs import Goal
from jetlab.panel.settings import SettingsControls, falling
from jetlab.training.checkpoint import Checkpoint
from jetlab.training.session import OnEvent

KINDS = {"RealNVP": flows.real_nvp, "MAF": flows.maf}
#: Values that can be chosen.
CHOICES: dict[str, tuple[Any, ...]] = {
    "flow": tuple(KINDS),
    "transforms": (2, 3, 4, 5, 6, 8, 10),
    "nodes": (8, 16, 32, 64, 128),
    "epochs": (1, 2, 3, 5, 10, 20, 40),
    "batch_size": (64, 128, 256, 512, 1024),
}
BINS = 25


@dataclass(frozen=True)
class Settings:
    """A flow and its training.

    `transforms` are the couplings of RealNVP, or the masked transforms of MAF, one after the other. The learning
    rate falls along half a cosine.
    """

    flow: str = "RealNVP"
    transforms: int = 4
    nodes: int = 32
    epochs: int = 5
    batch_size: int = 256
    learning_rate: float = 2e-3
    seed: int = 1

    def __post_init__(self) -> None:
        """Check the values. Raises ConfigError."""
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                allowed = ", ".join(map(str, choices))
                raise ConfigError(f"{name} is {getattr(self, name)!r}; allowed are {allowed}.")
        self.run_config()

    @property
    def label(self) -> str:
        """Kind, nodes and transforms, such as "MAF 64/5"."""
        return f"{self.flow} {self.nodes}/{self.transforms}"

    def rate(self, epoch: int) -> float:
        """Learning rate in an epoch, counted from 1."""
        return self.run_config().rate(epoch)

    def run_config(self) -> RunConfig:
        """As `training.fit` takes it. Raises ConfigError."""
        return falling(self, loss="output")


class Judged(NamedTuple):
    """What a flow says: as many new examples as there are validation ones (n, features), and log p of these (n,)."""

    made: NDArray[np.float64]
    log_density: NDArray[np.float32]


class FlowPanel(LivePanel):
    """Sliders for a flow, buttons, live pictures of the loss and of the features, and a table of the runs.

    While a flow trains, the learning rate acts at once; any other control starts a new flow at the end of the epoch.

    Args:
        data: training and validation parts, scaled by `unbounded`, (n, features).
        unbounded: makes features of scaled numbers again.
        labels: of the features, with their units.
        whole: numbers of the features that are whole, counted from 0, which new examples are rounded to.
        config: where the controls begin.
        goal: what to reach; its metric is "log_density", the mean logarithm of the density of the validation part for
            the scaled numbers, or "classifier_auc", see `metrics.generation.two_sample_auc`.

    The last expression of a cell shows it; what it can do is in `live.LivePanel`. `runs` holds every finished training.
    Raises ArgumentError for other than one label for each feature.
    """

    COLUMNS: ClassVar = {"validation log p": "log_density", "AUC of the trees": "classifier_auc"}
    LABEL = "flow nodes/\N{ZERO WIDTH SPACE}transforms"

    def __init__(
        self,
        data: training.Data,
        unbounded: flows.Unbounded,
        labels: Sequence[str],
        whole: Sequence[int] = (),
        config: Settings | None = None,
        goal: Goal | None = None,
    ) -> None:
        (features,) = training.shape(data.x_train)
        if len(labels) != features:
            raise ArgumentError(f"{len(labels)} labels for {features} features; give one for each.")
        self._data, self._unbounded, self._whole = data, unbounded, list(whole)
        self._real = self._features_of(np.asarray(data.x_validation))
        controls = SettingsControls(Settings, _fields(config or Settings()), config)
        known = views.Known(controls.start)
        # Few jets lie in the tails.
        ends = np.quantile(self._real, [0.002, 0.998], axis=0).T
        marginals = {
            label: partial(marginal, real=self._real, number=number, label=label, bins=np.linspace(low, high, BINS + 1))
            for number, (label, (low, high)) in enumerate(zip(labels, ends, strict=True))
        }
        self.SHOWN = ("loss", labels[0])  # type: ignore[misc]  # what there is to show depends on the features
        super().__init__(controls, self._fit, known, {**views.LOSS, **marginals}, tested=False, goal=goal)

    def _features_of(self, scaled: NDArray[Any]) -> NDArray[np.float64]:
        found = self._unbounded.invert(scaled)
        found[:, self._whole] = np.rint(found[:, self._whole])
        return found

    def _fit(
        self, settings: Any, on_event: OnEvent, stop: threading.Event, knobs: training.Knobs, kept: Checkpoint | None
    ) -> training.Result:
        self._known.config = settings
        with seeded(settings.seed):
            model = _flow(settings, self._real.shape[1]).density
        found = training.fit(
            model, settings.run_config(), self._data, lambda event: on_event(event, model), stop, knobs
        )
        return dataclasses.replace(found, config=settings)

    def _judge(self, model: Any, config: Settings, part: str) -> Judged:
        flow, x = flows.Flow(model), np.asarray(self._data.x_validation)
        return Judged(self._features_of(flow.sample(len(x), config.seed)), flow.log_density(x))

    def _figures(self, score: Judged, part: str) -> Mapping[str, Estimate]:
        error = np.std(score.log_density, ddof=1) / np.sqrt(len(score.log_density))
        return {
            "log_density": Estimate(float(np.mean(score.log_density)), float(error)),
            "classifier_auc": generation.two_sample_auc(self._real, score.made),
        }

    def _size(self, config: Settings) -> str:
        with seeded(0):
            count = _flow(config, self._real.shape[1]).density.count_params()
        return f"{count:,} parameters"


def marginal(ax: Axes, known: views.Known, real: NDArray[Any], number: int, label: str, bins: NDArray[Any]) -> None:
    """One feature, by its number, of validation jets and of as many new ones."""
    plots.histogram(ax, real[:, number], bins=bins, label="validation")
    if known.score is not None:
        plots.histogram(ax, known.score.made[:, number], bins=bins, label="flow", colour=plots.W)
    ax.set(xlabel=label, ylabel="jets")
    ax.legend(fontsize=plots.FONT - 2, **views.FRAME)


def _flow(settings: Settings, features: int) -> flows.Flow:
    return KINDS[settings.flow](features, settings.transforms, nodes=settings.nodes)


def _fields(start: Settings) -> dict[str, Any]:
    """Field of the settings -> its widget."""
    sentences = {
        "transforms": ("transforms", "Couplings (RealNVP) or masked transforms (MAF), one after the other"),
        "nodes": ("nodes", "Nodes of both hidden layers of each of them"),
        "epochs": ("epochs", FIELDS["epochs"].sentence),
        "batch_size": ("batch size", FIELDS["batch_size"].sentence),
    }
    found = {"flow": slider(widgets.Dropdown, "flow", "Which kind of flow to train", options=CHOICES["flow"])}
    for name, (label, sentence) in sentences.items():
        options = [(f"{value:,}", value) for value in CHOICES[name]]
        found[name] = slider(STEPS, label, sentence, options=options, value=getattr(start, name))
    rate, seed = FIELDS["learning_rate"].sentence, FIELDS["seed"].sentence
    found["learning_rate"] = slider(RATE, "learning rate", rate, value=start.learning_rate, min=-5, max=-1)
    low, high = INTEGERS["seed"]
    found["seed"] = slider(widgets.BoundedIntText, "seed", seed, min=low, max=high, value=start.seed)
    return found
