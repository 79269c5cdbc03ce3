"""The exercises of E4, generation, its predictions, and the build task: W jets that pass for simulated ones."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetlab import catalog
from jetlab.check import held_back
from jetlab.check.engine import LETTER, NUMBER, RIGHT, Rows, computed
from jetlab.check.goals import fewest_parameters
from jetlab.check.predictions import prediction
from jetlab.check.tasks import REACHED, TASKS, Refused, Report, attempt
from jetlab.metrics import Estimate, generation
from jetlab.training import clock

COLUMNS = ("jet_msd_ak7", "jet_tau21_ak7", "jet_pt_ak7", "jet_ncand_ak7", "jet_eta_ak7")
#: Lowest and highest values of jets of the lesson's selection; masses are not negative.
SELECTION = ((0.0, np.inf), (0.0, 1.0), (200.0, 500.0), (0.5, np.inf), (-2.0, 2.0))
#: What E4.B1 asks for: an AUC of the trees, and the share of copies, at most.
MOST, COPIED = 0.56, 0.12


# Cross-entropy of a discriminator that cannot tell real from generated examples.
NUMBER["E4.01"] = {
    2 * np.log(2): RIGHT,
    np.log(2): "this is the loss of a real example, or of a generated one; the game adds both.",
    0.5: "this is the probability it gives to either; what is the loss of that?",
    0.0: "a loss of zero has a discriminator that is always right, and sure of it.",
    ...: "it gives a probability of 1/2 to everything: log(1/2) for the real example, and log(1/2) for the other one.",
}

# log |dz/dx| of a coupling with logarithms of the scales of 0.5 and -0.2.
NUMBER["E4.02"] = {
    -0.3: RIGHT,
    0.3: "mind the sign: the flow divides by the scale on its way from x to z.",
    np.exp(-0.3): "this is the determinant; asked for is its logarithm.",
    -0.7: "the second one is negative: there space is stretched, and the two cancel in part.",
    -0.1: "the logarithm of a product is the *sum* of the logarithms.",
    ...: "the determinant is the product of the diagonal, exp(-0.5) x exp(0.2), and 1 for each number that stays.",
}

# Why is the number of particles spread over a unit?
LETTER["E4.03"] = {
    "c": RIGHT,
    "a": "networks learn whole numbers as well as others. But what is the density of a number that is always whole?",
    "b": "mean and width hardly change. But what happens to the likelihood if the flow puts a spike on a whole number?",
}


# log p(m) of a mass whose scaled value (m - 85 GeV) / 10 GeV has log p(z) = -1.2.
NUMBER["E4.04"] = {
    -1.2 - np.log(10): RIGHT,
    -1.2 + np.log(10): "a unit of z is 10 GeV, so a GeV holds a tenth of it. Mind the sign.",
    -1.2: "so it would be if a GeV were a unit of z.",
    -0.12: "the density is divided by 10, so its logarithm is not.",
    -12.0: "densities are multiplied, logarithms are added.",
    np.exp(-1.2) / 10: "this is the density per GeV; asked for is its logarithm.",
    ...: "p(m) dm = p(z) dz, and dz/dm is 1/10 per GeV.",
}


@computed(NUMBER, "E4.05")
def looks(*, steps: int) -> Rows:
    """How often Heun's method asks the network in so many steps."""
    yield 2 * steps, RIGHT
    yield steps, "Euler's method asks once a step. Heun's asks again at the place where that would lead."
    yield 30 * steps, "all 30 particles move at once: the network gives their velocities in one go."
    yield 60 * steps, "all 30 particles move at once: the network gives their velocities in one go."
    yield ..., "two looks a step: where the jet is, and where it would be after the step."


@computed(NUMBER, "E4.06")
def smallest(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of the panel's run with the fewest parameters of those that reach its goal."""
    return fewest_parameters(runs, goal, "log p of {:.4f}", "more epochs, or more transforms?")


@prediction("E4.P1", "abc")
def reached(*, modes: int, smooth: int) -> Rows:
    """Number of the eight places that the generator of the plain game reaches, and that of the game with penalty."""
    found = "a" if modes == 8 else "b" if modes >= 4 else "c"
    text = f"The plain game's generator reaches {modes} of 8 places, that of the game with penalty {smooth}."
    yield found, text
    yield "a", f"{text} Nothing in its loss asks for all: one good place fools the discriminator, for a while."
    yield "b", f"{text} Look at the energy distance: the plain game runs from place to place."
    yield ..., f"{text} A game that runs in circles may pass by a good point; look at the energy distance."


@prediction("E4.P2", "abc")
def told_apart(*, auc: Estimate, floor: Estimate) -> Rows:
    """AUC of the trees for the flow's jets, and for other real ones."""
    found = "a" if auc.value < 0.55 else "b" if auc.value < 0.65 else "c"
    text = f"The trees reach an AUC of {auc} for the flow's jets, and {floor} for other real jets."
    yield found, text
    yield "a", f"{text} The flow smooths some edge, and trees like edges: look at the plots again."
    near = "It is near one half because the flow learnt the density, with all correlations of the four."
    yield "b", f"{text} {near if found == 'a' else 'The flow misses more than you expected: compare the marginals.'}"
    yield ..., f"{text} Four numbers with one peak are easy for a flow; images were not for the GAN."


@prediction("E4.P3", "abc")
def learnt_by_heart(*, share: Estimate) -> Rows:
    """Share of the flow's jets that are copies of training jets."""
    found = "a" if share.value < 0.1 else "b" if share.value <= 0.5 else "c"
    text = f"The share of copies is {share}."
    yield found, text
    yield "a", f"{text} It has learnt some of its training jets by heart: was the validation loss rising?"
    smooth = "It learnt one smooth density: what it makes is as near to other jets as to those it was trained with."
    yield "b", f"{text} {smooth if found == 'a' else 'Was the validation loss rising?'}"
    yield ..., f"{text} The flow has two or three parameters for each jet, but one smooth density for all of them."


@prediction("E4.P4", "abc")
def particle_mass(*, distance: generation.Distance) -> Rows:
    """Distance of the masses of jets of 30 generated particles, with its floor."""
    ratio = distance.value.value / distance.floor.value
    found = "a" if ratio < 2 else "b" if ratio < 10 else "c"
    text = f"W1 of the mass is {distance.value} GeV, the floor {distance.floor} GeV: {ratio:.1f} times as much."
    yield found, text
    yield "a", f"{text} The mass is in what the particles have in common, which takes longest to learn."
    yield "b", f"{text} Each particle alone is right; what depends on all of them together is not yet."
    yield ..., f"{text} That is nearer than you expected: the network looks at the sum of all particles."


@prediction("E4.P5", "abc")
def faster(*, ratio: float) -> Rows:
    """How many times faster the flow makes a jet than the simulation."""
    found = "a" if ratio < 100 else "b" if ratio < 30_000 else "c"
    text = f"The flow makes {ratio:,.0f} jets in the time that the simulation takes for one."
    yield found, text
    yield "a", f"{text} A few products of matrices are all that it takes; no collision, no detector."
    yield "b", f"{text} Such figures depend on the network and on the machine: time it again."
    yield ..., f"{text} The simulation is a fast one: with a full detector it would take far longer."


@functools.cache
def parts() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """COLUMNS (n, 5) of all W jets that the lesson has, and of those held back."""
    with clock("held-back jets"):
        sample = catalog.load("jets")
        opened = np.isin(np.arange(len(sample)), held_back.opened(sample))
    x = np.stack([np.asarray(sample[name], dtype=np.float64) for name in COLUMNS], axis=1)
    is_w = sample["jet_isW_ak7"] == 1
    return x[is_w & opened], x[is_w & ~opened]


def judged(built: Any) -> Report:
    """Judge a function that makes n jets."""
    if not callable(built) or hasattr(built, "count_params"):
        raise Refused("this task asks for a function: make(n) returns n new jets, an array (n, 5).")
    known, others = parts()
    made = _made(built, len(others))
    share = generation.copied(_spread(made, 0), _spread(known, 1), _spread(others, 2))
    auc = generation.two_sample_auc(others, made)
    figures = {
        "AUC of the trees on held-back jets": f"{auc} (target: {MOST:g} or less)",
        "share of copies of the lesson's jets": f"{share} (target: {COPIED:g} or less)",
    }
    if share.value > COPIED:
        said = "hint: many of your jets are copies of the lesson's, or nearly so; make new ones."
    elif auc.value > MOST:
        said = "hint: the trees can tell. Compare the marginals; more epochs, a falling learning rate, limits that fit?"
    else:
        said = REACHED
    return Report(said, figures)


def _made(built: Any, n: int) -> NDArray[np.float64]:
    found = attempt("your function", built, n)
    made = attempt("making numbers of what your function returned", lambda: np.asarray(found, dtype=np.float64))
    assert isinstance(made, np.ndarray)
    if made.shape != (n, len(COLUMNS)):
        raise Refused(f"asked for {n} jets, your function returned {made.shape}; wanted is ({n}, {len(COLUMNS)}).")
    if not np.isfinite(made).all():
        raise Refused("some of your jets have numbers that are NaN or infinite.")
    if (made[:, 3] != np.rint(made[:, 3])).any():
        raise Refused("a jet has a whole number of particles: round the fourth column.")
    low, high = np.array(SELECTION).T
    if ((made < low) | (made > high)).any():
        raise Refused(
            "some of your jets lie outside of the selection: 200 < pt < 500 GeV, |η| < 2, 0 < τ21 < 1, one particle or "
            "more, and no mass below 0."
        )
    return made


def _spread(x: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """The same jets with their number of particles anywhere within half a unit, so that few distances are equal."""
    return x + np.random.default_rng(seed).uniform(-0.5, 0.5, len(x))[:, np.newaxis] * [0, 0, 0, 1, 0]


TASKS["E4.B1"] = judged
