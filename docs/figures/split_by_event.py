"""Why whole events are dealt out to training, validation and test, and not single jets."""

from drawing import GREY, INK, QCD, RULE, SMALL, Drawing, W

#: For each event the kinds of its jets.
EVENTS = {1: "WQ", 2: "W", 3: "WW", 4: "QQ", 5: "W", 6: "Q", 7: "QQ", 8: "W", 9: "QQ", 10: "WQ"}
PARTS = {"training": (1, 4, 5, 7, 8, 10), "validation": (2, 9), "test": (3, 6)}
#: The same jets dealt one by one: (event, kind).
LOOSE = {
    "training": ("1W", "2W", "3W", "4Q", "4Q", "6Q", "7Q", "8W", "9Q", "10Q"),
    "validation": ("5W", "7Q", "10W"),
    "test": ("1Q", "3W", "9Q"),
}
TORN = ("1", "3", "9")
ROWS = {"training": 72, "validation": 184, "test": 252}
LEFT, RIGHT = 122, 440


def draw() -> Drawing:
    """The same ten events dealt out in both ways."""
    card = Drawing(
        "Training, validation and test: deal out events, not jets",
        "Ten events with one or two jets each. On the left whole events are dealt out, so all jets of an event "
        "are in the same part. On the right single jets are dealt out: jets of events 1, 3 and 9 are both in "
        "training and in test.",
        340,
    )
    card.text(LEFT, 36, "correct: deal out whole events", bold=True)
    card.text(RIGHT, 36, "wrong: deal out single jets", bold=True)
    for part, y in ROWS.items():
        card.text(24, y + (40 if part == "training" else 17), part, SMALL)
    _whole(card)
    _loose(card)
    for x, colour, name in ((LEFT + 36, W, "W jet"), (LEFT + 132, QCD, "QCD jet")):
        card.circle(x + 9, 317, 9, fill=colour)
        card.text(x + 25, 322, name, SMALL)
    card.text(24, 322, "number: event", SMALL)
    card.circle(RIGHT + 9, 317, 10, fill="none", stroke=INK, stroke_width=2, stroke_dasharray="4 3")
    card.text(RIGHT + 27, 322, "event in training and in test", SMALL)
    return card


def _whole(card: Drawing) -> None:
    for part, y in ROWS.items():
        x, top = float(LEFT), y
        _tray(card, LEFT, part)
        for place, event in enumerate(PARTS[part]):
            if place == 3:
                x, top = LEFT, y + 44
            width = 10 + 30 * len(EVENTS[event])
            card.rect(x + 8, top - 8, width, 36, rx=8, fill="#ffffff", stroke=GREY, stroke_width=1.5)
            for jet, kind in enumerate(EVENTS[event]):
                _jet(card, x + 28 + 30 * jet, top + 10, kind, str(event))
            x += width + 10


def _loose(card: Drawing) -> None:
    for part, y in ROWS.items():
        _tray(card, RIGHT, part)
        for place, jet in enumerate(LOOSE[part]):
            row, column = divmod(place, 5)
            x, top = RIGHT + 30 + 46 * column, y + 10 + 44 * row
            if jet[:-1] in TORN and part != "validation":
                card.circle(x, top, 18, fill="none", stroke=INK, stroke_width=2, stroke_dasharray="4 3")
            _jet(card, x, top, jet[-1], jet[:-1])


def _tray(card: Drawing, x: float, part: str) -> None:
    height = 96 if part == "training" else 52
    card.rect(x, ROWS[part] - 16, 258, height, rx=8, fill="#f1f1ee", stroke=RULE, stroke_width=1)


def _jet(card: Drawing, x: float, y: float, kind: str, event: str) -> None:
    card.circle(x, y, 13, fill=W if kind == "W" else QCD)
    card.text(x, y + 5.5, event, SMALL, "middle", "#ffffff", bold=True)
