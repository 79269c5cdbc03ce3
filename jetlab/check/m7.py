"""The self-checks of M7; importing this module makes them known to `jetlab.check`, which does so when asked."""

import numpy as np

from jetlab.check.engine import NUMBER, _choice, _close, _register


@_register("M7.01", NUMBER)
def _momentum(answer: float, *, radius: float) -> str | None:
    """Transverse momentum in MeV of a circle with this radius in mm."""
    if _close(answer, 0.3 * radius):
        return None
    if _close(answer, radius / 0.3):
        return "the other way round: R = pt / 0.3, so pt = ..."
    if _close(answer, 0.3 * radius / 1000):
        return "this is in GeV; the detector counts in MeV and mm."
    return "R [mm] = pt [MeV] / 0.3, so pt is 0.3 times the radius."


@_register("M7.02", NUMBER)
def _score(answer: float) -> str | None:
    """Clustering efficiency of two tracks with six and three hits under one label."""
    if _close(answer, 6 / 9):
        return None
    if _close(answer, 1):
        return "both tracks claim the one label, but a label can be kept by one track only: the larger."
    if _close(answer, 3 / 9):
        return "the label is kept by the track with *more* hits in it."
    if _close(answer, 0.5):
        return "nearly: it is hits that are counted, not tracks."
    return "matched hits over all hits: which of the two tracks keeps the label, and how many hits does it have?"


@_register("M7.03", NUMBER)
def _ceiling(answer: float, *, track: np.ndarray, layer: np.ndarray, event: np.ndarray) -> str | None:
    """Fraction of hits on tracks that have a hit in layer 0."""
    key = event * (int(track.max()) + 1) + track
    seeded = np.isin(key, key[layer == 0])
    if _close(answer, seeded.mean(), 2e-3):
        return None
    if _close(answer, 1 - seeded.mean(), 2e-2):
        return "this is what is lost; the ceiling is the rest."
    if _close(answer, 0.97):
        return "nearly: tracks lose their hit in layer 0 with 3 %; count hits, in these events, instead of tracks."
    if _close(answer, np.mean(layer == 0), 2e-2):
        return "this is the fraction of hits *in* layer 0; asked for are all the hits of tracks that have one there."
    return "mark the tracks that have a hit in layer 0 (np.isin on event and track), then take the mean over all hits."


@_register("M7.04", NUMBER)
def _same_bin(answer: float, *, bins: int, tracks: int) -> str | None:
    """Probability that a hit shares its bin with at least one hit of the other tracks, spread evenly."""
    alone = (1 - 1 / bins) ** (tracks - 1)
    if _close(answer, 1 - alone, 2e-2):
        return None
    if _close(answer, alone, 2e-2):
        return "this is the chance to be alone; one minus it is asked for."
    if _close(answer, 1 / bins, 1e-2):
        return "this is for one other track; there are several."
    return (
        "one other track misses the bin with 1 - 1 / bins; all of them together with that to the power of tracks - 1."
    )


# Why does the residual network need fewer events than the one with bins?
_choice(
    "M7.05",
    "b",
    {
        "a": "it has as many parameters, roughly: count them. What does it *not* have to learn?",
        "c": "both are LSTMs and remember alike. What must the one with bins learn again for every place in phi?",
    },
)


# Which claim do the numbers of the lesson support?
_choice(
    "M7.06",
    "c",
    {
        "a": "the Kalman filter learnt nothing, and is as good. Compare the two within their errors.",
        "b": "0.85 against 0.99 is many times the errors quoted; how many?",
    },
)
