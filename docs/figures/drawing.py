"""What all figures share: a card to draw on, its colours and sizes, and plain axes.

Coordinates are pixels of the card, y downwards, without transformations: so a test can say where each text is.
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from jetlab.plots import base

Point = tuple[float, float]

WIDTH = 720
#: Text sizes in pixels. Nothing is smaller than the text of the page.
BODY, SMALL = 16, 15
FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

W, QCD = base.W, base.QCD
GREEN, PINK, AMBER, SKY = base.COLOURS[:4]
INK, GREY, RULE, PALE, PAPER = "#222222", "#5f5f5f", "#b8b8b8", "#e9e9e6", "#fcfcfa"


def tint(colour: str, amount: float) -> str:
    """The colour mixed with the card's, 1 for the colour itself, 0 for the card's."""
    mixed = [amount * one + (1 - amount) * other for one, other in zip(_rgb(colour), _rgb(PAPER), strict=True)]
    return "#" + "".join(f"{round(value):02x}" for value in mixed)


def shade(colour: str, amount: float = 0.7) -> str:
    """The colour darkened, so that text in it can be read."""
    return "#" + "".join(f"{round(amount * value):02x}" for value in _rgb(colour))


def number(value: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0").replace("-0", "0" if round(value, 1) == 0 else "-0")


class Drawing:
    """A card of WIDTH x height pixels, written as SVG.

    Args:
        title: what it is, for those who hear the page.
        description: what it shows, in a sentence or two, likewise.
        height: in pixels.
    """

    def __init__(self, title: str, description: str, height: float) -> None:
        self.title, self.description, self.height = title, description, height
        self._elements: list[str] = []
        self.rect(0.5, 0.5, WIDTH - 1, height - 1, fill=PAPER, stroke="#d4d4d0", rx=10)

    def svg(self) -> str:
        """The file's text; the same drawing gives the same text."""
        size = f'width="{WIDTH}" height="{number(self.height)}" viewBox="0 0 {WIDTH} {number(self.height)}"'
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc" '
            f'font-family="{FONT}" font-size="{BODY}" fill="{INK}">'
        )
        about = [
            f'<title id="title">{escape(self.title)}</title>',
            f'<desc id="desc">{escape(self.description)}</desc>',
        ]
        return "\n".join([head, *about, *self._elements, "</svg>"]) + "\n"

    def write(self, path: Path) -> None:
        """Write the SVG to a file."""
        path.write_text(self.svg(), encoding="utf-8", newline="\n")

    def add(self, tag: str, content: str = "", **attributes: float | str | None) -> None:
        """Add an element; underscores of attributes stand for hyphens, None leaves one out, content is escaped SVG."""
        said = " ".join(
            f'{name.rstrip("_").replace("_", "-")}="{value if isinstance(value, str) else number(value)}"'
            for name, value in attributes.items()
            if value is not None
        )
        self._elements.append(f"<{tag} {said}>{content}</{tag}>" if content else f"<{tag} {said}/>")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = BODY,
        anchor: str = "start",
        colour: str | None = None,
        bold: bool = False,
        italic: bool = False,
        upright: bool = True,
        halo: bool = False,
    ) -> None:
        """Write at the baseline (x, y).

        `upright=False` turns the text to be read from the right; a halo in the card's colour keeps lines away from it.
        """
        self.add(
            "text",
            escape(text, quote=False),
            x=x,
            y=y,
            font_size=None if size == BODY else size,
            text_anchor=None if anchor == "start" else anchor,
            fill=colour,
            font_weight="bold" if bold else None,
            font_style="italic" if italic else None,
            **({"stroke": PAPER, "stroke_width": 6, "paint_order": "stroke"} if halo else {}),
            transform=None if upright else f"rotate(-90 {number(x)} {number(y)})",
        )

    def lines(self, x: float, y: float, texts: Iterable[str], leading: float = 21, **style: Any) -> None:
        """Write texts one below the other, the first at (x, y)."""
        for row, text in enumerate(texts):
            self.text(x, y + row * leading, text, **style)

    def rect(self, x: float, y: float, width: float, height: float, **style: float | str | None) -> None:
        """A rectangle by its upper left corner."""
        self.add("rect", x=x, y=y, width=width, height=height, **style)

    def box(self, x: float, y: float, width: float, height: float, colour: str, label: str = "", **style: Any) -> None:
        """A rounded box in a tint of the colour, with its label in the middle."""
        self.rect(x, y, width, height, rx=7, fill=tint(colour, 0.16), stroke=colour, stroke_width=1.5)
        if label:
            self.text(x + width / 2, y + height / 2 + 5.5, label, anchor="middle", **style)

    def circle(self, x: float, y: float, r: float, **style: float | str | None) -> None:
        """A circle by its centre."""
        self.add("circle", cx=x, cy=y, r=r, **style)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: str = INK, width: float = 1.5, **style: str
    ) -> None:
        """A straight line."""
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, stroke_width=width, **style)

    def path(
        self, points: Iterable[Point], colour: str = INK, width: float = 2, fill: str = "none", **style: float | str
    ) -> None:
        """Straight lines from point to point; with a fill, a surface."""
        joined = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        tag = "polyline" if fill == "none" else "polygon"
        self.add(tag, points=joined, fill=fill, stroke=colour, stroke_width=width, stroke_linejoin="round", **style)

    def arrow(self, *points: Point, colour: str = INK, width: float = 1.8, head: float = 9, **style: str) -> None:
        """An arrow through points; between four points it is a Bezier curve with the middle two as its handles."""
        (x1, y1), (x2, y2) = points[-2:]
        length = np.hypot(x2 - x1, y2 - y1)
        ux, uy = (x2 - x1) / length, (y2 - y1) / length
        end = (x2 - 0.8 * head * ux, y2 - 0.8 * head * uy)
        shaft = [*points[:-1], end]
        x, y = (number(value) for value in shaft[0])
        rest = " ".join(f"{number(a)},{number(b)}" for a, b in shaft[1:])
        curve = f"M{x},{y} {'C' if len(points) == 4 else 'L'}{rest}"
        self.add("path", d=curve, fill="none", stroke=colour, stroke_width=width, **style)
        sides = [(x2 - head * ux + s * 0.42 * head * uy, y2 - head * uy - s * 0.42 * head * ux) for s in (1, -1)]
        self.path([(x2, y2), *sides], colour=colour, width=0.6, fill=colour)


class Axes:
    """A plot on the card: an x and a y axis, and what is drawn in their units.

    Args:
        card: to draw on.
        place: x, y of the upper left corner, width and height of the plot's area, in pixels.
        x, y: the ranges.
        log: whether y is logarithmic.
    """

    def __init__(
        self, card: Drawing, place: tuple[float, float, float, float], x: Point, y: Point, log: bool = False
    ) -> None:
        self.card, self.place, self.x, self.y, self.log = card, place, x, y, log

    def at(self, x: float, y: float) -> Point:
        """The pixel of a point of the plot."""
        left, top, width, height = self.place
        low, high, value = (np.log(v) for v in (*self.y, y)) if self.log else (*self.y, y)
        across, up = (x - self.x[0]) / (self.x[1] - self.x[0]), (value - low) / (high - low)
        return float(left + width * across), float(top + height * (1 - up))

    def frame(
        self,
        xlabel: str = "",
        ylabel: str = "",
        xticks: Sequence[float] = (),
        yticks: Sequence[float] = (),
        ylabel_left: float = 44,
    ) -> None:
        """Draw both axes, their ticks and labels."""
        left, top, width, height = self.place
        bottom = top + height
        self.card.path([(left, top), (left, bottom), (left + width, bottom)], width=1.4)
        for value in xticks:
            x, _ = self.at(value, self.y[0])
            self.card.line(x, bottom, x, bottom + 5, width=1.4)
            self.card.text(x, bottom + 21, f"{value:g}", SMALL, "middle")
        for value in yticks:
            _, y = self.at(self.x[0], value)
            self.card.line(left - 5, y, left, y, width=1.4)
            self.card.text(left - 9, y + 5, f"{value:g}", SMALL, "end")
        if xlabel:
            self.card.text(left + width / 2, bottom + (43 if len(xticks) else 23), xlabel, anchor="middle")
        if ylabel:
            self.card.text(
                left - (ylabel_left if len(yticks) else 12), top + height / 2, ylabel, anchor="middle", upright=False
            )

    def curve(self, xs: Iterable[float], ys: Iterable[float], colour: str, width: float = 2.5, **style: str) -> None:
        """A line through points."""
        self.card.path([self.at(x, y) for x, y in zip(xs, ys, strict=True)], colour, width, **style)

    def surface(
        self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str, **style: str
    ) -> None:
        """Fill between two lines."""
        there = [self.at(x, y) for x, y in zip(xs, high, strict=True)]
        back = [self.at(x, y) for x, y in zip(xs, low, strict=True)][::-1]
        self.card.path(there + back, "none", 0, fill=colour, **style)

    def steps(
        self, edges: Sequence[float], contents: Sequence[float], colour: str, fill: str = "none", **style: str
    ) -> None:
        """A histogram as a step line, filled with a colour if one is given."""
        xs = np.repeat(edges, 2)
        ys = np.concatenate([[self.y[0]], np.repeat(contents, 2), [self.y[0]]])
        if fill != "none":
            self.surface(xs, np.full(len(xs), self.y[0]), ys, fill)
        self.curve(xs, ys, colour, **style)


def _rgb(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
