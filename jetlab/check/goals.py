"""Exercises that ask for a run of a panel: the one with the fewest parameters of those that reach its goal."""

from collections.abc import Sequence
from typing import Any

from jetlab.check.engine import RIGHT, Rows


def fewest_parameters(runs: Sequence[Any], goal: Any, figure: str, advice: str) -> Rows:
    """Numbers of a panel's runs, and what to say of each.

    `figure` is what the goal asks for, with its format, such as "AUC {:.4f}"; `advice` is for runs that fall short.
    """
    reached = sorted((run for run in runs if goal.reached(run)), key=lambda run: run.result.model.count_params())
    smallest = [run for run in reached if run.result.model.count_params() == reached[0].result.model.count_params()]
    for run in smallest:
        yield run.number, RIGHT
    for run in (run for run in runs if run not in smallest):
        size, value = run.result.model.count_params(), run.metrics[goal.metric].value
        if run in reached:
            yield run.number, f"it reaches the target, but run {reached[0].number} does so with fewer parameters."
        elif value < goal.least:
            found = f"it has a validation {figure.format(value)}, and the target is {goal.least:g}"
            yield run.number, f"{found}: {advice}"
        else:
            most = goal.most_parameters
            yield run.number, f"it has {size:,} parameters, and the target is at most {most:,}: a smaller network?"
    if not reached:
        yield ..., "no run in the panel reaches the target yet: train more, then answer with the number of a run."
    yield ..., "answer with a number from the first column of the panel's table."
