"""The lessons as a course for nbgrader, which hands them out without solutions, collects them and gives points.

Each lesson becomes an assignment. Its answer cells, with their solutions between nbgrader's marks, are followed by a
cell that grades them by `check.grade`. An exercise whose check needs runs of a panel is left as it is: a grader runs
the notebook anew, and nobody moves a slider then.
"""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jetlab.classroom.release import FIGURES, NOTEBOOKS, SOLUTION, TEST, checked, lessons_of, text

#: What an exercise and a build task are worth.
POINTS = {"exercise": 1, "build": 3}
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CONFIG = '''"""nbgrader's settings for this course; run nbgrader in this folder."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "jetlab"
# What stands in an answer cell in the solution's place, below the three dots.
c.ClearSolutions.code_stub = {"python": "# Your answer goes in place of the three dots."}
# Seconds that a cell may take: trainings are long.
c.Execute.timeout = 1800
'''
_FIGURE = re.compile(rf"\((?:\.\./)?{FIGURES}/([^)]+)\)")


@dataclass(frozen=True)
class Course:
    """What was written: the lessons, their points in all, and the exercises that nobody grades."""

    lessons: list[Path]
    points: int
    left_out: list[str]


@dataclass(frozen=True)
class _Check:
    """The call of a check at the end of a cell: its kind, its exercise, its line, and the arguments after the name."""

    kind: str
    name: str
    line: int
    arguments: str

    @property
    def id(self) -> str:
        return self.name.replace(".", "-")


def for_grading(folder: Path, source: Path = NOTEBOOKS) -> Course:
    """Write every lesson of `source` as an assignment of nbgrader below `folder`/source, and nbgrader's settings.

    Raises ReleaseError as `release`.
    """
    folder = checked(folder, source)
    lessons = lessons_of(source)
    folder.mkdir(parents=True, exist_ok=True)
    written, points, left_out = [], 0, []
    for lesson in lessons:
        notebook = json.loads(lesson.read_text(encoding="utf-8"))
        cells, graded, missed = _marked(notebook["cells"])
        points += sum(POINTS[check.kind] for check in graded)
        left_out += missed
        assignment = folder / "source" / _assignment(lesson)
        assignment.mkdir(parents=True)
        for name in sorted({name for cell in cells for name in _FIGURE.findall("".join(cell["source"]))}):
            (assignment / FIGURES).mkdir(exist_ok=True)
            (assignment / FIGURES / name).write_bytes((source / FIGURES / name).read_bytes())
        target = assignment / lesson.name
        target.write_text(text(notebook | {"cells": cells}), encoding="utf-8", newline="\n")
        written.append(target)
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8", newline="\n")
    return Course(written, points, left_out)


def _assignment(lesson: Path) -> str:
    """The lesson's id: "M2" of 02_dense_tagger, "P1" of P1_fitting_functions."""
    number = lesson.stem.partition("_")[0]
    return f"M{int(number)}" if number.isdecimal() else number


def _marked(cells: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[_Check], list[str]]:
    """The cells to write, the checks that are graded, and the names of those that are not."""
    solutions = {}
    for cell in cells:
        if SOLUTION in _tags(cell) and (check := _check(_source(cell))):
            solutions[check.name] = (check, _source(cell))
    made, graded, missed = [], [], []
    for cell in cells:
        if {SOLUTION, TEST} & _tags(cell):
            continue
        cell = cell | {"source": _FIGURE.sub(rf"({FIGURES}/\1)", _source(cell))}
        check = _check(cell["source"]) if cell["cell_type"] == "code" else None
        if check is None:
            made.append(cell)
            continue
        solution, code = solutions[check.name]
        if solution.arguments != check.arguments:
            missed.append(check.name)
            made.append(cell)
            continue
        graded.append(check)
        lines, answer = cell["source"].split("\n"), code.split("\n")[: solution.line - 1]
        region = [BEGIN, *"\n".join(answer).strip().split("\n"), END]
        merged = "\n".join([*lines[: check.line - 1], *region, *lines[check.line - 1 :]])
        made.append(cell | {"source": merged, "metadata": cell["metadata"] | _nbgrader(check.id)})
        grade = f'check.grade("{check.name}", {check.arguments})'
        metadata = _nbgrader(f"{check.id}-grade", POINTS[check.kind])
        made.append({"cell_type": "code", "id": f"grade-{check.id}", "metadata": metadata, "source": grade})
    return made, graded, missed


def _check(source: str) -> _Check | None:
    """The check that a cell ends with."""
    if "check." not in source:
        return None
    match ast.parse(source).body[-1]:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id="check"), attr="exercise" | "build" as kind),
                args=[ast.Constant(value=str(name)), *_],
            ) as call,
            lineno=line,
        ):
            given = [*map(ast.unparse, call.args[1:])]
            given += [
                f"{each.arg}={ast.unparse(each.value)}" if each.arg else f"**{ast.unparse(each.value)}"
                for each in call.keywords
            ]
            return _Check(kind, name, line, ", ".join(given))
    return None


def _nbgrader(grade_id: str, points: int | None = None) -> dict[str, Any]:
    """The metadata of an answer cell or, with points, of one that grades; nbgrader's schema, version 3."""
    grades = points is not None
    kind = {"grade": grades, "grade_id": grade_id, "locked": grades, "solution": not grades, "task": False}
    return {"nbgrader": kind | {"schema_version": 3} | ({"points": points} if grades else {})}


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _tags(cell: dict[str, Any]) -> set[str]:
    return set(cell["metadata"].get("tags", []))
