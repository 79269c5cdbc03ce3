"""The committed results of benchmarks/tracking.py bear out what the kit says of tracking.

No code is tested here: a test fails when results are committed that the words no longer fit.
"""

import json
from pathlib import Path

import numpy as np
import pytest

NEEDED = {"method", "multiplicity", "train_events", "events", "score", "score_err", "hit_accuracy", "seconds_per_event"}
BASELINES = ("nearest hit", "dbscan", "hough", "lstm 2017, 100 bins", "lstm 2017, 200 bins")
BEST = "residual, combinatorial"


@pytest.fixture(scope="module")
def rows(repository: Path) -> list[dict]:
    return json.loads((repository / "benchmarks" / "results" / "tracking.json").read_text())["rows"]


def row(rows: list[dict], method: str, multiplicity: int | str = 10) -> dict:
    """The row of a method, of most training events."""
    found = [row for row in rows if (row["method"], row["multiplicity"]) == (method, multiplicity)]
    return max(found, key=lambda row: row["train_events"])


def test_rows_are_complete(rows: list[dict]) -> None:
    assert all(set(row) >= NEEDED for row in rows)
    assert all(0 <= row["score"] <= 1 and row["score_err"] >= 0 for row in rows)
    assert {row["multiplicity"] for row in rows} == {5, 10, 20, 30, 50, 100, "real"}


def test_the_best_network_at_ten_tracks(rows: list[dict]) -> None:
    best, nearest = row(rows, BEST), row(rows, "nearest hit")
    assert best["events"] == nearest["events"] == 1000
    assert best["score"] - 2 * best["score_err"] > 0.97
    assert best["score"] - nearest["score"] - 2 * np.hypot(best["score_err"], nearest["score_err"]) > 0.08


@pytest.mark.parametrize("baseline", BASELINES)
def test_the_best_network_in_a_crowd(baseline: str, rows: list[dict]) -> None:
    best, other = row(rows, BEST, 30), row(rows, baseline, 30)
    assert best["score"] - other["score"] > 2 * np.hypot(best["score_err"], other["score_err"])


def test_seeds_and_bins_limit_what_can_be_reached(rows: list[dict]) -> None:
    limit, bins = row(rows, "truth of tracks with a hit in layer 0"), row(rows, "truth in 100 bins")
    assert bins["score"] < limit["score"] < 0.98
    for method in ("lstm 2017, 100 bins", "lstm 2017, 100 bins, shared out", f"{BEST}, seeds in layer 0 only"):
        assert row(rows, method)["score"] <= limit["score"]


def test_the_network_of_2017_grows_with_its_training(rows: list[dict]) -> None:
    for bins in (100, 200):
        grown = [r for r in rows if r["method"] == f"lstm 2017, {bins} bins" and r["multiplicity"] == 10]
        assert [r["train_events"] for r in grown] == [10, 50, 100, 250, 500, 1000, 2000, 3000, 4000, 5000]
        assert grown[-1]["score"] > grown[0]["score"] + 0.3


def test_scores_of_the_real_slice_are_reported(rows: list[dict]) -> None:
    assert row(rows, "nearest hit", "real")["score"] == pytest.approx(0.850, abs=5e-4)
    for method in (*BASELINES, BEST, "kalman, combinatorial"):
        assert row(rows, method, "real")["events"] == 9
