"""Self-checks: tell the participant whether an exercise is answered rightly, or give the hint that fits the mistake.

In a lesson: `answer = ...`, then `check.exercise("M1.01", answer)`. What was typed may be anything. It is first brought
to the kind that the exercise asks for, such as a number, and gets a hint where that cannot be done. The check proper is
a pure function from the answer of that kind (and the lesson's data, where the right answer depends on it) to None for
right or a hint for wrong; what it raises is a fault of the lesson and keeps its traceback. The checks of M1 and M2 are
here, those of other lessons in the modules of `_MODULES`, loaded when first asked for.
"""

import importlib
import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jetlab.check import solved
from jetlab.errors import ArgumentError

NOT_ANSWERED = "not answered yet"
RIGHT = "right"

Check = Callable[..., str | None]


class Kind(NamedTuple):
    """What an exercise asks for, in words, and what brings an answer to it: None, or any error, for another kind."""

    asked: str
    convert: Callable[[Any], Any]


_CHECKS: dict[str, tuple[Kind, Check]] = {}
#: Lesson -> module that registers its checks when it is imported.
_MODULES = {
    "M0": "pre",
    "P1": "pre",
    "P2": "pre",
    "P3": "p3",
    "M3": "m3",
    "M4": "m4",
    "M5": "m5",
    "M6": "m6",
    "M7": "m7",
}


def exercise(name: str, answer: Any, **data: Any) -> None:
    """Print *not answered yet*, *right* or a hint for the exercise `name`, such as "M1.01".

    `answer` is what the participant wrote, `...` as long as they did not; nothing that it may be raises. `data` is what
    the check compares with, under the names that the lesson gives. Raises ArgumentError for an unknown name and
    TypeError for data missing or too many.
    """
    said = verdict(name, answer, **data)
    print(f"{name}: {said}")
    if said == f"{RIGHT}!":
        solved.record(name)


def progress() -> None:
    """Print which exercises of each lesson were answered rightly on this machine, ever.

    Running a folded solution does not count.
    """
    done, trouble = solved.read()
    names = exercises()
    lessons = {name.partition(".")[0] for name in names}
    for lesson in sorted(lessons, key=lambda lesson: (lesson != "M0", lesson[0] != "P", lesson)):
        marks = [name in done for name in names if name.startswith(f"{lesson}.")]
        badge = "★" if all(marks) else " "
        print(f"{lesson} {badge} {''.join('●' if mark else '○' for mark in marks):10} {sum(marks)} of {len(marks)}")
    if trouble:
        print(trouble)


def exercises() -> list[str]:
    """Names of the exercises of all lessons, in order."""
    for module in set(_MODULES.values()):
        importlib.import_module(f"jetlab.check.{module}")
    return sorted(_CHECKS)


def verdict(name: str, answer: Any, **data: Any) -> str:
    """The text that `exercise` prints after the exercise's name; raises as it does."""
    module = _MODULES.get(str(name).partition(".")[0])
    if module:
        importlib.import_module(f"jetlab.check.{module}")
    if name not in _CHECKS:
        raise ArgumentError(f"There is no exercise {name!r}; there are {', '.join(exercises())}.")
    kind, check = _CHECKS[name]
    # A lesson that forgets some data shows it at once, not first to whoever answers.
    inspect.signature(check).bind(answer, **data)
    if answer is ...:
        return f"{NOT_ANSWERED}: replace the three dots by your answer and run the cell again."
    try:
        converted = kind.convert(answer)
    except Exception:  # what was typed may be any object, and raise anything when it is looked at
        converted = None
    if converted is None:
        return f"hint: this exercise asks for {kind.asked}; an answer of type {type(answer).__name__} does not fit."
    hint = check(converted, **data)
    return f"{RIGHT}!" if hint is None else f"hint: {hint}"


def _number(answer: Any) -> float | None:
    """The one number in an answer, of any library; infinite where it is too large for a float."""
    values = np.asarray(answer)
    if values.size != 1 or values.dtype.kind not in "iufO" or isinstance(values.item(), bool | str | bytes):
        return None
    try:
        return float(values.item())
    except OverflowError:
        return math.copysign(math.inf, values.item())


def _two_numbers(answer: Any) -> tuple[float, float] | None:
    if not isinstance(answer, tuple | list | np.ndarray) or len(answer) != 2:
        return None
    first, second = map(_number, answer)
    return None if first is None or second is None else (first, second)


def _names(answer: Any) -> list[str] | None:
    """The texts in a list; one text alone is a list of one."""
    given = [answer] if isinstance(answer, str) else answer
    if not isinstance(given, tuple | list | np.ndarray) or not all(isinstance(name, str) for name in given):
        return None
    return [str(name).strip() for name in given]


NUMBER = Kind("a single number, without quotes", _number)
TWO_NUMBERS = Kind("two numbers in brackets, such as (1, 2)", _two_numbers)
NAMES = Kind("a list of names in quotes", _names)
LETTER = Kind("one letter in quotes", lambda answer: str(answer).strip().lower())


def _register(name: str, kind: Kind) -> Callable[[Check], Check]:
    def keep(check: Check) -> Check:
        _CHECKS[name] = (kind, check)
        return check

    return keep


def _choice(name: str, right: str, hints: dict[str, str]) -> None:
    """Register an exercise that is answered by one of some letters; each wrong one has its hint."""

    def check(letter: str) -> str | None:
        if letter == right:
            return None
        return hints.get(letter, f"answer with one letter, {', '.join(sorted([right, *hints]))}, in quotes.")

    _register(name, LETTER)(check)


def _close(answer: float, expected: Any, relative: float = 1e-3) -> bool:
    return bool(abs(answer - expected) <= relative * abs(expected))


@_register("M1.01", NUMBER)
def _count_w(answer: float, *, is_w: np.ndarray) -> str | None:
    """How many jets are hadronic W?"""
    if answer == np.sum(is_w == 1):
        return None
    if answer == len(is_w):
        return "these are all jets; count those with jet_isW_ak7 equal to 1."
    if answer == np.sum(is_w != 1):
        return "these are the QCD jets; the W have jet_isW_ak7 equal to 1."
    if abs(answer - np.mean(is_w == 1)) < 1e-6:
        return "this is the fraction; the number is asked for: np.sum instead of np.mean."
    return "jet_isW_ak7 is 1 for a W and 0 else, so its sum is what you want."


@_register("M1.02", NUMBER)
def _jet_pt(answer: float, *, pt: np.ndarray, phi: np.ndarray, jes: float) -> str | None:
    """Corrected jet pt from the candidates."""
    vector = float(np.hypot(np.sum(pt * np.cos(phi)), np.sum(pt * np.sin(phi))))
    if _close(answer, vector * jes):
        return None
    if _close(answer, vector):
        return "this is the raw pt; multiply it by jet_jes_ak7."
    if _close(answer, np.sum(pt)) or _close(answer, np.sum(pt) * jes):
        return "this is a scalar sum; momenta are vectors: sum pt cos(phi) and pt sin(phi) first."
    return "sum px = pt cos(phi) and py = pt sin(phi) over the candidates, take np.hypot, multiply by jet_jes_ak7."


@_register("M1.03", NUMBER)
def _weighted_mean(answer: float, *, pt: np.ndarray, weight: np.ndarray) -> str | None:
    """Mean pt of QCD jets as in nature."""
    if _close(answer, np.average(pt, weights=weight)):
        return None
    if _close(answer, np.mean(pt)):
        return "this counts every simulated jet once; the rare high-pt jets were simulated too often: use mcweight."
    if _close(answer, np.mean(pt * weight)):
        return "divide by the sum of the weights, not by the number of jets: np.average(values, weights=...)."
    return "np.average(pt, weights=mcweight), for the QCD jets only."


@_register("M1.04", NUMBER)
def _delta_phi(answer: float) -> str | None:
    """Distance in phi of a track at 3.1 from a jet at -3.1."""
    distance = 2 * np.pi - 6.2
    if abs(abs(answer) - distance) < 2e-3:
        return None
    if abs(abs(answer) - 6.2) < 1e-3:
        return "phi is an angle: 3.1 and -3.1 are neighbours across pi. Take the short way round."
    return "go from 3.1 up to pi, and from -pi up to -3.1; how far is that together?"


# Why are the QCD jets reweighted in pt and eta?
_choice(
    "M1.05",
    "b",
    {
        "a": "the number of jets per class could be balanced by one factor; look at the shapes of the spectra.",
        "c": "reweighting adds no jets, it changes how much each counts. Look at the spectra before and after.",
    },
)


@_register("M2.01", NUMBER)
def _cut_efficiency(answer: float, *, passes: np.ndarray, is_w: np.ndarray, weight: np.ndarray) -> str | None:
    """Signal efficiency of a cut."""
    signal, background = (np.average(passes[is_w == c], weights=weight[is_w == c]) for c in (1, 0))
    if _close(answer, signal):
        return None
    if _close(answer, background):
        return "this is the background efficiency, the fraction of QCD that passes; take the W."
    if _close(answer, np.average(passes, weights=weight)):
        return "this is the fraction of all jets; an efficiency is of one class: take the W only."
    if _close(answer, np.average(is_w[passes] == 1, weights=weight[passes])):
        return "this is the purity, the fraction of W among what passes; efficiency is what passes among the W."
    if _close(answer, np.mean(passes[is_w == 1])):
        return "nearly: the jets have weights, use np.average(..., weights=...)."
    return "np.average(passes[is_w == 1], weights=weight[is_w == 1])."


@_register("M2.02", NUMBER)
def _parameters(answer: float) -> str | None:
    """Parameters of a dense network 4 - 64 - 64 - 64 - 1."""
    right, without_bias = 5 * 64 + 65 * 64 + 65 * 64 + 65, 4 * 64 + 64 * 64 * 2 + 64
    if answer == right:
        return None
    if answer == without_bias:
        return "every node also has a bias: (inputs + 1) x nodes for each layer."
    if answer == right - 65 * 64:
        return "there are three hidden layers of 64 nodes, so two steps from 64 to 64."
    if answer == right - 65:
        return "do not forget the output node: 64 weights and a bias."
    return "a layer has (inputs + 1) x nodes parameters; add those of the four layers, or ask model.summary()."


@_register("M2.03", NUMBER)
def _best_epoch(answer: float, *, val_loss: list[float], loss: list[float]) -> str | None:
    """Epoch with the lowest validation loss, counted from 1."""
    best = int(np.argmin(val_loss)) + 1
    if answer == best:
        return None
    if answer == best - 1:
        return "nearly: np.argmin counts from 0, epochs from 1."
    if answer in (int(np.argmin(loss)) + 1, int(np.argmin(loss))):
        return "this is where the *training* loss is lowest; it goes on falling while the network learns by heart."
    return "np.argmin(history['val_loss']) + 1."


# What is wrong with quoting the best of 20 runs by test AUC?
_choice(
    "M2.04",
    "c",
    {
        "a": "a test set may be looked at as often as you like, as long as nothing is *chosen* by what it says.",
        "b": "early stopping looks at the validation set. Who looked at the test set?",
    },
)
