"""One run of a network, fully described by one frozen and validated object that goes to JSON and back."""

import dataclasses
import difflib
import json
import math
import numbers
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jetlab.errors import JetlabError

_CONSTITUENT = ("log_pt", "log_pt_gev", "deta", "dphi", "dr", "charge", "id_class")
#: Model -> what it takes where `inputs` is left empty: columns of the schema, image channels, constituent features.
INPUTS = {
    "dense": ("jet_pt_ak7", "jet_msd_ak7", "jet_tau21_ak7", "jet_ncand_ak7"),
    "cnn": ("all",),
    "lstm": _CONSTITUENT,
    "gru": _CONSTITUENT,
    "deep_sets": _CONSTITUENT,
}
MODELS = tuple(INPUTS)
#: Model -> fields in which its standard run differs from the defaults below; found on validation jets.
STANDARD: dict[str, dict[str, Any]] = {
    "dense": {},
    "cnn": {
        "layers": 2,
        "nodes": 16,
        "dropout": 0.1,
        "batch_size": 256,
        "learning_rate": 2e-3,
        "epochs": 12,
        "patience": 4,
        "image_size": 17,
    },
    "lstm": {"layers": 1, "nodes": 64, "learning_rate": 2e-3},
    "gru": {"layers": 1, "nodes": 64, "learning_rate": 2e-3},
    "deep_sets": {
        "layers": 3,
        "nodes": 64,
        "batch_size": 256,
        "learning_rate": 2e-3,
        "epochs": 25,
        "patience": 6,
        "length": 60,
    },
}
ACTIVATIONS = ("relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "leaky_relu", "linear")
OPTIMIZERS = ("adam", "adamw", "nadam", "sgd", "rmsprop", "adadelta")
LOSSES = ("binary_crossentropy", "sparse_categorical_crossentropy", "mse", "mae", "huber", "gaussian_nll", "output")
ORDERS = ("pt", "dr", "random")
SCHEDULES = ("constant", "cosine", "step")
CHOICES = {
    "model": MODELS,
    "activation": ACTIVATIONS,
    "optimizer": OPTIMIZERS,
    "loss": LOSSES,
    "order_by": ORDERS,
    "schedule": SCHEDULES,
    "pf_id": ("embedding", "one_hot"),
}
#: Allowed whole numbers, both ends included; sliders take their limits from here.
INTEGERS = {
    "layers": (0, 6),
    "nodes": (1, 1024),
    "batch_size": (1, 4096),
    "epochs": (1, 1000),
    "patience": (0, 1000),
    "seed": (0, 2**32 - 1),
    "train_size": (2, 100_000_000),
    "length": (1, 200),
    "image_size": (4, 128),
}
#: Allowed real numbers: a test that nan and infinity fail, and the same in words.
REALS: dict[str, tuple[Callable[[float], bool], str]] = {
    "dropout": (lambda value: 0 <= value < 1, "a number from 0 up to, but not including, 1"),
    "learning_rate": (lambda value: 0 < value <= 10, "a number above 0, at most 10"),
}


class ConfigError(JetlabError, ValueError):
    """A run configuration is not possible; the message names the field, its value and what is allowed."""


def short_name(column: str) -> str:
    """Name of an input as a label: "pt" for the column "jet_pt_ak7"; others stay as they are."""
    return column.removeprefix("jet_").removesuffix("_ak7")


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides how a network is built and trained; changed copies come from `dataclasses.replace`.

    Fields: `inputs` are columns of the jet schema (dense), features of a constituent (lstm, gru, deep_sets) or
    channels of an image (cnn), left empty those of INPUTS; `layers` hidden layers of `nodes` each (cnn: of filters,
    doubled from layer to layer) or, of a dense network, with the nodes that `widths` gives for each; `dropout` the
    fraction of nodes dropped after each hidden layer, `batch_size` in jets, `schedule` how the learning rate falls from
    epoch to epoch (see `rate`), `patience` the epochs without a better
    validation loss after which training is saturated (0: never stop early), `train_size` the number of training jets to
    use (None: all), `loss` what is minimised ("output": what the network itself puts out for each jet). Of sequences:
    `length` constituents are kept after ordering, `order_by` pt, dr or at random, `bidirectional` reads them both ways,
    and `pf_id` says how the particle-flow class enters. Of images: `image_size` in pixels. Raises ConfigError.
    """

    model: str = "dense"
    inputs: tuple[str, ...] = ()
    layers: int = 3
    nodes: int = 64
    widths: tuple[int, ...] = ()
    activation: str = "relu"
    dropout: float = 0.0
    batch_size: int = 128
    learning_rate: float = 1e-3
    schedule: str = "constant"
    optimizer: str = "adam"
    epochs: int = 20
    patience: int = 5
    seed: int = 1
    train_size: int | None = None
    loss: str = "binary_crossentropy"
    length: int = 50
    order_by: str = "pt"
    bidirectional: bool = False
    pf_id: str = "embedding"
    image_size: int = 25

    def __post_init__(self) -> None:
        """Check every field and store plain Python types, so that JSON gives back an equal object."""
        for name, choices in CHOICES.items():
            _choice(name, getattr(self, name), choices)
        object.__setattr__(self, "inputs", _columns(self.inputs) or INPUTS[self.model])
        if not isinstance(self.bidirectional, bool):
            raise ConfigError(f"bidirectional is {self.bidirectional!r}; allowed are True and False.")
        for name, (low, high) in INTEGERS.items():
            value = getattr(self, name)
            if name == "train_size" and value is None:
                continue
            object.__setattr__(self, name, _integer(name, value, low, high))
        object.__setattr__(self, "widths", self._checked_widths())
        for name, (possible, allowed) in REALS.items():
            object.__setattr__(self, name, _real(name, getattr(self, name), possible, allowed))

    @classmethod
    def standard(cls, model: str, **changes: Any) -> "RunConfig":
        """The run a lesson begins with for a `model`, with `changes` to its fields. Raises ConfigError."""
        _choice("model", model, MODELS)
        return cls(model=model, **{**STANDARD[model], **changes})

    @property
    def label(self) -> str:
        """Nodes per layer and layers, such as "64/3": how the runs of the 2017 talk were labelled."""
        return f"{'-'.join(map(str, self.widths)) or self.nodes}/{self.layers}"

    @property
    def layer_nodes(self) -> tuple[int, ...]:
        """Nodes of each hidden layer, (layers,)."""
        return self.widths or (self.nodes,) * self.layers

    def rate(self, epoch: int, learning_rate: float | None = None) -> float:
        """Learning rate in an epoch, counted from 1, out of `epochs`; of another `learning_rate` where one is given.

        "cosine" lowers it to almost zero along half a cosine (arXiv:1608.03983); "step" divides it by ten after
        half of the epochs and again after three quarters (arXiv:1512.03385).
        """
        rate = self.learning_rate if learning_rate is None else learning_rate
        done = (epoch - 1) / self.epochs
        if self.schedule == "cosine":
            return rate * (1 + math.cos(math.pi * done)) / 2
        if self.schedule == "step":
            return rate / 10.0 ** ((done >= 0.5) + (done >= 0.75))
        return rate

    def _checked_widths(self) -> tuple[int, ...]:
        widths: Any = self.widths
        if not isinstance(widths, list | tuple):
            raise ConfigError(
                f"widths is {self.widths!r}; allowed is a list of the nodes of each layer, or an empty one."
            )
        if self.widths and (self.model != "dense" or len(self.widths) != self.layers):
            raise ConfigError(
                f"widths is {list(self.widths)!r}; allowed is one number for each of the {self.layers} layers of a "
                "dense network, or an empty list."
            )
        return tuple(_integer("widths", value, *INTEGERS["nodes"]) for value in self.widths)

    def to_json(self) -> str:
        """JSON text of every field, the same text for equal configurations."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "RunConfig":
        """Read `to_json`'s text; fields left out keep their defaults.

        Raises ConfigError for text that is no JSON object, for unknown names (naming the nearest known one) and for
        values out of range.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"The run configuration is not JSON ({error}); paste the whole text.") from error
        if not isinstance(values, dict):
            raise ConfigError(
                f"The run configuration is a JSON {type(values).__name__}; it must be an object, {{...}}."
            )
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                advice = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
                raise ConfigError(f"The run configuration has no field {name!r}; {advice}")
        return cls(**values)


def fast_mode() -> bool:
    """Whether the environment asks for short runs (JETLAB_FAST=1, as the tests do)."""
    return os.environ.get("JETLAB_FAST", "0") not in ("", "0")


def fast(config: RunConfig, epochs: int = 5, train_size: int = 6000) -> RunConfig:
    """Return the configuration with at most that many epochs and training jets in fast mode, else unchanged.

    JETLAB_FAST=2 allows two epochs of 1,000 jets: enough to see that a cell runs, and no more.
    """
    if not fast_mode():
        return config
    if os.environ["JETLAB_FAST"] == "2":
        epochs, train_size = min(epochs, 2), min(train_size, 1000)
    size = train_size if config.train_size is None else min(config.train_size, train_size)
    return dataclasses.replace(config, epochs=min(config.epochs, epochs), train_size=size)


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        advice = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"{name} is {value!r}; allowed are {', '.join(choices)}.{advice}")


def _columns(value: Any) -> tuple[str, ...]:
    allowed = "allowed is a list of different column names, or an empty one for the model's own."
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise ConfigError(f"inputs is {value!r}; {allowed}")
    if len(set(map(str, value))) < len(value) or not all(isinstance(name, str) and name for name in value):
        raise ConfigError(f"inputs is {list(value)!r}; {allowed}")
    return tuple(value)


def _integer(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not low <= int(value) <= high:
        raise ConfigError(f"{name} is {value!r}; allowed is a whole number from {low} to {high}.")
    return int(value)


def _real(name: str, value: Any, possible: Callable[[float], bool], allowed: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, numbers.Real) else float(value)
    except OverflowError:
        number = math.inf
    if not possible(number):
        raise ConfigError(f"{name} is {value!r}; allowed is {allowed}.")
    return number
