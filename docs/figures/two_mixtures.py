"""How a classifier of window against sidebands learns what a signal looks like, though nobody labels it."""

import numpy as np
from drawing import GREY, INK, PALE, QCD, SMALL, Axes, Drawing, W, shade, tint

EDGES = np.linspace(800, 1500, 29)
WINDOW, SIDEBAND = (1000.0, 1100.0), 100.0
#: Dots in each box, and how many of them are signal: many more than in the lesson, to be seen.
DOTS, SIGNAL = 48, {"window": 9, "sidebands": 1}


def draw() -> Drawing:
    """A spectrum with a bump, and what the window and the sidebands are made of."""
    card = Drawing(
        "Two mixtures",
        "Left, a falling spectrum of the mass of pairs of jets with a small bump, a window around it and a sideband "
        f"on either side. Right, what is in them: of {DOTS} events, {SIGNAL['window']} signal events in the window "
        f"and {SIGNAL['sidebands']} in the sidebands, all others alike. A classifier of the two mixtures is taught by "
        "their names alone, and gives its highest scores where the signal is.",
        372,
    )
    card.text(215, 34, "where to look", anchor="middle", bold=True)
    card.text(568, 34, "two mixtures", anchor="middle", bold=True)
    _spectrum(card)
    rng = np.random.default_rng(7)
    for name, top in (("window", 60), ("sidebands", 188)):
        _mixture(card, name, top, rng)
    for x, colour, name in ((90, W, "signal"), (190, QCD, "background")):
        card.circle(x, 347, 6.5, fill=colour)
        card.text(x + 14, 352, name, SMALL)
    card.text(568, 330, "A classifier learns to tell them apart,", SMALL, "middle")
    card.text(568, 352, "which only the signal does.", SMALL, "middle", bold=True)
    return card


def counts() -> np.ndarray:
    """A falling background, and a bump in the window."""
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    return 900 * np.exp(-(middle - 800) / 280) + 130 * np.exp(-(((middle - 1050) / 28) ** 2) / 2)


def _spectrum(card: Drawing) -> None:
    axes = Axes(card, (70, 60, 310, 220), (800, 1500), (0, 1000))
    bands = {
        "window": (WINDOW, tint(W, 0.25)),
        "below": ((WINDOW[0] - SIDEBAND, WINDOW[0]), PALE),
        "above": ((WINDOW[1], WINDOW[1] + SIDEBAND), PALE),
    }
    for (low, high), colour in bands.values():
        left, bottom = axes.at(low, 0)
        right, top = axes.at(high, 1000)
        card.rect(left, top, right - left, bottom - top, fill=colour)
    axes.steps(EDGES, counts(), INK)
    axes.frame("mass of the pair (GeV)", "pairs of jets", (800, 1000, 1200, 1400))
    card.text(axes.at(1050, 0)[0], 78, "window", SMALL, "middle", colour=shade(W), bold=True)
    card.text(axes.at(1215, 0)[0], 130, "sidebands beside it", SMALL, colour=GREY)


def _mixture(card: Drawing, name: str, top: float, rng: np.random.Generator) -> None:
    left, width = 430, 276
    card.rect(left, top, width, 112, rx=8, fill=tint(W, 0.12) if name == "window" else PALE)
    card.text(left + 10, top + 20, name, SMALL, bold=True)
    signal = set(rng.permutation(DOTS)[: SIGNAL[name]].tolist())
    for dot in range(DOTS):
        row, column = divmod(dot, 16)
        colour = W if dot in signal else QCD
        card.circle(left + 18 + 16 * column, top + 42 + 24 * row, 6.5, fill=colour)
