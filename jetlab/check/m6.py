"""The exercises of M6, the jet energy scale."""

import numpy as np

from jetlab.check.engine import LETTER, NUMBER, RIGHT, TWO_NUMBERS, Near, Rows, computed


@computed(NUMBER, "M6.01")
def median_response(*, raw: np.ndarray, corrected: np.ndarray, gen: np.ndarray) -> Rows:
    """Median raw response of some jets."""
    median = float(np.median(raw / gen))
    yield Near(median, 2e-4), RIGHT
    yield Near(np.mean(raw / gen), 2e-4), "this is the mean; a few jets far off move it. Take np.median."
    factors = Near(np.median(gen / raw), 2e-4), Near(1 / median, 2e-4)
    yield factors, "upside down: this is the factor that *corrects*; the response is measured over true."
    yield Near(np.median(corrected / gen), 2e-4), "this is the response of the corrected pt; the raw one is asked for."
    yield Near(np.median(raw) / np.median(gen), 2e-4), "first the response of each jet, then the median of these."
    yield ..., "np.median(raw / gen)."


@computed(NUMBER, "M6.02")
def offset(*, rho: float, rho_ue: float, area: float, raw: float) -> Rows:
    """The L1 factor of a jet, for a slope of 1."""
    added = (rho - rho_ue) * area
    share = added / raw
    yield 1 - share, RIGHT
    yield share, "this is the share that pile-up adds; the factor is what is left of the pt: 1 - share."
    yield (added, raw - added), "this is in GeV; the factor multiplies the raw pt, so divide by it."
    yield (
        1 - rho * area / raw,
        "the underlying event belongs to the jet: take off rho - rho_ue only.",
    )
    yield 1 - (rho - rho_ue) / raw, "rho is per unit area: multiply it by the jet's area."
    yield 1 + share, "pile-up adds to the jet: the correction takes it off."
    yield ..., "(rho - rho_ue) x area is what pile-up adds, in GeV: factor = 1 - (rho - rho_ue) * area / raw."


# Constants that make MSE and MAE smallest for the targets 0, 0, 1, 2, 7.
zero, one, two = (Near(value, relative=1e-5, absolute=1e-8) for value in range(3))
TWO_NUMBERS["M6.04"] = {
    (two, one): RIGHT,
    (one, two): "the other way round: which of mean and median does one far-off value pull?",
    (..., zero): "0 is the mode, the most frequent value; the MAE counts how many lie on either side.",
    (two, ...): "the first is right. The MAE is smallest where as many values lie to the left as to the right.",
    ...: "set the derivative to zero: the MSE is smallest at the mean, the MAE at the median.",
}

# Shift of log(true pt) for a spectrum pt^-5 and a resolution of 7 %.
NUMBER["M6.03"] = {
    Near(-4 * 0.07**2, 5e-3): RIGHT,
    Near(4 * 0.07**2, 5e-3): "the sign: the spectrum falls, so more jets come up from below than down from above.",
    Near(-5 * 0.07**2, 5e-3): "nearly: in log(pt) a spectrum pt^-n falls like pt^-(n-1).",
    (Near(-4 * 0.07, 5e-3), Near(-5 * 0.07, 5e-3)): "the resolution enters squared.",
    Near(-4 * 7**2, 5e-3): "7 % is 0.07.",
    ...: "-(n - 1) sigma^2, with n = 5 and sigma = 0.07.",
}

# Where in eta a ReLU node bends that weighs pt = 270 and eta alike.
NUMBER["M6.05"] = {
    -270.0: RIGHT,
    270.0: "check the sign: 0.1 * 270 + 0.1 * eta = 0.",
    (0, -27.0): "the node bends where 0.1 * pt + 0.1 * eta = 0; solve it for eta, with pt = 270.",
    ...: "a ReLU bends where its argument is zero: 0.1 * pt + 0.1 * eta = 0.",
}

# Which treatment of an image keeps what a network needs to say gen pt in GeV?
LETTER["M6.06"] = {
    "c": RIGHT,
    "a": "after this the pixels of *every* jet sum to one: how would you tell 200 GeV from 400?",
    "b": "the hardest pixel becomes one in every jet: the pt is gone as well.",
    "d": "a scaling that is measured in each image by itself takes out how bright that image is.",
}

# Why does the official correction, derived from QCD, not hold for W jets in the gap?
LETTER["M6.07"] = {
    "b": RIGHT,
    "a": "pile-up is the same for both; L1 takes it off alike.",
    "c": "both classes were binned in gen pt and |eta|: the spectrum is not it. What are the jets made of?",
    "d": "compare the difference with the error bars: it is several of them.",
}
