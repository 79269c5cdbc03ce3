"""The exercises, predictions and build task of M3, the CNN tagger."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jetlab.check.engine import LETTER, NUMBER, RIGHT, Near, Rows, computed
from jetlab.check.goals import fewest_parameters
from jetlab.check.held_back import tagging
from jetlab.check.networks import Network
from jetlab.check.predictions import prediction
from jetlab.check.tasks import TASKS
from jetlab.config import RunConfig
from jetlab.metrics import Estimate

#: AUC on the held-back jets of the lesson's cut and BDT; the tests measure both again.
CUT_AUC, BDT_AUC = 0.8921, 0.9654
#: What no network of these images gets above; the best that we trained have 0.968.
CEILING = 0.98
#: Width of the lesson's images, in pixels and in η and φ.
PIXELS, WIDTH = 25, 1.4


@computed(NUMBER, "M3.01")
def centre(*, eta: np.ndarray, pt: np.ndarray) -> Rows:
    """Mean eta of candidates, weighted by pt."""
    yield np.average(eta, weights=pt), RIGHT
    yield np.mean(eta), "every candidate counts the same here, the softest as much as the hardest: weigh them by pt."
    by_eta = np.average(eta, weights=np.abs(eta)), np.sum(eta**2) / np.sum(eta)
    yield by_eta, "this is weighted by eta: it pulls each centre to the forward side. Weigh by pt."
    yield np.sum(pt * eta), "divide by the sum of pt, the weights."
    yield ..., "sum pt * eta over the candidates and divide by the sum of pt: np.average(eta, weights=pt)."


# What goes wrong if one flips before one rotates?
LETTER["M3.02"] = {
    "b": RIGHT,
    "a": "distances are kept, but that is not what the flip is for: which half should be on top?",
    "c": "a flip moves nothing out of a square. Which half ends up on top?",
}

# Numbers after two convolutions and poolings of 25 x 25 pixels, with 32 filters.
NUMBER["M3.03"] = {
    6 * 6 * 32: RIGHT,
    6.25 * 6.25 * 32: "nearly: 25 pixels become 12, and 12 become 6; an odd last one is dropped.",
    25 * 25 * 32: "each pooling halves the sides, and there are two.",
    12 * 12 * 32: "there are two poolings.",
    6 * 6: "each of the 32 filters makes an image of its own.",
    6 * 6 * 16: "the second convolution has 32 filters.",
    6 * 6 * 16 * 32: "each of the 32 filters sums over its 16 inputs: 32 images come out, not 512.",
    ...: "25 pixels become 12, then 6: an image of 6 x 6 pixels for each filter.",
}

# Pixels of the image that one number after the second pooling depends on, along a side.
NUMBER["M3.04"] = {
    10: RIGHT,
    3: "this is one convolution alone.",
    5: "two convolutions without the pooling between: it doubles what the second one sees.",
    4: "this is before the second convolution; go on: before the first pooling it is twice as wide.",
    8: "nearly: the first convolution adds one pixel on either side.",
    6: "a kernel of 3 adds one pixel on *either* side, in each convolution.",
    25: "not the whole image: a convolution sees only neighbours.",
    ...: "backwards: 1, pooling 2, convolution 4, pooling 8, convolution ...",
}


@computed(NUMBER, "M3.05")
def significance(*, found: Estimate) -> Rows:
    """A difference in units of its uncertainty."""
    ratio = found.value / found.error
    yield Near(ratio, 2e-2), RIGHT
    yield Near(-ratio, 2e-2), "mind the sign: the difference is the network *without* the rotation minus that with it."
    yield found.value, "this is the difference itself; divide it by its uncertainty."
    yield Near(1 / ratio, 2e-2), "the other way round: the difference divided by its uncertainty."
    yield ..., "found.value / found.error, with the entry of steps for 'not rotated'."


@computed(NUMBER, "M3.06")
def smallest(*, runs: Sequence[Any], goal: Any) -> Rows:
    """Number of the panel's run with the fewest parameters of those that reach its goal."""
    return fewest_parameters(runs, goal, "AUC of {:.4f}", "more epochs, or a larger learning rate?")


@prediction("M3.P1")
def not_empty(*, pictures: np.ndarray) -> Rows:
    """Per cent of the pixels that are not empty."""
    percent = float(100 * np.mean(pictures > 0))
    text = f"{percent:.1f} % of the pixels hold pt."
    yield Near(percent, 0.25), f"{text} The network has to find a jet in very few numbers."
    yield lambda guess: guess > percent, f"{text} A jet has a few dozen candidates, and several often share a pixel."
    yield ..., f"{text} A jet has dozens of candidates, and they spread over more pixels than you thought."


@prediction("M3.P2", "abc")
def where_w_has_more(*, difference: np.ndarray) -> Rows:
    """Where the average W has more pt than the average QCD jet: in the middle, above and below it, or all around."""
    place = (np.arange(len(difference)) + 0.5) / len(difference) * WIDTH - WIDTH / 2
    x, y = np.meshgrid(place, place)
    r = np.hypot(x, y)
    around = (r > 0.15) & (r < 0.45)
    upright, level = (
        float(difference[around & half].sum()) for half in (np.abs(y) > np.abs(x), np.abs(y) <= np.abs(x))
    )
    found = "a" if difference[r < 0.1].sum() > 0 else "b" if upright > 2 * level else "c"
    yield found, "A W decays to two quarks, and the rotation has put both on the vertical axis."
    yield (
        "a",
        "One hard core in the middle is what a quark or a gluon makes; a W has two prongs, each away from the middle.",
    )
    yield "c", "Without rotation it would be a ring; the rotation gathers it on the vertical axis."
    yield ..., "Look at the lower right picture."


@prediction("M3.P3", "abc")
def network_against_tree(*, difference: Estimate) -> Rows:
    """Whether the CNN is better than a BDT on four variables."""
    value, error = difference
    found = "b" if abs(value) < 2 * error else "a" if value > 0 else "c"
    text = f"The AUC differs by {value:+.4f} ± {error:.4f} on the same test jets."
    yield found, text
    yield "a", f"{text} All the information is in the pixels, but a network needs many jets to find it."
    yield "c", f"{text} Nobody told the network what a mass is, and yet it keeps up."
    yield ..., f"{text} That is more than chance explains."


#: Letters of M3.P4 and the steps left out.
LEFT_OUT = {"a": "not rotated", "b": "not flipped", "c": "not zoomed", "d": "cropped to half the width"}


@prediction("M3.P4", "abcd")
def costs_most(*, steps: Mapping[str, Estimate]) -> Rows:
    """Which step costs most AUC when it is left out."""
    loss = {letter: steps[name] for letter, name in LEFT_OUT.items()}
    found = min(loss, key=lambda letter: loss[letter].value)
    value, error = loss[found]
    text = f"{LEFT_OUT[found].capitalize()}: the AUC changes by {value:+.4f} ± {error:.4f}."
    unsure = (
        "" if value < -2 * error else " But that is less than two standard deviations, so none of the four stands out."
    )
    yield found, text + unsure
    for letter, (its, spread) in loss.items():
        yield letter, f"{text}{unsure} {LEFT_OUT[letter].capitalize()}, it changes by {its:+.4f} ± {spread:.4f}."


@prediction("M3.P5", "abc")
def channels_or_jets(*, channels: Estimate, jets: Estimate) -> Rows:
    """Whether four channels or more jets bring more, or whether one cannot tell."""
    gap, error = jets.value - channels.value, float(np.hypot(jets.error, channels.error))
    found = "c" if abs(gap) < 2 * error else "b" if gap > 0 else "a"
    text = f"More jets bring {gap:+.4f} ± {error:.4f} more than the channels do."
    yield found, text
    yield "a", f"{text} The channels split the same few candidates; they add less than one would think."
    yield "b", f"{text} The network may have had nearly enough jets for what it can learn from one channel."
    yield ..., f"{text} That is more than two standard deviations."


@prediction("M3.P6", "abc")
def mass_of_what_passes(*, light: float, heavy: float) -> Rows:
    """How many times as often QCD jets near the W mass pass as lighter ones do."""
    factor = heavy / light if light > 0 else np.inf
    found = "a" if factor < 2 else "b" if factor <= 10 else "c"
    text = f"They pass {factor:.0f} times as often." if np.isfinite(factor) else "No light jet passes."
    yield found, text
    yield "a", f"{text} The network was given no mass, but the distance of two prongs in a zoomed image is one."
    yield ..., f"{text} Compare with the BDT, which was given the mass."


TASKS["M3.B1"] = Network(
    functools.partial(tagging, RunConfig.standard("cnn", image_size=PIXELS)),
    least=0.962,
    ceiling=CEILING,
    most_parameters=5000,
    fed="the images `x`",
    hint="train for more epochs, or spend the parameters elsewhere: a third convolution and pooling before Flatten, "
    "and a smaller dense layer.",
)
