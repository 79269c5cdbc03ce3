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
    folder = Path(folder)
    if folder.resolve().is_relative_to(source.resolve()):
        raise ReleaseError(f"{folder} is within the kit's own lessons; name a folder outside {source}.")
    if folder.exists() and not folder.is_dir():
        raise ReleaseError(f"{folder} is a file; name a new or an empty folder.")
    if folder.is_dir() and any(folder.iterdir()):
        raise ReleaseError(f"{folder} is not empty; name a new folder, or empty this one first.")
    copies = {lesson.relative_to(source): _copy(lesson, solutions) for lesson in paths(source)}
    if not copies:
        raise ReleaseError(f"There are no lessons in {source}: {shipped.remedy('notebooks')}.")
    for name, text in copies.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    for figure in sorted((source / FIGURES).glob("*.svg")):
        (folder / FIGURES).mkdir(exist_ok=True)
        (folder / FIGURES / figure.name).write_bytes(figure.read_bytes())
    return [folder / name for name in copies]


def _copy(lesson: Path, solutions: bool) -> str:
    notebook = json.loads(lesson.read_text(encoding="utf-8"))
    dropped = {TEST} if solutions else {TEST, SOLUTION}
    cells = (cell for cell in notebook["cells"] if dropped.isdisjoint(cell["metadata"].get("tags", [])))
    notebook["cells"] = [_clean(cell) for cell in cells]
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _clean(cell: dict[str, Any]) -> dict[str, Any]:
    return cell | {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
