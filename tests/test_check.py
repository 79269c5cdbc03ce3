"""Every exercise: unanswered, right, and the hints for typical wrong answers."""

import numpy as np
import pytest

from jetlab import check
from tests.check_cases import PRE

IS_W = np.array([1, 1, 1, 0, 0])
PT, PHI = np.array([30.0, 40.0]), np.array([0.0, np.pi / 2])
SPECTRUM = {"pt": np.array([200.0, 300.0]), "weight": np.array([3.0, 1.0])}
CUT = {
    "passes": np.array([True, True, False, True, False]),
    "is_w": IS_W,
    "weight": np.array([1.0, 2.0, 1.0, 1.0, 3.0]),
}
CURVES = {"val_loss": [0.6, 0.4, 0.5, 0.7, 0.8], "loss": [0.6, 0.4, 0.3, 0.2, 0.1]}

CASES = {
    "M1.01": ({"is_w": IS_W}, 3, {5: "all jets", 2: "QCD", 0.6: "fraction", 17: "sum"}),
    "M1.02": (
        {"pt": PT, "phi": PHI, "jes": 1.1},
        55.0,
        {50.0: "raw", 70.0: "scalar", 77.0: "scalar", 1.0: "hypot"},
    ),
    "M1.03": (SPECTRUM, 225.0, {250.0: "once", 450.0: "sum of the weights", 1.0: "average"}),
    "M1.04": ({}, 2 * np.pi - 6.2, {6.2: "angle", 3.0: "together"}),
    "M1.05": ({}, "b", {"a": "shapes", "c": "effective", "x": "one letter"}),
    "M2.01": (CUT, 0.75, {0.25: "background", 0.5: "all jets", 2 / 3: "weights", 0.9: "average"}),
    "M2.02": ({}, 8705, {8512: "bias", 4545: "three hidden", 8640: "output", 12: "inputs"}),
    "M2.03": (CURVES, 2, {1: "counts from 0", 5: "training", 3: "argmin"}),
    "M2.04": ({}, "c", {"a": "chosen", "b": "validation", 4: "one letter"}),
    **PRE,
}


def test_every_exercise_has_a_case():
    # Those of other lessons are tested with their lessons.
    lessons = ("M0", "P1", "P2", "P3", "M1", "M2", "M3", "M4", "M5", "M6")
    assert {name for name in check.exercises() if name[:2] in lessons} == set(CASES)
    assert "M7.01" in check.exercises()


@pytest.mark.parametrize("name", CASES)
def test_at_least_two_wrong_answers_have_hints_of_their_own(name):
    assert len(set(CASES[name][2].values())) >= 2


@pytest.mark.parametrize("name", CASES)
def test_unanswered_and_right(name, capsys):
    data, right, _ = CASES[name]
    check.exercise(name, ..., **data)
    assert check.NOT_ANSWERED in capsys.readouterr().out
    assert check.verdict(name, right, **data) == "right!"
    if not isinstance(right, str | tuple):
        assert check.verdict(name, np.float64(right), **data) == "right!"


@pytest.mark.parametrize(("name", "wrong"), [(name, wrong) for name in CASES for wrong in CASES[name][2]])
def test_typical_wrong_answers_get_their_hint(name, wrong):
    data, _, hints = CASES[name]
    said = check.verdict(name, wrong, **data)
    assert said.startswith("hint: ")
    assert hints[wrong] in said


def test_purity_is_told_from_efficiency():
    data = CUT | {"weight": np.array([1.0, 2.0, 1.0, 2.0, 3.0])}
    assert "purity" in check.verdict("M2.01", 0.6, **data)


@pytest.mark.parametrize("odd", [None, "many", [1, 2], object(), True])
@pytest.mark.parametrize("name", CASES)
def test_nothing_a_participant_types_raises(name, odd):
    assert check.verdict(name, odd, **CASES[name][0]).startswith("hint: ")


def test_unknown_exercise_is_named():
    assert "M1.01" in check.verdict("M9.99", 1)


@pytest.mark.parametrize("name", ["P1.02", "P1.08", "P3.08"])
def test_lists_do_as_well_as_tuples(name):
    assert check.verdict(name, list(CASES[name][1])) == "right!"
