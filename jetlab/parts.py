"""What a network is trained on: inputs, labels and weights of a training and a validation part, checked."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


class TrainingError(ValueError):
    """Training cannot start; the message says what is wrong with the data and what to do."""


@dataclass(frozen=True)
class Data:
    """Scaled inputs (n, n_inputs), labels (n,) 1 for W and 0 for QCD, and weights (n,) or None, of both parts.

    Stored as float32, weights scaled to mean one in each part, so that one learning rate suits every sample. Raises
    TrainingError for lengths that disagree, values that are not finite, negative weights or an empty class. Used in M2.
    """

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    w_train: NDArray[Any] | None
    x_validation: NDArray[Any]
    y_validation: NDArray[Any]
    w_validation: NDArray[Any] | None

    def __post_init__(self) -> None:
        """Check and convert both parts."""
        for part in ("train", "validation"):
            names = [f"{letter}_{part}" for letter in "xyw"]
            for name, values in zip(names, _checked(*(getattr(self, name) for name in names), part), strict=True):
                object.__setattr__(self, name, values)

    def first(self, size: int | None, seed: int) -> "Data":
        """Keep `size` training jets, the first of a permutation that depends on the seed alone (None: all)."""
        if size is None or size >= len(self.y_train):
            return self
        kept = np.random.default_rng(seed).permutation(len(self.y_train))[:size]
        return dataclasses.replace(self, **{f"{k}_train": getattr(self, f"{k}_train")[kept] for k in "xyw"})

    def order(self, seed: int, epoch: int) -> NDArray[np.int32]:
        """Order in which an epoch, counted from 1, takes the training jets: the same again for the same seed."""
        return np.random.default_rng((seed, epoch)).permutation(len(self.y_train)).astype(np.int32)


def _checked(x: Any, y: Any, w: Any, part: str) -> tuple[NDArray[np.float32], ...]:
    x, y = np.asarray(x, dtype=np.float32), np.asarray(y, dtype=np.float32)
    w = np.ones(y.shape) if w is None else np.asarray(w, dtype=np.float64)
    if x.ndim < 2 or y.ndim != 1 or not len(x) == len(y) == len(w) or w.ndim != 1:
        raise TrainingError(
            f"The {part} part has inputs {x.shape}, labels {y.shape} and weights {w.shape}; give x (n, n_inputs), "
            "y (n,) and w (n,) or None, one row per jet."
        )
    if bad := int(np.sum(~np.isfinite(x.reshape(len(x), -1)).all(axis=1))):
        raise TrainingError(
            f"{bad} of {len(x)} {part} jets have inputs that are NaN or infinite; mask them or fix the inputs."
        )
    if not np.isin(y, (0, 1)).all():
        raise TrainingError(f"The {part} labels must be 1 (W) or 0 (QCD); check that they are jet_isW_ak7.")
    if not np.isfinite(w).all() or (w < 0).any():
        raise TrainingError(f"The {part} weights must be finite and not negative; check the weights.")
    for name, label in (("W", 1), ("QCD", 0)):
        if not w[y == label].sum() > 0:
            raise TrainingError(
                f"The {part} part has no {name} jet with a weight above zero; training needs both classes."
            )
    return x, y, (w / w.mean()).astype(np.float32)
