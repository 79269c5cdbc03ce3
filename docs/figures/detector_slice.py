"""What each kind of particle leaves in a CMS-like detector, and what particle flow makes of it."""

import numpy as np
from drawing import AMBER, GREY, INK, RULE, SKY, SMALL, WIDTH, Drawing, Point, shade, tint

from jetlab.plots.base import CLASSES

X, Y, HALF = 34, 218, 172
TRACKER, ECAL, HCAL, COIL, MUON = (52, 232), (244, 302), (312, 412), (422, 456), (466, 668)
CHAMBERS = (480, 560, 640)
COLUMNS = {"track": 292, "ECAL": 376, "HCAL": 460, "muon ch.": 556}
#: Which signals make which class.
SIGNALS = {
    211: ("track", "HCAL"),
    22: ("ECAL",),
    130: ("HCAL",),
    11: ("track", "ECAL"),
    13: ("track", "muon ch."),
}


def draw() -> Drawing:
    """A slice across the beam with five particles, above the table of their signals."""
    card = Drawing(
        "A slice of the detector, and particle flow",
        "From the collision outwards: tracker, electromagnetic calorimeter, hadron calorimeter, magnet coil, muon "
        "chambers in iron. A charged hadron makes a bent track and a shower in the hadron calorimeter, a photon a "
        "shower in the electromagnetic one without a track, a neutral hadron a shower in the hadron calorimeter "
        "without a track, an electron a track and an electromagnetic shower, and a muon crosses everything.",
        612,
    )
    _layers(card)
    _particles(card)
    _table(card)
    return card


def _arc(r: float, back: bool = False) -> list[Point]:
    """Points of a circle around the collision, as far as the slice goes."""
    edge = np.arcsin(min(1, HALF / r))
    angles = np.linspace(-edge, edge, 41)
    points = [(X + r * np.cos(a), Y - r * np.sin(a)) for a in angles]
    return points[::-1] if back else points


def _layers(card: Drawing) -> None:
    fills = {ECAL: tint(AMBER, 0.3), HCAL: tint(SKY, 0.35), COIL: "#d9d9d6", MUON: "#efefec"}
    for (inner, outer), fill in fills.items():
        card.path(_arc(inner) + _arc(outer, back=True), RULE, 1, fill=fill)
    for r in np.linspace(*TRACKER, 7):
        card.path(_arc(r), "#c4c4c0", 1.6)
    for r in CHAMBERS:
        card.path(_arc(r) + _arc(r + 12, back=True), RULE, 1, fill="#ffffff")
    names = {"tracker": TRACKER, "ECAL": ECAL, "HCAL": HCAL, "coil": COIL, "muon chambers in iron": MUON}
    for name, (inner, outer) in names.items():
        middle = (inner + outer) / 2
        x = X + np.sqrt(max(middle**2 - HALF**2, 60**2))
        card.text(x, 32, name, SMALL, "middle", bold=True)
    card.text(WIDTH - 18, Y + HALF + 18, "not to scale", SMALL, "end", GREY)
    card.circle(X, Y, 4, fill=INK)


def _flight(angle: float, bend: float, end: float) -> list[Point]:
    """Path from the collision to radius `end`; `bend` is 1/R inside the coil, and turns its sign in the iron."""
    x, y, points = 0.0, 0.0, [(float(X), float(Y))]
    while (r := np.hypot(x, y)) < end:
        angle += 3 * (bend if r < COIL[0] else -0.55 * bend)
        x, y = x + 3 * np.cos(angle), y + 3 * np.sin(angle)
        points.append((X + x, Y - y))
    return points


def _shower(card: Drawing, path: list[Point], length: float, colour: str, arms: int) -> None:
    """A fan of lines where a path ends."""
    (x0, y0), (x, y) = path[-4], path[-1]
    along = np.arctan2(y - y0, x - x0)
    for arm in np.linspace(-1, 1, arms):
        reach = length * (1 - 0.35 * abs(arm)) * (1 if round(arm * arms) % 2 else 0.82)
        card.line(x, y, x + reach * np.cos(along + 0.42 * arm), y + reach * np.sin(along + 0.42 * arm), colour, 2)


def _particles(card: Drawing) -> None:
    colours = {number: colour for number, (_, colour, _) in CLASSES.items()}
    flights = {
        11: _flight(0.41, 0.0012, ECAL[0] + 4),
        22: _flight(0.27, 0, ECAL[0] + 4),
        13: _flight(-0.07, 0.0009, MUON[1] - 4),
        211: _flight(-0.07, -0.00085, HCAL[0] + 4),
        130: _flight(-0.38, 0, HCAL[0] + 4),
    }
    for number, path in flights.items():
        dashes = {"stroke_dasharray": "6 5"} if number in (22, 130) else {}
        colour = shade(colours[number], 0.85)
        card.path(path, colour, 3, **dashes)
        if number in (11, 22):
            _shower(card, path, 50, colour, 9)
        if number in (211, 130):
            _shower(card, path, 76, colour, 9)
    tags = {11: (146, 92, "electron"), 22: (176, 199, "photon"), 13: (520, 190, "muon")}
    tags |= {211: (510, 288, "charged hadron"), 130: (510, 367, "neutral hadron")}
    for number, reach in {211: 406, 130: 390}.items():
        y = tags[number][1] - 5
        card.line(reach, y, 504, y, shade(colours[number], 0.85), 1)
    for number, (x, y, name) in tags.items():
        card.text(x, y, name, SMALL, colour=shade(colours[number], 0.62), bold=True)


def _table(card: Drawing) -> None:
    top = 440
    card.text(30, top, "the signals", bold=True)
    for name, x in COLUMNS.items():
        card.text(x, top, name, SMALL, "middle", bold=True)
    card.text(652, top, "|id|", SMALL, "middle", bold=True)
    for row, (number, seen) in enumerate(SIGNALS.items()):
        name, colour, marker = CLASSES[number]
        y = top + 32 + 28 * row
        card.line(30, y - 20, WIDTH - 30, y - 20, RULE, 1)
        _marker(card, 40, y - 5, marker, colour)
        card.text(60, y, f"make a {name}" if name[0] not in "e" else f"make an {name}")
        for column, x in COLUMNS.items():
            if column in seen:
                card.circle(x, y - 5, 7, fill=colour)
            else:
                card.circle(x, y - 5, 7, fill="none", stroke=RULE, stroke_width=1.5)
        card.text(652, y, str(number), anchor="middle")


def _marker(card: Drawing, x: float, y: float, marker: str, colour: str) -> None:
    """The marker that the lessons' plots have for the class."""
    corners = {"D": (4, 0), "s": (4, 45), "^": (3, 90), "*": (5, 90)}
    if marker not in corners:
        card.circle(x, y, 7, fill=colour)
        return
    count, turn = corners[marker]
    turns = np.radians(turn + np.arange(2 * count) * 180 / count)
    radii = [9, 3.8] * count if marker == "*" else [9, 9 * np.cos(np.pi / count)] * count
    card.path(
        [(x + r * np.cos(a), y - r * np.sin(a)) for r, a in zip(radii, turns, strict=True)], "none", 0, fill=colour
    )
