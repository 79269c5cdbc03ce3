"""The exercises of E5, anomalies, its predictions, and the build task: an anomaly score of the participant's own."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetlab import anomalies, training
from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed
from jetlab.check.goals import fewest_parameters
from jetlab.check.predictions import prediction
from jetlab.check.tasks import REACHED, TASKS, Refused, Report, attempt
from jetlab.metrics import Estimate, anomaly

#: Masses of the held-back pairs that a score is judged by, GeV, and the significance improvement it is to reach.
RANGE = (900.0, 1200.0)
LEAST = 4.5


@computed(NUMBER, "E5.01")
def without_a_cut(*, background: float, share: float) -> Rows:
    """Significance S / sqrt(B) of a share S / B in a window with so much background."""
    yield Near(share * np.sqrt(background), relative=0.02), RIGHT
    yield Near(share * background, relative=0.02), "this is S, the number of signal pairs. Divide it by sqrt(B)."
    yield Near(share, relative=0.02), "this is S / B. How large is S, and by how much does B fluctuate?"
    yield ..., "S is the share times B, and B fluctuates by sqrt(B)."


@computed(NUMBER, "E5.02")
def improvement(*, signal: float, background: float) -> Rows:
    """Significance improvement of a cut with these efficiencies."""
    yield Near(signal / np.sqrt(background), relative=0.01), RIGHT
    yield Near(signal / background, relative=0.01), "this is the gain in S / B. B's fluctuation falls as its root."
    yield Near(signal, relative=0.01), "so much of S is left. What becomes of sqrt(B)?"
    yield ..., "S becomes eS S, and sqrt(B) becomes sqrt(eB B): divide the factors."


# Why does a classifier of window against sidebands order the events by how signal-like they are?
LETTER["E5.03"] = {
    "b": RIGHT,
    "a": "nobody tells it which events are signal: both samples have one label each.",
    "c": "the mass of the pair is not among its inputs, and had better not be.",
}

# Why is no event scored by a classifier that saw it in training?
LETTER["E5.04"] = {
    "a": RIGHT,
    "b": "it takes five times as long. What would the classifier remember of the events that it has seen?",
    "c": "each classifier is trained with fewer events, so it is a little worse.",
}


@computed(NUMBER, "E5.05")
def elsewhere(*, p_value: float, windows: int) -> Rows:
    """Global p-value of the largest of so many independent excesses, from its local one."""
    # Rounded to two digits, too.
    yield Near(1 - (1 - p_value) ** windows, relative=0.011), RIGHT
    yield (
        Near(windows * p_value, relative=0.003),
        "nearly: but two windows may fluctuate at once, and are counted twice.",
    )
    yield Near(p_value**windows, relative=0.01), "so likely all of them fluctuate at once. One is enough."
    yield Near((1 - p_value) ** windows, relative=0.005), "so likely none of them fluctuates. You want: at least one."
    yield ..., "one minus the probability that none of the windows fluctuates so far up."


@computed(NUMBER, "E5.06")
def smallest(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of the panel's run with the fewest parameters of those that reach its goal."""
    return fewest_parameters(runs, goal, "AUC of {:.4f}", "fewer nodes, fewer epochs, or another learning rate?")


def _share(gain: Estimate, bound: Estimate) -> tuple[str, str]:
    """The letter of a share of the supervised significance improvement, and what was measured."""
    share = gain.value / bound.value
    letter = "a" if share < 0.25 else "b" if share < 0.5 else "c"
    return letter, f"Maximum SIC {gain}, which is {share:.0%} of the {bound} with labels."


@prediction("E5.P1", "abc")
def autoencoder(*, gain: Estimate, bound: Estimate) -> Rows:
    """Maximum significance improvement of the autoencoder, and with labels."""
    found, text = _share(gain, bound)
    yield found, text
    yield "c", f"{text} It never saw a signal, and rare is not the same as signal-like: QCD has rare jets of its own."
    yield ..., f"{text} An event may be rare in many ways, and the network knows nothing of the one you look for."


@prediction("E5.P2", "abc")
def cwola(*, gain: Estimate, bound: Estimate) -> Rows:
    """Maximum significance improvement of CWoLa, and with labels."""
    found, text = _share(gain, bound)
    yield found, text
    yield "c", f"{text} Six signal events in a thousand are few, and the classifier has noise to learn, too."
    yield ..., f"{text} The background is alike in both samples, so what differs between them is the signal."


@prediction("E5.P3", "abc")
def without_signal(*, significance: float) -> Rows:
    """Significance of the excess in data without signal, after CWoLa's cut."""
    found = "a" if significance < 2 else "b" if significance < 5 else "c"
    text = f"Without signal: {significance:+.1f} standard deviations."
    yield found, text
    yield "a", f"{text} One trial in forty or so goes beyond 2: repeat it with another seed before you believe it."
    yield ..., f"{text} A fluctuation that a classifier learnt is not there in the events that it did not see."


@prediction("E5.P4", "abcd")
def correlated(*, gains: Mapping[str, Sequence[Estimate]]) -> Rows:
    """Maximum significance improvement with the four inputs and with pt besides, of CWoLa and then of CATHODE."""
    (cwola_ratio, cathode_ratio) = (after.value / before.value for before, after in gains.values())
    letters = {(True, False): "a", (False, False): "b", (True, True): "c", (False, True): "d"}
    found = letters[cwola_ratio < 2 / 3, cathode_ratio < 2 / 3]
    text = f"What is left of the maximum SIC: {cwola_ratio:.0%} for CWoLa, {cathode_ratio:.0%} for CATHODE."
    yield found, text
    yield "b", f"{text} With pt a classifier can guess the mass, and so tell the window from the sidebands."
    yield "a", f"{text} CATHODE's samples have the pt of the window, as far as the density was learnt well."
    yield "d", f"{text} CWoLa has only the sidebands to compare with, and their pt is another one."
    yield ..., f"{text} A density that knows the mass may still give the window's pt to its samples."


@functools.cache
def pairs() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Inputs (n, 4) and labels (n,) of the held-back pairs that a score is judged by."""
    found = anomalies.held_back(anomalies.load())
    found = found.take(found.inside(RANGE))
    return anomalies.inputs(found), found.is_signal


def score(built: Any) -> Report:
    """Judge a function, or a Keras network, that gives an anomaly score for each row of inputs."""
    if not callable(built):
        raise Refused("give a function (or a network) that takes inputs (n, 4) and gives a score for each event.")
    x, is_signal = pairs()
    order = np.random.default_rng().permutation(len(x))
    found = np.empty(len(x))
    found[order] = _scores(built, x[order])
    if not np.allclose(_scores(built, x[:50]), found[:50], rtol=1e-3, atol=1e-4 * np.ptp(found)):
        raise Refused(
            "the score of an event changes with the events beside it; it must depend on its own inputs alone."
        )
    best = anomaly.max_sic(is_signal, found)
    figures = {"maximum SIC": f"{best} (target: {LEAST:g} or more)"}
    if best.value >= LEAST:
        return Report(REACHED, figures)
    if best.value < 1.1 and anomaly.max_sic(is_signal, -found, replicas=2).value > 1.1:
        return Report("hint: the score is upside down: anomalies must be high.", figures)
    hint = "a classifier of window against sidebands, or against samples, over more trees or folds may do."
    return Report(f"hint: a maximum SIC of {best.value:.1f} of {LEAST:g}: {hint}", figures)


def _scores(built: Any, x: NDArray[np.float64]) -> NDArray[np.float64]:
    call = functools.partial(training.predict, built) if hasattr(built, "count_params") else built
    found = attempt("your score", lambda: np.asarray(call(x), dtype=np.float64))
    found = found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
    if found.shape != (len(x),):
        raise Refused(f"for {len(x)} events it gave an array of shape {found.shape}; wanted is one number each.")
    if not np.isfinite(found).all():
        raise Refused("some of its scores are not finite.")
    return np.asarray(found)


TASKS["E5.B1"] = score
