"""The sliders and boxes of the live panel, and the run configuration that they stand at."""

import dataclasses
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from jetlab import control_widgets
from jetlab.config import INTEGERS, ConfigError, RunConfig
from jetlab.control_widgets import STYLE as STYLE
from jetlab.control_widgets import TEXTS
from jetlab.control_widgets import TICK as TICK

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
            name: control_widgets.made(name, getattr(self.start, name), n_train, self._most)
            for name in names
            if name != "inputs" and name not in hide
        }
        self._ticks = [control_widgets.tick(name, name in self.start.inputs) for name in inputs if "inputs" not in hide]
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
            control_widgets.move(control, name, getattr(config, name), self._n_train, self._most)
        for tick in self._ticks:
            tick.value = tick.description in config.inputs
        self._order = config.inputs
        self._widths.value = bool(config.widths)
        for control, nodes in zip(self._layer_nodes, _six(config), strict=True):
            control_widgets.move(control, "nodes", nodes, self._n_train, self._most)

    def _standing(self) -> dict[Any, str]:
        """What each control that is shown stands at."""
        own = [self._widths, *[each for each in self._layer_nodes if each.layout.display != "none"]]
        shown = (*self._fields.values(), *self._ticks, *(own if self._own_possible else []))
        return {each: control_widgets.shown(each) for each in shown}

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
        return dataclasses.replace(config, **{name: self._most[name] for name, _, _ in self._above(config)})

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
            control = control_widgets.slider(widgets.IntSlider, *texts, disabled=locked)
            control_widgets.move(control, "nodes", nodes, self._n_train, self._most)
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
