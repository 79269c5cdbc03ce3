"""The jet energy correction of the simulated sample: an L1-like offset, then an L2L3-like factor, both from the sample.

L1 takes off what pile-up adds: area times the density (arXiv:0707.1378) above that of events without pile-up, which is
the underlying event, and belongs to the jet (CMS, arXiv:1607.03663). L2L3 is the inverse of the median response in bins
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

ETA_EDGES = tuple(np.arange(0, 2.01, 0.125))
MIN_JETS = 10  # fewer give no median worth fitting
WELL_MEASURED = 0.25  # relative to the median response; jets further off add noise to the offset, and little else


class CalibrationError(JetlabError, ValueError):
    """The sample is too small to derive its correction from."""


@dataclass(frozen=True)
class Offset:
    """L1: pile-up adds `slope` times the density above `rho_ue` (GeV, that of the underlying event) times the area."""

    rho_ue: float
    slope: float

    @classmethod
    def derive(cls, pt_raw: Array, area: Array, rho: Array, gen_pt: Array, vertices: Array) -> "Offset":
        """The offset from jets whose number of pile-up collisions, `vertices`, is known; momenta in GeV.

        `rho_ue` is where a straight line through the densities meets zero collisions. The slope says how much faster
        the pt of jets of one generator pt grows with the number of collisions than density times area does.
        """
        if np.ptp(vertices) == 0:
            return cls(float(np.mean(rho)), 0.0)
        rho_ue = np.polyfit(vertices, rho, 1)[1]
        response = pt_raw / gen_pt
        shift = response / np.median(response) - 1
        good = np.abs(shift) < WELL_MEASURED
        # The number of collisions, unlike the density, has no error that would flatten the slope.
        gain = np.cov(vertices[good], (shift * gen_pt)[good])[0, 1] * np.median(response)
        expected = np.cov(vertices[good], ((rho - rho_ue) * area)[good])[0, 1]
        return cls(float(rho_ue), float(gain / expected))

    def factor(self, pt_raw: Array, area: Array, rho: Array) -> Array:
        """The fraction of the raw pt (GeV) that is left."""
        left: Array = np.maximum(1 - self.slope * np.maximum(rho - self.rho_ue, 0) * area / pt_raw, 0.1)
        return left


@dataclass(frozen=True)
class Correction:
    """L1 and then L2L3: per |eta| bin a parabola in log(pt after L1), interpolated linearly between the bins' centres.

    `coefficients` has shape (n_eta_bins, 3), highest power first; `pt_range` (GeV) is where it was derived, and beyond
    it the correction stays constant.
    """

    offset: Offset
    eta_edges: tuple[float, ...]
    coefficients: NDArray[np.float64]
    pt_range: tuple[float, float]

    @classmethod
    def derive(
        cls,
        pt_raw: Array,
        eta: Array,
        area: Array,
        rho: Array,
        gen_pt: Array,
        vertices: Array,
        gen_pt_edges: tuple[float, ...],
    ) -> "Correction":
        """The correction that brings the median response to one in bins of generator pt (edges in GeV) and |eta|.

        All arrays have shape (n_jets,), momenta in GeV; `vertices` counts pile-up collisions.

        Raises:
            CalibrationError: an |eta| bin has too few jets.
        """
        within = (gen_pt >= gen_pt_edges[0]) & (gen_pt < gen_pt_edges[-1])
        offset = Offset.derive(*(values[within] for values in (pt_raw, area, rho, gen_pt, vertices)))
        pt = pt_raw * offset.factor(pt_raw, area, rho)
        low, high = np.inf, 0.0
        rows = []
        for eta_low, eta_high in itertools.pairwise(ETA_EDGES):
            in_eta = (np.abs(eta) >= eta_low) & (np.abs(eta) < eta_high)
            measured, factor, error = _inverse_response(pt[in_eta], gen_pt[in_eta], gen_pt_edges)
            if len(measured) < 2:
                raise CalibrationError(
                    f"Too few jets at {eta_low:.3f} < |eta| < {eta_high:.3f} to derive the jet energy correction: "
                    "simulate more jets (at least 2,000)."
                )
            rows.append(np.polyfit(np.log(measured), factor, 2 if len(measured) > 5 else 1, w=1 / error))
            low, high = min(low, measured[0]), max(high, measured[-1])
        coefficients = np.array([np.pad(row, (3 - len(row), 0)) for row in rows])
        return cls(offset, ETA_EDGES, coefficients, (float(low), float(high)))

    def jes(self, pt_raw: Array, eta: Array, area: Array, rho: Array) -> Array:
        """The whole correction, L1 times L2L3."""
        l1 = self.offset.factor(pt_raw, area, rho)
        jes: Array = l1 * self.factor(pt_raw * l1, eta)
        return jes

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
            "rho_ue": self.offset.rho_ue,
            "offset_slope": self.offset.slope,
            "form": "L2L3 = a log(pt)^2 + b log(pt) + c with pt = ptraw - offset_slope * (rho - rho_ue) * area",
        }


def _inverse_response(pt: Array, gen_pt: Array, edges: tuple[float, ...]) -> tuple[Array, Array, Array]:
    """Per generator pt bin with enough jets: mean measured pt, 1 / median response, and its uncertainty."""
    measured, factor, error = [], [], []
    for low, high in itertools.pairwise(edges):
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
