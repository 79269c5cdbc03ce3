"""The live panel of M8: a network of three classes, whose c fraction and working point move after the training."""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import ipywidgets as widgets
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jetlab import flavour, plots, training
from jetlab.backend import seeded
from jetlab.config import INTEGERS, RunConfig
from jetlab.errors import ArgumentError
from jetlab.metrics import Estimate
from jetlab.metrics import flavour as rates
from jetlab.metrics.flavour import CHARM, LIGHT
from jetlab.panel import views
from jetlab.panel.controls import FIELDS, FRACTION, RATE, STEPS, WRAP, slider
from jetlab.panel.live import LivePanel
from jetlab.panel.runs import Goal
from jetlab.panel.settings import SettingsControls, falling
from jetlab.training.checkpoint import Checkpoint
from jetlab.training.session import OnEvent

if TYPE_CHECKING:
    import keras

#: Light rejection that the tuned c rejection keeps.
LEAST_LIGHT = 100.0
#: Bootstrap replicas: all runs are judged anew whenever the working point moves.
REPLICAS = 30


@dataclass(frozen=True)
class Settings:
    """A flavour tagger and its training: nodes, kind of layers, dropout, and which groups of inputs it gets.

    The learning rate falls along half a cosine. pt and |eta| are always among the inputs.
    """

    nodes: int = 64
    maxout: bool = True
    dropout: float = 0.1
    epochs: int = 12
    batch_size: int = 256
    learning_rate: float = 3e-3
    ip2d: bool = True
    ip3d: bool = True
    sv: bool = True
    jf: bool = True
    muon: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        """Check the numbers. Raises ConfigError."""
        self.run_config()

    @property
    def label(self) -> str:
        """Nodes and kind of layers, such as "64 Maxout"."""
        return f"{self.nodes} {'Maxout' if self.maxout else 'dense'}"

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of `flavour.GROUPS` that it gets."""
        return tuple(name for name in flavour.GROUPS if getattr(self, name, True))

    def rate(self, epoch: int) -> float:
        """Learning rate in an epoch, counted from 1."""
        return self.run_config().rate(epoch)

    def run_config(self) -> RunConfig:
        """As `training.fit` takes it. Raises ConfigError."""
        return falling(self, loss="sparse_categorical_crossentropy")


class Jets(NamedTuple):
    """Jets that a network is judged by: scaled inputs (n, n_columns), and classes 0 light, 1 c, 2 b (n,)."""

    x: NDArray[np.float32]
    label: NDArray[np.int64]


class FlavourPanel(LivePanel):
    """Sliders for the network and its inputs, and two that act after the training: f_c and the b efficiency.

    While a network trains, the learning rate acts at once; any other control above the buttons starts a new network at
    the end of the epoch. f_c and the b efficiency need no training: curves and validation figures of all runs follow
    them. The table's c rejection "tuned" is the highest that any f_c gives with a light rejection of 100 or more.

    Args:
        data: scaled training and validation parts of three classes.
        columns: names of the inputs and check variables, as `flavour.Defaults.names` gives them.
        network: makes the Keras model; called as network(nodes=..., maxout=..., dropout=...).
        validation: validation jets of the process that the figures are for.
        test: test jets of it, for `look`; None: there are none.
        yardsticks: name -> scores (n_validation,) of these validation jets, drawn with the network's curves.
        config: where the controls begin; None: as `Settings` are.
        goal: what to reach, which the panel shows and says when it is; of the metrics "light_rejection",
            "c_rejection" and "tuned_c_rejection".

    The last expression of a cell shows it; what it can do is in `live.LivePanel`. `runs` holds every finished training.
    Raises ArgumentError for inputs that are not as many as columns, or as labels; ConfigError for a `config` that the
    controls do not have.
    """

    COLUMNS: ClassVar = {
        "validation: light rejection": "light_rejection",
        "validation: c rejection": "c_rejection",
        "validation: c rejection, tuned": "tuned_c_rejection",
        "test: light rejection": "light_rejection",
        "test: c rejection (looked\N{NO-BREAK SPACE}at)": "c_rejection",
    }
    SHOWN = ("light rejection", "c rejection")
    MOST = 4
    LABEL = "network"

    def __init__(
        self,
        data: training.Data,
        columns: tuple[str, ...],
        network: Callable[..., "keras.Model"],
        validation: Jets,
        test: Jets | None = None,
        yardsticks: Mapping[str, NDArray[Any]] | None = None,
        config: Settings | None = None,
        goal: Goal | None = None,
    ) -> None:
        self._data, self._columns, self._network = data, columns, network
        self._parts = {"validation": Jets(*validation)} | ({"test": Jets(*test)} if test else {})
        self._yardsticks = yardsticks or {}
        self._check()
        self._fraction, self._efficiency = _working_point()
        controls = SettingsControls(Settings, _fields(), config)
        point = widgets.HBox([self._fraction, self._efficiency], layout=WRAP)
        controls.widget = widgets.VBox([controls.widget, point])
        pictures: dict[str, views.View] = {
            "light rejection": partial(self._rocs, other=LIGHT),
            "c rejection": partial(self._rocs, other=CHARM),
            "c against light rejection": self._iso,
            **views.LOSS,
        }
        known = views.Known(controls.start)
        super().__init__(controls, self._fit, known, pictures, tested=test is not None, goal=goal)
        for each in (self._fraction, self._efficiency):
            each.observe(lambda _: self._tune(), "value")

    def _check(self) -> None:
        width = training.shape(self._data.x_train)
        for name, part in self._parts.items():
            if not (np.shape(part.x)[1:] == width == (len(self._columns),) and len(part.x) == len(part.label)):
                raise ArgumentError(
                    f"There are {len(self._columns)} columns; the training inputs have {width[0]}, the {name} jets "
                    f"{np.shape(part.x)}, with {len(part.label)} labels. All must have the same columns."
                )
        n = len(self._parts["validation"].label)
        wrong = [name for name, score in self._yardsticks.items() if np.shape(score) != (n,)]
        if wrong:
            raise ArgumentError(f"{', '.join(wrong)}: give the scores of the {n} validation jets, one for each.")

    def _fit(
        self, settings: Any, on_event: OnEvent, stop: threading.Event, knobs: training.Knobs, kept: Checkpoint | None
    ) -> training.Result:
        self._known.config = settings
        with seeded(settings.seed):
            model = self._build(settings)
        x_train, x_validation = (self._seen(x, settings) for x in (self._data.x_train, self._data.x_validation))
        data = dataclasses.replace(self._data, x_train=x_train, x_validation=x_validation)
        found = training.fit(model, settings.run_config(), data, lambda event: on_event(event, model), stop, knobs)
        return dataclasses.replace(found, config=settings)

    def _build(self, settings: Settings) -> "keras.Model":
        return self._network(nodes=settings.nodes, maxout=settings.maxout, dropout=settings.dropout)

    def _seen(self, x: Any, settings: Settings) -> NDArray[np.float32]:
        """Zeros where the network does not see an input: the mean, as they are scaled."""
        return np.where(flavour.of_groups(self._columns, settings.groups), x, np.float32(0))

    def _judge(self, model: Any, config: Settings, part: str) -> NDArray[np.float32]:
        # A network that diverged gives NaN, which the status line tells; its curves are those of a guess.
        return np.nan_to_num(training.outputs(model, self._seen(self._parts[part].x, config)), nan=1 / 3)

    def _figures(self, score: NDArray[np.float32], part: str) -> Mapping[str, Estimate]:
        label, efficiency = self._parts[part].label, self._efficiency.value
        found = rates.bootstrap(label, self._discriminant(score), efficiency, replicas=REPLICAS)
        figures = {"light_rejection": found[LIGHT], "c_rejection": found[CHARM]}
        if part == "test":
            return figures  # an f_c chosen there would be a choice by test jets
        curve = rates.iso_efficiency(label, score, efficiency)
        c = np.where(curve.light_rejection >= LEAST_LIGHT, curve.c_rejection, 0)
        best = int(np.argmax(c))
        tuned = Estimate(float(c[best]), float(curve.c_rejection_err[best]) if c[best] else 0.0)
        return figures | {"tuned_c_rejection": tuned}

    def _discriminant(self, score: NDArray[np.float32]) -> NDArray[np.float64]:
        return rates.discriminant(score, self._fraction.value)

    def _size(self, config: Settings) -> str:
        many = f"{self._build(config).count_params():,} parameters"
        return f"{many}, {int(flavour.of_groups(self._columns, config.groups).sum())} of {len(self._columns)} inputs"

    def _tune(self) -> None:
        """Judge all that there is with another f_c or b efficiency."""
        for run in self.runs:
            run.metrics = self._figures(run.score, "validation")
        self._show()
        self._table.show()

    def _scores(self, known: views.Known) -> dict[str, NDArray[Any]]:
        beside = {f"{run.number}: {run.label}": run.score for run in known.beside}
        now = {} if known.score is None else {"this network": known.score}
        return now | beside

    def _rocs(self, ax: Axes, known: views.Known, other: int) -> None:
        scores = {name: self._discriminant(p) for name, p in self._scores(known).items()} | dict(self._yardsticks)
        plots.flavour.rocs(ax, self._parts["validation"].label, scores, other)
        ax.axvline(self._efficiency.value, color=plots.GREY, linestyle="--", linewidth=1)
        ax.set_title(f"validation jets, $f_c$ = {self._fraction.value:.3g}", fontsize=plots.FONT)

    def _iso(self, ax: Axes, known: views.Known) -> None:
        label, efficiency = self._parts["validation"].label, self._efficiency.value
        fractions = np.linspace(0, 1, 21).tolist()
        curves = {
            name: rates.iso_efficiency(label, p, efficiency, fractions) for name, p in self._scores(known).items()
        }
        plots.flavour.iso_efficiency(ax, curves)
        if curves:
            ax.axhline(LEAST_LIGHT, color=plots.GREY, linestyle="--", linewidth=1)
        ax.set_title(f"validation jets, {efficiency:.0%} of the b jets", fontsize=plots.FONT)


def _fields() -> dict[str, Any]:
    """Field of the settings -> its widget."""
    start = Settings()
    steps = {
        "nodes": ("nodes", "Nodes of the first layer", (4, 8, 16, 32, 64, 128, 256)),
        "epochs": ("epochs", FIELDS["epochs"].sentence, (1, 2, 3, 5, 8, 12, 20, 40)),
        "batch_size": ("batch size", FIELDS["batch_size"].sentence, (32, 64, 128, 256, 512, 1024)),
    }
    found = {
        name: slider(STEPS, label, sentence, options=options, value=getattr(start, name))
        for name, (label, sentence, options) in steps.items()
    }
    found["learning_rate"] = slider(
        RATE, "learning rate", FIELDS["learning_rate"].sentence, value=start.learning_rate, min=-5, max=0
    )
    found["dropout"] = slider(
        FRACTION, "dropout", FIELDS["dropout"].sentence, value=start.dropout, min=0, max=0.6, step=0.05
    )
    ticks = {
        "maxout": ("Maxout layers", "Maxout layers between the dense ones; unticked, all are dense"),
        "ip2d": ("IP2D", "Let the network see the impact parameters across the beam"),
        "ip3d": ("IP3D", "Let the network see the impact parameters in space"),
        "sv": ("secondary vertex", "Let the network see the secondary vertex"),
        "jf": ("decay chain", "Let the network see the chain of decays"),
        "muon": ("muon", "Let the network see a muon in the jet"),
    }
    found |= {name: slider(widgets.Checkbox, *words, value=True) for name, words in ticks.items()}
    low, high = INTEGERS["seed"]
    seed = slider(widgets.BoundedIntText, "seed", FIELDS["seed"].sentence, min=low, max=high, value=start.seed)
    return found | {"seed": seed}


def _working_point() -> tuple[Any, Any]:
    """Sliders for f_c and the b efficiency."""
    fraction = slider(
        FRACTION,
        "f_c",
        "How much of the background counts as c jets; no training needed",
        value=0.018,
        max=1,
        step=0.002,
    )
    efficiency = slider(
        STEPS, "b efficiency", "Which share of the b jets is kept", options=rates.B_EFFICIENCIES, value=0.70
    )
    return fraction, efficiency
