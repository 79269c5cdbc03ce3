"""The widget of each field of a run configuration: its label, its kind, and how far it reaches."""

import math
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from jetlab.config import CHOICES, INTEGERS

STYLE = {"description_width": "9em"}
WIDTH = "27em"
#: A box to tick among others: room behind its label, so that nobody takes it for the label of the next box.
TICK = {"width": "auto", "margin": "2px 16px 2px 2px"}
BATCH_SIZES = tuple(2**i for i in range(13))
TRAIN_SIZES = (100, 300, 1000, 3000, 10_000, 30_000, 100_000)
#: Value of the training jets' slider that stands for all: no widget takes None, as RunConfig does.
ALL = 0
#: Field of the configuration -> label and what it does, in a sentence.
TEXTS = {
    "layers": ("layers", "How many hidden layers lie between inputs and output"),
    "nodes": ("nodes per layer", "How many nodes each hidden layer has (a CNN's first layer: filters)"),
    "batch_size": ("batch size", "How many jets are looked at for one step of the weights"),
    "learning_rate": ("learning rate", "How long a step of the weights is; it can be changed while the network trains"),
    "epochs": ("epochs", "How many times training goes through all jets, at most"),
    "patience": ("patience", "Stop after so many epochs without a better validation loss; 0 never stops early"),
    "dropout": ("dropout", "The fraction of nodes that is switched off at random in each training step"),
    "activation": ("activation", "How a node bends the sum of its inputs"),
    "optimizer": ("optimizer", "The rule by which gradients become steps"),
    "schedule": (
        "rate over epochs",
        "How the learning rate falls: not at all (constant), along half a cosine, or in steps to a tenth after half "
        "and a hundredth after three quarters of the epochs",
    ),
    "seed": ("seed", "What decides the first weights and the order of the jets; the same seed gives the same network"),
    "train_size": ("training jets", "How many of the training jets are used"),
    "length": ("constituents", "How many constituents of a jet the network sees"),
    "order_by": ("ordered by", "In which order the constituents come: pt, distance to the axis (dr), or at random"),
    "pf_id": ("particle class", "How the particle class enters: learnt numbers (embedding), or one input for each"),
    "bidirectional": ("both ways", "Read the sequence forwards and backwards"),
    "image_size": ("pixels", "How many pixels an image has in eta and in phi"),
}
#: Field -> lowest and highest value that its slider usually reaches; of the learning rate, powers of ten.
_USUAL = {
    "layers": INTEGERS["layers"],
    "nodes": (1, 256),
    "learning_rate": (-5, 0),
    "epochs": (1, 100),
    "patience": (0, 50),
    "dropout": (0, 0.9),
    "seed": INTEGERS["seed"],
    "length": (1, 100),
    "image_size": (8, 40),
}


def slider(kind: type, description: str, tooltip: str, **options: Any) -> Any:
    """A control of the given kind in the panel's style, with its label and a sentence on what it does."""
    if issubclass(kind, widgets.IntSlider | widgets.FloatSlider | widgets.FloatLogSlider | widgets.SelectionSlider):
        options["continuous_update"] = False
    return kind(description=description, tooltip=tooltip, style=STYLE, layout=widgets.Layout(width=WIDTH), **options)


def made(name: str, value: Any, n_train: int, most: Mapping[str, int]) -> Any:
    """The control of a field, standing at a value; see `move`."""
    match name:
        case "batch_size" | "train_size":
            control = slider(widgets.SelectionSlider, *TEXTS[name], options=[("", ALL)])
        case "learning_rate":
            control = slider(widgets.FloatLogSlider, *TEXTS[name], step=0.25, readout_format=".1e")
        case "dropout":
            control = slider(widgets.FloatSlider, *TEXTS[name], step=0.05)
        case "seed":
            control = slider(widgets.BoundedIntText, *TEXTS[name])
        case "bidirectional":
            control = slider(widgets.Checkbox, *TEXTS[name])
        case _ if name in CHOICES:
            control = slider(widgets.Dropdown, *TEXTS[name], options=CHOICES[name])
        case _:
            control = slider(widgets.IntSlider, *TEXTS[name])
    move(control, name, value, n_train, most)
    return control


def tick(name: str, value: bool) -> widgets.Checkbox:
    """The box of an input that can be chosen."""
    return widgets.Checkbox(value, description=name, indent=False, tooltip=f"Use {name} as an input", layout=TICK)


def move(control: Any, name: str, value: Any, n_train: int, most: Mapping[str, int]) -> None:
    """Make a field's control stand at exactly this value, wider than usual where that is needed.

    Args:
        control: the widget that `made` gave.
        name: the field.
        value: one that RunConfig takes, not above `most`.
        n_train: training jets there are.
        most: field -> largest value of "epochs" or "train_size".
    """
    # Sent to the page as one: it must not see a value and the limits of another.
    with control.hold_sync():
        if isinstance(control, widgets.SelectionSlider):
            options = _steps(name, value, n_train, most)
            if options != control.options:
                control.options = options
        elif name in _USUAL:
            low, high = _reach(name, value, most)
            control.min, control.max = min(low, control.min), max(high, control.max)
            control.value = value
            control.min, control.max = low, high
        control.value = ALL if value is None else value


def shown(control: Any) -> str:
    """What a control stands at, as text."""
    if isinstance(control, widgets.Checkbox):
        return "on" if control.value else "off"
    return control.label if isinstance(control, widgets.SelectionSlider) else str(control.value)


def _reach(name: str, value: float, most: Mapping[str, int]) -> tuple[float, float]:
    low, high = _USUAL[name]
    # A cap may lie beyond what RunConfig takes.
    high = min(most[name], INTEGERS[name][1]) if name in most else high
    if name != "learning_rate":
        return min(low, value), max(high, value)
    # A power more than needed, for fear of rounding.
    return (low if value >= 10.0**low else math.floor(math.log10(value)) - 1), (high if value <= 10.0**high else 1)


def _steps(name: str, value: int | None, n_train: int, most: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Labels and values of a slider of steps."""
    if name == "batch_size":
        return tuple((str(size), size) for size in sorted({*BATCH_SIZES, value}))
    top = min(n_train, most.get(name, n_train))
    sizes = {size for size in TRAIN_SIZES if size < top} | ({value} if value else set())
    if top < n_train:
        sizes.add(top)
    labels = [(f"{size:,}" if size <= n_train else f"{size:,} (here {n_train:,})", size) for size in sorted(sizes)]
    return tuple(labels) if top < n_train else (*labels, (f"all {n_train:,}", ALL))
