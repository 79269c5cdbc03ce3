"""The controls of a panel: a widget for each field of a run configuration, within the instructor's limits."""

import dataclasses
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from jetlab.config import CHOICES, INTEGERS, ConfigError, RunConfig

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


def text_of(control: Any) -> str:
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


#: What to do about a configuration that was pasted.
_ADVICE = "Change that in the JSON, then press Apply again; or use a panel that has it."


class Controls:
    """One slider or box for each field of the configuration that can be chosen; the rarer ones are folded away.

    Args:
        start: where they begin, cut to `most`; its model, its loss and what has no control stay.
        n_train: training jets there are.
        inputs: what can be ticked as inputs; none: they cannot be changed.
        remade: whether sequences and images can be made anew, so that their length, order and size can be chosen.
        hide: fields without a control.
        lock: fields that are shown but cannot be moved.
        presets: name -> changes of `start`, cut to `most`; None: those of PRESETS that move nothing hidden or locked.
        most: field -> largest value of "epochs" or "train_size".

    Raises ConfigError for unknown fields and for presets that are impossible or would move what is hidden or locked.
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
        self._n_train, self._most, self._locked = n_train, dict(most or {}), frozenset(lock)
        own = OWN.get(start.model, ()) if remade else ()
        common = [name for name in TEXTS if name not in {field for fields in OWN.values() for field in fields}]
        names = [*common, *own, *(["inputs"] if inputs else [])]
        _known("hide", hide, names)
        _known("lock", lock, names)
        _known("most", self._most, ("epochs", "train_size"))
        self.remade = remade
        self.start = self._cut(start)
        #: The order in which the network takes its inputs.
        self._order = self.start.inputs
        self._fields: dict[str, Any] = {
            name: made(name, getattr(self.start, name), n_train, self._most)
            for name in names
            if name != "inputs" and name not in hide
        }
        self._ticks = [tick(name, name in self.start.inputs) for name in inputs if "inputs" not in hide]
        for name in lock:
            for each in self._ticks if name == "inputs" else [self._fields[name]] if name in self._fields else []:
                each.disabled = True
        self._make_widths()
        self._size, self._note = widgets.HTML(), widgets.HTML()
        self._presets = self._possible(presets)
        self._preset = widgets.Dropdown(
            options=list(self._presets), description="preset", tooltip="Start from one of these settings", style=STYLE
        )
        self._preset.observe(lambda change: self._choose(change["new"]), "value")
        self._quiet = False
        self._actions: list[Callable[[], None]] = []
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
        """The configuration that the controls stand at. Raises ConfigError where no input is ticked."""
        values = {name: control.value for name, control in self._fields.items()}
        if "train_size" in values:
            values["train_size"] = values["train_size"] or None
        layers = values.get("layers", self.start.layers)
        values["widths"] = tuple(each.value for each in self._layer_nodes[:layers]) if self._widths.value else ()
        if self._ticks:
            ticked = [tick.description for tick in self._ticks if tick.value]
            if not ticked:
                raise ConfigError("No input is ticked; the network needs at least one.")
            before = [name for name in self._order if name in ticked]
            values["inputs"] = (*before, *[name for name in ticked if name not in before])
        return dataclasses.replace(self.start, **values)

    def set(self, config: RunConfig) -> list[str]:
        """Move the controls to exactly this configuration; gives what has moved, such as "layers 3 → 1".

        Raises ConfigError, and moves nothing, where the panel cannot be that: another model or loss, inputs it does not
        have, hidden or locked fields that differ, more than `most`.
        """
        if reasons := self._reasons(config):
            raise ConfigError(
                f"The panel cannot be this configuration, so nothing was moved: {'; '.join(reasons)}. "
                + ("Use a panel of that model." if config.model != self.start.model else _ADVICE)
            )
        before, order = self._standing(), self._order
        self._quiet = True
        try:
            self._move(config)
        finally:
            self._quiet = False
        self._changed()
        moved = [
            f"{each.description}{f' {before[each]} →' if each in before else ':'} {text}"
            for each, text in self._standing().items()
            if before.get(each) != text
        ]
        if self._order != order and set(self._order) == set(order):
            moved.append(f"order of the inputs {', '.join(order)} → {', '.join(self._order)}")
        return moved

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
            self._note.value = ""
            for action in self._actions:
                action()

    def _move(self, config: RunConfig) -> None:
        for name, control in self._fields.items():
            move(control, name, getattr(config, name), self._n_train, self._most)
        for tick in self._ticks:
            tick.value = tick.description in config.inputs
        self._order = config.inputs
        self._widths.value = bool(config.widths)
        for control, nodes in zip(self._layer_nodes, _six(config), strict=True):
            move(control, "nodes", nodes, self._n_train, self._most)

    def _standing(self) -> dict[Any, str]:
        """What each control that is shown stands at."""
        own = [self._widths, *[each for each in self._layer_nodes if each.layout.display != "none"]]
        shown = (*self._fields.values(), *self._ticks, *(own if self._own_possible else []))
        return {each: text_of(each) for each in shown}

    def _reasons(self, config: RunConfig) -> list[str]:
        """Why the controls cannot stand at a configuration, a clause for each field."""
        start = self.start
        if config.model != start.model:
            return [f"model is {json.dumps(config.model)}, but this panel trains {json.dumps(start.model)}"]
        kept = dataclasses.asdict(start)
        if start.widths:
            kept["widths"] = _six(start)[: config.layers]
        reasons = []
        for name, here in kept.items():
            value, control = getattr(config, name), "nodes" if name == "widths" else name
            if value == here:
                continue
            is_, stays = (f"{json.dumps(each)}" for each in (value, here))
            if control in self._locked:
                reasons.append(f"{name} is {is_}, but is locked at {stays}")
            elif not self.chooses(control):
                reasons.append(f"{name} is {is_}, but stays {stays} here")
        known = [tick.description for tick in self._ticks]
        if known and "inputs" not in self._locked and not set(config.inputs) <= set(known):
            reasons.append(f"inputs is {json.dumps(config.inputs)}, but this panel has {', '.join(known)} only")
        return reasons + [
            f"{name} is {json.dumps(value)}, but {allowed}" for name, value, allowed in self._above(config)
        ]

    def _above(self, config: RunConfig) -> list[tuple[str, int | None, str]]:
        """Fields above `most`, their values, and what is allowed."""
        jets = min(config.train_size or self._n_train, self._n_train)
        asked = {"epochs": config.epochs, "train_size": jets}
        return [
            (name, getattr(config, name), f"at most {most} are allowed here")
            for name, most in self._most.items()
            if asked[name] > most
        ]

    def _cut(self, config: RunConfig) -> RunConfig:
        most: dict[str, Any] = {name: self._most[name] for name, _, _ in self._above(config)}
        return dataclasses.replace(config, **most)

    def _possible(self, presets: Mapping[str, Mapping[str, Any]] | None) -> dict[str, tuple[RunConfig, str]]:
        """Name -> configuration of a preset, and what was cut from it, in words."""
        possible = {}
        for name, changes in (PRESETS if presets is None else presets).items():
            # Layers or nodes are for layers of equal width, unless the preset says otherwise.
            even = {"widths": ()} if {"layers", "nodes"} & set(changes) else {}
            asked = dataclasses.replace(self.start, **{**even, **changes})
            config = self._cut(asked)
            reasons = self._reasons(config)
            if reasons and presets is not None:
                raise ConfigError(f"The preset {name!r} is not possible: {'; '.join(reasons)}. Leave that out of it.")
            if not reasons:
                notes = [
                    f"{field} is {value} in this preset, but {allowed}." for field, value, allowed in self._above(asked)
                ]
                possible[name] = config, " ".join(notes)
        return possible

    def _choose(self, preset: str) -> None:
        config, note = self._presets[preset]
        self.set(config)
        self._note.value = note

    def _make_widths(self) -> None:
        """A box to tick that gives each layer a slider of its own."""
        self._own_possible, locked = "nodes" in self._fields and self.start.model == "dense", "nodes" in self._locked
        tooltip = "Give each layer its own number of nodes"
        self._widths = widgets.Checkbox(bool(self.start.widths), description="each layer its own", tooltip=tooltip)
        self._layer_nodes = []
        for number, nodes in enumerate(_six(self.start), start=1):
            texts = f"nodes of layer {number}", f"How many nodes hidden layer {number} has"
            control = slider(widgets.IntSlider, *texts, disabled=locked)
            move(control, "nodes", nodes, self._n_train, self._most)
            self._layer_nodes.append(control)
        self._widths.disabled = locked
        self._widths.observe(lambda _: self._show_widths(), "value")
        if "layers" in self._fields:
            self._fields["layers"].observe(lambda _: self._show_widths(), "value")
        self._show_widths()

    def _show_widths(self) -> None:
        own = self._widths.value
        layers = self.layers.value if "layers" in self._fields else self.start.layers
        for number, each in enumerate(self._layer_nodes):
            each.layout.display = "" if own and number < layers else "none"
        if self._own_possible:
            self.nodes.disabled = own or "nodes" in self._locked

    def _laid_out(self) -> widgets.Widget:
        main = [self._fields[name] for name in MAIN if name in self._fields]
        more = [widget for name, widget in self._fields.items() if name not in MAIN]
        top = [*([self._preset] if len(self._presets) > 1 else []), *main]
        half = -(-len(top) // 2)
        wrap = widgets.Layout(flex_flow="row wrap")
        columns = [widgets.VBox(top[:half]), widgets.VBox([*top[half:], self._size])]
        rows: list[widgets.Widget] = [widgets.HBox(columns, layout=wrap), self._note]
        if more or self._ticks:
            ticked = widgets.HBox([widgets.HTML("inputs"), *self._ticks], layout=wrap) if self._ticks else None
            halves = [widgets.VBox(more[::2]), widgets.VBox(more[1::2])]
            own = [self._widths, *self._layer_nodes] if self._own_possible else []
            inside = [widgets.HBox(halves, layout=wrap), *([ticked] if ticked else []), *own]
            rows.append(widgets.Accordion([widgets.VBox(inside)], titles=["more settings"], selected_index=None))
        return widgets.VBox(rows)


def _six(config: RunConfig) -> tuple[int, ...]:
    """Nodes of as many layers as there may be: those beyond the last one have the nodes of equal layers."""
    return (*config.layer_nodes, *[config.nodes] * INTEGERS["layers"][1])[: INTEGERS["layers"][1]]


def _known(option: str, names: Collection[str], known: Collection[str]) -> None:
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"{option} names {', '.join(unknown)}; the panel's controls are {', '.join(known)}.")
