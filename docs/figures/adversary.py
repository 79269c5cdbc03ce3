"""Tagger and adversary: one pass forward, one back, and a gradient that changes its sign between them."""

from drawing import GREEN, GREY, PINK, QCD, SMALL, Drawing, W, shade

MIDDLE = 112


def draw() -> Drawing:
    """The tagger's score goes to its own loss and to the adversary, which guesses the mass."""
    card = Drawing(
        "Tagger and adversary",
        "Forward: the inputs go through the tagger, which makes a score. The score goes to the cross-entropy with the "
        "label, and through an adversary, which guesses the mass of the QCD jets; how wrong it is, is the adversary's "
        "loss. Backward: the gradient of the adversary's loss makes the adversary better; between adversary and tagger "
        "it is multiplied with minus lambda, so that the tagger makes the adversary worse.",
        392,
    )
    card.text(20, 30, "forward", SMALL, bold=True, colour=shade(GREEN))
    card.text(24, MIDDLE + 5, "inputs")
    card.arrow((76, MIDDLE), (102, MIDDLE), colour=GREEN)
    card.box(104, MIDDLE - 32, 116, 64, W, "tagger", bold=True)
    card.arrow((222, MIDDLE), (252, MIDDLE), colour=GREEN)
    card.text(278, MIDDLE + 5, "score", anchor="middle", bold=True)
    card.arrow((304, MIDDLE - 6), (340, MIDDLE - 36), colour=GREEN)
    card.text(346, MIDDLE - 38, "cross-entropy: is it a W?")
    card.arrow((304, MIDDLE + 2), (378, MIDDLE + 18), colour=GREEN)
    card.box(380, MIDDLE - 8, 116, 64, PINK, "adversary", bold=True)
    card.arrow((498, MIDDLE + 24), (528, MIDDLE + 24), colour=GREEN)
    card.text(534, MIDDLE + 20, "its loss: what mass")
    card.text(534, MIDDLE + 41, "has this QCD jet?")
    card.line(20, 196, 700, 196, "#d4d4d0", 1)
    card.text(20, 226, "backward", SMALL, bold=True, colour=shade(QCD))
    low = 276
    card.box(104, low - 28, 116, 56, W, "tagger", bold=True)
    card.box(380, low - 28, 116, 56, PINK, "adversary", bold=True)
    card.text(534, low + 5, "adversary's loss")
    card.arrow((528, low), (500, low), colour=QCD)
    card.arrow((378, low), (338, low), colour=QCD)
    card.circle(308, low, 27, fill="#ffffff", stroke=QCD, stroke_width=1.8)
    card.text(308, low + 6, "× (−λ)", anchor="middle", bold=True, colour=shade(QCD))
    card.arrow((279, low), (224, low), colour=QCD)
    card.lines(438, low + 52, ["learns to guess", "the mass better"], 19, size=SMALL, anchor="middle")
    card.lines(162, low + 52, ["learns to give", "nothing away"], 19, size=SMALL, anchor="middle")
    card.text(308, low + 52, "reversal", SMALL, "middle", colour=GREY)
    card.text(20, 376, "Without the reversal the two would help each other, and the score would tell the mass.", SMALL)
    return card
