"""The exercises of E2, decorrelation, its predictions, and the build task: a tagger that leaves the mass alone."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetlab import catalog, jets
from jetlab.check import held_back
from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed
from jetlab.check.held_back import Part, Parts
from jetlab.check.networks import Limit, Network
from jetlab.check.predictions import prediction
from jetlab.check.tasks import TASKS
from jetlab.metrics import Estimate
from jetlab.metrics.decorrelation import MASS_EDGES, Point, point
from jetlab.metrics.hunt import Excess, Regions
from jetlab.training import clock

#: Inputs of the lesson's taggers; the mass is the second.
COLUMNS = ("jet_pt_ak7", "jet_msd_ak7", "jet_tau21_ak7", "jet_ncand_ak7")
#: What E2.B1 asks for on held-back jets: AUC at least, divergence [bit] at most.
LEAST, MOST = 0.8, 0.06
#: No network of these inputs gets above it; only the labels do.
CEILING = 0.97

# Why is a floor taken off the divergence?
LETTER["E2.01"] = {
    "b": RIGHT,
    "a": "the mass is what the detector measured, for jets that pass and jets that fail alike.",
    "c": "the divergence here is one between QCD jets and QCD jets.",
}

# Which toy has no linear correlation, but a distance correlation?
LETTER["E2.02"] = {
    "b": RIGHT,
    "a": "here both are near one: where one number grows, the other does.",
    "c": "here both are near zero: the two numbers know nothing of each other.",
}


@computed(NUMBER, "E2.03")
def pairs(*, before: int, after: int) -> Rows:
    """How many times as many distances there are between the jets of a larger batch."""
    yield Near((after / before) ** 2), RIGHT
    yield Near(after / before), "so many times as many jets; but a distance has two ends."
    yield after**2, "so many distances there are in the larger batch: how many times those of the smaller one?"
    yield ..., "each of n jets has a distance to each of n jets."


# Why does the penalty see QCD jets alone?
LETTER["E2.04"] = {
    "c": RIGHT,
    "a": "there are three times as many, but the weights make both classes count the same.",
    "b": "it does see them, in the cross-entropy. Which jets must not be bent into a peak?",
}


@computed(NUMBER, "E2.06")
def signal_region(*, first: float, second: float, none: float) -> Rows:
    """Jets to expect in the region of two cuts."""
    yield Near(first * second / none), RIGHT
    yield Near(first * none / second), "turn it round: the share that passes one cut is the same, whatever the other."
    yield Near(second * none / first), "turn it round: the share that passes one cut is the same, whatever the other."
    yield first + second, "these pass one cut each. How many of those that pass the first pass the second as well?"
    yield ..., "A / B = C / D: the second cut keeps the same share of what passes the first and of what fails it."


@computed(NUMBER, "E2.05")
def reaching(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of a run of the panel that reaches its goal."""
    for run in runs:
        rejection, jsd = run.metrics["rejection_50"].value, run.metrics["jsd"].value
        if goal.reached(run):
            yield run.number, RIGHT
        elif jsd > goal.most["jsd"]:
            yield run.number, f"its divergence is {jsd:.3f}, and at most {goal.most['jsd']:g} is wanted: more strength?"
        else:
            said = f"it leaves the mass alone, but rejects {rejection:.1f} of {goal.least:.1f}"
            yield run.number, f"{said}: less strength?"
    if not any(map(goal.reached, runs)):
        yield ..., "no run in the panel reaches the target yet: turn the strength, then answer with a run's number."
    yield ..., "answer with the number of a run that reaches the target, from the first column of the table."


@prediction("E2.P1", "abc")
def peak(*, before: float, after: float) -> Rows:
    """Masses [GeV] of the fullest bin of QCD's spectrum, before and after the cut on the plain tagger."""
    found = "b" if 70 < after < 100 else "a" if after < 70 else "c"
    text = f"The fullest bin is at {before:.0f} GeV before the cut and at {after:.0f} GeV after it."
    yield found, text
    yield "a", f"{text} The tagger knows the mass and uses it: what is not near that of a W is thrown away."
    yield ..., f"{text} The tagger keeps what looks like a W, and a W has a mass of 80 GeV."


@prediction("E2.P2", "abc")
def without_the_mass(*, full: Point, without: Point) -> Rows:
    """A tagger with the mass among its inputs, and one without."""
    clean = without.jsd.value < 2 * without.chance
    found = "a" if clean else "b" if without.jsd.value < 0.8 * full.jsd.value else "c"
    text = f"Divergence {full.jsd} bit with the mass, {without.jsd} bit without; coins scatter by {without.chance:.3f}."
    yield found, text
    yield "a", f"{text} pt, tau21 and the number of particles know something of the mass, and the network found it."
    yield "c", f"{text} Other inputs know the mass, too, but not as well."
    yield ..., f"{text} What it was given says less of the mass than you thought; another sample may say more."


@prediction("E2.P3", "abc")
def price(*, plain: Estimate, decorrelated: Estimate, ddt: Estimate) -> Rows:
    """Rejections of the plain tagger, of the one with a penalty, and of tau21 with DDT."""
    as_good = plain.value - decorrelated.value < 2 * np.hypot(plain.error, decorrelated.error)
    found = "a" if as_good else "b" if decorrelated.value > ddt.value else "c"
    text = f"Rejection {plain} plain, {decorrelated} with the penalty, {ddt} for tau21 with DDT."
    yield found, text
    yield "a", f"{text} The mass tells W from QCD well, and it may not be used any more."
    yield "b", f"{text} Look at the errors: with so few QCD jets above the cut they are large."
    yield ..., f"{text} pt, tau21 and the number of particles together hold more than tau21 alone."


@prediction("E2.P4", "abc")
def nothing_there(*, plain: Excess) -> Rows:
    """What a sideband fit finds after the plain tagger's cut where there is no signal."""
    found = "b" if plain.significance > 2 else "c" if plain.significance < -2 else "a"
    text = f"{plain.observed:.0f} jets, {plain.background} expected from the sidebands: {plain.significance:+.1f} σ."
    yield found, text
    yield "a", f"{text} The cut made the peak, and left little in the sidebands to learn from."
    yield "b", f"{text} With so few jets a peak may hide in the fit."
    yield ..., f"{text} The cut keeps jets near the mass of the W, and takes those beside it away."


@prediction("E2.P5", "abc")
def two_cuts(*, plain: Regions) -> Rows:
    """QCD jets that pass the cuts on two plain taggers, and what ABCD predicts."""
    (observed, error), (predicted, other) = plain
    far = abs(observed - predicted) > 2 * np.hypot(error, other)
    found = "a" if far and predicted < observed else "c" if far else "b"
    text = f"Weight of QCD that passes both: {observed:.3g} ± {error:.2g}; predicted: {predicted:.3g} ± {other:.2g}."
    yield found, text
    yield "b", f"{text} Two networks that learnt the same are wrong about the same jets: no independent cuts."
    yield "c", f"{text} What fools one fools the other: more pass both cuts than if the two were independent."
    yield ..., f"{text} The two have learnt different things here; try another seed."


def parts() -> Parts:
    """Validation and held-back jets of 40 to 200 GeV, inputs (n, 4) scaled by the lesson's training jets."""
    return _prepared()[0]


@functools.cache
def _prepared() -> tuple[Parts, jets.Scaling]:
    with clock("held-back jets"):
        sample = catalog.load("jets")
        mass = sample["jet_msd_ak7"]
        sample = sample[(mass > MASS_EDGES[0]) & (mass < MASS_EDGES[-1])]
        (train, *seen), weight = held_back.dealt(sample)
        x = np.stack([sample[name] for name in COLUMNS], axis=1)
        scaling = jets.Scaling.fit(x[train])
        x = scaling.apply(x)
    y = (sample["jet_isW_ak7"] == 1).astype(np.float64)
    validation, others = (Part(x[part], y[part], weight[part]) for part in seen)
    return Parts(validation, others), scaling


def divergence(x: Any, y: NDArray[Any], score: NDArray[Any], weight: NDArray[Any]) -> Estimate:
    """How far the cut that keeps half of the W bends QCD's mass spectrum, by the scaled inputs' second column."""
    scaling = _prepared()[1]
    mass = x[:, 1].astype(np.float64) * scaling.width[1] + scaling.mean[1]
    return point(y, score, mass, weight).jsd


TASKS["E2.B1"] = Network(
    parts,
    least=LEAST,
    ceiling=CEILING,
    most_parameters=20_000,
    fed="the four scaled inputs",
    hint="less strength, or longer training.",
    limit=Limit("divergence [bit]", divergence, MOST, "more strength, or another penalty?"),
)
