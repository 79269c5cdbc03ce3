from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from jetlab import tracking
from jetlab.errors import ArgumentError
from jetlab.tracking.hits import Hits
from jetlab.tracking.score import anatomy


def hits_of(track: list[int], event: list[int] | None = None) -> Hits:
    n = len(track)
    zeros, event = np.zeros(n, int), np.zeros(n, int) if event is None else np.array(event)
    return Hits(event, np.array(track), zeros, zeros, np.full(n, 39.0), np.zeros(n), np.full(n, np.nan))


def literal(hits: Hits, predicted: np.ndarray) -> float:
    """The score as the challenge words it, one event, one track, one hit after the other."""
    scores = []
    for event in np.unique(hits.event):
        here = [i for i in range(len(hits)) if hits.event[i] == event and hits.track[i] >= 0]
        claims = []
        for track in {hits.track[i] for i in here}:
            votes = Counter(int(predicted[i]) for i in here if hits.track[i] == track and predicted[i] >= 0)
            if votes:
                most = max(votes.values())
                claims.append((min(label for label in votes if votes[label] == most), most))
        good = {}
        for label, count in claims:
            good[label] = max(good.get(label, 0), count)
        if here:
            scores.append(sum(good.values()) / len(here))
    return float(np.mean(scores))


def test_score_by_hand(subtests: pytest.Subtests) -> None:
    for track, predicted, expected in [
        ([0, 0, 0, 1, 1], [0, 0, 0, 1, 1], 1.0),  # perfect
        ([0, 0, 0, 1, 1], [7, 7, 7, 3, 3], 1.0),  # names do not matter
        ([0, 0, 0, 1, 1], [5, 5, 5, 5, 5], 0.6),  # one track swallows the other: the larger keeps it
        ([0, 0, 0, 1, 1], [-1, -1, -1, -1, -1], 0.0),  # nothing assigned
        ([0, 0, 0, 1, 1], [0, 1, 2, 3, 4], 0.4),  # split to pieces: one hit each
        ([0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 0, 0], 2 / 6),  # tie: the smaller number, which both claim
        ([0, 0, 0, 0, 1, 1], [1, 1, 0, 0, 1, 1], 4 / 6),  # tie: the smaller number, which only one claims
        ([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0], 4 / 6),  # a swapped hit each
        ([0, 0, -1, 1, 1], [0, 0, 0, 1, -1], 3 / 4),  # noise counts neither for nor against
    ]:
        with subtests.test(track=track, predicted=predicted, expected=expected):
            hits = hits_of(track)
            assert tracking.efficiencies(hits, np.array(predicted)) == pytest.approx([expected])
            assert literal(hits, np.array(predicted)) == pytest.approx(expected)


def test_score_is_the_literal_one(subtests: pytest.Subtests) -> None:
    for seed in range(20):
        with subtests.test(seed=seed):
            rng = np.random.default_rng(seed)
            hits = tracking.simulate(8, rng.integers(1, 12), noise=rng.integers(0, 2), seed=seed)
            wrong = rng.random(len(hits)) < rng.random()
            predicted = np.where(wrong, rng.integers(-1, 12, len(hits)), hits.track)
            efficiency = tracking.efficiencies(hits, predicted)
            assert np.nanmean(efficiency) == pytest.approx(literal(hits, predicted))
            assert tracking.evaluate(hits, predicted).efficiency.value == pytest.approx(literal(hits, predicted))


def test_events_do_not_mix_and_the_error_is_that_of_the_mean() -> None:
    hits = hits_of([0, 0, 0, 0, 1, 1], [4, 4, 9, 9, 9, 9])
    predicted = np.array([0, 0, 0, 0, 0, 0])
    assert tracking.efficiencies(hits, predicted) == pytest.approx([1.0, 0.5])
    efficiency = tracking.evaluate(hits, predicted).efficiency
    assert efficiency.value == pytest.approx(0.75)
    assert efficiency.error == pytest.approx(np.std([1.0, 0.5], ddof=1) / np.sqrt(2))


def test_purity_accuracy_fakes_and_duplicates_by_hand() -> None:
    track = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, -1]
    label = [0, 0, 0, 1, 1, 1, 2, 2, 3, 2, 2, 2]
    # 0 and 1 are pure halves of track 0; 2 has two hits each of 1 and 2 and noise: no majority; 3 is too short.
    score = tracking.evaluate(hits_of(track), np.array(label))
    assert score.purity.value == pytest.approx((3 + 3 + 2 + 1) / 12)
    assert score.hit_accuracy.value == pytest.approx((3 + 3 + 2 + 1) / 11)
    assert score.fake_rate.value == pytest.approx(1 / 3)
    assert score.duplicate_rate.value == pytest.approx(1 / 3)
    assert score.fake_rate.error > 0


def test_noise_alone_is_no_track() -> None:
    hits = hits_of([-1, -1, -1, 0], [0, 0, 0, 1])
    score = tracking.evaluate(hits, np.array([0, 0, 0, 0]))
    assert score.fake_rate.value == 1
    assert score.purity.value == pytest.approx(0.5)
    assert np.isnan(tracking.efficiencies(hits, np.array([0, 0, 0, 0]))).tolist() == [True, False]
    assert score.efficiency.value == 1


def test_what_cannot_be_measured_is_nan() -> None:
    """One event has no spread between events, hits without a track have no fakes, and noise alone no efficiency."""
    score = tracking.evaluate(hits_of([0, 0, 0]), np.full(3, -1))
    assert score.efficiency.value == 0
    assert np.isnan([score.efficiency.error, *score.purity, *score.fake_rate, *score.duplicate_rate]).all()
    assert np.isnan(tracking.evaluate(hits_of([-1, -1]), np.zeros(2, int)).efficiency.value)


def test_true_tracks_one_by_one() -> None:
    hits = hits_of([3, 3, 1, 1, 1, -1, 0], [0, 0, 0, 0, 0, 0, 5])
    tracks = tracking.per_track(hits, np.array([0, 1, 0, 0, -1, 0, -1]))
    assert tracks.event.tolist() == [0, 0, 1]
    assert tracks.track.tolist() == [1, 3, 0]
    assert tracks.hits.tolist() == [3, 2, 1]
    assert tracks.matched.tolist() == [2, 0, 0]
    right = tracking.correct(hits, np.array([0, 1, 0, 0, -1, 0, -1]))
    assert right.tolist() == [False, False, True, True, False, False, False]


def test_predictions_of_another_kind_are_refused(subtests: pytest.Subtests) -> None:
    for predicted in [np.zeros(3, int), np.zeros(2), np.zeros((2, 1), int)]:
        with subtests.test(predicted=predicted):
            with pytest.raises(ValueError, match="one whole number per hit"):
                tracking.efficiencies(hits_of([0, 1]), predicted)


def test_nearest_hit_on_the_real_slice(real_data: Path) -> None:
    hits = tracking.read_csv(real_data / "ramp_hep_tracking_train.csv")
    assert tracking.evaluate(hits, tracking.nearest_hit(hits, 0.8)).efficiency.value == pytest.approx(0.850, abs=5e-4)


def test_tracks_far_apart_are_found_by_all(subtests: pytest.Subtests) -> None:
    for method in [tracking.nearest_hit, tracking.dbscan, tracking.hough]:
        with subtests.test(method=method.__name__):
            layer = np.tile(np.arange(9), 3)
            track = np.repeat(np.arange(3), 9)
            turn = np.arcsin(np.array([2e-4, -5e-4, 3e-5])[track] * tracking.detector.RADII[layer] / 2)
            phi = np.array([6.2, 2.0, 4.0])[track] + turn
            iphi = tracking.detector.nearest_cell(layer, phi)
            phi = tracking.detector.cell_phi(layer, iphi)
            x, y = tracking.detector.RADII[layer] * np.cos(phi), tracking.detector.RADII[layer] * np.sin(phi)
            hits = Hits(np.zeros(27, int), track, layer, iphi, x, y, np.full(27, np.nan))
            assert tracking.efficiencies(hits, method(hits)) == pytest.approx([1.0])


def test_order_of_the_baselines() -> None:
    hits = tracking.simulate(60, seed=8)
    nearest, clusters, votes = (
        tracking.evaluate(hits, method(hits)).efficiency.value
        for method in (tracking.nearest_hit, tracking.dbscan, tracking.hough)
    )
    assert 0.8 < nearest < 0.9
    assert nearest + 0.02 < clusters < 1
    assert nearest + 0.05 < votes < 1


def test_anatomy_by_hand() -> None:
    # Track 0 crosses 1 between layers 1 and 3 and lost layer 2; track 2 is on the other side; 3 begins in layer 1.
    track = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3])
    layer = np.array([0, 1, 3, 0, 1, 2, 3, 0, 1, 1, 4])
    phi = np.array([6.25, 0.01, 0.1, 0.0, 0.02, 0.04, 0.05, 3.0, 3.0, 1.0, 1.0])
    event = np.zeros(len(track), int)
    iphi = tracking.detector.nearest_cell(layer, phi)
    found = anatomy(Hits(event, track, layer, iphi, *np.zeros((2, len(track))), np.full(len(track), np.nan)))
    assert found.first.tolist() == [0, 0, 0, 1]
    assert found.missed.tolist() == [1, 0, 0, 2]
    assert found.crossed.tolist() == [1, 1, 0, 0]


def test_anatomy_comes_in_the_order_of_the_tracks() -> None:
    hits = tracking.simulate(50, noise=1, seed=61)
    tracks, found = tracking.per_track(hits, hits.track), anatomy(hits)
    assert len(found.first) == len(tracks.track)
    for i in (0, 17, len(tracks.track) - 1):
        layers = hits.layer[(hits.number == tracks.event[i]) & (hits.track == tracks.track[i])]
        assert found.first[i] == layers.min()
        assert found.missed[i] == np.ptp(layers) + 1 - len(layers)
    assert found.crossed.mean() > 0.1


def test_trainings_by_hand() -> None:
    hits = hits_of([0, 0, 0, 0, 0, 0, 0, 0], event=[0, 0, 0, 0, 1, 1, 1, 1])
    perfect, half = np.zeros(8, int), np.array([0, 0, 1, 2, 0, 0, 0, 0])
    one = tracking.over_seeds(hits, [half])
    assert one == tracking.evaluate(hits, half).efficiency == pytest.approx((0.75, 0.25))
    # Events 0.75 and 1, so 0.875 +- 0.125; trainings 1 and 0.75, so +- 0.125.
    both = tracking.over_seeds(hits, [perfect, half])
    assert both == pytest.approx((0.875, 0.125 * np.sqrt(2)))


def test_differences_are_paired_by_event() -> None:
    hits = tracking.simulate(50, seed=26)
    worse = np.where(hits.layer == 8, -1, hits.track)
    lost = 1 - tracking.efficiencies(hits, worse)
    found = tracking.difference(hits, [hits.track], [worse])
    assert found == pytest.approx((lost.mean(), lost.std(ddof=1) / np.sqrt(50)))
    assert tracking.difference(hits, [worse], [worse]) == (0, 0)
    several = tracking.difference(hits, [hits.track, worse], [worse])
    spread = lost.mean() / np.sqrt(2) / np.sqrt(2)
    assert several == pytest.approx((lost.mean() / 2, np.hypot(found.error / 2, spread)))


def test_no_training_is_refused() -> None:
    with pytest.raises(ArgumentError, match="one for each training"):
        tracking.over_seeds(hits_of([0, 0]), [])
