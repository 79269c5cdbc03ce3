"""Build tasks: a network or a function of the participant's own, judged on what the lesson held back.

In a lesson: `network = ...`, then `check.build("M2.B1", network)`. The tasks of lesson "M2" are in the module
`jetlab.check.m2`: what takes the thing built and gives a `Report`. For networks that give scores that is a
`networks.Network`, which says what they have to reach.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jetlab.check import engine, room, solved
from jetlab.check.engine import NOT_ANSWERED
from jetlab.errors import ArgumentError, JetlabError

REACHED = "target reached!"


@dataclass(frozen=True)
class Report:
    """What is said of something built, and the figures that were measured: name -> value in words."""

    said: str
    figures: Mapping[str, str] = field(default_factory=dict)


Task = Callable[[Any], Report]
#: Name -> task, of all lessons whose modules were imported.
TASKS: dict[str, Task] = {}


class Refused(JetlabError):
    """What was built cannot be judged; the text is the hint."""


def names() -> list[str]:
    """Names of the build tasks of all lessons, sorted."""
    engine.load()
    return sorted(TASKS)


def build(name: str, built: Any) -> None:
    """Print what was measured of something the participant built, and what falls short of the target.

    `built` may be anything, `...` as long as nothing is: nothing that it is or does raises. Raises ArgumentError for an
    unknown name.
    """
    report = judge(name, built)
    width = max(map(len, report.figures), default=0)
    for figure, value in report.figures.items():
        print(f"  {figure:{width}}  {value}")
    print(f"{name}: {report.said}")
    if report.said == REACHED:
        solved.record(name)
    room.told(name, report.said, REACHED, NOT_ANSWERED)


def judge(name: str, built: Any) -> Report:
    """What `build` prints; raises as it does."""
    if name not in names():
        raise ArgumentError(f"There is no build task {name!r}; there are {', '.join(names())}.")
    if built is ...:
        return Report(f"{NOT_ANSWERED}: write it in this cell, in place of the three dots, and run the cell again.")
    try:
        return TASKS[name](built)
    except Refused as reason:
        return Report(f"hint: {reason}")


def attempt(what: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """Call what a participant wrote; raises Refused, with the beginning of its error, where it raises."""
    try:
        return call(*arguments)
    except Exception as error:  # it is theirs, and may raise anything, even an error whose text raises
        try:
            text = " ".join(str(error).split())
        except Exception:
            text = ""
        raise Refused(f"{what} raised {type(error).__name__}{f': {text[:200]}' if text else ''}") from error
