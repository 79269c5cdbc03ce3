from dataclasses import replace

import numpy as np
import pytest

from jetlab import decorrelation, training
from jetlab.config import ConfigError
from jetlab.errors import ArgumentError
from jetlab.metrics.decorrelation import point
from jetlab.panel import DecorrelationPanel, Goal
from jetlab.panel.decorrelation import Jets, Settings
from tests.panel.panels import Gate, button, column, control, end, picture, text, wait_until

SMALL = Settings(strength=0.0, layers=1, nodes=8, epochs=3, batch_size=128, learning_rate=0.01)


def jets(count, seed):
    """W jets near 80 GeV, QCD jets with falling masses; two inputs, the mass and a number that tells W apart."""
    rng = np.random.default_rng(seed)
    y = (rng.random(count) < 0.5).astype(float)
    mass = np.where(y == 1, rng.normal(82, 8, count), 40 + rng.exponential(35, count)).clip(41, 199)
    x = np.stack([(mass - 80) / 30, rng.normal(1.2 * y, 1)], axis=1).astype("f4")
    return Jets(x, mass, y, np.ones(count))


def data():
    parts = [jets(1500, 1), jets(700, 2)]
    x, mass, y, weight = (np.concatenate(pair) for pair in zip(*parts, strict=True))
    train, validation = np.arange(1500), np.arange(1500, 2200)
    protected = decorrelation.protected(mass, weight, y == 0, train)
    return training.Data.of((x, protected), y, weight, train, validation)


def made(**options):
    return DecorrelationPanel(data(), jets(700, 2).mass, **{"test": jets(700, 3), "config": SMALL} | options)


@pytest.fixture
def panel():
    panel = made()
    yield panel
    end(panel)


def test_a_run_is_judged_by_rejection_and_divergence(panel):
    before = picture(panel)
    panel.train(blocking=True)
    assert picture(panel) != before
    (run,) = panel.runs
    assert run.result.config == SMALL == panel.config
    seen = jets(700, 2)
    np.testing.assert_allclose(run.score, training.predict(run.result.model, seen.x), atol=1e-6)
    found = point(seen.y, run.score, seen.mass, seen.weight)
    assert (run.metrics["rejection_50"], run.metrics["jsd"]) == (found.rejection, found.jsd)
    assert column(panel, "penalty") == ["no penalty"]
    panel.look()
    assert set(run.test_metrics) == {"auc", "rejection_50", "jsd"}


def test_a_penalty_keeps_the_mass_out(panel):
    for strength in (0.0, 30.0):
        control(panel, "strength").value = strength
        control(panel, "epochs").value = 20
        panel.train(blocking=True)
    plain, kept = (run.metrics["jsd"] for run in panel.runs)
    assert plain.value - kept.value > 4 * np.hypot(plain.error, kept.error)
    assert column(panel, "differs in") == ["no penalty", "strength 30"]


def test_the_strength_acts_while_it_trains(panel):
    panel.use(replace(SMALL, strength=1.0, epochs=100))
    gate = Gate(panel)
    panel.train()
    gate.wait()
    control(panel, "strength").value = 30.0
    assert "A new network" not in text(panel)
    gate.let()
    gate.wait()
    panel.stop()
    gate.open()
    wait_until(lambda: len(panel.runs) == 1)
    (run,) = panel.runs
    # The loss with another penalty is another one: the epoch of lowest loss is sought after the change.
    assert run.result.config.strength == 30.0
    assert run.result.best_epoch == 2


@pytest.mark.parametrize("name", ["loss", "scores", "ROC", "validation AUC"])
def test_other_pictures_can_be_chosen(panel, name):
    control(panel, "left").value = name
    empty = picture(panel)
    panel.train(blocking=True)
    assert picture(panel) != empty


def test_yardsticks_are_drawn_and_a_goal_is_said():
    plain = made()
    goal = Goal(1.5, metric="rejection_50", most={"jsd": 0.9})
    panel = made(yardsticks={"second input": jets(700, 2).x[:, 1]}, goal=goal)
    try:
        assert picture(panel) != picture(plain)
        said = "Target: validation rejection at εS = 0.5 1.5000 or more with divergence 0.9 or less: not reached"
        assert said in text(panel)
        panel.train(blocking=True)
        assert "reached by run 1" in text(panel)
        assert not replace(goal, most={"jsd": -1.0}).reached(panel.runs[0])
    finally:
        end(panel)
        end(plain)


def test_reset_puts_all_back(panel):
    before = panel.config
    control(panel, "penalty").value = "adversary"
    assert panel.config.kind == "adversary"
    button(panel, "Reset").click()
    assert panel.config == before


def test_what_does_not_fit_is_refused_in_words():
    with pytest.raises(ArgumentError, match="5 masses for 700 jets; give 2 inputs"):
        DecorrelationPanel(data(), jets(700, 2).mass[:5])
    plain = training.Data(*jets(50, 1)[0::2], None, *jets(50, 2)[0::2], None)
    with pytest.raises(ArgumentError, match=r"should be a pair.*got \(2,\)"):
        DecorrelationPanel(plain, jets(50, 2).mass)
    with pytest.raises(ConfigError, match="kind is 'disko'; allowed are disco, moments, adversary"):
        Settings(kind="disko")
    with pytest.raises(ConfigError, match="strength is -1"):
        Settings(strength=-1)
