import threading
from dataclasses import replace

import numpy as np
import pytest

from jetlab import tracking, training
from jetlab.angles import wrap
from jetlab.backend import load_keras
from jetlab.tracking import steps
from jetlab.tracking.detector import LAYERS, RADII
from jetlab.tracking.hits import Hits
from jetlab.tracking.lstm2017 import Network, Settings, build, phi_bin, pictures, targets, train
from jetlab.tracking.residual import ResidualNetwork, ResidualSettings, train_residual
from jetlab.tracking.search import combinatorial


@pytest.fixture(scope="module")
def toy() -> Hits:
    return tracking.simulate(60, noise=0.3, seed=31)


@pytest.fixture(scope="module")
def trained() -> ResidualNetwork:
    return train_residual(
        tracking.simulate(150, seed=32), ResidualSettings(hidden=24, head=32, epochs=12, batch_size=64)
    )


def seeds_of(hits: Hits) -> np.ndarray:
    return np.flatnonzero((hits.layer == 0) & (hits.track >= 0))


@pytest.mark.parametrize("rotated", [False, True])
def test_pictures_and_targets_are_what_a_loop_draws(rotated: bool, toy: Hits) -> None:
    settings, seeds = Settings(bins=50, rotated=rotated), seeds_of(toy)[::7]
    drawn, (bins, weights) = pictures(toy, seeds, settings), targets(toy, seeds, settings)
    for row, seed in enumerate(seeds):
        expected, truth, known = np.zeros((LAYERS, 50)), np.zeros(LAYERS, int), np.zeros(LAYERS)
        for hit in range(len(toy)):
            if toy.event[hit] != toy.event[seed]:
                continue
            turned = toy.phi[hit] - toy.phi[seed] + np.pi if rotated else toy.phi[hit]
            place = toy.layer[hit], int(np.mod(turned, 2 * np.pi) / (2 * np.pi) * 50) % 50
            if toy.layer[hit] > 0 or hit == seed:
                expected[place] = 1
            if toy.track[hit] == toy.track[seed]:
                truth[place[0]], known[place[0]] = place[1], 1
        np.testing.assert_array_equal(drawn[row], expected)
        np.testing.assert_array_equal(weights[row], known)
        np.testing.assert_array_equal(bins[row], truth)
    if rotated:
        assert (bins[:, 0] == 25).all()


class Oracle(Network):
    """Gives the true bin of each seed's track probability one."""

    def probabilities(self, hits: Hits, seeds: np.ndarray) -> np.ndarray:
        bins, weights = targets(hits, seeds, self.settings)
        return np.eye(self.settings.bins, dtype=np.float32)[bins] * weights[:, :, None]


@pytest.mark.parametrize("shared_out", [False, True])
def test_with_fine_bins_and_no_mistake_all_seeded_tracks_are_whole(shared_out: bool) -> None:
    hits = tracking.simulate(30, seed=33)
    labels = Oracle(None, Settings(bins=2000), {}).assign(hits, shared_out)
    key = hits.number * 1000 + hits.track
    seeded = np.isin(key, key[hits.layer == 0])
    assert tracking.evaluate(hits[seeded], labels[seeded]).efficiency.value > 0.99
    coarse = Oracle(None, Settings(bins=50), {}).assign(hits, shared_out)
    fine, rough = (tracking.efficiencies(hits, found).mean() for found in (labels, coarse))
    assert rough < fine - 0.05


def test_the_model_is_the_one_of_2017() -> None:
    model = build(Settings())
    # LSTM: four gates of 50 from 100 bins, 50 remembered numbers and a bias; a dense layer of 100 bins from 50.
    assert model.count_params() == 4 * 50 * (100 + 50 + 1) + 100 * (50 + 1)
    assert model.output_shape == (None, 9, 100)
    assert type(model.optimizer).__name__ == "Nadam"
    twice = build(Settings(bidirectional=True))
    assert twice.count_params() == 2 * 4 * 50 * (100 + 50 + 1) + 100 * (2 * 50 + 1)


def test_training_is_repeatable_and_learns() -> None:
    hits = tracking.simulate(60, seed=34)
    settings = Settings(bins=30, hidden=16, epochs=3, rotated=True)
    one, two = train(hits, settings), train(hits, settings)
    assert one.history == two.history
    assert one.history["loss"][-1] < one.history["loss"][0] < np.log(30) * 1.1
    np.testing.assert_array_equal(one.assign(hits), two.assign(hits))


def test_training_reports_what_it_does_and_scores_the_validation_events() -> None:
    hits, validation = tracking.simulate(30, seed=36), tracking.simulate(10, seed=37)
    settings, events = Settings(bins=20, hidden=4, epochs=2, events=20, learning_rate=0.01), []
    network = train(hits, settings, events.append, validation=validation)
    begin, *_, end = events
    epochs = [event for event in events if isinstance(event, training.EpochEnd)]
    batches = [event.batch for event in events if isinstance(event, training.BatchEnd)]
    assert batches == 2 * list(range(1, begin.batches + 1))
    assert (end.reason, end.message, end.best_epoch) == ("finished", "All 2 epochs are done.", 2)
    assert [event.loss for event in epochs] == network.history["loss"]
    assert [event.val_loss for event in epochs] == network.history["val_loss"]
    found = tracking.evaluate(validation, network.assign(validation)).efficiency
    assert (epochs[-1].metrics["val_score"], epochs[-1].metrics["val_score_error"]) == found
    seeds = seeds_of(validation)
    bins, weights = targets(validation, seeds, settings)
    loss, _ = network.model.evaluate(pictures(validation, seeds, settings), bins, 4096, 0, weights)
    assert epochs[-1].val_loss == pytest.approx(loss, rel=1e-4)
    alone = train(hits.first(20), replace(settings, events=None))
    assert alone.history["loss"] == network.history["loss"], "of the first 20 events"


def test_the_learning_rate_is_turned_while_it_trains() -> None:
    hits, settings, knobs = tracking.simulate(20, seed=35), Settings(bins=20, hidden=4, epochs=2), training.Knobs()

    def turn(event: training.Event) -> None:
        if isinstance(event, training.EpochEnd):
            knobs.learning_rate = 0.03

    network = train(hits, settings, turn, knobs=knobs)
    assert float(network.model.optimizer.learning_rate) == pytest.approx(0.03)
    constant = train(hits, settings)
    assert network.history["loss"][0] == constant.history["loss"][0]
    assert network.history["loss"][1] != constant.history["loss"][1]


def test_training_stops_when_asked() -> None:
    stop = threading.Event()
    stop.set()
    hits = tracking.simulate(20, seed=35)
    events: list[training.Event] = []
    assert train(hits, Settings(bins=20, hidden=4), events.append, stop).history["loss"] == []
    assert (events[-1].message, events[-1].best_epoch) == ("Stopped in batch 1 of epoch 1.", 0)
    assert len(train_residual(hits, ResidualSettings(hidden=4, head=4, epochs=5), stop=stop).history) == 1


def test_events_without_seeds_get_no_tracks() -> None:
    hits = tracking.simulate(10, seed=36)
    network = Oracle(None, Settings(bins=20), {})
    assert (network.assign(hits[hits.layer > 0]) == -1).all()
    assert network.assign(hits[:0]).shape == (0,)
    with pytest.raises(ValueError, match="no track with a hit in layer 0"):
        train(hits[hits.layer > 0])


@pytest.mark.parametrize(
    "change",
    [{"bins": 1}, {"hidden": 0}, {"epochs": 2.5}, {"batch_size": -1}, {"seed": True}, {"bins": "100"}, {"events": 0}],
)
def test_impossible_settings_are_refused(change: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(change))} is .*; allowed is a whole number"):
        Settings(**change)


@pytest.mark.parametrize("change", [{"hidden": 0}, {"head": 1.5}, {"learning_rate": 0.0}, {"learning_rate": np.nan}])
def test_impossible_residual_settings_are_refused(change: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(change))} is .*; allowed is a"):
        ResidualSettings(**change)
    with pytest.raises(ValueError, match="no true track"):
        train_residual(tracking.simulate(3, noise=1)[:0])


def test_bins_go_around_once(toy: Hits) -> None:
    every = np.arange(len(toy))
    bins = phi_bin(toy, every, every, Settings(bins=77))
    assert bins.min() >= 0
    assert bins.max() <= 76
    np.testing.assert_array_equal(phi_bin(toy, every, every, Settings(bins=77, rotated=True)), 38)


def test_sequences_are_the_true_tracks(toy: Hits) -> None:
    phi, layer, pt = steps.sequences(toy)
    assert np.sum(layer >= 0) == np.sum(toy.track >= 0)
    assert (np.diff(np.where(layer < 0, 99, layer), axis=1) >= 0).all()
    row = 5
    same = np.abs(toy.pt - pt[row]) < 1e-9
    order = np.argsort(toy.layer[same])
    np.testing.assert_array_equal(phi[row][layer[row] >= 0], toy.phi[same][order])


def test_extrapolation_is_exact_for_what_it_is_made_of() -> None:
    layer = np.array([[3, 2, 0], [1, 0, -1], [4, -1, -1]])
    curve = [lambda r: 6.0 + 3e-4 * r + 0.9 / r, lambda r: 0.1 - 4e-4 * r, lambda r: 0.0 * r + 2.0]
    phi = np.array([[curve[i](RADII[k]) if k >= 0 else 0 for k in layer[i]] for i in range(3)])
    expected = [curve[i](RADII[6]) for i in range(3)]
    np.testing.assert_allclose(steps.extrapolate(phi, layer, 6, True), expected, atol=1e-12)
    np.testing.assert_array_equal(steps.extrapolate(phi, layer, 6, False), phi[:, 0])
    # A turn more or less of one hit changes nothing but the turn.
    turned = phi + np.array([0, 2 * np.pi, -2 * np.pi])
    np.testing.assert_allclose(steps.extrapolate(turned, layer, 6, True), expected, atol=1e-12)


def test_units_are_the_usual_residuals() -> None:
    phi, layer, _ = steps.sequences(tracking.simulate(300, seed=37))
    for physics in (False, True):
        units = steps.Units.fit(phi, layer, physics)
        whole = (layer[:, :5] == np.arange(5)).all(axis=1)
        past = steps.history(phi[whole], layer[whole], 3)
        away = wrap(phi[whole, 4] - steps.extrapolate(*past, 4, physics)) / units(past[1], 4)
        assert np.median(np.abs(away)) == pytest.approx(1 / 1.5, rel=0.1)
        assert (units.table > 0).all()


def test_step_by_step_is_the_same_network_as_in_training(trained: ResidualNetwork) -> None:
    hits = tracking.simulate(20, seed=38, lost=0, stopped=0)
    phi, layer, _ = steps.sequences(hits)
    state = trained.start(0, phi[:, 0])
    xs, answers = [], []
    fed = np.zeros(len(phi))
    for target in range(1, LAYERS):
        past = steps.history(phi, layer, target - 1)
        xs.append(steps.inputs(*past, fed, True))
        expected, unit = steps.extrapolate(*past, target, True), trained.units(past[1], target)
        mean, sigma, carried = trained.predict(state, target)
        answers.append(np.column_stack([wrap(mean - expected) / unit, np.log(sigma / unit)]))
        fed = wrap(phi[:, target] - expected) / unit
        state = trained.update(carried, target, phi[:, target])
    keras = load_keras()
    hidden = keras.layers.RNN(trained.cell, return_sequences=True)(np.stack(xs, axis=1))
    asked = np.broadcast_to(np.eye(LAYERS)[1:], (len(phi), LAYERS - 1, LAYERS))
    answer = np.concatenate([np.asarray(hidden), asked], axis=2).astype(np.float32)
    for layer in trained.head:
        answer = layer(answer)
    np.testing.assert_allclose(np.stack(answers, axis=1), np.asarray(answer), atol=2e-3)


def test_the_residual_network_knows_how_sure_it_is(trained: ResidualNetwork) -> None:
    phi, _, _ = steps.sequences(tracking.simulate(200, seed=39, lost=0, stopped=0))
    state = trained.start(0, phi[:, 0])
    for target in range(1, LAYERS):
        mean, sigma, carried = trained.predict(state, target)
        pull = wrap(phi[:, target] - mean) / sigma
        # Not quite Gaussian, for scattering depends on pt: more than 68 % within one width, and tails beyond.
        assert 0.6 < np.mean(np.abs(pull) < 1) < 0.95
        assert np.mean(np.abs(pull) < 5) > 0.98
        state = trained.update(carried, target, phi[:, target])
    assert np.median(sigma) < 2e-3


def test_the_residual_network_beats_nearest_hit(trained: ResidualNetwork) -> None:
    hits = tracking.simulate(80, seed=40)
    found = tracking.evaluate(hits, combinatorial(hits, trained)).efficiency
    nearest = tracking.evaluate(hits, tracking.nearest_hit(hits)).efficiency
    assert found.value > 0.97
    assert found.value - nearest.value > 0.08


def test_it_does_not_matter_where_in_phi_a_track_is(trained: ResidualNetwork) -> None:
    hits = tracking.simulate(30, seed=41)
    turned = replace(
        hits, iphi=(hits.iphi + tracking.detector.CELLS[hits.layer] // 2) % tracking.detector.CELLS[hits.layer]
    )
    one, two = combinatorial(hits, trained), combinatorial(turned, trained)
    # Half a turn is not a whole number of cells in layers with an odd number.
    assert np.mean(one == two) > 0.99


def test_without_physics_it_learns_too() -> None:
    hits = tracking.simulate(150, seed=42)
    settings = ResidualSettings(hidden=24, head=32, epochs=10, batch_size=64, physics=False)
    seen = []
    network = train_residual(hits, settings, lambda network, epoch: seen.append(epoch))
    assert seen == list(range(1, 11))
    assert network.history[-1] < network.history[0] - 0.5
    fresh = tracking.simulate(40, seed=43)
    assert tracking.efficiencies(fresh, combinatorial(fresh, network)).mean() > 0.93
