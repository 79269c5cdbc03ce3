"""From hits to tracks: the RAMP 2017 toy detector, its events, scores, baselines and networks.

What is listed here needs no Keras; networks are in `tracking.lstm2017` (2017) and `tracking.residual`, the search that
follows tracks in `tracking.search` and the Kalman filter in `tracking.kalman`.
"""

from jetlab.tracking.baselines import dbscan, hough, nearest_hit
from jetlab.tracking.hits import Hits
from jetlab.tracking.io import load, read_csv, write_csv
from jetlab.tracking.score import anatomy, correct, difference, efficiencies, evaluate, over_seeds, per_track
from jetlab.tracking.simulation import simulate, simulate_hits

__all__ = [
    "Hits",
    "anatomy",
    "correct",
    "dbscan",
    "difference",
    "efficiencies",
    "evaluate",
    "hough",
    "load",
    "nearest_hit",
    "over_seeds",
    "per_track",
    "read_csv",
    "simulate",
    "simulate_hits",
    "write_csv",
]
