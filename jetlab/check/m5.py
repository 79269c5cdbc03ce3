"""The exercises of M5, comparing taggers."""

import itertools

import numpy as np

from jetlab.check.engine import LETTER, NAMES, NUMBER, RIGHT, Near, Rows, computed


@computed(NUMBER, "M5.01")
def precision(*, effective: float) -> Rows:
    """Relative uncertainty of a rejection of 100 with so many effective QCD jets."""
    left = effective / 100
    yield Near(1 / np.sqrt(left), 2e-2), RIGHT
    yield Near(np.sqrt(left), 2e-2), "this is the uncertainty of the number of jets; divide by that number: relative."
    yield Near(left, 2e-2), "this is how many are left; their relative uncertainty is one over the root of it."
    yield Near(1 / np.sqrt(effective), 2e-2), "only one QCD jet in 100 passes, and it is those that are counted."
    yield ..., "effective / 100 QCD jets pass: N ± √N, relatively 1 / √N; 1/ε_B has the same relative uncertainty."


# How can a difference be better known than either number?
LETTER["M5.02"] = {
    "b": RIGHT,
    "a": "that would be right if the two had been measured with jets of their own.",
    "c": "choosing makes a number too good, not its uncertainty small. Which jets were used for the two?",
}


@computed(NAMES, "M5.03")
def least_alike(*, names: list[str], matrix: np.ndarray) -> Rows:
    """The pair of taggers of smallest rank correlation."""
    for (i, first), (j, second) in itertools.product(enumerate(names), repeat=2):
        if matrix[i, j] <= matrix.min() + 1e-9:
            said = RIGHT
        elif i == j:
            said = "a tagger agrees with itself; take two different ones."
        elif matrix[i, j] >= np.max(matrix - np.eye(len(names))) - 1e-9:
            said = "these agree most; look for the smallest number."
        else:
            said = f"these have {matrix[i, j]:.2f}; there is a smaller number in the left table."
        yield (first.lower(), second.lower()), said
    yield ..., f"answer with two of these names: {', '.join(names)}."


# Chance that at least two of three are wrong, each with 0.1.
NUMBER["M5.04"] = {
    0.028: RIGHT,
    0.001: "this is all three wrong; two are enough for a wrong majority.",
    (0.01, 0.009): "this is one certain pair; there are three pairs (and all three together).",
    0.027: "nearly: all three may be wrong as well.",
    0.03: "nearly: with 0.1**2 for each pair the case of all three is counted three times.",
    0.972: "this is how often it is right.",
    ...: "two wrong and one right: three ways, 0.1 · 0.1 · 0.9 each; and all three wrong: 0.1³.",
}

# Why is a sculpted background a problem?
LETTER["M5.05"] = {
    "a": RIGHT,
    "b": "half of the W pass, whichever tagger: the cuts were made so.",
    "c": "fewer background jets are what a tagger is for. Where in the spectrum are they?",
}

# Probability of W at score 0.9 where QCD is a thousand times more frequent; the odds are as good an answer.
NUMBER["M5.06"] = {
    (0.009 / 1.009, 0.009): RIGHT,
    0.9: "0.9 holds for as many W as QCD; with more QCD around, more of the jets of this score are QCD.",
    Near(0.0009, 2e-2): "do not divide the probability, but the odds: 0.9 : 0.1 are 9 : 1 for equal numbers.",
    (900.0, 9000.0): "QCD is more frequent, so the odds fall.",
    ...: "at equal numbers there are 9 W for each QCD jet of this score; with 1000 times more QCD, 9 for each 1000.",
}
