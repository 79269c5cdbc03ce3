"""What a network is trained for: a loss per jet, how its output looks, and what is reported after each epoch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetlab import metrics
from jetlab.backend import load_keras


@dataclass(frozen=True)
class Objective:
    """A loss and what belongs to it.

    Attributes:
        losses: Keras tensors y (n,) and output (n, outputs) -> loss of each jet (n,); also a loss for `model.compile`.
        outputs: numbers the network puts out for a jet.
        activation: of the network's last layer.
        reported: names in the history beside loss, val_loss and seconds.
        unit: the axis label of a loss curve.
        classes: that labels number from 0; 0 for regression.
    """

    losses: Callable[[Any, Any], Any]
    outputs: int
    activation: str
    reported: tuple[str, ...]
    unit: str
    classes: int = 0

    @property
    def classifies(self) -> bool:
        """Whether labels number classes and outputs are probabilities: that of class 1 alone where there are two."""
        return self.classes > 0

    def right(self, y: Any, output: Any) -> Any:
        """Whether each jet's class is the likeliest, Keras tensors y (n,) and output (n, outputs) -> bool (n,)."""
        ops = load_keras().ops
        if self.classes == 2:
            return (output[:, 0] > 0.5) == (y > 0.5)
        return ops.equal(ops.argmax(output, axis=-1), ops.cast(y, "int32"))

    def validate(self, y: NDArray[Any], output: NDArray[Any], weight: NDArray[Any]) -> dict[str, float]:
        """Return val_loss and the reported val_* numbers of labels (n,), outputs (n, outputs) and weights (n,).

        The loss is the mean of weight x loss over the jets, as in Keras, the others are weighted averages.
        """
        loss = load_keras().ops.convert_to_numpy(self.losses(y, output)).astype(np.float64)
        found = {"val_loss": float(np.mean(weight * loss))}
        if self.classes > 2:
            found["val_accuracy"] = float(np.average(np.argmax(output, axis=1) == y, weights=weight))
        elif self.classifies:
            score = output[:, 0]
            found["val_accuracy"] = metrics.accuracy(y, score, weight)
            found["val_auc"] = metrics.auc(y, score, weight)
        elif self.reported:
            low, middle, high = np.quantile(
                output[:, 0] - y, (0.1587, 0.5, 0.8413), weights=weight, method="inverted_cdf"
            )
            found["val_bias"], found["val_width"] = float(middle), float(high - low) / 2
        return found


def get(name: str) -> Objective:
    """The objective that `RunConfig.loss` names."""
    return _OBJECTIVES[name]


def _keras_loss(name: str) -> Callable[[Any, Any], Any]:
    """Keras' own loss of that name; Keras is loaded only when it is first called."""

    def losses(y: Any, output: Any) -> Any:
        return getattr(load_keras().losses, name)(_column(y), output)

    return losses


def _gaussian_nll(y: Any, output: Any) -> Any:
    """Negative log likelihood, without its constant, of a normal distribution with this mean and log variance."""
    ops = load_keras().ops
    mean, log_variance = output[:, 0], output[:, 1]
    return 0.5 * (log_variance + ops.square(_column(y)[:, 0] - mean) * ops.exp(-log_variance))


def _output(y: Any, output: Any) -> Any:
    """What the network puts out: it calculates its loss itself, such as minus the log likelihood of its inputs."""
    return output[:, 0]


def _column(y: Any) -> Any:
    # Keras' own fit hands over (n, 1), the compiled programs (n,).
    return load_keras().ops.reshape(y, (-1, 1))


_REGRESSION = ("val_bias", "val_width")
_OBJECTIVES = {
    "binary_crossentropy": Objective(
        _keras_loss("binary_crossentropy"), 1, "sigmoid", ("accuracy", "val_accuracy", "val_auc"), "cross-entropy", 2
    ),
    # Of light, c and b jets: what jetlab.flavour numbers 0, 1 and 2.
    "sparse_categorical_crossentropy": Objective(
        _keras_loss("sparse_categorical_crossentropy"), 3, "softmax", ("accuracy", "val_accuracy"), "cross-entropy", 3
    ),
    "mse": Objective(_keras_loss("mean_squared_error"), 1, "linear", _REGRESSION, "mean squared error"),
    "mae": Objective(_keras_loss("mean_absolute_error"), 1, "linear", _REGRESSION, "mean absolute error"),
    "huber": Objective(_keras_loss("huber"), 1, "linear", _REGRESSION, "Huber loss"),
    "gaussian_nll": Objective(_gaussian_nll, 2, "linear", _REGRESSION, "negative log likelihood"),
    "output": Objective(_output, 1, "linear", (), "of the network's own"),
}
