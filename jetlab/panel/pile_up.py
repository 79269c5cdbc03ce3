"""The live panel of E3: a network that finds the neutral energy of the leading vertex, while it trains."""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets as widgets
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jetlab import pile_up, plots, training
from jetlab.backend import load_keras, seeded
from jetlab.config import INTEGERS, RunConfig
from jetlab.errors import ArgumentError
from jetlab.metrics import Estimate, response
from jetlab.panel import views
from jetlab.panel.controls import FIELDS, RATE, STEPS, slider
from jetlab.panel.live import LivePanel
from jetlab.panel.runs import Goal
from jetlab.panel.settings import SettingsControls, falling
from jetlab.training.checkpoint import Checkpoint
from jetlab.training.session import OnEvent

if TYPE_CHECKING:
    import keras

#: GeV; the relative resolution of a jet of less mass says little.
LEAST_MASS = 10.0
KINDS = {"QCD": False, "W": True}
BINS = np.linspace(0.5, 1.6, 45)


@dataclass(frozen=True)
class Settings:
    """A convolutional network and its training: filters, cells on each side of a filter, layers.

    The learning rate falls along half a cosine.
    """

    filters: int = 8
    size: int = 5
    layers: int = 1
    epochs: int = 5
    batch_size: int = 32
    learning_rate: float = 4e-3
    seed: int = 1

    def __post_init__(self) -> None:
        """Check the numbers. Raises ConfigError."""
        self.run_config()

    @property
    def label(self) -> str:
        """Layers, filters and their size, such as "2 x 8 of 5 x 5"."""
        return f"{self.layers} × {self.filters} of {self.size} × {self.size}"

    def rate(self, epoch: int) -> float:
        """Learning rate in an epoch, counted from 1."""
        return self.run_config().rate(epoch)

    def run_config(self) -> RunConfig:
        """As `training.fit` takes it. Raises ConfigError."""
        return falling(self, loss="output")


class PileUpPanel(LivePanel):
    """Sliders for a network of images, buttons, live pictures, and a table of the runs.

    While a network trains, the learning rate acts at once; any other control starts a new network at the end of the
    epoch. A run's figures are gains in mass resolution over PUPPI, on the same jets: "gain_W" and "gain_QCD".

    Args:
        data: training and validation parts, whose inputs are pairs: `pile_up.images`, float32 (n, 15, 15, 3), and the
            true neutral cells, float32 (n, 15, 15, 1).
        network: makes the Keras model from images to cells; called as network(filters=..., size=..., layers=...).
        loss: makes the loss of each jet (n, 1) of found and true cells.
        jets: jets that no network was trained with, of both kinds, which networks are judged by.
        config: where the controls begin; None: as `Settings` are.
        goal: what to reach, which the panel shows and says when it is.

    The last expression of a cell shows it; what it can do is in `live.LivePanel`. `runs` holds every finished training.
    Raises ArgumentError for inputs that are no such pair, or jets of one kind only.
    """

    COLUMNS: ClassVar = {"validation: gain over PUPPI, W": "gain_W", "validation: gain over PUPPI, QCD": "gain_QCD"}
    SHOWN = ("mass of W", "loss")
    MOST = 4
    LABEL = "network"

    def __init__(
        self,
        data: training.Data,
        network: "Callable[..., keras.Model]",
        loss: Callable[[Any, Any], Any],
        jets: pile_up.Jets,
        config: Settings | None = None,
        goal: Goal | None = None,
    ) -> None:
        images, cells = (pile_up.SIZE, pile_up.SIZE, 3), (pile_up.SIZE, pile_up.SIZE, 1)
        found = training.shape(data.x_train)
        if found != (images, cells):
            raise ArgumentError(f"The inputs should be a pair of images {images} and true cells {cells}; got {found}.")
        if len(set(jets.is_w.tolist())) < 2:
            raise ArgumentError("The jets should be of both kinds, W and QCD: the panel judges networks by either one.")
        self._data, self._network, self._loss, self._jets = data, network, loss, jets
        self._images, self._puppi = pile_up.images(jets), self._masses(jets.neutral * jets.puppi)
        self._inside: Any = None
        controls = SettingsControls(Settings, _fields(config or Settings()), config)
        known = views.Known(controls.start)
        pictures: dict[str, views.View] = {
            "mass of W": lambda ax, known: self._drawn(ax, known, "W"),
            "mass of QCD": lambda ax, known: self._drawn(ax, known, "QCD"),
            **views.LOSS,
        }
        super().__init__(controls, self._fit, known, pictures, tested=False, goal=goal)

    def _masses(self, cells: NDArray[Any]) -> NDArray[np.float64]:
        """Measured over true masses of the jets (n,); NaN for those of little mass."""
        measured, true = (pile_up.kinematics(self._jets, each)[1] for each in (cells, self._jets.truth))
        heavy = true > LEAST_MASS
        found: NDArray[np.float64] = np.where(heavy, measured / np.where(heavy, true, 1), np.nan)
        return found

    def _of(self, masses: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
        chosen: NDArray[np.float64] = masses[(self._jets.is_w == KINDS[kind]) & np.isfinite(masses)]
        return chosen

    def _fit(
        self, settings: Any, on_event: OnEvent, stop: threading.Event, knobs: training.Knobs, kept: Checkpoint | None
    ) -> training.Result:
        keras = load_keras()
        self._known.config = settings
        with seeded(settings.seed):
            self._inside = network = self._build(settings)
            truth = keras.layers.Input(network.output_shape[1:])
            model = keras.Model([*network.inputs, truth], self._loss(network.outputs[0], truth))
        config = settings.run_config()
        found = training.fit(model, config, self._data, lambda event: on_event(event, model), stop, knobs)
        return dataclasses.replace(found, model=network, config=settings)

    def _build(self, settings: Settings) -> "keras.Model":
        return self._network(filters=settings.filters, size=settings.size, layers=settings.layers)

    def _judge(self, model: Any, config: Settings, part: str) -> NDArray[np.float64]:
        # While it trains, the model has the loss behind its network.
        network = self._inside if len(model.inputs) > 1 else model
        return self._masses(training.outputs(network, self._images)[..., 0])

    def _figures(self, score: NDArray[np.float64], part: str) -> Mapping[str, Estimate]:
        return {f"gain_{kind}": response.gain(self._of(score, kind), self._of(self._puppi, kind)) for kind in KINDS}

    def _size(self, config: Settings) -> str:
        with seeded(0):
            return f"{self._build(config).count_params():,} parameters"

    def _drawn(self, ax: Axes, known: views.Known, kind: str) -> None:
        shown = {"PUPPI": (self._puppi, plots.GREY)}
        for run, colour in zip(known.beside, views.BESIDE, strict=False):
            shown[f"{run.number}: {run.label}"] = run.score, colour
        if known.score is not None:
            shown["this network"] = known.score, plots.W
        for name, (masses, colour) in shown.items():
            values = self._of(masses, kind)
            label = f"{name}: resolution {response.resolution(values, replicas=20).value:.3f}"
            plots.histogram(ax, values, None, BINS, label, colour, density=True)
        ax.set(xlabel="measured / true mass", ylabel="density", title=f"{kind} jets", xlim=(BINS[0], BINS[-1]))
        ax.set_ylim(top=1.35 * ax.get_ylim()[1])  # room for the legend
        ax.legend(fontsize=plots.FONT - 3, **views.FRAME)


def _fields(start: Settings) -> dict[str, Any]:
    """Field of the settings -> its widget."""
    steps = {
        "filters": ("filters", "Filters of each layer", (1, 2, 4, 8, 16, 32)),
        "size": ("cells per side", "Cells on each side of a filter", (1, 3, 5, 7)),
        "layers": ("layers", "Layers of convolutions", (1, 2, 3)),
        "epochs": ("epochs", FIELDS["epochs"].sentence, (1, 2, 3, 5, 8, 12, 20, 40)),
        "batch_size": ("batch size", FIELDS["batch_size"].sentence, (16, 32, 64, 128, 256)),
    }
    found = {}
    for name, (label, sentence, options) in steps.items():
        value = getattr(start, name)
        found[name] = slider(STEPS, label, sentence, options=sorted({*options, value}), value=value)
    rate, seed = FIELDS["learning_rate"].sentence, FIELDS["seed"].sentence
    found["learning_rate"] = slider(RATE, "learning rate", rate, value=start.learning_rate, min=-5, max=0)
    low, high = INTEGERS["seed"]
    found["seed"] = slider(widgets.BoundedIntText, "seed", seed, value=start.seed, min=low, max=high)
    return found
