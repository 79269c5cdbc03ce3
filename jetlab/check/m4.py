"""The self-checks of M4; importing this module makes them known to `jetlab.check`, which does so when asked."""

import numpy as np

from jetlab.check.engine import NUMBER, _choice, _close, _register


@_register("M4.01", NUMBER)
def _cut_short(answer: float, *, counts: np.ndarray, length: int) -> str | None:
    """Fraction of the jets that have more candidates than the sequence has places."""
    longer = np.mean(counts > length)
    if _close(answer, longer):
        return None
    if _close(answer, np.mean(counts <= length)):
        return "these are the jets that fit; the rest is cut short."
    if _close(answer, np.sum(counts > length)):
        return "this is their number; the fraction is asked for: np.mean instead of np.sum."
    if _close(answer, np.mean(counts >= length)):
        return f"a jet with exactly {length} candidates fits and loses none: use >."
    if _close(answer, np.maximum(counts - length, 0).sum() / counts.sum()):
        return "this is the fraction of *candidates* that are lost; asked for are the jets that lose any."
    return "np.mean(counts > length)."


@_register("M4.02", NUMBER)
def _whole_numbers(answer: float) -> str | None:
    """What pad_sequences with its defaults makes of eta = -0.7."""
    if answer == 0:
        return None
    if _close(answer, -0.7):
        return "look at the dtype that came back: int32 has no place for a fraction."
    if answer == -1:
        return "nearly: numpy does not round when it makes whole numbers, it cuts the fraction off."
    return "np.int32(-0.7) is what happens to it."


@_register("M4.03", NUMBER)
def _loss_of_a_coin(answer: float) -> str | None:
    """Cross-entropy of the score 0.5 for every jet."""
    if _close(answer, np.log(2), 2e-3):
        return None
    if _close(answer, -np.log(2), 2e-3):
        return "the loss has a minus sign: -log(0.5)."
    if _close(answer, 0.5):
        return "this is the score; the loss is minus its logarithm."
    if _close(answer, np.log10(2), 2e-3) or _close(answer, 1):
        return "the right idea, but it is the *natural* logarithm."
    return "a W costs -log(score), a QCD jet -log(1 - score); put in 0.5."


@_register("M4.04", NUMBER)
def _worse_than_chance(answer: float) -> str | None:
    """Accuracy on the last fifth of a file that holds 500 W and then 500 QCD jets, of a network that says W."""
    if answer == 0:
        return None
    if _close(answer, 0.5):
        return "half of *all* jets are W, but which jets are the last 200?"
    if _close(answer, 0.625, 2e-3):
        return "this is the accuracy on the *training* jets, 500 W and 300 QCD. Which jets are left for validation?"
    if _close(answer, 1) or _close(answer, 100):
        return "the other way round: the last 200 are all QCD, and the network calls each a W."
    return "the last 200 jets of the file are all of one class. Which, and what does the network say of them?"


@_register("M4.05", NUMBER)
def _updates(answer: float) -> str | None:
    """Weight updates in 5 epochs of 12,000 jets in batches of 128."""
    if answer == 470:
        return None
    if _close(answer, 468.75):
        return "an epoch ends with a smaller batch, which counts as well: 93.75 is 94 batches."
    if answer == 465:
        return "the last batch of an epoch is smaller, but it is not left out: round up."
    if answer == 94:
        return "this is one epoch."
    if answer == 60_000:
        return "this is how many jets are looked at; the weights change once a *batch*."
    return "the weights change once a batch: how many batches has an epoch, and how many epochs are there?"


# What follows from two mends of which neither helps much alone?
_choice(
    "M4.06",
    "b",
    {
        "a": "alone it seems useless; but look at the step from *scaled* to *scaled and relative*.",
        "c": "the steps are many times the spread over the seeds: it is not chance.",
    },
)


@_register("M4.07", NUMBER)
def _embedding(answer: float) -> str | None:
    """Parameters of an embedding of 6 classes and the padding into 3 numbers."""
    if answer == 21:
        return None
    if answer == 18:
        return "the padding, class 0, has a row in the table, too."
    if answer in (24, 28):
        return "a table has no biases: a row of 3 numbers for each class."
    return "an embedding is a table: as many rows as there are classes, 0 included, and 3 columns."


# What to do with significances of which a few are a thousand?
_choice(
    "M4.08",
    "c",
    {
        "a": "scaling shifts and stretches, but keeps the shape: most tracks would lie in a spike near 0.",
        "b": "a track far from the vertex is what a b quark or a K0 leaves: keep it, but not as the number 1000.",
    },
)
