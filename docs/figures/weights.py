"""Weights that give QCD jets the pt spectrum of the W."""

import numpy as np
from drawing import INK, QCD, SMALL, Axes, Drawing, W, shade, tint

EDGES = np.linspace(200, 500, 11)
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2
JETS = 1000


def draw() -> Drawing:
    """Spectra before, the weights, spectra after."""
    w, qcd = spectra()
    weight = w / qcd
    effective = np.sum(qcd * weight) ** 2 / np.sum(qcd * weight**2)
    card = Drawing(
        "Weights make two spectra alike",
        "Left, the pt spectra of 1,000 W and 1,000 QCD jets differ: QCD falls more steeply. Middle, the weight of "
        f"a QCD jet, the ratio of the two, rises from {weight[0]:.1f} to {weight[-1]:.1f}. Right, with the weights "
        f"the spectra are the same, and the 1,000 QCD jets are worth {effective:.0f}.",
        330,
    )
    heads = ("as simulated", "weight of a QCD jet", "with the weights")
    feet = (f"{JETS:,} jets each", "jets of W / jets of QCD", f"QCD worth {effective:.0f} jets")
    for column, (head, foot) in enumerate(zip(heads, feet, strict=True)):
        left = 62 + 230 * column
        axes = Axes(card, (left, 56, 166, 176), (200, 500), (0, 4) if column == 1 else (0, 430))
        card.text(left + 83, 34, head, anchor="middle", bold=True)
        if column == 1:
            axes.steps(EDGES, weight, QCD, tint(QCD, 0.16))
            axes.curve((200, 500), (1, 1), INK, 1.3, stroke_dasharray="5 4")
        else:
            axes.steps(EDGES, w, W, tint(W, 0.14))
            axes.steps(EDGES, qcd * (weight if column else 1), QCD, stroke_dasharray="7 5" if column else "none")
            card.text(left + 160, 78, "QCD", SMALL, "end", shade(QCD), bold=True)
            card.text(left + 160, 98, "W", SMALL, "end", W, bold=True)
        ticks = (0, 1, 2, 3, 4) if column == 1 else (0, 100, 200, 300, 400)
        axes.frame("pt [GeV]", "", (200, 300, 400, 500), ticks)
        card.text(left + 83, 308, foot, SMALL, "middle")
    return card


def spectra() -> tuple[np.ndarray, np.ndarray]:
    """Jets of W and of QCD in each bin, JETS altogether: a slow exponential, and a power of pt as QCD has it."""
    shapes = np.exp(-CENTRES / 130), CENTRES**-4.6
    w, qcd = (JETS * shape / shape.sum() for shape in shapes)
    return w, qcd
