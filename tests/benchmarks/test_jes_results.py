"""The committed results of benchmarks/jes.py bear out what lesson M6 says of them.

No code is tested here: a test fails when results are committed that the words of the lesson no longer fit.
"""

import json

import pytest

METHODS = {"raw", "official", "net_100", "cnn", "cnn_pt_eta", "deep_9", "deep_sets"}


SIZES = {"jes.json": 150_000, "jes_shipped.json": 36_000}


@pytest.fixture(scope="module", params=SIZES)
def results(repository, request):
    found = json.loads((repository / "benchmarks" / "results" / request.param).read_text())
    # Whole chunks are simulated, and a few jets more than asked for.
    assert SIZES[request.param] <= found["sample"]["jets"] < 1.001 * SIZES[request.param]
    return found


@pytest.fixture(scope="module")
def rows(results):
    return {row["name"]: row for row in results["rows"]}


def test_every_method_has_its_numbers(results, rows):
    assert {row["method"] for row in rows.values()} == METHODS
    for row in rows.values():
        assert 0 < row["closure_max_abs"] < 0.5, row["name"]
        assert 0 < row["resolution_err"] < row["resolution"] / 10, row["name"]
        learns_official = row["target"] == "jet_jes_ak7"
        assert (row["jes_median_abs_error_max_bin"] is not None) == learns_official


def test_gains_are_those_of_the_resolutions(rows):
    for row in rows.values():
        expected = 1 - row["resolution"] / rows["official"]["resolution"]
        assert row["resolution_gain_over_official"] == pytest.approx(expected, abs=2e-3), row["name"]
    assert rows["official"]["resolution_gain_over_official"] == 0


def test_the_net_of_2017_copies_the_official_correction_if_told_of_the_pile_up(rows):
    assert rows["net_100"]["jes_median_abs_error_max_bin"] < 0.01
    assert rows["net_100_pt_eta"]["jes_median_abs_error_max_bin"] > 2 * rows["net_100"]["jes_median_abs_error_max_bin"]


def test_deep_sets_close_within_a_per_cent_and_gain_more_than_five(rows):
    best = rows["deep_sets"]
    assert best["closure_max_abs"] < 0.01
    gain, error = best["resolution_gain_over_official"], best["resolution_gain_error"]
    assert gain - 2 * error > 0.05
    # Not bought by answering less than one to one.
    assert best["slope_against_gen_pt"] > 0.97
