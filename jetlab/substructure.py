"""Soft-drop mass (arXiv:1402.2657) and N-subjettiness (arXiv:1011.2268) of jets, by FastJet, which is an extra."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

ZCUT, SOFT_DROP_BETA = 0.1, 1.0
#: Whether the packages that it takes are there.
AVAILABLE = all(importlib.util.find_spec(name) for name in ("fastjet", "vector"))


def groomed(particles: ak.Array, radius: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Soft-drop mass [GeV] and tau2 / tau1 (0 where tau1 is 0), each (n_jets,).

    Args:
        particles: of each jet, at least one: records Momentum4D of px, py, pz, E [GeV], shape (n_jets, var).
        radius: of the jets, R0 of both.
    """
    import fastjet
    import vector

    vector.register_awkward()
    if len(particles) == 0:
        return np.zeros(0), np.zeros(0)
    # Wider than any jet, so that reclustering a jet's own constituents always gives it back as one tree.
    sequence = fastjet.ClusterSequence(particles, fastjet.JetDefinition(fastjet.cambridge_algorithm, 1000.0))
    soft_drop = sequence.exclusive_jets_softdrop_grooming(
        njets=1, beta=SOFT_DROP_BETA, symmetry_cut=ZCUT, symmetry_measure="scalar_z", R0=radius
    )
    msd = ak.to_numpy(ak.flatten(soft_drop.msoftdrop, axis=None))
    tau = _subjettiness(sequence, (1, 2), radius, 1.0)
    return np.maximum(msd, 0), np.divide(tau[:, 1], tau[:, 0], out=np.zeros(len(tau)), where=tau[:, 0] > 0)


def subjettiness(
    particles: ak.Array, radius: float, axes: Sequence[int] = (1, 2, 3, 4, 5), beta: float = 1.0
) -> NDArray[np.float64]:
    """N-subjettiness of jets for several numbers of axes, (n_jets, len(axes)): how far from N axes their pt lies.

    Zero where a jet has no more particles than axes. With powers 0.5, 1 and 2, numbers up to N fix a jet's N-body phase
    space (arXiv:1704.08249).

    Args:
        particles: as `groomed` takes them.
        radius: of the jets.
        axes: numbers of axes N.
        beta: power of the distance to the nearest axis.
    """
    import fastjet
    import vector

    vector.register_awkward()
    if len(particles) == 0:
        return np.zeros((0, len(axes)))
    sequence = fastjet.ClusterSequence(particles, fastjet.JetDefinition(fastjet.cambridge_algorithm, 1000.0))
    tau = _subjettiness(sequence, axes, radius, beta)
    # With an axis on each particle nothing is left but rounding.
    return np.where(np.asarray(ak.num(particles))[:, None] > np.asarray(axes), tau, 0.0)


def _subjettiness(sequence: Any, axes: Sequence[int], radius: float, beta: float) -> NDArray[np.float64]:
    found = sequence.njettiness(njets=list(axes), axes_definition="OnePass_KT_Axes", beta=beta, R0=radius)
    tau: NDArray[np.float64] = ak.to_numpy(found).reshape(-1, len(axes))
    return tau
