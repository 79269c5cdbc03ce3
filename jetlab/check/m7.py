"""The exercises of M7, from hits to tracks."""

import numpy as np

from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed


@computed(NUMBER, "M7.01")
def momentum(*, radius: float) -> Rows:
    """Transverse momentum in MeV of a circle with this radius in mm."""
    yield 0.3 * radius, RIGHT
    yield radius / 0.3, "the other way round: R = pt / 0.3, so pt = ..."
    yield 0.3 * radius / 1000, "this is in GeV; the detector counts in MeV and mm."
    yield ..., "R [mm] = pt [MeV] / 0.3, so pt is 0.3 times the radius."


# Clustering efficiency of two tracks with six and three hits under one label.
NUMBER["M7.02"] = {
    6 / 9: RIGHT,
    1.0: "both tracks claim the one label, but a label can be kept by one track only: the larger.",
    3 / 9: "the label is kept by the track with *more* hits in it.",
    0.5: "nearly: it is hits that are counted, not tracks.",
    ...: "matched hits over all hits: which of the two tracks keeps the label, and how many hits does it have?",
}


@computed(NUMBER, "M7.03")
def ceiling(*, track: np.ndarray, layer: np.ndarray, event: np.ndarray) -> Rows:
    """Fraction of hits on tracks that have a hit in layer 0."""
    key = event * (int(track.max()) + 1) + track
    seeded = np.isin(key, key[layer == 0])
    yield Near(seeded.mean(), 2e-3), RIGHT
    yield Near(1 - seeded.mean(), 2e-2), "this is what is lost; the ceiling is the rest."
    yield 0.97, "nearly: tracks lose their hit in layer 0 with 3 %; count hits, in these events, instead of tracks."
    in_layer_0 = Near(np.mean(layer == 0), 2e-2)
    yield in_layer_0, "this is the fraction of hits *in* layer 0; count all hits of the tracks that have one there."
    yield ..., "mark the tracks that have a hit in layer 0 (np.isin on event and track); take the mean over all hits."


@computed(NUMBER, "M7.04")
def same_bin(*, bins: int, tracks: int) -> Rows:
    """Probability that a hit shares its bin with at least one hit of the other tracks, spread evenly."""
    alone = (1 - 1 / bins) ** (tracks - 1)
    yield Near(1 - alone, 2e-2), RIGHT
    yield Near(alone, 2e-2), "this is the chance to be alone; one minus it is asked for."
    yield Near(1 / bins, 1e-2), "this is for one other track; there are several."
    yield ..., "one other track misses the bin with 1 - 1 / bins; all of them, with that to the power of tracks - 1."


# Why does the residual network need fewer events than the one with bins?
LETTER["M7.05"] = {
    "b": RIGHT,
    "a": "it has as many parameters, roughly: count them. What does it *not* have to learn?",
    "c": "both are LSTMs and remember alike. What must the one with bins learn again for every place in phi?",
}

# Which claim do the numbers of the lesson support?
LETTER["M7.06"] = {
    "c": RIGHT,
    "a": "the Kalman filter learnt nothing, and is as good. Compare the two within their errors.",
    "b": "0.85 against 0.99 is many times the errors quoted; how many?",
}
