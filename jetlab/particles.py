"""A jet's particles as sequence, cloud, tree and four-momenta: what the networks of E1 take."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jetlab import jets, trees
from jetlab.io.sample import JetSample

Floats = NDArray[np.float32]
#: Columns of `features`.
FEATURES = (
    "log pt share",
    "log pt",
    "Δη",
    "Δφ",
    "ΔR",
    "charge",
    "charged hadron",
    "neutral hadron",
    "photon",
    "electron",
    "muon",
    "other",
)
#: Columns of `features` that are places.
COORDINATES = (2, 3)
#: Four-momenta are in units of this, so that those of hard particles are of order one [GeV].
UNIT = 20.0
#: Jets that are looked at in one go.
CHUNK = 4000


class Particles(NamedTuple):
    """The hardest particles of each jet, hardest first, zeros behind them.

    Attributes:
        momenta: pt [GeV], Δη and Δφ [rad] from the jet's axis, float32 (n_jets, length, 3).
        features: FEATURES, unscaled, float32 (n_jets, length, 12).
        present: where there is a particle, bool (n_jets, length).
    """

    momenta: Floats
    features: Floats
    present: NDArray[np.bool_]


def hardest(sample: JetSample, length: int = 32) -> Particles:
    """Take the `length` particles of highest pt of each jet; a jet without particles gets one of nearly no pt.

    Where a sample has no charges or classes, these features are zero.

    Raises ArgumentError for a length below 1, MissingColumnError for a sample without candidates.
    """
    # A part at a time: what is made on the way is several times as large as the result.
    parts = [_hardest(sample[first : first + CHUNK], length) for first in range(0, max(len(sample), 1), CHUNK)]
    return Particles(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _hardest(sample: JetSample, length: int) -> Particles:
    candidates = jets.order(jets.constituents(sample))
    values, present = jets.pad(candidates[["log_pt", "log_pt_gev", "deta", "dphi", "dr"]], length)
    charge, kind = (
        jets.pad(candidates[name], length)[0] if name in candidates.fields else np.zeros(present.shape, np.int32)
        for name in ("charge", "id_class")
    )
    classes = np.eye(len(jets.CLASSES) + 2, dtype=np.float32)[kind][..., 1:]
    pt = np.exp(values[..., 1]) * present
    # Trees and four-momenta need a particle in each jet.
    pt[:, 0] = np.maximum(pt[:, 0], 1e-3)
    present[:, 0] = True
    momenta = np.stack([pt, values[..., 2], values[..., 3]], axis=-1).astype(np.float32)
    return Particles(momenta, np.concatenate([values, charge[..., None].astype(np.float32), classes], axis=-1), present)


def four_momenta(momenta: Floats) -> Floats:
    """E, px, py, pz in units of 20 GeV with the jet's axis along x, float32 (n_jets, length, 4), of massless particles.

    `momenta` are pt [GeV], Δη and Δφ, (n_jets, length, 3).
    """
    pt, eta, phi = np.moveaxis(momenta.astype(np.float64) / (UNIT, 1, 1), -1, 0)
    found = np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1)
    return found.astype(np.float32)


def clustered(momenta: Floats, algorithm: str = "cambridge") -> trees.Trees:
    """The tree of each jet, see `trees.cluster`. Raises ArgumentError."""
    return trees.cluster(momenta[..., 0], momenta[..., 1], momenta[..., 2], algorithm)


def reordered(values: NDArray[np.float32], order: NDArray[np.int64]) -> Floats:
    """Rows of each jet's particles (n_jets, length, n) in an order (n_jets, length), zeros where it says -1."""
    found: Floats = np.take_along_axis(values, np.maximum(order, 0)[..., None], axis=1) * (order >= 0)[..., None]
    return found
