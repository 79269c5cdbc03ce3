"""Tracks that miss the primary vertex: impact parameter, its sign, and a secondary vertex."""

import numpy as np
from drawing import GREY, INK, QCD, SMALL, Drawing, W, shade, tint

PRIMARY, SECONDARY = (150.0, 205.0), (352.0, 205.0)
#: Directions of the decay's tracks in degrees, upwards.
DECAY = (13.0, -9.0, -22.0)
PROMPT = (24.0, 38.0, -33.0, 150.0, 188.0)


def draw() -> Drawing:
    """A b jet with its decay, and how the sign of an impact parameter is found."""
    card = Drawing(
        "Impact parameter and secondary vertex",
        "Along the axis of a jet, some tracks start at the primary vertex. A b hadron flies along the axis to a "
        "secondary vertex, where three tracks start. One of them, prolonged backwards, passes the primary vertex at "
        "a distance, its impact parameter d0. It crosses the axis ahead of the primary vertex, so d0 is positive.",
        360,
    )
    card.path([PRIMARY, (690, 75), (690, 335)], tint(W, 0.08), 0.5, fill=tint(W, 0.07))
    card.line(PRIMARY[0], PRIMARY[1], 690, PRIMARY[1], GREY, 1.2, stroke_dasharray="2 5")
    for angle in PROMPT:
        _track(card, PRIMARY, angle, 200 if abs(angle) < 90 else 110, GREY, 1.6)
    card.line(*PRIMARY, *SECONDARY, QCD, 2.4, stroke_dasharray="7 5")
    for angle in DECAY:
        _track(card, SECONDARY, angle, 300 if angle > 0 else 250, W, 2.4)
    foot = _foot(DECAY[2])
    card.line(*SECONDARY, *_beyond(foot), W, 1.4, stroke_dasharray="4 4")
    card.line(*PRIMARY, *foot, INK, 2)
    card.circle(*PRIMARY, 6.5, fill=INK)
    card.circle(*SECONDARY, 6.5, fill=QCD)
    card.text(60, 252, "primary vertex", SMALL)
    card.text(250, 236, "b hadron", SMALL, colour=shade(QCD, 0.75))
    card.text(372, 180, "secondary vertex", SMALL, "middle", colour=shade(QCD, 0.75), halo=True)
    card.text(160, 160, "d₀ > 0", SMALL, "end", bold=True)
    card.text(700, 196, "axis of the jet", SMALL, "end", colour=GREY, halo=True)
    card.text(30, 334, "tracks of the collision", SMALL, colour=GREY)
    card.text(470, 334, "tracks of the decay", SMALL, colour=shade(W, 0.8))
    return card


def _track(card: Drawing, start: tuple[float, float], angle: float, length: float, colour: str, width: float) -> None:
    a = np.radians(angle)
    card.arrow(start, (start[0] + length * np.cos(a), start[1] - length * np.sin(a)), colour=colour, width=width)


def _foot(angle: float) -> tuple[float, float]:
    """Where the line of a decay's track comes closest to the primary vertex."""
    a = np.radians(angle)
    along = (PRIMARY[0] - SECONDARY[0]) * np.cos(a) - (PRIMARY[1] - SECONDARY[1]) * np.sin(a)
    return SECONDARY[0] + along * np.cos(a), SECONDARY[1] - along * np.sin(a)


def _beyond(foot: tuple[float, float]) -> tuple[float, float]:
    """A little further than the foot, so that the right angle can be seen."""
    dx, dy = foot[0] - SECONDARY[0], foot[1] - SECONDARY[1]
    return SECONDARY[0] + 1.12 * dx, SECONDARY[1] + 1.12 * dy
