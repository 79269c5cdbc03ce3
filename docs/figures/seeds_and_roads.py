"""A track is found hit by hit: a seed, and a road in which the next hit is looked for."""

import numpy as np
from drawing import AMBER, GREY, INK, QCD, RULE, SMALL, Axes, Drawing, W, shade, tint

from jetlab import tracking
from jetlab.angles import wrap
from jetlab.tracking.detector import LAYERS, RADII
from jetlab.tracking.kalman import Kalman
from jetlab.tracking.search import GATE

#: A simulated event, and a track in it that lost the hit of one layer and meets other hits on its way.
EVENT, TRACK = 29, 0


def draw() -> Drawing:
    """One track of a simulated event in layer against azimuth, with the road that a Kalman filter predicts."""
    card = Drawing(
        "Seeds and roads of tracking",
        "Hits of an event, azimuth against the radius of the layer. From a seed in layer 0 a road is predicted, "
        "at first wide, then narrower as the track's direction and curvature become known. In each layer the hits "
        "within the road are tried. In layer 4 the track's hit is lost, and the road gets wider until layer 5.",
        470,
    )
    axes = Axes(card, (74, 62, 622, 312), (0, 1040), (-95, 230))
    phi, layer, own = _hits()
    road = _road(phi[own], layer[own])
    middle, half = (np.array([step[part] for step in road]) for part in (0, 1))
    for radius in RADII:
        card.line(axes.at(radius, 0)[0], 62, axes.at(radius, 0)[0], 374, RULE, 1)
    spread = np.concatenate([[0], half])
    centre = np.concatenate([[0], middle])
    axes.surface(RADII, centre - spread, centre + spread, tint(AMBER, 0.3))
    for radius, low, high in zip(RADII[1:], middle - half, middle + half, strict=True):
        x, top = axes.at(radius, high)
        card.line(x, top, x, axes.at(radius, low)[1], shade(AMBER, 0.9), 5)
    axes.frame(
        "radius of the layer [mm]",
        "azimuth from the seed [mrad]",
        (0, 200, 400, 600, 800, 1000),
        (0, 100, 200),
        ylabel_left=50,
    )
    axes.curve(RADII[layer[own]], phi[own], W, 1.8)
    for angle, place, mine in zip(phi, layer, own, strict=True):
        tried = place > 0 and abs(angle - middle[place - 1]) < half[place - 1]
        style = (
            {"fill": W}
            if mine
            else {"fill": QCD}
            if tried
            else {"fill": "#ffffff", "stroke": GREY, "stroke_width": 1.5}
        )
        card.circle(*axes.at(RADII[place], angle), 6 if mine or tried else 4.5, **style)
    for place in range(LAYERS):
        card.text(axes.at(RADII[place], 0)[0], 54, str(place), SMALL, "middle", GREY)
    card.text(20, 54, "layer", SMALL, colour=GREY)
    _notes(card, axes, middle)
    _legend(card)
    return card


def _hits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuth from the seed in mrad, layer, and whether it is the track's own, of the hits near the track."""
    event = tracking.simulate(40, multiplicity=20, seed=2).first(1, skip=EVENT)
    own = event.track == TRACK
    phi = 1000 * wrap(event.phi - event.phi[own & (event.layer == 0)])
    turn = 1 if phi[own][np.argmax(event.layer[own])] > 0 else -1
    near = (turn * phi > -90) & (turn * phi < 225)
    order = np.argsort(event.layer[near], kind="stable")
    return turn * phi[near][order], event.layer[near][order], own[near][order]


def _road(phi: np.ndarray, layer: np.ndarray) -> list[tuple[float, float]]:
    """Predicted azimuth and half width of the road in layers 1 to 8, in mrad."""
    kalman, road = Kalman(), []
    state = kalman.start(0, phi[:1] / 1000)
    for place in range(1, LAYERS):
        expected, sigma, state = kalman.predict(state, place)
        road.append((1000 * float(expected[0]), 1000 * GATE * float(sigma[0])))
        if place in layer:
            state = kalman.update(state, place, phi[layer == place] / 1000)
    return road


def _notes(card: Drawing, axes: Axes, middle: np.ndarray) -> None:
    def note(number: int, at: tuple[float, float], label: tuple[float, float], text: str) -> None:
        card.line(*at, *label, INK, 1.2)
        card.circle(*label, 12, fill=INK)
        card.text(label[0], label[1] + 5.5, str(number), SMALL, "middle", "#ffffff", bold=True)
        card.text(label[0] + 19, label[1] + 5.5, text, SMALL, halo=True)

    x, y = axes.at(RADII[0], 0)
    note(1, (x, y + 7), (x, 346), "seed: a hit in layer 0")
    x, y = axes.at(RADII[1], 55)
    note(2, (x + 1, y), (176, 92), "road: ± 5 σ around the prediction")
    x, y = axes.at(RADII[4], middle[3])
    note(3, (x + 2, y - 6), (268, 140), "hit lost: wider again")
    x, y = axes.at(RADII[5], middle[4])
    note(4, (x + 4, y + 8), (366, 318), "two hits in the road: the likelier one stays")


def _legend(card: Drawing) -> None:
    for x, style, text in (
        (84, {"fill": W}, "hit of the track"),
        (252, {"fill": QCD}, "tried and left"),
        (412, {"fill": "#ffffff", "stroke": GREY, "stroke_width": 1.5}, "other hits of the event"),
    ):
        card.circle(x, 448, 6, **style)
        card.text(x + 14, 453, text, SMALL)
