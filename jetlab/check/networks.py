"""How a network that gives a score is judged: is it one at all, has it seen the answers, does it reach the target?"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jetlab import metrics, training
from jetlab.check.held_back import Part, Parts
from jetlab.check.tasks import REACHED, Refused, Report, attempt
from jetlab.metrics import Estimate

#: Standard deviations by which held-back jets may look better than validation jets before chance is no excuse.
TOO_LUCKY = 5.0


class Limit(NamedTuple):
    """Another figure of the network's scores, and how large it may be at most.

    Attributes:
        name: in words.
        measure: makes it of inputs (n, ...), labels, scores and weights, (n,) each.
        most: what it may be on the held-back jets.
        hint: what to try where it is larger.
    """

    name: str
    measure: Callable[[Any, NDArray[Any], NDArray[Any], NDArray[Any]], Estimate]
    most: float
    hint: str


@dataclass(frozen=True)
class Network:
    """Judges a network that gives a score between 0 and 1 for each jet, on jets that the lesson does not have.

    Attributes:
        parts: makes the jets to judge on, inputs as the task says.
        least: what the figure has to be on the held-back jets.
        ceiling: no network of these inputs gets above it; only the labels do.
        figure: "auc" or "accuracy".
        most_parameters: parameters that it may have; None: any number, and any function of the inputs will do.
        fed: what it is fed with, in the lesson's words.
        things: what it gives a score for.
        hint: what to try where the figure falls short.
        limit: what else is asked of it; None: nothing.
    """

    parts: Callable[[], Parts]
    least: float
    ceiling: float
    figure: str = "auc"
    most_parameters: int | None = None
    fed: str = "the scaled inputs"
    things: str = "jets"
    hint: str = "more epochs, another learning rate or more nodes may do."
    limit: Limit | None = None

    def __call__(self, built: Any) -> Report:
        """Measure it, and say what is wrong with it or falls short; raises Refused where it cannot be measured."""
        parameters, parts = self._parameters(built), self.parts()
        (validation, _), (held_back, beside) = (self._measured(built, part) for part in parts)
        speed = self._speed(built, parts.held_back)
        name = "AUC" if self.figure == "auc" else self.figure
        figures = {
            f"{name} on held-back {self.things}": f"{held_back} (target: {self.least} or more)",
            f"{name} on validation {self.things}": str(validation),
            "parameters": "unknown" if parameters is None else f"{parameters:,}",
            f"{self.things} per second": f"{speed:,.0f}",
        }
        if self.most_parameters is not None:
            figures["parameters"] += f" (target: {self.most_parameters:,} or fewer)"
        if self.limit and beside:
            figures[f"{self.limit.name} on held-back {self.things}"] = f"{beside} (target: {self.limit.most} or less)"
        wrong = self._suspicion(validation, held_back) or self._shortfall(built, parameters, held_back.value, name)
        if not wrong and self.limit and beside and beside.value > self.limit.most:
            wrong = f"{self.limit.name} {beside.value:.3f}, and at most {self.limit.most} is wanted: {self.limit.hint}"
        return Report(f"hint: {wrong}" if wrong else REACHED, figures)

    def _parameters(self, built: Any) -> int | None:
        if not callable(built):
            raise Refused(
                f"give the network itself, not {_described(built)}: it has to predict {self.things} you don't have."
            )
        if hasattr(built, "count_params"):
            return int(attempt("Your network", built.count_params))
        if self.most_parameters is not None:
            raise Refused("this task counts parameters, so it needs a Keras model, such as a keras.Sequential.")
        return None

    def _measured(self, built: Any, part: Part) -> tuple[Estimate, Estimate | None]:
        """The figure of a part, and what is limited, its jets in an order that nobody can know beforehand."""
        order = np.random.default_rng().permutation(len(part.y))
        x, y, weight = training.rows(part.x, order), part.y[order], part.weight[order]
        score = self._score(built, x)
        found = metrics.evaluate(y, score, weight)[self.figure]
        return found, self.limit.measure(x, y, score, weight) if self.limit else None

    def _score(self, built: Any, x: training.Inputs) -> NDArray[np.float64]:
        predict = training.outputs if hasattr(built, "count_params") else lambda network, x: network(x)
        found = attempt(f"Your network, given {self.fed},", predict, built, x)
        score: NDArray[np.float64] = attempt("Making an array of your network's scores", np.asarray, found, float)
        n = len(x[0] if isinstance(x, tuple) else x)
        if score.shape not in ((n,), (n, 1)):
            raise Refused(
                f"for {n} {self.things} your network gives scores of shape {score.shape}; there should be one each, as "
                "from a last layer Dense(1, activation='sigmoid')."
            )
        if bad := int(np.sum(~np.isfinite(score))):
            raise Refused(f"{bad} of {n} scores are not finite: did the training diverge? Try a lower learning rate.")
        low, high = float(score.min()), float(score.max())
        if high - low < 1e-6:
            raise Refused(f"all {self.things} get the same score, {low:.3g}. {_loss_advice(built)}")
        if low < 0 or high > 1:
            raise Refused(
                f"the scores run from {low:.3g} to {high:.3g}, but should lie between 0 and 1: give the last layer "
                "activation='sigmoid'."
            )
        return score.reshape(n)

    @staticmethod
    def _speed(built: Any, part: Part) -> float:
        """Jets per second, of a second prediction: the first one compiles."""
        began = time.perf_counter()
        if hasattr(built, "count_params"):
            training.outputs(built, part.x)
        else:
            built(part.x)
        return len(part.y) / (time.perf_counter() - began)

    def _suspicion(self, validation: Estimate, held_back: Estimate) -> str:
        if held_back.value > self.ceiling:
            return f"{held_back.value:.4f} is more than these inputs can tell: the labels themselves are in there."
        if held_back.value - validation.value > TOO_LUCKY * float(np.hypot(validation.error, held_back.error)):
            return (
                f"{held_back.value:.4f} on held-back {self.things}, but {validation.value:.4f} on validation "
                f"{self.things}, is no chance: train with the training part only."
            )
        return ""

    def _shortfall(self, built: Any, parameters: int | None, value: float, name: str) -> str:
        if value < self.least:
            if self.figure == "auc" and value < 0.45 and not _untrained(built):
                advice = "below 0.5 the scores are upside down: is a W 1 in your labels?"
            # First weights alone may reach 0.92 by chance.
            elif value < self.least - 0.1 or _only_compiled(built):
                advice = f"is it trained, and with {self.fed}? {_loss_advice(built)}"
            else:
                advice = self.hint
            return f"{name} {value:.4f} of {self.least}: {advice}"
        if self.most_parameters is not None and parameters is not None and parameters > self.most_parameters:
            return f"it is good enough, but has {parameters:,} parameters of {self.most_parameters:,}: fewer nodes?"
        return ""


def _described(built: Any) -> str:
    return "an array of scores" if isinstance(built, np.ndarray) else f"something of type {type(built).__name__}"


def _untrained(built: Any) -> bool:
    """Whether it is a Keras model as it was made: then its scores may rank anything in any order."""
    if not hasattr(built, "count_params"):
        return False
    return getattr(built, "loss", None) is None or not int(built.optimizer.iterations)


def _only_compiled(built: Any) -> bool:
    """Whether it is a Keras model that was compiled, but never fitted."""
    return getattr(built, "loss", None) is not None and _untrained(built)


def _loss_advice(built: Any) -> str:
    """What to look at where a network tells nothing apart."""
    if not hasattr(built, "count_params"):
        return "Does your function look at its inputs?"
    loss = getattr(built, "loss", None)
    if loss is None:
        return "It was never compiled: call compile(), then fit()."
    if isinstance(loss, str) and "categorical" in loss:
        return f"With one output node the loss is 'binary_crossentropy'; {loss!r} needs a node for each class."
    if not int(built.optimizer.iterations):
        return "It was compiled, but never trained: call fit()."
    return "Look at its loss from epoch to epoch: does it fall? A lower learning rate may help."
