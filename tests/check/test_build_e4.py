"""E4's build task: functions that make jets, judged against jets that the lesson does not have."""

import numpy as np
import pytest

from jetlab import catalog, check
from jetlab.check import e4, solved, tasks


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(solved, "SESSION", set())
    monkeypatch.setenv("JETLAB_PROGRESS", str(tmp_path))
    return tmp_path


def known():
    """The W jets that the lesson has."""
    sample = check.without_held_back(catalog.load("jets"))
    x = np.stack([np.asarray(sample[name], dtype=np.float64) for name in e4.COLUMNS], axis=1)
    return x[sample["jet_isW_ak7"] == 1]


def smeared(n):
    """Jets of the lesson, each a little changed: an estimate of the density by kernels, which is a fair way."""
    rng, jets = np.random.default_rng(1), known()
    made = jets[rng.integers(0, len(jets), n)] + rng.normal(0, [4.0, 0.03, 12.0, 2.5, 0.1], (n, 5))
    low, high = np.array(e4.SELECTION).T
    made = np.where(made < low, 2 * low - made, made)
    made = np.where(made > high, 2 * high - made, made)
    made[:, 3] = np.rint(made[:, 3])
    return made


def test_the_parts_are_those_of_the_lesson_and_others():
    mine, others = e4.parts()
    np.testing.assert_array_equal(mine, known())
    assert not {tuple(row) for row in others} & {tuple(row) for row in mine}
    assert 1500 < len(others) < 4000


def test_another_way_than_a_flow_is_measured(monkeypatch):
    monkeypatch.setattr(e4, "MOST", 0.75)
    monkeypatch.setattr(e4, "COPIED", 0.5)
    report = tasks.judge("E4.B1", smeared)
    assert report.said == tasks.REACHED
    assert "target: 0.75" in report.figures["AUC of the trees on held-back jets"]


def test_copies_are_refused_though_trees_cannot_tell_them():
    jets = known()
    report = tasks.judge("E4.B1", lambda n: jets[np.random.default_rng(2).integers(0, len(jets), n)])
    assert "copies" in report.said
    assert float(report.figures["AUC of the trees on held-back jets"].split()[0]) < e4.MOST


def test_five_independent_numbers_fall_short():
    jets, rng = known(), np.random.default_rng(3)
    report = tasks.judge("E4.B1", lambda n: np.stack([rng.choice(column, n) for column in jets.T], axis=1))
    assert "trees can tell" in report.said


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (None, "asks for a function"),
        (lambda: np.zeros((5, 5)), "raised TypeError"),
        (lambda n: np.zeros((n, 4)), "wanted is"),
        (lambda n: "jets", "raised ValueError"),
        (lambda n: np.full((n, 5), np.nan), "NaN"),
        (lambda n: smeared(n) + 0.3, "whole number"),
        (lambda n: smeared(n) - [0, 0, 100, 0, 0], "outside of the selection"),
    ],
)
def test_what_makes_no_jets_gets_a_hint(built, hint):
    assert hint in tasks.judge("E4.B1", built).said
