"""Weakly supervised scores on toy data of known density: they approach the likelihood ratio, and know nothing alone."""

import h5py
import numpy as np
import pytest

from jetlab import anomalies, metrics
from jetlab.anomalies import Pairs
from jetlab.errors import ArgumentError
from jetlab.io.sample import DataError

WINDOW, WIDTH = (1000.0, 1100.0), 100.0


def toy(background: int, signal: int, seed: int, slope: float = 0.0) -> Pairs:
    """Background of normal features, the first of which grows with the mass by `slope`, and a signal 3 sigma aside."""
    rng = np.random.default_rng(seed)
    mjj = np.concatenate([800 + rng.exponential(250, 3 * background), rng.normal(1050, 20, signal)])
    mjj = np.concatenate([mjj[: 3 * background][mjj[: 3 * background] < 1500][:background], mjj[3 * background :]])
    y = np.arange(len(mjj)) >= background
    z = rng.normal(size=(len(mjj), 2)) * np.where(y, 0.3, 1.0)[:, np.newaxis] + 2.0 * y[:, np.newaxis]
    z[:, 0] += slope * (mjj - 1050) / 100
    return Pairs({"mjj": mjj, "is_signal": y.astype(float), "z1": z[:, 0], "z2": z[:, 1]})


def features(pairs: Pairs) -> np.ndarray:
    return np.stack([pairs["z1"], pairs["z2"]], axis=1)


def likelihood_ratio(x: np.ndarray) -> np.ndarray:
    """Logarithm of signal over background density, which no score can beat."""
    return (x**2).sum(axis=1) / 2 - ((x - 2.0) ** 2).sum(axis=1) / (2 * 0.3**2)


def quick(x, y, weight, seed):
    return anomalies.trees(x, y, weight, seed, members=1)


def cwola(pairs: Pairs, others: Pairs | None = None, seed: int = 0) -> anomalies.Scores:
    fold = anomalies.folds(len(pairs), 3, seed)
    more = None if others is None else features(others)
    return anomalies.cwola(quick, features(pairs), pairs["mjj"], WINDOW, WIDTH, fold, more, seed)


def gain(pairs: Pairs, score: np.ndarray) -> float:
    inside = pairs.inside(WINDOW)
    return metrics.anomaly.max_sic(pairs.is_signal[inside], score[inside], replicas=2).value


def test_cwola_approaches_the_likelihood_ratio():
    pairs = toy(20_000, 400, seed=1)
    best = gain(pairs, likelihood_ratio(features(pairs)))
    assert gain(pairs, cwola(pairs).data) > 0.6 * best > 2


def test_cathode_approaches_it_too_where_the_density_is_known():
    pairs = toy(20_000, 400, seed=2)
    samples = np.random.default_rng(3).normal(size=(20_000, 2))
    fold = anomalies.folds(len(pairs), 3, seed=0)
    score = anomalies.against_samples(quick, features(pairs), pairs["mjj"], WINDOW, samples, fold).data
    assert gain(pairs, score) > 0.6 * gain(pairs, likelihood_ratio(features(pairs))) > 2


def test_a_feature_that_grows_with_the_mass_harms_cwola_and_not_the_density():
    pairs = toy(20_000, 400, seed=4, slope=4.0)
    fold = anomalies.folds(len(pairs), 3, seed=0)
    inside = pairs["mjj"][pairs.inside(WINDOW)]
    rng = np.random.default_rng(5)
    samples = rng.normal(size=(20_000, 2))
    samples[:, 0] += 4.0 * (rng.choice(inside, 20_000) - 1050) / 100
    blind = gain(pairs, cwola(pairs).data)
    known = gain(pairs, anomalies.against_samples(quick, features(pairs), pairs["mjj"], WINDOW, samples, fold).data)
    assert known > 3 * blind


def test_without_signal_there_is_no_excess(monkeypatch):
    monkeypatch.setattr(anomalies, "EDGES", np.linspace(800, 1500, 29))
    found = []
    for seed in range(8):
        pairs = toy(4000, 0, seed=10 + seed)
        found.append(anomalies.excess(pairs, cwola(pairs, seed=seed).data, 0.05, WINDOW).significance)
    assert abs(np.mean(found)) < 4.5 / np.sqrt(len(found))
    assert max(found) < 4


def test_no_event_is_scored_by_what_saw_it():
    """A learner that remembers its events finds none of them again."""
    seen: list[set[float]] = []

    def remembering(x, y, weight, seed):
        learnt = set(x[:, 0])
        seen.append(learnt)
        return lambda events: np.array([each in learnt for each in events[:, 0]], dtype=float)

    x = np.arange(300.0)[:, np.newaxis]
    fold = anomalies.folds(300, 5, seed=1)
    found = anomalies.out_of_fold(remembering, x, x[:, 0] % 2, np.ones(300), fold, others=x[:20])
    assert len(seen) == 5
    assert not found.data.any()  # equal scores, all of rank 0
    assert {len(each) for each in seen} == {240}
    # The others were learnt by four folds of five, under their own numbers: they are scored by one fold each.
    assert found.others.shape == (20,)


def test_ranks_do_not_depend_on_the_scale_of_a_fold():
    def scaled(x, y, weight, seed):
        return lambda events: events[:, 0] * 10.0**seed

    x = np.random.default_rng(1).random((1000, 1))
    fold = anomalies.folds(1000, 4, seed=2)
    score = anomalies.out_of_fold(scaled, x, np.ones(1000), np.ones(1000), fold).data
    assert [int((score[fold == k] >= 0.9).sum()) for k in range(4)] == [25] * 4


def test_events_of_no_weight_are_scored_and_not_learnt_from():
    sizes = []

    def counting(x, y, weight, seed):
        sizes.append(len(x))
        assert weight.mean() == pytest.approx(1)
        return lambda events: events[:, 0]

    x = np.arange(100.0)[:, np.newaxis]
    score = anomalies.out_of_fold(counting, x, np.ones(100), (x[:, 0] < 40) * 1.0, np.arange(100) % 2).data
    assert sizes == [20, 20]
    assert score.max() == pytest.approx(0.98)


def test_window_and_sidebands_count_two_to_one_to_one():
    mjj = np.array([850.0, 950, 951, 952, 1010, 1090, 1150, 1250])
    weight = anomalies.cwola_weights(mjj, WINDOW, WIDTH)
    np.testing.assert_allclose(weight * 2 / weight[4], [0, 2 / 3, 2 / 3, 2 / 3, 2, 2, 2, 0])
    assert weight[weight > 0].mean() == pytest.approx(1)
    with pytest.raises(ArgumentError, match="no event"):
        anomalies.cwola_weights(mjj, (1200, 1220), 20)


def test_injected_signal_is_the_share_that_was_asked_for():
    pairs = toy(20_000, 3000, seed=6)
    data, rest = anomalies.inject(pairs, WINDOW, 0.05, seed=1)
    inside = data.inside(WINDOW)
    signal, background = (inside & data.is_signal).sum(), (inside & ~data.is_signal).sum()
    assert signal / background == pytest.approx(0.05, abs=4 * 0.05 / np.sqrt(signal))
    assert len(data) + len(rest) == len(pairs)
    assert rest.is_signal.all()
    assert not np.isin(rest["z1"], data["z1"]).any()
    clean, _ = anomalies.inject(pairs, WINDOW, 0.0, seed=1)
    assert not clean.is_signal.any()
    with pytest.raises(ArgumentError, match="of 3000"):
        anomalies.inject(pairs, WINDOW, 2.0, seed=1)


def test_inputs_are_finite_at_the_edges():
    edges = {"m1": [0.0, 200, 100], "m2": [0.0, 200, 0], "tau21_1": [0.0, 1, 0.5], "tau21_2": [0.5, 1, 0]}
    x = anomalies.inputs(Pairs({name: np.array(values) for name, values in edges.items()}))
    assert x.shape == (3, 4)
    assert np.isfinite(x).all()
    assert x[2, 2] == 0  # even odds


def test_a_file_is_read_as_it_was_written_and_others_are_refused(tmp_path):
    file = tmp_path / "pairs.h5"
    with h5py.File(file, "w") as stored:
        for name in ("mjj", "is_signal", *anomalies.FEATURES):
            stored[f"events/{name}"] = np.arange(3, dtype=np.float32)
    pairs = anomalies.load(file)
    np.testing.assert_array_equal(pairs["mjj"], [0, 1, 2])
    np.testing.assert_array_equal(pairs.is_signal, [False, True, False])
    assert len(anomalies.joined(pairs, pairs.take(np.array([2])))) == 4
    with h5py.File(tmp_path / "other.h5", "w") as stored:
        stored["x"] = 1
    with pytest.raises(DataError, match="no pairs of jets"):
        anomalies.load(tmp_path / "other.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(DataError, match="HDF5"):
        anomalies.load(tmp_path / "text.h5")
