"""Backpropagation through a network of two inputs, two hidden nodes and one output, with numbers."""

import numpy as np
from drawing import GREY, INK, PAPER, QCD, RULE, SMALL, WIDTH, Drawing, W, shade, tint

X, TRUTH = np.array([1.0, 2.0]), 1
W1, W2 = np.array([[0.5, 1.0], [0.5, -1.0]]), np.array([1.0, 2.0])
COLUMNS = (84, 290, 500, 642)
R = 27


def draw() -> Drawing:
    """The network twice: values going forward, gradients coming back."""
    z1, h, z2, p = forward(W1, W2)
    delta1, delta2, gradient1, gradient2 = backward(W1, W2)
    card = Drawing(
        "Backpropagation: values forward, gradients back",
        f"A network with two inputs, two ReLU nodes and a sigmoid. Forward, inputs 1 and 2 give sums {z1[0]:g} and "
        f"{z1[1]:g}, hidden values {h[0]:g} and {h[1]:g}, and the score {p:.2f}; the truth is 1. Backward, δ is "
        f"{delta2:.2f} at the output, {delta1[0]:.2f} at the first hidden node and 0 at the second, whose ReLU is "
        "shut. Each weight's gradient is its input times δ.",
        642,
    )
    card.text(24, 34, "forward: values", bold=True, colour=W)
    card.text(696, 34, "all biases are 0", SMALL, "end", GREY)
    _network(card, 122, forward=True)
    said = [[f"z = {a:g}".replace("-", "−"), f"h = {b:g}"] for a, b in zip(z1, h, strict=True)]
    _nodes(card, 122, [["x = 1"], ["x = 2"]], said, [f"z = {z2:g}", f"p = {p:.2f}"], W)
    _ends(card, 122, "truth 1", f"loss {-np.log(p):.2f}")
    _edges(card, 122, W1, W2, INK)
    card.line(24, 290, WIDTH - 24, 290, RULE, 1)
    card.text(24, 322, "backward: δ at the nodes, gradients on the lines", bold=True, colour=shade(QCD))
    _network(card, 430, forward=False)
    said = [[f"δ = {value:.2f}".replace("-", "−").replace("−0.00", "0")] for value in delta1]
    _nodes(card, 430, [["x = 1"], ["x = 2"]], said, [f"δ = {delta2:.2f}".replace("-", "−")], shade(QCD))
    _ends(card, 430, "δ = p − truth", "")
    _edges(card, 430, gradient1, gradient2, shade(QCD))
    card.text(24, 601, "gradient of a weight = what comes in × δ of the node it leads to", SMALL)
    card.text(24, 623, "δ of a node = Σ weight × δ of the next, and 0 where its ReLU is shut (z < 0)", SMALL)
    return card


def forward(w1: np.ndarray, w2: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Sums and outputs of the hidden nodes, sum and score of the last."""
    z1 = X @ w1
    h = np.maximum(z1, 0)
    z2 = float(h @ w2)
    return z1, h, z2, float(1 / (1 + np.exp(-z2)))


def backward(w1: np.ndarray, w2: np.ndarray) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """δ of the hidden nodes and of the last, and the gradients of the cross-entropy by the weights."""
    z1, h, _, p = forward(w1, w2)
    delta2 = p - TRUTH
    delta1 = delta2 * w2 * (z1 > 0)
    return delta1, delta2, np.outer(X, delta1), h * delta2


def _places(middle: float) -> tuple[list[tuple[float, float]], list[tuple[float, float]], tuple[float, float]]:
    rows = (middle - 38, middle + 92)
    return [(COLUMNS[0], y) for y in rows], [(COLUMNS[1], y) for y in rows], (COLUMNS[2], middle + 27)


def _network(card: Drawing, middle: float, forward: bool) -> None:
    inputs, hidden, output = _places(middle)
    pairs = [(a, b) for a in inputs for b in hidden] + [(a, output) for a in hidden]
    for (x1, y1), (x2, y2) in pairs:
        length = np.hypot(x2 - x1, y2 - y1)
        ux, uy = (x2 - x1) / length, (y2 - y1) / length
        start, end = (x1 + R * ux, y1 + R * uy), (x2 - (R + 1) * ux, y2 - (R + 1) * uy)
        if forward:
            card.arrow(start, end, colour=tint(W, 0.75))
        else:
            card.arrow(end, start, colour=tint(QCD, 0.75))
    for x, y in (*inputs, *hidden, output):
        card.circle(x, y, R, fill="#ffffff", stroke=INK, stroke_width=1.8)
    for (x, y), sign in zip((*inputs, *hidden, output), ("x₁", "x₂", "ReLU", "ReLU", "σ"), strict=True):
        card.text(x, y + 5.5, sign, SMALL, "middle")


def _nodes(
    card: Drawing, middle: float, first: list[list[str]], second: list[list[str]], last: list[str], colour: str
) -> None:
    inputs, hidden, output = _places(middle)
    for (x, y), said in zip(inputs, first, strict=True):
        card.text(x - 60, y + 5.5, said[0].removeprefix("x = "), anchor="middle", colour=W, bold=True)
    for (x, y), said in zip(hidden, second, strict=True):
        up = y < middle + 27
        card.lines(x, y - R - 10 if up else y + R + 22, [", ".join(said)], anchor="middle", colour=colour, bold=True)
    card.lines(
        output[0],
        output[1] - R - 30 if len(last) > 1 else output[1] - R - 10,
        last,
        leading=20,
        anchor="middle",
        colour=colour,
        bold=True,
    )


def _ends(card: Drawing, middle: float, above: str, below: str) -> None:
    x, y = _places(middle)[2]
    card.line(x + R, y, x + R + 26, y, GREY, 1.8)
    card.text(x + R + 34, y - 4 if below else y + 5, above, SMALL)
    if below:
        card.text(x + R + 34, y + 18, below, bold=True)


def _edges(card: Drawing, middle: float, first: np.ndarray, second: np.ndarray, colour: str) -> None:
    inputs, hidden, output = _places(middle)
    for row, start in enumerate(inputs):
        for column, end in enumerate(hidden):
            _label(card, start, end, 0.27 if row != column else 0.5, float(first[row, column]), colour)
    for row, start in enumerate(hidden):
        _label(card, start, output, 0.5, float(second[row]), colour)


def _label(
    card: Drawing, start: tuple[float, float], end: tuple[float, float], part: float, value: float, colour: str
) -> None:
    x, y = start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])
    said = "0" if value == 0 else f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−")
    half = 6 + 5 * len(said)
    card.rect(x - half, y - 11, 2 * half, 22, rx=4, fill=PAPER)
    card.text(x, y + 5.5, said, SMALL, "middle", colour)
