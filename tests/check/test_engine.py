"""Every exercise: unanswered, right, and the hints for typical wrong answers."""

import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import keras
import numpy as np
import pytest

from jetlab import check
from jetlab.check import engine
from jetlab.errors import ArgumentError
from tests.check.cases import CASES, IS_W


def test_every_exercise_has_a_case():
    assert set(check.exercises()) == set(CASES)


def test_unanswered_right_and_typical_wrong_answers(subtests, capsys):
    for name, (data, right, hints) in CASES.items():
        with subtests.test(name):
            check.exercise(name, ..., **data)
            assert capsys.readouterr().out.startswith(f"{name}: {check.NOT_ANSWERED}")
            assert check.verdict(name, right, **data) == "right!"
            other = list(right) if isinstance(right, tuple) else right if isinstance(right, str) else np.float64(right)
            assert check.verdict(name, other, **data) == "right!"
            said = {wrong: check.verdict(name, wrong, **data) for wrong in hints}
            assert {wrong: said[wrong] for wrong in hints if not said[wrong].startswith("hint: ")} == {}
            assert {wrong: said[wrong] for wrong, word in hints.items() if word not in said[wrong]} == {}
            assert len(set(said.values())) >= 2


def test_every_answer_stated_in_a_table_gets_what_is_said_of_it_there(subtests):
    """No earlier row takes it away, so that the right answer is not among the wrong ones either."""
    for name, (data, *_) in CASES.items():
        with subtests.test(name):
            rows = list(engine.rows(name, **data))
            assert engine.RIGHT in dict(rows).values()
            stated = [(value, said) for expected, said in rows for value in values(name, expected)]
            said = [(value, check.verdict(name, value, **data).removeprefix("hint: ")) for value, _ in stated]
            assert said == stated


def test_a_rounded_answer_is_right(subtests):
    """Four digits do, and three where the lesson prints them."""
    rounded = {name: float(f"{right:.4g}") for name, (_, right, _) in CASES.items() if isinstance(right, float)}
    for name, answer in [*rounded.items(), ("M1.04", 0.083), ("M1.04", -0.0832), ("M6.01", 0.95), ("P2.04", 9.54e-7)]:
        with subtests.test(name):
            assert check.verdict(name, answer, **CASES[name][0]) == "right!"


def values(name, expected):
    """The answers that a row is about, as far as it states them."""
    if isinstance(expected, tuple):
        if name in engine.NUMBER:
            return [value for each in expected for value in values(name, each)]
        another = -99 if name in engine.TWO_NUMBERS else "another"
        return [tuple(another if part is ... else getattr(part, "value", part) for part in expected)]
    if isinstance(expected, engine.Near):
        return [expected.value]
    return [] if expected is ... or callable(expected) else [expected]


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


def test_nothing_a_participant_types_raises(subtests, capsys):
    for name, (data, *_) in CASES.items():
        with subtests.test(name):
            for number, odd in enumerate(ODD):
                check.exercise(name, odd, **data)
                said = capsys.readouterr().out
                assert said.startswith(f"{name}: hint: "), f"number {number}, a {type(odd).__name__}: {said}"
                assert "Error" not in said


def test_an_answer_of_another_kind_is_told_what_is_asked_for():
    assert "asks for a single number, without quotes; an answer of type str" in check.verdict("P2.02", "0.25")
    assert "asks for a list of names in quotes; an answer of type int" in check.verdict("P1.02", 3)
    assert "asks for two numbers in brackets, such as (1, 2); an answer of type tuple" in check.verdict("P1.08", (7,))


def test_a_number_of_any_library_is_a_number():
    for kind in (int, np.int32, np.float32, Fraction, Decimal, np.array, lambda x: np.array([[x]])):
        assert check.verdict("P2.05", kind(1023)) == "right!", kind


def test_a_tensor_is_a_number():
    assert check.verdict("P2.02", keras.ops.convert_to_tensor(0.25)) == "right!"
    assert check.verdict("P1.08", keras.ops.convert_to_tensor([7, 5])).startswith("hint: ")
    assert check.verdict("P2.02", keras.Input((3,))).startswith("hint: ")


@pytest.mark.parametrize("answer", [..., 3, "three"])
def test_a_lesson_that_gives_other_data_than_the_check_asks_for_is_at_fault(answer):
    for data in ({}, {"is_W": IS_W}, {"is_w": IS_W, "pt": IS_W}):
        with pytest.raises(TypeError, match="argument"):
            check.exercise("M1.01", answer, **data)


def test_a_fault_in_the_lessons_data_keeps_its_traceback():
    with pytest.raises(ValueError, match="empty sequence"):
        check.exercise("M2.03", 2, val_loss=[], loss=[])
    with pytest.raises(TypeError, match="not subscriptable"):
        check.exercise("M5.03", ("BDT", "CNN"), names=["BDT", "CNN"], matrix=None)


def test_an_exercise_that_does_not_exist_is_the_lessons_fault_too():
    with pytest.raises(ArgumentError, match=r"no exercise 'M9\.99'; there are E1\.01"):
        check.exercise("M9.99", ...)
    for name in ("", "engine.01", "m1.01", "M1", 3):
        with pytest.raises(ArgumentError, match="There is no exercise"):
            check.verdict(name, ...)


def test_every_module_of_a_lesson_is_in_the_list():
    """A module that is left out of it would have no exercises."""
    modules = {path.stem.upper() for path in Path(engine.__file__).parent.glob("[mpe][0-9]*.py")}
    assert modules == set(engine.LESSONS)
    assert {name.partition(".")[0] for name in check.exercises()} == modules


def test_names_do_not_depend_on_capitals():
    data, right, _ = CASES["M5.03"]
    assert check.verdict("M5.03", [name.lower() for name in right], **data) == "right!"
    assert check.verdict("P3.09", ["CNN", " dense", "LSTM"]) == "right!"
