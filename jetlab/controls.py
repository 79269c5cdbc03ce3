"""The sliders and buttons of the live panel, and the run configuration that they stand at."""

import dataclasses
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from jetlab.config import INTEGERS, RunConfig

STYLE = {"description_width": "9em"}
WIDE = widgets.Layout(width="27em")


class Controls:
    """The sliders of the network and of its training."""

    def __init__(self, start: RunConfig) -> None:
        low, high = INTEGERS["layers"]
        self._layers = slider(widgets.IntSlider, "layers", "Hidden layers", value=start.layers, min=low, max=high)
        self._nodes = slider(
            widgets.IntSlider, "nodes per layer", "Nodes in each hidden layer", value=start.nodes, min=1, max=256
        )
        self._batch_size = slider(
            widgets.SelectionSlider,
            "batch size",
            "Jets per gradient step",
            options=sorted({*(2**i for i in range(13)), start.batch_size}),
            value=start.batch_size,
        )
        self._learning_rate = slider(
            widgets.FloatLogSlider,
            "learning rate",
            "Length of a gradient step",
            value=start.learning_rate,
            min=-5,
            max=0,
            step=0.25,
            readout_format=".1e",
        )
        self._epochs = slider(
            widgets.IntSlider, "epochs", "Times through the training jets", value=start.epochs, min=1, max=100
        )
        self._size = widgets.HTML()
        sliders = [self._layers, self._nodes, self._batch_size, self._learning_rate, self._epochs]
        columns = [widgets.VBox(sliders[:3]), widgets.VBox([*sliders[3:], self._size])]
        self._sliders = sliders
        self.widget = widgets.HBox(columns, layout=widgets.Layout(flex_flow="row wrap"))

    def config(self, base: RunConfig) -> RunConfig:
        """The configuration `base` with what the sliders say. Raises ConfigError."""
        return dataclasses.replace(
            base,
            layers=self._layers.value,
            nodes=self._nodes.value,
            batch_size=self._batch_size.value,
            learning_rate=self._learning_rate.value,
            epochs=self._epochs.value,
        )

    def on_change(self, action: Callable[[], None]) -> None:
        """Call `action` whenever a slider has moved."""
        for each in self._sliders:
            each.observe(lambda _: action(), "value")

    def say(self, text: str) -> None:
        """Show a line (HTML) beside the sliders."""
        self._size.value = text


def button(description: str, icon: str, tooltip: str, action: Callable[[], None]) -> widgets.Button:
    """A button that calls `action` when pressed, by mouse or keyboard."""
    made = widgets.Button(description=description, icon=icon, tooltip=tooltip, layout=widgets.Layout(width="8em"))
    made.on_click(lambda _: action())
    return made


def slider(kind: type, description: str, tooltip: str, **options: Any) -> Any:
    """A slider of the given kind in the panel's style, with its label and a sentence on what it does."""
    return kind(description=description, tooltip=tooltip, style=STYLE, layout=WIDE, continuous_update=False, **options)
