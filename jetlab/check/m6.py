"""The self-checks of M6; importing this module makes them known to `jetlab.check`, which does so when asked."""

import numpy as np

from jetlab.check.engine import NUMBER, TWO_NUMBERS, _choice, _close, _register


@_register("M6.01", NUMBER)
def _median_response(answer: float, *, raw: np.ndarray, corrected: np.ndarray, gen: np.ndarray) -> str | None:
    """Median raw response of some jets."""
    median = float(np.median(raw / gen))
    if _close(answer, median, 2e-4):
        return None
    if _close(answer, np.mean(raw / gen), 2e-4):
        return "this is the mean; a few jets far off move it. Take np.median."
    if _close(answer, np.median(gen / raw), 2e-4) or _close(answer, 1 / median, 2e-4):
        return "upside down: this is the factor that *corrects*; the response is measured over true."
    if _close(answer, np.median(corrected / gen), 2e-4):
        return "this is the response of the corrected pt; the raw one is asked for."
    if _close(answer, np.median(raw) / np.median(gen), 2e-4):
        return "first the response of each jet, then the median of these."
    return "np.median(raw / gen)."


@_register("M6.02", NUMBER)
def _offset(answer: float, *, rho: float, area: float, raw: float) -> str | None:
    """The L1 factor of a jet."""
    offset = rho * area / raw
    if _close(answer, 1 - offset):
        return None
    if _close(answer, offset):
        return "this is the share that pile-up adds; the factor is what is left of the pt: 1 - share."
    if _close(answer, rho * area) or _close(answer, raw - rho * area):
        return "this is in GeV; the factor multiplies the raw pt, so divide by it."
    if _close(answer, 1 - rho / raw):
        return "rho is per unit area: multiply it by the jet's area."
    if _close(answer, 1 + offset):
        return "pile-up adds to the jet: the correction takes it off."
    return "rho x area is what pile-up adds, in GeV: factor = 1 - rho * area / raw."


@_register("M6.04", TWO_NUMBERS)
def _constants(answer: tuple[float, float]) -> str | None:
    """Constants that make MSE and MAE smallest for the targets 0, 0, 1, 2, 7."""
    for_mse, for_mae = answer
    if np.allclose(answer, (2, 1)):
        return None
    if np.allclose(answer, (1, 2)):
        return "the other way round: which of mean and median does one far-off value pull?"
    if np.isclose(for_mae, 0):
        return "0 is the mode, the most frequent value; the MAE counts how many lie on either side."
    if np.isclose(for_mse, 2):
        return "the first is right. The MAE is smallest where as many values lie to the left as to the right."
    return "set the derivative to zero: the MSE is smallest at the mean, the MAE at the median."


@_register("M6.03", NUMBER)
def _prior(answer: float) -> str | None:
    """Shift of log(true pt) for a spectrum pt^-5 and a resolution of 7 %."""
    shift = -4 * 0.07**2
    if _close(answer, shift, 5e-3):
        return None
    if _close(answer, -shift, 5e-3):
        return "the sign: the spectrum falls, so more jets come up from below than down from above."
    if _close(answer, -5 * 0.07**2, 5e-3):
        return "nearly: in log(pt) a spectrum pt^-n falls like pt^-(n-1)."
    if _close(answer, -4 * 0.07, 5e-3) or _close(answer, -5 * 0.07, 5e-3):
        return "the resolution enters squared."
    if _close(answer, -4 * 7**2, 5e-3):
        return "7 % is 0.07."
    return "-(n - 1) sigma^2, with n = 5 and sigma = 0.07."


@_register("M6.05", NUMBER)
def _kink(answer: float) -> str | None:
    """Where in eta a ReLU node bends that weighs pt = 270 and eta alike."""
    if _close(answer, -270):
        return None
    if _close(answer, 270):
        return "check the sign: 0.1 * 270 + 0.1 * eta = 0."
    if _close(answer, 0) or _close(answer, -27):
        return "the node bends where 0.1 * pt + 0.1 * eta = 0; solve it for eta, with pt = 270."
    return "a ReLU bends where its argument is zero: 0.1 * pt + 0.1 * eta = 0."


# Which treatment of an image keeps what a network needs to say gen pt in GeV?
_choice(
    "M6.06",
    "c",
    {
        "a": "after this the pixels of *every* jet sum to one: how would you tell 200 GeV from 400?",
        "b": "the hardest pixel becomes one in every jet: the pt is gone as well.",
        "d": "a scaling that is measured in each image by itself takes out how bright that image is.",
    },
)


# Why does the official correction, derived from QCD, not hold for W jets in the gap?
_choice(
    "M6.07",
    "b",
    {
        "a": "pile-up is the same for both; L1 takes it off alike.",
        "c": "both classes were binned in gen pt and |eta|: the spectrum is not it. What are the jets made of?",
        "d": "compare the difference with the error bars: it is several of them.",
    },
)
