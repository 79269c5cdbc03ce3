"""The map names every lesson, in the order to work through them."""

import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.formatters import DisplayFormatter

from jetlab.classroom import lessons


def write(path: Path, *sources: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [nbformat.v4.new_markdown_cell(sources[0]), *map(nbformat.v4.new_code_cell, sources[1:])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ask = 'answer = ...\ncheck.exercise("M1.01", answer)'
    write(tmp_path / "01_data.ipynb", "# M1 · Data\n\n*30 minutes.*", ask, ask)
    write(tmp_path / "00_welcome.ipynb", "# M0 · Welcome")
    write(tmp_path / "extras" / "E1_more.ipynb", "# E1 · More\n\n**Time** 90 minutes.")
    write(tmp_path / "pre" / "P1_fit.ipynb", "# P1 · Fit")
    write(tmp_path / ".ipynb_checkpoints" / "01_data-checkpoint.ipynb", "# M1 · Old")
    return tmp_path


def test_table(folder: Path) -> None:
    assert lessons.table(folder).splitlines()[2:] == [
        "| [M0 · Welcome](00_welcome.ipynb) |  |  |",
        "| [P1 · Fit](pre/P1_fit.ipynb) |  |  |",
        "| [M1 · Data](01_data.ipynb) | 30 | 1 |",
        "| [E1 · More](extras/E1_more.ipynb) | 90 |  |",
    ]


def test_a_folder_within_a_hidden_one_has_its_lessons(folder: Path) -> None:
    hidden = folder / ".local" / "kit"
    write(hidden / "01_data.ipynb", "# M1 · Data")
    assert lessons.paths(hidden) == [hidden / "01_data.ipynb"]
    assert [path.name for path in lessons.paths(folder)][:2] == ["00_welcome.ipynb", "P1_fit.ipynb"]


def test_shown_as_markdown(folder: Path) -> None:
    bundle, _ = DisplayFormatter().format(lessons.show(folder))
    assert "pre/P1_fit.ipynb" in bundle["text/markdown"]


def test_every_link_leads_to_a_lesson_with_its_minutes(repository: Path) -> None:
    text = lessons.table(repository / "notebooks")
    links = re.findall(r"\]\((.+?)\) \| (\d*) \|", text)
    assert len(links) == len(text.splitlines()) - 2
    assert all((repository / "notebooks" / link).is_file() and minutes for link, minutes in links)
