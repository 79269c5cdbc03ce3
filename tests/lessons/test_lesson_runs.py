"""Lessons are run as participants run them: with the solutions, each in its place, and without."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jetlab.classroom.release import release
from tests.lessons import run_lesson

START = "answer = ..."


def write(folder: Path, solution: str, after: str) -> None:
    """Make a lesson with that solution and that cell after it."""
    tagged = new_code_cell(solution, metadata={"tags": ["solution"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    lesson = new_notebook(cells=[new_code_cell(START), tagged, new_code_cell(after)], metadata=kernel)
    folder.mkdir(exist_ok=True)
    nbformat.write(lesson, folder / "lesson.ipynb")


def run(folder: Path, solution: str, after: str) -> str:
    """What pytest says of that lesson."""
    write(folder, solution, after)
    return pytest_says(folder)


def pytest_says(folder: Path) -> str:
    """Its output for the lesson in that folder, run as the kit's lessons are."""
    options = ["-p", "conftest", "-q", "--nbval-lax", "--nbval-current-env", "--color=no", f"--rootdir={folder}"]
    command = [sys.executable, "-m", "pytest", *options, str(folder / "lesson.ipynb")]
    repository = Path(__file__).resolve().parents[2]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120, check=False).stdout


def test_a_cell_that_needs_a_solution_fails_in_the_copy_without(tmp_path: Path) -> None:
    write(tmp_path / "lessons", "extra = 2", "print(extra)")
    for solutions, code, end in ((True, 0, ""), (False, 1, "NameError: name 'extra' is not defined\n")):
        (copy,) = release(tmp_path / f"solutions_{solutions}", solutions, source=tmp_path / "lessons")
        command = [sys.executable, run_lesson.__file__, str(copy), "python3"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        said = re.sub(r"\x1b\[[\d;]*m", "", done.stderr)
        assert done.returncode == code
        assert said.rstrip().endswith(end.rstrip())
        assert said.startswith("lesson, Cell 1: " if code else "")


@pytest.mark.parametrize("solution", ["answer = 1 / 0", "assert answer is not ..."])
def test_a_wrong_solution_fails(solution: str, tmp_path: Path) -> None:
    assert "1 failed, 2 passed" in run(tmp_path, solution, "answer")


def test_a_solution_that_is_refused_fails(tmp_path: Path) -> None:
    solution = "from jetlab import check\ncheck.exercise('P2.02', 0.5)"
    assert "1 failed, 2 passed" in run(tmp_path, solution, "answer")


def test_a_solution_is_no_progress(tmp_path: Path) -> None:
    solution = "from jetlab import check\ncheck.exercise('P2.02', 0.25)"
    after = "from jetlab.check import solved\nassert solved.read() == (set(), '')"
    assert "3 passed" in run(tmp_path, solution, after)


@pytest.mark.parametrize(("after", "end"), [("other = 3", "3 passed"), ("size = 'large'", "draw no longer draws")])
def test_sliders_still_draw_in_the_end(after: str, end: str, tmp_path: Path) -> None:
    sliders = """from jetlab.panel.sliders import Sliders
size = 1
def draw(ax, x):
    ax.plot([0, x], [0, size + 1])
Sliders(draw, x=(1, 3, 2))"""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [new_code_cell("1"), new_code_cell(sliders), new_code_cell(after)]
    nbformat.write(new_notebook(cells=cells, metadata=kernel), tmp_path / "lesson.ipynb")
    assert end in pytest_says(tmp_path)
