"""A bunch crossing: tracks point to their vertex, neutral energy in a cell does not say where it comes from."""

from drawing import GREY, INK, QCD, RULE, SMALL, Drawing, W, shade, tint

BEAM, CALORIMETER, CELL = 248, 74, 40
LEFT, CELLS = 60, 12
LEADING, PILE_UP = 300, (130, 205, 245, 385, 460)
#: Of each particle: where it starts on the beam line, the middle of the cell it flies to, and whether it is charged.
PARTICLES = (
    (LEADING, 4, True),
    (LEADING, 5, False),
    (LEADING, 6, True),
    (LEADING, 6, False),
    (PILE_UP[0], 0, True),
    (PILE_UP[0], 2, False),
    (PILE_UP[1], 3, True),
    (PILE_UP[2], 5, False),
    (PILE_UP[2], 1, True),
    (PILE_UP[3], 8, True),
    (PILE_UP[3], 9, False),
    (PILE_UP[4], 11, True),
    (PILE_UP[4], 10, False),
)


def draw() -> Drawing:
    """Vertices on the beam line, their particles, and cells that are filled by one vertex, the other kind, or both."""
    card = Drawing(
        "Pile-up in a crossing",
        "Along the beam line lie the leading vertex and five vertices of pile-up. Solid tracks of charged particles "
        "start at their vertex. Dashed lines of neutral particles end in cells of the calorimeter. One cell "
        "has energy of the leading vertex and of pile-up; it shows the sum.",
        312,
    )
    neutral = [(start, cell) for start, cell, charged in PARTICLES if not charged]
    for cell in range(CELLS):
        sources = {_colour(start) for start, to in neutral if to == cell}
        x = LEFT + CELL * cell
        card.rect(x, CALORIMETER - 30, CELL, 30, fill="none", stroke=RULE)
        for part, colour in enumerate(sorted(sources)):
            width = CELL / len(sources)
            card.rect(x + part * width, CALORIMETER - 30, width, 30, fill=tint(colour, 0.55), stroke=RULE)
    card.text(LEFT + CELL * 5.5, 30, "?", bold=True, anchor="middle")
    for start, cell, charged in PARTICLES:
        end = LEFT + CELL * (cell + (0.3 if charged else 0.5)), CALORIMETER if not charged else CALORIMETER + 34
        style = {} if charged else {"stroke_dasharray": "5 5"}
        card.line(start, BEAM, *end, colour=_colour(start), width=2.2 if charged else 1.5, **style)
    card.line(LEFT, BEAM, LEFT + CELL * CELLS, BEAM, colour=GREY, width=1)
    for place in (LEADING, *PILE_UP):
        card.circle(place, BEAM, 6 if place == LEADING else 4.5, fill=_colour(place))
    card.text(LEADING, BEAM + 30, "leading vertex", SMALL, "middle", shade(W), bold=True)
    card.text(PILE_UP[0], BEAM + 30, "pile-up", SMALL, "middle", shade(QCD), bold=True)
    card.text(LEFT + CELL * CELLS - 4, BEAM + 30, "beam line", SMALL, "end", GREY)
    x = LEFT + CELL * CELLS + 16
    card.lines(x, CALORIMETER - 24, ("calorimeter:", "each cell", "shows a sum"), size=SMALL)
    card.line(x, 160, x + 34, 160, colour=INK, width=2.2)
    card.lines(x + 42, 165, ("charged:", "its vertex is", "seen"), leading=19, size=SMALL)
    card.line(x, 230, x + 34, 230, colour=INK, width=1.5, stroke_dasharray="5 5")
    card.lines(x + 42, 235, ("neutral: only", "its cell is", "seen"), leading=19, size=SMALL)
    return card


def _colour(start: float) -> str:
    return W if start == LEADING else QCD
