"""Two networks that play against each other: a generator makes examples, a discriminator tells them from real ones.

Generative adversarial networks, arXiv:1406.2661. The game is one Keras model that puts out its own loss, so that it is
trained as any other:

    game = models.adversarial.game(generator, discriminator)
    training.fit(game, RunConfig(loss="output", ...), training.Data.unlabelled(x, None, train, validation))
    new = training.outputs(generator, np.random.default_rng(1).standard_normal((1000, latent)))
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jetlab.backend import load_keras
from jetlab.errors import ArgumentError

if TYPE_CHECKING:
    import keras

#: Keeps the slope of a root finite.
LEAST = 1e-12
#: How far away the slope of the discriminator is looked for, in units of the examples.
STEP = 0.05


def game(generator: "keras.Model", discriminator: "keras.Model", smooth: float = 0.0) -> "keras.Model":
    """The game of both networks: takes real examples (n, ...), gives a number for each, float32 (n, 1).

    In training this is the discriminator's cross-entropy, log(1 + exp(-d)) for a real example and log(1 + exp(d)) for a
    generated one. The discriminator's weights follow its slope. Those of the generator follow the slope of
    log(1 + exp(-d)) of what it makes (the "non-saturating" loss). Both move at once. Momentum makes them run in
    circles: train with "rmsprop", which has none.

    With `smooth` above zero the discriminator pays smooth / 2 times the square of its slope at each real example (R1,
    arXiv:1801.04406): where it cannot tell the two apart it has to become flat, and the game comes to rest. The slope
    is that in a random direction, from the difference of two values.

    Otherwise, as for the validation loss, the output is a share of the energy distance of generated and real examples,
    2 E|x - g| - E|x - x'| - E|g - g'|: the cross-entropy does not tell good examples from bad ones, and the best epoch
    must not be the one in which the discriminator wins. It may come out below zero by chance.

    Args:
        generator: takes normal numbers (n, latent), gives examples (n, ...).
        discriminator: takes examples and gives d (n, 1), a logit: large for real. It may not have dropout, whose masks
            would differ between the two players.
        smooth: strength of the penalty on the slope, for examples whose features have widths of about 1.

    Raises:
        ArgumentError: a discriminator that does not take what the generator gives, or does not give one number; a
            strength below zero.
    """
    keras = load_keras()
    made, taken, given = generator.output_shape[1:], discriminator.input_shape[1:], discriminator.output_shape[1:]
    if taken != made or given != (1,):
        raise ArgumentError(
            f"game: the generator makes examples {made}, and the discriminator takes {taken} and gives {given}; "
            "it has to take what the generator makes, and to give one number."
        )
    if smooth < 0:
        raise ArgumentError(f"game: smooth is {smooth:g}; below zero it would reward steep slopes.")
    kinds = layers()
    real = keras.layers.Input(made, name="real")
    fake = generator(kinds["noise"](generator.input_shape[1:], name="noise")(real))
    beside = real + STEP * kinds["noise"](made, name="direction")(real) if smooth else real
    judged = [discriminator(each) for each in (real, beside, keras.ops.stop_gradient(fake), fake)]
    return keras.Model(real, kinds["referee"](smooth, name="referee")(*judged, real, fake), name="game")


def energy_distances(one: Any, other: Any) -> Any:
    """Shares (n, 1) of the squared energy distance of Keras tensors (n, ...) and (n, ...); it is their mean."""
    ops = load_keras().ops
    rows = [ops.reshape(each, (ops.shape(each)[0], -1)) for each in (one, other)]

    def distances(a: Any, b: Any) -> Any:
        square = ops.sum(a * a, axis=1, keepdims=True) - 2.0 * ops.matmul(a, ops.transpose(b))
        square = square + ops.transpose(ops.sum(b * b, axis=1, keepdims=True))
        return ops.sum(ops.sqrt(ops.maximum(square, LEAST)), axis=1, keepdims=True)

    n = ops.cast(ops.shape(rows[0])[0], rows[0].dtype)
    own = distances(rows[0], rows[0]) + distances(rows[1], rows[1])
    return 2.0 * distances(*rows) / n - own / ops.maximum(n - 1.0, 1.0)


@functools.cache
def layers() -> "dict[str, type[keras.Layer]]":
    """The layers of a game; once this was called, Keras loads saved games."""
    library = load_keras()
    ops = library.ops
    register = library.saving.register_keras_serializable("jetlab")

    @register
    class Noise(library.layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no types
        """Normal numbers (n, *row), as many rows as there are examples."""

        def __init__(self, row: Sequence[int], **settings: Any) -> None:
            super().__init__(**settings)
            self.row = tuple(row)
            self.numbers = library.random.SeedGenerator()

        def call(self, x: Any) -> Any:
            """New ones at each call."""
            return library.random.normal((ops.shape(x)[0], *self.row), seed=self.numbers)

        def compute_output_spec(self, x: Any) -> Any:
            """Shape of the numbers."""
            return library.KerasTensor((x.shape[0], *self.row), "float32")

        def get_config(self) -> dict[str, Any]:
            """Arguments that make such a layer again."""
            return dict(super().get_config()) | {"row": self.row}

    @register
    class Referee(library.layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no types
        """Loss of both players from logits (n, 1) of real examples, beside them, and of made ones for either one."""

        def __init__(self, smooth: float, **settings: Any) -> None:
            super().__init__(**settings)
            self.smooth = smooth

        def call(self, yes: Any, beside: Any, no: Any, own: Any, real: Any, fake: Any, training: bool = False) -> Any:
            """Cross-entropy and penalty in training, else shares of the energy distance."""
            if not training:
                return energy_distances(real, fake)
            # The last two are equal: they leave the loss as it is, and cancel for the discriminator's weights. The
            # generator is reached by the first of them alone.
            loss = ops.softplus(-yes) + ops.softplus(no) + ops.softplus(-own) - ops.softplus(-no)
            return loss + 0.5 * self.smooth * ((beside - yes) / STEP) ** 2

        def compute_output_spec(self, yes: Any, *_: Any, **__: Any) -> Any:
            """Shape of the loss."""
            return library.KerasTensor(yes.shape, yes.dtype)

        def get_config(self) -> dict[str, Any]:
            """Arguments that make such a layer again."""
            return dict(super().get_config()) | {"smooth": self.smooth}

    return {"noise": Noise, "referee": Referee}
