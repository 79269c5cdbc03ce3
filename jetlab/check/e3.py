"""The exercises of E3, pile-up, its predictions, and the build task: the neutral energy of the leading vertex."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jetlab import catalog, pile_up, training
from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed
from jetlab.check.goals import fewest_parameters
from jetlab.check.held_back import open_collisions
from jetlab.check.predictions import prediction
from jetlab.check.tasks import REACHED, TASKS, Refused, Report, attempt
from jetlab.metrics import Estimate, response
from jetlab.training import clock

MEAN = 40.0
#: What E3.B1 asks for on held-back jets of W: gain in mass resolution over PUPPI, and how far the median mass may be
#: off where there is no pile-up.
LEAST, MOST_OFF = 0.15, 0.015
#: GeV; the relative resolution of a jet of less mass says little.
LEAST_MASS = 10.0


@computed(NUMBER, "E3.01")
def collected(*, rho: float) -> Rows:
    """Neutral pt [GeV] that even pile-up of this density adds to a jet with R = 0.7."""
    area = np.pi * 0.7**2
    yield Near(rho * area, 0.02), RIGHT
    yield Near(rho * 1.4**2, 0.02), "this is the square around the jet; the jet is a circle."
    yield Near(rho * 2 * np.pi * 0.7, 0.02), "this is the circle's circumference; what is its area?"
    yield Near(rho, 0.02), "that is for a unit of area; the jet has another area."
    yield ..., "density times area of a circle with radius 0.7."


# Why does SoftKiller's threshold rise with the number of collisions?
LETTER["E3.02"] = {
    "b": RIGHT,
    "a": "the hard collision is the same. What is the threshold the median of?",
    "c": "nobody tells SoftKiller how many collisions there were. What is the threshold the median of?",
}


@computed(NUMBER, "E3.03")
def unbiased(*, thresholds: Sequence[float], closures: Sequence[float]) -> Rows:
    """The threshold [GeV] that brings the median response of the mass nearest to 1."""
    off = np.abs(np.asarray(closures) - 1)
    best = float(np.asarray(thresholds)[np.argmin(off)])
    yield Near(best, 0.0, 0.05), RIGHT
    for threshold, closure in zip(thresholds, closures, strict=True):
        if threshold == best:
            continue
        side = "too heavy: cut more" if closure > 1 else "too light: cut less"
        yield Near(threshold, 0.0, 0.05), f"there the median response of the mass is {closure:.3f}, {side}."
    yield ..., "answer with a value of the slider, in GeV."


@computed(NUMBER, "E3.04")
def parameters(*, size: int, channels: int) -> Rows:
    """Parameters of a convolution with one filter."""
    yield size * size * channels + 1, RIGHT
    yield size * size * channels, "and the bias?"
    yield size * size + 1, "the filter looks at all three images at once."
    yield size * size, "the filter looks at all three images at once, and there is a bias."
    yield 15 * 15 * channels + 1, "the same filter is used everywhere: the size of the image does not matter."
    yield ..., "height x width of the filter x input images, and one bias."


# What is PUPPI's alpha, seen as a deep set?
LETTER["E3.05"] = {
    "a": RIGHT,
    "b": "the weight is calculated later, from alpha. Which step adds up over the neighbours?",
    "c": "the order of the neighbours does not matter to a sum. So what is it?",
}


@computed(NUMBER, "E3.06")
def smallest_run(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of the panel's run with the fewest parameters of those that reach its goal."""
    yield from fewest_parameters(runs, goal, "gain of {:.3f}", "more epochs, more filters, or larger ones?")


@prediction("E3.P1", "abc")
def suffers(*, pt: Estimate, mass: Estimate) -> Rows:
    """Median response of jet pt and mass with nothing taken off."""
    shift = [each.value - 1 for each in (pt, mass)]
    found = "a" if shift[0] > 1.5 * shift[1] else "c" if shift[1] > 1.5 * shift[0] else "b"
    text = f"Pt is {100 * shift[0]:.1f} % too high, mass {100 * shift[1]:.1f} %, by the median."
    yield found, text
    yield ..., f"{text} The squared mass weighs pt by its squared distance from the axis, and pile-up lies everywhere."


@prediction("E3.P2", "abc")
def classic(*, resolutions: Mapping[str, Estimate]) -> Rows:
    """Mass resolution of area subtraction, SoftKiller and PUPPI, in this order."""
    values = [each.value for each in resolutions.values()]
    found = "abc"[int(np.argmin(values))]
    text = ", ".join(f"{name} {value}" for name, value in resolutions.items()) + "."
    yield found, text
    yield ..., f"{text} PUPPI alone looks at what is charged around a cell."


@prediction("E3.P3", "abc")
def smallest(*, gain: Estimate) -> Rows:
    """By how much one convolution has a better mass resolution than PUPPI."""
    value, error = gain
    found = "b" if abs(value) < 2 * error else "a" if value > 0 else "c"
    text = f"Its mass resolution is better than PUPPI's by {100 * value:.0f} ± {100 * error:.0f} %."
    yield found, text
    why = {
        "a": "76 numbers, learnt from examples, do better than PUPPI's formula.",
        "b": "76 numbers, learnt from examples, do about as well as PUPPI's formula.",
        "c": "A weighted sum cannot multiply a cell by what lies around it, and PUPPI's weight does.",
    }
    yield ..., f"{text} {why[found]}"


@prediction("E3.P4", "abc")
def elsewhere(*, gain: Estimate) -> Rows:
    """By how much a network trained at 40 collisions is better than PUPPI at 140."""
    value, error = gain
    found = "b" if abs(value) < 2 * error else "a" if value > 0 else "c"
    text = f"At 140 collisions its mass resolution is better than PUPPI's by {100 * value:.0f} ± {100 * error:.0f} %."
    yield found, text
    why = {
        "a": "It sees the charged pile-up around each cell, and that grows along with the neutral.",
        "b": "Neither is clearly better.",
        "c": "It was never shown so crowded a crossing; PUPPI adapts to each by its charged pile-up.",
    }
    yield ..., f"{text} {why[found]}"


@functools.cache
def held_back(mean: float) -> pile_up.Jets:
    """Jets of W at so many pile-up collisions on average, of collisions that the lesson does not have."""
    with clock("held-back jets"):
        crossings = pile_up.read_crossings(catalog.path("pile_up"))
        hard, pool = open_collisions(crossings)
        hard, pool = (
            np.setdiff1d(np.arange(n), each)
            for n, each in ((len(crossings.hard), hard), (len(crossings.minimum_bias), pool))
        )
        # Twice, with other pile-up each time.
        chosen = hard[crossings.is_w[hard]]
        return pile_up.joined([pile_up.overlay(crossings, mean, seed, chosen, pool) for seed in (1, 2)])


def remover(built: Any) -> Report:
    """Judge a Keras network, or a function, from images to the neutral pt of the leading vertex."""
    if not callable(built):
        raise Refused("give the network itself: it has to work on jets that you don't have.")
    jets, alone = held_back(MEAN), held_back(0.0)
    cells = _cells(built, pile_up.images(jets))
    true_pt, true_mass = pile_up.kinematics(jets, jets.truth)
    kept = true_mass > LEAST_MASS
    found = {}
    for name, each in (("yours", cells), ("PUPPI", jets.neutral * jets.puppi)):
        pt, mass = pile_up.kinematics(jets, each)
        found[name] = pt[kept] / true_pt[kept], mass[kept] / true_mass[kept]
    gain = response.gain(found["yours"][1], found["PUPPI"][1])
    figures = {
        "gain in mass resolution over PUPPI": f"{gain} (target: {LEAST} or more)",
        "mass resolution": str(response.resolution(found["yours"][1])),
        "median response of the mass": str(response.closure(found["yours"][1])),
        "median response of pt": str(response.closure(found["yours"][0])),
    }
    mass, true_mass = (
        pile_up.kinematics(alone, each)[1] for each in (_cells(built, pile_up.images(alone)), alone.truth)
    )
    kept = true_mass > LEAST_MASS
    left = response.closure(mass[kept] / true_mass[kept])
    figures["median response of the mass without pile-up"] = f"{left} (target: within {MOST_OFF} of 1)"
    if np.allclose(cells, jets.truth, atol=1e-3):
        raise Refused("these are the true cells themselves; what you build gets the images alone.")
    if gain.value < LEAST:
        hint = "more filters, more epochs, or a weight between 0 and 1 for each cell may do."
        return Report(f"hint: gain {gain.value:.2f} of {LEAST}: {hint}", figures)
    if abs(left.value - 1) > MOST_OFF:
        hint = "without pile-up it takes off energy of the jet itself: train with crossings of few collisions, too."
        return Report(f"hint: {hint}", figures)
    return Report(REACHED, figures)


def _cells(built: Any, images: Any) -> Any:
    """What it makes of the images, (n, SIZE, SIZE); raises Refused where it cannot be cells."""
    predict = training.outputs if hasattr(built, "count_params") else lambda network, x: network(x)
    order = np.random.default_rng().permutation(len(images))
    found = attempt("What you built, given images,", predict, built, images[order])
    cells = attempt("Making an array of what you built", np.asarray, found, float)
    n, size = len(images), pile_up.SIZE
    if cells.shape not in ((n, size, size), (n, size, size, 1)):
        raise Refused(
            f"for {n} jets it gives shape {cells.shape}; there should be one number for each cell, (n, {size}, {size})."
        )
    if not np.isfinite(cells).all():
        raise Refused("some cells are not finite: did the training diverge? Try a lower learning rate.")
    cells = cells.reshape(n, size, size)
    if np.ptp(cells) < 1e-6:
        raise Refused("all cells get the same pt. Does the loss fall from epoch to epoch?")
    return cells[np.argsort(order)]


TASKS["E3.B1"] = remover
