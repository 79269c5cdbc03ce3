"""Predictions: what do you expect? A guess is noted before a plot and answered after it; no guess is wrong.

In a lesson: `guess = ...`, then `check.predict("M2.P1", guess)` before the plot and `check.reveal("M2.P1", ...)` with
what was measured after it. In a notebook a question of letters has a button for each, so the dots may stay.

The predictions of lesson "M2" are in the module `jetlab.check.m2`: generators of rows as in `jetlab.check.engine`, made
from what was measured. The first row is what came out; every row says something to whoever expected that, the last, for
`...`, to everybody else. Without a guess the lesson goes on, and reveals nothing here.
"""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jetlab.check import engine, solved
from jetlab.check.engine import LETTER, NUMBER, Kind, Near, Rows
from jetlab.errors import ArgumentError


@dataclass(frozen=True)
class Prediction:
    """A question before a plot: the kind of guess, the letters to choose from if it is one, and its rows."""

    kind: Kind
    letters: str
    rows: Callable[..., Rows]


#: Name -> prediction, of all lessons whose modules were imported.
PREDICTIONS: dict[str, Prediction] = {}
#: Name -> what was guessed in this kernel.
GUESSES: dict[str, Any] = {}


def prediction(name: str, letters: str = "") -> Callable[[Callable[..., Rows]], Callable[..., Rows]]:
    """Make a generator of rows a prediction of one of these letters, or of a number where there are none."""

    def keep(rows: Callable[..., Rows]) -> Callable[..., Rows]:
        PREDICTIONS[name] = Prediction(LETTER if letters else NUMBER, letters, rows)
        return rows

    return keep


def names() -> list[str]:
    """Names of the predictions of all lessons, sorted."""
    engine.load()
    return sorted(PREDICTIONS)


def predict(name: str, guess: Any) -> None:
    """Print that the guess is noted, saying nothing of right or wrong; `...` is no guess, and blocks nothing.

    For `...` a notebook shows buttons where the question is one of letters; a button that is pressed is the guess.
    `guess` may be anything, nothing that it is raises. Raises ArgumentError for an unknown name.
    """
    asked = _find(name)
    if guess is ...:
        if asked.letters and _in_notebook():
            _show_buttons(name, asked.letters)
        else:
            print(f"{name}: no guess yet. Replace the three dots and run this cell again, or go on without.")
        return
    converted = asked.kind.converted(guess)
    if converted is None or (asked.letters and converted not in tuple(asked.letters)):
        choice = f", one of {', '.join(asked.letters)}" if asked.letters else ""
        print(f"{name}: hint: this question asks for {asked.kind.asked}{choice}.")
        return
    print(_noted(name, converted))


def reveal(name: str, **measured: Any) -> None:
    """Print what was guessed, what came out, and what this means; without a guess, where to read it.

    `measured` is what the prediction compares with, under the names that the lesson gives. Raises ArgumentError for an
    unknown name and TypeError for measurements missing or too many.
    """
    asked = _find(name)
    inspect.signature(asked.rows).bind(**measured)
    rows = list(asked.rows(**measured))
    if name not in GUESSES:
        print(f"{name}: you made no guess. Make one above and run this cell again, or read on.")
        return
    guess, outcome = GUESSES[name], rows[0][0]
    said = next(said for expected, said in rows if engine.fits(expected, guess))
    shown, found = _shown(guess), _shown(outcome)
    turn = f", and it is {found}" if engine.fits(outcome, guess) else f"; it is {found}"
    print(f"{name}: you expected {shown}{', and so it is' if shown == found else turn}. {said}")


def _noted(name: str, guess: Any) -> str:
    """Keep a guess; returns what to say of it."""
    GUESSES[name] = guess
    solved.record(name)
    return f"{name}: your guess, {_shown(guess)}, is noted. Read on to see."


def _in_notebook() -> bool:
    """Whether somebody may see widgets: in a kernel, but not in a script or a terminal."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _show_buttons(name: str, letters: str) -> None:
    from IPython.display import display

    # Not before it is asked for: the rooms below the panels know no widgets, and scripts need none.
    from jetlab.panel.guess import Guess

    before = GUESSES.get(name, "")
    said = f"{name}: no guess yet. Press a button, or write a letter in place of the three dots, or go on without."
    if before:
        said = f"{name}: your guess, {before}, is noted. Read on to see."
    display(Guess(letters, lambda letter: _noted(name, letter), said, before))  # type: ignore[no-untyped-call]  # no types in IPython


def _find(name: str) -> Prediction:
    if name not in names():
        raise ArgumentError(f"There is no prediction {name!r}; there are {', '.join(names())}.")
    return PREDICTIONS[name]


def _shown(value: Any) -> str:
    value = value.value if isinstance(value, Near) else value
    return value if isinstance(value, str) else f"{value:.4g}"
