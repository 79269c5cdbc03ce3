"""Copies of the lessons to hand out: with their solutions, or without."""

import json
from pathlib import Path
from typing import Any

from jetlab import shipped
from jetlab.classroom.lessons import paths
from jetlab.errors import JetlabError

NOTEBOOKS = shipped.NOTEBOOKS
SOLUTION = "solution"
#: Cells that guard the lesson in the kit's own tests; nobody gets them.
TEST = "test"
FIGURES = "figures"


class ReleaseError(JetlabError, ValueError):
    """The copy cannot be made; the message names the folder and says what to do."""


def release(folder: Path, solutions: bool, source: Path = NOTEBOOKS) -> list[Path]:
    """Write a copy of every lesson of `source` to `folder`, without outputs, and the figures that lessons show.

    The same lessons give the same bytes.

    Cells tagged `test` are left out: they guard the lesson where the kit's tests run it.

    Args:
        folder: made if absent; must be empty.
        solutions: whether the cells tagged `solution` stay.
        source: the kit's `notebooks`; its folders are kept.

    Returns the lessons written, in order.

    Raises:
        ReleaseError: `folder` is not empty, not a folder, or within `source`; or there are no lessons.
    """
    folder = checked(folder, source)
    copies = {lesson.relative_to(source): _copy(lesson, solutions) for lesson in lessons_of(source)}
    for name, text in copies.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    for figure in sorted((source / FIGURES).glob("*.svg")):
        (folder / FIGURES).mkdir(exist_ok=True)
        (folder / FIGURES / figure.name).write_bytes(figure.read_bytes())
    return [folder / name for name in copies]


def checked(folder: Path, source: Path) -> Path:
    """The folder, if a copy of the lessons of `source` may be written to it; raises ReleaseError as `release`."""
    folder = Path(folder)
    if folder.resolve().is_relative_to(source.resolve()):
        raise ReleaseError(f"{folder} is within the kit's own lessons; name a folder outside {source}.")
    if folder.exists() and not folder.is_dir():
        raise ReleaseError(f"{folder} is a file; name a new or an empty folder.")
    if folder.is_dir() and any(folder.iterdir()):
        raise ReleaseError(f"{folder} is not empty; name a new folder, or empty this one first.")
    return folder


def lessons_of(source: Path) -> list[Path]:
    """The lessons in `source`; raises ReleaseError if there are none."""
    if not (found := paths(source)):
        raise ReleaseError(f"There are no lessons in {source}: {shipped.remedy('notebooks')}.")
    return found


def text(notebook: dict[str, Any]) -> str:
    """A notebook as a file has it, without outputs."""
    cells = [
        cell | {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
        for cell in notebook["cells"]
    ]
    return json.dumps(notebook | {"cells": cells}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _copy(lesson: Path, solutions: bool) -> str:
    notebook = json.loads(lesson.read_text(encoding="utf-8"))
    dropped = {TEST} if solutions else {TEST, SOLUTION}
    cells = (cell for cell in notebook["cells"] if dropped.isdisjoint(cell["metadata"].get("tags", [])))
    return text(notebook | {"cells": list(cells)})
