"""The exercises of M3, the CNN tagger."""

import numpy as np

from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed
from jetlab.metrics import Estimate


@computed(NUMBER, "M3.01")
def centre(*, eta: np.ndarray, pt: np.ndarray) -> Rows:
    """Mean eta of candidates, weighted by pt."""
    yield np.average(eta, weights=pt), RIGHT
    yield np.mean(eta), "every candidate counts the same here, the softest as much as the hardest: weigh them by pt."
    by_eta = np.average(eta, weights=np.abs(eta)), np.sum(eta**2) / np.sum(eta)
    yield by_eta, "weighted by eta, the mistake of 2017: it pulls each centre to the forward side. Weigh by pt."
    yield np.sum(pt * eta), "divide by the sum of pt, the weights."
    yield ..., "sum pt * eta over the candidates and divide by the sum of pt: np.average(eta, weights=pt)."


@computed(NUMBER, "M3.02")
def filled(*, pictures: np.ndarray) -> Rows:
    """Fraction of pixels that are not empty."""
    share, pixels = float(np.mean(pictures > 0)), np.sum(pictures > 0)
    yield share, RIGHT
    yield 1 - share, "these are the empty ones."
    yield 100 * share, "nearly: a fraction is asked for, not per cent."
    yield (float(pixels), pixels / len(pictures)), "this is a number of pixels; divide by how many there are."
    yield ..., "pictures > 0 is True for a pixel with pt; its mean is the fraction."


# What goes wrong if one flips before one rotates?
LETTER["M3.03"] = {
    "b": RIGHT,
    "a": "distances are kept, but that is not what the flip is for: which half should be on top?",
    "c": "a flip moves nothing out of a square; look at which half ends up on top.",
}

# Numbers after two convolutions and poolings of 25 x 25 pixels, with 32 filters.
NUMBER["M3.04"] = {
    6 * 6 * 32: RIGHT,
    6.25 * 6.25 * 32: "nearly: 25 pixels become 12, and 12 become 6; an odd last one is dropped.",
    25 * 25 * 32: "pooling halves the sides, twice.",
    12 * 12 * 32: "there are two poolings.",
    6 * 6: "each of the 32 filters makes an image of its own.",
    6 * 6 * 16: "the second convolution has 32 filters.",
    6 * 6 * 16 * 32: "each of the 32 filters sums over its 16 inputs: 32 images come out, not 512.",
    ...: "25 pixels become 12, then 6; so sides of 6, times the number of filters.",
}

# Pixels of the image that one number after the second pooling depends on, along a side.
NUMBER["M3.05"] = {
    10: RIGHT,
    3: "this is one convolution alone.",
    5: "two convolutions without the pooling between: it doubles what the second one sees.",
    4: "this is before the second convolution; go on: before the first pooling it is twice as wide.",
    8: "nearly: the first convolution adds one pixel on either side.",
    6: "a kernel of 3 adds one pixel on *either* side, in each convolution.",
    25: "not the whole image: a convolution sees only neighbours.",
    ...: "backwards: 1, pooling 2, convolution 4, pooling 8, convolution ...",
}


@computed(NUMBER, "M3.06")
def significance(*, found: Estimate) -> Rows:
    """A difference in units of its uncertainty."""
    ratio = found.value / found.error
    yield Near(ratio, 2e-2), RIGHT
    yield Near(-ratio, 2e-2), "mind the sign: the difference is the network *without* the rotation minus that with it."
    yield found.value, "this is the difference itself; divide it by its uncertainty."
    yield Near(1 / ratio, 2e-2), "the other way round: the difference divided by its uncertainty."
    yield ..., "found.value / found.error, with the entry of steps for 'not rotated'."


# What is left of pt in an image normalised to one?
LETTER["M3.07"] = {
    "c": RIGHT,
    "a": "of the same size, yes; but what was the number that each image was divided by?",
    "b": "a little it does: jets of high pt are narrower. But the number itself was there before, and is gone.",
}
