"""The exercise, the predictions and the build task of M0, the welcome."""

import functools
from typing import Any

import numpy as np

from jetlab.check.engine import LETTER, RIGHT, Near, Rows
from jetlab.check.held_back import columns
from jetlab.check.networks import Network
from jetlab.check.predictions import prediction
from jetlab.check.tasks import TASKS, Refused, Report, attempt

#: AUC to reach on held-back jets: above what either number gives alone (0.936 and 0.918), below what both give.
TAGGER_AUC = 0.942
#: What no function of the two numbers gets above; a network of them has 0.965.
CEILING = 0.98
TRIED = Network(
    functools.partial(columns, ("jet_msd_ak7", "jet_tau21_ak7")),
    least=TAGGER_AUC,
    ceiling=CEILING,
    fed="masses and τ₂/τ₁",
    hint="does your function use both numbers? A W jet has a mass near 80 GeV *and* a small τ₂/τ₁.",
)

# What is a jet with score 0.95?
LETTER["M0.01"] = {"b": RIGHT, "a": "look at the right plot: which kind of jet has scores near 1?"}


@prediction("M0.P1", "abc")
def better_number(*, mass: float, tau: float) -> Rows:
    """Which of two numbers puts more pairs in the right order."""
    yield "c" if abs(mass - tau) < 0.01 else "a" if mass > tau else "b", "But both do well."
    yield "a", "Nearly all W jets have about the same mass, but some QCD jets are heavier still."
    yield "b", "QCD jets often have two prongs by chance, and few reach a mass of 80 GeV."
    yield ..., "They do differ, though not by much."


@prediction("M0.P3")
def mistaken_for_a_w(*, percent: float) -> Rows:
    """How many percent of the QCD jets have a score above 0.5."""
    yield Near(percent, 0.0, 3.0), "Is that good? It depends on how many QCD jets there are for each W."
    yield lambda guess: guess < percent, "Some QCD jets look like a W by chance: two prongs, and a mass near 80 GeV."
    yield ..., "Two good numbers mistake fewer jets than you expected."


@prediction("M0.P2")
def pairs_in_order(*, percent: float) -> Rows:
    """In how many percent of the pairs the W jet has the higher score."""
    yield Near(percent, 0.0, 1.5), "Two good numbers go a long way."
    yield lambda guess: guess < percent, "Two numbers that physicists built for this purpose go a long way."
    yield ..., "It is not perfect: some QCD jets have the mass and the two prongs of a W by chance."


def tagger(built: Any) -> Report:
    """Judge a function of masses and tau2/tau1, each (n,), that gives scores (n,) between 0 and 1."""
    if not callable(built) or hasattr(built, "count_params"):
        raise Refused(
            f"give the function itself, `tagger`, not something of type {type(built).__name__}: it has to judge jets "
            "you don't have."
        )
    x = TRIED.parts().validation.x
    assert not isinstance(x, tuple)  # a dense network has one array of inputs
    mass, tau21 = x.T
    scores = attempt("Your function", built, mass.copy(), tau21.copy())
    scores = attempt("Making an array of what your function returns", np.asarray, scores, float)
    if scores.shape != mass.shape:
        raise Refused(
            f"for {len(mass)} jets your function returns shape {scores.shape}; it should return one score per jet. "
            "`mass` and `tau21` are arrays: calculate with them as a whole."
        )
    if np.nanmin(scores) < 0 or np.nanmax(scores) > 1:
        raise Refused(
            f"the scores run from {np.nanmin(scores):.3g} to {np.nanmax(scores):.3g}, but should lie between 0 and 1: "
            "np.clip(score, 0, 1) cuts off the rest, or rescale them."
        )
    return TRIED(lambda x: built(*x.T.copy()))


TASKS["M0.B1"] = tagger
