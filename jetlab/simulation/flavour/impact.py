"""Signed impact parameters, and the log-likelihood ratios IP2D and IP3D that are made of them.

ATL-PHYS-PUB-2015-022, section 3.1; arXiv:1512.01094. A track counts with the ratio of the probabilities, in jets of two
flavours, of its significances; these come from templates, one set for each category of hits.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from jetlab.angles import wrap
from jetlab.simulation.flavour.jets import Jets
from jetlab.simulation.flavour.tracker import Tracks
from jetlab.simulation.generator import Array

MIN_PT = 1.0  # GeV, of tracks that count
MAX_D0 = 1.0  # mm
MAX_Z0 = 1.5  # mm, across the track
MIN_PIXEL = 1  # hits
#: Edges of the bins of significances: fine in the core, wide in the tails.
D0_EDGES = (
    *(-60.0, -20.0, -10.0, -7.0, -5.0, -4.0, -3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0),
    *(0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.5, 10.0, 12.5, 15.0, 20.0, 30.0, 45.0, 100.0),
)
Z0_EDGES = (-60.0, -10.0, -5.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0, 25.0, 60.0)
#: Flavours with templates; light is 0.
FLAVOURS = (0, 4, 5)
SMOOTHING = 0.7  # bins
#: Entries per bin that every template begins with: an empty bin decides nothing.
PRIOR = 0.5


def signed(tracks: Tracks, jets: Jets) -> tuple[Array, Array]:
    """Significances of d0 and z0 (n_tracks,), positive where the track crosses the jet's axis ahead of the vertex."""
    ahead = np.sin(jets.phi[tracks.jet] - tracks.phi) * tracks.d0
    beyond = (jets.eta[tracks.jet] - tracks.eta) * tracks.z0
    d0 = np.where(ahead >= 0, 1, -1) * np.abs(tracks.d0 / tracks.d0_error)
    z0 = np.where(beyond >= 0, 1, -1) * np.abs(tracks.z0 / tracks.z0_error)
    return d0, z0


def counts(tracks: Tracks) -> Array:
    """Whether each track counts in the likelihoods (n_tracks,): hard enough, and near the vertex."""
    near = (np.abs(tracks.d0) < MAX_D0) & (np.abs(tracks.z0) / np.cosh(tracks.eta) < MAX_Z0)
    kept: Array = (tracks.pt > MIN_PT) & near & (tracks.npixel >= MIN_PIXEL)
    return kept


def category(ninner: Array, nshared: Array) -> Array:
    """Number of the category of hits: 0 without a hit in the two innermost layers, 1 with one, 2 shared, 3 good."""
    return np.where(ninner < 2, ninner, np.where(nshared > 0, 2, 3)).astype(np.int64)


@dataclass(frozen=True)
class Templates:
    """Probabilities of significances: for each flavour of FLAVOURS and category, over D0_EDGES and Z0_EDGES.

    `two` (3, 4, n_d0), `three` (3, 4, n_d0, n_z0); each sums to one over the bins.
    """

    two: Array
    three: Array

    @classmethod
    def derive(cls, d0: Array, z0: Array, category: Array, flavour: Array) -> "Templates":
        """Templates of the tracks of training jets, whose `flavour` is given for each track; all (n_tracks,)."""
        two = np.zeros((len(FLAVOURS), 4, len(D0_EDGES) - 1))
        three = np.zeros((*two.shape, len(Z0_EDGES) - 1))
        i, j = _bin(d0, D0_EDGES), _bin(z0, Z0_EDGES)
        for number, kind in enumerate(FLAVOURS):
            chosen = flavour == kind
            np.add.at(three, (number, category[chosen], i[chosen], j[chosen]), 1.0)
        # Bins hold what their width gives: it is the density that is smooth.
        width = np.diff(D0_EDGES)[:, None] * np.diff(Z0_EDGES)
        two = three.sum(axis=-1)
        smooth = gaussian_filter(three / width, SMOOTHING, mode="nearest", axes=(2, 3)) * width
        both = np.stack([smooth.sum(axis=-1), two]).mean(axis=0)
        return cls(_normalised(both, (2,)), _normalised(smooth, (2, 3)))

    def ratios(self, d0: Array, z0: Array, category: Array, jet: Array, n_jets: int) -> dict[str, Array]:
        """Sums over a jet's tracks of log(p_b / p_light) and log(p_b / p_c), (n_jets,); NaN without tracks."""
        i, j = _bin(d0, D0_EDGES), _bin(z0, Z0_EDGES)
        some = np.bincount(jet, minlength=n_jets) > 0
        result = {}
        for name, logs in (
            ("ip2d", np.log(self.two[:, category, i])),
            ("ip3d", np.log(self.three[:, category, i, j])),
        ):
            light, charm, bottom = logs
            for against, other in (("u", light), ("c", charm)):
                total = np.bincount(jet, weights=bottom - other, minlength=n_jets)
                result[f"{name}_b{against}"] = np.where(some, total, np.nan)
        return result


def _normalised(counted: Array, axes: tuple[int, ...]) -> Array:
    filled = counted + PRIOR / np.prod([counted.shape[axis] for axis in axes]) * 10
    whole: Array = filled / filled.sum(axis=axes, keepdims=True)
    return whole


def _bin(values: Array, edges: tuple[float, ...]) -> Array:
    number: Array = np.clip(np.digitize(values, edges) - 1, 0, len(edges) - 2)
    return number


def per_track(tracks: Tracks, jets: Jets) -> dict[str, Array]:
    """The columns of `schema.FLAVOUR_TRACK`, with `jet`, and `counts` and `category` for the likelihoods."""
    d0, z0 = signed(tracks, jets)
    jet = tracks.jet
    return {
        "jet": jet,
        "track_ptfrac": tracks.pt / jets.pt[jet],
        "track_dr": np.hypot(tracks.eta - jets.eta[jet], wrap(tracks.phi - jets.phi[jet])),
        "track_d0_significance": d0,
        "track_z0_significance": z0,
        "track_ninner": tracks.ninner,
        "track_npixel": tracks.npixel,
        "track_nshared": tracks.nshared,
        "track_nstrips": tracks.nstrips,
        "counts": counts(tracks),
        "category": category(tracks.ninner, tracks.nshared),
    }
