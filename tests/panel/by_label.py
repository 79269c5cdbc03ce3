"""Widgets found as a participant finds them: by what is written beside them."""

from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets


def walk(widget: widgets.Widget) -> Iterator[Any]:
    """The widget and all within it, in the order in which they are shown."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def labelled(widget: widgets.Widget, label: str) -> Any:
    """The one widget with this label."""
    (found,) = [each for each in walk(widget) if getattr(each, "description", None) == label]
    return found


def texts(widget: widgets.Widget) -> str:
    """All that is written in lines of HTML, one below the other."""
    return "\n".join(each.value for each in walk(widget) if type(each) is widgets.HTML)
