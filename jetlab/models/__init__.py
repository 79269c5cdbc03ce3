"""Networks, from a run configuration: the Keras model, what it is trained for, and its code to copy."""

from jetlab.models import keras_code, objectives
from jetlab.models.layers import maxout
from jetlab.models.networks import Layer, Shape, build, count_parameters, dense, describe

__all__ = ["Layer", "Shape", "build", "count_parameters", "dense", "describe", "keras_code", "maxout", "objectives"]
