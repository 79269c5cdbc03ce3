"""A W boson's two quarks come closer as the W gets faster, until one jet holds both."""

import numpy as np
from drawing import AMBER, GREY, INK, RULE, SMALL, WIDTH, Axes, Drawing, W, shade, tint

MASS, RADIUS = 80.4, 0.7
SHOWN = (100, 250, 450)


def draw() -> Drawing:
    """Three decays at their real angles above the angle as a function of pt."""
    card = Drawing(
        "From two jets to one: W to qq against the W's pt",
        "Three W bosons decay to two quarks. At a pt of 100 GeV the quarks fly 1.6 apart and make two jets of "
        "radius 0.7; at 250 GeV they are 0.64 apart, at 450 GeV 0.36, and one jet holds both. Below, the distance "
        "falls as two times the mass over pt and crosses the jet radius at 230 GeV.",
        600,
    )
    for column, pt in enumerate(SHOWN):
        _decay(card, 24 + column * 228, pt)
    _plot(card)
    return card


def opening(pt: np.ndarray, decay: float) -> np.ndarray:
    """Angle between the quarks of a W at η = 0, exactly; `decay` is |cos| of its angle at rest, 0 the narrowest."""
    energy2 = pt**2 + MASS**2
    return np.arccos(1 - 2 * MASS**2 / (energy2 - (pt * decay) ** 2))


def _decay(card: Drawing, left: float, pt: float) -> None:
    distance = 2 * MASS / pt
    apart = distance > RADIUS
    card.text(left + 108, 32, f"pt = {pt} GeV", anchor="middle", bold=True)
    card.text(left + 108, 54, f"ΔR ≈ 2 m / pt = {distance:.2f}", anchor="middle")
    x, y = left + 44, 196
    for axis in (distance / 2, -distance / 2) if apart else (0,):
        edge = [axis + RADIUS * part for part in np.linspace(-1, 1, 25)]
        fan = [(x + 118 * np.cos(angle), y - 118 * np.sin(angle)) for angle in edge]
        card.path([(x, y), *fan], colour="#c9a64d", width=1.2, fill=tint(AMBER, 0.2))
    for sign in (1, -1):
        angle = sign * distance / 2
        for spread, length in zip((-0.17, -0.07, 0.0, 0.08, 0.2), (88, 112, 70, 118, 80), strict=True):
            tip = (x + length * np.cos(angle + spread), y - length * np.sin(angle + spread))
            card.line(x, y, *tip, colour=tint(W, 0.55), width=1.4)
        tip = (x + 100 * np.cos(angle), y - 100 * np.sin(angle))
        card.arrow((x, y), tip, colour=W, width=3, head=12)
        away = 136
        card.text(
            x + away * np.cos(angle),
            y - away * np.sin(angle) + 5,
            "q",
            anchor="middle",
            colour=W,
            bold=True,
            italic=True,
        )
    card.line(x - 40, y, x - 6, y, colour=INK, width=2, stroke_dasharray="5 4")
    card.circle(x, y, 5, fill=INK)
    card.text(x - 28, y - 9, "W", anchor="middle", bold=True)
    card.text(
        left + 118,
        336,
        "two jets" if apart else "one jet, two prongs",
        anchor="middle",
        colour=shade(AMBER, 0.55),
        bold=True,
    )


def _plot(card: Drawing) -> None:
    axes = Axes(card, (92, 362, WIDTH - 92 - 30, 178), (60, 560), (0, 2))
    pt = np.linspace(85, 560, 96)
    axes.surface(pt, opening(pt, 0), opening(pt, 0.68), tint(W, 0.2))
    low, high = axes.at(200, 0)[0], axes.at(500, 0)[0]
    card.rect(low, 362, high - low, 178, fill="none", stroke=RULE, stroke_dasharray="3 4")
    card.text((low + high) / 2, 382, "jets of this kit: 200 to 500 GeV", SMALL, "middle", GREY)
    axes.frame("pt of the W [GeV]", "ΔR of the quarks", (100, 200, 300, 400, 500), (0, 0.5, 1, 1.5, 2))
    axes.curve((60, 560), (RADIUS, RADIUS), shade(AMBER, 0.8), 2, stroke_dasharray="8 5")
    card.text(
        axes.at(556, 0)[0], axes.at(0, RADIUS)[1] - 8, "jet radius R = 0.7", anchor="end", colour=shade(AMBER, 0.55)
    )
    axes.curve(pt, 2 * MASS / pt, W, 3)
    for value in SHOWN:
        card.circle(*axes.at(value, 2 * MASS / value), 6, fill=W, stroke="white", stroke_width=1.5)
    card.text(axes.at(133, 0)[0], axes.at(0, 1.47)[1], "2 m / pt", colour=W, bold=True)
    crossing = axes.at(2 * MASS / RADIUS, RADIUS)
    card.circle(*crossing, 6, fill="none", stroke=INK, stroke_width=1.8)
    card.text(crossing[0], crossing[1] + 27, f"{2 * MASS / RADIUS:.0f} GeV", SMALL, "end")
    card.text(axes.at(262, 0)[0], axes.at(0, 1.08)[1], "shaded: two of three decays", SMALL, colour=shade(W, 0.8))
