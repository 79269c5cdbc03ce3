"""Physics of the shipped pairs of jets: what a lesson says about them must hold."""

import numpy as np
import pytest

from jetlab import anomalies, shipped
from jetlab.metrics import hunt

WINDOW = (985.0, 1085.0)


@pytest.fixture(scope="module")
def pairs():
    return anomalies.load(shipped.DATA / anomalies.SHIPPED)


@pytest.fixture(scope="module")
def qcd(pairs):
    return pairs.take(~pairs.is_signal)


@pytest.fixture(scope="module")
def signal(pairs):
    return pairs.take(pairs.is_signal)


def test_size_and_order(pairs, signal):
    assert (shipped.DATA / anomalies.SHIPPED).stat().st_size < 3e6
    assert len(signal) == 12_000
    assert len(pairs) > 60_000
    # In random order, so that any part has both kinds.
    share = [part.mean() for part in np.array_split(pairs.is_signal, 20)]
    assert np.std(share) < 2 * np.sqrt(np.mean(share) * 20 / len(pairs))
    assert all(np.isfinite(values).all() for values in pairs.columns.values())


def test_selection(pairs):
    assert pairs["mjj"].min() >= 800
    assert pairs["mjj"].max() <= 1500
    assert pairs["deta"].max() < 1.3 + 1 / 256
    assert (pairs["m1"] >= pairs["m2"]).all()
    assert 0 <= pairs["tau21_1"].min() <= pairs["tau21_1"].max() <= 1.2


def test_the_resonance_and_its_daughters_have_their_masses(signal):
    assert np.median(signal["mjj"]) == pytest.approx(1035, abs=10)
    assert np.median(signal["m1"]) == pytest.approx(196, abs=5)
    assert np.median(signal["m2"]) == pytest.approx(106, abs=6)
    assert signal.inside(WINDOW).mean() == pytest.approx(0.65, abs=0.02)


def test_signal_has_two_prongs(signal, qcd):
    for column in ("tau21_1", "tau21_2"):
        assert np.median(signal[column]) < 0.65 * np.median(qcd[column])


def test_the_spectrum_of_qcd_falls_smoothly(qcd):
    counts = np.histogram(qcd["mjj"], anomalies.EDGES)[0]
    assert 2.5 < counts[0] / counts[-1] < 10
    for low in anomalies.EDGES[2:-6:3]:
        assert abs(hunt.excess(counts, anomalies.EDGES, (low, low + 100)).significance) < 4


def test_features_know_little_of_the_mass_and_pt_nearly_all(qcd):
    x = anomalies.inputs(qcd, ("pt1",))
    linear = [abs(np.corrcoef(column, qcd["mjj"])[0, 1]) for column in x.T]
    assert max(linear[:4]) < 0.3
    assert linear[4] > 0.8
