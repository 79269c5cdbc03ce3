"""A participant's notebook and the class's board: consent first, entries, votes; and lessons that go on without it."""

import dataclasses
import json
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy", reason="the board extra is not installed")

from jetlab import check
from jetlab.check import room, solved, tasks
from jetlab.check.room import BoardError
from jetlab.check.tasks import Report
from jetlab.config import RunConfig
from tests.board.boards import JETS, Served, scores_of, serving


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (room.URL, room.TOKEN, room.HUB_TOKEN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setattr(room, "PAUSE", 0.01)
    monkeypatch.setattr(room, "SHARING", room.Sharing())  # as in a fresh kernel
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path / "progress"))
    return tmp_path / "progress"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as board:
        yield board


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def shared(served: Served, count: int) -> list[tuple[str, str, str, str]]:
    """Who shared what, once there are so many."""
    wait_for(lambda: len(served.board.store.answers()) >= count)
    return [(who.shown, exercise, state, hint) for who, exercise, state, hint, _ in served.board.store.answers()]


def test_nothing_is_sent_before_somebody_joins(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(room.URL, served.url)
    monkeypatch.setenv(room.TOKEN, "class-token")
    monkeypatch.setattr("requests.request", lambda *_, **__: pytest.fail("sent"))
    monkeypatch.setattr("requests.post", lambda *_, **__: pytest.fail("sent"))
    check.exercise("P2.02", 0.25)
    assert solved.read()[0] == {"P2.02"}
    for call in (lambda: check.submit("W-tagger", [0.5]), lambda: check.challenge("W-tagger"), check.vote):
        with pytest.raises(BoardError, match=r"check\.join\(\)"):
            call()


def test_who_joins_is_told_what_is_sent_and_shares_their_answers(served: Served, capsys) -> None:
    check.join(served.url.rstrip("/"), "class-token")
    said = capsys.readouterr().out
    for words in ("as participant 1", "whether it was right", "not sent what you typed", "check.leave() ends it"):
        assert words in said.replace("\n", " ")
    check.exercise("P2.02", ...)
    check.exercise("P2.02", 0.5)
    check.exercise("P2.02", 0.25)
    hint = capsys.readouterr().out.splitlines()[1].removeprefix("P2.02: hint: ")
    assert shared(served, 3) == [
        ("participant 1", "P2.02", "seen", ""),
        ("participant 1", "P2.02", "wrong", hint),
        ("participant 1", "P2.02", "right", ""),
    ]


def test_build_tasks_are_shared_too(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    check.join(served.url, "class-token", name="Ada")
    said = iter([Report("hint: it raised \x1b[31mValueError\u202e"), Report(tasks.REACHED)])
    monkeypatch.setattr(tasks, "judge", lambda *_: next(said))
    check.build("M2.B1", "network")
    check.build("M2.B1", "network")
    assert shared(served, 2) == [
        ("Ada", "M2.B1", "wrong", "it raised  [31mValueError"),
        ("Ada", "M2.B1", "right", ""),
    ]


def test_folded_solutions_are_not_shared(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    check.join(served.url, "class-token")
    shell = types.SimpleNamespace(get_parent=lambda: {"metadata": {"tags": ["solution"]}})
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
        check.exercise("P2.02", 0.25)
    check.exercise("M1.05", "b")
    assert [each[1] for each in shared(served, 1)] == ["M1.05"]


def test_who_shares_nothing_may_submit(served: Served, capsys) -> None:
    check.join(served.url, "class-token", share_progress=False, name="Ada")
    assert "progress is not shared" in capsys.readouterr().out
    check.exercise("P2.02", 0.25)
    check.submit("W-tagger", scores_of(2)[:, np.newaxis], "mine", RunConfig(nodes=8), "blue")
    said = capsys.readouterr().out
    assert "W-tagger: AUC 0." in said
    assert "you have 9 more entries this hour" in said
    assert served.board.store.answers() == []
    (entry,) = served.board.store.entries("W-tagger")
    assert (entry.group, entry.note, RunConfig.from_json(entry.config)) == ("blue", "mine", RunConfig(nodes=8))
    assert np.allclose(entry.scores, scores_of(2))


def test_leaving_ends_and_deletes_it_for_all_notebooks(served: Served, folder: Path, capsys) -> None:
    check.join(served.url, "class-token", name="Ada")
    check.submit("W-tagger", scores_of(2))
    check.exercise("P2.02", 0.25)
    shared(served, 1)
    assert (folder / "board.json").stat().st_mode & 0o077 == 0
    check.leave()
    assert "was deleted" in capsys.readouterr().out
    assert not (folder / "board.json").exists()
    assert served.board.store.answers() == []
    (entry,) = served.board.store.entries("W-tagger")
    assert entry.participant.shown == "participant 1"
    check.leave()
    assert "not joined" in capsys.readouterr().out


def test_joining_again_changes_what_is_shared(served: Served) -> None:
    check.join(served.url, "class-token")
    check.exercise("P2.02", 0.25)
    shared(served, 1)
    check.join(served.url, "class-token", share_progress=False, name="Ada")
    assert served.board.store.answers() == []
    check.join(served.url, "class-token", name="Ben")
    check.exercise("M1.05", "b")
    assert [each[:2] for each in shared(served, 1)] == [("Ben", "M1.05")]
    assert served.board.store.join("", False, None, 10)[0].id == 2  # it was one participant all the time


def test_the_environment_says_which_board(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BoardError, match="Ask your teacher"):
        check.join()
    with pytest.raises(BoardError, match="begin with http"):
        check.join("ftp://board", "x")
    with pytest.raises(BoardError, match="copy it again"):
        check.join(served.url, "class token")
    with pytest.raises(BoardError, match="not the token of this board"):
        check.join(served.url, "wrong")
    monkeypatch.setenv(room.URL, served.url)
    monkeypatch.setenv(room.TOKEN, "class-token")
    check.join()
    assert served.board.store.join("", False, None, 10)[0].id == 2


def test_a_lesson_goes_on_without_the_board(tmp_path: Path, capsys) -> None:
    with serving(tmp_path) as served:
        check.join(served.url, "class-token")
        url, clock = served.url, served.clock
    capsys.readouterr()
    for _ in range(3):
        check.exercise("P2.02", 0.25)
        wait_for(lambda: room.SHARING.thread is None)
    said = capsys.readouterr().out
    assert said.count("P2.02: right!") == 3
    assert said.count("does not answer") == 1
    with pytest.raises(BoardError, match="does not answer"):
        check.submit("W-tagger", scores_of(2))
    assert url
    assert clock


def test_a_damaged_membership_is_none(folder: Path, capsys) -> None:
    folder.mkdir()
    for content in ("", "[]", '{"url": 1}', "\x00"):
        (folder / "board.json").write_text(content)
        check.exercise("P2.02", 0.25)
    assert "board" not in capsys.readouterr().out


def test_a_home_that_cannot_be_written_keeps_it_for_the_session(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path / "file" / "progress"))
    check.join(served.url, "class-token")
    check.exercise("P2.02", 0.25)
    assert len(shared(served, 1)) == 1
    check.leave()
    with pytest.raises(BoardError, match="not joined"):
        check.vote("a")


def test_what_cannot_be_entered_is_said_before_it_is_sent(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    check.join(served.url, "class-token")
    for scores, said in (
        (["a"], "Scores are numbers"),
        (np.zeros((3, 2)), r"shape \(3, 2\)"),
        ([np.nan], "not finite"),
        ([1.5], "below 0 or above 1"),
        (scores_of(2)[1:], "399 scores for 400 jets"),
    ):
        with pytest.raises(BoardError, match=said):
            check.submit("W-tagger", scores)
    with pytest.raises(BoardError, match="config is a int"):
        check.submit("W-tagger", scores_of(2), config=5)
    with pytest.raises(BoardError, match="There is no such challenge; there are: W-tagger"):
        check.submit("../board.db", scores_of(2))
    with pytest.raises(BoardError, match="There is no such challenge"):
        check.challenge("nowhere")


def test_an_entry_that_is_sent_twice_counts_once(served: Served) -> None:
    check.join(served.url, "class-token")
    for _ in range(2):
        check.submit("W-tagger", scores_of(2), "mine")
    check.submit("W-tagger", scores_of(2), "another note")
    assert [entry.note for entry in served.board.store.entries("W-tagger")] == ["mine", "another note"]


def test_a_keras_model_is_described_by_its_layers(served: Served) -> None:
    class Model:
        def summary(self, print_fn: Callable[[str], None], line_length: int) -> None:
            print_fn(f"dense (Dense) {line_length}")

    check.join(served.url, "class-token")
    check.submit("W-tagger", scores_of(2), config=Model())
    (entry,) = served.board.store.entries("W-tagger")
    assert entry.config == "dense (Dense) 80"


def test_a_perfect_entry_is_said_without_infinity(served: Served, capsys) -> None:
    check.join(served.url, "class-token")
    check.submit("W-tagger", np.arange(JETS) % 2)
    assert "1/εB beyond what these jets can tell" in capsys.readouterr().out


def test_votes(served: Served, capsys) -> None:
    check.join(served.url, "class-token")
    with pytest.raises(BoardError, match="No poll is open"):
        check.vote("LSTM")
    teacher = served.browser("teacher-token")
    ask = {"question": "Which network will win?", "choices": ["dense", "LSTM"]}
    assert teacher.post(f"{served.url}api/poll", json=ask, timeout=60).status_code == 200
    capsys.readouterr()
    check.vote()
    assert capsys.readouterr().out == "Which network will win?\n  check.vote('dense')\n  check.vote('LSTM')\n"
    with pytest.raises(BoardError, match="The choices are dense, LSTM"):
        check.vote("CNN")
    check.vote("dense")
    check.vote("lstm")
    assert served.state()["poll"]["votes"] == [0, 1]
    teacher.delete(f"{served.url}api/poll", timeout=60)
    with pytest.raises(BoardError, match="No poll is open"):
        check.vote("LSTM")


def test_what_is_no_board_is_said(tmp_path: Path, folder: Path) -> None:
    with serving(tmp_path) as served:
        folder.mkdir()
        member = room.Membership(f"{served.url}token?", "x", "participant 1", True)
        (folder / "board.json").write_text(json.dumps(dataclasses.asdict(member)))
        with pytest.raises(BoardError, match="no board of a class"):
            check.vote()
