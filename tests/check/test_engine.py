"""Every exercise: unanswered, right, and the hints for typical wrong answers."""

import math
from decimal import Decimal
from fractions import Fraction

import keras
import numpy as np
import pytest

from jetlab import check
from jetlab.errors import ArgumentError
from tests.check.cases import PRE

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
    "M1.05": ({}, "b", {"a": "shapes", "c": "how much each counts", "x": "one letter"}),
    "M2.01": (CUT, 0.75, {0.25: "background", 0.5: "all jets", 2 / 3: "weights", 0.9: "average"}),
    "M2.02": ({}, 8705, {8512: "bias", 4545: "three hidden", 8640: "output", 12: "inputs"}),
    "M2.03": (CURVES, 2, {1: "counts from 0", 5: "training", 3: "argmin"}),
    "M2.04": ({}, "c", {"a": "chosen", "b": "validation", 4: "one letter"}),
    **PRE,
}


def test_every_exercise_has_a_case():
    assert set(check.exercises()) == set(CASES)


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


class Refuses:
    """Raises whatever is done with it, and so does its error."""

    def refuse(self, *_, **__):
        raise Refused

    __array__ = __float__ = __int__ = __str__ = __repr__ = __iter__ = __len__ = __eq__ = __bool__ = refuse
    __hash__ = None


class Refused(Exception):
    def __str__(self):
        raise RuntimeError("even its text")


class Infinite(list):
    def __len__(self):
        return 2

    def __iter__(self):
        raise MemoryError


ODD = [
    *(None, True, np.True_, "many", "3", "", b"b", "b" * 1000, 1j, math.nan, math.inf, -math.inf, 10**400, -(10**400)),
    *([], [1, 2, 3], [[1], [1, 2]], ["b", 1], (None, None), ("x", "y"), (10**400, math.nan), {}, {1}, range(3)),
    *(np.zeros((2, 2)), np.array([]), np.array(["b"]), np.array([None]), np.datetime64("2020")),
    *(object(), int, len, Refused(), Refuses(), [Refuses()], (Refuses(), Refuses()), Infinite(), np),
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_nothing_a_participant_types_raises(odd, capsys):
    for name, (data, *_) in CASES.items():
        check.exercise(name, odd, **data)
        said = capsys.readouterr().out
        assert said.startswith(f"{name}: hint: "), said
        assert "Error" not in said


def test_an_answer_of_another_kind_is_told_what_is_asked_for():
    assert "asks for a single number, without quotes; an answer of type str" in check.verdict("P2.02", "0.25")
    assert "asks for a list of names in quotes; an answer of type int" in check.verdict("P1.02", 3)
    assert "asks for two numbers in brackets, such as (1, 2); an answer of type tuple" in check.verdict("P1.08", (7,))


@pytest.mark.parametrize("kind", [int, np.int32, np.float32, Fraction, Decimal, np.array, lambda x: np.array([[x]])])
def test_a_number_of_any_library_is_a_number(kind):
    assert check.verdict("P2.05", kind(1023)) == "right!"


def test_a_tensor_is_a_number():
    assert check.verdict("P2.02", keras.ops.convert_to_tensor(0.25)) == "right!"
    assert check.verdict("P1.08", keras.ops.convert_to_tensor([7, 5])).startswith("hint: ")
    assert check.verdict("P2.02", keras.Input((3,))).startswith("hint: ")


@pytest.mark.parametrize("answer", [..., 3, "three"])
@pytest.mark.parametrize("data", [{}, {"is_W": IS_W}, {"is_w": IS_W, "pt": PT}])
def test_a_lesson_that_gives_other_data_than_the_check_asks_for_is_at_fault(answer, data):
    with pytest.raises(TypeError, match="argument"):
        check.exercise("M1.01", answer, **data)


def test_a_fault_in_the_lessons_data_keeps_its_traceback():
    with pytest.raises(ValueError, match="empty sequence"):
        check.exercise("M2.03", 2, val_loss=[], loss=[])
    with pytest.raises(TypeError, match="not subscriptable"):
        check.exercise("M5.03", ("BDT", "CNN"), names=["BDT", "CNN"], matrix=None)


def test_an_exercise_that_does_not_exist_is_the_lessons_fault_too():
    with pytest.raises(ArgumentError, match=r"no exercise 'M9\.99'; there are M0\.01, M1\.01"):
        check.exercise("M9.99", ...)


@pytest.mark.parametrize("name", ["P1.02", "P1.08", "P3.08"])
def test_lists_do_as_well_as_tuples(name):
    assert check.verdict(name, list(CASES[name][1])) == "right!"
