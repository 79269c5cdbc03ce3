"""The controls of panels that train something of their own: a widget for each field of a dataclass."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from jetlab.config import ConfigError, RunConfig
from jetlab.panel.controls import WRAP

#: Fields that such settings and a RunConfig have in common, where the settings have them.
SHARED = ("epochs", "batch_size", "learning_rate", "train_size", "seed")


def falling(settings: Any, **more: Any) -> RunConfig:
    """Such settings as `training.fit` takes them: the learning rate falls along half a cosine, and nothing ends early.

    `more` are further fields. Raises ConfigError.
    """
    given = {name: getattr(settings, name) for name in SHARED if hasattr(settings, name)}
    return RunConfig(schedule="cosine", patience=0, **given | more)


class SettingsControls:
    """Widgets for a frozen dataclass of settings, with the methods of `controls.Controls` that a panel calls.

    Args:
        make: makes the settings of the widgets' values, such as the dataclass.
        fields: name of a field -> its widget; the first half stands on the left.
        config: where they begin; None: as the widgets are.

    `widget` is to be shown, `start` the settings in the beginning.
    """

    def __init__(self, make: Callable[..., Any], fields: Mapping[str, Any], config: Any = None) -> None:
        self._make, self._fields = make, dict(fields)
        if config:
            self.set(config)
        self.start = self.config()
        shown, half = list(self._fields.values()), -(-len(self._fields) // 2)
        self._said = widgets.HTML()
        columns = widgets.HBox([widgets.VBox(shown[:half]), widgets.VBox(shown[half:])], layout=WRAP)
        self.widget = widgets.VBox([columns, self._said])

    def config(self) -> Any:
        """What the widgets show."""
        return self._make(**{name: each.value for name, each in self._fields.items()})

    def set(self, settings: Any) -> list[str]:
        """Move the widgets; returns the fields that have moved. Raises ConfigError for a value that one cannot take."""
        wanted = {name: getattr(settings, name) for name in self._fields}
        for name, each in self._fields.items():
            if allowed := _refused(each, wanted[name]):
                raise ConfigError(f"{name} is {wanted[name]}, but its control has only {allowed}; choose one of these.")
        moved = [name for name, each in self._fields.items() if each.value != wanted[name]]
        for name in moved:
            self._fields[name].value = wanted[name]
        return moved

    def on_change(self, action: Callable[[], None]) -> None:
        """Call `action` whenever one has moved."""
        for each in self._fields.values():
            each.observe(lambda _: action(), "value")

    def say(self, text: str) -> None:
        """Show a line below them."""
        self._said.value = text


def _refused(control: Any, value: Any) -> str:
    """What a widget can be set to, in words, if this value is not among it; else nothing."""
    if hasattr(control, "options"):
        options: dict[str, Any] = dict(
            each if isinstance(each, tuple) else (str(each), each) for each in control.options
        )
        return "" if value in options.values() else ", ".join(options)
    if hasattr(control, "max"):
        low, high = control.min, control.max
        if hasattr(control, "base"):
            low, high = control.base**low, control.base**high
        # Powers of ten may miss the end of their slider by a rounding.
        return "" if low * (1 - 1e-9) <= value <= high * (1 + 1e-9) else f"values from {low:g} to {high:g}"
    return ""
