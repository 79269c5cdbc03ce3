"""Build task M5.B1: the paired bootstrap of the difference of two AUCs."""

import numpy as np
import pytest

from jetlab import metrics
from jetlab.check import tasks


def difference(y, first, second, weight, i=slice(None), j=None):
    j = i if j is None else j
    return metrics.auc(y[i], first[i], weight[i]) - metrics.auc(y[j], second[j], weight[j])


def draws(y, n=100):
    rng = np.random.default_rng(1)
    return (rng.integers(len(y), size=len(y)) for _ in range(n))


def paired(y, first, second, weight):
    """The lesson's solution."""
    drawn = [difference(y, first, second, weight, i) for i in draws(y)]
    return difference(y, first, second, weight), np.std(drawn, ddof=1)


def by_counts(y, first, second, weight):
    """Another way: how often each jet counts goes into its weight, and the answer is a list of the drawn ones' mean."""
    rng = np.random.default_rng(2)
    drawn = [difference(y, first, second, weight * rng.poisson(1, len(y))) for _ in range(150)]
    return [np.mean(drawn), np.std(drawn)]


@pytest.mark.parametrize("way", [paired, by_counts])
def test_right_in_two_ways(way):
    assert tasks.judge("M5.B1", way).said == tasks.REACHED


def apart(y, first, second, weight):
    drawn = [
        difference(y, first, second, weight, *pair) for pair in zip(draws(y), list(draws(y, 200))[100:], strict=True)
    ]
    return difference(y, first, second, weight), np.std(drawn)


def unweighted(y, first, second, weight):
    return paired(y, first, second, np.ones(len(y)))


def of_the_mean(y, first, second, weight):
    value, error = paired(y, first, second, weight)
    return value, error / 10


def not_drawn(y, first, second, weight):
    return difference(y, first, second, weight), 0.0


@pytest.mark.parametrize(
    ("built", "hint"),
    [
        (apart, "take the *same* drawn jets for both"),
        (unweighted, "without their weights"),
        (of_the_mean, "far too small"),
        (not_drawn, "the uncertainty is zero"),
        (lambda y, first, second, weight: paired(y, second, first, weight), "wrong sign"),
        (lambda y, first, second, weight: (metrics.auc(y, first, weight), 0.003), "not a difference"),
        (lambda y, first, second, weight: (0.1, 0.003), "should be"),
        (lambda y, first, second, weight: 0.01, "two finite numbers"),
        (lambda y, first, second, weight: (np.nan, 0.01), "two finite numbers"),
        (lambda y, first, second, weight: None, "two finite numbers"),
        (lambda y, first, second, weight: "much", "raised ValueError"),
        (lambda y, first: 0, "raised TypeError"),
        ((0.01, 0.003), "give the function itself"),
    ],
)
def test_wrong_and_lazy_answers(built, hint):
    report = tasks.judge("M5.B1", built)
    assert report.said.startswith("hint: ")
    assert hint in report.said


def test_a_function_that_spoils_its_arrays_spoils_nothing_else():
    def spoiling(y, first, second, weight):
        found = paired(y, first, second, weight)
        y[:] = first[:] = second[:] = weight[:] = 0
        return found

    assert tasks.judge("M5.B1", spoiling).said == tasks.REACHED
