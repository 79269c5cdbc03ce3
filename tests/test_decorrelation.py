"""tau21 that a line has been taken off, where the line is known."""

import numpy as np
import pytest

from jetlab.decorrelation import Ddt, protected, rho
from jetlab.errors import ArgumentError


@pytest.fixture
def jets():
    """Masses, pt, and tau21 that falls by 0.08 per unit of ρ', 20,000 jets each."""
    rng = np.random.default_rng(1)
    pt = rng.uniform(200, 500, 20_000)
    mass = np.sqrt(np.exp(rng.uniform(0.5, 4.5, 20_000)) * pt)
    return mass, pt, 0.7 - 0.08 * rho(mass, pt) + rng.normal(0, 0.05, 20_000)


def test_the_line_is_found_and_taken_off(jets):
    mass, pt, tau21 = jets
    ddt = Ddt.fit(mass, pt, tau21)
    assert ddt.slope == pytest.approx(-0.08, abs=0.002)
    flat = ddt.apply(mass, pt, tau21)
    assert abs(np.corrcoef(flat, rho(mass, pt))[0, 1]) < 0.02 < abs(np.corrcoef(tau21, rho(mass, pt))[0, 1])
    at_middle = np.abs(rho(mass, pt) - ddt.middle) < 0.01
    assert flat[at_middle] == pytest.approx(tau21[at_middle], abs=1e-3)


def test_weights_choose_the_jets(jets):
    mass, pt, tau21 = jets
    other = np.arange(len(mass)) % 2 == 0
    bent = np.where(other, tau21, 0.3)
    assert Ddt.fit(mass, pt, bent, other).slope == pytest.approx(Ddt.fit(mass[other], pt[other], tau21[other]).slope)


def test_too_few_jets_are_refused(jets):
    mass, pt, tau21 = (column[:50] for column in jets)
    with pytest.raises(ArgumentError, match="between 10 and 12"):
        Ddt.fit(mass, pt, tau21, within=(10, 12))


def test_a_jet_without_mass_has_a_finite_place():
    assert np.isfinite(rho([0.0], [300.0])).all()


def test_what_is_protected_is_scaled_by_background_and_weighs_nothing_for_signal():
    mass = np.array([50.0, 70.0, 90.0, 80.0, 1000.0])
    found = protected(mass, np.arange(1.0, 6.0), [True, True, True, False, True], np.arange(4))
    np.testing.assert_allclose(found[:3, 0], (mass[:3] - 70) / np.std(mass[:3]), rtol=1e-6)
    assert found[:, 1].tolist() == [1.0, 2.0, 3.0, 0.0, 5.0]
    with pytest.raises(ArgumentError, match="1 background jets"):
        protected(mass, np.ones(5), [True, False, False, False, True], np.arange(4))
