"""Self-checks: is an exercise answered correctly, and if not, which hint fits the mistake?

In a lesson: `answer = ...`, then `check.exercise("M1.01", answer)`. What was typed may be anything: it is first brought
to the kind that the exercise asks for, such as a number, and gets a hint where that cannot be done. Then it is looked
up in the exercise's table, whose rows say of the right answer that it is `RIGHT`, of wrong ones what the mistake is,
and at the end, for `...`, any other answer, how to go about it: the first row that fits is the verdict. The exercises
of lesson "M3" are in the module `jetlab.check.m3`: tables, or generators of rows that depend on the lesson's data.
Beside them stand the lesson's predictions (`jetlab.check.predictions`) and build tasks (`jetlab.check.tasks`).
"""

import functools
import importlib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetlab.check import room, solved
from jetlab.errors import ArgumentError

#: Lessons with exercises, in the order in which they are worked through; each has a module here.
LESSONS = ("M0", "P1", "P2", "P3", "M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "E1", "E2", "E3", "E4", "E5")
NOT_ANSWERED = "not answered yet"
RIGHT = "right!"

#: Answers and what is said of them: a value, several numbers in a tuple, a condition on the answer, or `...` for any.
Rows = Iterator[tuple[Any, str]]
Table = Mapping[Any, str] | Callable[..., Rows]


class Kind(dict[str, Table]):
    """The exercises that ask for one kind of answer: name -> table, or what yields its rows from the lesson's data.

    `asked` says in words what they ask for, and `convert` brings an answer to it: None, or any error, for another kind.
    """

    def __init__(self, asked: str, convert: Callable[[Any], Any]) -> None:
        super().__init__()
        self.asked, self.convert = asked, convert

    def converted(self, answer: Any) -> Any:
        """The answer as this kind, or None for another kind; never raises."""
        try:
            return self.convert(answer)
        except Exception:  # what was typed may be any object, and raise anything when it is looked at
            return None


@dataclass(frozen=True)
class Near:
    """A number with a tolerance of its own, the sum of a relative and an absolute one."""

    value: Any
    relative: float = 1e-3
    absolute: float = 0.0

    def __call__(self, answer: float) -> bool:
        """Whether the answer is within the tolerance."""
        return bool(abs(answer - self.value) <= self.relative * abs(self.value) + self.absolute)


def exercise(name: str, answer: Any, **data: Any) -> None:
    """Print *not answered yet*, *right* or a hint for the exercise `name`, such as "M1.01".

    `answer` is what the participant wrote, `...` as long as they did not; nothing that it may be raises. `data` is what
    the check compares with, under the names that the lesson gives. Raises ArgumentError for an unknown name and
    TypeError for data missing or too many.
    """
    said = verdict(name, answer, **data)
    print(f"{name}: {said}")
    if said == RIGHT:
        solved.record(name)
    room.told(name, said, RIGHT, NOT_ANSWERED)


def exercises() -> list[str]:
    """Names of the exercises of all lessons, sorted."""
    return sorted(_exercises())


def verdict(name: str, answer: Any, **data: Any) -> str:
    """The text that `exercise` prints after the exercise's name; raises as it does."""
    kind, table = _find(name)
    # A lesson that forgets some data shows it at once, not first to whoever answers.
    inspect.signature(table if callable(table) else lambda: None).bind(**data)
    if answer is ...:
        return f"{NOT_ANSWERED}: replace the three dots by your answer and run the cell again."
    converted = kind.converted(answer)
    if converted is None:
        return f"hint: this exercise asks for {kind.asked}; an answer of type {type(answer).__name__} does not fit."
    said = next(said for expected, said in rows(name, **data) if fits(expected, converted))
    return said if said == RIGHT else f"hint: {said}"


def rows(name: str, **data: Any) -> Rows:
    """The rows of an exercise's table, the first of which that fits an answer is its verdict."""
    kind, table = _find(name)
    yield from table(**data) if callable(table) else table.items()
    if kind is LETTER and not callable(table):
        yield ..., f"answer with one letter, {', '.join(sorted(table))}, in quotes."


def computed(kind: Kind, name: str) -> Callable[[Callable[..., Rows]], Callable[..., Rows]]:
    """Make a generator of rows an exercise; its keyword arguments are the lesson's data."""

    def keep(table: Callable[..., Rows]) -> Callable[..., Rows]:
        kind[name] = table
        return table

    return keep


def load() -> None:
    """Import every lesson's module: it registers its exercises, predictions and build tasks."""
    for lesson in LESSONS:
        importlib.import_module(f"jetlab.check.{lesson.lower()}")


@functools.cache
def _exercises() -> dict[str, tuple[Kind, Table]]:
    """The kind and the table of each exercise, which the lessons' modules make."""
    load()
    return {name: (kind, table) for kind in KINDS for name, table in kind.items()}


def _find(name: str) -> tuple[Kind, Table]:
    if name not in _exercises():
        raise ArgumentError(f"There is no exercise {name!r}; there are {', '.join(exercises())}.")
    return _exercises()[name]


def fits(expected: Any, answer: Any) -> bool:
    """Whether an answer is the expected one: floats within a relative tolerance of 1e-3, all else exactly."""
    if expected is ...:
        return True
    if isinstance(answer, tuple):
        return len(answer) == len(expected) and all(map(fits, expected, answer))
    if isinstance(expected, tuple):
        return any(fits(each, answer) for each in expected)
    if isinstance(expected, float | np.floating):
        expected = Near(expected)
    return bool(expected(answer) if callable(expected) else expected == answer)


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


def _names(answer: Any) -> tuple[str, ...] | None:
    """The texts in a list, in small letters; one text alone is a list of one."""
    given = [answer] if isinstance(answer, str) else answer
    if not isinstance(given, tuple | list | np.ndarray) or not all(isinstance(name, str) for name in given):
        return None
    return tuple(str(name).strip().lower() for name in given)


NUMBER = Kind("a single number, without quotes", _number)
TWO_NUMBERS = Kind("two numbers in brackets, such as (1, 2)", _two_numbers)
NAMES = Kind("a list of names in quotes", _names)
LETTER = Kind("one letter in quotes", lambda answer: str(answer).strip().lower())
KINDS = (NUMBER, TWO_NUMBERS, NAMES, LETTER)
