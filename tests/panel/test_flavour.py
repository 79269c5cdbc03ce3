from dataclasses import replace

import keras
import numpy as np
import pytest

from jetlab import flavour, training
from jetlab.config import ConfigError
from jetlab.errors import ArgumentError
from jetlab.metrics import flavour as rates
from jetlab.metrics.flavour import CHARM, LIGHT
from jetlab.panel import FlavourPanel, Goal
from jetlab.panel.flavour import Settings
from tests.panel.panels import button, column, control, end, picture, text

COLUMNS = ("jet_pt_ak7", "ip3d_bu", "sv_mass", "no_sv")
SMALL = Settings(nodes=8, epochs=5, batch_size=32, learning_rate=0.01, maxout=False, dropout=0.0)


def jets(count, seed):
    """Jets whose IP3D tells b, and whose vertex tells c from b."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, count)
    x = rng.normal(size=(count, len(COLUMNS))).astype(np.float32)
    x[:, 1] += 1.5 * (label == 2) + 0.5 * (label == 1)
    x[:, 2] += 2.0 * (label == 2)
    return x, label


def network(nodes, maxout, dropout):
    layers = keras.layers
    stack = [layers.Input((len(COLUMNS),)), layers.Dense(nodes, "relu"), layers.Dropout(dropout)]
    stack += [layers.Dense(nodes, "relu")] if maxout else []
    return keras.Sequential([*stack, layers.Dense(3, activation="softmax")])


def data():
    parts = (*jets(1500, 1), np.ones(1500), *jets(600, 2), np.ones(600))
    return training.Data(*parts, classes=3)


def made(**options):
    options = {"validation": jets(600, 2), "test": jets(600, 3), "config": SMALL} | options
    return FlavourPanel(data(), COLUMNS, network, **options)


@pytest.fixture
def panel():
    panel = made()
    yield panel
    end(panel)


def test_it_trains_the_network_of_the_lesson_and_keeps_the_run(panel):
    before = picture(panel)
    panel.train(blocking=True)
    assert picture(panel) != before
    (run,) = panel.runs
    assert run.result.config == SMALL == panel.config
    assert run.result.model.count_params() == network(8, False, 0.0).count_params()
    assert run.score.shape == (600, 3)
    assert column(panel, "network") == ["8 dense"]
    assert "4 of 4 inputs" in text(panel)


def test_a_panel_begins_with_all_settings_that_it_is_given():
    own = replace(SMALL, seed=7, muon=False)
    assert made(config=own).config == own
    with pytest.raises(ConfigError, match="nodes is 50, but its control has only 4, 8, 16"):
        made(config=replace(SMALL, nodes=50))
    with pytest.raises(ConfigError, match=r"dropout is 0\.8, but its control has only values from 0 to 0\.6"):
        made(config=replace(SMALL, dropout=0.8))


def test_figures_are_those_of_the_validation_jets(panel):
    panel.train(blocking=True)
    (run,) = panel.runs
    label = jets(600, 2)[1]
    score = rates.discriminant(training.outputs(run.result.model, jets(600, 2)[0]), 0.018)
    found = rates.rejections(label, score, 0.7)
    assert run.metrics["light_rejection"].value == pytest.approx(found[LIGHT].value)
    assert run.metrics["c_rejection"].value == pytest.approx(found[CHARM].value)
    assert column(panel, "validation: light rejection") == [str(run.metrics["light_rejection"])]


def test_the_c_fraction_and_the_efficiency_move_after_the_training(panel):
    panel.train(blocking=True)
    (run,) = panel.runs
    before, drawn = dict(run.metrics), picture(panel)
    control(panel, "f_c").value = 0.6
    assert picture(panel) != drawn
    assert run.metrics["c_rejection"].value > before["c_rejection"].value
    assert run.metrics["light_rejection"].value <= before["light_rejection"].value
    assert column(panel, "validation: c rejection") == [str(run.metrics["c_rejection"])]
    assert run.metrics["tuned_c_rejection"].value == before["tuned_c_rejection"].value
    tuned = dict(run.metrics)
    control(panel, "b efficiency").value = 0.85
    assert run.metrics["c_rejection"].value < tuned["c_rejection"].value
    assert len(panel.runs) == 1


def test_tuned_is_the_best_c_rejection_with_enough_light_rejection(panel, monkeypatch):
    monkeypatch.setattr("jetlab.panel.flavour.LEAST_LIGHT", 8.0)
    panel.train(blocking=True)
    (run,) = panel.runs
    best = 0.0
    for fraction in np.linspace(0, 1, 51):
        found = rates.rejections(jets(600, 2)[1], rates.discriminant(run.score, fraction), 0.7)
        best = max(best, found[CHARM].value if found[LIGHT].value >= 8 else 0.0)
    assert run.metrics["tuned_c_rejection"].value == pytest.approx(best)
    assert best > 0


def test_groups_that_are_not_ticked_are_not_seen(panel):
    panel.train(blocking=True)
    control(panel, "secondary vertex").value = False
    assert "2 of 4 inputs" in text(panel)
    panel.train(blocking=True)
    everything, without = panel.runs
    assert column(panel, "differs in") == ["vertex", "no vertex"]
    x = jets(600, 2)[0]
    blind = np.where([True, True, False, False], x, np.float32(0))
    np.testing.assert_allclose(without.score, training.outputs(without.result.model, blind), atol=1e-6)
    assert without.metrics["c_rejection"].value < everything.metrics["c_rejection"].value
    assert set(without.result.config.groups) == set(flavour.GROUPS) - {"sv"}


def test_test_jets_are_looked_at_once_and_never_tuned_on(panel):
    panel.train(blocking=True)
    panel.look()
    (run,) = panel.runs
    assert set(run.test_metrics) == {"light_rejection", "c_rejection"}
    seen = dict(run.test_metrics)
    control(panel, "f_c").value = 0.5
    assert run.test_metrics == seen


@pytest.mark.parametrize("name", ["c against light rejection", "loss", "loss, logarithmic"])
def test_other_pictures_can_be_chosen(panel, name):
    control(panel, "left").value = name
    empty = picture(panel)
    panel.train(blocking=True)
    assert picture(panel) != empty


def test_ticked_runs_and_yardsticks_are_drawn():
    panel = made(yardsticks={"IP3D": jets(600, 2)[0][:, 1]})
    plain = made()
    try:
        assert picture(panel) != picture(plain)
        panel.train(blocking=True)
        alone = picture(panel)
        control(panel, "1: 8 dense").value = True
        assert picture(panel) != alone
    finally:
        end(panel)
        end(plain)


def test_a_goal_is_said_and_ticked_off():
    panel = made(goal=Goal(1.5, 100, "c_rejection"))
    try:
        assert "Target: validation c rejection 1.5000 or more with at most 100 parameters: not reached" in text(panel)
        control(panel, "epochs").value = 8
        panel.train(blocking=True)
        assert "reached by run 1" in text(panel)
    finally:
        end(panel)


def test_a_training_starts_anew_where_a_slider_moves_but_not_where_the_working_point_does(panel):
    before = panel.config
    control(panel, "f_c").value = 0.3
    assert panel.config == before
    control(panel, "dropout").value = 0.3
    assert panel.config.dropout == 0.3
    button(panel, "Reset").click()
    assert panel.config == before


def test_inputs_that_do_not_fit_are_refused_in_words():
    x, label = jets(600, 2)
    with pytest.raises(ArgumentError, match="There are 4 columns"):
        made(validation=(x[:, :3], label))
    with pytest.raises(ArgumentError, match="IP3D: give the scores of the 600 validation jets"):
        made(yardsticks={"IP3D": x[:5, 1]})
