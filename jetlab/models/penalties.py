"""Penalties that keep a tagger from learning a number it must not know, such as the jet's mass."""

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from jetlab.backend import load_keras
from jetlab.errors import ArgumentError

if TYPE_CHECKING:
    import keras

#: Keeps the root of a variance of nothing, and its slope, finite.
LEAST = 1e-12
#: Powers of score and protected number whose correlations `moments` punishes.
POWERS = (1, 2, 3)
#: The adversary: nodes of its hidden layers, and normal distributions that it mixes.
NODES, MIXED = 64, 5


def decorrelated(tagger: "keras.Model", strength: float, kind: str = "disco") -> "keras.Model":
    """The same tagger, with `strength` times a penalty in its loss: to be trained instead.

    Takes the tagger's inputs and, behind them, float32 (n, 2): the protected number, of about mean 0 and width 1, and
    the jet's weight in the penalty, 0 for signal. Gives the tagger's score (n, 1). Both networks share their weights.
    The layer called as the kind holds `strength`, a variable that may be changed while the network trains.

    The penalties of the jets of a batch, of score and protected number:

    - "disco": their squared distance correlation (arXiv:2001.05310);
    - "moments": the sum of the squared correlations of their first three powers, which sees less but costs less;
    - "adversary": minus the loss of a network that guesses the number from the score, as a mixture of normal
      distributions, and is trained at the same time to guess well (arXiv:1611.01046).

    Raises:
        ArgumentError: a negative strength, an unknown kind, or a tagger with more than one output.
    """
    if strength < 0:
        raise ArgumentError(f"decorrelated: the strength is {strength:g}; below zero it would reward the correlation.")
    if kind not in (known := layers()):
        raise ArgumentError(f"decorrelated: there is no penalty {kind!r}, but {', '.join(known)}.")
    if tagger.output_shape[-1] != 1:
        raise ArgumentError(f"decorrelated: the network has {tagger.output_shape[-1]} outputs, but a tagger has one.")
    keras = load_keras()
    inputs = [keras.layers.Input(each.shape[1:]) for each in tagger.inputs]
    protected = keras.layers.Input((2,), name="protected")
    score = tagger(inputs if len(inputs) > 1 else inputs[0])
    return keras.Model([*inputs, protected], known[kind](strength, name=kind)(score, protected))


def turn(model: "keras.Model", strength: float) -> bool:
    """Set the strength of a model's penalties, which may train meanwhile; returns whether that changed one."""
    kinds = tuple(layers().values())
    found = [layer for layer in model.layers if isinstance(layer, kinds)]
    changed = [layer for layer in found if float(layer.strength.numpy()) != np.float32(strength)]
    for layer in changed:
        layer.strength.assign(strength)
    return bool(changed)


def squared_distance_correlation(one: Any, other: Any, weight: Any) -> Any:
    """Squared distance correlation of Keras tensors (n,) with weights (n,); `metrics.decorrelation` explains it."""
    ops = load_keras().ops
    weight = ops.expand_dims(_shares(weight), axis=1)
    distances = [ops.abs(ops.expand_dims(x, axis=1) - ops.expand_dims(x, axis=0)) for x in (one, other)]
    means = [ops.matmul(distance, weight) for distance in distances]

    def covariance(a: int, b: int) -> Any:
        products = ops.matmul(distances[a] * distances[b], weight)
        totals = ops.sum(weight * means[a]) * ops.sum(weight * means[b])
        return ops.sum(weight * (products - 2.0 * means[a] * means[b])) + totals

    return covariance(0, 1) / ops.sqrt(ops.maximum(covariance(0, 0) * covariance(1, 1), LEAST))


def squared_correlations(one: Any, other: Any, weight: Any) -> Any:
    """Sum of the squared linear correlations of all pairs of POWERS of Keras tensors (n,), with weights (n,)."""
    ops = load_keras().ops
    weight = _shares(weight)

    def standard(x: Any) -> Any:
        centred = x - ops.sum(weight * x)
        return centred / ops.sqrt(ops.maximum(ops.sum(weight * centred**2), LEAST))

    powers = [[standard(standard(x) ** power) for power in POWERS] for x in (one, other)]
    return sum(ops.sum(weight * a * b) ** 2 for a in powers[0] for b in powers[1])


def mixture_loss(number: Any, logits: Any, means: Any, log_widths: Any) -> Any:
    """Minus the log likelihood (n,) of numbers (n,) for mixtures of normal distributions, (n, components) each."""
    ops = load_keras().ops
    pull = (ops.expand_dims(number, axis=1) - means) * ops.exp(-log_widths)
    each = ops.log_softmax(logits, axis=1) - 0.5 * pull**2 - log_widths - 0.5 * math.log(2 * math.pi)
    return -ops.logsumexp(each, axis=1)


def _shares(weight: Any) -> Any:
    """Weights that add up to one; where all are zero they stay so."""
    ops = load_keras().ops
    return weight / ops.maximum(ops.sum(weight), LEAST)


@functools.cache
def layers() -> "dict[str, type[keras.Layer]]":
    """Kind of penalty -> class of its layer; once this was called, Keras loads saved networks that have them."""
    library = load_keras()
    ops = library.ops
    register = library.saving.register_keras_serializable("jetlab")

    class Penalty(library.layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no types
        """Hands the scores (n, 1) on, and adds a penalty to the loss."""

        def __init__(self, strength: float, **settings: Any) -> None:
            super().__init__(**(settings | {"dtype": "float32"}))
            self.initial = strength

        def build(self, *_: Any) -> None:
            """Make the strength a variable."""
            start = library.initializers.Constant(self.initial)
            self.strength = self.add_weight((), start, trainable=False, name="strength")

        def call(self, score: Any, protected: Any) -> Any:
            """The scores as they are."""
            self.add_loss(self.penalty(score[:, 0], protected[:, 0], protected[:, 1]))
            return score

        def compute_output_spec(self, score: Any, protected: Any) -> Any:
            """Shape and dtype of the scores."""
            return library.KerasTensor(score.shape, "float32")

        def get_config(self) -> dict[str, Any]:
            """Arguments that make such a layer again."""
            return dict(super().get_config()) | {"strength": self.initial}

    @register
    class Disco(Penalty):
        """Squared distance correlation."""

        def penalty(self, score: Any, number: Any, weight: Any) -> Any:
            """`strength` times the correlation of (n,) and (n,)."""
            return self.strength * squared_distance_correlation(score, number, weight)

    @register
    class Moments(Penalty):
        """Squared correlations of powers."""

        def penalty(self, score: Any, number: Any, weight: Any) -> Any:
            """`strength` times the correlations of (n,) and (n,)."""
            return self.strength * squared_correlations(score, number, weight)

    @register
    class Adversary(Penalty):
        """A network that guesses the number from the score, behind a reversal of the gradient."""

        #: Of a game no loss says which epoch is the best: with an adversary that has not learnt yet it is lowest.
        game = True

        def build(self, *_: Any) -> None:
            """Make the adversary's own weights, too."""
            super().build()
            self.hidden = [library.layers.Dense(NODES, activation="relu", name=f"hidden_{i}") for i in (1, 2)]
            self.mixture = library.layers.Dense(3 * MIXED, name="mixture")
            for layer, nodes in zip((*self.hidden, self.mixture), (1, NODES, NODES), strict=True):
                layer.build((None, nodes))

        def penalty(self, score: Any, number: Any, weight: Any) -> Any:
            """Minus `strength` times the adversary's loss, which its own weights still make smaller."""
            # The value is that of the score, the slope is the other way round, and `strength` times as steep.
            reversed_ = ops.stop_gradient((1.0 + self.strength) * score) - self.strength * score
            found = ops.expand_dims(reversed_, axis=1)
            for layer in (*self.hidden, self.mixture):
                found = layer(found)
            loss = ops.sum(_shares(weight) * mixture_loss(number, *ops.split(found, 3, axis=1)))
            return loss - ops.stop_gradient((1.0 + self.strength) * loss)

    return {"disco": Disco, "moments": Moments, "adversary": Adversary}
