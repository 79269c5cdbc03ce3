"""How good a result is: taggers, comparisons between them, response and jet energy scale. Numbers only, no plots."""

from jetlab.metrics import anomaly, comparison, elsewhere, flavour, generation, hunt, jes, response
from jetlab.metrics.estimate import Estimate, Floats, MetricError
from jetlab.metrics.tagging import (
    WORKING_POINTS,
    accuracy,
    auc,
    background_efficiency,
    effective_size,
    evaluate,
    over_seeds,
    rejection,
    roc,
    roc_band,
)

__all__ = [
    "WORKING_POINTS",
    "Estimate",
    "Floats",
    "MetricError",
    "accuracy",
    "anomaly",
    "auc",
    "background_efficiency",
    "comparison",
    "effective_size",
    "elsewhere",
    "evaluate",
    "flavour",
    "generation",
    "hunt",
    "jes",
    "over_seeds",
    "rejection",
    "response",
    "roc",
    "roc_band",
]
