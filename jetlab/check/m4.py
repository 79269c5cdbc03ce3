"""The exercises of M4, the LSTM tagger."""

import math

import numpy as np

from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed


@computed(NUMBER, "M4.01")
def cut_short(*, counts: np.ndarray, length: int) -> Rows:
    """Fraction of the jets that have more candidates than the sequence has places."""
    cut = counts > length
    yield np.mean(cut), RIGHT
    yield np.mean(~cut), "these are the jets that fit; the rest are cut short."
    yield float(np.sum(cut)), "this is their number, not their fraction: np.mean instead of np.sum."
    yield np.mean(counts >= length), f"a jet with exactly {length} candidates fits and loses none: use >."
    lost = np.maximum(counts - length, 0).sum() / counts.sum()
    yield lost, "this is the fraction of *candidates* that are lost; what is asked for is that of jets that lose any."
    yield ..., "np.mean(counts > length)."


# What pad_sequences with its defaults makes of eta = -0.7.
NUMBER["M4.02"] = {
    0: RIGHT,
    -0.7: "look at the dtype that came back: int32 has no place for a fraction.",
    -1: "nearly: numpy does not round when it makes whole numbers, it cuts the fraction off.",
    ...: "np.int32(-0.7) is what happens to it.",
}

# Cross-entropy of the score 0.5 for every jet.
NUMBER["M4.03"] = {
    Near(math.log(2), 2e-3): RIGHT,
    Near(-math.log(2), 2e-3): "the loss has a minus sign: -log(0.5).",
    0.5: "this is the score; the loss is minus its logarithm.",
    (Near(math.log10(2), 2e-3), 1.0): "the right idea, but it is the *natural* logarithm.",
    ...: "a W costs -log(score), a QCD jet -log(1 - score); put in 0.5.",
}

# Accuracy on the last fifth of a file that holds 500 W and then 500 QCD jets, of a network that says W.
NUMBER["M4.04"] = {
    0: RIGHT,
    0.5: "half of *all* jets are W, but which jets are the last 200?",
    Near(0.625, 2e-3): "this is on the *training* jets, 500 W and 300 QCD. Which jets are left for validation?",
    (1.0, 100.0): "the other way round: the last 200 are all QCD, and the network calls each a W.",
    ...: "the last 200 jets of the file are all of one class. Which, and what does the network say of them?",
}

# Weight updates in 5 epochs of 12,000 jets in batches of 128.
NUMBER["M4.05"] = {
    470: RIGHT,
    468.75: "an epoch ends with a smaller batch, which counts as well: 93.75 is 94 batches.",
    465: "the last batch of an epoch is smaller, but it is not left out: round up.",
    94: "this is one epoch.",
    60_000: "this is how many jets are looked at; the weights change once a *batch*.",
    ...: "the weights change once a batch: how many batches has an epoch, and how many epochs are there?",
}

# What follows from two fixes of which neither helps much alone?
LETTER["M4.06"] = {
    "b": RIGHT,
    "a": "alone it seems useless; but look at the step from *scaled* to *scaled and relative*.",
    "c": "the steps are many times the spread over the seeds: it is not chance.",
}

# Parameters of an embedding of 6 classes and the padding into 3 numbers.
NUMBER["M4.07"] = {
    21: RIGHT,
    18: "the padding, class 0, has a row in the table, too.",
    (24, 28): "a table has no biases: a row of 3 numbers for each class.",
    ...: "an embedding is a table: as many rows as there are classes, 0 included, and 3 columns.",
}

# What to do with significances of which a few are a thousand?
LETTER["M4.08"] = {
    "c": RIGHT,
    "a": "scaling shifts and stretches, but keeps the shape: most tracks would lie in a spike near 0.",
    "b": "a track far from the vertex is what a b quark or a K0 leaves: keep it, but not as the number 1000.",
}
