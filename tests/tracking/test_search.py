from functools import partial
from itertools import permutations

import numpy as np
import pytest

from jetlab import tracking
from jetlab.angles import wrap
from jetlab.tracking import search
from jetlab.tracking.detector import LAYERS
from jetlab.tracking.hits import Hits
from jetlab.tracking.kalman import Kalman
from jetlab.tracking.search import combinatorial, layerwise
from jetlab.tracking.steps import Extrapolation, sequences


@pytest.fixture(scope="module")
def toy() -> Hits:
    return tracking.simulate(200, seed=21)


def test_kalman_knows_how_sure_it_is() -> None:
    phi, _, pt = sequences(tracking.simulate(400, seed=22, lost=0, stopped=0))
    phi, pt = phi[np.abs(pt) > 500], pt[np.abs(pt) > 500]
    kalman = Kalman()
    state = kalman.start(0, phi[:, 0])
    for target in range(1, LAYERS):
        mean, sigma, carried = kalman.predict(state, target)
        pull = wrap(phi[:, target] - mean) / sigma
        assert abs(pull.mean()) < 0.1
        # The first steps stand on the vertex alone and on the curvature's wide prior.
        assert np.std(pull) == pytest.approx(1.0, abs=0.15) if target > 3 else np.std(pull) < 1.1
        state = kalman.update(carried, target, phi[:, target])
    np.testing.assert_allclose(np.sign(state[0][:, 2]), np.sign(pt))
    assert np.median(np.abs(0.3 / np.abs(state[0][:, 2]) / np.abs(pt) - 1)) < 0.05


@pytest.mark.parametrize(
    ("method", "least"),
    [(combinatorial, 0.99), (partial(combinatorial, pairs=True, branches=1), 0.99), (layerwise, 0.97)],
)
def test_searches_find_nearly_all(method, least: float, toy: Hits) -> None:
    labels = method(toy, Kalman())
    score = tracking.evaluate(toy, labels)
    assert score.efficiency.value > least
    assert score.fake_rate.value < 0.01
    assert (labels >= 0).all()
    # A track crosses a layer once.
    key = (toy.number * len(toy) + labels) * LAYERS + toy.layer
    assert len(np.unique(key)) == len(toy)


def test_extrapolation_alone_goes_far_and_physics_farther(toy: Hits) -> None:
    learnt = tracking.simulate(100, seed=23)
    plain, physics = (
        tracking.efficiencies(toy, combinatorial(toy, Extrapolation.fit(learnt, known))).mean()
        for known in (False, True)
    )
    assert 0.95 < plain < physics - 0.005
    assert physics > 0.99


def test_a_hit_lost_in_layer_0_costs_the_track_only_without_later_seeds(toy: Hits) -> None:
    everywhere, innermost = combinatorial(toy, Kalman()), combinatorial(toy, Kalman(), starts=(0,))
    key = toy.number * 1000 + toy.track
    late = ~np.isin(key, key[toy.layer == 0])
    assert late.sum() > 100
    assert tracking.evaluate(toy[late], everywhere[late]).efficiency.value > 0.95
    found = tracking.per_track(toy, innermost)
    tracks = np.isin(found.event * 1000 + found.track, key[late])
    assert found.matched[tracks].sum() < 0.05 * found.hits[tracks].sum()
    assert tracking.efficiencies(toy, everywhere).mean() > tracking.efficiencies(toy, innermost).mean() + 0.015


def test_events_are_searched_apart(toy: Hits) -> None:
    together = combinatorial(toy, Kalman())
    for number in (0, 17, toy.events - 1):
        part = toy.slices()[number]
        alone = combinatorial(toy[part], Kalman())
        np.testing.assert_array_equal(alone, together[part] - part.start)


def test_nearby_is_what_a_loop_finds() -> None:
    rng = np.random.default_rng(1)
    event, hit_event = rng.integers(0, 4, 40), rng.integers(0, 4, 60)
    phi, hit_phi, width = rng.uniform(-7, 7, 40), rng.uniform(0, 2 * np.pi, 60), rng.uniform(0, 1, 40)
    phi[3], width[4] = np.nan, np.nan
    row, hit = search.nearby(event, phi, width, hit_event, hit_phi)
    expected = {
        (i, j)
        for i in range(40)
        for j in range(60)
        if event[i] == hit_event[j] and abs(wrap(phi[i] - hit_phi[j])) <= width[i]
    }
    assert len(expected) > 50
    assert set(zip(row.tolist(), hit.tolist(), strict=True)) == expected
    assert len(row) == len(expected)


class Straight:
    """Predicts that a track goes straight out, with a width of 0.1 in each layer."""

    def start(self, layer, phi):
        return (phi,)

    def predict(self, state, layer):
        return state[0], np.full(len(state[0]), 0.1), state

    def update(self, carried, layer, phi):
        return (phi,)


def event_of(inner: list[float], outer: list[float]) -> Hits:
    phi, layer = np.array(inner + outer), np.repeat([0, 1], [len(inner), len(outer)])
    iphi = tracking.detector.nearest_cell(layer, phi)
    zeros = np.zeros(len(phi))
    return Hits(zeros.astype(int), np.arange(len(phi)), layer, iphi, zeros, zeros, zeros)


def test_sharing_out_is_the_best_of_all_ways() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        inner, outer = rng.uniform(1, 1.3, 4), rng.uniform(1, 1.3, 4)
        hits = event_of(inner.tolist(), outer.tolist())
        labels = layerwise(hits, Straight())
        found = [int(np.flatnonzero(labels[:4] == label)[0]) for label in labels[4:]]
        costs = {p: sum((hits.phi[4 + i] - hits.phi[p[i]]) ** 2 for i in range(4)) for p in permutations(range(4))}
        assert costs[tuple(found)] == pytest.approx(min(costs.values()))


def test_the_likelier_track_takes_a_hit_that_two_want() -> None:
    hits = event_of([1.00, 1.10], [1.02])
    assert combinatorial(hits, Straight()).tolist() == [0, 1, 0]
    assert layerwise(hits, Straight()).tolist() == [0, 1, 0]


def test_pairs_are_followed_one_by_one(toy: Hits) -> None:
    one, pairs, many = (
        tracking.efficiencies(toy, combinatorial(toy, Kalman(), **options)).mean()
        for options in ({"branches": 1}, {"branches": 1, "pairs": True}, {})
    )
    # The first step, with only the vertex to go by, is where alternatives matter.
    assert one < pairs <= many + 1e-3


def test_a_hit_far_from_all_begins_a_track_of_its_own() -> None:
    assert combinatorial(event_of([1.0], [4.0]), Straight()).tolist() == [0, 1]


@pytest.mark.parametrize("method", [combinatorial, layerwise])
def test_no_hits_no_tracks(method, toy: Hits) -> None:
    assert method(toy[:0], Kalman()).shape == (0,)


def test_following_true_tracks_is_one_method_after_the_other(toy: Hits) -> None:
    phi, _, _ = sequences(tracking.simulate(20, seed=24, lost=0, stopped=0))
    kalman = Kalman()
    steps = search.follow(kalman, phi)
    assert (len(steps.states), steps.phi.shape, steps.sigma.shape) == (LAYERS, (len(phi), 8), (len(phi), 8))
    mean, sigma, carried = kalman.predict(steps.states[4], 5)
    np.testing.assert_array_equal(steps.phi[:, 4], mean)
    np.testing.assert_array_equal(steps.sigma[:, 4], sigma)
    for found, expected in zip(steps.states[5], kalman.update(carried, 5, phi[:, 5]), strict=True):
        np.testing.assert_array_equal(found, expected)
