"""Progress is kept on this machine, counts own answers only, and never disturbs a lesson."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

from jetlab import check
from jetlab.check import solved


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path / "kept" / "progress"))
    return tmp_path / "kept" / "progress"


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a fresh kernel."""
    monkeypatch.setattr(solved, "SESSION", set())


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    capsys.readouterr()
    check.progress()
    return {line[:2]: line for line in capsys.readouterr().out.splitlines()}


def test_right_answers_are_kept_for_the_next_kernel(capsys, monkeypatch, folder) -> None:
    check.exercise("P2.02", 0.25)
    check.exercise("P2.05", 1024)
    check.exercise("P2.06", ...)
    forget(monkeypatch)
    check.exercise("M1.05", "b")
    lines = said(capsys)
    assert kept(folder) == ["M1.05", "P2.02"]
    assert "○●○○○○○○" in lines["P2"]
    assert "1 of 8" in lines["P2"]
    assert "1 of 5" in lines["M1"]
    assert list(lines)[:5] == ["M0", "P1", "P2", "P3", "M1"]


def test_two_notebooks_at_a_time_keep_what_both_solved(folder) -> None:
    """Each waits until all are there, so that they write at the same time."""
    code = """
import sys
from jetlab.check import solved
print("here", flush=True)
sys.stdin.readline()
for number in range(30):
    solved.record(f"{sys.argv[1]}.{number:02d}")
"""
    notebooks = [
        subprocess.Popen([sys.executable, "-c", code, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in "ABCD"
    ]
    for notebook in notebooks:
        assert notebook.stdout.readline() == "here\n"
    for notebook in notebooks:
        notebook.stdin.write("go\n")
        notebook.stdin.flush()
    assert [notebook.communicate()[0] for notebook in notebooks] == [""] * 4
    assert kept(folder) == [f"{name}.{number:02d}" for name in "ABCD" for number in range(30)]


def test_a_whole_lesson_gets_its_badge(capsys, folder) -> None:
    folder.mkdir(parents=True)
    for number in range(1, 9):
        (folder / f"P1.{number:02d}").touch()
    assert said(capsys)["P1"].startswith("P1   ●●●●●●●●"), "the build task is missing"
    (folder / "P1.B1").touch()
    (folder / "P1.P2").touch()
    lines = said(capsys)
    assert lines["P1"].startswith("P1 ★ ●●●●●●●●")
    assert lines["P1"].endswith("8 of 8, built ■, predicted 1 of 4")
    assert "★" not in lines["P2"]


def test_running_a_folded_solution_does_not_count(capsys, monkeypatch, folder) -> None:
    tags: list[str] = ["solution"]
    shell = types.SimpleNamespace(get_parent=lambda: {"metadata": {"tags": tags}})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    check.exercise("P2.02", 0.25)
    assert "right!" in capsys.readouterr().out
    assert not folder.exists()
    tags.clear()
    check.exercise("P2.02", 0.25)
    assert kept(folder) == ["P2.02"]


def test_strange_files_are_no_exercises(capsys, folder) -> None:
    folder.mkdir(parents=True)
    (folder / ".DS_Store").write_bytes(b"\xff")
    (folder / "P2.99").mkdir()
    check.exercise("P2.02", 0.25)
    assert "1 of 8" in said(capsys)["P2"]


def test_a_file_in_the_place_of_the_folder_does_no_harm(capsys, folder) -> None:
    folder.parent.mkdir()
    folder.write_text("")
    check.exercise("P2.02", 0.25)
    assert capsys.readouterr().out == "P2.02: right!\n"
    lines = said(capsys)
    assert "1 of 8" in lines["P2"]
    assert f"{folder} cannot be read (Not a directory), so only this session counts." in lines.values()


@pytest.mark.parametrize("method", ["mkdir", "touch"])
def test_where_nothing_can_be_written_the_session_still_counts(capsys, monkeypatch, folder, method) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as readonly:
        readonly.setattr(Path, method, refuse)
        check.exercise("P2.02", 0.25)
    assert capsys.readouterr().out == "P2.02: right!\n"
    lines = said(capsys)
    assert "1 of 8" in lines["P2"]
    assert "cannot be written" in list(lines.values())[-1]
    check.exercise("M1.05", "b")
    assert kept(folder) == ["M1.05", "P2.02"], "what could not be kept before is kept now"


def test_the_usual_place_is_the_users_cache(monkeypatch) -> None:
    monkeypatch.delenv("JETLAB_PROGRESS")
    assert solved.folder().name == "progress"
    assert "jetlab" in str(solved.folder().parent)
