"""The exercises of M8, flavour tagging, its predictions, and the build task: a tagger that rejects c jets."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jetlab import catalog, flavour, jets, training
from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed
from jetlab.check.goals import fewest_parameters
from jetlab.check.held_back import opened
from jetlab.check.predictions import prediction
from jetlab.check.tasks import REACHED, TASKS, Refused, Report, attempt
from jetlab.metrics import Estimate
from jetlab.metrics import flavour as rejection
from jetlab.metrics.flavour import CHARM, LIGHT
from jetlab.training import clock

#: What M8.B1 asks for in top pairs: c rejection, and light rejection, with 70 % of the b jets kept.
C_REJECTION, LIGHT_REJECTION, EFFICIENCY = 6.0, 100.0, 0.70
#: No tagger of these inputs gets above it; only the labels do.
CEILING = 20.0
#: Standard deviations by which the light rejection may fall short: it is measured with few jets.
SHORT = 1.0


@computed(NUMBER, "M8.01")
def flight(*, ctau: float, pt: float, mass: float) -> Rows:
    """Mean length of flight in mm of a hadron at eta = 0, from ctau in mm, pt and mass in GeV."""
    length = ctau * pt / mass
    yield Near(length, 0.02), RIGHT
    yield Near(ctau, 0.02), "this is cτ, the length at βγ = 1. How large is βγ = p/m here?"
    yield Near(ctau * mass / pt, 0.02), "the other way round: the faster, the farther."
    yield Near(length / 10, 0.02), "the answer is asked for in mm, as cτ is given."
    yield ..., "the mean length of flight is βγ cτ, with βγ = p/m."


# Why is pt still an input, after all classes were given the same spectrum?
LETTER["M8.02"] = {
    "b": RIGHT,
    "a": "it no longer separates anything by itself, but look at how the other inputs change with pt.",
    "c": "the loss takes the weights from another array; the network does not see them. What depends on pt?",
}


@computed(NUMBER, "M8.03")
def of_maxout(*, inputs: int, units: int, pieces: int) -> Rows:
    """Parameters of a Maxout layer."""
    yield (inputs + 1) * units * pieces, RIGHT
    yield inputs * units * pieces, "each sum has a bias, too: (inputs + 1) parameters."
    yield (inputs + 1) * units, "this is a plain dense layer; each unit is the greatest of several sums."
    yield (inputs + 1) * units + pieces, "each piece is a whole sum with parameters of its own."
    yield ..., "there are units x pieces sums, and each has (inputs + 1) parameters."


@computed(NUMBER, "M8.04")
def by_hand(*, p_light: float, p_c: float, p_b: float, fraction: float) -> Rows:
    """D_b of one jet."""
    score = np.log(p_b / (fraction * p_c + (1 - fraction) * p_light))
    yield score, RIGHT
    yield np.exp(score), "this is the ratio; D_b is its natural logarithm."
    yield score / np.log(10), "D_b has the natural logarithm, np.log."
    swapped = np.log(p_b / (fraction * p_light + (1 - fraction) * p_c))
    yield swapped, "the fraction belongs to c: f_c multiplies p_c."
    yield np.log(p_b / (p_c + p_light)), "here light and c count alike; weigh them by 1 - f_c and f_c."
    yield ..., "np.log(p_b / (f_c * p_c + (1 - f_c) * p_light))."


@computed(NUMBER, "M8.05")
def smallest(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of the panel's run with the fewest parameters of those that reach its goal."""
    return fewest_parameters(
        runs, goal, "tuned c rejection of {:.2f}", "more epochs, another learning rate, less dropout?"
    )


@computed(NUMBER, "M8.06")
def best_fraction(*, curve: Any, least: float) -> Rows:
    """The fraction f_c with the highest c rejection, of those whose light rejection is at least `least`."""
    fraction, light, c = (np.asarray(curve[number], dtype=np.float64) for number in (0, 1, 3))
    enough = light >= least
    if not enough.any():
        yield -1, RIGHT
        yield ..., f"no fraction has a light rejection of {least:g} here: train for longer, or answer -1 for none."
        return
    best = float(c[enough].max())
    chosen = fraction[enough & (c >= 0.98 * best)]
    yield (lambda answer: bool(np.min(np.abs(chosen - answer)) <= 0.011)), RIGHT
    yield (
        lambda answer: 0 <= answer <= 1 and float(np.interp(answer, fraction, light)) < least,
        f"there the light rejection is below {least:g}: take a smaller fraction.",
    )
    yield (
        lambda answer: 0 <= answer <= 1,
        "the light rejection is high enough, but another fraction rejects more c jets.",
    )
    yield ..., "f_c is a number from 0 to 1: read it off the slider."


@computed(NUMBER, "M8.08")
def scale_factor(*, passed: float, purity: float, mistag: float, efficiency: float) -> Rows:
    """Scale factor of the b efficiency, from the share of jets that pass in a mixture of b and other jets."""
    measured = (passed - (1 - purity) * mistag) / purity
    yield measured / efficiency, RIGHT
    yield measured, "this is the efficiency in data; the scale factor is its ratio to that of the simulation."
    yield efficiency / measured, "the other way round: data over simulation."
    yield passed / efficiency, "not all jets of the mixture are b jets: take off the others that pass."
    yield passed / purity / efficiency, "among the jets that pass are others than b: take them off first."
    yield ..., "passed = purity * ε_b + (1 - purity) * mistag: solve for ε_b, and divide by that of the simulation."


# What does the second simulation say?
LETTER["M8.07"] = {
    "c": RIGHT,
    "a": "the second simulation is no data either. What does their difference stand for?",
    "b": "its jets were simulated with worse tracks; nobody trained on them. Which of the two is nature like?",
}


@prediction("M8.P1")
def with_vertex(*, percent: float) -> Rows:
    """Percentage of the b jets in which a secondary vertex was found."""
    yield Near(percent, 0.0, 10), f"In {percent:.0f} % of the b jets two or more displaced tracks meet in a vertex."
    yield (
        lambda guess: guess > percent,
        f"It is {percent:.0f} %: many b hadrons decay close to the collision, or leave a single track behind.",
    )
    yield ..., f"It is {percent:.0f} %: b hadrons fly millimetres, and the tracker measures to a hundredth of that."


@prediction("M8.P2", "abc")
def spectrum_alone(*, without: float, reweighted: float) -> Rows:
    """Light rejection of a tagger that knows pt and eta alone, with 70 % of the b jets kept."""
    found = "a" if without < 1.6 else "b" if without < 3 else "c"
    text = f"Without weights it rejects {without:.1f} light jets for each that passes, with weights {reweighted:.1f}."
    yield found, text
    yield "a", f"{text} The samples differ in pt, and whatever differs is learnt. It has nothing to do with flavour."
    yield ..., f"{text} Guessing gives 1.4. The spectra overlap, so pt alone helps only so much."


@prediction("M8.P3", "abc")
def check_variables(*, ratio: Estimate) -> Rows:
    """How the light rejection with check variables compares with that of sentinel values far away."""
    value, error = ratio
    found = "b" if abs(value - 1) < 2 * error else "a" if value > 1 else "c"
    text = f"The light rejection with check variables is {value:.2f} ± {error:.2f} times that with sentinels."
    yield found, text
    yield "a", f"{text} Both say which jets lack a vertex; here this training finds it in either."
    yield "b", f"{text} A sentinel squeezes all true values together once inputs are scaled."
    yield ..., f"{text} The network has to find out for itself that one special value means nothing."


@prediction("M8.P4", "abc")
def more_charm(*, low: float, high: float) -> Rows:
    """By what factor the c rejection changes when f_c goes from 0.018 to 0.3."""
    factor = high / low
    found = "a" if factor < 1.1 else "b" if factor < 1.5 else "c"
    text = f"The c rejection goes from {low:.1f} to {high:.1f}, {factor:.2f} times as much."
    yield found, text
    yield "a", f"{text} The same network, and no new training: only the question has changed."
    yield ..., f"{text} It is paid for with light rejection."


@prediction("M8.P5", "abc")
def hardest_pt(*, efficiency: Sequence[float]) -> Rows:
    """In which range of pt, low, middle or high, the b efficiency of one cut is lowest."""
    found = "abc"[int(np.nanargmin(efficiency))]
    text = "The b efficiencies are " + ", ".join(f"{value:.0%}" for value in efficiency) + "."
    yield found, text
    yield "b", f"{text} Near 100 GeV tracks are well measured and not yet crowded."
    yield "a", f"{text} Slow tracks scatter in the material, so their impact parameters are less precise."
    yield ..., f"{text} In hard jets tracks share hits, and many b hadrons decay beyond the first layer."


@prediction("M8.P6", "abc")
def against_trees(*, light: Estimate, c: Estimate) -> Rows:
    """Whether the network's rejections are higher than those of a BDT on the same inputs: ratios to the BDT's."""
    text = f"Network over BDT: light {light.value:.2f} ± {light.error:.2f}, c {c.value:.2f} ± {c.error:.2f}."
    ahead = [each.value - 1 > 2 * each.error for each in (light, c)]
    behind = [1 - each.value > 2 * each.error for each in (light, c)]
    found = "a" if any(ahead) and not any(behind) else "c" if any(behind) and not any(ahead) else "b"
    yield found, text
    yield "a", f"{text} With a few tens of thousands of jets and two dozen good inputs trees are hard to beat."
    yield "c", f"{text} A network of this size makes as much of these inputs."
    yield ..., f"{text} More than chance, on these jets."


@prediction("M8.P7", "abc")
def other_simulation(*, nominal: float, other: float) -> Rows:
    """How the light rejection changes on jets of the second simulation, at the same cut."""
    change = other / nominal - 1
    found = "a" if change > -0.1 else "b" if change > -0.4 else "c"
    text = f"The light rejection changes from {nominal:.0f} to {other:.0f} ({change:+.0%})."
    yield found, text
    yield "a", f"{text} Longer tails of the impact parameters make light jets look like b jets."
    yield ..., f"{text} Light jets pass by their tails, and tails are what simulations know least."


class Judged(NamedTuple):
    """Scaled inputs (n, n_inputs), classes (n,) and which are of top pairs (n,), of validation or held-back jets."""

    x: NDArray[np.float32]
    label: NDArray[np.int64]
    top: NDArray[np.bool_]


@functools.cache
def parts() -> tuple[Judged, Judged]:
    """Validation and held-back jets, with inputs prepared as the lesson does, from its training jets alone."""
    with clock("held-back jets"):
        sample = catalog.load("flavour")
        label = flavour.classes(sample)
        kept = opened(sample)
        lesson = kept[label[kept] >= 0]
        train, validation, _ = (lesson[part] for part in jets.split(sample[lesson].event_index))
        train = train[flavour.hybrid(sample)[train]]
        x, _ = flavour.inputs(sample)
        filled = flavour.Defaults.mean(x[train]).apply(x)
        scaled = jets.Scaling.fit(filled[train]).apply(filled).astype(np.float32)
    top = sample["jet_process_ak7"] == flavour.TTBAR
    held_back = np.setdiff1d(np.flatnonzero(label >= 0), kept)
    first, second = (Judged(scaled[part], label[part], top[part]) for part in (validation, held_back))
    return first, second


def tagger(built: Any) -> Report:
    """Judge a network of three classes in top pairs; f_c is chosen on validation jets, the figures are of others."""
    if not callable(built):
        raise Refused("give the network itself: it has to predict jets that you don't have.")
    validation, held_back = ((part.label[part.top], _probabilities(built, part)) for part in parts())
    fraction = _fraction(rejection.iso_efficiency(*validation, EFFICIENCY))
    label, score = held_back[0], rejection.discriminant(held_back[1], fraction)
    found = rejection.bootstrap(label, score, EFFICIENCY)
    figures = {
        "f_c, chosen on validation jets": f"{fraction:.2f}",
        "c rejection on held-back jets": f"{found[CHARM]} (target: {C_REJECTION:g} or more)",
        "light rejection on held-back jets": f"{found[LIGHT]} (target: {LIGHT_REJECTION:g} or more)",
    }
    wrong = _shortfall(found)
    return Report(f"hint: {wrong}" if wrong else REACHED, figures)


def _probabilities(built: Any, part: Judged) -> NDArray[np.float64]:
    x = part.x[part.top]
    predict = training.outputs if hasattr(built, "count_params") else lambda network, x: network(x)
    found = attempt("Your network, given the scaled inputs,", predict, built, x)
    p: NDArray[np.float64] = attempt("Making an array of your network's output", np.asarray, found, float)
    if p.shape != (len(x), 3):
        raise Refused(
            f"for {len(x)} jets your network gives an array of shape {p.shape}; there should be three probabilities "
            "each, as from a last layer Dense(3, activation='softmax')."
        )
    if not np.isfinite(p).all() or (p < 0).any() or np.abs(p.sum(axis=1) - 1).max() > 1e-3:
        raise Refused("the three numbers are no probabilities of sum one: give the last layer activation='softmax'.")
    if np.ptp(p, axis=0).max() < 1e-4:
        raise Refused("all jets get the same probabilities: is it trained, and with the scaled inputs?")
    return p


def _fraction(curve: rejection.IsoEfficiency) -> float:
    """The fraction with the highest c rejection of those that reject enough light jets, else the least of all."""
    enough = curve.light_rejection >= LIGHT_REJECTION
    return float(curve.fraction[np.argmax(np.where(enough, curve.c_rejection, 0))]) if enough.any() else 0.0


def _shortfall(found: Mapping[int, Estimate]) -> str:
    light, c = found[LIGHT], found[CHARM]
    if c.value > CEILING:
        return "this is more than these inputs can tell: the labels themselves are in there."
    if light.value + SHORT * light.error < LIGHT_REJECTION:
        return "it lets too many light jets pass: train for more epochs, with the weights, or with more nodes."
    if c.value < C_REJECTION:
        return "its c rejection falls short: train for more epochs, with a falling learning rate, or with more nodes."
    return ""


TASKS["M8.B1"] = tagger
