"""The exercises of M6, the jet energy scale, its predictions and build tasks: a loss, and a regression."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jetlab import catalog, jes, jets, metrics, training
from jetlab.check.engine import LETTER, NUMBER, RIGHT, TWO_NUMBERS, Near, Rows, computed
from jetlab.check.goals import fewest_parameters
from jetlab.check.held_back import dealt
from jetlab.check.predictions import prediction
from jetlab.check.tasks import REACHED, TASKS, Refused, Report, attempt
from jetlab.io.sample import JetSample
from jetlab.metrics import Estimate


@computed(NUMBER, "M6.01")
def median_response(*, raw: np.ndarray, corrected: np.ndarray, gen: np.ndarray) -> Rows:
    """Median raw response of some jets."""
    median = float(np.median(raw / gen))
    yield Near(median, 2e-4), RIGHT
    yield Near(np.mean(raw / gen), 2e-4), "this is the mean; a few jets far off move it. Take np.median."
    factors = Near(np.median(gen / raw), 2e-4), Near(1 / median, 2e-4)
    yield factors, "upside down: this is the factor that *corrects*; the response is measured over true."
    yield Near(np.median(corrected / gen), 2e-4), "this is the response of the corrected pt; the raw one is asked for."
    yield Near(np.median(raw) / np.median(gen), 2e-4), "first the response of each jet, then the median of these."
    yield ..., "np.median(raw / gen)."


@computed(NUMBER, "M6.02")
def offset(*, rho: float, rho_ue: float, area: float, raw: float) -> Rows:
    """The L1 factor of a jet, for a slope of 1."""
    added = (rho - rho_ue) * area
    share = added / raw
    yield 1 - share, RIGHT
    yield share, "this is the share that pile-up adds; the factor is what is left of the pt: 1 - share."
    yield (added, raw - added), "this is in GeV; the factor multiplies the raw pt, so divide by it."
    yield (
        1 - rho * area / raw,
        "the underlying event belongs to the jet: take off rho - rho_ue only.",
    )
    yield 1 - (rho - rho_ue) / raw, "rho is per unit area: multiply it by the jet's area."
    yield 1 + share, "pile-up adds to the jet: the correction takes it off."
    yield ..., "(rho - rho_ue) x area is what pile-up adds, in GeV: factor = 1 - (rho - rho_ue) * area / raw."


# Shift of log(true pt) for a spectrum pt^-5 and a resolution of 7 %.
NUMBER["M6.03"] = {
    Near(-4 * 0.07**2, 5e-3): RIGHT,
    Near(4 * 0.07**2, 5e-3): "the sign: the spectrum falls, so more jets come up from below than down from above.",
    Near(-5 * 0.07**2, 5e-3): "nearly: in log(pt) a spectrum pt^-n falls like pt^-(n-1).",
    (Near(-4 * 0.07, 5e-3), Near(-5 * 0.07, 5e-3)): "the resolution enters squared.",
    Near(-4 * 7**2, 5e-3): "7 % is 0.07.",
    ...: "-(n - 1) sigma^2, with n = 5 and sigma = 0.07.",
}

# Constants that make MSE and MAE smallest for the targets 0, 0, 1, 2, 7.
zero, one, two = (Near(value, relative=1e-5, absolute=1e-8) for value in range(3))
TWO_NUMBERS["M6.04"] = {
    (two, one): RIGHT,
    (one, two): "the other way round: which of mean and median does one far-off value pull?",
    (..., zero): "0 is the mode, the most frequent value; the MAE counts how many lie on either side.",
    (two, ...): "the first is right. The MAE is smallest where as many values lie to the left as to the right.",
    ...: "set the derivative to zero: the MSE is smallest at the mean, the MAE at the median.",
}

# Where in eta a ReLU node bends that weighs pt = 270 and eta alike.
NUMBER["M6.05"] = {
    -270.0: RIGHT,
    270.0: "check the sign: 0.1 * 270 + 0.1 * eta = 0.",
    (0, -27.0): "the node bends where 0.1 * pt + 0.1 * eta = 0; solve it for eta, with pt = 270.",
    ...: "a ReLU bends where its argument is zero: 0.1 * pt + 0.1 * eta = 0.",
}

# Which treatment of an image keeps what a network needs to say gen pt in GeV?
LETTER["M6.06"] = {
    "c": RIGHT,
    "a": "after this the pixels of *every* jet sum to one: how would you tell 200 GeV from 400?",
    "b": "the hardest pixel becomes one in every jet: the pt is gone as well.",
    "d": "a scaling that is measured in each image by itself takes out how bright that image is.",
}

# Why does the official correction, derived from QCD, not hold for W jets in the gap?
LETTER["M6.07"] = {
    "b": RIGHT,
    "a": "pile-up is the same for both; L1 takes it off alike.",
    "c": "both classes were binned in gen pt and |eta|: the spectrum is not it. What are the jets made of?",
    "d": "compare the difference with the error bars: it is several of them.",
}


@computed(NUMBER, "M6.08")
def smallest(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of the panel's run with the fewest parameters of those that reach its goal."""
    return fewest_parameters(
        runs, goal, "closure of {:.3f} in its worst bin", "a larger learning rate, or more epochs?"
    )


@prediction("M6.P1", "abc")
def binned_in(*, true: Sequence[float], measured: Sequence[float]) -> Rows:
    """In bins of which pt closure does not depend on the spectrum: shifts of the closure by it, in each bin."""
    moved = {"true": float(np.mean(true)), "measured": float(np.mean(measured))}
    still = [name for name, shift in moved.items() if abs(shift) < 0.004]
    found = {1: "b" if still == ["true"] else "c", 2: "a"}.get(len(still), "c")
    text = f"On average the closure moves by {moved['true']:+.3f} in bins of true pt and {moved['measured']:+.3f} "
    text += "in bins of measured pt."
    yield found, text
    yield "a", f"{text} Each jet's response is the same, but which jets are in a bin of measured pt is not."
    yield (
        ...,
        f"{text} A bin of true pt holds the same kind of jets whatever the spectrum; one of measured pt does not.",
    )


@prediction("M6.P2", "abc")
def blind_to_eta(*, learnt: Sequence[float], official: Sequence[float]) -> Rows:
    """How much of the official correction's change with eta a network shows: median corrections in bins of |eta|."""
    share = float(np.ptp(learnt) / np.ptp(official))
    found = "a" if share < 0.25 else "b" if share < 0.75 else "c"
    text = f"From bin to bin in |η| the official correction changes by up to {np.ptp(official):.3f}, the network's by "
    text += f"{np.ptp(learnt):.3f}."
    yield found, text
    yield "a", f"{text} So some of its nodes do bend where the jets are."
    yield ..., f"{text} Where in η do its nodes bend? That is the question below."


@prediction("M6.P3", "abc")
def normalised_images(*, normalised: float, in_gev: float) -> Rows:
    """How much wider the response is from normalised images than from images in GeV."""
    factor = normalised / in_gev
    found = "a" if factor < 1.1 else "b" if factor < 1.5 else "c"
    text = f"The response is {factor:.2f} times as wide."
    yield found, text
    yield (
        "a",
        f"{text} After the normalisation the shape of the image is all there is, and it says little about the pt.",
    )
    yield ..., f"{text} The angle between a W's prongs survives, and is about 2 m / pt."


@prediction("M6.P4")
def narrower(*, gain: Estimate) -> Rows:
    """By how many per cent deep sets make the response narrower than the official correction."""
    percent, error = 100 * gain.value, 100 * gain.error
    text = f"The response is narrower by {percent:.0f} ± {error:.0f} %."
    yield Near(percent, 0.0, max(2 * error, 2.0)), text
    yield (
        lambda guess: guess < percent,
        f"{text} The official correction knows the axis; this network sees each particle.",
    )
    yield ..., f"{text} Most of what spreads the response is chance in the calorimeter, which no network can undo."


@prediction("M6.P5", "abc")
def never_met_a_w(*, official: float, network: float) -> Rows:
    """Closure - 1 of W jets in the gap between the calorimeters, of the official correction and of a network."""
    found = "a" if abs(network) < 0.5 * abs(official) else "b" if abs(network) < 1.5 * abs(official) else "c"
    text = f"In the gap the closure of W jets is off by {official:+.3f} with the official correction, "
    text += f"and by {network:+.3f} with the network."
    yield found, text
    yield "c", f"{text} It never met a W jet, but it met the particles that W jets are made of."
    yield ..., f"{text} What counts is where the particles fall, more than which jet they belong to."


# M6.B1: a loss. No network is trained: of the constants, the one with the smallest mean loss is taken in each bin.


class _Tails(NamedTuple):
    """Jets whose corrections have tails that grow from bin to bin: the targets (jets,) of each bin."""

    learnt: list[NDArray[np.float64]]
    judged: list[NDArray[np.float64]]


TAILS, TAIL_JETS = (0.0, 0.1, 0.2, 0.3), (1500, 20_000)
CONSTANTS = np.linspace(-0.3, 0.9, 601)
#: How far from one the median response may be: a grid of 0.002 and 1,500 jets leave 0.004.
CLOSES = 0.01


def _tails() -> _Tails:
    rng = np.random.default_rng()

    def made(tail: float, n: int) -> NDArray[np.float64]:
        return rng.normal(0.05, 0.06, n) + np.where(rng.random(n) < tail, rng.exponential(0.3, n), 0)

    return _Tails(*([made(tail, n) for tail in TAILS] for n in TAIL_JETS))


def loss(built: Any) -> Report:
    """Correct toy jets by the constants that a loss prefers; raises Refused where it is no loss."""
    if not callable(built):
        raise Refused(f"give the function itself, not something of type {type(built).__name__}.")
    bins = _tails()
    best = [_preferred(built, targets) for targets in bins.learnt]
    # response after the correction: measured x exp(constant) / true = exp(constant - target)
    closure = [float(np.median(np.exp(c - t))) for c, t in zip(best, bins.judged, strict=True)]
    off = np.array(closure) - 1
    figures = {
        "jets in the tail": "   ".join(f"{tail:5.0%}" for tail in TAILS),
        "median response": "   ".join(f"{each:5.3f}" for each in closure) + f" (target: 1 within {CLOSES})",
    }
    if np.abs(off).max() <= CLOSES:
        return Report(REACHED, figures)
    if max(best) == CONSTANTS[-1] or min(best) == CONSTANTS[0]:
        advice = "it prefers corrections that are as wrong as can be. Is its sign right?"
    elif abs(off[0]) > CLOSES:
        advice = "even without a tail it does not close: does it punish too high and too low alike?"
    elif off[-1] > 0:
        advice = "the longer the tail, the higher: jets far off pull it. What do they cost, compared with others?"
    else:
        advice = "the longer the tail, the lower: it looks at the most frequent value rather than at the middle."
    return Report(f"hint: {advice}", figures)


TASKS["M6.B1"] = loss


def _preferred(built: Any, targets: NDArray[np.float64]) -> float:
    """The constant with the smallest mean loss, of CONSTANTS."""

    def mean(constant: float) -> float:
        found = attempt("Your loss", built, targets, np.full_like(targets, constant))
        values = attempt("Making an array of your loss", np.asarray, found, float)
        if values.size not in (1, len(targets)) or not np.isfinite(values).all():
            raise Refused(
                f"for {len(targets)} jets your loss gives an array of shape {values.shape}; it should be one finite "
                "number for each jet, or their mean."
            )
        return float(values.mean())

    means = np.array([mean(constant) for constant in CONSTANTS])
    if np.ptp(means) < 1e-9:
        raise Refused("your loss is the same whatever is predicted: does it look at the difference?")
    return float(CONSTANTS[means.argmin()])


# M6.B2: a regression from the five numbers of a jet, judged by the closure of held-back jets.

#: Largest |closure - 1| in a bin of held-back jets: the raw pt has 0.12, a network of a minute 0.01 to 0.02.
WORST = 0.03
#: No network of five numbers makes the response as narrow as this; the true pt does.
NARROWEST = 0.045
ENOUGH = 150


@functools.cache
def _held_back() -> tuple[NDArray[np.float64], JetSample]:
    """Inputs (n, 5), scaled by the lesson's training jets, and the held-back jets."""
    with training.clock("held-back jets"):
        sample = catalog.load("jets")
        (train, _, held), _ = dealt(sample)
        x = jes.jet_inputs(sample)
    return jets.Scaling.fit(x[train]).apply(x[held]), sample[held]


def regression(built: Any) -> Report:
    """Measure closure and resolution of a network's correction; raises Refused where it gives none."""
    if not callable(built):
        raise Refused(f"give the network itself, not something of type {type(built).__name__}.")
    x, sample = _held_back()
    order = np.random.default_rng().permutation(len(x))
    x, sample = x[order], sample[order]
    log_factor = _predicted(built, x)
    scores = metrics.jes.judge(sample, jes.corrected(sample, log_factor), minimum=ENOUGH)
    raw = metrics.jes.judge(sample, sample["jet_ptraw_ak7"], minimum=ENOUGH)
    figures = {
        "largest |closure - 1| of held-back jets": f"{scores.worst} (target: {WORST} or less; raw: {raw.worst})",
        "closure of all together": str(scores.closure),
        "resolution": f"{scores.resolution} (raw: {raw.resolution})",
    }
    if scores.resolution.value < NARROWEST:
        return Report("hint: the response is narrower than five numbers allow: the true pt is in there.", figures)
    if scores.worst.value > WORST:
        return Report(f"hint: {_why(log_factor, scores.worst.value, raw.worst.value)}", figures)
    return Report(REACHED, figures)


TASKS["M6.B2"] = regression


def _predicted(built: Any, x: NDArray[np.float64]) -> NDArray[np.float64]:
    predict = training.outputs if hasattr(built, "count_params") else lambda network, x: network(x)
    found = attempt("Your network, given the five scaled inputs,", predict, built, x)
    values: NDArray[np.float64] = attempt("Making an array of its predictions", np.asarray, found, float)
    if values.shape not in ((len(x),), (len(x), 1)):
        raise Refused(
            f"for {len(x)} jets your network gives an array of shape {values.shape}; it should be one number each."
        )
    if not np.isfinite(values).all():
        raise Refused("some predictions are not finite: did the training diverge? Try a lower learning rate.")
    if (usual := float(np.median(np.abs(values)))) > 1:
        raise Refused(
            f"your network usually predicts {usual:.3g} or more, but log(true pt / raw pt) is near zero: what is "
            "its target, and does its last layer have an activation?"
        )
    # A few jets far off must not overflow: a factor of e^3 is wrong enough.
    return np.clip(values.reshape(len(x)), -3, 3)


def _why(log_factor: NDArray[np.float64], worst: float, raw: float) -> str:
    start = f"{worst:.3f} of {WORST}: "
    if np.ptp(log_factor) < 1e-3:
        return f"{start}it gives all jets the same correction. Was it trained, and on scaled inputs?"
    if log_factor.min() >= 0:
        return f"{start}it never makes a jet softer. Which activation does its last layer have?"
    if worst > 0.8 * raw:
        return f"{start}hardly better than no correction. Was it trained, and with the target log(true pt / raw pt)?"
    return f"{start}more epochs, a smaller learning rate at the end, or more nodes may do."
