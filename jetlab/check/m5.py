"""The exercises, predictions and build task of M5, comparing taggers."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jetlab.check.engine import LETTER, NAMES, NUMBER, RIGHT, Near, Rows, computed
from jetlab.check.goals import fewest_parameters
from jetlab.check.predictions import prediction
from jetlab.check.tasks import REACHED, TASKS, Refused, Report, attempt
from jetlab.metrics import Estimate, comparison, evaluate


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
    "c": "fewer background jets are what a tagger is for. Where in the spectrum are those that are left?",
}

# Probability of W at score 0.9 where QCD is a thousand times more frequent; the odds are as good an answer.
NUMBER["M5.06"] = {
    (0.009 / 1.009, 0.009): RIGHT,
    0.9: "0.9 holds for as many W as QCD; with more QCD around, more of the jets of this score are QCD.",
    Near(0.0009, 2e-2): "do not divide the probability, but the odds: 0.9 : 0.1 are 9 : 1 for equal numbers.",
    (900.0, 9000.0): "QCD is more frequent, so the odds fall.",
    ...: "at equal numbers there are 9 W for each QCD jet of this score; with 1000 times more QCD, 9 for each 1000.",
}


@computed(NUMBER, "M5.07")
def smallest(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of the panel's run with the fewest parameters of those that reach its goal."""
    return fewest_parameters(runs, goal, "AUC of {:.4f}", "more epochs, or a larger learning rate?")


@prediction("M5.P1")
def above_the_tree(*, gains: Mapping[str, Estimate]) -> Rows:
    """How many networks are above the BDT by more than two standard deviations."""
    names = [name for name, gain in gains.items() if gain.value > 2 * gain.error]
    text = f"Above the BDT by more than two standard deviations: {', '.join(names) or 'none'}."
    yield len(names), text
    yield lambda guess: guess > len(names), f"{text} Four good variables are hard to beat with so few jets."
    yield ..., f"{text} They see particles of which the four variables know nothing."


@prediction("M5.P2", "abc")
def error_of_a_difference(*, one: float, difference: float) -> Rows:
    """How the uncertainty of a difference on the same jets compares with that of one AUC."""
    ratio = difference / one
    found = "a" if ratio > 1.2 else "b" if ratio > 0.8 else "c"
    text = f"It is {ratio:.2f} times as large."
    yield found, text
    yield "a", f"{text} √2 holds for two samples of jets. Here both see the same ones, and much cancels."
    yield "b", f"{text} What a drawn sample does to one tagger it mostly does to the other, too."
    yield ..., f"{text} The two taggers, or the seeds, differ more than one would think."


@prediction("M5.P3", "abc")
def gain_with_more_jets(*, here: Estimate, full: Estimate) -> Rows:
    """Whether deep sets gain more over the BDT when there are more training jets."""
    change, error = full.value - here.value, float(np.hypot(full.error, here.error))
    found = "b" if abs(change) < 2 * error else "a" if change > 0 else "c"
    text = f"The gain is {here} here and {full} there."
    yield found, text
    yield "a", f"{text} A difference of two differences needs a lot of test jets before it stands out."
    yield "b", f"{text} That is more than two standard deviations apart."
    yield ..., f"{text} The BDT has only four variables, and gets little out of more jets."


@prediction("M5.P4", "abc")
def ensemble_against_best(*, gain: Estimate) -> Rows:
    """Whether the mean score of three networks is better than the best of them."""
    found = "b" if abs(gain.value) < 2 * gain.error else "a" if gain.value > 0 else "c"
    text = f"The AUC differs by {gain.value:+.4f} ± {gain.error:.4f}."
    yield found, text
    yield "a", f"{text} The networks err on the same jets more often than one would think."
    yield "c", f"{text} Where a worse network errs in a way of its own, it still helps the mean."
    yield ..., f"{text} Errors that are not the same for all cancel in the mean."


#: Letters of M5.P5 and the taggers they stand for.
SCULPTORS = {"a": "cut", "b": "BDT", "c": "CNN", "d": "deep sets"}


@prediction("M5.P5", "abcd")
def sculpts_most(*, bits: Mapping[str, float]) -> Rows:
    """Which tagger changes the background's mass spectrum most."""
    found = max(SCULPTORS, key=lambda letter: bits[SCULPTORS[letter]])
    text = f"{SCULPTORS[found]} does, with {bits[SCULPTORS[found]]:.2f} bit."
    yield found, text
    for letter, name in SCULPTORS.items():
        yield letter, f"{text} For {name} it is {bits[name]:.2f} bit."


class Rivals(NamedTuple):
    """Two taggers on the same jets: labels, both scores and weights, (n,) each."""

    y: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    weight: NDArray[np.float64]


#: Jets of each comparison that a function is judged by, and by what factor its uncertainty may be off.
N_JETS, OFF = 3000, 1.4
#: By what factor an uncertainty may differ from that of two separate samples and still be taken for it.
APART_OFF = 1.7
#: How much of the first tagger's score the second one shares, and by how much it is the worse.
KINDS = ((0.9, 0.1), (0.8, 0.3), (0.95, -0.1))


def _rivals(rng: np.random.Generator, shared: float, worse: float) -> Rivals:
    """Two taggers that share most of what they know; heavy QCD jets are the harder ones, so weights matter."""
    y = np.repeat([0.0, 1.0], N_JETS // 2)
    weight = np.where(y == 1, 1.0, rng.exponential(1.0, N_JETS))
    known = 2.2 * y + rng.normal(0, 1, N_JETS)
    own = rng.normal(0, 1, (2, N_JETS)) * np.sqrt(1 - shared**2)
    first, second = known + own[0], known + own[1] - worse * y + 0.4 * worse * (1 - y) * weight
    return Rivals(y, first, second, weight)


def paired_bootstrap(compare: Any) -> Report:
    """Judges `compare(y, first, second, weight)`: the difference of two AUCs and its uncertainty, on new jets."""
    if not callable(compare):
        raise Refused(f"give the function itself, `compare`, not something of type {type(compare).__name__}.")
    rng, values, ratios = np.random.default_rng(), [], []
    wrong_values, wrong_errors = [], []
    for kind in KINDS:
        rivals = _rivals(rng, *kind)
        expected = comparison.auc_difference(rivals.y, [rivals.first], [rivals.second], rivals.weight, 200)
        found = _compared(compare, rivals)
        values.append(abs(found.value - expected.value) / expected.error)
        ratios.append(found.error / expected.error)
        wrong_values.append(_wrong_value(found, expected, rivals))
        wrong_errors.append(_wrong_error(found, expected, rivals))
    # Wrong values first: what makes them wrong, such as no weights, mostly spoils the uncertainty too.
    hints = [hint for hint in (*wrong_values, *wrong_errors) if hint]
    figures = {
        "differences are off by": f"{max(values):.2f} of their uncertainty (target: at most 0.5)",
        "uncertainties over the right ones": ", ".join(f"{ratio:.2f}" for ratio in ratios),
    }
    return Report(f"hint: {hints[0]}" if hints else REACHED, figures)


def _compared(compare: Callable[..., Any], rivals: Rivals) -> Estimate:
    called = "compare(y, first, second, weight)"
    # Copies: what it does to its arrays must not change what it is judged by.
    found = attempt(called, compare, *(values.copy() for values in rivals))
    pair = attempt(f"Making numbers of what {called} returns", lambda: np.asarray(found, dtype=np.float64))
    if pair.shape != (2,) or not np.isfinite(pair).all():
        raise Refused(f"{called} should return two finite numbers, the difference and its uncertainty.")
    return Estimate(float(pair[0]), float(pair[1]))


def _wrong_value(found: Estimate, expected: Estimate, rivals: Rivals) -> str:
    def near(value: float) -> bool:
        return abs(found.value - value) <= 0.5 * expected.error

    if near(expected.value):
        return ""
    if near(-expected.value):
        return "the difference has the wrong sign: the first tagger's AUC minus that of the second."
    one, other = (evaluate(rivals.y, score, None, 2)["auc"].value for score in (rivals.first, rivals.second))
    if near(one - other):
        return "the difference is that of jets without their weights: hand them on to metrics.auc."
    if found.value > 0.6:
        return "this is an AUC, not a difference of two."
    return f"a difference is {found.value:.4f} and should be {expected.value:.4f}: metrics.auc of one minus the other."


def _wrong_error(found: Estimate, expected: Estimate, rivals: Rivals) -> str:
    ratio = found.error / expected.error
    if 1 / OFF < ratio < OFF:
        return ""
    if found.error <= 0:
        return "the uncertainty is zero: are the jets drawn anew each time, with repetition?"
    one, other = (evaluate(rivals.y, score, rivals.weight)["auc"].error for score in (rivals.first, rivals.second))
    # Wider than OFF: a hundred draws of theirs and as many of ours scatter by a tenth.
    if ratio > OFF and 1 / APART_OFF < found.error / float(np.hypot(one, other)) < APART_OFF:
        return "this is the uncertainty for two samples of jets: take the *same* drawn jets for both taggers."
    if ratio < 0.5:
        return (
            "the uncertainty is far too small: it is the standard deviation of the drawn differences itself, not "
            "divided by a root of how many there are; and each draw has as many jets as there are."
        )
    return f"the uncertainty is {ratio:.2f} times the right one: the standard deviation of a hundred drawn differences."


TASKS["M5.B1"] = paired_bootstrap
