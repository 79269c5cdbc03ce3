import awkward as ak
import numpy as np
import pytest

from jetlab import substructure

pytest.importorskip("fastjet", reason="FastJet is an extra")
RADIUS = 0.8


def particles(*jets):
    """Jets of (pt, eta, phi), massless."""
    rows = [[(p * np.cos(f), p * np.sin(f), p * np.sinh(y), p * np.cosh(y)) for p, y, f in jet] for jet in jets]
    made = ak.Array(rows)
    names = ("px", "py", "pz", "E")
    return ak.zip({name: made[..., str(i)] for i, name in enumerate(names)}, with_name="Momentum4D")


def test_two_particles_have_an_axis_each_or_share_one():
    """With one axis, at the winner of the recombination, tau is its closed form; with two nothing is left."""
    tau = substructure.subjettiness(particles([(3.0, 0.0, 0.0), (1.0, 0.4, 0.0)]), RADIUS, (1, 2, 3), beta=2.0)
    # One pass moves the axis to the minimum of sum pt_i (y_i - y)²: the mean weighted by pt, in y = 0.1.
    wanted = (3 * 0.1**2 + 1 * 0.3**2) / ((3 + 1) * RADIUS**2)
    assert tau[0] == pytest.approx([wanted, 0, 0], rel=0.02)


def test_more_axes_leave_less():
    rng = np.random.default_rng(1)
    jets = particles(*[rng.uniform([1, -0.4, -0.4], [30, 0.4, 0.4], (12, 3)).tolist() for _ in range(20)])
    tau = substructure.subjettiness(jets, RADIUS)
    assert tau.shape == (20, 5)
    assert np.all(tau[:, 0] > tau[:, -1])
    assert np.mean(np.diff(tau, axis=1) < 0) > 0.95
    _, tau21 = substructure.groomed(jets, RADIUS)
    assert tau21 == pytest.approx(tau[:, 1] / tau[:, 0])


def test_three_prongs_are_seen_as_three():
    prongs = [(20.0, 0.3, 0.0), (15.0, -0.2, 0.25), (25.0, -0.1, -0.3)]
    rng = np.random.default_rng(2)
    soft = [(0.1 * p, y + dy, f + df) for p, y, f in prongs for dy, df in rng.normal(0, 0.01, (4, 2))]
    (tau,) = substructure.subjettiness(particles(prongs + soft), RADIUS)
    assert tau[2] / tau[1] < 0.1 < tau[1] / tau[0]


def test_no_jets_have_no_numbers():
    assert substructure.subjettiness(particles([(1.0, 0.0, 0.0)])[:0], RADIUS, (1, 2)).shape == (0, 2)
