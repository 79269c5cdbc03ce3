"""Closure and resolution: where a response peaks, and how wide it is."""

from math import erf

import numpy as np
from drawing import GREEN, INK, QCD, SMALL, Axes, Drawing, W, shade, tint

EDGES = np.linspace(0.6, 1.4, 41)
#: Median and resolution (half of the central 68 % over the median) of each response.
CASES = {
    "closes, but wide": (1.0, 0.13),
    "closes, and narrow": (1.0, 0.06),
    "does not close, and wide": (0.9, 0.13),
    "does not close, but narrow": (0.9, 0.06),
}


def draw() -> Drawing:
    """Four responses: closing or not, wide or narrow."""
    card = Drawing(
        "Closure against resolution",
        "Four distributions of the response, measured over true pt. In the upper row the median is 1: the "
        "correction closes. In the lower row it is 0.9. In the left column the resolution is 13 percent of the "
        "median, in the right one 6 percent. Each can be good without the other.",
        518,
    )
    for place, (head, (median, width)) in enumerate(CASES.items()):
        row, column = divmod(place, 2)
        left, top = 36 + 346 * column, 50 + 222 * row
        card.text(left + 156, top - 16, head, SMALL, "middle", bold=True)
        _response(card, Axes(card, (left, top, 312, 146), (0.6, 1.4), (0, 0.19)), median, width)
    for left in (36, 382):
        card.text(left + 156, 462, "response: measured / true pt", SMALL, "middle")
    card.line(60, 486, 60, 506, shade(GREEN, 0.8), 3)
    card.line(70, 486, 70, 506, shade(QCD, 0.8), 3)
    card.text(82, 501, "median", SMALL)
    card.line(200, 486, 200, 506, INK, 1.6, stroke_dasharray="5 4")
    card.text(212, 501, "what it should be", SMALL)
    card.arrow((438, 496), (408, 496))
    card.arrow((432, 496), (462, 496))
    card.text(474, 501, "central 68 % of the jets", SMALL)
    return card


def contents(median: float, width: float) -> np.ndarray:
    """Share of the jets in each bin of a Gaussian response; the width is relative to the median."""
    return np.diff([0.5 + 0.5 * erf((edge / median - 1) / width / np.sqrt(2)) for edge in EDGES])


def _response(card: Drawing, axes: Axes, median: float, width: float) -> None:
    shares = contents(median, width)
    low, high = median * (1 - width), median * (1 + width)
    axes.steps(EDGES, shares, W, tint(W, 0.12))
    xs, ys = np.repeat(EDGES, 2)[1:-1], np.repeat(shares, 2)
    inside = (xs >= low - 0.02) & (xs <= high + 0.02)
    xs = np.clip(xs[inside], low, high)
    axes.surface(xs, np.zeros(len(xs)), ys[inside], tint(W, 0.42))
    axes.steps(EDGES, shares, W)
    axes.frame("", "jets", (0.6, 0.8, 1.0, 1.2, 1.4))
    (right, top), (_, bottom) = axes.at(1.4, 0.19), axes.at(0, 0)
    card.line(axes.at(1, 0)[0], top + 8, axes.at(1, 0)[0], bottom, INK, 1.6, stroke_dasharray="5 4")
    middle, colour = axes.at(median, 0)[0], shade(GREEN if median == 1 else QCD, 0.8)
    card.line(middle, top + 30, middle, bottom, colour, 3)
    for end in (low, high):
        card.arrow((middle, bottom - 14), (axes.at(end, 0)[0], bottom - 14))
    card.text(right, top + 18, f"median {median:.2f}", SMALL, "end", colour, bold=True)
    card.text(right, top + 39, f"resolution {100 * width:.0f} %", SMALL, "end")
