"""The jet energy correction of the simulated sample: an L1-like offset, then an L2L3-like factor, both from the sample.

L1 takes off what pile-up adds, density times area (arXiv:0707.1378). L2L3 is the inverse of the median response in bins
of generator pt and |eta|, taken as a function of what is measured ("numerical inversion", CMS arXiv:1607.03663). It is
the "official" correction `jet_jes_ak7`, which M1 looks at and M6 learns.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetlab.errors import JetlabError

Array = NDArray[Any]

GEN_PT_EDGES = (130.0, 150.0, 175.0, 200.0, 230.0, 270.0, 320.0, 400.0, 500.0, 700.0)
ETA_EDGES = tuple(np.arange(0, 2.01, 0.125))
MIN_JETS = 10  # fewer give no median worth fitting


class CalibrationError(JetlabError, ValueError):
    """The sample is too small to derive its correction from."""


def offset_factor(pt_raw: Array, area: Array, rho: Array) -> Array:
    """L1: the fraction of the raw pt (GeV) that is left after subtracting rho (GeV) times area."""
    left: Array = np.maximum(1 - rho * area / pt_raw, 0.1)
    return left


@dataclass(frozen=True)
class Correction:
    """L2L3: per |eta| bin a parabola in log(pt after L1), interpolated linearly between the centres of the bins.

    `coefficients` has shape (n_eta_bins, 3), highest power first; `pt_range` (GeV) is where it was derived, and beyond
    it the correction stays constant.
    """

    eta_edges: tuple[float, ...]
    coefficients: NDArray[np.float64]
    pt_range: tuple[float, float]

    @classmethod
    def derive(cls, pt_raw: Array, eta: Array, area: Array, rho: Array, gen_pt: Array) -> "Correction":
        """The correction that brings the median response to one in bins of generator pt and |eta|.

        All arrays have shape (n_jets,), momenta in GeV.

        Raises:
            CalibrationError: an |eta| bin has too few jets.
        """
        pt = pt_raw * offset_factor(pt_raw, area, rho)
        low, high = np.inf, 0.0
        rows = []
        for eta_low, eta_high in itertools.pairwise(ETA_EDGES):
            in_eta = (np.abs(eta) >= eta_low) & (np.abs(eta) < eta_high)
            measured, factor, error = _inverse_response(pt[in_eta], gen_pt[in_eta])
            if len(measured) < 2:
                raise CalibrationError(
                    f"Too few jets at {eta_low:.3f} < |eta| < {eta_high:.3f} to derive the jet energy correction: "
                    "simulate more jets (at least 2,000)."
                )
            rows.append(np.polyfit(np.log(measured), factor, 2 if len(measured) > 5 else 1, w=1 / error))
            low, high = min(low, measured[0]), max(high, measured[-1])
        coefficients = np.array([np.pad(row, (3 - len(row), 0)) for row in rows])
        return cls(ETA_EDGES, coefficients, (float(low), float(high)))

    def factor(self, pt: Array, eta: Array) -> Array:
        """L2L3 factors of jets with `pt` (GeV) after L1."""
        log_pt = np.log(np.clip(pt, *self.pt_range))
        edges = np.asarray(self.eta_edges)
        centres = (edges[1:] + edges[:-1]) / 2
        position = np.clip(np.interp(np.abs(eta), centres, np.arange(len(centres))), 0, len(centres) - 1)
        left = np.minimum(position.astype(int), len(centres) - 2)
        share = position - left
        at = [np.sum(self.coefficients[i] * log_pt[:, None] ** np.array([2, 1, 0]), axis=1) for i in (left, left + 1)]
        found: Array = (1 - share) * at[0] + share * at[1]
        return found

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, kept with the sample so that the correction can be inspected."""
        return {
            "eta_edges": list(map(float, self.eta_edges)),
            "coefficients": np.round(self.coefficients, 8).tolist(),
            "pt_range": list(self.pt_range),
            "form": "L2L3 = a log(pt)^2 + b log(pt) + c with pt = ptraw - rho * area",
        }


def _inverse_response(pt: Array, gen_pt: Array) -> tuple[Array, Array, Array]:
    """Per generator pt bin with enough jets: mean measured pt, 1 / median response, and its uncertainty."""
    measured, factor, error = [], [], []
    for low, high in itertools.pairwise(GEN_PT_EDGES):
        chosen = (gen_pt >= low) & (gen_pt < high)
        if chosen.sum() < MIN_JETS:
            continue
        response = pt[chosen] / gen_pt[chosen]
        p16, median, p84 = np.percentile(response, [16, 50, 84])
        measured.append(pt[chosen].mean())
        factor.append(1 / median)
        # 1.25 sigma / sqrt(n) is the standard error of a Gaussian's median.
        error.append(1.25 * (p84 - p16) / 2 / median**2 / np.sqrt(chosen.sum()))
    return np.array(measured), np.array(factor), np.array(error)
