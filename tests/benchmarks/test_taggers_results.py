"""The committed results of benchmarks/taggers.py have the form that M5 prints, and bear out what is said of them.

No code is tested here: a test fails when results are committed that lack something or that the words no longer fit.
"""

import json
from pathlib import Path

import pytest

from jetlab import catalog
from jetlab.metrics import comparison

FIGURES = ("auc", "accuracy", "rejection_30", "rejection_50")
NEEDED = {"tagger", "params", "seconds", "seeds", *FIGURES, *(f"{name}_err" for name in FIGURES)}
TAGGERS = {"cut", "bdt", "dense", "cnn", "cnn_channels", "lstm", "bilstm", "deep_sets", "ensemble"}
TAGGERS |= {"energyflow_pfn", "energyflow_pfn_our_inputs"}


@pytest.fixture(scope="module")
def found() -> dict:
    return catalog.results("taggers")


@pytest.fixture(scope="module")
def rows(found: dict) -> dict[str, dict]:
    return {row["tagger"]: row for row in found["rows"]}


def test_the_lesson_can_show_what_the_benchmark_wrote(found: dict) -> None:
    assert list(comparison.table(found["rows"]).index) == [row["tagger"] for row in found["rows"]]


def test_every_tagger_has_a_complete_row(rows: dict[str, dict]) -> None:
    assert set(rows) == TAGGERS
    for row in rows.values():
        assert set(row) == NEEDED
        assert 0.5 < row["auc"] < 1
        assert 0.5 < row["accuracy"] < 1
        assert 1 < row["rejection_50"] < row["rejection_30"]
        assert all(row[f"{name}_err"] > 0 for name in FIGURES)
        assert row["params"] > 0
        assert row["seconds"] >= 0
        assert row["seeds"] >= 1


def test_the_sample_is_the_full_one_dealt_out_by_events(found: dict) -> None:
    sample = found["sample"]
    assert sample["name"] == "jets_full"
    assert sample["jets"] >= 140_000
    assert sample["train"] + sample["validation"] + sample["test"] == sample["jets"]
    assert sample["train"] / sample["jets"] == pytest.approx(0.6, abs=0.01)
    assert 0 < sample["effective_qcd_jets_of_test"] < sample["test"]


def test_rows_are_the_means_of_the_trainings(found: dict, rows: dict[str, dict]) -> None:
    for tagger, row in rows.items():
        aucs = [one["auc"] for one in found["trainings"] if one["tagger"] == tagger]
        assert len(aucs) == row["seeds"]
        assert sum(aucs) / len(aucs) == pytest.approx(row["auc"], abs=2e-5)


def test_no_training_stayed_at_chance(found: dict) -> None:
    assert all(one["auc"] > 0.85 for one in found["trainings"])


def test_gains_over_the_bdt_are_those_of_the_rows(found: dict, rows: dict[str, dict]) -> None:
    for tagger, gain in found["auc_above_bdt"].items():
        if gain["seeds"] == rows[tagger]["seeds"] == rows["bdt"]["seeds"]:
            assert gain["auc"] == pytest.approx(rows[tagger]["auc"] - rows["bdt"]["auc"], abs=3e-5)
        assert 0 < gain["auc_err"] < rows[tagger]["auc_err"] + rows["bdt"]["auc_err"]


def test_images_were_made_five_times_faster_than_by_energyflow(repository: Path) -> None:
    row = json.loads((repository / "benchmarks" / "results" / "images.json").read_text())["rows"][0]
    assert row["ratio_to_energyflow"] >= 5
    assert row["largest_difference_of_average"] < 0.02 * row["largest_pixel_of_average"]


@pytest.mark.parametrize("tagger", ["cnn", "lstm", "bilstm", "deep_sets"])
def test_networks_that_see_particles_are_above_the_bdt(found: dict, tagger: str) -> None:
    gain = found["auc_above_bdt"][tagger]
    assert gain["auc"] > 2 * gain["auc_err"]


def test_the_best_tagger_is_above_energyflow(rows: dict[str, dict]) -> None:
    ours = max(row["rejection_50"] for name, row in rows.items() if not name.startswith("energyflow"))
    assert ours > rows["energyflow_pfn"]["rejection_50"]
