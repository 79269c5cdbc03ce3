"""The self-checks of M3; importing this module makes them known to `jetlab.check`, which does so when asked."""

import numpy as np

from jetlab.check.engine import NUMBER, _choice, _close, _register
from jetlab.metrics import Estimate


@_register("M3.01", NUMBER)
def _centre(answer: float, *, eta: np.ndarray, pt: np.ndarray) -> str | None:
    """Mean eta of candidates, weighted by pt."""
    if _close(answer, np.average(eta, weights=pt)):
        return None
    if _close(answer, np.mean(eta)):
        return "every candidate counts the same here, the softest as much as the hardest: weigh them by pt."
    if _close(answer, np.average(eta, weights=np.abs(eta))) or _close(answer, np.sum(eta**2) / np.sum(eta)):
        return "weighted by eta: this was the mistake of 2017, each centre is pulled to the forward side. Weigh by pt."
    if _close(answer, np.sum(pt * eta)):
        return "divide by the sum of pt, the weights."
    return "sum pt * eta over the candidates and divide by the sum of pt: np.average(eta, weights=pt)."


@_register("M3.02", NUMBER)
def _filled(answer: float, *, pictures: np.ndarray) -> str | None:
    """Fraction of pixels that are not empty."""
    filled = float(np.mean(pictures > 0))
    if _close(answer, filled):
        return None
    if _close(answer, 1 - filled):
        return "these are the empty ones."
    if _close(answer, 100 * filled):
        return "nearly: a fraction is asked for, not per cent."
    if _close(answer, np.sum(pictures > 0)) or _close(answer, np.sum(pictures > 0) / len(pictures)):
        return "this is a number of pixels; divide by how many there are."
    return "pictures > 0 is True for a pixel with pt; its mean is the fraction."


# What goes wrong if one flips before one rotates?
_choice(
    "M3.03",
    "b",
    {
        "a": "distances are kept, but that is not what the flip is for: which half shall be on top?",
        "c": "a flip moves nothing out of a square; look at which half ends up on top.",
    },
)


@_register("M3.04", NUMBER)
def _flattened(answer: float) -> str | None:
    """Numbers after two convolutions and poolings of 25 x 25 pixels, with 32 filters."""
    hints = {
        25 * 25 * 32: "pooling halves the sides, twice.",
        12 * 12 * 32: "there are two poolings.",
        6 * 6: "each of the 32 filters makes an image of its own.",
        6 * 6 * 16: "the second convolution has 32 filters.",
        6 * 6 * 16 * 32: "each of the 32 filters sums over its 16 inputs: 32 images come out, not 512.",
    }
    if answer == 6 * 6 * 32:
        return None
    if _close(answer, 6.25 * 6.25 * 32):
        return "nearly: 25 pixels become 12, and 12 become 6; an odd last one is dropped."
    return hints.get(answer, "25 pixels become 12, then 6; so sides of 6, times the number of filters.")


@_register("M3.05", NUMBER)
def _field(answer: float) -> str | None:
    """Pixels of the image that one number after the second pooling depends on, along a side."""
    hints = {
        3: "this is one convolution alone.",
        5: "two convolutions without the pooling between: it doubles what the second one sees.",
        4: "this is before the second convolution; go on: before the first pooling it is twice as wide.",
        8: "nearly: the first convolution adds one pixel on either side.",
        6: "a kernel of 3 adds one pixel on *either* side, in each convolution.",
        25: "not the whole image: a convolution sees only neighbours.",
    }
    if answer == 10:
        return None
    return hints.get(answer, "backwards: 1, pooling 2, convolution 4, pooling 8, convolution ...")


@_register("M3.06", NUMBER)
def _significance(answer: float, *, found: Estimate) -> str | None:
    """A difference in units of its uncertainty."""
    if _close(answer, found.value / found.error, 2e-2):
        return None
    if _close(answer, -found.value / found.error, 2e-2):
        return "mind the sign: the difference is that of the network *without* the rotation less that with all steps."
    if _close(answer, found.value):
        return "this is the difference itself; divide it by its uncertainty."
    if _close(answer, found.error / found.value, 2e-2):
        return "the other way round: the difference divided by its uncertainty."
    return "found.value / found.error, with the entry of steps for 'not rotated'."


# What is left of pt in an image normalised to one?
_choice(
    "M3.07",
    "c",
    {
        "a": "of the same size, yes; but what was the number that each image was divided by?",
        "b": "a little it does: jets of high pt are narrower. But the number itself was there before, and is gone.",
    },
)
