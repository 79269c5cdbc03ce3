"""Penalties that keep a tagger from learning a number it must not know, such as the jet's mass."""

import functools
from typing import TYPE_CHECKING, Any

from jetlab.backend import load_keras
from jetlab.errors import ArgumentError

if TYPE_CHECKING:
    import keras

#: Keeps the root of a variance of nothing, and its slope, finite.
LEAST = 1e-12


def decorrelated(tagger: "keras.Model", strength: float) -> "keras.Model":
    """The same tagger, with `strength` times DisCo's penalty in its loss (arXiv:2001.05310): to be trained instead.

    The penalty is the squared distance correlation of score and protected number over the jets of a batch, with their
    weights. Takes the tagger's inputs and, behind them, float32 (n, 2): the number, and the jet's weight in the
    penalty, 0 for signal. Gives the tagger's score (n, 1). Both networks share their weights. The layer "disco" holds
    `strength`, a variable that may be changed while the network trains.

    Raises:
        ArgumentError: a negative strength, or a tagger with more than one output.
    """
    if strength < 0:
        raise ArgumentError(f"decorrelated: the strength is {strength:g}; below zero it would reward the correlation.")
    if tagger.output_shape[-1] != 1:
        raise ArgumentError(f"decorrelated: the network has {tagger.output_shape[-1]} outputs, but a tagger has one.")
    keras = load_keras()
    inputs = [keras.layers.Input(each.shape[1:]) for each in tagger.inputs]
    protected = keras.layers.Input((2,), name="protected")
    score = tagger(inputs if len(inputs) > 1 else inputs[0])
    return keras.Model([*inputs, protected], disco()(strength, name="disco")(score, protected))


def squared_distance_correlation(one: Any, other: Any, weight: Any) -> Any:
    """Squared distance correlation of Keras tensors (n,) with weights (n,); `metrics.decorrelation` explains it."""
    ops = load_keras().ops
    weight = ops.expand_dims(weight / ops.maximum(ops.sum(weight), LEAST), axis=1)
    distances = [ops.abs(ops.expand_dims(x, axis=1) - ops.expand_dims(x, axis=0)) for x in (one, other)]
    means = [ops.matmul(distance, weight) for distance in distances]

    def covariance(a: int, b: int) -> Any:
        products = ops.matmul(distances[a] * distances[b], weight)
        totals = ops.sum(weight * means[a]) * ops.sum(weight * means[b])
        return ops.sum(weight * (products - 2.0 * means[a] * means[b])) + totals

    return covariance(0, 1) / ops.sqrt(ops.maximum(covariance(0, 0) * covariance(1, 1), LEAST))


@functools.cache
def disco() -> "type[keras.Layer]":
    """The class of the layer with DisCo's penalty; once this was called, Keras loads saved networks that have it."""
    library = load_keras()

    @library.saving.register_keras_serializable("jetlab")
    class Disco(library.layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no types
        """Hands the scores (n, 1) on, and adds the penalty to the loss."""

        def __init__(self, strength: float, **settings: Any) -> None:
            super().__init__(**(settings | {"dtype": "float32"}))
            self.initial = strength

        def build(self, *_: Any) -> None:
            """Make the strength a variable."""
            start = library.initializers.Constant(self.initial)
            self.strength = self.add_weight((), start, trainable=False, name="strength")

        def call(self, score: Any, protected: Any) -> Any:
            """The scores as they are."""
            found = squared_distance_correlation(score[:, 0], protected[:, 0], protected[:, 1])
            self.add_loss(self.strength * found)
            return score

        def compute_output_spec(self, score: Any, protected: Any) -> Any:
            """Shape and dtype of the scores."""
            return library.KerasTensor(score.shape, "float32")

        def get_config(self) -> dict[str, Any]:
            """Arguments that make such a layer again."""
            return dict(super().get_config()) | {"strength": self.initial}

    return Disco
