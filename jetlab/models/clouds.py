"""Networks on clouds of particles: each looks at its neighbours, or at all others with attention.

The first is ParticleNet (arXiv:1902.08570), the second Particle Transformer (arXiv:2202.03772).

They are made of layers and operations of Keras, but for one layer of ParticleNet: before you load a saved one, call
`jetlab.models.dense_batch_norm()`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jetlab.backend import load_keras
from jetlab.errors import ArgumentError
from jetlab.models.layers import picked
from jetlab.models.normalized import dense_batch_norm

if TYPE_CHECKING:
    import keras

#: Neighbours, channels of the three layers in each block, nodes of the last layer, as in the paper.
PARTICLE_NET: dict[str, Any] = {"k": 16, "blocks": ((64,) * 3, (128,) * 3, (256,) * 3), "head": 256}
PARTICLE_NET_LITE: dict[str, Any] = {"k": 7, "blocks": ((32,) * 3, (64,) * 3), "head": 128}
#: Squared distance that puts a place behind all that are particles.
FAR = 1e9
#: Least argument of a logarithm, as in the paper's code.
LEAST = 1e-8


def particle_net(
    length: int,
    features: int,
    coordinates: Sequence[int],
    k: int,
    blocks: Sequence[Sequence[int]],
    head: int,
    dropout: float = 0.1,
) -> "keras.Model":
    """ParticleNet for two classes: EdgeConv blocks, the mean over particles, a hidden layer, one output.

    Takes float32 (n, length, features), padded with zeros, and gives (n, 1), between 0 and 1. A first block takes
    neighbours in the given coordinates, each further one in the space of the features that the block before it made,
    which is the output of its layer "block_1_out" and so on. Neither padding nor the order of the particles matters.
    `PARTICLE_NET` and `PARTICLE_NET_LITE` hold the paper's sizes.

    Args:
        length: particles of a jet, padding included.
        features: numbers of each particle.
        coordinates: which of the features are Δη and Δφ.
        k: neighbours of each particle.
        blocks: channels of the layers of each block.
        head: nodes of the hidden layer.
        dropout: fraction of these that is dropped in training.

    Raises:
        ArgumentError: more neighbours than other particles, or a coordinate that is no feature.
    """
    if not 1 <= k < length:
        raise ArgumentError(f"particle_net: {k} neighbours of {length} particles; allowed are 1 to {length - 1}.")
    if not coordinates or not all(0 <= place < features for place in coordinates):
        raise ArgumentError(
            f"particle_net: coordinates are {list(coordinates)}, but features go from 0 to {features - 1}."
        )
    keras = load_keras()
    layers, ops = keras.layers, keras.ops
    inputs = layers.Input((length, features), name="features")
    present = ops.any(ops.not_equal(inputs, 0.0), axis=-1)
    points = ops.take(inputs, list(coordinates), axis=-1)
    x = layers.BatchNormalization(name="features_bn")(inputs, mask=present)
    for number, channels in enumerate(blocks, start=1):
        x = edge_conv(points, x, present, k, channels, name=f"block_{number}")
        points = x
    x = _mean(x, present, axis=1)
    x = layers.Dense(head, activation="relu", name="head")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    output = layers.Dense(1, activation="sigmoid", dtype="float32", name="output")(x)
    return keras.Model(inputs, output, name="particle_net")


def edge_conv(points: Any, x: Any, present: Any, k: int, channels: Sequence[int], name: str = "edge_conv") -> Any:
    """EdgeConv (arXiv:1801.07829): layers for each pair of a particle and a neighbour, and the mean over neighbours.

    The first layer takes (x_i, x_j - x_i).

    Args:
        points: where the particles are, Keras tensor (n, length, dimensions).
        x: features (n, length, features).
        present: which places hold a particle, bool (n, length).
        k: neighbours of each; where a jet has fewer other particles, all of them.
        channels: of each layer.
        name: what names of the layers begin with.

    Returns features (n, length, channels[-1]).
    """
    layers, ops = load_keras().layers, load_keras().ops
    places, length = neighbours(points, present, k), x.shape[1]
    flat = ops.reshape(places, (-1, length * k))
    there = picked(ops.expand_dims(ops.cast(present, "float32"), axis=-1), flat)
    found = ops.reshape(ops.greater(there, 0.5), (-1, length, k))
    # Where others are too few, a particle is its own neighbour; and padding has none.
    own = ops.reshape(ops.arange(length, dtype="int32"), (1, length, 1))
    found = ops.logical_and(found, ops.not_equal(ops.cast(places, "int32"), own))
    found = ops.logical_and(found, ops.expand_dims(present, axis=2))
    other = ops.reshape(picked(x, flat), (-1, length, k, x.shape[-1]))
    centre = ops.repeat(ops.expand_dims(x, axis=2), k, axis=2)
    pair = ops.concatenate([centre, other - centre], axis=-1) * ops.expand_dims(ops.cast(found, "float32"), axis=-1)
    for number, nodes in enumerate(channels, start=1):
        pair = dense_batch_norm()(nodes, name=f"{name}_edge_{number}")(pair, found)
    short = layers.Dense(channels[-1], use_bias=False, name=f"{name}_shortcut")(x)
    short = layers.BatchNormalization(name=f"{name}_shortcut_bn")(short, mask=present)
    return layers.ReLU(name=f"{name}_out")(_mean(pair, found, axis=2) + short)


def neighbours(points: Any, present: Any, k: int) -> Any:
    """Places of the k nearest others of each particle, int32 (n, length, k), of points (n, length, dimensions).

    The particle itself comes behind all others, and places without a particle behind that.
    """
    ops = load_keras().ops
    square = ops.sum(points * points, axis=-1, keepdims=True)
    transposed = ops.transpose(points, (0, 2, 1))
    distance = square - 2.0 * ops.matmul(points, transposed) + ops.transpose(square, (0, 2, 1))
    absent = ops.cast(ops.logical_not(ops.expand_dims(present, axis=1)), "float32")
    # A particle comes behind all others, and padding behind that.
    distance = distance + FAR * ops.eye(points.shape[1]) + 2 * FAR * absent
    return ops.top_k(-distance, k)[1]


def particle_transformer(
    length: int,
    features: int,
    width: int = 32,
    heads: int = 4,
    blocks: int = 2,
    class_blocks: int = 1,
    dropout: float = 0.1,
) -> "keras.Model":
    """Particle Transformer for two classes, small: attention among particles, biased by what each pair has in common.

    Takes float32 features (n, length, features) and momenta (n, length, 3): pt, Δη, Δφ, unscaled, pt = 0 for padding.
    Gives (n, 1), between 0 and 1. After the blocks a learnt token attends to all particles, and the output is made of
    it. Neither padding nor the order of the particles matters. What each pays to each other, (n, heads, length,
    length), is the output of the layers "block_1_share" and so on; what stands for each particle after a block, (n,
    length, width), that of "block_1_sum".

    Args:
        length: particles of a jet, padding included.
        features: numbers of each particle.
        width: numbers that stand for a particle within the network.
        heads: attentions side by side in each block; they share the width.
        blocks: attentions of particles to each other, one after the other.
        class_blocks: attentions of the token to all particles.
        dropout: fraction dropped in training after each attention and each layer that follows.

    Raises:
        ArgumentError: a width that is no multiple of the heads.
    """
    if width % heads:
        raise ArgumentError(f"particle_transformer: width {width} is no multiple of {heads} heads.")
    keras = load_keras()
    layers, ops = keras.layers, keras.ops
    inputs, momenta = layers.Input((length, features), name="features"), layers.Input((length, 3), name="momenta")
    present = ops.greater(momenta[:, :, 0], 0.0)
    x = layers.LayerNormalization(name="features_norm")(inputs)
    x = layers.Dense(4 * width, activation="gelu", name="embedding_1")(x)
    x = layers.Dense(width, activation="gelu", name="embedding_2")(layers.LayerNormalization(name="embedding_norm")(x))
    # All that two have in common is the same both ways, so that half of the pairs are enough.
    first, second = np.triu_indices(length)
    both = ops.logical_and(ops.take(present, first, axis=1), ops.take(present, second, axis=1))
    pairs = pair_features(ops.take(momenta, first, axis=1), ops.take(momenta, second, axis=1))
    pairs = layers.BatchNormalization(name="pairs_bn")(pairs, mask=both)
    # The only large layer: each pass over what it puts out counts, and ReLU takes a fifth of those of GELU.
    pairs = layers.Dense(width, activation="relu", name="pairs_1")(pairs)
    pairs = ops.transpose(layers.Dense(heads, name="pairs_2")(pairs), (0, 2, 1))
    places = np.zeros((length, length), np.int32)
    places[first, second] = places[second, first] = np.arange(len(first))
    bias = ops.reshape(ops.take(pairs, places.ravel(), axis=2), (-1, heads, length, length))
    for number in range(1, blocks + 1):
        name = f"block_{number}"
        seen = layers.LayerNormalization(name=f"{name}_norm")(x)
        x = _attended(x, attention(seen, seen, present, heads, bias, name), width, dropout, name)
    token = layers.Embedding(1, width, name="token")(ops.cast(0.0 * inputs[:, :1, 0], "int32"))
    present = ops.concatenate([ops.ones_like(present[:, :1]), present], axis=1)
    for number in range(1, class_blocks + 1):
        name = f"class_{number}"
        seen = layers.LayerNormalization(name=f"{name}_norm")(ops.concatenate([token, x], axis=1))
        token = _attended(token, attention(token, seen, present, heads, None, name), width, dropout, name)
    token = layers.LayerNormalization(name="token_norm")(token[:, 0])
    output = layers.Dense(1, activation="sigmoid", dtype="float32", name="output")(token)
    return keras.Model([inputs, momenta], output, name="particle_transformer")


def pair_features(one: Any, other: Any) -> Any:
    """What two particles have in common: logarithms of ΔR, kT, z and m² (arXiv:2202.03772, equation 3).

    Takes pt, Δη, Δφ of each, (..., 3), gives (..., 4). The particles count as massless.
    """
    ops = load_keras().ops
    pt, least = one[..., 0] + other[..., 0], ops.minimum(one[..., 0], other[..., 0])
    deta, dphi = one[..., 1] - other[..., 1], one[..., 2] - other[..., 2]
    dphi = ops.arctan2(ops.sin(dphi), ops.cos(dphi))
    dr = ops.sqrt(ops.maximum(deta**2 + dphi**2, LEAST**2))
    # cosh a - cos b, without the difference of two numbers near one.
    apart = 2.0 * (ops.sinh(deta / 2) ** 2 + ops.sin(dphi / 2) ** 2)
    mass = 2.0 * one[..., 0] * other[..., 0] * apart
    found = dr, least * dr, least / ops.maximum(pt, LEAST), mass
    return ops.log(ops.maximum(ops.stack(found, axis=-1), LEAST))


def attention(query: Any, keys: Any, present: Any, heads: int, bias: Any, name: str = "attention") -> Any:
    """Scaled dot-product attention of several heads (arXiv:1706.03762), with a bias for each pair.

    Args:
        query: what attends, Keras tensor (n, n_queries, width).
        keys: what is attended to, (n, n_keys, width).
        present: which keys hold a particle, bool (n, n_keys).
        heads: they share the width.
        bias: added before the softmax, (n, heads, n_queries, n_keys), or None.
        name: what names of the layers begin with.

    Returns the heads side by side, (n, n_queries, width).
    """
    layers, ops = load_keras().layers, load_keras().ops
    width = query.shape[-1]

    def parted(x: Any, what: str) -> Any:
        made = layers.Dense(width, name=f"{name}_{what}")(x)
        return ops.transpose(ops.reshape(made, (-1, x.shape[1], heads, width // heads)), (0, 2, 1, 3))

    asked, offered = parted(query, "query"), ops.transpose(parted(keys, "key"), (0, 1, 3, 2))
    agreement = ops.matmul(asked, offered) / (width // heads) ** 0.5
    if bias is not None:
        agreement = agreement + bias
    absent = ops.cast(ops.logical_not(ops.expand_dims(present, axis=(1, 2))), "float32")
    share = layers.Softmax(name=f"{name}_share")(agreement - FAR * absent)
    found = ops.transpose(ops.matmul(share, parted(keys, "value")), (0, 2, 1, 3))
    return ops.reshape(found, (-1, query.shape[1], width))


def _attended(x: Any, found: Any, width: int, dropout: float, name: str) -> Any:
    """A block's rest: what attention found is added to x, and then what two layers make of that."""
    layers = load_keras().layers
    found = layers.Dense(width, name=f"{name}_out")(layers.LayerNormalization(name=f"{name}_found_norm")(found))
    x = x + layers.Dropout(dropout, name=f"{name}_dropout_1")(found)
    made = layers.Dense(4 * width, activation="gelu", name=f"{name}_wide")(
        layers.LayerNormalization(name=f"{name}_sum_norm")(x)
    )
    made = layers.Dense(width, name=f"{name}_back")(layers.LayerNormalization(name=f"{name}_wide_norm")(made))
    return layers.Add(name=f"{name}_sum")([x, layers.Dropout(dropout, name=f"{name}_dropout_2")(made)])


def _mean(x: Any, present: Any, axis: int) -> Any:
    """The mean over an axis of those that are present; zero where none is."""
    ops = load_keras().ops
    weight = ops.expand_dims(ops.cast(present, "float32"), axis=-1)
    return ops.sum(x * weight, axis=axis) / ops.maximum(ops.sum(weight, axis=axis), 1.0)
