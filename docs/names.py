"""Which names of jetlab each lesson uses, for the page `api/lessons`."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "jetlab"


def table(folder: Path) -> str:
    """Markdown table of the lessons in `folder` and below, and the names of jetlab in their code cells."""
    rows = ["| lesson | names |", "|---|---|"]
    for path in sorted(folder.rglob("*.ipynb")):
        names = ", ".join(f"`{name}`" for name in sorted(used(path)))
        rows.append(f"| {path.stem} | {names} |")
    return "\n".join(rows)


def used(lesson: Path) -> set[str]:
    """Names of jetlab in a lesson, such as "training.fit" or "config.RunConfig"."""
    cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    nodes = [
        node for cell in cells if cell["cell_type"] == "code" for node in ast.walk(ast.parse("".join(cell["source"])))
    ]
    # What each name of the lesson stands for.
    known = {"jetlab": ""}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "jetlab":
            room = node.module.partition(".")[2]
            known |= {alias.asname or alias.name: f"{room}.{alias.name}".strip(".") for alias in node.names}
    found = set(known.values()) | set(_attributes(nodes, known))
    return {public for name in found if (public := _within_a_module(name))}


def _attributes(nodes: list[ast.AST], known: dict[str, str]) -> Iterator[str]:
    for node in nodes:
        names = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if names and isinstance(node, ast.Name) and node.id in known:
            yield ".".join([*filter(None, [known[node.id]]), *names])


def _within_a_module(name: str) -> str:
    """The first part of a dotted name that is no module: a function, a class or a constant, or nothing."""
    path = PACKAGE
    parts = name.split(".")
    for number, part in enumerate(parts, start=1):
        path /= part
        if not path.is_dir() and not path.with_suffix(".py").is_file():
            return ".".join(parts[:number])
    return ""
