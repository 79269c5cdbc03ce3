"""Flow matching: a network learns with which velocity normal numbers have to move to become examples.

On a straight line from x0, normal numbers, to x1, an example, x_t = (1 - t) x0 + t x1 moves with the velocity x1 - x0.
A network that is to guess it from x_t and t learns the mean velocity of all lines through that point, and that moves
the normal distribution into the one of the examples (arXiv:2210.02747, 2209.03003).

    velocity = models.matching.set_velocity(30, 3)
    model = models.matching.matched(velocity)
    training.fit(model, RunConfig(loss="output", ...), training.Data.unlabelled((x, present), None, train, validation))
    new = models.matching.sample(velocity, 1, present=present[:1000])
"""

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jetlab.backend import load_keras
from jetlab.errors import ArgumentError

if TYPE_CHECKING:
    import keras

#: Examples that are moved at a time.
CHUNK = 512


def set_velocity(length: int, features: int, width: int = 64, blocks: int = 3) -> "keras.Model":
    """A velocity for sets: x (n, length, features), t (n, 1) and present (n, length) -> (n, length, features).

    Each block looks at each particle, at the mean of all and at t, as deep sets do (arXiv:1703.06114); the order of the
    particles does not matter. `present` is 1 where there is a particle, and 0 elsewhere, where the velocity is zero.
    """
    keras = load_keras()
    layers, ops = keras.layers, keras.ops
    x = layers.Input((length, features), name="x")
    time = layers.Input((1,), name="t")
    present = layers.Input((length,), name="present")
    there = ops.expand_dims(present, axis=-1)
    share = there / ops.maximum(ops.sum(there, axis=1, keepdims=True), 1.0)
    phases = ops.concatenate([time, *[f(math.pi * k * time) for k in (1, 2) for f in (ops.sin, ops.cos)]], axis=1)
    number = ops.mean(present, axis=1, keepdims=True)
    whole = layers.Dense(width, activation="gelu", name="time")(ops.concatenate([phases, number], axis=1))
    each = layers.Dense(width, activation="gelu", name="particle")(x)
    for block in range(1, blocks + 1):
        mean = ops.sum(each * share, axis=1)
        whole = layers.Dense(width, activation="gelu", name=f"whole_{block}")(ops.concatenate([mean, whole], axis=1))
        # The same as a dense layer on particle and whole together, at less than half the cost.
        of_whole = ops.expand_dims(layers.Dense(width, name=f"from_whole_{block}")(whole), axis=1)
        hidden = ops.gelu(layers.Dense(width, use_bias=False, name=f"from_particle_{block}")(each) + of_whole)
        each = each + layers.Dense(width, name=f"particle_{block}")(hidden)
    velocity = layers.Dense(features, kernel_initializer="zeros", name="velocity")(each)
    return keras.Model([x, time, present], velocity * there, name="set_velocity")


def matched(velocity: "keras.Model") -> "keras.Model":
    """What is trained: takes examples x1 (n, ...), gives the squared error of the velocity, a mean for each (n, 1).

    Where the velocity takes `present` as a third input, (n, length), so does this model, as its second; then the mean
    is that over the numbers of the particles that are there. x0 and t, uniform between 0 and 1, are new in each call.

    Raises:
        ArgumentError: a velocity of another shape than its first input.
    """
    keras = load_keras()
    if velocity.output_shape != velocity.inputs[0].shape:
        raise ArgumentError(
            f"matched: the velocity has shape {velocity.output_shape[1:]}, but moves numbers of shape "
            f"{velocity.inputs[0].shape[1:]}; let it give as many numbers as it takes."
        )
    kinds = layers()
    inputs = [keras.layers.Input(each.shape[1:]) for each in (velocity.inputs[0], *velocity.inputs[2:])]
    between, time, wanted = kinds["between"](name="between")(*inputs)
    return keras.Model(
        inputs if len(inputs) > 1 else inputs[0],
        kinds["error"](name="error")(velocity([between, time, *inputs[1:]]), wanted, *inputs[1:]),
    )


def sample(
    velocity: "keras.Model", seed: int, n: int | None = None, present: NDArray[Any] | None = None, steps: int = 20
) -> NDArray[np.float32]:
    """Move normal numbers to t = 1 in `steps` steps of Heun's method, two looks at the velocity each: (n, ...).

    Give `present` (n, length) for a velocity that takes it, else n. Raises ArgumentError where it is otherwise, or for
    no step at all.
    """
    if (present is None) != (len(velocity.inputs) == 2) or (n is None) == (present is None) or steps < 1:
        raise ArgumentError("sample: give n, or `present` where the velocity takes it, and at least one step.")
    ops = load_keras().ops
    total = len(present) if present is not None else n
    assert total is not None
    rng, found = np.random.default_rng(seed), []
    for first in range(0, total, CHUNK):
        rows = min(CHUNK, total - first)
        x = rng.standard_normal((rows, *velocity.inputs[0].shape[1:]), dtype=np.float32)
        there = []
        if present is not None:
            there = [ops.convert_to_tensor(np.asarray(present[first : first + rows], dtype=np.float32))]
            x *= np.asarray(there[0])[..., np.newaxis]
        found.append(ops.convert_to_numpy(_moved(velocity, ops.convert_to_tensor(x), there, steps)))
    return np.concatenate(found) if found else np.empty((0, *velocity.inputs[0].shape[1:]), np.float32)


def _moved(velocity: "keras.Model", x: Any, there: list[Any], steps: int) -> Any:
    ops = load_keras().ops

    def at(x: Any, time: float) -> Any:
        return velocity([x, ops.full((x.shape[0], 1), time), *there], training=False)

    for step in range(steps):
        slope = at(x, step / steps)
        ahead = at(x + slope / steps, (step + 1) / steps)
        x = x + (slope + ahead) / (2 * steps)
    return x


@functools.cache
def layers() -> "dict[str, type[keras.Layer]]":
    """The layers of flow matching; once this was called, Keras loads saved models of `matched`."""
    library = load_keras()
    ops = library.ops
    register = library.saving.register_keras_serializable("jetlab")

    def wide(present: Any, like: Any) -> Any:
        """Which numbers of (n, length, ...) there are."""
        return ops.reshape(present, (*ops.shape(present), *[1] * (len(like.shape) - 2)))

    @register
    class Between(library.layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no types
        """A point on the line to each example x1 (n, ...), its time (n, 1), and the velocity there (n, ...)."""

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.numbers = library.random.SeedGenerator()

        def call(self, x: Any, present: Any = None) -> Any:
            """With a new beginning and a new time at each call."""
            start = library.random.normal(ops.shape(x), seed=self.numbers)
            if present is not None:
                x, start = x * wide(present, x), start * wide(present, x)
            time = library.random.uniform((ops.shape(x)[0], 1), seed=self.numbers)
            along = ops.reshape(time, (-1, *[1] * (len(x.shape) - 1)))
            return (1.0 - along) * start + along * x, time, x - start

        def compute_output_spec(self, x: Any, present: Any = None) -> Any:
            """Shapes of point, time and velocity."""
            return tuple(library.KerasTensor(shape, "float32") for shape in (x.shape, (x.shape[0], 1), x.shape))

    @register
    class SquaredError(library.layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no types
        """Mean squared difference (n, 1) of (n, ...) and (n, ...), of the particles that are present."""

        def call(self, found: Any, wanted: Any, present: Any = None) -> Any:
            """The mean for each example."""
            square = (found - wanted) ** 2
            axes = tuple(range(1, len(found.shape)))
            if present is None:
                return ops.reshape(ops.mean(square, axis=axes), (-1, 1))
            there = ops.broadcast_to(wide(present, square), ops.shape(square))
            total = ops.sum(square * there, axis=axes) / ops.maximum(ops.sum(there, axis=axes), 1.0)
            return ops.reshape(total, (-1, 1))

        def compute_output_spec(self, found: Any, wanted: Any, present: Any = None) -> Any:
            """Shape of the error."""
            return library.KerasTensor((found.shape[0], 1), "float32")

    return {"between": Between, "error": SquaredError}
