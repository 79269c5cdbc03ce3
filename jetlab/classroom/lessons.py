"""The map of the lessons, read from the lessons themselves."""

import json
import re
from pathlib import Path

from IPython.display import Markdown


def show(folder: Path | str = ".") -> Markdown:
    """Table of the lessons in `folder` and below, with links that JupyterLab opens."""
    return Markdown(table(Path(folder)))  # type: ignore[no-untyped-call]  # IPython has no types here


def paths(folder: Path) -> list[Path]:
    """The lessons in `folder` and below, in the order of work: the welcome, pre, the workshop, others.

    Hidden folders, such as those of Jupyter's checkpoints, are left out.
    """
    found = (path.relative_to(folder) for path in folder.rglob("*.ipynb"))
    shown = (path for path in found if not any(part.startswith(".") for part in path.parts))
    return [folder / path for path in sorted(shown, key=_place)]


def table(folder: Path) -> str:
    """Markdown table: each lesson's title as a link relative to `folder`, its minutes, exercises and build tasks."""
    rows = ["| lesson | minutes | exercises |", "|---|---|---|"]
    for path in paths(folder):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        head, code = "".join(cells[0]["source"]), "".join("".join(cell["source"]) for cell in cells)
        title = re.search(r"^# (.+)$", head, re.M)
        minutes = re.search(r"(\d+) minutes", head)
        exercises = set(re.findall(r'check\.(?:exercise|build)\("([^"]+)"', code))
        name = title[1] if title else path.stem
        link = path.relative_to(folder).as_posix()
        rows.append(f"| [{name}]({link}) | {minutes[1] if minutes else ''} | {len(exercises) or ''} |")
    return "\n".join(rows)


def _place(path: Path) -> tuple[int, str]:
    folder = path.parts[0] if len(path.parts) > 1 else ""
    first = path.name.startswith("00")
    return (0 if first else {"pre": 1, "": 2}.get(folder, 3), path.as_posix())
