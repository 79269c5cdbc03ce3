"""Gradient descent with large, small and tiny batches on a loss surface that is really computed."""

from collections.abc import Callable

import numpy as np
from contourpy import contour_generator
from drawing import AMBER, GREEN, GREY, INK, SMALL, Axes, Drawing, W, shade, tint

JETS, EPOCHS, RATE, START = 256, 8, 0.4, (-1.6, 2.6)
BATCHES = {256: W, 16: GREEN, 1: AMBER}
RANGE = ((-2.2, 3.4), (-1.2, 3.4))


def draw() -> Drawing:
    """The same three epochs in three panels, one batch size each."""
    x, y = jets()
    card = Drawing(
        "Mini-batches on a loss surface",
        "Three paths of gradient descent over the same contours of a loss of two weights, each with the same "
        f"learning rate and {EPOCHS} epochs of {JETS} jets. All jets in one batch: {EPOCHS} smooth steps, far from "
        f"the lowest point. Batches of 16: {EPOCHS * JETS // 16} steps, to the lowest point. One jet at a time: "
        f"{EPOCHS * JETS} steps, soon there, then wandering about it.",
        366,
    )
    bottom = loss(x, y, lowest(x, y))
    levels = bottom + (loss(x, y, np.array(START)) - bottom) * np.linspace(0.07, 1.75, 13) ** 2
    for column, (size, colour) in enumerate(BATCHES.items()):
        left = 22 + 228 * column
        axes = Axes(card, (left, 58, 220, 220), *RANGE)
        card.text(
            left + 110,
            34,
            ("all jets at once", "batches of 16", "one jet at a time")[column],
            anchor="middle",
            bold=True,
        )
        _surface(card, axes, lambda point: loss(x, y, point), levels)
        path = descend(x, y, size)
        axes.curve(*path.T, shade(colour, 0.85), 2.4 if size > 1 else 0.8)
        if size > 1:
            for point in path:
                card.circle(*axes.at(*point), 4.5 if size > 16 else 2.4, fill=shade(colour, 0.85))
        card.circle(*axes.at(*START), 6, fill=INK)
        _cross(card, *axes.at(*lowest(x, y)))
        card.text(left + 110, 304, f"{EPOCHS * JETS // size:,} steps", SMALL, "middle")
    card.circle(30, 338, 6, fill=INK)
    card.text(44, 343, "start", SMALL)
    _cross(card, 118, 338)
    card.text(132, 343, "lowest loss", SMALL)
    card.text(698, 343, f"each {EPOCHS} epochs of {JETS} jets, the same learning rate", SMALL, "end", GREY)
    return card


def jets() -> tuple[np.ndarray, np.ndarray]:
    """Two inputs of JETS jets, and whether each is signal."""
    rng = np.random.default_rng(4)
    y = np.arange(JETS) % 2
    x = rng.normal(size=(JETS, 2)) + np.outer(2 * y - 1, (0.75, 0.2))
    return x @ np.array([[1, 0.35], [0, 0.8]]), y


def loss(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Mean cross-entropy of a logistic regression."""
    return float(np.mean(np.log1p(np.exp(-(2 * y - 1) * (x @ weights)))))


def descend(x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    """The weights after each step of gradient descent in batches of that size."""
    rng, weights = np.random.default_rng(1), np.array(START)
    path = [weights]
    for _ in range(EPOCHS):
        for batch in np.split(rng.permutation(JETS), JETS // size):
            score = 1 / (1 + np.exp(-x[batch] @ weights))
            weights = weights - RATE * (score - y[batch]) @ x[batch] / size
            path.append(weights)
    return np.array(path)


def lowest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The weights of the smallest loss, by Newton's method."""
    weights = np.zeros(2)
    for _ in range(20):
        score = 1 / (1 + np.exp(-x @ weights))
        curvature = (x * (score * (1 - score))[:, None]).T @ x
        weights = weights - np.linalg.solve(curvature, (score - y) @ x)
    return weights


def _surface(card: Drawing, axes: Axes, height: Callable[[np.ndarray], float], levels: np.ndarray) -> None:
    left, top, width, tall = axes.place
    card.rect(left, top, width, tall, fill="#ffffff", stroke="#c9c9c5")
    xs, ys = (np.linspace(*limits, 57) for limits in (axes.x, axes.y))
    z = np.array([[height(np.array([x, y])) for x in xs] for y in ys])
    lines = contour_generator(xs, ys, z)
    for level in levels:
        for line in lines.lines(float(level)):
            axes.curve(*line.T, tint(GREY, 0.45), 1)


def _cross(card: Drawing, x: float, y: float) -> None:
    for sign in (1, -1):
        card.line(x - 6, y - 6 * sign, x + 6, y + 6 * sign, INK, 2.6)
