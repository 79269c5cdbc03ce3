"""For autograders: a check that raises unless an exercise or a build task is solved."""

from typing import Any

from jetlab.check import engine, tasks
from jetlab.errors import JetlabError


class NotSolvedError(JetlabError, AssertionError):
    """An exercise is not answered, or wrongly; the message has the hint."""


def grade(name: str, answer: Any, **data: Any) -> None:
    """Print that an exercise or a build task is solved; nothing is recorded or shared.

    Takes what `check.exercise` and `check.build` take, and raises as they do; and NotSolvedError unless it is solved.
    """
    is_task = name in tasks.names()
    said = tasks.judge(name, answer).said if is_task else engine.verdict(name, answer, **data)
    if said != (tasks.REACHED if is_task else engine.RIGHT):
        raise NotSolvedError(f"{name}: {said}")
    print(f"{name}: {said}")
