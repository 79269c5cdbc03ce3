"""The sliders and boxes of the live panel, and the run configuration that they stand at."""

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from jetlab.config import ACTIVATIONS, INTEGERS, OPTIMIZERS, ORDERS, ConfigError, RunConfig
from jetlab.steering import button as button

STYLE = {"description_width": "9em"}
WIDTH = "27em"
#: A box to tick among others: room behind its label, so that nobody takes it for the label of the next box.
TICK = {"width": "auto", "margin": "2px 16px 2px 2px"}
BATCH_SIZES = tuple(2**i for i in range(13))
TRAIN_SIZES = (100, 300, 1000, 3000, 10_000, 30_000, 100_000)
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
    "seed": ("seed", "What decides the first weights and the order of the jets; the same seed gives the same network"),
    "train_size": ("training jets", "How many of the training jets are used"),
    "length": ("constituents", "How many constituents of a jet the network sees"),
    "order_by": ("ordered by", "In which order the constituents come: pt, distance to the axis (dr), or at random"),
    "pf_id": ("particle class", "How the particle class enters: learnt numbers (embedding), or one input for each"),
    "bidirectional": ("both ways", "Read the sequence forwards and backwards"),
    "image_size": ("pixels", "How many pixels an image has in eta and in phi"),
}
MAIN = ("layers", "nodes", "batch_size", "learning_rate", "epochs")
SEQUENCE = ("length", "order_by", "pf_id")
#: Model -> fields that only it has.
OWN = {"lstm": (*SEQUENCE, "bidirectional"), "gru": (*SEQUENCE, "bidirectional"), "deep_sets": SEQUENCE}
OWN["cnn"] = ("image_size",)
PRESETS: dict[str, dict[str, Any]] = {
    "as in the lesson": {},
    "one layer of 8 nodes": {"layers": 1, "nodes": 8},
    "wide: one layer of 256": {"layers": 1, "nodes": 256},
    "deep: six layers of 16": {"layers": 6, "nodes": 16},
    "learning rate too large": {"learning_rate": 1.0},
    "learning by heart: few jets": {"train_size": 300, "patience": 0, "epochs": 60, "batch_size": 32},
}


class Controls:
    """One slider or box for each field of the configuration that can be chosen; the rarer ones are folded away.

    Args:
        start: where they begin; its model and loss stay.
        n_train: training jets there are.
        inputs: what can be ticked as inputs; none: they cannot be changed.
        remade: whether sequences and images can be made anew, so that their length, order and size can be chosen.
        hide: fields without a slider.
        lock: fields that are shown but cannot be moved.
        presets: name -> changes of `start`; None: PRESETS.
        most: field -> largest value of "epochs" or "train_size".

    Raises ConfigError for unknown fields and impossible presets.
    """

    def __init__(
        self,
        start: RunConfig,
        n_train: int,
        inputs: Sequence[str] = (),
        remade: bool = False,
        hide: Collection[str] = (),
        lock: Collection[str] = (),
        presets: Mapping[str, Mapping[str, Any]] | None = None,
        most: Mapping[str, int] | None = None,
    ) -> None:
        most = dict(most or {})
        own = OWN.get(start.model, ()) if remade else ()
        common = [name for name in TEXTS if name not in {field for fields in OWN.values() for field in fields}]
        names = [*common, *own, *(["inputs"] if inputs else [])]
        _known("hide", hide, names)
        _known("lock", lock, names)
        _known("most", most, ("epochs", "train_size"))
        self.remade = remade
        self.start = _capped(start, n_train, most)
        self._presets = {
            name: _capped(
                dataclasses.replace(self.start, **({"widths": ()} if changes else {}), **changes), n_train, most
            )
            for name, changes in (PRESETS if presets is None else presets).items()
        }
        self._most_jets = min(n_train, most.get("train_size", n_train))
        self._fields: dict[str, Any] = {
            name: _widget(name, self.start, self._most_jets, most.get("epochs", 100))
            for name in names
            if name != "inputs" and name not in hide
        }
        self._ticks = [_tick(name, name in self.start.inputs) for name in inputs if "inputs" not in hide]
        for name in lock:
            for each in self._ticks if name == "inputs" else [self._fields[name]] if name in self._fields else []:
                each.disabled = True
        self._make_widths("nodes" in self._fields and self.start.model == "dense", "nodes" in lock)
        self._size = widgets.HTML()
        self._preset = widgets.Dropdown(
            options=list(self._presets), description="preset", tooltip="Start from one of these settings", style=STYLE
        )
        self._preset.observe(lambda change: self.set(self._presets[change["new"]]), "value")
        self._quiet, self._actions = False, []
        for each in (*self._fields.values(), *self._ticks, self._widths, *self._layer_nodes):
            each.observe(lambda _: self._changed(), "value")
        self.widget = self._laid_out()

    def __getattr__(self, name: str) -> Any:
        """The widget of a field: `controls.nodes`."""
        fields = self.__dict__.get("_fields", {})
        if name in fields:
            return fields[name]
        raise AttributeError(f"The panel has no control {name!r}; there are {', '.join(fields)}.")

    def config(self) -> RunConfig:
        """The configuration that the controls stand at. Raises ConfigError."""
        values = {name: widget.value for name, widget in self._fields.items()}
        if self._widths.value:
            values["widths"] = tuple(
                each.value for each in self._layer_nodes[: values.get("layers", self.start.layers)]
            )
        if self._ticks:
            values["inputs"] = tuple(tick.description for tick in self._ticks if tick.value)
            if not values["inputs"]:
                raise ConfigError("No input is ticked; the network needs at least one.")
        if values.get("train_size") == self._most_jets and self.start.train_size is None:
            values["train_size"] = None
        return dataclasses.replace(self.start, **values)

    def set(self, config: RunConfig) -> None:
        """Move all controls to a configuration; what a slider does not reach becomes its nearest value."""
        self._quiet = True
        try:
            for name, widget in self._fields.items():
                _move(widget, self._most_jets if name == "train_size" and config.train_size is None else config, name)
            for tick in self._ticks:
                tick.value = tick.description in config.inputs
            self._widths.value = bool(config.widths)
            for slider, nodes in zip(self._layer_nodes, config.layer_nodes, strict=False):
                slider.value = nodes
        finally:
            self._quiet = False
        self._changed()

    def chooses(self, name: str) -> bool:
        """Whether there is a control for a field."""
        return bool(self._ticks) if name == "inputs" else name in self._fields

    def on_change(self, action: Callable[[], None]) -> None:
        """Call `action` whenever a control has moved."""
        self._actions.append(action)

    def say(self, text: str) -> None:
        """Show a line (HTML) beside the sliders."""
        self._size.value = text

    def _changed(self) -> None:
        if not self._quiet:
            for action in self._actions:
                action()

    def _make_widths(self, possible: bool, locked: bool) -> None:
        """A box to tick that gives each layer a slider of its own."""
        tooltip = "Give each layer its own number of nodes"
        self._widths = widgets.Checkbox(bool(self.start.widths), description="each layer its own", tooltip=tooltip)
        self._layer_nodes = [
            slider(
                widgets.IntSlider,
                f"nodes of layer {number + 1}",
                f"How many nodes hidden layer {number + 1} has",
                value=(*self.start.layer_nodes, *[self.start.nodes] * INTEGERS["layers"][1])[number],
                min=1,
                max=256,
                disabled=locked,
            )
            for number in range(INTEGERS["layers"][1])
        ]
        self._widths.layout.display = "" if possible else "none"
        self._widths.disabled = locked
        self._widths.observe(lambda _: self._show_widths(), "value")
        if "layers" in self._fields:
            self._fields["layers"].observe(lambda _: self._show_widths(), "value")
        self._show_widths()

    def _show_widths(self) -> None:
        shown = self.layers.value if "layers" in self._fields else self.start.layers
        for number, each in enumerate(self._layer_nodes):
            each.layout.display = "" if self._widths.value and number < shown else "none"

    def _laid_out(self) -> widgets.Widget:
        main = [self._fields[name] for name in MAIN if name in self._fields]
        more = [widget for name, widget in self._fields.items() if name not in MAIN]
        top = [*([self._preset] if len(self._presets) > 1 else []), *main]
        half = -(-len(top) // 2)
        wrap = widgets.Layout(flex_flow="row wrap")
        columns = [widgets.VBox(top[:half]), widgets.VBox([*top[half:], self._size])]
        rows: list[widgets.Widget] = [widgets.HBox(columns, layout=wrap)]
        if more or self._ticks:
            ticked = widgets.HBox([widgets.HTML("inputs"), *self._ticks], layout=wrap) if self._ticks else None
            halves = [widgets.VBox(more[::2]), widgets.VBox(more[1::2])]
            own = [self._widths, *self._layer_nodes]
            inside = [widgets.HBox(halves, layout=wrap), *([ticked] if ticked else []), *own]
            rows.append(widgets.Accordion([widgets.VBox(inside)], titles=["more settings"], selected_index=None))
        return widgets.VBox(rows)


def slider(kind: type, description: str, tooltip: str, **options: Any) -> Any:
    """A control of the given kind in the panel's style, with its label and a sentence on what it does."""
    if issubclass(kind, widgets.IntSlider | widgets.FloatSlider | widgets.FloatLogSlider | widgets.SelectionSlider):
        options["continuous_update"] = False
    return kind(description=description, tooltip=tooltip, style=STYLE, layout=widgets.Layout(width=WIDTH), **options)


def _widget(name: str, start: RunConfig, n_train: int, epochs: int) -> Any:
    made = functools.partial(slider, description=TEXTS[name][0], tooltip=TEXTS[name][1])
    value = getattr(start, name)
    match name:
        case "layers":
            return made(widgets.IntSlider, value=value, min=INTEGERS[name][0], max=INTEGERS[name][1])
        case "nodes":
            return made(widgets.IntSlider, value=value, min=1, max=max(256, value))
        case "batch_size":
            return made(widgets.SelectionSlider, options=sorted({*BATCH_SIZES, value}), value=value)
        case "learning_rate":
            return made(widgets.FloatLogSlider, value=value, min=-5, max=0, step=0.25, readout_format=".1e")
        case "epochs":
            return made(widgets.IntSlider, value=value, min=1, max=max(epochs, value))
        case "patience":
            return made(widgets.IntSlider, value=value, min=0, max=max(50, value))
        case "dropout":
            return made(widgets.FloatSlider, value=value, min=0, max=0.9, step=0.05)
        case "train_size":
            sizes = {size for size in TRAIN_SIZES if size < n_train} | {n_train, value or n_train}
            return made(widgets.SelectionSlider, options=sorted(sizes), value=value or n_train)
        case "seed":
            return made(widgets.BoundedIntText, value=value, min=0, max=INTEGERS[name][1])
        case "length":
            return made(widgets.IntSlider, value=value, min=1, max=max(100, value))
        case "image_size":
            return made(widgets.IntSlider, value=value, min=8, max=max(40, value))
        case "bidirectional":
            return made(widgets.Checkbox, value=value)
        case _:
            choices = {"activation": ACTIVATIONS, "optimizer": OPTIMIZERS, "order_by": ORDERS}
            return made(widgets.Dropdown, options=choices.get(name, ("embedding", "one_hot")), value=value)


def _tick(name: str, value: bool) -> widgets.Checkbox:
    return widgets.Checkbox(value, description=name, indent=False, tooltip=f"Use {name} as an input", layout=TICK)


def _move(widget: Any, config: Any, name: str) -> None:
    value = getattr(config, name) if isinstance(config, RunConfig) else config
    if isinstance(widget, widgets.SelectionSlider):
        value = min(widget.options, key=lambda option: abs(option - value))
    widget.value = value


def _even(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """A preset of layers or nodes is for layers of equal width, unless it says otherwise."""
    return {"widths": (), **changes} if {"layers", "nodes"} & set(changes) else changes


def _capped(config: RunConfig, n_train: int, most: Mapping[str, int]) -> RunConfig:
    changes: dict[str, Any] = {}
    if "epochs" in most:
        changes["epochs"] = min(config.epochs, most["epochs"])
    if "train_size" in most:
        changes["train_size"] = min(config.train_size or n_train, most["train_size"])
    return dataclasses.replace(config, **changes)


def _known(option: str, names: Collection[str], known: Collection[str]) -> None:
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"{option} names {', '.join(unknown)}; the panel's controls are {', '.join(known)}.")
