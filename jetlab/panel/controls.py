"""The controls of a panel: a widget for each field of a run configuration, within the instructor's limits."""

import dataclasses
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ipywidgets as widgets

from jetlab.config import CHOICES, INTEGERS, ConfigError, RunConfig

STYLE = {"description_width": "9em"}
WIDTH = "27em"
WRAP = {"flex_flow": "row wrap"}
#: A checkbox among others: space after its label, so that nobody takes it for the label of the next box.
TICK = {"width": "auto", "margin": "2px 16px 2px 2px"}
BATCH_SIZES = tuple(2**i for i in range(13))
TRAIN_SIZES = (100, 300, 1000, 3000, 10_000, 30_000, 100_000)
#: Value of the training jets' slider that stands for all: no widget takes None, as RunConfig does.
ALL = 0
SEQUENCES = ("lstm", "gru", "deep_sets")
STEPS = widgets.SelectionSlider
RATE = partial(widgets.FloatLogSlider, step=0.25, readout_format=".1e")
FRACTION = partial(widgets.FloatSlider, step=0.05)


@dataclass(frozen=True)
class Field:
    """A field of the configuration that has a control.

    `sentence` says what it does, `label` stands beside the control (empty: the field's name), and `kind` makes it
    (None: a list of choices, or a slider of whole numbers). `usual` are the lowest and the highest value of its slider
    as a rule, of the learning rate in powers of ten; `unit` is that of the value, and `models` are those that the field
    acts on (none: all).
    """

    sentence: str
    label: str = ""
    kind: Callable[..., widgets.Widget] | None = None
    usual: tuple[float, float] | None = None
    unit: str = ""
    models: tuple[str, ...] = ()


FIELDS = {
    "layers": Field("How many hidden layers lie between inputs and output", usual=INTEGERS["layers"]),
    "nodes": Field("How many nodes each hidden layer has (of a CNN: filters)", "nodes per layer", usual=(1, 256)),
    "batch_size": Field("How many jets are looked at for one step of the weights", "", STEPS, unit="jets"),
    "learning_rate": Field("How long a step is; it can be changed while the network trains", "", RATE, (-5, 0)),
    "epochs": Field("How many times training goes through all jets, at most", usual=(1, 100), unit="epochs"),
    "patience": Field("Epochs without a better validation loss until it stops; 0: never", "", None, (0, 50), "epochs"),
    "dropout": Field("The fraction of nodes switched off at random in each training step", "", FRACTION, (0, 0.9)),
    "activation": Field("How a node bends the sum of its inputs"),
    "optimizer": Field("The rule by which gradients become steps"),
    "schedule": Field(
        "How the learning rate falls: not at all (constant), along half a cosine, or in steps to a tenth after half "
        "and a hundredth after three quarters of the epochs",
        "rate over epochs",
    ),
    "seed": Field(
        "What decides the first weights and the order of the jets; the same seed gives the same network",
        kind=widgets.BoundedIntText,
        usual=INTEGERS["seed"],
    ),
    "train_size": Field("How many of the training jets are used", "training jets", STEPS, unit="jets"),
    "length": Field(
        "How many of a jet's constituents are seen", "constituents", None, (1, 100), "constituents", SEQUENCES
    ),
    "order_by": Field(
        "How they are sorted: by pt, by distance to the axis (dr), at random", "ordered by", models=SEQUENCES
    ),
    "pf_id": Field("How it enters: learnt numbers (embedding), or one input each", "particle class", models=SEQUENCES),
    "bidirectional": Field("Read the sequence in both directions", "both ways", widgets.Checkbox, models=SEQUENCES[:2]),
    "image_size": Field("How many pixels an image has in eta and in phi", "pixels", None, (8, 40), "pixels", ("cnn",)),
}
#: Fields whose controls are always in sight.
MAIN = ("layers", "nodes", "batch_size", "learning_rate", "epochs")
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


def slider(kind: Callable[..., widgets.Widget], label: str, sentence: str, **options: Any) -> Any:
    """A control in the panel's style, with its label and a sentence on what it does."""
    made = kind(description=label, tooltip=sentence, style=STYLE, layout=widgets.Layout(width=WIDTH), **options)
    if made.has_trait("continuous_update"):
        made.continuous_update = False
    return made


@dataclass(frozen=True)
class _Limits:
    """How far controls reach: training jets there are, and field -> largest value of "epochs" or "train_size"."""

    n_train: int
    most: Mapping[str, int]

    def move(self, control: Any, name: str, value: Any) -> None:
        """Set a field's control to exactly this value, and widen its range where needed."""
        # In one message to the page, which must never see a new value with the old limits.
        with control.hold_sync():
            if isinstance(control, widgets.SelectionSlider):
                options = self._steps(name, value)
                if options != control.options:
                    control.options = options
            elif FIELDS[name].usual:
                low, high = self._reach(name, value)
                control.min, control.max = min(low, control.min), max(high, control.max)
                control.value = value
                control.min, control.max = low, high
            control.value = ALL if value is None else value

    def above(self, config: RunConfig) -> dict[str, int]:
        """Fields of a configuration that are above what is allowed, and that."""
        asked = {"epochs": config.epochs, "train_size": min(config.train_size or self.n_train, self.n_train)}
        return {name: most for name, most in self.most.items() if asked[name] > most}

    def cut(self, config: RunConfig) -> RunConfig:
        above: dict[str, Any] = self.above(config)
        return dataclasses.replace(config, **above)

    def _reach(self, name: str, value: float) -> tuple[float, float]:
        low, high = FIELDS[name].usual or (value, value)
        if name == "learning_rate":
            # One power more than needed, in case of rounding.
            return low if value >= 10.0**low else math.floor(math.log10(value)) - 1, high if value <= 10.0**high else 1
        # A cap may lie beyond what RunConfig takes.
        high = min(self.most[name], INTEGERS[name][1]) if name in self.most else high
        return min(low, value), max(high, value)

    def _steps(self, name: str, value: int | None) -> tuple[tuple[str, int], ...]:
        """Labels and values of a slider of steps."""
        if name == "batch_size":
            return tuple((str(size), size) for size in sorted({*BATCH_SIZES, value}))
        n_train, top = self.n_train, min(self.n_train, self.most.get(name, self.n_train))
        sizes = {size for size in TRAIN_SIZES if size < top} | ({value} if value else set())
        sizes |= {top} if top < n_train else set()
        steps = [(f"{size:,}" if size <= n_train else f"{size:,} (here {n_train:,})", size) for size in sorted(sizes)]
        return tuple(steps) if top < n_train else (*steps, (f"all {n_train:,}", ALL))


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

    `fields` has the widgets by name. Raises ConfigError for unknown fields, and for presets that are impossible or
    would move what is hidden or locked.
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
        fields = [name for name, each in FIELDS.items() if not each.models or (remade and start.model in each.models)]
        names = [*fields, *(["inputs"] if inputs else [])]
        options = {"hide": (hide, names), "lock": (lock, names), "most": (most or {}, ["epochs", "train_size"])}
        for option, (given, known) in options.items():
            if unknown := [name for name in given if name not in known]:
                raise ConfigError(f"{option} names {', '.join(unknown)}; the panel's controls are {', '.join(known)}.")
        self._limits, self._locked = _Limits(n_train, dict(most or {})), frozenset(lock)
        self.start = self._limits.cut(start)
        #: The order in which the network takes its inputs.
        self._order = self.start.inputs
        self.fields = {name: self._made(name) for name in fields if name not in hide}
        self._ticks = {name: self._tick(name) for name in inputs if "inputs" not in hide}
        self._layer_nodes = [self._nodes_of(number) for number in range(1, INTEGERS["layers"][1] + 1)]
        self._own = widgets.Checkbox(
            bool(self.start.widths),
            description="each layer its own",
            tooltip="Give each layer its own number of nodes",
            disabled="nodes" in lock,
        )
        self._own_possible = "nodes" in self.fields and start.model == "dense"
        self._move_nodes(self.start)
        self._size, self._note = widgets.HTML(), widgets.HTML()
        self._presets = self._possible(presets)
        self._preset = widgets.Dropdown(
            options=list(self._presets), description="preset", tooltip="Start from one of these settings", style=STYLE
        )
        self._preset.observe(lambda change: self._choose(change["new"]), "value")
        self._quiet = False
        self._actions: list[Callable[[], None]] = []
        for each in (*self.fields.values(), *self._ticks.values(), self._own, *self._layer_nodes):
            each.observe(lambda _: self._changed(), "value")
        self._show_nodes()
        self.widget = self._laid_out()

    def config(self) -> RunConfig:
        """The configuration that the controls show. Raises ConfigError where no input is ticked."""
        values = {name: control.value for name, control in self.fields.items()}
        if "train_size" in values:
            values["train_size"] = values["train_size"] or None
        layers = values.get("layers", self.start.layers)
        values["widths"] = tuple(each.value for each in self._layer_nodes[:layers]) if self._own.value else ()
        if self._ticks:
            ticked = [name for name, tick in self._ticks.items() if tick.value]
            if not ticked:
                raise ConfigError("No input is ticked; the network needs at least one.")
            before = [name for name in self._order if name in ticked]
            values["inputs"] = (*before, *[name for name in ticked if name not in before])
        return dataclasses.replace(self.start, **values)

    def set(self, config: RunConfig) -> list[str]:
        """Move the controls to exactly this configuration; returns what has moved, such as "layers 3 → 1".

        Raises ConfigError, and moves nothing, where the panel cannot do that: another model or loss, inputs it does not
        have, hidden or locked fields that differ, more than `most`.
        """
        if reasons := self._reasons(config):
            raise ConfigError(
                f"The panel cannot take this configuration, so nothing was moved: {'; '.join(reasons)}. "
                + ("Use a panel of that model." if config.model != self.start.model else _ADVICE)
            )
        before, order = self._standing(), self._order
        self._quiet = True
        try:
            for name, control in self.fields.items():
                self._limits.move(control, name, getattr(config, name))
            for name, tick in self._ticks.items():
                tick.value = name in config.inputs
            self._order = config.inputs
            self._own.value = bool(config.widths)
            self._move_nodes(config)
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
        return bool(self._ticks) if name == "inputs" else name in self.fields

    def on_change(self, action: Callable[[], None]) -> None:
        """Call `action` whenever a control has moved."""
        self._actions.append(action)

    def say(self, text: str) -> None:
        """Show a line (HTML) beside the sliders."""
        self._size.value = text

    def _made(self, name: str) -> Any:
        field = FIELDS[name]
        options: dict[str, Any] = {"disabled": name in self._locked}
        if name in CHOICES or field.kind is STEPS:
            options["options"] = CHOICES.get(name, [("", ALL)])
        kind = field.kind or (widgets.Dropdown if name in CHOICES else widgets.IntSlider)
        control = slider(kind, field.label or name.replace("_", " "), field.sentence, **options)
        self._limits.move(control, name, getattr(self.start, name))
        return control

    def _tick(self, name: str) -> widgets.Checkbox:
        texts = {"description": name, "tooltip": f"Use {name} as an input"}
        locked = "inputs" in self._locked
        return widgets.Checkbox(name in self.start.inputs, **texts, indent=False, layout=TICK, disabled=locked)

    def _nodes_of(self, layer: int) -> widgets.IntSlider:
        texts = f"nodes of layer {layer}", f"How many nodes hidden layer {layer} has"
        return slider(widgets.IntSlider, *texts, disabled="nodes" in self._locked)

    def _move_nodes(self, config: RunConfig) -> None:
        """Each layer's own nodes; those beyond the last layer have the nodes of equal layers."""
        nodes = [*config.layer_nodes, *[config.nodes] * len(self._layer_nodes)]
        for control, value in zip(self._layer_nodes, nodes, strict=False):
            self._limits.move(control, "nodes", value)

    def _show_nodes(self) -> None:
        layers = self.fields["layers"].value if "layers" in self.fields else self.start.layers
        for number, each in enumerate(self._layer_nodes):
            each.layout.display = "" if self._own.value and number < layers else "none"
        if self._own_possible:
            self.fields["nodes"].disabled = self._own.value or "nodes" in self._locked

    def _changed(self) -> None:
        self._show_nodes()
        if not self._quiet:
            self._note.value = ""
            for action in self._actions:
                action()

    def _standing(self) -> dict[Any, str]:
        """The value of each visible control, as text."""
        own = [self._own, *[each for each in self._layer_nodes if each.layout.display != "none"]]
        shown = (*self.fields.values(), *self._ticks.values(), *(own if self._own_possible else []))
        return {each: _text(each) for each in shown}

    def _reasons(self, config: RunConfig) -> list[str]:
        """Why the controls cannot take a configuration, a clause for each field."""
        start = self.start
        if config.model != start.model:
            return [f"model is {json.dumps(config.model)}, but this panel trains {json.dumps(start.model)}"]
        stays = dataclasses.asdict(start)
        if start.widths:
            stays["widths"] = (*start.widths, *[start.nodes] * config.layers)[: config.layers]
        reasons = []
        for name, here in stays.items():
            value, control = getattr(config, name), "nodes" if name == "widths" else name
            differs = f"{name} is {json.dumps(value)}, but"
            if value == here:
                continue
            if control in self._locked:
                reasons.append(f"{differs} is locked at {json.dumps(here)}")
            elif not self.chooses(control):
                reasons.append(f"{differs} stays {json.dumps(here)} here")
            elif name == "inputs" and not set(config.inputs) <= set(self._ticks):
                reasons.append(f"{differs} this panel has {', '.join(self._ticks)} only")
        for name, most in self._limits.above(config).items():
            reasons.append(f"{name} is {json.dumps(getattr(config, name))}, but at most {most} are allowed here")
        return reasons

    def _possible(self, presets: Mapping[str, Mapping[str, Any]] | None) -> dict[str, tuple[RunConfig, str]]:
        """Name -> configuration of a preset, and what was cut from it, in words."""
        possible = {}
        for name, changes in (PRESETS if presets is None else presets).items():
            # Layers or nodes are for layers of equal width, unless the preset says otherwise.
            even = {"widths": ()} if {"layers", "nodes"} & set(changes) else {}
            asked = dataclasses.replace(self.start, **{**even, **changes})
            config = self._limits.cut(asked)
            reasons = self._reasons(config)
            if reasons and presets is not None:
                raise ConfigError(f"The preset {name!r} is not possible: {'; '.join(reasons)}. Leave that out of it.")
            if not reasons:
                above = self._limits.above(asked).items()
                notes = [
                    f"{field} is {getattr(asked, field)} in this preset, but at most {most} are allowed here."
                    for field, most in above
                ]
                possible[name] = config, " ".join(notes)
        return possible

    def _choose(self, preset: str) -> None:
        config, note = self._presets[preset]
        self.set(config)
        self._note.value = note

    def _laid_out(self) -> widgets.Widget:
        main = [control for name, control in self.fields.items() if name in MAIN]
        more = [control for name, control in self.fields.items() if name not in MAIN]
        top = [*([self._preset] if len(self._presets) > 1 else []), *main]
        half = -(-len(top) // 2)
        columns = [widgets.VBox(top[:half]), widgets.VBox([*top[half:], self._size])]
        rows: list[widgets.Widget] = [widgets.HBox(columns, layout=WRAP), self._note]
        inside = [widgets.HBox([widgets.VBox(more[::2]), widgets.VBox(more[1::2])], layout=WRAP)] if more else []
        if self._ticks:
            inside.append(widgets.HBox([widgets.HTML("inputs"), *self._ticks.values()], layout=WRAP))
        if self._own_possible:
            inside += [self._own, *self._layer_nodes]
        if inside:
            rows.append(widgets.Accordion([widgets.VBox(inside)], titles=["more settings"], selected_index=None))
        return widgets.VBox(rows)


def _text(control: Any) -> str:
    """The value of a control, as text."""
    if isinstance(control, widgets.Checkbox):
        return "on" if control.value else "off"
    return control.label if isinstance(control, widgets.SelectionSlider) else str(control.value)
