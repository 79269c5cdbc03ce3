"""Networks, from a run configuration: the Keras model, what it is trained for, and its code to copy."""

from jetlab.models import keras_code, objectives
from jetlab.models.networks import (
    EMBEDDING,
    HEAD_NODES,
    N_CLASSES,
    Shape,
    build,
    count_parameters,
    dense,
    starts_at_zero,
)

__all__ = [
    "EMBEDDING",
    "HEAD_NODES",
    "N_CLASSES",
    "Shape",
    "build",
    "count_parameters",
    "dense",
    "keras_code",
    "objectives",
    "starts_at_zero",
]
