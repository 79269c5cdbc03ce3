"""Runs of lessons are kept for what they are of, and made again when that changes."""

from pathlib import Path

import pytest
from nbformat.v4 import new_notebook

from tests.lessons import runs


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one lesson, which shows one file of the package."""
    for folder in ("notebooks", "jetlab", "data", "benchmarks/results"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "notebooks" / "00_lesson.ipynb").write_text("{}")
    (tmp_path / "jetlab" / "shown.py").write_text("SIZE = 1")
    (tmp_path / "constraints.txt").write_text("numpy==2.0")
    monkeypatch.setattr(runs, "REPOSITORY", tmp_path)
    monkeypatch.setattr(runs, "LESSONS", tmp_path / "notebooks")
    monkeypatch.setenv("JETLAB_FAST", "1")
    return tmp_path


def test_a_lesson_that_has_run_is_not_run_again(kit: Path) -> None:
    (lesson,) = runs.lessons()
    assert runs.missing(short=True) == [lesson]
    runs.keep(lesson, new_notebook())
    assert runs.missing(short=True) == []
    assert runs.missing(short=False) == [lesson]


def test_full_runs_are_kept_apart(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JETLAB_FAST", "0")
    (lesson,) = runs.lessons()
    runs.keep(lesson, new_notebook())
    assert runs.missing(short=False) == []
    assert runs.missing(short=True) == [lesson]


@pytest.mark.parametrize(
    "changed", ["notebooks/00_lesson.ipynb", "jetlab/shown.py", "constraints.txt", "data/new.root"]
)
def test_a_lesson_runs_again_when_what_it_shows_changes(kit: Path, changed: str) -> None:
    (lesson,) = runs.lessons()
    runs.keep(lesson, new_notebook())
    (kit / changed).write_text("something else")
    assert runs.missing(short=True) == [lesson]
