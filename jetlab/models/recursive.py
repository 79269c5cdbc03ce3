"""A network that follows a jet's clustering tree, from its particles to the whole jet (arXiv:1702.00748)."""

from typing import TYPE_CHECKING, Any

from jetlab.backend import load_keras
from jetlab.errors import ArgumentError
from jetlab.models.layers import picked

if TYPE_CHECKING:
    import keras


def recursive_net(length: int, features: int, nodes: int = 40) -> "keras.Model":
    """Gated recursive network for two classes: what stands for a merged pair is made of what stands for its two parts.

    Takes what `jetlab.trees.features` gives: float32 (n, 2 length - 1, features) of the nodes, particles first, and
    (n, length - 1, 2), the numbers of the two nodes that each merging joined, -1 for none. Gives (n, 1), between 0 and
    1. Trees of any shape go into one batch: all do their first merging together, then the second, and so on. It is made
    of layers and operations of Keras alone, so that a saved model needs no jetlab to be loaded.

    Args:
        length: particles of a jet, padding included.
        features: numbers of each node.
        nodes: numbers that stand for a node within the network.

    Raises:
        ArgumentError: fewer than two particles, of which there is no tree.
    """
    if length < 2:
        raise ArgumentError(f"recursive_net: {length} particles, but a tree takes two or more.")
    keras = load_keras()
    layers, ops = keras.layers, keras.ops
    inputs, children = (
        layers.Input((2 * length - 1, features), name="nodes"),
        layers.Input((length - 1, 2), name="tree"),
    )
    place = ops.cast(children, "int32")
    own = layers.Dense(nodes, activation="relu", name="node")(inputs)
    reset = layers.Dense(3 * nodes, activation="sigmoid", name="reset")
    candidate = layers.Dense(nodes, activation="relu", name="candidate")
    mixture = layers.Dense(4 * nodes, name="mixture")
    known = own[:, :length]
    for step in range(length - 1):
        mine = own[:, length + step]
        parts = ops.reshape(picked(known, ops.maximum(place[:, step], 0)), (-1, 2 * nodes))
        seen = ops.concatenate([parts, mine], axis=-1)
        fresh = candidate(reset(seen) * seen)
        offered = ops.concatenate([fresh, seen], axis=-1)
        # Of each number a share of four: the new one, those of the two parts, and the node's own.
        share = ops.softmax(ops.reshape(mixture(offered), (-1, 4, nodes)), axis=1)
        made = ops.sum(share * ops.reshape(offered, (-1, 4, nodes)), axis=1)
        known = ops.concatenate([known, ops.expand_dims(made, axis=1)], axis=1)
    whole = _last(known, place, length)
    hidden = layers.Dense(nodes, activation="relu", name="hidden")(whole)
    output = layers.Dense(1, activation="sigmoid", dtype="float32", name="output")(hidden)
    return keras.Model([inputs, children], output, name="recursive_net")


def _last(known: Any, place: Any, length: int) -> Any:
    """What stands for the node that the last merging made; of a jet of one particle, for that."""
    ops = load_keras().ops
    merged = ops.sum(ops.cast(ops.greater_equal(place[:, :, 0], 0), "int32"), axis=1)
    root = ops.where(ops.greater(merged, 0), length + merged - 1, 0)
    return picked(known, ops.expand_dims(root, axis=-1))[:, 0]
