"""Sliders that redraw a picture: from a function that draws on axes to a widget, in one call."""

import base64
import html
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from jetlab import plots
from jetlab.errors import ArgumentError

STYLE = {"description_width": "10em"}
WIDE = widgets.Layout(width="32em")
MILLISECONDS_PER_STEP = 400


class Sliders:
    """One slider per keyword, above a picture that `draw` makes anew whenever one is moved.

    Args:
        draw: called as draw(ax, ...) with the sliders' values by name; with ncols > 1 the first argument is the list
            of axes. An error in it is shown in words above the picture.
        ncols: axes side by side.
        width: of each of the axes, in inches.
        height: of the axes, in inches.
        play: name of a slider of whole numbers that gets a Play button.
        controls: name -> (low, high, start), a slider of whole numbers where all three are, else of 100 steps; or
            name -> (list of values, start). Underscores of the name are shown as spaces.

    The last expression of a cell shows it; where no widgets can be shown, the picture alone stands.

    Raises:
        ArgumentError: a control that is neither of the two kinds, or `play` that names no slider of whole numbers.
    """

    def __init__(
        self,
        draw: Callable[..., None],
        ncols: int = 1,
        width: float = 6.4,
        height: float = 4.6,
        play: str | None = None,
        **controls: tuple[Any, ...],
    ) -> None:
        self._draw = draw
        self._size: dict[str, Any] = {"ncols": ncols, "width": width, "height": height}
        self.sliders = {name: _slider(name, control) for name, control in controls.items()}
        self._message = widgets.HTML()
        self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        rows = [_with_play(slider) if name == play else slider for name, slider in self.sliders.items()]
        if play and not isinstance(self.sliders.get(play), widgets.IntSlider):
            raise ArgumentError(f"play is {play!r}; it must name a slider of whole numbers.")
        for slider in self.sliders.values():
            slider.observe(lambda _: self.redraw(), "value")
        self.widget = widgets.VBox([*rows, self._message, self._image])
        self.redraw()

    @property
    def values(self) -> dict[str, Any]:
        """Name -> value of the slider."""
        return {name: slider.value for name, slider in self.sliders.items()}

    def redraw(self) -> None:
        """Draw with the present values, as moving a slider does."""
        fig = plots.figure(**self._size)
        try:
            self._draw(fig.axes if len(fig.axes) > 1 else fig.axes[0], **self.values)
            self._image.value = plots.png(fig)
        except Exception as error:  # in a callback nobody else would show it to the participant
            self._message.value = f"⚠ {type(error).__name__}: {html.escape(str(error))}"
        else:
            self._message.value = ""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = dict(self.widget._repr_mimebundle_(**kwargs))
        return bundle | {"image/png": base64.b64encode(self._image.value).decode()}


def _slider(name: str, control: tuple[Any, ...]) -> Any:
    look = {"description": name.replace("_", " "), "style": STYLE, "layout": WIDE, "continuous_update": False}
    if len(control) == 2 and isinstance(control[0], list | tuple) and control[1] in control[0]:
        return widgets.SelectionSlider(options=control[0], value=control[1], **look)
    if len(control) != 3 or not control[0] <= control[2] <= control[1]:
        raise ArgumentError(f"{name} is {control!r}; give (low, high, start) or (list of values, start).")
    low, high, start = control
    if all(isinstance(value, int) for value in control):
        return widgets.IntSlider(value=start, min=low, max=high, **look)
    return widgets.FloatSlider(value=start, min=low, max=high, step=(high - low) / 100, **look)


def _with_play(slider: widgets.IntSlider) -> widgets.HBox:
    play = widgets.Play(value=slider.value, min=slider.min, max=slider.max, interval=MILLISECONDS_PER_STEP)
    # Linked in the browser, which waits for the kernel: if drawing is slow, frames are skipped and never pile up.
    link = widgets.jslink((play, "value"), (slider, "value"))
    row = widgets.HBox([play, slider])
    row.link = link
    return row
