"""A coupling of a flow: half of the numbers say what happens to the other half, there and back."""

from drawing import AMBER, GREEN, GREY, INK, QCD, SMALL, Drawing, W, tint

#: Which cells of the Jacobian are one, any number, or the scales; all others are zero.
ONES, ANY, SCALES = ((0, 0), (1, 1)), ((2, 0), (2, 1), (3, 0), (3, 1)), ((2, 2), (3, 3))
CELL = 34


def draw() -> Drawing:
    """The way from x to z, and the Jacobian."""
    card = Drawing(
        "A coupling: two numbers say what happens to the other two",
        "The numbers x1 and x2 stay as they are. A network makes shifts t and logarithms of scales s of them, and "
        "z3 and z4 are x3 and x4 less the shift, times exp(-s). The Jacobian is triangular, with 1, 1 and the two "
        "factors exp(-s) on its diagonal.",
        330,
    )
    for head, x in (("example", 62), ("normal numbers", 394), ("Jacobian dz/dx", 608)):
        card.text(x, 34, head, SMALL, "middle", bold=True)
    for row in range(4):
        y, colour = 72 + 58 * row, W if row < 2 else QCD
        for x, letter in ((62, "x"), (394, "z")):
            card.circle(x, y, 20, fill=tint(colour, 0.25), stroke=colour, stroke_width=1.8)
            card.text(x, y + 6, f"{letter}{'₁₂₃₄'[row]}", anchor="middle", bold=True)
    for row in (0, 1):
        y = 72 + 58 * row
        card.arrow((86, y), (370, y), colour=W)
        card.circle(108 + 16 * row, y, 3.5, fill=W)
        card.arrow((108 + 16 * row, y), (108 + 16 * row, 150), (126, 160), (148, 160 - 4 * row), colour=W)
    card.box(150, 140, 82, 36, GREEN, "network", bold=True)
    card.arrow((232, 158), (262, 158), (278, 168), (278, 198), colour=GREEN)
    card.text(292, 176, "t, s", bold=True, italic=True)
    card.box(212, 200, 130, 54, AMBER, "(x − t) exp(−s)", bold=True)
    for row in (2, 3):
        y = 72 + 58 * row
        inner = 214 if row == 2 else 240
        card.arrow((86, y), (150, y + 4), (170, inner), (210, inner), colour=QCD)
        card.arrow((342, inner), (356, inner), (362, y), (370, y), colour=QCD)
    _jacobian(card, 540, 62)
    card.text(470, 236, "log |det| = − s₃ − s₄", bold=True)
    card.text(470, 262, "Back: x = z exp(s) + t, with the", SMALL)
    card.text(470, 283, "same network: z₁, z₂ are x₁, x₂.", SMALL)
    card.text(40, 312, "The next coupling keeps the other two.", SMALL)
    return card


def _jacobian(card: Drawing, left: float, top: float) -> None:
    """Four rows, one for each z, and four columns, one for each x."""
    for row in range(4):
        for column in range(4):
            place = (row, column)
            colour = W if place in ONES else QCD if place in SCALES else GREY
            fill = "#ffffff" if column > row or place == (1, 0) or place == (3, 2) else tint(colour, 0.3)
            x, y = left + CELL * column, top + CELL * row
            card.rect(x, y, CELL, CELL, fill=fill, stroke=INK, stroke_width=1)
            said = "1" if place in ONES else "•" if place in ANY else "e⁻ˢ" if place in SCALES else "0"
            card.text(x + CELL / 2, y + CELL / 2 + 5, said, SMALL, "middle")
