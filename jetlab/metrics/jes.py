"""How good a jet energy scale is: closure and resolution in bins of gen pt and of |eta|, with their errors."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.io import JetSample
from jetlab.metrics import response
from jetlab.metrics.estimate import Estimate

#: Bins of M6. Below 230 and above 450 GeV the sample's own cut, 200 < corrected pt < 500 GeV, takes those jets that are
#: measured too low or too high, and so moves the median response: this is the sample's doing, not the detector's.
PT_EDGES = (230.0, 250.0, 270.0, 300.0, 330.0, 360.0, 400.0, 450.0)
ETA_EDGES = tuple(0.25 * i for i in range(9))
#: A bin of fewer test jets is not asked to close: the error of its median is near a per cent.
ENOUGH = 200


class Scores(NamedTuple):
    """A correction judged on jets with PT_EDGES' gen pt: in bins of gen pt and of |eta|, and all of them together."""

    by_pt: response.Binned
    by_eta: response.Binned
    closure: Estimate
    resolution: Estimate

    @property
    def worst(self) -> Estimate:
        """Largest |closure - 1| over the bins of both with enough jets, with its error."""
        return max(self.by_pt.worst, self.by_eta.worst)


def fiducial(sample: JetSample) -> NDArray[np.bool_]:
    """Whether a jet's gen pt lies in the range of PT_EDGES, bool (n_jets,)."""
    gen_pt = sample["genjet_pt_ak7"]
    inside: NDArray[np.bool_] = (gen_pt >= PT_EDGES[0]) & (gen_pt < PT_EDGES[-1])
    return inside


def judge(sample: JetSample, pt: ArrayLike, minimum: int = ENOUGH, replicas: int = 200) -> Scores:
    """Closure and resolution of an estimate `pt` (GeV, one per jet of the sample) against gen pt.

    Every jet counts once, for W and QCD alike. Raises MetricError as `jetlab.metrics.response`.
    """
    kept = fiducial(sample)
    values = response.response(np.asarray(pt)[kept], sample["genjet_pt_ak7"][kept])
    by = sample["genjet_pt_ak7"][kept], np.abs(sample["jet_eta_ak7"][kept])
    by_pt, by_eta = (
        response.binned(values, each, edges, minimum=minimum, replicas=replicas)
        for each, edges in zip(by, (PT_EDGES, ETA_EDGES), strict=True)
    )
    whole = (figure(values, replicas=replicas) for figure in (response.closure, response.resolution))
    return Scores(by_pt, by_eta, *whole)
