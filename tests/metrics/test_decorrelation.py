"""Distance correlation against double sums and closed forms; sculpting where the answer is known."""

import numpy as np
import pytest

from jetlab.metrics import MetricError
from jetlab.metrics.decorrelation import distance_correlation, point, sculpting


def slow(x, y, w):
    """All pairs, centred one by one."""
    w = w / w.sum()
    n = len(x)

    def centred(z):
        d = np.array([[abs(z[i] - z[j]) for j in range(n)] for i in range(n)])
        row = np.array([sum(w[j] * d[i, j] for j in range(n)) for i in range(n)])
        mean = sum(w[i] * row[i] for i in range(n))
        return np.array([[d[i, j] - row[i] - row[j] + mean for j in range(n)] for i in range(n)])

    def covariance(a, b):
        return sum(w[i] * w[j] * a[i, j] * b[i, j] for i in range(n) for j in range(n))

    a, b = centred(x), centred(y)
    return np.sqrt(covariance(a, b) / np.sqrt(covariance(a, a) * covariance(b, b)))


def test_it_is_the_double_sum(monkeypatch):
    monkeypatch.setattr("jetlab.metrics.decorrelation.ROWS", 7)
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=40), rng.uniform(0.1, 2.0, 40)
    y = x**2 + rng.normal(size=40)
    assert distance_correlation(x, y, w) == pytest.approx(slow(x, y, w), abs=1e-12)
    assert distance_correlation(x, y) == pytest.approx(slow(x, y, np.ones(40)), abs=1e-12)


def test_a_weight_of_two_is_the_jet_twice():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 50))
    w = rng.integers(0, 3, 50)
    assert distance_correlation(x, y, w) == pytest.approx(distance_correlation(np.repeat(x, w), np.repeat(y, w)))


@pytest.mark.parametrize("rho", [0.0, 0.5, -0.9])
def test_of_normal_numbers_it_is_the_closed_form(rho):
    """Theorem 7 of doi:10.1214/009053607000000505."""
    rng = np.random.default_rng(3)
    x, z = rng.normal(size=(2, 4000))
    y = rho * x + np.sqrt(1 - rho**2) * z
    r = abs(rho)
    squared = r * np.arcsin(r) + np.sqrt(1 - r**2) - r * np.arcsin(r / 2) - np.sqrt(4 - r**2) + 1
    expected = np.sqrt(squared / (1 + np.pi / 3 - np.sqrt(3)))
    # Of finitely many jets it is above zero for independent numbers, by about the root of 1 / n.
    assert distance_correlation(x, y) == pytest.approx(expected, abs=0.03)


def test_it_sees_what_the_linear_correlation_does_not():
    x = np.linspace(-1, 1, 501)
    assert abs(np.corrcoef(x, x**2)[0, 1]) < 1e-12
    assert distance_correlation(x, x**2) > 0.4
    assert distance_correlation(x, -3 * x + 5) == pytest.approx(1)


@pytest.fixture
def masses():
    return np.random.default_rng(4).uniform(40, 200, 3000)


def test_a_blind_cut_sculpts_nothing_however_few_pass(masses):
    pulls = []
    for seed in range(100, 120):
        passed = np.random.default_rng(seed).random(3000) < 0.02
        found = sculpting(masses, passed, replicas=60)
        assert found.floor > 0.02
        pulls.append(found.jsd.value)
    assert abs(np.mean(pulls)) < 0.01


def test_a_cut_on_the_mass_sculpts_as_much_as_its_spectra_differ(masses):
    passed = masses > 120
    found = sculpting(masses, passed, edges=[40, 120, 200])
    assert found.jsd.value + found.floor == pytest.approx(1)
    assert found.jsd.error < 0.01
    # Twice as likely above 120 GeV: passing (1/3, 2/3), failing (4/7, 3/7), if 20 and 40 % pass.
    passed = np.random.default_rng(5).random(3000) < np.where(masses > 120, 0.4, 0.2)
    passing, failing = np.array([1 / 3, 2 / 3]), np.array([4 / 7, 3 / 7])
    middle = (passing + failing) / 2
    expected = (passing @ np.log2(passing / middle) + failing @ np.log2(failing / middle)) / 2
    found = sculpting(masses, passed, edges=[40, 120, 200])
    assert found.jsd.value == pytest.approx(expected, abs=4 * found.jsd.error)
    assert 0 < found.jsd.error < 0.3 * expected


def test_a_point_is_the_rejection_and_the_sculpting_of_one_cut(masses):
    rng = np.random.default_rng(7)
    y = np.repeat([0.0, 1.0], 1500)
    score, weight = rng.normal(y, 1), rng.uniform(0.5, 1.5, 3000)
    found = point(y, score, masses, weight)
    order = np.argsort(-score[y == 1])
    kept = np.cumsum(weight[y == 1][order])
    threshold = score[y == 1][order][np.searchsorted(kept, kept[-1] / 2)]
    passed = (score >= threshold)[y == 0]
    expected = weight[y == 0].sum() / weight[y == 0][passed].sum()
    assert found.rejection.value == pytest.approx(expected, rel=0.01)
    bent = sculpting(masses[y == 0], passed, weight[y == 0])
    assert found.jsd.value == pytest.approx(bent.jsd.value, abs=0.3 * bent.jsd.error)
    assert found.floor > 0
    assert 0 < found.chance < found.floor


def test_weights_count(masses):
    passed = np.random.default_rng(6).random(3000) < 0.3
    heavy = np.where(passed & (masses > 120), 3.0, 1.0)
    plain, weighted = (sculpting(masses, passed, w, replicas=20) for w in (None, heavy))
    assert weighted.jsd.value > plain.jsd.value + 0.02


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: distance_correlation([1, 1, 1], [1, 2, 3]), "same for all jets"),
        (lambda: distance_correlation([1, 2], [1, np.nan]), "second numbers are not finite"),
        (lambda: distance_correlation([1, 2], [1, 2], [0, 0]), "No jet has a weight"),
        (lambda: sculpting([50, 60], [1, 1]), "All jets pass"),
    ],
)
def test_what_cannot_be_measured_is_said(call, said):
    with pytest.raises(MetricError, match=said):
        call()
