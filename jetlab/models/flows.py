"""Normalising flows: networks that know the density of their inputs, and draw new ones from it.

A flow is a chain of transforms, each of which can be undone, from examples to normally distributed numbers. The density
of an example is that of its numbers, times how much the chain stretches space there: the determinant of the Jacobian.

    flow = models.flows.real_nvp(4)
    training.fit(flow.density, RunConfig(loss="output", ...), training.Data.unlabelled(x, None, train, validation))
    new = flow.sample(1000, seed=1)
"""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from jetlab.backend import load_keras
from jetlab.errors import ArgumentError

if TYPE_CHECKING:
    import keras

#: Examples that go through a flow at a time.
CHUNK = 1 << 13


@dataclass(frozen=True)
class Flow:
    """A flow, known by the network that it trains.

    Attributes:
        density: Keras model of float32 x (n, features), of a conditional flow of x and context (n, context), to minus
            the logarithm of the density of each x (n, 1). Made by `real_nvp` or `maf`, or loaded from a `.keras` file
            after `layers()` was called.
    """

    density: "keras.Model"

    @property
    def features(self) -> int:
        """How many numbers an example has."""
        return int(self.density.inputs[0].shape[1])

    @property
    def context(self) -> int:
        """How many numbers a density is conditional on; 0 for none."""
        return int(self.density.inputs[1].shape[1]) if len(self.density.inputs) > 1 else 0

    @property
    def transforms(self) -> "list[keras.Layer]":
        """The layers of the chain, from the example to the normal numbers."""
        return [layer for layer in self.density.layers if hasattr(layer, "undo")]

    def log_density(self, x: NDArray[Any], context: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """Logarithm of the density (n,) at x (n, features), given the context (n, context); raises ArgumentError."""
        return -self._in_chunks(lambda *given: self.density(list(given)), "log_density", x, context)[:, 0]

    def normal(self, x: NDArray[Any], context: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """The numbers (n, features) that the chain makes of x (n, features); raises ArgumentError."""

        def chain(x: Any, *given: Any) -> Any:
            for transform in self.transforms:
                x, _ = transform(x, *given)
            return x

        return self._in_chunks(chain, "normal", x, context)

    def example(self, z: NDArray[Any], context: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """The x (n, features) of which the chain makes z (n, features): `normal`, undone; raises ArgumentError."""

        def back(z: Any, *given: Any) -> Any:
            for transform in reversed(self.transforms):
                z = transform.undo(z, *given)
            return z

        return self._in_chunks(back, "example", z, context)

    def sample(self, n: int, seed: int, context: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """New examples (n, features), one for each row of the context if there is one; raises ArgumentError."""
        return self.example(np.random.default_rng(seed).standard_normal((n, self.features)), context)

    def _in_chunks(
        self, function: Any, name: str, x: NDArray[Any], context: NDArray[Any] | None
    ) -> NDArray[np.float32]:
        given = [x] if context is None else [x, context]
        wanted = [self.features, self.context] if self.context else [self.features]
        if [each.shape[1:] for each in given] != [(size,) for size in wanted] or len({len(each) for each in given}) > 1:
            shapes, right = (" and ".join(map(str, each)) for each in ([g.shape for g in given], wanted))
            raise ArgumentError(f"{name}: got arrays of shape {shapes}; wanted are (n, columns) with {right} columns.")
        ops = load_keras().ops
        given, found = [np.asarray(each, dtype=np.float32) for each in given], []
        for first in range(0, max(1, len(x)), CHUNK):
            rows = [ops.convert_to_tensor(each[first : first + CHUNK]) for each in given]
            found.append(ops.convert_to_numpy(function(*rows)))
        return np.concatenate(found)


def real_nvp(features: int, couplings: int = 6, nodes: int = 64, depth: int = 2, context: int = 0) -> Flow:
    """A flow of coupling layers (RealNVP, arXiv:1605.08803), still untrained.

    Each coupling leaves one half of the numbers as they are; from these a dense network of `depth` layers of `nodes`
    says how the other half is shifted and stretched. The halves change from coupling to coupling. Fast both ways.

    Raises:
        ArgumentError: fewer than two features, or fewer than two couplings.
    """
    _check("real_nvp", features, couplings)
    kinds = layers()
    # Halves by the binary digits of the feature's number: any two features soon stand in different halves.
    digits = max(1, (features - 1).bit_length())
    chain = []
    for number in range(couplings):
        half = [(feature >> (number // 2 % digits)) % 2 == number % 2 for feature in range(features)]
        kept = [feature for feature, stays in enumerate(half) if stays]
        chain.append(kinds["coupling"](kept, nodes, depth, name=f"coupling_{number + 1}"))
    return _flow(chain, features, context)


def maf(features: int, transforms: int = 5, nodes: int = 64, depth: int = 2, context: int = 0) -> Flow:
    """A masked autoregressive flow (MAF, arXiv:1705.07057), still untrained.

    In each transform a number is shifted and stretched by what those before it say, through a dense network of `depth`
    layers of `nodes` whose masks cut all other links (MADE, arXiv:1502.03509). The order is turned round from transform
    to transform. Densities take one pass, samples one for each feature.

    Raises:
        ArgumentError: fewer than two features, or fewer than two transforms.
    """
    _check("maf", features, transforms)
    order = list(range(features))
    chain = [
        layers()["autoregressive"](order[:: -1 if number % 2 else 1], nodes, depth, name=f"autoregressive_{number + 1}")
        for number in range(transforms)
    ]
    return _flow(chain, features, context)


def _check(name: str, features: int, transforms: int) -> None:
    if features < 2 or transforms < 2:
        raise ArgumentError(
            f"{name}: {features} features and {transforms} transforms; with fewer than two of either, "
            "nothing is learnt of how the features belong together."
        )


def _flow(chain: "Sequence[keras.Layer]", features: int, context: int) -> Flow:
    keras, kinds = load_keras(), layers()
    inputs = [keras.layers.Input((features,), name="x")]
    if context:
        inputs.append(keras.layers.Input((context,), name="context"))
    x, stretched = inputs[0], []
    for layer in chain:
        x, log_det = layer(x, *inputs[1:])
        stretched.append(log_det)
    return Flow(keras.Model(inputs, kinds["base"](name="minus_log_density")(x, stretched)))


@functools.cache
def layers() -> "dict[str, type[keras.Layer]]":
    """The kinds of layers of a flow; once this was called, Keras loads saved flows."""
    register = load_keras().saving.register_keras_serializable("jetlab")
    made = {"coupling": _coupling(), "autoregressive": _autoregressive(), "base": _base()}
    return {name: register(kind) for name, kind in made.items()}


@functools.cache
def _affine() -> Any:
    library = load_keras()

    class Affine(library.layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no types
        """Shifts and stretches numbers by what a network makes of others: x (n, features) -> z, log_det (n, 1)."""

        def __init__(self, nodes: int, depth: int, **settings: Any) -> None:
            super().__init__(**settings)
            self.nodes, self.depth = nodes, depth

        def add_range(self, features: int) -> None:
            """Make the variable that says how far the logarithm of a scale may go: at the start, to +-1."""
            self.range = self.add_weight((features,), "ones", name="range")

        def bounded(self, raw: Any) -> Any:
            """Logarithm of a scale, of any number: one outlier must not stretch space without bounds."""
            return self.range * library.ops.tanh(raw)

        def compute_output_spec(self, x: Any, context: Any = None) -> Any:
            """Shapes of z and log_det."""
            return library.KerasTensor(x.shape, x.dtype), library.KerasTensor((x.shape[0], 1), x.dtype)

        def get_config(self) -> dict[str, Any]:
            """Arguments that make such a layer again."""
            return dict(super().get_config()) | {"nodes": self.nodes, "depth": self.depth}

    return Affine


@functools.cache
def _coupling() -> Any:
    library = load_keras()
    ops = library.ops

    class Coupling(_affine()):  # type: ignore[misc]  # Keras has no types
        """Those numbers that are `kept` say what happens to the others."""

        def __init__(self, kept: Sequence[int], nodes: int, depth: int, **settings: Any) -> None:
            super().__init__(nodes, depth, **settings)
            self.kept = list(kept)

        def build(self, x_shape: Any, context_shape: Any = None) -> None:
            """Make the dense network; at the start it shifts and stretches nothing."""
            width = len(self.kept) + (context_shape[1] if context_shape else 0)
            self.changed = [feature for feature in range(x_shape[1]) if feature not in self.kept]
            # Where the kept and the changed numbers are, once they stand behind each other.
            self.places = np.argsort(self.kept + self.changed).tolist()
            dense = library.layers.Dense
            self.network = [dense(self.nodes, activation="relu", name=f"hidden_{i + 1}") for i in range(self.depth)]
            self.network.append(dense(2 * len(self.changed), kernel_initializer="zeros", name="shift_and_scale"))
            for layer in self.network:
                layer.build((None, width))
                width = layer.units
            self.add_range(len(self.changed))

        def numbers(self, kept: Any, context: Any = None) -> Any:
            """Shift and logarithm of the scale of the changed numbers, by the kept ones and the context."""
            found = kept if context is None else ops.concatenate([kept, context], axis=1)
            for layer in self.network:
                found = layer(found)
            shift, raw = ops.split(found, 2, axis=1)
            return shift, self.bounded(raw)

        def call(self, x: Any, context: Any = None) -> Any:
            """Take z = (x - shift) / scale of the changed numbers; log_det is minus the sum of log(scale)."""
            kept, changed = ops.take(x, self.kept, axis=1), ops.take(x, self.changed, axis=1)
            shift, log_scale = self.numbers(kept, context)
            z = ops.concatenate([kept, (changed - shift) * ops.exp(-log_scale)], axis=1)
            return ops.take(z, self.places, axis=1), -ops.sum(log_scale, axis=1, keepdims=True)

        def undo(self, z: Any, context: Any = None) -> Any:
            """The x of which `call` makes z."""
            kept, changed = ops.take(z, self.kept, axis=1), ops.take(z, self.changed, axis=1)
            shift, log_scale = self.numbers(kept, context)
            x = ops.concatenate([kept, changed * ops.exp(log_scale) + shift], axis=1)
            return ops.take(x, self.places, axis=1)

        def get_config(self) -> dict[str, Any]:
            """Arguments that make such a layer again."""
            return dict(super().get_config()) | {"kept": self.kept}

    return Coupling


@functools.cache
def _autoregressive() -> Any:
    library = load_keras()
    ops = library.ops

    class Autoregressive(_affine()):  # type: ignore[misc]  # Keras has no types
        """Each number is told what to do by those before it in the `order`."""

        def __init__(self, order: Sequence[int], nodes: int, depth: int, **settings: Any) -> None:
            super().__init__(nodes, depth, **settings)
            self.order = list(order)

        def build(self, x_shape: Any, context_shape: Any = None) -> None:
            """Make the masked network; at the start it shifts and stretches nothing."""
            features, extra = x_shape[1], context_shape[1] if context_shape else 0
            place = np.argsort(self.order)
            # A node knows the numbers up to its degree. That of the context is -1, so all know it; some nodes know
            # nothing else, for the first number's sake.
            nodes = np.resize(np.arange(-1 if extra else 0, features - 1), self.nodes)
            known = [np.concatenate([place, np.full(extra, -1)]), *[nodes] * self.depth]
            masks = [one[:, np.newaxis] <= other for one, other in itertools.pairwise(known)]
            masks.append(np.tile(known[-1][:, np.newaxis] < place, 2))
            self.masks = [mask.astype(np.float32) for mask in masks]
            self.kernels, self.biases = [], []
            for number, mask in enumerate(self.masks):
                start = "glorot_uniform" if number < self.depth else "zeros"
                self.kernels.append(self.add_weight(mask.shape, start, name=f"kernel_{number + 1}"))
                self.biases.append(self.add_weight(mask.shape[1:], "zeros", name=f"bias_{number + 1}"))
            self.add_range(features)

        def numbers(self, x: Any, context: Any = None) -> Any:
            """Shift and logarithm of the scale of each number, by those before it and the context."""
            found = x if context is None else ops.concatenate([x, context], axis=1)
            for number, (mask, kernel, bias) in enumerate(zip(self.masks, self.kernels, self.biases, strict=True)):
                found = ops.matmul(ops.relu(found) if number else found, kernel * mask) + bias
            shift, raw = ops.split(found, 2, axis=1)
            return shift, self.bounded(raw)

        def call(self, x: Any, context: Any = None) -> Any:
            """Take z = (x - shift) / scale; log_det is minus the sum of log(scale)."""
            shift, log_scale = self.numbers(x, context)
            return (x - shift) * ops.exp(-log_scale), -ops.sum(log_scale, axis=1, keepdims=True)

        def undo(self, z: Any, context: Any = None) -> Any:
            """The x of which `call` makes z: after each pass one more number, in the order, is right."""
            x = z
            for _ in self.order:
                shift, log_scale = self.numbers(x, context)
                x = z * ops.exp(log_scale) + shift
            return x

        def get_config(self) -> dict[str, Any]:
            """Arguments that make such a layer again."""
            return dict(super().get_config()) | {"order": self.order}

    return Autoregressive


@functools.cache
def _base() -> Any:
    library = load_keras()
    ops = library.ops

    class Base(library.layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no types
        """Minus the logarithm of the density (n, 1): of normal numbers (n, features), and the log_det of each layer."""

        def call(self, z: Any, log_dets: Any) -> Any:
            """Calculate - log p(z) - sum of log_det."""
            normal = 0.5 * ops.sum(z**2, axis=1, keepdims=True) + 0.5 * z.shape[1] * math.log(2 * math.pi)
            return normal - sum(log_dets)

        def compute_output_spec(self, z: Any, log_dets: Any) -> Any:
            """Shape of the densities."""
            return library.KerasTensor((z.shape[0], 1), z.dtype)

    return Base


@dataclass(frozen=True)
class Unbounded:
    """Features between two limits to numbers of mean 0 and width 1 without limits, where a flow is at home.

    z = (log(u / (1 - u)) - mean) / width, with u = (x - low) / (high - low): a flow that puts out normal numbers would
    blur an edge, such as the cut in pt. Densities of z become those of x by `log_slope`:
    log p(x) = flow.log_density(unbounded.apply(x)) + unbounded.log_slope(x).

    Attributes:
        low, high: limits of each feature, which no value reaches, float64 (features,), in the features' units.
        mean, width: of the logits of the training part, float64 (features,).
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    width: NDArray[np.float64]

    @classmethod
    def fit(
        cls, x: NDArray[Any], limits: Sequence[tuple[float, float]] | None = None, margin: float = 0.01
    ) -> "Unbounded":
        """Measure x (n, features), the training part.

        `limits` are (low, high) of each feature. Without, they are the least and the greatest value, moved apart by
        `margin` times their distance on either side.

        Raises:
            ArgumentError: nothing to measure, a feature that is not finite, constant or at its limit, limits for other
                than all features, or a margin not above zero.
        """
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2 or not len(x) or not np.isfinite(x).all() or (x.min(axis=0) == x.max(axis=0)).any():
            raise ArgumentError("Unbounded.fit needs x (n, features), finite, and no feature that is constant.")
        if limits is None:
            if not margin > 0:
                raise ArgumentError(f"Unbounded.fit: the margin is {margin:g}; above zero no value is at its limit.")
            reach = margin * (x.max(axis=0) - x.min(axis=0))
            low, high = x.min(axis=0) - reach, x.max(axis=0) + reach
        else:
            if np.shape(limits) != (x.shape[1], 2):
                raise ArgumentError(f"Unbounded.fit: {len(limits)} limits for {x.shape[1]} features; give a pair each.")
            low, high = np.array(limits, dtype=np.float64).T
        logits = cls(low, high, np.zeros_like(low), np.ones_like(low))._logits(x)
        return cls(low, high, logits.mean(axis=0), logits.std(axis=0))

    def apply(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Numbers (n, features) without limits; raises ArgumentError for values at or beyond their limits."""
        return np.asarray((self._logits(x) - self.mean) / self.width, dtype=np.float32)

    def invert(self, z: NDArray[Any]) -> NDArray[np.float64]:
        """The features (n, features) of which `apply` makes z."""
        logits = np.asarray(z, dtype=np.float64) * self.width + self.mean
        return np.asarray(self.low + (self.high - self.low) * scipy.special.expit(logits))

    def log_slope(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Logarithm of the determinant of dz/dx (n,); raises as `apply`."""
        self._check(x)
        x = np.asarray(x, dtype=np.float64)
        slope = (self.high - self.low) / ((x - self.low) * (self.high - x) * self.width)
        return np.asarray(np.log(slope).sum(axis=1))

    def _logits(self, x: NDArray[Any]) -> NDArray[np.float64]:
        self._check(x)
        x = np.asarray(x, dtype=np.float64)
        return np.asarray(np.log(x - self.low) - np.log(self.high - x))

    def _check(self, x: NDArray[Any]) -> None:
        bad = ~((x > self.low) & (x < self.high)).all(axis=0)
        if bad.any():
            number = int(np.flatnonzero(bad)[0])
            raise ArgumentError(
                f"Unbounded: feature {number} has values outside of {self.low[number]:g} to {self.high[number]:g}, or "
                "at these limits; give `fit` limits that hold for all examples, or leave those out."
            )
