"""The exercises, predictions and the build task of P3, images and sequences."""

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetlab import training
from jetlab.check.engine import LETTER, NAMES, NUMBER, RIGHT, Near, Rows
from jetlab.check.predictions import prediction
from jetlab.check.tasks import REACHED, TASKS, Refused, Report, attempt

#: What a network for P3.B1 has to reach on moved digits, with how many parameters, and how far digits are moved.
ACCURACY, MOST_PARAMETERS, SHIFT = 0.9, 4000, 6
#: Every sixth digit is held back from the lesson.
EACH = 6

# Sum of patch times kernel.
NUMBER["P3.01"] = {
    -4: RIGHT,
    4: "this turns the kernel round first, as mathematicians do; networks do not.",
    -4 / 9: "this is the mean; a convolution sums.",
    10: "this is the sum of the patch; multiply by the kernel first, number by number.",
    ...: "multiply patch and kernel number by number (*, not @) and sum: np.sum(patch * kernel).",
}

# Side of 28 after a 5 x 5 convolution and 2 x 2 pooling.
NUMBER["P3.02"] = {
    12: RIGHT,
    24: "this is after the convolution; pooling halves it.",
    14: "without padding the kernel cannot stand at the border: 28 - 5 + 1 places are left before pooling.",
    (Near(11.5, relative=0), 11): "nearly: a kernel of width 5 fits into 28 pixels at 28 - 5 + 1 places.",
    144: "this is the number of pixels of the whole result; the question is how wide it is.",
    ...: "a kernel of width 5 fits at 28 - 5 + 1 places; then pooling makes one pixel of each two.",
}

# Pixels on which a number after convolution, pooling and convolution depends, along one side.
NUMBER["P3.03"] = {
    14: RIGHT,
    5: "this is how wide the kernel is in the *pooled* image; how many pixels of the image itself are under it?",
    6: "this is what one number after the pooling depends on; the second kernel takes five of these side by side.",
    (
        9,
        10,
    ): "pooling makes one pixel of two: the five pooled pixels stand two pixels apart, and each sees more than two.",
    (12, 13, 15, 16): "nearly: a pooled pixel depends on 5 + 1 pixels, and its neighbour lies two pixels further on.",
    30: "what neighbours depend on overlaps: each lies only two pixels further on.",
    196: "this is the number of pixels; the question is how wide the part is.",
    ...: "a pooled pixel depends on 5 + 1 pixels; the kernel takes five of them, each two pixels further on.",
}

# Parameters of Conv2D(8, 3) on three channels.
NUMBER["P3.04"] = {
    224: RIGHT,
    216: "each of the 8 kernels also has a bias.",
    (80, 72): "a kernel has 3 x 3 weights for *each* of the three channels.",
    28: "this is one kernel; there are 8.",
    ...: "a kernel has 3 x 3 x channels weights and one bias; there are 8 kernels.",
}

# State after 1 and 0 with w = 1, u = 0.5.
NUMBER["P3.05"] = {
    math.tanh(0.5 * math.tanh(1)): RIGHT,
    math.tanh(1): "this is the state after the first number; go on with the second.",
    (0.5 * math.tanh(1), 0.5): "tanh is applied at every step, also at the second.",
    math.tanh(0.5): "the state after the first number is tanh(1), not 1.",
    lambda answer: abs(answer) < 1e-9: "the second number is 0, but the state remembers the first: u h = 0.5 tanh(1).",
    ...: "h = tanh(1) after the first number, then tanh(0 + 0.5 h).",
}

# 0.9 to the power of 50.
NUMBER["P3.06"] = {
    Near(0.9**50, 2e-2): RIGHT,
    45.0: "the factors of the steps multiply: a power, not a product with 50.",
    1 - 0.9**50: "this is what is lost; what is left is asked for.",
    lambda answer: answer <= 0: "a tenth of what is *still there* goes at each step, so it never gets to 0.",
    ...: "0.9 x 0.9 x ..., fifty times.",
}

# Parameters of an LSTM with 8 units and 3 inputs.
NUMBER["P3.07"] = {
    384: RIGHT,
    96: "this is one set, as in a plain RNN; an LSTM has four, for three gates and the candidate.",
    352: "the biases are missing, 8 in each of the four sets.",
    128: "the state is an input as well: U has 8 x 8 weights in each set.",
    (288, 312): "these are three sets, as a GRU has; with the candidate an LSTM has four.",
    ...: "4 x (3 x 8 + 8 x 8 + 8): four sets of W, U and b.",
}

# Which mode gives an answer for every hit?
LETTER["P3.08"] = {
    "b": RIGHT,
    "a": "many-to-one gives one answer for the whole track; here you want one for each hit.",
    "c": "possible, but more than you need: there is exactly one answer for each hit, beside it.",
}

# Which network fits which representation?
NAMES["P3.09"] = {
    ("cnn", "dense", "lstm"): RIGHT,
    ("cnn", "dense", ...): "look again: 3 is an ordered list of any length.",
    ("cnn", ..., ...): "look again: 2 is a fixed list of a few numbers.",
    (..., ..., ...): "look again: 1 is a grid in which neighbours belong together.",
    ...: "answer with a list of three names, such as ['dense', 'dense', 'dense'].",
}


@prediction("P3.P1")
def moved_by_four(*, percent: float) -> Rows:
    """How many per cent of the digits a dense network recognises that are moved by four pixels."""
    yield Near(percent, 0.0, 7.0), "For a dense network a moved digit is a new image."
    yield (
        lambda guess: guess > percent,
        "A dense network learns each place for itself; elsewhere it has learnt nothing.",
    )
    yield ..., "Some digits have strokes in both places, so it does better than you expected."


@prediction("P3.P2", "abc")
def worst_square(*, lowest: NDArray[np.float64]) -> Rows:
    """How low the probability of the right digit gets where a square covers part of it."""
    found = "a" if np.all(lowest > 0.9) else "c" if np.all(lowest < 0.5) else "b"
    low = int(np.sum(lowest < 0.5))
    text = f"It gets below 0.5 for {low} of {len(lowest)} digits."
    yield found, text
    yield "a", f"{text} Some digits hang on one stroke: without it they look like another."
    yield "c", f"{text} Some digits are like no other even where a part is missing."
    yield ..., text


@prediction("P3.P3", "abc")
def who_remembers(*, accuracies: Mapping[str, float]) -> Rows:
    """Which of three networks learn the sign of the first of 60 numbers."""
    rnn, plain, gates = (accuracies[name] > 0.6 for name in ("RNN", "LSTM", "LSTM, gates open"))
    outcomes = {(False, True, True): "a", (False, False, True): "b", (True, True, True): "c"}
    numbers = ", ".join(f"{name}: {value:.2f}" for name, value in accuracies.items())
    yield outcomes.get((rnn, plain, gates), "none of these"), f"Test accuracies: {numbers}."
    yield "c", f"Test accuracies: {numbers}. Look at the effect of the first step before the training."
    yield "a", f"Test accuracies: {numbers}. An LSTM can remember, but its gates have to be open for it."
    yield ..., f"Test accuracies: {numbers}."


@prediction("P3.P4")
def better_than_a_yardstick(*, factor: float) -> Rows:
    """By what factor an LSTM's error is smaller than that of the better yardstick."""
    yield Near(factor, 0.25), "It has learnt what a wave is, but the noise sets a limit."
    yield lambda guess: guess < factor, "It sees twenty values, and the yardsticks use only two of them."
    yield ..., "The noise in the values sets a limit to every prediction."


@functools.cache
def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The digits that are held back, (n, 24, 24, 1), and their labels (n,)."""
    from sklearn.datasets import load_digits

    found = load_digits()
    held = np.arange(len(found.target)) % EACH == 0
    images = np.pad(found.images[held] / 16, ((0, 0), (8, 8), (8, 8))).astype(np.float32)
    return images[..., None], found.target[held]


def moved_digits(built: Any) -> Report:
    """Judge a Keras network on digits that are moved, each in another way each time."""
    if not hasattr(built, "count_params"):
        raise Refused(f"give the Keras network itself, not something of type {type(built).__name__}.")
    parameters = int(attempt("Your network", built.count_params))
    images, labels = digits()
    rng = np.random.default_rng()
    moved = np.stack([np.roll(image, rng.integers(-SHIFT, SHIFT + 1, 2), axis=(0, 1)) for image in images])
    middle, away = (np.mean(_answers(built, shown) == labels) for shown in (images, moved))
    figures = {
        "moved digits": f"{away:.1%} recognised (target: {ACCURACY:.0%} or more)",
        "digits in the middle": f"{middle:.1%}",
        "parameters": f"{parameters:,} (target: {MOST_PARAMETERS:,} or fewer)",
    }
    wrong = _shortfall(parameters, middle, away)
    return Report(f"hint: {wrong}" if wrong else REACHED, figures)


def _answers(built: Any, images: NDArray[np.float32]) -> NDArray[np.int64]:
    """The digit that is most probable for each image, (n,)."""
    found = attempt("Your network, given images of shape (24, 24, 1),", training.outputs, built, images)
    outputs = np.asarray(found)
    if outputs.shape != (len(images), 10):
        raise Refused(
            f"for {len(images)} images your network gives an array of shape {outputs.shape}; it should give ten "
            "probabilities each, as from a last layer Dense(10, activation='softmax')."
        )
    if not np.all(np.isfinite(outputs)):
        raise Refused("some of its outputs are not finite: did the training diverge? Try a lower learning rate.")
    answers: NDArray[np.int64] = outputs.argmax(axis=1)
    return answers


def _shortfall(parameters: int, middle: float, away: float) -> str:
    if middle < 0.5:
        return "it does not even recognise digits in the middle: was it compiled and trained, with labels 0 to 9?"
    if away < ACCURACY and middle - away > 0.1:
        return (
            "it recognises digits in the middle, but not elsewhere. Which layer forgets *where* something is? Or train "
            "it with digits that you have moved."
        )
    if away < ACCURACY:
        return "where the digits are makes no difference to it; train longer, or with a larger learning rate."
    if parameters > MOST_PARAMETERS:
        return f"it is good enough, but has {parameters:,} parameters of {MOST_PARAMETERS:,}: fewer kernels?"
    return ""


TASKS["P3.B1"] = moved_digits
