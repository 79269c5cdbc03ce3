"""A dense layer, batch normalisation and ReLU as one, for many rows of which some may be padding."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jetlab.backend import load_keras

if TYPE_CHECKING:
    import keras


@functools.cache
def dense_batch_norm() -> "type[keras.Layer]":
    """The class of such layers, DenseBatchNorm; once this was called, Keras loads saved networks that have them.

    In training, mean and variance of the sums follow from those of the inputs, so that the layer is one product of
    matrices with a bias, and none but the ReLU goes through all numbers once more.
    """
    library = load_keras()
    ops = library.ops
    sums, dense = (ops.custom_gradient(each) for each in (_sums, _dense))

    @library.saving.register_keras_serializable("jetlab")
    class DenseBatchNorm(library.layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no types
        """`Dense` without bias, `BatchNormalization` with a mask and ReLU: the same numbers in two thirds of the time.

        Takes float32 (..., features), zero where no row is, and which rows there are, bool (...); gives (..., units),
        zero where no row is.
        """

        def __init__(self, units: int, momentum: float = 0.99, epsilon: float = 1e-3, **settings: Any) -> None:
            # Sums over all rows would overflow in float16.
            super().__init__(**(settings | {"dtype": "float32"}))
            self.units, self.momentum, self.epsilon = units, momentum, epsilon

        def build(self, shape: tuple[int | None, ...], *_: Any) -> None:
            """Make the weights, called as in Keras' two layers."""
            self.kernel = self.add_weight((shape[-1], self.units), "glorot_uniform", name="kernel")
            self.gamma = self.add_weight((self.units,), "ones", name="gamma")
            self.beta = self.add_weight((self.units,), "zeros", name="beta")
            self.moving_mean = self.add_weight((self.units,), "zeros", trainable=False, name="moving_mean")
            self.moving_variance = self.add_weight((self.units,), "ones", trainable=False, name="moving_variance")

        def call(self, x: Any, present: Any, training: bool = False) -> Any:
            """What comes behind the ReLU; in training normalised by the rows of this batch."""
            shape = (-1, *x.shape[1:-1], self.units)
            x = ops.reshape(x, (-1, x.shape[-1]))
            there = ops.reshape(ops.cast(present, "float32"), (-1, 1))
            if training:
                totals = sums(x) / ops.maximum(ops.sum(there), 1.0)
                mean = ops.matmul(totals[:1], self.kernel)[0]
                variance = ops.sum(self.kernel * ops.matmul(totals[1:], self.kernel), axis=0) - mean**2
                for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                    moving.assign(moving * self.momentum + ops.stop_gradient(value) * (1.0 - self.momentum))
            else:
                mean, variance = self.moving_mean, self.moving_variance
            # Rounding may leave less than nothing of the variance of inputs that are all alike.
            scale = self.gamma / ops.sqrt(ops.maximum(variance, 0.0) + self.epsilon)
            return ops.reshape(dense(x, self.kernel * scale, self.beta - mean * scale, there), shape)

        def compute_output_spec(self, x: Any, present: Any, training: bool = False) -> Any:
            """Shape and dtype of the outputs."""
            return library.KerasTensor((*x.shape[:-1], self.units), "float32")

        def get_config(self) -> dict[str, Any]:
            """Arguments that make such a layer again."""
            own = {name: getattr(self, name) for name in ("units", "momentum", "epsilon")}
            return dict(super().get_config()) | own

    return DenseBatchNorm


def _sums(x: Any) -> tuple[Any, Callable[..., Any]]:
    """Sums over the rows of x (n, features), under them the sums of products of each two columns, and the gradient.

    What differentiates these by themselves would multiply all rows twice, and add up the two.
    """
    ops = load_keras().ops

    def gradient(*given: Any, upstream: Any = None) -> Any:
        upstream = given[0] if upstream is None else upstream
        products = upstream[1:]
        return ops.matmul(x, products + ops.transpose(products)) + upstream[0]

    return ops.concatenate([_column_sums(x), ops.matmul(ops.transpose(x), x)]), gradient


def _dense(x: Any, weights: Any, bias: Any, there: Any) -> tuple[Any, Callable[..., Any]]:
    """A dense layer and its ReLU, of x (n, features), zero where `there` (n, 1) is, and the gradient."""
    ops = load_keras().ops
    found = ops.relu(ops.matmul(x, weights) + bias) * there

    def gradient(*given: Any, upstream: Any = None) -> Any:
        upstream = given[0] if upstream is None else upstream
        upstream = ops.where(found > 0.0, upstream, 0.0)
        products = ops.matmul(ops.transpose(x), upstream)
        of_x = ops.matmul(upstream, ops.transpose(weights))
        return of_x, products, _column_sums(upstream)[0], ops.zeros_like(there)

    return found, gradient


def _column_sums(x: Any) -> Any:
    """As a product of matrices, which TensorFlow does on all cores, unlike a sum over the first axis."""
    ops = load_keras().ops
    return ops.matmul(ops.transpose(ops.ones_like(x[:, :1])), x)
