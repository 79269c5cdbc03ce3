"""The exercises of M1, open data."""

import numpy as np

from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed


@computed(NUMBER, "M1.01")
def count_w(*, is_w: np.ndarray) -> Rows:
    """How many jets are hadronic W?"""
    yield np.sum(is_w == 1), RIGHT
    yield len(is_w), "these are all jets; count those with jet_isW_ak7 equal to 1."
    yield np.sum(is_w != 1), "these are the QCD jets; the W have jet_isW_ak7 equal to 1."
    yield Near(np.mean(is_w == 1), 0, 1e-6), "this is their fraction, not their number: np.sum instead of np.mean."
    yield ..., "jet_isW_ak7 is 1 for a W and 0 otherwise, so its sum is what you want."


@computed(NUMBER, "M1.02")
def jet_pt(*, pt: np.ndarray, phi: np.ndarray, jes: float) -> Rows:
    """Corrected jet pt from the candidates."""
    vector = float(np.hypot(np.sum(pt * np.cos(phi)), np.sum(pt * np.sin(phi))))
    yield vector * jes, RIGHT
    yield vector, "this is the raw pt; multiply it by jet_jes_ak7."
    scalar = np.sum(pt)
    yield (scalar, scalar * jes), "this is a scalar sum; momenta are vectors: sum pt cos(phi) and pt sin(phi) first."
    yield ..., "sum px = pt cos(phi) and py = pt sin(phi) over the candidates, take np.hypot, times jet_jes_ak7."


@computed(NUMBER, "M1.03")
def weighted_mean(*, pt: np.ndarray, weight: np.ndarray) -> Rows:
    """Mean pt of QCD jets as in nature."""
    yield np.average(pt, weights=weight), RIGHT
    yield np.mean(pt), "every simulated jet counts once here, but rare high-pt jets were simulated more: use mcweight."
    yield np.mean(pt * weight), "divide by the sum of the weights, not by the number of jets: np.average does it."
    yield ..., "np.average(pt, weights=mcweight), for the QCD jets only."


# Distance in phi of a track at 3.1 from a jet at -3.1.
distance = 2 * np.pi - 6.2
NUMBER["M1.04"] = {
    (Near(distance, 0, 2e-3), Near(-distance, 0, 2e-3)): RIGHT,
    (6.2, -6.2): "phi is an angle: 3.1 and -3.1 are neighbours across pi. Take the short way round.",
    ...: "go from 3.1 up to pi, and from -pi up to -3.1; how far is that together?",
}

# Why are the QCD jets reweighted in pt and eta?
LETTER["M1.05"] = {
    "b": RIGHT,
    "a": "the number of jets per class could be balanced by one factor; look at the shapes of the spectra.",
    "c": "reweighting adds no jets, it changes how much each counts. Look at the spectra before and after.",
}
