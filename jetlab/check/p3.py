"""The self-checks of P3, loaded by `jetlab.check` when one of them is asked for."""

import numpy as np

from jetlab.check.engine import NAMES, NUMBER, _choice, _close, _register

NETWORKS = ("cnn", "dense", "lstm")
_WHY_NETWORK = (
    "1 is a grid in which neighbours belong together.",
    "2 is a fixed list of a few numbers.",
    "3 is an ordered list of any length.",
)


@_register("P3.01", NUMBER)
def _convolution(answer: float) -> str | None:
    """Sum of patch times kernel."""
    if answer == -4:
        return None
    if answer == 4:
        return "this turns the kernel round, as mathematicians do; networks do not."
    if _close(answer, -4 / 9):
        return "this is the mean; a convolution sums."
    if answer == 10:
        return "this is the sum of the patch; multiply by the kernel first, number by number."
    return "multiply patch and kernel number by number (*, not @) and sum: np.sum(patch * kernel)."


@_register("P3.02", NUMBER)
def _side(answer: float) -> str | None:
    """Side of 28 after a 5 x 5 convolution and 2 x 2 pooling."""
    if answer == 12:
        return None
    if answer == 24:
        return "this is after the convolution; pooling halves it."
    if answer == 14:
        return "without padding the kernel cannot stand at the border: 28 - 5 + 1 places are left before pooling."
    if answer == 11.5 or answer == 11:
        return "nearly: a kernel of 5 fits into 28 pixels 28 - 5 + 1 times."
    if answer == 144:
        return "these are the pixels of the whole result; along one side is asked for."
    return "a kernel of 5 fits 28 - 5 + 1 times; then each 2 become 1."


@_register("P3.03", NUMBER)
def _kernels(answer: float) -> str | None:
    """Parameters of Conv2D(8, 3) on three channels."""
    if answer == 224:
        return None
    if answer == 216:
        return "each of the 8 kernels also has a bias."
    if answer == 80 or answer == 72:
        return "a kernel has 3 x 3 weights for *each* of the three channels."
    if answer == 28:
        return "this is one kernel; there are 8."
    return "a kernel has 3 x 3 x channels weights and one bias; there are 8 kernels."


@_register("P3.04", NUMBER)
def _state(answer: float) -> str | None:
    """State after 1 and 0 with w = 1, u = 0.5."""
    first = float(np.tanh(1))
    if _close(answer, np.tanh(0.5 * first)):
        return None
    if _close(answer, first):
        return "this is the state after the first number; go on with the second."
    if _close(answer, 0.5 * first) or _close(answer, 0.5):
        return "tanh is applied at every step, also at the second."
    if _close(answer, np.tanh(0.5)):
        return "the state after the first number is tanh(1), not 1."
    if abs(answer) < 1e-9:
        return "the second number is 0, but the state remembers the first: u h = 0.5 tanh(1)."
    return "h = tanh(1) after the first number, then tanh(0 + 0.5 h)."


@_register("P3.05", NUMBER)
def _fading(answer: float) -> str | None:
    """0.9 to the power of 50."""
    if _close(answer, 0.9**50, 2e-2):
        return None
    if _close(answer, 45):
        return "the factors of the steps multiply: a power, not a product with 50."
    if _close(answer, 1 - 0.9**50):
        return "this is what is lost; what is left is asked for."
    if answer <= 0:
        return "a tenth of what is *still there* goes at each step, so it never gets to 0."
    return "0.9 x 0.9 x ..., fifty times."


@_register("P3.06", NUMBER)
def _lstm_parameters(answer: float) -> str | None:
    """Parameters of an LSTM with 8 units and 3 inputs."""
    if answer == 384:
        return None
    if answer == 96:
        return "this is one set, a plain RNN; an LSTM has four: three gates and the candidate."
    if answer == 352:
        return "the biases are missing, 8 in each of the four sets."
    if answer == 128:
        return "the state comes in as well: U has 8 x 8 weights in each set."
    if answer == 288 or answer == 312:
        return "these are three sets, as a GRU has; with the candidate an LSTM has four."
    return "4 x (3 x 8 + 8 x 8 + 8): four sets of W, U and b."


# Which mode gives an answer for every hit?
_choice(
    "P3.07",
    "b",
    {
        "a": "many-to-one gives one answer for the whole track; here there is one for each hit.",
        "c": "possible, but more than needed: the answers stand one to one beside the hits.",
    },
)


@_register("P3.08", NAMES)
def _representation(answer: list[str]) -> str | None:
    """Which network fits which representation?"""
    given = [name.lower() for name in answer]
    if len(given) != 3:
        return "answer with a list of three names, such as ['dense', 'dense', 'dense']."
    for name, right, why in zip(given, NETWORKS, _WHY_NETWORK, strict=True):
        if name != right:
            return f"look again: {why}"
    return None
