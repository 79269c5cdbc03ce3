import re
from pathlib import Path

import nbformat
import pytest

LESSONS = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(path for path in LESSONS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
CELL_METADATA = {"tags", "jupyter"}


def lesson_id(path: Path) -> str:
    """M4 for 04_lstm_tagger, P1 for pre/P1_python, E2 for extras/E2_more."""
    prefix = path.stem.partition("_")[0]
    return f"M{int(prefix)}" if prefix.isdecimal() else prefix


def faults(notebook: nbformat.NotebookNode, lesson: str) -> list[str]:
    """What keeps a notebook from being stored, in words."""
    found = []
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        found.append(f"not a valid notebook: {error.message}")
    if notebook.nbformat != 4 or notebook.nbformat_minor < 5:
        found.append("older than notebook format 4.5")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("kernel is not python3")
    allowed = {"kernelspec", "language_info"}
    if set(notebook.metadata) - allowed or set(notebook.metadata.get("language_info", {})) - {"name"}:
        found.append(f"notebook metadata: {sorted(notebook.metadata)}")
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not re.match(rf"# {lesson} · \S", first.source):
        found.append(f"first cell has no title '# {lesson} · ...'")
    for number, cell in enumerate(notebook.cells):
        if set(cell.metadata) - CELL_METADATA:
            found.append(f"cell {number}: metadata {sorted(cell.metadata)}")
        if not cell.get("id"):
            found.append(f"cell {number}: no id")
        if cell.cell_type == "code" and cell.outputs:
            found.append(f"cell {number}: outputs")
        if cell.cell_type == "code" and cell.execution_count is not None:
            found.append(f"cell {number}: execution count")
        if not cell.source.strip():
            found.append(f"cell {number}: empty")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_clean(path: Path) -> None:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    assert faults(notebook, lesson_id(path)) == [], "make clean-notebooks strips outputs and metadata"


def test_there_are_lessons() -> None:
    assert {"01_open_data", "02_dense_tagger"} <= {path.stem for path in NOTEBOOKS}


def clean() -> nbformat.NotebookNode:
    title = nbformat.v4.new_markdown_cell("# M1 · Open data", metadata={"tags": ["title"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=[title, nbformat.v4.new_code_cell("1 + 1")], metadata=kernel)


def test_a_clean_notebook_has_no_faults() -> None:
    assert faults(clean(), "M1") == []


def test_each_fault_is_found() -> None:
    notebook = clean()
    code = notebook.cells[1]
    code.outputs = [nbformat.v4.new_output("stream", text="2")]
    code.execution_count = 3
    code.metadata.scrolled = True
    notebook.metadata.kernelspec.name = "conda-env"
    notebook.metadata.widgets = {}
    assert faults(notebook, "M2") == [
        "kernel is not python3",
        "notebook metadata: ['kernelspec', 'widgets']",
        "first cell has no title '# M2 · ...'",
        "cell 1: metadata ['scrolled']",
        "cell 1: outputs",
        "cell 1: execution count",
    ]


@pytest.mark.parametrize(("name", "lesson"), [("04_lstm_tagger", "M4"), ("P1_python", "P1"), ("E2_more", "E2")])
def test_lesson_id(name: str, lesson: str) -> None:
    assert lesson_id(Path(f"{name}.ipynb")) == lesson
