"""What all figures of merit share: numbers per jet, checked; estimates with errors; the bootstrap they come from."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jetlab.errors import JetlabError

Floats = NDArray[np.float64]
#: How often each jet counts in a bootstrap sample, or None for the jets as they are.
Times = NDArray[np.integer] | None


class MetricError(JetlabError, ValueError):
    """A metric is not defined for these jets; the message says why and what to do."""


class Estimate(NamedTuple):
    """A number and its uncertainty; prints as "0.846 ± 0.003"."""

    value: float
    error: float

    def __str__(self) -> str:
        """Two significant digits of the uncertainty, and the value to the same decimal place."""
        if not (np.isfinite(self.error) and self.error > 0 and np.isfinite(self.value)):
            return f"{self.value:.4g} ± {self.error:.2g}"
        decimals = max(0, 1 - int(np.floor(np.log10(self.error))))
        return f"{self.value:.{decimals}f} ± {self.error:.{decimals}f}"


def per_jet(columns: Mapping[str, ArrayLike], weight: ArrayLike | None = None) -> list[Floats]:
    """The columns, by name, in their order, and then the weights (None: one each), all float64 (n,).

    Raises MetricError, which names the column, unless all have one finite number per jet and no weight is negative.
    """
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    shape = next(iter(arrays.values()), np.empty(0)).shape
    arrays["weights"] = np.ones(shape) if weight is None else np.asarray(weight, dtype=np.float64)
    if len(shape) != 1 or any(values.shape != shape for values in arrays.values()):
        shapes = ", ".join(f"{name} {values.shape}" for name, values in arrays.items())
        raise MetricError(f"The shapes do not fit together: {shapes}; give one of each per jet, for the same jets.")
    for name, values in arrays.items():
        if bad := int(np.sum(~np.isfinite(values))):
            remedy = "look at the training (are the inputs scaled?), or leave these jets out"
            raise MetricError(f"The {name} are not finite for {bad} of {len(values)} jets; {remedy}.")
    if (arrays["weights"] < 0).any():
        raise MetricError("Weights must not be negative: quantiles and ROC curves would not rise; check the weights.")
    return list(arrays.values())


def samples(
    n: int, replicas: int, seed: int, usable: Callable[[NDArray[np.integer]], Any] = np.any
) -> Iterator[NDArray[np.integer]]:
    """Bootstrap samples: how often each of n jets counts, Poisson(1) (doi:10.1214/aos/1176344552), int (n,).

    A sample that is not `usable` is drawn again: of a handful of jets, a class or all may be left out. Raises
    MetricError for fewer than two replicas.
    """
    if replicas < 2:
        raise MetricError(f"replicas is {replicas}; a bootstrap uncertainty needs at least 2, better 200.")
    rng = np.random.default_rng(seed)
    for _ in range(replicas):
        while not usable(times := rng.poisson(1.0, n)):
            pass
        yield times
