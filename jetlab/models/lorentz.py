"""A network that knows special relativity: boosting or turning a jet leaves its score as it is (arXiv:2201.08187)."""

from typing import TYPE_CHECKING, Any

from jetlab.backend import load_keras
from jetlab.errors import ArgumentError

if TYPE_CHECKING:
    import keras

#: Signs of the scalar product of two four-momenta: E first.
METRIC = (1.0, -1.0, -1.0, -1.0)
#: How far a block moves the momenta, as in the paper: small steps train stably.
STEP = 1e-3


def lorentz_net(length: int, nodes: int = 24, blocks: int = 2, dropout: float = 0.1) -> "keras.Model":
    """LorentzNet for two classes, small: messages between particles that depend on scalar products alone.

    Takes four-momenta float32 (n, length, 4): E, px, py, pz, zero for padding, scaled by a constant so that they are of
    order one, and nothing else: a scale or a direction of the jet's own would break the symmetry. Gives (n, 1), between
    0 and 1. Neither padding nor the order of the particles matters. It is made of layers and operations of Keras alone.

    Args:
        length: particles of a jet, padding included.
        nodes: numbers that stand for a particle, and for a message.
        blocks: rounds of messages, one after the other.
        dropout: fraction dropped in training before the output.

    Raises:
        ArgumentError: fewer than two particles, or no block.
    """
    if length < 2 or blocks < 1:
        raise ArgumentError(f"lorentz_net: {length} particles and {blocks} blocks; at least 2 and 1 are needed.")
    keras = load_keras()
    layers, ops = keras.layers, keras.ops
    momenta = layers.Input((length, 4), name="momenta")
    present = ops.cast(ops.greater(momenta[:, :, :1], 0.0), "float32")
    both = ops.expand_dims(present, axis=2) * ops.expand_dims(present, axis=1)
    x, h = momenta, layers.Dense(nodes, name="embedding")(_squashed(_product(momenta, momenta))) * present
    for number in range(1, blocks + 1):
        x, h = _block(x, h, present, both, nodes, f"block_{number}", moves=number < blocks)
    whole = ops.sum(h, axis=1) / ops.maximum(ops.sum(present, axis=1), 1.0)
    whole = layers.Dropout(dropout, name="dropout")(layers.Dense(nodes, activation="relu", name="hidden")(whole))
    output = layers.Dense(1, activation="sigmoid", dtype="float32", name="output")(whole)
    return keras.Model(momenta, output, name="lorentz_net")


def _block(x: Any, h: Any, present: Any, both: Any, nodes: int, name: str, moves: bool) -> tuple[Any, Any]:
    """One round: momenta (n, length, 4) and numbers (n, length, nodes) of each particle after its messages.

    The momenta of the last block are not asked for again, so there they stay.
    """
    layers, ops = load_keras().layers, load_keras().ops
    one, other = ops.expand_dims(x, axis=2), ops.expand_dims(x, axis=1)
    pair = ops.concatenate([_product(one - other, one - other), _product(one, other)], axis=-1)
    # The first layer weighs (h_i, h_j, pair): those of one particle are calculated once, not once a pair.
    mine = ops.expand_dims(layers.Dense(nodes, name=f"{name}_own")(h), axis=2)
    theirs = ops.expand_dims(layers.Dense(nodes, use_bias=False, name=f"{name}_other")(h), axis=1)
    message = ops.relu(mine + theirs + layers.Dense(nodes, use_bias=False, name=f"{name}_pair")(_squashed(pair)))
    message = layers.Dense(nodes, activation="relu", name=f"{name}_message")(message) * both
    weight = layers.Dense(1, activation="sigmoid", name=f"{name}_weight")(message)
    heard = ops.sum(weight * message, axis=2)
    if moves:
        step = layers.Dense(1, use_bias=False, name=f"{name}_step")(message) * both
        x = x + STEP * ops.sum(step * other, axis=2)
    seen = layers.Dense(nodes, activation="relu", name=f"{name}_seen")(ops.concatenate([h, heard], axis=-1))
    return x, (h + layers.Dense(nodes, name=f"{name}_new")(seen)) * present


def _product(one: Any, other: Any) -> Any:
    """Scalar products of four-momenta, with an axis of one for each."""
    ops = load_keras().ops
    return ops.sum(one * other * ops.convert_to_tensor(METRIC), axis=-1, keepdims=True)


def _squashed(x: Any) -> Any:
    """A logarithm for both signs, as in the paper: products of momenta differ by powers of ten."""
    ops = load_keras().ops
    return ops.sign(x) * ops.log(ops.abs(x) + 1.0)
