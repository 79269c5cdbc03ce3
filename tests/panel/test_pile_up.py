from dataclasses import replace

import keras
import numpy as np
import pytest

from jetlab import pile_up, training
from jetlab.errors import ArgumentError
from jetlab.metrics import response
from jetlab.panel import Goal, PileUpPanel
from jetlab.panel.pile_up import Settings
from tests.panel.panels import button, column, control, end, picture, text

SMALL = Settings(filters=2, size=3, epochs=2, batch_size=32, learning_rate=0.02)
SIZE = pile_up.SIZE


def jets(count, seed):
    """Jets with two hard cells, and soft neutral pile-up that charged pile-up lies on."""
    rng = np.random.default_rng(seed)
    shape = (count, SIZE, SIZE)
    truth = np.zeros(shape, np.float32)
    middle = SIZE // 2
    truth[:, middle, middle] = rng.uniform(30, 60, count)
    truth[:, middle + 4, middle] = rng.uniform(30, 60, count)
    soft = (rng.exponential(1.0, shape) * (rng.random(shape) < 0.5)).astype(np.float32)
    n, nothing = np.full(count, 40), np.zeros(count)
    return pile_up.Jets(
        leading=truth / 2,
        pile_up=soft,
        neutral=truth + soft,
        truth=truth,
        charged=np.zeros((count, 4)),
        tracks=np.zeros((count, 1, 4)),
        eta=nothing,
        n_pile_up=n,
        rho=nothing + 5,
        killer=nothing + 0.5,
        puppi=np.where(truth > 0, 1.0, 0.3),
        collision=np.arange(count),
        is_w=np.arange(count) % 2 == 1,
    )


def network(filters, size, layers):
    seen = hidden = keras.Input((SIZE, SIZE, 3))
    for _ in range(layers):
        hidden = keras.layers.Conv2D(filters, size, padding="same", activation="relu")(hidden)
    return keras.Model(seen, keras.layers.Conv2D(1, 1, activation="sigmoid")(hidden) * seen[..., 2:])


def loss(found, truth):
    return keras.ops.mean(keras.ops.square(found - truth), axis=(1, 2))


def data():
    seen = jets(300, 1)
    inputs = pile_up.images(seen).astype("f4"), seen.truth[..., None]
    return training.Data.unlabelled(inputs, None, np.arange(250), np.arange(250, 300))


def made(**options):
    return PileUpPanel(data(), network, loss, jets(200, 2), **{"config": SMALL} | options)


@pytest.fixture
def panel():
    panel = made()
    yield panel
    end(panel)


def test_a_run_is_judged_by_its_gain_over_puppi(panel):
    before = picture(panel)
    panel.train(blocking=True)
    assert picture(panel) != before
    (run,) = panel.runs
    assert run.result.config == SMALL == panel.config
    assert run.result.model.count_params() == network(2, 3, 1).count_params()
    seen = jets(200, 2)
    cells = training.outputs(run.result.model, pile_up.images(seen))[..., 0]
    truth = pile_up.kinematics(seen, seen.truth)[1]
    mine, puppi = (pile_up.kinematics(seen, each)[1] / truth for each in (cells, seen.neutral * seen.puppi))
    for kind, chosen in (("W", seen.is_w), ("QCD", ~seen.is_w)):
        assert run.metrics[f"gain_{kind}"] == response.gain(mine[chosen], puppi[chosen])
    assert column(panel, "network") == ["1 × 2 of 3 × 3"]


def test_size_and_differences_are_said(panel):
    assert f"{network(2, 3, 1).count_params():,} parameters" in text(panel)
    panel.train(blocking=True)
    control(panel, "filters").value = 4
    assert f"{network(4, 3, 1).count_params():,} parameters" in text(panel)
    panel.train(blocking=True)
    assert column(panel, "differs in") == ["2 filters", "4 filters"]


@pytest.mark.parametrize("name", ["loss", "mass of QCD"])
def test_other_pictures_can_be_chosen(panel, name):
    control(panel, "left").value = name
    empty = picture(panel)
    panel.train(blocking=True)
    assert picture(panel) != empty


def test_ticked_runs_are_drawn_and_a_goal_is_said():
    panel = made(goal=Goal(-50.0, 1000, "gain_W"))
    try:
        assert "Target: validation gain W -50.0000 or more with at most 1000 parameters: not reached" in text(panel)
        panel.train(blocking=True)
        assert "reached by run 1" in text(panel)
        alone = picture(panel)
        control(panel, "1: 1 × 2 of 3 × 3").value = True
        assert picture(panel) != alone
    finally:
        end(panel)


def test_reset_puts_all_back(panel):
    before = panel.config
    control(panel, "layers").value = 3
    assert panel.config == replace(before, layers=3)
    button(panel, "Reset").click()
    assert panel.config == before


def test_what_does_not_fit_is_refused_in_words():
    flat = training.Data.unlabelled(np.zeros((20, 3)), None, np.arange(10), np.arange(10, 20))
    with pytest.raises(ArgumentError, match=r"pair of images \(15, 15, 3\) and true cells"):
        PileUpPanel(flat, network, loss, jets(20, 2))
    with pytest.raises(ArgumentError, match="both kinds, W and QCD"):
        PileUpPanel(data(), network, loss, jets(20, 2).take(np.arange(0, 20, 2)))
