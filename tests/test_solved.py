"""Progress is kept on this machine, counts own answers only, and never disturbs a lesson."""

import json
import types
from pathlib import Path

import pytest

from jetlab import check, solved


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(solved, "_SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path / "kept" / "progress.json"))
    return tmp_path / "kept" / "progress.json"


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a fresh kernel."""
    monkeypatch.setattr(solved, "_SESSION", set())


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    capsys.readouterr()
    check.progress()
    return {line[:2]: line for line in capsys.readouterr().out.splitlines()}


def test_right_answers_are_kept_for_the_next_kernel(capsys, monkeypatch, file) -> None:
    check.exercise("P2.02", 0.25)
    check.exercise("P2.05", 1024)
    check.exercise("P2.06", ...)
    forget(monkeypatch)
    check.exercise("M1.05", "b")
    lines = said(capsys)
    assert json.loads(file.read_text()) == {"solved": ["M1.05", "P2.02"]}
    assert "○●○○○○○○" in lines["P2"]
    assert lines["P2"].endswith("1 of 8")
    assert lines["M1"].endswith("1 of 5")
    assert list(lines)[:5] == ["M0", "P1", "P2", "P3", "M1"]
    assert [path.name for path in file.parent.iterdir()] == ["progress.json"]


def test_a_whole_lesson_gets_its_badge(capsys, file) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({"solved": [f"P1.{number:02d}" for number in range(1, 9)]}))
    lines = said(capsys)
    assert lines["P1"].startswith("P1 ★ ●●●●●●●●")
    assert "★" not in lines["P2"]


def test_running_a_folded_solution_does_not_count(capsys, monkeypatch, file) -> None:
    tags: list[str] = ["solution"]
    shell = types.SimpleNamespace(get_parent=lambda: {"metadata": {"tags": tags}})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    check.exercise("P2.02", 0.25)
    assert "right!" in capsys.readouterr().out
    assert not file.exists()
    tags.clear()
    check.exercise("P2.02", 0.25)
    assert file.exists()


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"solved": 3}', "\udcff"])
def test_a_broken_file_is_told_and_does_no_harm(content, capsys, file) -> None:
    file.parent.mkdir()
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert "cannot be read" in list(said(capsys).values())[-1]
    check.exercise("P2.02", 0.25)
    assert said(capsys)["P2"].endswith("1 of 8")
    assert json.loads(file.read_text()) == {"solved": ["P2.02"]}


def test_where_nothing_can_be_written_the_session_still_counts(capsys, monkeypatch, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path / "file" / "progress.json"))
    check.exercise("P2.02", 0.25)
    assert capsys.readouterr().out == "P2.02: right!\n"
    lines = said(capsys)
    assert lines["P2"].endswith("1 of 8")
    assert "only this session counts" in list(lines.values())[-1]


def test_a_folder_that_takes_nothing_is_told(capsys, monkeypatch) -> None:
    def refuse(path: Path, text: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_text", refuse)
    check.exercise("P2.02", 0.25)
    assert "cannot be written" in list(said(capsys).values())[-1]


def test_the_usual_place_is_the_users_cache(monkeypatch) -> None:
    monkeypatch.delenv("JETLAB_PROGRESS")
    assert solved.file().name == "progress.json"
    assert "jetlab" in str(solved.file().parent)
