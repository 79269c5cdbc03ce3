"""Padding and masking: jets of different length become one array."""

import numpy as np
from drawing import AMBER, GREY, INK, QCD, SMALL, Drawing, W, shade, tint

LENGTH = 5
#: pt in GeV of each jet's particles, hardest first.
JETS = ((92, 61, 40), (88, 70, 35, 21, 12, 8, 5, 2), (120, 47), (75, 52, 33, 20, 9, 4))
CELL, HIGH, GAP = 35, 30, 46
LEFTS = {"jets": 24, "array": 336, "mask": 548}


def draw() -> Drawing:
    """Four jets as lists, as the padded array, and its mask."""
    array, mask = padded()
    card = Drawing(
        "Padding and masking",
        "Four jets with 3, 8, 2 and 6 particles become an array of 4 rows and 5 columns: the softest particles of "
        "long jets are cut, short jets are filled with zeros. The mask has 1 for a particle and 0 for padding.",
        308,
    )
    for text, left, width in (
        ("jets: lists of particles' pt", LEFTS["jets"], 8 * CELL),
        ("an array of length 5", LEFTS["array"], LENGTH * CELL),
        ("the mask", LEFTS["mask"], LENGTH * CELL - 25),
    ):
        card.text(left + width / 2, 36, text, SMALL, "middle", bold=True)
    for row, jet in enumerate(JETS):
        y = 62 + GAP * row
        for place, pt in enumerate(jet):
            _cell(card, LEFTS["jets"] + CELL * place, y, CELL, str(pt), W if place < LENGTH else QCD, pt / 120)
        if len(jet) > LENGTH:
            start, end = (LEFTS["jets"] + CELL * place for place in (LENGTH, len(jet)))
            card.line(start, y + 15, end, y + 15, shade(QCD, 0.8), 2)
        card.arrow((LEFTS["jets"] + 8 * CELL + 6, y + 15), (LEFTS["array"] - 4, y + 15), colour=GREY)
        for place, (pt, real) in enumerate(zip(array[row], mask[row], strict=True)):
            x = LEFTS["array"] + CELL * place
            _cell(card, x, y, CELL, str(pt), W if real else AMBER, pt / 120 if real else 0.5)
            _cell(card, LEFTS["mask"] + 30 * place, y, 30, str(int(real)), W if real else AMBER, 0.5)
    legend = ((W, "particle"), (QCD, "cut: too long"), (AMBER, "padding: zeros"))
    for (colour, text), x in zip(legend, (24, 150, 336), strict=True):
        card.rect(x, 265, 18, 18, fill=tint(colour, 0.4), stroke="#c4c4c0")
        card.text(x + 26, 279, text, SMALL)
    card.text(548, 279, "1 read, 0 skip", SMALL)
    return card


def padded() -> tuple[np.ndarray, np.ndarray]:
    """The first LENGTH particles of each jet with zeros behind, and where there is a particle."""
    array = np.zeros((len(JETS), LENGTH), int)
    for row, jet in zip(array, JETS, strict=True):
        row[: len(jet)] = jet[:LENGTH]
    return array, array > 0


def _cell(card: Drawing, x: float, y: float, width: float, text: str, colour: str, share: float) -> None:
    card.rect(x, y, width, HIGH, fill=tint(colour, 0.08 + 0.6 * share), stroke="#c4c4c0")
    card.text(x + width / 2, y + HIGH / 2 + 5.5, text, SMALL, "middle", "#ffffff" if 0.08 + 0.6 * share > 0.6 else INK)
