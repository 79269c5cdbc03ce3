"""Taggers that do not know the mass: tau21 made independent of it by design."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.errors import ArgumentError

#: The scale that makes the argument of the logarithm a number [GeV].
SCALE = 1.0
#: Range in which tau21 of background falls in a straight line with the logarithm.
LINEAR = (1.5, 4.0)


@dataclass(frozen=True)
class Ddt:
    """Designed decorrelated tagger (arXiv:1603.00027): tau21 less a straight line in ρ' = ln(m² / (pt · 1 GeV)).

    Attributes:
        slope: of the mean tau21 of background against ρ'.
        middle: the mean ρ' of the fitted jets, where tau21 stays as it is.
    """

    slope: float
    middle: float

    @classmethod
    def fit(
        cls,
        mass: ArrayLike,
        pt: ArrayLike,
        tau21: ArrayLike,
        weight: ArrayLike | None = None,
        within: tuple[float, float] = LINEAR,
    ) -> "Ddt":
        """The straight line through tau21 of background jets with ρ' in this range: mass, pt [GeV], tau21, (n,) each.

        Raises:
            ArgumentError: fewer than ten jets in the range, or all at one ρ'.
        """
        x, y = rho(mass, pt), np.asarray(tau21, dtype=np.float64)
        weights = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=np.float64)
        used = (x > within[0]) & (x < within[1]) & (weights > 0)
        if used.sum() < 10 or np.ptp(x[used]) == 0:
            raise ArgumentError(
                f"{used.sum()} jets have ρ' between {within[0]:g} and {within[1]:g}; a line needs at least ten at "
                "different places. Are masses and pt in GeV?"
            )
        x, y, weights = x[used], y[used], weights[used] / weights[used].sum()
        middle = weights @ x
        slope = (weights @ ((x - middle) * y)) / (weights @ (x - middle) ** 2)
        return cls(float(slope), float(middle))

    def apply(self, mass: ArrayLike, pt: ArrayLike, tau21: ArrayLike) -> NDArray[np.float64]:
        """tau21 without the line, (n,): low for two prongs, as tau21."""
        return np.asarray(tau21, dtype=np.float64) - self.slope * (rho(mass, pt) - self.middle)


def protected(
    mass: ArrayLike, weight: ArrayLike, background: ArrayLike, train: NDArray[np.int64]
) -> NDArray[np.float32]:
    """What `models.penalties.decorrelated` takes beside the inputs, (n, 2): masses scaled, and weights in the penalty.

    Masses [GeV], weights, and which jets are background, (n,) each; `train` are the training jets, by whose background
    the masses are scaled to mean 0 and width 1. Signal has no weight: its mass may well be known. Raises ArgumentError
    where the training jets have fewer than two different background masses.
    """
    masses, weights, chosen = np.asarray(mass, np.float64), np.asarray(weight, np.float64), np.asarray(background, bool)
    seen = masses[train][chosen[train]]
    if len(seen) < 2 or not np.std(seen) > 0:
        raise ArgumentError(f"{len(seen)} background jets among the training jets are too few to scale masses by.")
    scaled = (masses - np.mean(seen)) / np.std(seen)
    found: NDArray[np.float32] = np.stack([scaled, weights * chosen], axis=1).astype(np.float32)
    return found


def rho(mass: ArrayLike, pt: ArrayLike) -> NDArray[np.float64]:
    """ρ' = ln(m² / (pt · 1 GeV)) of soft-drop masses and pt [GeV], (n,); of a mass below 1 MeV that of 1 MeV."""
    mass = np.maximum(np.asarray(mass, dtype=np.float64), 1e-3)
    return np.log(mass**2 / (np.asarray(pt, dtype=np.float64) * SCALE))
