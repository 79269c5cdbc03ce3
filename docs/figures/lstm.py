"""An LSTM: unrolled over a jet's particles, and the gates inside one step."""

from drawing import AMBER, GREEN, GREY, INK, PINK, QCD, RULE, SMALL, WIDTH, Drawing, W, shade, tint

EQUATIONS = (
    ("forget", "f = σ(x W + h U + b)", "how much of the old memory stays", W),
    ("input", "i = σ(x W + h U + b)", "how much is written", GREEN),
    ("candidate", "g = tanh(x W + h U + b)", "what is written", AMBER),
    ("output", "o = σ(x W + h U + b)", "how much is shown", PINK),
)


def draw() -> Drawing:
    """The chain above, one link of it large, the equations below."""
    card = Drawing(
        "An LSTM, unrolled, with its gates",
        "Above, an LSTM reads a jet's particles one after the other with the same weights in every step and hands "
        "on a memory c and an output h; the last h makes the score. Below, one step: the forget gate multiplies "
        "the old memory, the input gate times the candidate is added, and the output gate times tanh of the new "
        "memory is the output.",
        690,
    )
    _chain(card)
    _step(card)
    _equations(card)
    return card


def _chain(card: Drawing) -> None:
    names = ("x₁", "x₂", "x₃", "xₙ")
    lefts = (84, 214, 344, 500)
    for place, (name, left) in enumerate(zip(names, lefts, strict=True)):
        card.box(left, 44, 76, 58, GREY, "LSTM", bold=True)
        card.arrow((left + 38, 138), (left + 38, 105))
        card.text(left + 38, 157, name, anchor="middle", bold=True)
        before = lefts[place - 1] + 76 if place else 36
        dashes = {"stroke_dasharray": "5 4"} if place == 3 else {}
        for y, colour in ((60, W), (86, INK)):
            card.arrow((before, y), (left - 2, y), colour=colour, **dashes)
    for x, c, h in ((60, "0", "0"), (187, "c₁", "h₁"), (317, "c₂", "h₂")):
        card.text(x, 53, c, SMALL, "middle", W, bold=True)
        card.text(x, 104, h, SMALL, "middle", bold=True)
    card.arrow((576, 86), (614, 86))
    card.text(595, 78, "hₙ", SMALL, "middle", bold=True)
    card.box(616, 66, 82, 40, QCD, "score")
    card.text(24, 157, "particles", SMALL, colour=GREY)
    card.line(24, 178, WIDTH - 24, 178, RULE, 1)


def _step(card: Drawing) -> None:
    left, top, width, height = 112, 200, 496, 262
    card.rect(left, top, width, height, rx=14, fill="#f3f3f0", stroke=GREY, stroke_width=1.5)
    card.text(left + 14, top + 26, "inside one step", SMALL, bold=True)
    memory, bus, gates = 256, 440, 344
    xs = dict(zip("figo", (188, 278, 368, 470), strict=True))
    colours = {"f": W, "i": GREEN, "g": AMBER, "o": PINK}
    # the memory
    card.line(74, memory, xs["f"] - 15, memory, W, 3)
    card.line(xs["f"] + 15, memory, 323 - 15, memory, W, 3)
    card.arrow((323 + 15, memory), (640, memory), colour=W, width=3, head=11)
    card.text(68, memory + 5, "c old", SMALL, "end", W, bold=True)
    card.text(646, memory + 5, "c new", SMALL, "start", W, bold=True)
    # old output and input
    card.line(74, bus, xs["o"], bus, INK, 2)
    card.text(68, bus + 5, "h old", SMALL, "end", bold=True)
    card.line(140, 494, 140, bus, INK, 2)
    card.circle(140, bus, 3.5, fill=INK)
    card.text(152, 494, "x", anchor="start", bold=True)
    for name, x in xs.items():
        card.arrow((x, bus), (x, gates + 38), colour=INK)
        card.box(x - 34, gates, 68, 36, colours[name], "tanh" if name == "g" else "σ", bold=True)
        card.text(x - 16, gates - 9, name, anchor="middle", bold=True, italic=True, colour=shade(colours[name], 0.7))
    card.arrow((xs["f"], gates), (xs["f"], memory + 16), colour=shade(W))
    # what is written
    card.arrow((xs["i"], gates), (xs["i"], 306), (308, 306), colour=INK)
    card.arrow((xs["g"], gates), (xs["g"], 306), (338, 306), colour=INK)
    card.arrow((323, 292), (323, memory + 16), colour=INK)
    # what is shown
    card.arrow((544, memory), (544, 288), colour=INK)
    card.circle(544, memory, 3.5, fill=W)
    card.box(510, 290, 68, 34, GREY, "tanh", bold=True)
    card.arrow((544, 324), (544, 347), colour=INK)
    card.arrow((xs["o"] + 34, gates + 18), (529, gates + 18), colour=INK)
    card.arrow((559, gates + 18), (640, gates + 18), colour=INK, width=2.2, head=11)
    card.text(646, gates + 23, "h new", SMALL, bold=True)
    for x, y, sign in ((xs["f"], memory, "×"), (323, memory, "+"), (323, 306, "×"), (544, gates + 18, "×")):
        card.circle(x, y, 14, fill="#ffffff", stroke=INK, stroke_width=1.6)
        card.text(x, y + 6.5, sign, 19, "middle", bold=True)


def _equations(card: Drawing) -> None:
    top = 552
    card.text(30, top - 28, "Four sets of W, U and b, the same in every step:", SMALL)
    for row, (name, formula, meaning, colour) in enumerate(EQUATIONS):
        y = top + 25 * row
        card.rect(30, y - 12, 14, 14, rx=3, fill=tint(colour, 0.5), stroke=colour, stroke_width=1.5)
        card.text(52, y, name, SMALL, bold=True)
        card.text(156, y, formula, SMALL)
        card.text(400, y, meaning, SMALL, colour=GREY)
    card.text(156, top + 108, "c new = f · c old + i · g", colour=W, bold=True)
    card.text(400, top + 108, "h new = o · tanh(c new)", bold=True)
