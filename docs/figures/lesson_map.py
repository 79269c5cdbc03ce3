"""The map of all lessons: what each needs, and what leads on."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from drawing import GREEN, GREY, INK, QCD, SMALL, Drawing, W, shade, tint

WIDE, HIGH = 148, 84
COLUMNS = (20, 197, 375, 552)
ROWS = {"home": 56, "upper": 222, "middle": 330, "lower": 438, "beyond": 604, "last": 724}


def draw() -> Drawing:
    """Two groups of lessons as boxes, arrows for what is needed first."""
    card = Drawing(
        "The map of the lessons",
        "At home: M0 Welcome; P1 Fitting functions, P2 Neural networks, P3 Images and sequences, one after the "
        "other. In the workshop: M1 Open data leads to M2 Dense tagger. From there three ways: M3 CNN tagger and "
        "M4 LSTM tagger, which meet in M5 Comparing taggers; M6 Jet energy scale; M7 Hit-to-track assignment. "
        "M8 Flavour tagging needs M2, and M5 helps. Beyond, all with M5: E1 Representations of a jet, E2 "
        "Decorrelation, E3 Pile-up, which needs M3, too, E4 Generation, likewise, and E5 Anomalies, with which E4 "
        "helps.",
        832,
    )
    card.rect(10, 16, 700, 140, rx=10, fill=tint(GREEN, 0.07))
    card.text(20, 42, "at home, before the workshop", SMALL, colour=shade(GREEN, 0.6), bold=True)
    card.rect(10, 170, 700, 384, rx=10, fill=tint(W, 0.06))
    card.text(20, 198, "the workshop", SMALL, colour=shade(W, 0.8), bold=True)
    card.rect(10, 568, 700, 254, rx=10, fill=tint(QCD, 0.06))
    card.text(20, 596, "beyond", SMALL, colour=shade(QCD, 0.7), bold=True)
    card.lines(20, 756, ("All of them need M5,", "E3 and E4 also M3."), 21, size=SMALL)
    for lesson, (title, column, row, icon) in LESSONS.items():
        _lesson(card, lesson, title, COLUMNS[column], ROWS[row], icon)
    for start, end in NEEDED:
        _arrow(card, start, end)
    for start, end in HELPS:
        _arrow(card, start, end, stroke_dasharray="5 4")
    card.arrow((24, 458), (62, 458), colour=INK)
    card.text(70, 463, "needed first", SMALL)
    card.arrow((24, 484), (62, 484), colour=INK, stroke_dasharray="5 4")
    card.text(70, 489, "helps", SMALL)
    card.lines(24, 520, ("P3 helps", "with M3 and M4."), 20, size=SMALL)
    return card


def _lesson(
    card: Drawing, lesson: str, title: str, x: float, y: float, icon: Callable[[Drawing, float, float], None]
) -> None:
    colour = GREEN if lesson == "M0" else {"M": W, "E": QCD}.get(lesson[0], GREEN)
    card.rect(x, y, WIDE, HIGH, rx=9, fill="#ffffff", stroke=colour, stroke_width=2)
    card.text(x + 12, y + 27, lesson, 19, colour=shade(colour, 0.75), bold=True)
    icon(card, x + WIDE - 56, y + 9)
    words = title.split("|")
    card.lines(x + 12, y + (52 if len(words) > 1 else 62), words, 20, size=SMALL)


def _edge(lesson: str, side: str) -> tuple[float, float]:
    _, column, row, _ = LESSONS[lesson]
    x, y = COLUMNS[column], ROWS[row]
    places = {"left": (x, y + HIGH / 2), "right": (x + WIDE, y + HIGH / 2)}
    places |= {"top": (x + WIDE / 2, y), "bottom": (x + WIDE / 2, y + HIGH)}
    return places[side]


def _arrow(card: Drawing, start: str, end: str, **style: str) -> None:
    """From the side of a box to that of another which faces it."""
    (_, c1, r1, _), (_, c2, r2, _) = LESSONS[start], LESSONS[end]
    if (start, end) == ("M2", "M6"):
        (x, y), b = _edge(start, "top"), _edge(end, "left")
        card.arrow((x, y), (x, b[1]), b, colour=INK)
        return
    if (start, end) == ("M2", "M8"):
        # Over the top of M6.
        (x, y), (right, _) = _edge(start, "top"), _edge(end, "top")
        top = ROWS[r2] - 14
        card.path([(x - 24, y), (x - 24, top), (right, top)], INK, 1.8)
        card.arrow((right, top), (right, ROWS[r2]), colour=INK)
        return
    if (start, end) == ("M5", "E4"):
        # To all of them, beside the arrow that comes from M4.
        x, y = _edge(start, "bottom")
        card.arrow((x + 44, y), (x + 44, 570), colour=INK)
        return
    if (start, end) == ("M4", "M5"):
        a, (x, y) = _edge(start, "right"), _edge(end, "bottom")
        card.arrow(a, (x, a[1]), (x, y), colour=INK)
        return
    if c1 == c2:
        down = ROWS[r2] > ROWS[r1]
        a, b = _edge(start, "bottom" if down else "top"), _edge(end, "top" if down else "bottom")
    elif c1 > c2:
        a, b = ((x, y + 18) for x, y in (_edge(start, "left"), _edge(end, "right")))
    else:
        a, b = _edge(start, "right"), _edge(end, "left")
        if r1 != r2:
            a, b = (a[0], a[1] + 22), (b[0], b[1] - 22)
    card.arrow(a, b, colour=INK, **style)


def _play(card: Drawing, x: float, y: float) -> None:
    card.path([(x + 14, y + 2), (x + 38, y + 14), (x + 14, y + 26)], GREEN, 1, fill=GREEN)


def _fit(card: Drawing, x: float, y: float) -> None:
    card.line(x + 4, y + 24, x + 44, y + 4, GREEN, 2)
    for dx, dy in ((8, 18), (16, 22), (22, 10), (32, 13), (40, 3)):
        card.circle(x + dx, y + dy, 2.8, fill=INK)


def _network(card: Drawing, x: float, y: float) -> None:
    layers = [
        [(x + 6, y + 7), (x + 6, y + 21)],
        [(x + 24, y + 3), (x + 24, y + 14), (x + 24, y + 25)],
        [(x + 42, y + 14)],
    ]
    for first, second in pairwise(layers):
        for a in first:
            for b in second:
                card.line(*a, *b, GREY, 1)
    for layer in layers:
        for a in layer:
            card.circle(*a, 4, fill=GREEN)


def _pixels(card: Drawing, x: float, y: float) -> None:
    shares = ((0, 0.2, 0, 0), (0.1, 1, 0.3, 0), (0, 0.2, 0.7, 0.2), (0, 0, 0.1, 0))
    for row, line in enumerate(shares):
        for column, share in enumerate(line):
            card.rect(
                x + 12 + 8 * column,
                y - 1 + 8 * row,
                8,
                8,
                fill=tint(W, max(share, 0.06)),
                stroke="#c4c4c0",
                stroke_width=0.8,
            )


def _chain(card: Drawing, x: float, y: float) -> None:
    for place in range(3):
        card.rect(x + 1 + 17 * place, y + 8, 11, 12, rx=2, fill=tint(W, 0.75))
        if place < 2:
            card.arrow((x + 12 + 17 * place, y + 14), (x + 18 + 17 * place, y + 14), head=5, width=1.4)


def _both(card: Drawing, x: float, y: float) -> None:
    for row in range(3):
        for column in range(3):
            card.rect(
                x - 12 + 8 * column,
                y + 2 + 8 * row,
                8,
                8,
                fill=tint(GREEN, 0.9 if row == column else 0.1),
                stroke="#c4c4c0",
                stroke_width=0.8,
            )
    for place in range(2):
        card.rect(x + 21 + 16 * place, y + 8, 10, 12, rx=2, fill=tint(GREEN, 0.75))
    card.arrow((x + 31, y + 14), (x + 37, y + 14), head=5, width=1.4)


def _histogram(card: Drawing, x: float, y: float) -> None:
    for place, height in enumerate((6, 14, 25, 17, 9)):
        card.rect(x + 4 + 8 * place, y + 28 - height, 7, height, fill=tint(W, 0.75))


def _numbers(card: Drawing, x: float, y: float) -> None:
    for place in range(4):
        card.circle(x + 8, y + 2 + 8.5 * place, 3, fill=W)
        card.line(x + 11, y + 2 + 8.5 * place, x + 34, y + 14, GREY, 1)
    card.circle(x + 38, y + 14, 5, fill=QCD)


def _curves(card: Drawing, x: float, y: float) -> None:
    across = np.linspace(0, 1, 20)
    for power, colour in ((0.35, W), (0.6, QCD)):
        card.path([(x + 6 + 36 * u, y + 2 + 26 * u ** (1 / power)) for u in across], colour, 2)
    card.path([(x + 5, y), (x + 5, y + 29), (x + 45, y + 29)], INK, 1.3)


def _peak(card: Drawing, x: float, y: float) -> None:
    across = np.linspace(-1, 1, 31)
    card.path([(x + 24 + 22 * u, y + 28 - 26 * np.exp(-6 * u**2)) for u in across], W, 2)
    card.line(x + 24, y, x + 24, y + 29, INK, 1.3, stroke_dasharray="3 2")


def _tracks(card: Drawing, x: float, y: float) -> None:
    for r in (12, 22, 32):
        card.path(
            [(x + 8 + r * np.cos(a), y + 14 - r * np.sin(a)) for a in np.linspace(-0.48, 0.48, 9)], "#b8b8b8", 1.2
        )
    for bend, colour in ((0.012, W), (-0.009, QCD)):
        card.path([(x + 8 + r, y + 14 - bend * r**2) for r in np.linspace(0, 34, 12)], colour, 1.8)


def _displaced(card: Drawing, x: float, y: float) -> None:
    card.circle(x + 6, y + 20, 3, fill=INK)
    card.line(x + 6, y + 20, x + 24, y + 13, QCD, 1.6, stroke_dasharray="3 2")
    card.circle(x + 24, y + 13, 3, fill=QCD)
    for dx, dy in ((20, -12), (23, -3), (19, 7)):
        card.line(x + 24, y + 13, x + 24 + dx, y + 13 + dy, W, 1.8)


def _cloud(card: Drawing, x: float, y: float) -> None:
    points = [(6, 20), (15, 8), (24, 22), (34, 5), (43, 17)]
    for (ax, ay), (bx, by) in pairwise(points):
        card.line(x + ax, y + ay, x + bx, y + by, GREY, 1.2)
    for (dx, dy), r in zip(points, (3, 5, 2.5, 4, 3), strict=True):
        card.circle(x + dx, y + dy, r, fill=QCD)


def _opponents(card: Drawing, x: float, y: float) -> None:
    for dx, colour in ((4, W), (32, QCD)):
        card.rect(x + dx, y + 7, 13, 14, rx=3, fill=tint(colour, 0.75))
    card.arrow((x + 18, y + 10), (x + 31, y + 10), head=5, width=1.4)
    card.arrow((x + 31, y + 18), (x + 18, y + 18), head=5, width=1.4)


def _crossing(card: Drawing, x: float, y: float) -> None:
    card.line(x + 2, y + 14, x + 46, y + 14, "#b8b8b8", 1.3)
    for dx, dy in ((8, -9), (15, 9), (33, -8), (40, 10)):
        card.line(x + dx, y + 14, x + dx + 4, y + 14 + dy, GREY, 1.2)
    for dx, dy in ((-9, -13), (0, -14), (9, -12)):
        card.line(x + 24, y + 14, x + 24 + dx, y + 14 + dy, QCD, 2)


def _dice(card: Drawing, x: float, y: float) -> None:
    card.rect(x + 11, y + 1, 27, 27, rx=5, fill=tint(QCD, 0.3), stroke=QCD, stroke_width=1.4)
    for dx, dy in ((18, 8), (31, 8), (24.5, 14.5), (18, 21), (31, 21)):
        card.circle(x + dx, y + dy, 2.4, fill=INK)


def _bump(card: Drawing, x: float, y: float) -> None:
    across = np.linspace(0, 1, 40)
    bump = [14 * np.exp(-(((u - 0.55) / 0.07) ** 2)) for u in across]
    card.path([(x + 4 + 40 * u, y + 27 - 24 * np.exp(-2.2 * u)) for u in across], GREY, 1.4, stroke_dasharray="3 2")
    card.path([(x + 4 + 40 * u, y + 27 - 24 * np.exp(-2.2 * u) - b) for u, b in zip(across, bump, strict=True)], QCD, 2)


#: Title, column, row and picture of each lesson.
LESSONS: dict[str, tuple[str, int, str, Callable[[Drawing, float, float], None]]] = {
    "M0": ("Welcome", 0, "home", _play),
    "P1": ("Fitting|functions", 1, "home", _fit),
    "P2": ("Neural|networks", 2, "home", _network),
    "P3": ("Images and|sequences", 3, "home", _both),
    "M1": ("Open data", 0, "middle", _histogram),
    "M2": ("Dense tagger", 1, "middle", _numbers),
    "M3": ("CNN tagger", 2, "middle", _pixels),
    "M4": ("LSTM tagger", 2, "lower", _chain),
    "M5": ("Comparing|taggers", 3, "middle", _curves),
    "M6": ("Jet energy|scale", 2, "upper", _peak),
    "M7": ("Hit-to-track|assignment", 1, "lower", _tracks),
    "M8": ("Flavour|tagging", 3, "upper", _displaced),
    "E1": ("Represen-|tations of a jet", 0, "beyond", _cloud),
    "E2": ("Decorrelation", 1, "beyond", _opponents),
    "E3": ("Pile-up", 2, "beyond", _crossing),
    "E4": ("Generation", 3, "beyond", _dice),
    "E5": ("Anomalies", 3, "last", _bump),
}
NEEDED = (
    ("P1", "P2"),
    ("P2", "P3"),
    ("M1", "M2"),
    ("M2", "M3"),
    ("M2", "M4"),
    ("M2", "M6"),
    ("M2", "M7"),
    ("M2", "M8"),
    ("M3", "M5"),
    ("M4", "M5"),
    ("M5", "E4"),
)
HELPS = (("M3", "M6"), ("M4", "M7"), ("M5", "M8"), ("E4", "E5"))
