"""The self-checks of M5; importing this module makes them known to `jetlab.check`, which does so when asked."""

import numpy as np

from jetlab.check.engine import NAMES, NUMBER, _choice, _close, _register


@_register("M5.01", NUMBER)
def _precision(answer: float, *, effective: float) -> str | None:
    """Relative uncertainty of a rejection of 100 with so many effective QCD jets."""
    left = effective / 100
    if _close(answer, 1 / np.sqrt(left), 2e-2):
        return None
    if _close(answer, np.sqrt(left), 2e-2):
        return "this is the uncertainty of the number of jets; divide by that number: relative."
    if _close(answer, left, 2e-2):
        return "this is how many are left; their relative uncertainty is one over the root of it."
    if _close(answer, 1 / np.sqrt(effective), 2e-2):
        return "only one QCD jet in 100 passes, and it is those that are counted."
    return "effective / 100 QCD jets pass; N ± √N, so relative 1 / √N, and 1/ε_B has the same relative uncertainty."


# How can a difference be better known than either number?
_choice(
    "M5.02",
    "b",
    {
        "a": "that would be right if the two had been measured with jets of their own.",
        "c": "choosing makes a number too good, not its uncertainty small. Which jets were used for the two?",
    },
)


@_register("M5.03", NAMES)
def _least_alike(answer: list[str], *, names: list[str], matrix: np.ndarray) -> str | None:
    """The pair of taggers of smallest rank correlation."""
    if len(answer) != 2 or not set(answer) <= set(names):
        return f"answer with two of these names: {', '.join(names)}."
    first, second = map(names.index, answer)
    if matrix[first, second] <= matrix.min() + 1e-9:
        return None
    if first == second:
        return "a tagger agrees with itself; take two different ones."
    if matrix[first, second] >= np.max(matrix - np.eye(len(names))) - 1e-9:
        return "these agree most; look for the smallest number."
    return f"these have {matrix[first, second]:.2f}; there is a smaller number in the left table."


@_register("M5.04", NUMBER)
def _majority(answer: float) -> str | None:
    """Chance that at least two of three are wrong, each with 0.1."""
    if _close(answer, 0.028):
        return None
    if _close(answer, 0.001):
        return "this is all three wrong; two are enough for a wrong majority."
    if _close(answer, 0.01) or _close(answer, 0.009):
        return "this is one certain pair; there are three pairs (and all three together)."
    if _close(answer, 0.027):
        return "nearly: all three may be wrong as well."
    if _close(answer, 0.03):
        return "nearly: with 0.1**2 for each pair the case of all three is counted three times."
    if _close(answer, 0.972):
        return "this is how often it is right."
    return "two wrong and one right: three ways, 0.1 · 0.1 · 0.9 each; and all three wrong: 0.1³."


# Why is a sculpted background a problem?
_choice(
    "M5.05",
    "a",
    {
        "b": "half of the W pass, whichever tagger: the cuts were made so.",
        "c": "fewer background jets are what a tagger is for. Where in the spectrum are they?",
    },
)


@_register("M5.06", NUMBER)
def _prior(answer: float) -> str | None:
    """Probability of W at score 0.9 where QCD is a thousand times more frequent."""
    odds = 0.9 / 0.1 / 1000
    if _close(answer, odds / (1 + odds)) or _close(answer, odds):
        return None
    if _close(answer, 0.9):
        return "0.9 holds for as many W as QCD; with more QCD around, more of the jets of this score are QCD."
    if _close(answer, 0.0009, 2e-2):
        return "do not divide the probability, but the odds: 0.9 : 0.1 are 9 : 1 for equal numbers."
    if _close(answer, 0.9 * 1000) or _close(answer, 9000):
        return "QCD is more frequent, so the odds fall."
    return "at equal numbers there are 9 W for each QCD jet of this score; with 1000 times more QCD, 9 for each 1000."
