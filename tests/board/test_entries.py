"""Entries to a challenge: measured as the lessons do it, once each, within limits, ranked with their differences."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jetlab import metrics

from .boards import JETS, Served, packed, scores_of


def test_an_entry_is_measured_on_the_public_half(served: Served) -> None:
    scores = scores_of(1)
    done = served.enter(served.join(), scores)
    assert done.status_code == 201
    said = done.json()
    y, public = np.arange(JETS) % 2.0, np.arange(JETS) % 4 < 2
    kept = scores.astype(np.float32).astype(float)
    expected = metrics.evaluate(y[public], kept[public], replicas=100)
    assert set(said) == {"entry", "public", "left"}
    assert said["left"] == 9
    for name in ("auc", "rejection_50"):
        assert said["public"][name] == pytest.approx(tuple(expected[name]))


def test_the_private_half_is_shown_at_the_end_and_decides(served: Served) -> None:
    private = np.arange(JETS) % 4 >= 2
    good, bad = scores_of(3), scores_of(1, seed=1)
    # The one is good on the public half, the other on the private one.
    served.enter(served.join("Ada"), np.where(private, bad, good))
    served.enter(served.join("Ben"), np.where(private, good, bad))
    before = served.state()["challenges"][0]
    assert [row["name"] for row in before["rows"]] == ["Ada", "Ben"]
    assert not before["ended"]
    assert all("private" not in row for row in before["rows"])
    teacher = served.browser("teacher-token")
    assert teacher.post(f"{served.url}api/challenges/W-tagger/end", timeout=60).status_code == 200
    after = served.state()["challenges"][0]
    assert [row["name"] for row in after["rows"]] == ["Ben", "Ada"]
    assert after["ended"]
    assert after["rows"][0]["private"]["auc"][0] > after["rows"][0]["public"]["auc"][0]
    late = served.enter(served.join(), good, key=7)
    assert late.status_code == 409
    assert "over" in late.json()["error"]


def test_the_best_entry_of_each_group_is_ranked(served: Served) -> None:
    first, second, third = served.join("Ada"), served.join(), served.join("Cleo")
    served.enter(first, scores_of(1), key=1, group="blue", note="cuts")
    served.enter(second, scores_of(3), key=2, group="Blue", note="network", config="layers = 3")
    served.enter(third, scores_of(2, seed=1), key=3)
    rows = served.state()["challenges"][0]["rows"]
    assert [(row["rank"], row["name"], row["by"], row["note"], row["entries"]) for row in rows] == [
        (1, "Blue", "participant 2", "network", 2),
        (2, "Cleo", "Cleo", "", 1),
    ]
    assert [row["config"] for row in rows] == [True, False]
    page = served.browser("class-token")
    code = page.get(f"{served.url}api/challenges/W-tagger/code/{rows[0]['entry']}", timeout=60)
    assert code.json() == {"name": "Blue", "note": "network", "code": "layers = 3"}
    assert page.get(f"{served.url}api/challenges/W-tagger/code/1", timeout=60).status_code == 404


def test_what_cannot_be_told_from_the_first_is_marked(served: Served) -> None:
    best = scores_of(3)
    nearly = np.clip(best + np.random.default_rng(5).normal(0, 0.01, JETS), 0, 1)
    served.enter(served.join("near"), nearly)
    served.enter(served.join("far"), scores_of(0.5, seed=2))
    served.enter(served.join("best"), best)
    rows = {row["name"]: row for row in served.state()["challenges"][0]["rows"]}
    assert not rows["far"]["same"]
    assert rows["far"]["behind"][0] > 2 * rows["far"]["behind"][1]
    first, second = sorted((rows["near"], rows["best"]), key=lambda row: row["rank"])
    assert not first["same"]  # it is the first
    assert second["same"]


def test_a_perfect_tagger_has_no_infinity_in_its_json(served: Served) -> None:
    said = served.enter(served.join(), np.arange(JETS) % 2)
    assert "Infinity" not in said.text
    (row,) = served.state()["challenges"][0]["rows"]
    assert row["public"]["auc"] == [1.0, 0.0]
    assert row["public"]["rejection_50"] == [None, None]


def test_a_retry_counts_once(served: Served) -> None:
    secret = served.join()
    first, again = served.enter(secret, scores_of(2)), served.enter(secret, scores_of(2))
    assert first.json()["entry"] == again.json()["entry"]
    assert first.json()["public"] == again.json()["public"]
    assert served.state()["challenges"][0]["entries"] == 1
    # The same key of somebody else is another entry.
    served.enter(served.join(), scores_of(2))
    assert served.state()["challenges"][0]["entries"] == 2


def test_entries_are_limited_by_the_hour(served: Served) -> None:
    secret = served.join()
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda key: served.enter(secret, scores_of(2), key=key).status_code, range(14)))
    assert sorted(done) == [201] * 10 + [429] * 4
    assert served.enter(served.join(), scores_of(2)).status_code == 201
    served.clock.now += 3601
    assert served.enter(secret, scores_of(2), key=99).json()["left"] == 9


def test_a_hundred_at_once_are_neither_lost_nor_doubled(served: Served) -> None:
    secrets = [served.join(f"p{number}") for number in range(100)]

    def send(number: int) -> tuple[int, int]:
        # Every other one does not wait for the answer, as it were, and sends it again.
        entry = {served.enter(secrets[number], scores_of(2, number)).json()["entry"] for _ in range(1 + number % 2)}
        return number, *entry

    with ThreadPoolExecutor(100) as threads:
        done = dict(threads.map(send, range(100)))
    assert len(set(done.values())) == 100
    kept = {entry.participant.name: entry for entry in served.board.store.entries("W-tagger")}
    assert {name: entry.id for name, entry in kept.items()} == {f"p{number}": done[number] for number in range(100)}
    assert all(packed(kept[f"p{number}"].scores) == packed(scores_of(2, number)) for number in range(100))


def test_the_ranking_as_a_file(served: Served) -> None:
    served.enter(served.join("Ada"), scores_of(2), note='=HYPERLINK("http://evil")', config="a\nb")
    page = served.browser("class-token")
    done = page.get(f"{served.url}api/challenges/W-tagger/ranking.csv", timeout=60)
    assert done.headers["Content-Disposition"].startswith("attachment")
    (row,) = csv.DictReader(io.StringIO(done.text))
    assert (row["rank"], row["name"], row["config"]) == ("1", "Ada", "a\nb")
    assert row["note"] == '\'=HYPERLINK("http://evil")'  # a text for spreadsheets, no formula
    assert 0.5 < float(row["public_auc"]) < 1
    assert "private_auc" not in row


def test_the_jets_are_for_participants(served: Served) -> None:
    done = served.call("GET", "api/challenges/W-tagger/jets", served.join())
    assert done.content == b"jets without labels"
    assert served.call("GET", "api/challenges/W-tagger/jets").status_code == 401
    assert served.call("GET", "api/challenges/W-tagger/jets", "class-token").status_code == 401


def test_scores_are_kept_as_they_are_measured(served: Served) -> None:
    scores = scores_of(2)
    served.enter(served.join(), scores)
    (entry,) = served.board.store.entries("W-tagger")
    assert packed(entry.scores) == packed(scores)
