"""The live panel of E1: ParticleNet or the Particle Transformer, tuned on the particles of jets while it trains."""

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from jetlab import metrics, models, particles, training
from jetlab.backend import seeded
from jetlab.config import INTEGERS, ConfigError, RunConfig
from jetlab.errors import ArgumentError, counted
from jetlab.metrics import Estimate
from jetlab.panel import views
from jetlab.panel.controls import ALL, FIELDS, RATE, STEPS, TRAIN_SIZES, slider
from jetlab.panel.live import LivePanel
from jetlab.panel.runs import Goal
from jetlab.panel.settings import SettingsControls, falling
from jetlab.training.checkpoint import Checkpoint
from jetlab.training.session import OnEvent

if TYPE_CHECKING:
    import keras

PARTICLE_NET, TRANSFORMER = "ParticleNet", "transformer"
#: Values that can be chosen.
CHOICES: dict[str, tuple[Any, ...]] = {
    "network": (PARTICLE_NET, TRANSFORMER),
    "k": (2, 3, 5, 7, 10, 16),
    "blocks": (1, 2, 3),
    "width": (8, 16, 32, 64),
    "heads": (1, 2, 4, 8),
}


@dataclass(frozen=True)
class Settings:
    """A network on clouds of particles and its training: which network, its size, and how it learns.

    `k` acts on ParticleNet alone, `heads` on the transformer alone. `width` is the number of channels of ParticleNet's
    first block, which doubles from block to block, or how many numbers stand for a particle within the transformer. The
    learning rate falls along half a cosine. `train_size` is in jets; None takes all of them.
    """

    network: str = PARTICLE_NET
    k: int = 7
    blocks: int = 2
    width: int = 32
    heads: int = 4
    epochs: int = 8
    batch_size: int = 256
    learning_rate: float = 3e-3
    train_size: int | None = None
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
        """Network, width and blocks, and k or heads, such as "ParticleNet 32/2 with k 7"."""
        own = f"k {self.k}" if self.network == PARTICLE_NET else counted(self.heads, "head")
        return f"{self.network} {self.width}/{self.blocks} with {own}"

    @property
    def idle(self) -> tuple[str, ...]:
        """Fields that do not act on this network."""
        return ("heads",) if self.network == PARTICLE_NET else ("k",)

    @property
    def sizes(self) -> dict[str, Any]:
        """The arguments of `models.particle_net` or `models.particle_transformer` that set its size."""
        if self.network == TRANSFORMER:
            return {"width": self.width, "heads": self.heads, "blocks": self.blocks}
        channels = [self.width * 2**block for block in range(self.blocks)]
        return {"k": self.k, "blocks": tuple((each,) * 3 for each in channels), "head": 2 * channels[-1]}

    def rate(self, epoch: int) -> float:
        """Learning rate in an epoch, counted from 1."""
        return self.run_config().rate(epoch)

    def run_config(self) -> RunConfig:
        """As `training.fit` takes it. Raises ConfigError."""
        return falling(self)


class CloudPanel(LivePanel):
    """Sliders for a network on clouds of particles, buttons, live pictures, and a table of the runs.

    While a network trains, the learning rate acts at once; any other control starts a new network at the end of the
    epoch.

    Args:
        data: training and validation parts, whose inputs are pairs: features, float32 (n, length, n_features), padded
            with zeros, and momenta, float32 (n, length, 3): pt [GeV], Δη and Δφ, unscaled, pt = 0 for padding.
            ParticleNet gets the features, the transformer both.
        coordinates: which of the features are Δη and Δφ.
        test: inputs as those of `data`, labels (n,) and weights (n,) of the test part, for `look`; None: there is none.
        yardsticks: name -> scores (n_validation,) of the validation jets, at most six, drawn with the network's ROC.
        config: where the controls begin; None: as `Settings` are, with fewer neighbours for short jets.
        goal: what to reach, which the panel shows and says when it is; its metric is one of `metrics.evaluate`.

    The last expression of a cell shows it; what it can do is in `live.LivePanel`. `runs` holds every finished training.
    Raises ArgumentError for inputs that are no such pair or not as many as the labels, for coordinates that are not two
    of the features and for jets of fewer than three particles; ConfigError for a `config` with more neighbours than
    there are other particles and for impossible yardsticks.
    """

    COLUMNS: ClassVar = {
        "validation AUC": "auc",
        "validation 1/εB at εS\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.5": "rejection_50",
        "test AUC (looked\N{NO-BREAK SPACE}at)": "auc",
    }
    SHOWN = ("loss", "ROC")
    LABEL = "network width/\N{ZERO WIDTH SPACE}blocks"

    def __init__(
        self,
        data: training.Data,
        coordinates: Sequence[int] = particles.COORDINATES,
        test: tuple[training.Inputs, NDArray[Any], NDArray[Any]] | None = None,
        yardsticks: Mapping[str, NDArray[Any]] | None = None,
        config: Settings | None = None,
        goal: Goal | None = None,
    ) -> None:
        y, weight = data.y_validation, data.w_validation
        assert weight is not None  # Data fills in ones
        self._data, self._coordinates = data, coordinates
        self._parts = {"validation": (data.x_validation, y, weight)} | ({"test": test} if test else {})
        self._length, self._features = self._checked()
        controls = _Controls(self._length, len(data.y_train), config)
        compared = views.yardsticks(yardsticks or {}, y, weight)
        known = views.Known(controls.start, y=y, weight=weight, yardsticks=compared)
        pictures = {name: view for name, view in views.TAGGER.items() if name != "network"}
        super().__init__(controls, self._fit, known, pictures, tested=test is not None, goal=goal)

    def _checked(self) -> tuple[int, int]:
        """Places for particles in a jet, and features of a particle. Raises ArgumentError."""
        length, features = _cloud(self._data.x_train, "training")
        for part, (x, y, weight) in self._parts.items():
            alike = _cloud(x, part) == (length, features)
            if not alike or len({np.shape(each)[:1] for each in (*x, y, weight)}) > 1:
                raise ArgumentError(
                    f"The {part} part has inputs {_words(x)}, labels {np.shape(y)} and weights {np.shape(weight)}; "
                    f"give features (n, {length}, {features}) and momenta (n, {length}, 3), as in training, and a "
                    "label and a weight for each jet."
                )
        if len(self._coordinates) != 2 or not all(0 <= place < features for place in self._coordinates):
            raise ArgumentError(
                f"coordinates are {list(self._coordinates)}; say which two of the {features} features, counted from "
                "0, are Δη and Δφ."
            )
        return length, features

    def _fit(
        self, settings: Any, on_event: OnEvent, stop: threading.Event, knobs: training.Knobs, kept: Checkpoint | None
    ) -> training.Result:
        self._known.config = settings
        with seeded(settings.seed):
            model = self._build(settings)
        x_train, x_validation = (_seen(x, settings) for x in (self._data.x_train, self._data.x_validation))
        data = dataclasses.replace(self._data, x_train=x_train, x_validation=x_validation)
        found = training.fit(model, settings.run_config(), data, lambda event: on_event(event, model), stop, knobs)
        return dataclasses.replace(found, config=settings)

    def _build(self, settings: Settings) -> "keras.Model":
        if settings.network == TRANSFORMER:
            return models.particle_transformer(self._length, self._features, **settings.sizes)
        return models.particle_net(self._length, self._features, self._coordinates, **settings.sizes)

    def _judge(self, model: Any, config: Settings, part: str) -> NDArray[np.float32]:
        return training.predict(model, _seen(self._parts[part][0], config))

    def _figures(self, score: NDArray[np.float32], part: str) -> Mapping[str, Estimate]:
        _, y, weight = self._parts[part]
        return metrics.evaluate(y, score, weight)

    def _size(self, config: Settings) -> str:
        jets = config.train_size or len(self._data.y_train)
        return f"{_parameters(config, self._features):,} parameters, {jets:,} training jets"


class _Controls(SettingsControls):
    """Those of `Settings`: a control that does not act on the chosen network cannot be moved."""

    def __init__(self, length: int, n_train: int, config: Settings | None) -> None:
        self._n_train = n_train
        super().__init__(_settings, _fields(length, n_train, config or Settings()), config)
        self._fields["network"].observe(lambda _: self._switch(), "value")
        self._switch()

    def set(self, settings: Settings) -> list[str]:
        """Move the widgets; returns the fields that have moved. Raises ConfigError for a value that one cannot take."""
        wanted: dict[str, Any] = dataclasses.asdict(settings)
        if wanted["train_size"] is None or wanted["train_size"] >= self._n_train:
            wanted["train_size"] = ALL
        return super().set(SimpleNamespace(**wanted))

    def _switch(self) -> None:
        network = self._fields["network"].value
        self._fields["k"].disabled = network != PARTICLE_NET
        self._fields["heads"].disabled = network != TRANSFORMER


def _settings(**values: Any) -> Settings:
    """Settings of the widgets' values."""
    return Settings(**values | {"train_size": values["train_size"] or None})


def _fields(length: int, n_train: int, start: Settings) -> dict[str, Any]:
    """Field of the settings -> its widget, for `n_train` jets of at most `length` particles. Raises ArgumentError."""
    k = [each for each in CHOICES["k"] if each < length]
    if not k:
        raise ArgumentError(
            f"The jets have room for {counted(length, 'particle')}; keep three or more, such as with "
            "particles.hardest(sample, length=32)."
        )
    epochs, batch_sizes = {1, 2, 3, 5, 8, 12, 20, 40, start.epochs}, {32, 64, 128, 256, 512, 1024, start.batch_size}
    sizes = sorted(size for size in {*TRAIN_SIZES, start.train_size or ALL} if ALL < size < n_train)
    steps: dict[str, tuple[str, str, Sequence[int]]] = {
        "k": ("neighbours k", "Nearest neighbours that each particle looks at (ParticleNet)", k),
        "blocks": ("blocks", "Blocks of EdgeConv or of attention, one after the other", CHOICES["blocks"]),
        "width": (
            "width",
            "Channels of ParticleNet's first block, which double from block to block; numbers that stand for a "
            "particle in the transformer",
            CHOICES["width"],
        ),
        "heads": ("heads", "Attentions side by side in each block (transformer)", CHOICES["heads"]),
        "epochs": ("epochs", FIELDS["epochs"].sentence, sorted(epochs)),
        "batch_size": ("batch size", FIELDS["batch_size"].sentence, sorted(batch_sizes)),
        "train_size": (FIELDS["train_size"].label, FIELDS["train_size"].sentence, [*sizes, ALL]),
    }
    found = {"network": slider(widgets.Dropdown, "network", "Which network to train", options=CHOICES["network"])}
    for name, (label, sentence, values) in steps.items():
        options = [(f"{value:,}" if value else f"all {n_train:,}", value) for value in values]
        value = getattr(start, name)
        found[name] = slider(STEPS, label, sentence, options=options, value=value if value in values else values[-1])
    rate, seed = FIELDS["learning_rate"].sentence, FIELDS["seed"].sentence
    found["learning_rate"] = slider(RATE, "learning rate", rate, value=start.learning_rate, min=-5, max=0)
    low, high = INTEGERS["seed"]
    found["seed"] = slider(widgets.BoundedIntText, "seed", seed, min=low, max=high, value=start.seed)
    return found


def _cloud(x: training.Inputs, part: str) -> tuple[int, int]:
    """Places for particles, and features of each, in a pair of features and momenta. Raises ArgumentError."""
    shapes: Any = training.shape(x) if isinstance(x, tuple) else ()
    match shapes:
        case ((length, features), (momenta, 3)) if momenta == length:
            return length, features
    raise ArgumentError(
        f"The {part} inputs are {_words(x)}; give a tuple (features, momenta) of shapes (n, length, n_features) and "
        "(n, length, 3), made from what particles.hardest returns."
    )


def _words(x: training.Inputs) -> str:
    """Shapes of inputs, for a message."""
    return " and ".join(str(np.shape(each)) for each in (x if isinstance(x, tuple) else (x,)))


def _seen(x: training.Inputs, settings: Settings) -> training.Inputs:
    """What the network takes of features and momenta."""
    features: NDArray[np.float32] = x[0]
    return features if settings.network == PARTICLE_NET else x


def _parameters(settings: Settings, features: int) -> int:
    """Number of the network's parameters, as its `count_params`: building it would take too long for a slider."""
    sizes, width = settings.sizes, settings.width
    if settings.network == TRANSFORMER:
        # Three layers of attention and one behind it, one four times as wide and back; biases and normalisations.
        block = 12 * width**2 + 23 * width
        embedding = 2 * features + 4 * width * features + 4 * width**2 + 13 * width
        # Normalised, then a layer and one bias for each head.
        pairs = 4 * 4 + 5 * width + (width + 1) * settings.heads
        token, output = 3 * width, width + 1
        return embedding + pairs + (settings.blocks + 1) * block + token + output
    # Normalisation has four numbers for each channel.
    count, before = 4 * features, features
    for channels, *more in sizes["blocks"]:
        # The particle, its neighbour and the shortcut; then a layer for each pair; all are normalised.
        count += 3 * before * channels + len(more) * channels**2 + (2 + len(more)) * 4 * channels
        before = channels
    head: int = sizes["head"]
    return int(count + (before + 1) * head + head + 1)
