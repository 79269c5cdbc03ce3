"""What a network is trained on: inputs, labels and weights of a training and a validation part, checked."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetlab.errors import JetlabError
from jetlab.models import Shape


class TrainingError(JetlabError, ValueError):
    """Training cannot start; the message says what is wrong with the data and what to do."""


#: Inputs of a network with one input, or of one with several, in their order.
Inputs = NDArray[Any] | tuple[NDArray[Any], ...]
#: Means of a part's weights that training accepts: the loss, and so every step of plain gradient descent, scales with
#: the mean, and with weights of some 1e-5, as `mcweight` has, a network hardly moves.
MEAN_WEIGHT = (0.1, 10.0)


@dataclass(frozen=True)
class Data:
    """Scaled inputs (n, ...), labels (n,) 1 for W and 0 for QCD, and weights (n,) or None, of both parts.

    A network with several inputs takes a tuple of arrays as x. For `regression` the labels are any numbers, for more
    than two `classes` their numbers from 0. Stored as float32, otherwise as they are. Raises TrainingError for lengths
    that disagree, values that are not finite, an empty class, and weights that are negative or whose mean is outside
    MEAN_WEIGHT.
    """

    x_train: Inputs
    y_train: NDArray[Any]
    w_train: NDArray[Any] | None
    x_validation: Inputs
    y_validation: NDArray[Any]
    w_validation: NDArray[Any] | None
    regression: bool = False
    classes: int = 2

    def __post_init__(self) -> None:
        """Check and convert both parts."""
        for part in ("train", "validation"):
            names = [f"{letter}_{part}" for letter in "xyw"]
            for name, values in zip(names, self._checked(names, part), strict=True):
                object.__setattr__(self, name, values)

    @classmethod
    def of(
        cls, x: Inputs, y: NDArray[Any], weight: NDArray[Any], train: NDArray[np.int64], validation: NDArray[np.int64]
    ) -> "Data":
        """Take both parts from arrays of all jets, by the positions of the jets in each; raises as the class does."""
        parts = [(rows(values, train), rows(values, validation)) for values in (x, y, weight)]
        return cls(*(first for first, _ in parts), *(second for _, second in parts))

    @classmethod
    def unlabelled(
        cls,
        x: Inputs,
        weight: NDArray[Any] | None,
        train: NDArray[np.int64],
        validation: NDArray[np.int64],
    ) -> "Data":
        """As `of`, for a network that learns its inputs alone, by the loss "output"."""
        n = len(x[0] if isinstance(x, tuple) else x)
        weight = np.ones(n) if weight is None else weight
        first, second = ((rows(x, part), np.zeros(len(part)), weight[part]) for part in (train, validation))
        return cls(*first, *second, regression=True)

    def first(self, size: int | None, seed: int) -> "Data":
        """Keep `size` training jets, the first of a permutation that depends on the seed alone (None: all)."""
        if size is None or size >= len(self.y_train):
            return self
        kept = np.random.default_rng(seed).permutation(len(self.y_train))[:size]
        return dataclasses.replace(self, **{f"{k}_train": rows(getattr(self, f"{k}_train"), kept) for k in "xyw"})

    def order(self, seed: int, epoch: int) -> NDArray[np.int32]:
        """Order in which an epoch, counted from 1, takes the training jets: the same again for the same seed."""
        return np.random.default_rng((seed, epoch)).permutation(len(self.y_train)).astype(np.int32)

    def _checked(self, names: list[str], part: str) -> tuple[Any, ...]:
        x, y, w = (getattr(self, name) for name in names)
        several = isinstance(x, tuple | list)
        inputs = [np.asarray(each, dtype=np.float32) for each in (x if several else [x])]
        y = np.asarray(y, dtype=np.float32)
        w = np.ones(y.shape) if w is None else np.asarray(w, dtype=np.float64)
        if y.ndim != 1 or w.shape != y.shape or any(each.ndim < 2 or len(each) != len(y) for each in inputs):
            raise TrainingError(
                f"The {part} part has inputs {', '.join(str(each.shape) for each in inputs)}, labels {y.shape} and "
                f"weights {w.shape}; give x (n, n_inputs), y (n,) and w (n,) or None, one row per jet."
            )
        for each in inputs:
            if bad := int(np.sum(~np.isfinite(each.reshape(len(each), -1)).all(axis=1))):
                raise TrainingError(
                    f"Inputs are NaN or infinite for {bad} of {len(y)} {part} jets; mask them or fix the inputs."
                )
        if not np.isfinite(w).all() or (w < 0).any():
            raise TrainingError(f"The {part} weights must be finite and not negative; check the weights.")
        _check_targets(y, w, part) if self.regression else _check_classes(y, w, part, self.classes)
        if not MEAN_WEIGHT[0] <= w.mean() <= MEAN_WEIGHT[1]:
            raise TrainingError(
                f"The {part} weights have a mean of {w.mean():.3g}, but the loss and the steps of the training scale "
                "with it; divide all weights by the mean of the training weights."
            )
        return tuple(inputs) if several else inputs[0], y, w.astype(np.float32)


def rows(x: Any, positions: Any) -> Any:
    """Jets at these positions (or in this slice) of an array, or of each array of a tuple."""
    return tuple(each[positions] for each in x) if isinstance(x, tuple) else x[positions]


def shape(x: Inputs) -> Shape:
    """Shape of one jet's inputs: a tuple of shapes where there are several."""
    return tuple(each.shape[1:] for each in x) if isinstance(x, tuple) else x.shape[1:]


def _check_classes(y: NDArray[np.float32], w: NDArray[np.float64], part: str, classes: int) -> None:
    if not np.isin(y, range(classes)).all():
        allowed = "1 (signal) or 0 (background), as in jet_isW_ak7" if classes == 2 else f"0 to {classes - 1}"
        raise TrainingError(f"The {part} labels must be {allowed}.")
    names = ("QCD jet", "W jet") if classes == 2 else [f"jet of class {number}" for number in range(classes)]
    for label, name in reversed(list(enumerate(names))):
        if not w[y == label].sum() > 0:
            needed = "both" if classes == 2 else "all"
            raise TrainingError(
                f"The {part} part has no {name} with a weight above zero; training needs {needed} classes."
            )


def _check_targets(y: NDArray[np.float32], w: NDArray[np.float64], part: str) -> None:
    if not np.isfinite(y).all():
        raise TrainingError(f"The {part} targets are not all finite; leave those jets out, or fix the target.")
    if not w.sum() > 0:
        raise TrainingError(f"The {part} part has no jet with a weight above zero; check the weights.")
