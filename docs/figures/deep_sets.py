"""Deep sets: the same network for each particle, a sum, and a second network."""

import numpy as np
from drawing import AMBER, GREEN, GREY, PINK, QCD, SMALL, Drawing, W

COLOURS = (W, GREEN, AMBER, PINK)
#: What is told of each particle (log pt, Δη, Δφ; scaled), and toy weights of the first network.
PARTICLES = np.array([[1.0, 0.5, -0.2], [0.7, -0.4, 0.6], [0.4, 0.2, 0.5], [0.2, -0.6, -0.5]])
WEIGHTS = np.array([[0.8, 0.5, 0.3, 0.6], [0.6, -0.7, 0.5, -0.3], [-0.4, 0.6, 0.8, -0.8]])
BAR, SCALE = 17, 33


def draw() -> Drawing:
    """Four particles on their way to one score."""
    card = Drawing(
        "Deep sets: a network on a sum over particles",
        "Each particle goes through the same small network Φ, which makes four numbers of it. The numbers are "
        "added up over all particles; each bar of the sum is stacked from the particles' bars. A second network F "
        "makes the score of the sum. In another order the particles give the same sum.",
        424,
    )
    heads = (("particles", 66), ("same network", 208), ("4 numbers", 346), ("their sum", 530), ("score", 680))
    for head, x in heads:
        card.text(x, 34, head, SMALL, "middle", bold=True)
    made = hidden()
    for row, (numbers, colour) in enumerate(zip(made, COLOURS, strict=True)):
        y = 88 + 76 * row
        card.circle(48, y, 9, fill=colour)
        card.text(66, y + 5, f"p{'₁₂₃₄'[row]}", bold=True)
        card.arrow((96, y), (172, y), colour=GREY)
        card.box(174, y - 22, 76, 44, GREY, "Φ", bold=True)
        card.arrow((252, y), (300, y), colour=GREY)
        base = y + 24
        _bars(card, 306, base, [numbers], (colour,))
        card.arrow((382, y), (412, y + 0.1), (420, 190 + 4 * row), (444, 192 + 4 * row), colour=GREY, width=1.5)
    middle = 200
    card.circle(460, middle, 15, fill="#ffffff", stroke="#222222", stroke_width=1.8)
    card.text(460, middle + 6.5, "Σ", 19, "middle", bold=True)
    card.arrow((476, middle), (490, middle), colour=GREY)
    _bars(card, 496, middle + 32, list(made), COLOURS)
    card.arrow((572, middle), (592, middle), colour=GREY)
    card.box(594, middle - 24, 44, 48, QCD, "F", bold=True)
    card.arrow((640, middle), (664, middle), colour=GREY)
    card.text(680, middle + 6, "s", anchor="middle", bold=True, italic=True)
    card.text(494, 274, "Another order of the", SMALL)
    card.text(494, 295, "particles, the same sum.", SMALL)
    card.text(30, 402, "score = F( Φ(p₁) + Φ(p₂) + … + Φ(pₙ) ),  for any number n of particles", bold=True)
    return card


def hidden() -> np.ndarray:
    """Four numbers for each particle: a layer with ReLU."""
    return np.maximum(PARTICLES @ WEIGHTS, 0)


def _bars(card: Drawing, left: float, base: float, stacks: list[np.ndarray], colours: tuple[str, ...]) -> None:
    """Four bars, each stacked from the numbers of the particles."""
    for place in range(4):
        height = 0.0
        for numbers, colour in zip(stacks, colours, strict=False):
            part = SCALE * float(numbers[place])
            if part > 0.3:
                card.rect(left + place * (BAR + 1), base - height - part, BAR, part, fill=colour)
            height += part
    card.line(left - 2, base, left + 4 * (BAR + 1) + 1, base, GREY, 1.5)
