"""Networks, from a run configuration: the Keras model, what it is trained for, and its code to copy."""

from jetlab.models import flows, keras_code, objectives, penalties
from jetlab.models.clouds import PARTICLE_NET, PARTICLE_NET_LITE, neighbours, particle_net, particle_transformer
from jetlab.models.layers import maxout
from jetlab.models.lorentz import lorentz_net
from jetlab.models.networks import Layer, Shape, build, count_parameters, dense, describe
from jetlab.models.normalized import dense_batch_norm
from jetlab.models.recursive import recursive_net

__all__ = [
    "PARTICLE_NET",
    "PARTICLE_NET_LITE",
    "Layer",
    "Shape",
    "build",
    "count_parameters",
    "dense",
    "dense_batch_norm",
    "describe",
    "flows",
    "keras_code",
    "lorentz_net",
    "maxout",
    "neighbours",
    "objectives",
    "particle_net",
    "particle_transformer",
    "penalties",
    "recursive_net",
]
