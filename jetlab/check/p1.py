"""The exercises of P1, fitting functions."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetlab.check.engine import LETTER, NAMES, NUMBER, RIGHT, TWO_NUMBERS, Near, Rows, computed
from jetlab.check.predictions import prediction
from jetlab.check.tasks import REACHED, TASKS, Refused, Report, attempt

# Mean squared error of three points with residuals -0.5, 0 and 2.
NUMBER["P1.01"] = {
    4.25 / 3: RIGHT,
    4.25: "this is the sum; divide by the number of points, np.mean.",
    np.sqrt(4.25 / 3): "this is its root; the loss is the mean of the squares itself.",
    2.5 / 3: "this is the mean absolute error; square the differences.",
    (0.5, -0.5, 0.25): "here errors of different sign cancel: square first, then take the mean.",
    ...: "np.mean((points - predicted) ** 2).",
}

# Which task is which?
NAMES["P1.02"] = {
    ("regression", "clustering", "classification", "generation"): RIGHT,
    ("regression", "clustering", "classification", ...): "number 4 is another one: 4 asks for new events.",
    ("regression", "clustering", ..., ...): "number 3 is another one: 3 asks for one of a few labelled classes.",
    ("regression", ..., ..., ...): "number 2 is another one: 2 has no labels: the points are to be put into groups.",
    (..., ..., ..., ...): "number 1 is another one: 1 asks for a number, and the true one is known from simulation.",
    ...: "answer with a list of four names, such as ['regression', 'regression', ...].",
}

# Binary cross-entropy of scores 0.9 (truth 1) and 0.2 (truth 0).
losses = -np.log([0.9, 0.8])
NUMBER["P1.03"] = {
    losses.mean(): RIGHT,
    losses.sum(): "this is the sum of the two; take the mean.",
    (losses.mean() / np.log(10), losses.mean() / np.log(2)): "the logarithm is the natural one, np.log.",
    -np.log([0.9, 0.2]).mean(): "for the QCD jet the score 0.2 says W; the probability given to QCD is 1 - 0.2.",
    -losses.mean(): "a loss is positive: mind the minus sign.",
    ...: "it is the mean of -log(0.9) and -log(1 - 0.2).",
}

# Categorical cross-entropy of outputs 2, 1, 0 where the first class is true.
probabilities = np.exp([2, 1, 0]) / np.exp([2, 1, 0]).sum()
surprises = -np.log(probabilities)
NUMBER["P1.04"] = {
    surprises[0]: RIGHT,
    probabilities[0]: "this is the probability of b; the loss is minus its logarithm.",
    (-np.log(2 / 3), -np.log(2)): "outputs are not probabilities: softmax first, exponentials divided by their sum.",
    (surprises.mean(), surprises.sum()): "only the class that is true counts: b, the first.",
    -np.log10(probabilities[0]): "the logarithm is the natural one, np.log.",
    ...: "-np.log(softmax(outputs)[0]).",
}

# Slope after one step of gradient descent.
NUMBER["P1.05"] = {
    1.4: RIGHT,
    -1.4: "this goes uphill: subtract the gradient.",
    0.7: "the derivative of a square brings a factor of 2.",
    2.8: "the loss is the *mean* over the two points.",
    0.6: "the derivative with respect to the slope brings a factor of x: 2 (slope x - y) x.",
    (14.0, -14.0): "this is the gradient's size; the step is learning rate times gradient.",
    ...: "the gradient is the mean of 2 (slope x - y) x at slope 0; the new slope is 0 - 0.1 times that.",
}

# Where does gradient descent from 0.5 end?
LETTER["P1.06"] = {
    "b": RIGHT,
    "a": "the descent knows its slope where it stands, not which valley is deeper; what is 4w³ - 6w + 1?",
    "c": "the ridge is at w = 0.17; at 0.5 the slope is not zero. What sign has 4w³ - 6w + 1 there?",
}


@computed(NUMBER, "P1.07")
def degree(*, training_loss: list[float], validation_loss: list[float]) -> Rows:
    """Degree with the lowest validation loss."""
    best = int(np.argmin(validation_loss))
    yield best, RIGHT
    by_training = int(np.argmin(training_loss))
    yield by_training, "there the *training* loss is lowest: it learns the noise by heart. Ask the validation loss."
    yield best + 1, "nearly: the list begins with degree 0, so the index is the degree."
    yield lambda answer: 0 < answer < 1, "this is a loss; the degree is asked for, np.argmin."
    yield ..., "np.argmin(validation_loss)."


# Epochs after which training stops, and which is kept.
TWO_NUMBERS["P1.08"] = {
    (7, 5): RIGHT,
    (6, 4): "nearly: epochs count from 1.",
    (5, 7): "the other way round: first where it stops, then which is kept.",
    (..., 8): "epoch 8 would be better, but training never gets there: when is the patience of 2 used up?",
    (7, ...): "stopped is right; kept is the epoch of the lowest loss up to there.",
    (..., 3): "epoch 4 is worse, but one such epoch is within the patience of 2; epoch 5 is better again.",
    ...: "wait until 2 epochs in a row bring nothing better than the best; that best one is kept.",
}


@prediction("P1.P1", "abc")
def lowest_loss(*, loss: float, noise: float) -> Rows:
    """What loss the best line through noisy points has."""
    yield "b", f"The best line's loss is {loss:.3f}; the noise squared is {noise**2:.3f}."
    yield "a", f"No straight line passes through all the points, so some loss, {loss:.3f}, remains: it is the noise."
    yield ..., f"The loss is a mean of *squares*: noise of {noise:g} gives about {noise**2:.3f}."


@prediction("P1.P2")
def largest_rate(*, limit: float) -> Rows:
    """The learning rate above which gradient descent runs away."""
    yield Near(limit, 0.1), "Beyond it each step overshoots the valley by more than the last one."
    yield lambda guess: guess < limit, "It bears more than you expected: overshooting is harmless while it shrinks."
    yield ..., "Before that, each step already lands farther up the other side than it began."


@prediction("P1.P3", "abc")
def batch_noise(*, small: float, large: float) -> Rows:
    """What happens to the noise of the gradient in batches of four times the size."""
    ratio = large / small
    yield "b", f"Measured: {ratio:.2f} times the noise. Means fluctuate as one over the root of the number."
    yield "c", f"Measured: {ratio:.2f} times. Four times the work only halves the noise: the root of four."
    yield ..., f"Measured: {ratio:.2f} times. A mean of more points fluctuates less."


@prediction("P1.P4", "abc")
def high_degree(*, training: float, validation: float, noise: float) -> Rows:
    """Losses of a polynomial of high degree, against the noise."""
    found = "c" if training < noise**2 < validation else "a" if max(training, validation) < noise**2 else "b"
    text = f"Its training loss is {training:.3f}, its validation loss {validation:.3f}, and the noise {noise**2:.3f}."
    yield found, text
    yield "a", f"{text} It fits the noise of its own points, and other points have other noise."
    yield ..., f"{text} Sixteen numbers can bend to reach twenty points, noise and all."


Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
#: Curves that P1.B1 is judged on, none of which the lesson draws: few parameters suffice for the first, not for others.
SIMPLE: tuple[Curve, ...] = (lambda x: np.full_like(x, 0.7), lambda x: 0.5 - 1.2 * x, lambda x: 1.5 * x**2 - 1)
WAVY: tuple[Curve, ...] = (lambda x: np.cos(7 * x + 0.5), lambda x: np.sin(8 * x - 1), lambda x: np.sin(7 * x))
#: Measurements of each curve, points of each, and their noise.
REPEATS, POINTS, NOISE = 11, 50, 0.2
#: Largest distance from the truth, squared, over the noise squared. A degree chosen with 15 validation points reaches
#: 0.08 and 0.3; one degree for all curves is too large for the first or too small for the second.
MOST_SIMPLE, MOST_WAVY = 0.14, 0.6


def learning(learn: Any) -> Report:
    """Judge a function `learn(x, y)` that gives a function of x, on curves that the lesson does not show."""
    if not callable(learn):
        raise Refused(f"give the function itself, `learn`, not something of type {type(learn).__name__}.")
    simple, wavy = (float(np.mean([_miss(learn, curve) for curve in curves])) for curves in (SIMPLE, WAVY))
    figures = {
        "distance from simple curves": f"{simple:.2f} (target: {MOST_SIMPLE} or less)",
        "distance from wavy curves": f"{wavy:.2f} (target: {MOST_WAVY} or less)",
    }
    hints = []
    if wavy > MOST_WAVY:
        hints.append(f"{wavy:.2f} of {MOST_WAVY} on wavy curves: is every degree up to 15 among those it may choose?")
    if simple > MOST_SIMPLE:
        hints.append(
            f"{simple:.2f} of {MOST_SIMPLE} on simple curves: it follows the noise, so let it choose the degree by "
            "points that the fit has not used."
        )
    return Report(f"hint: {' And '.join(hints)}" if hints else REACHED, figures)


def _miss(learn: Callable[..., Any], curve: Curve) -> float:
    """Mean squared distance from a curve over the noise squared, the median of several measurements."""
    grid = np.linspace(-0.9, 0.9, 200)
    # New noise each time, so that nothing can be memorised.
    rng = np.random.default_rng()
    misses = []
    for _ in range(REPEATS):
        x = rng.uniform(-1, 1, POINTS)
        found = attempt("learn(x, y)", learn, x, curve(x) + rng.normal(0, NOISE, POINTS))
        if not callable(found):
            raise Refused(f"learn(x, y) should return a function of x, but gave a {type(found).__name__}.")
        predicted = attempt("The function that learn gave", lambda found=found: np.asarray(found(grid), float))
        if predicted.shape != grid.shape or not np.isfinite(predicted).all():
            raise Refused(
                f"the function that learn gave should turn {len(grid)} values of x into as many finite numbers, but "
                f"gave an array of shape {predicted.shape}."
            )
        misses.append(float(np.mean((predicted - curve(grid)) ** 2)) / NOISE**2)
    return float(np.median(misses))


TASKS["P1.B1"] = learning
