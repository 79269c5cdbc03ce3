"""Build task M0.B1: a tagger of two numbers, without machine learning."""

import numpy as np
import pytest

from jetlab.check import tasks


def window(mass, tau21):
    in_window = (mass > 60) & (mass < 110)
    return np.where(in_window, 1 - tau21 / 2, 0.5 - tau21 / 2)


def ramp(mass, tau21):
    """Another way: the mass only counts up to where the peak begins."""
    return (np.clip(mass / 70, 0, 1) + 1 - tau21) / 2


@pytest.mark.parametrize("way", [window, ramp])
def test_two_ways_reach_the_target(way):
    assert tasks.judge("M0.B1", way).said == tasks.REACHED


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (lambda mass, tau21: np.clip(1 - tau21, 0, 1), "use both numbers"),
        (lambda mass, tau21: np.exp(-(((mass - 83) / 20) ** 2)), "use both numbers"),
        (lambda mass, tau21: 1 - window(mass, tau21), "upside down"),
        (lambda mass, tau21: np.full(len(mass), 0.5), "same score"),
        (lambda mass, tau21: 0.5, "one score per jet"),
        (lambda mass, tau21: mass, "should lie between 0 and 1"),
        (lambda mass, tau21: 0.9 if mass > 60 else 0.1, "raised ValueError"),
        (lambda mass, tau21: np.full(len(mass), np.nan), "not finite"),
        (lambda x: x, "raised TypeError"),
        (0.9, "give the function itself"),
        (np.ones(3), "give the function itself"),
    ],
)
@pytest.mark.filterwarnings("ignore:All-NaN")
def test_wrong_and_lazy_answers(built, hint):
    report = tasks.judge("M0.B1", built)
    assert report.said.startswith("hint: ")
    assert hint in report.said
