"""A ROC curve, made from the two histograms of a score."""

import numpy as np
from drawing import INK, QCD, SMALL, Axes, Drawing, W, shade, tint

EDGES = np.linspace(0, 1, 26)
JETS = 2000
CUTS = {"A": 8, "B": 12, "C": 18}


def draw() -> Drawing:
    """Histograms with three cuts, and the curve with their three points."""
    w, qcd = histograms()
    kept_w, kept_qcd = kept(w), kept(qcd)
    auc = -np.trapezoid(kept_w, kept_qcd)
    card = Drawing(
        "A ROC curve being built",
        "Left, histograms of the score of W and of QCD jets with three cuts A, B and C. What lies to the right of "
        "a cut is kept. Right, the rejection of QCD, 1 over the fraction kept, against the fraction of W kept; "
        f"each cut is one point, and all cuts together are the ROC curve. The area under it is {auc:.3f}.",
        424,
    )
    card.text(60 + 145, 34, "the score", anchor="middle", bold=True)
    card.text(430 + 130, 34, "the ROC curve", anchor="middle", bold=True)
    _scores(card, w, qcd)
    _curve(card, kept_w, kept_qcd)
    for row, (name, cut) in enumerate(CUTS.items()):
        x = 40 + 226 * row
        card.circle(x, 374, 12, fill=INK)
        card.text(x, 379.5, name, SMALL, "middle", "#ffffff", bold=True)
        card.text(x + 20, 369, f"keeps {100 * kept_w[cut]:.0f} % of W", SMALL, colour=W, bold=True)
        card.text(
            x + 20,
            391,
            f"and 1 of {1 / kept_qcd[cut]:.{1 if kept_qcd[cut] > 0.1 else 0}f} QCD",
            SMALL,
            colour=shade(QCD),
            bold=True,
        )
    return card


def histograms() -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers of W and of QCD jets in each bin of the score."""
    x = (EDGES[1:] + EDGES[:-1]) / 2
    shapes = x**3.2 * (1 - x) ** 0.55, x**0.25 * (1 - x) ** 3.4
    w, qcd = (np.round(JETS * shape / shape.sum()) for shape in shapes)
    return w, qcd


def kept(contents: np.ndarray) -> np.ndarray:
    """Fraction of the jets to the right of each bin's lower edge."""
    return contents[::-1].cumsum()[::-1] / contents.sum()


def _scores(card: Drawing, w: np.ndarray, qcd: np.ndarray) -> None:
    axes = Axes(card, (60, 70, 290, 220), (0, 1), (0, 260))
    for contents, colour in ((qcd, QCD), (w, W)):
        axes.steps(EDGES, contents, colour, tint(colour, 0.12))
    cut = CUTS["B"]
    for contents, colour in ((w, W), (qcd, QCD)):
        xs, ys = np.repeat(EDGES[cut:], 2)[1:-1], np.repeat(contents[cut:], 2)
        axes.surface(xs, np.zeros(len(xs)), ys, tint(colour, 0.45))
    for contents, colour in ((qcd, QCD), (w, W)):
        axes.steps(EDGES, contents, colour)
    axes.frame("score", "jets", (0, 0.5, 1))
    for name, place in CUTS.items():
        x, bottom = axes.at(EDGES[place], 0)
        card.line(x, 74, x, bottom, INK, 1.8, stroke_dasharray="6 4")
        card.text(x, 66, name, anchor="middle", bold=True)
    x, _ = axes.at(EDGES[CUTS["B"]], 0)
    card.arrow((x, 98), (x + 60, 98))
    card.text(x + 30, 91, "kept", SMALL, "middle")
    card.text(axes.at(0.335, 0)[0], axes.at(0, 165)[1], "QCD", colour=shade(QCD), bold=True)
    card.text(axes.at(0.58, 0)[0], axes.at(0, 150)[1], "W", colour=W, bold=True)


def _curve(card: Drawing, kept_w: np.ndarray, kept_qcd: np.ndarray) -> None:
    axes = Axes(card, (430, 70, 260, 220), (0, 1), (1, 1000), log=True)
    line = np.linspace(0.001, 1, 60)
    axes.curve(line, 1 / line, INK, 1.5, stroke_dasharray="2 4")
    shown = kept_qcd > 0.001
    axes.curve(kept_w[shown], 1 / kept_qcd[shown], INK, 3)
    axes.frame("fraction of W kept", "rejection of QCD", (0, 0.5, 1), (1, 10, 100, 1000), ylabel_left=52)
    for name, cut in CUTS.items():
        x, y = axes.at(kept_w[cut], 1 / kept_qcd[cut])
        card.circle(x, y, 6, fill=INK, stroke="white", stroke_width=1.5)
        card.text(x + 10, y - 6, name, bold=True)
    card.text(437, 281, "a coin", SMALL)
    card.text(684, 92, "better: higher", SMALL, "end")
