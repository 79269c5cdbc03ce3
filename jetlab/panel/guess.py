"""Buttons that answer a prediction: one for each letter, so that nobody has to edit a cell to make a guess."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from jetlab.panel.controls import WRAP
from jetlab.panel.steering import folded


class Guess:
    """A button for each letter of a question, and a line below them that says what was noted.

    Args:
        letters: what there is to choose from, such as "abc".
        take: called with the letter of a button when it is pressed; what it returns is shown in the line.
        said: the line in the beginning, which also stands where no widgets can be shown.
        chosen: the letter that was guessed before, marked from the beginning; "": none was.

    The buttons are reached by Tab and pressed by Enter or Space, and may be pressed again: the last guess counts.
    """

    def __init__(self, letters: str, take: Callable[[str], str], said: str, chosen: str = "") -> None:
        self._take, self._said = take, said
        self._buttons = {letter: self._button(letter) for letter in letters}
        self._line = widgets.HTML(folded(said))
        self.widget = widgets.VBox([widgets.HBox(list(self._buttons.values()), layout=WRAP), self._line])
        self._mark(chosen)

    def press(self, letter: str) -> None:
        """Choose a letter, as its button does."""
        self._said = self._take(letter)
        self._line.value = folded(self._said)
        self._mark(letter)

    def _button(self, letter: str) -> widgets.Button:
        made = widgets.Button(description=letter, tooltip=f"Guess {letter}", layout=widgets.Layout(width="4em"))
        made.on_click(lambda _: self.press(letter))
        return made

    def _mark(self, chosen: str) -> None:
        for letter, each in self._buttons.items():
            each.button_style = "primary" if letter == chosen else ""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = dict(self.widget._repr_mimebundle_(**kwargs))
        return bundle | {"text/plain": self._said}
