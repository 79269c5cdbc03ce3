from dataclasses import replace

import ipywidgets as widgets
import numpy as np
import pytest

from jetlab import metrics, models, training
from jetlab.config import ConfigError
from jetlab.errors import ArgumentError
from jetlab.panel import CloudPanel, Goal, words
from jetlab.panel.clouds import Settings
from tests.panel.panels import Gate, button, column, control, end, find, picture, text, wait_until

LENGTH, FEATURES, COORDINATES = 8, 4, (1, 2)
SMALL = Settings(k=3, blocks=1, width=8, heads=2, epochs=2, batch_size=50, learning_rate=0.01)


def jets(count, seed):
    """Jets of 4 to 8 particles, positive in the signal: (features, momenta), labels and weights."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, count)
    present = np.arange(LENGTH) < rng.integers(4, LENGTH + 1, (count, 1))
    pt, (deta, dphi) = rng.exponential(10, (count, LENGTH)), rng.normal(0, 0.3, (2, count, LENGTH))
    charge = np.where(y == 1, 0.5, -0.5)[:, np.newaxis] + rng.normal(size=(count, LENGTH))
    momenta, features = (
        (np.stack(values, axis=-1) * present[..., np.newaxis]).astype(np.float32)
        for values in ((pt, deta, dphi), (np.log(pt), deta, dphi, charge))
    )
    return (features, momenta), y, rng.uniform(0.5, 1.5, count).astype(np.float32)


def made(**options):
    data = training.Data(*jets(200, 1), *jets(150, 2))
    return CloudPanel(data, **{"coordinates": COORDINATES, "test": jets(150, 3), "config": SMALL} | options)


def built(settings):
    """The network of some settings."""
    if settings.network == "transformer":
        return models.particle_transformer(LENGTH, FEATURES, **settings.sizes)
    return models.particle_net(LENGTH, FEATURES, COORDINATES, **settings.sizes)


@pytest.fixture
def panel():
    panel = made()
    yield panel
    end(panel)


@pytest.mark.parametrize(
    ("network", "seen"),
    [
        pytest.param("ParticleNet", lambda x: x[0], id="ParticleNet"),
        pytest.param("transformer", tuple, id="transformer"),
    ],
)
def test_a_network_is_trained_and_judged_by_what_it_takes(panel, network, seen):
    settings = replace(SMALL, network=network)
    control(panel, "network").value = network
    before = picture(panel)
    panel.train(blocking=True)
    assert picture(panel) != before
    (run,) = panel.runs
    assert run.result.config == settings == panel.config
    assert run.result.model.count_params() == built(settings).count_params()

    x, y, weight = jets(150, 2)
    np.testing.assert_allclose(run.score, training.predict(run.result.model, seen(x)), atol=1e-5)
    assert run.metrics == metrics.evaluate(y, run.score, weight)
    assert run.metrics["auc"].value > 0.8
    assert column(panel, "validation AUC") == [str(run.metrics["auc"])]
    assert column(panel, "validation 1/εB at εS = 0.5") == [str(run.metrics["rejection_50"])]

    assert run.test_score is None
    assert column(panel, "test AUC (looked at)") == [""]
    panel.look()
    x, y, weight = jets(150, 3)
    np.testing.assert_allclose(run.test_score, training.predict(run.result.model, seen(x)), atol=1e-5)
    assert run.test_metrics == metrics.evaluate(y, run.test_score, weight)
    assert column(panel, "test AUC (looked at)") == [f"{run.test_metrics['auc']} (look 1 of 1)"]


def test_the_learning_rate_acts_at_once_on_the_chosen_jets(panel):
    gate = Gate(panel)
    control(panel, "training jets").value = 100
    panel.train()
    gate.wait()
    control(panel, "learning rate").value = 1e-3
    gate.open()
    wait_until(lambda: button(panel, "Stop").disabled)
    (run,) = panel.runs
    # After one of two epochs half a cosine is at one half.
    assert run.result.history["learning_rate"] == pytest.approx([0.01, 0.0005])
    assert run.result.config == replace(SMALL, train_size=100)
    (progress,) = find(panel, widgets.IntProgress)
    assert progress.max == 2 * 2


def test_ticked_runs_yardsticks_and_a_goal_are_shown():
    (_, momenta), _, _ = jets(150, 2)
    options = {"yardsticks": {"width in Δη": np.std(momenta[..., 1], axis=1)}, "goal": Goal(0.5, 1000)}
    panel, plain = made(**options), made(test=None)
    try:
        assert picture(panel) != picture(plain)
        assert "Target: validation AUC 0.5000 or more with at most 1000 parameters: not reached" in text(panel)
        assert control(panel, "left").options == ("loss", "loss, logarithmic", "validation AUC", "scores", "ROC")
        control(panel, "left").value = "scores"
        panel.train(blocking=True)
        assert "reached by run 1" in text(panel)
        alone = picture(panel)
        control(panel, "1: ParticleNet 8/1 with k 3").value = True
        assert picture(panel) != alone
        control(panel, "seed").value = 2
        panel.train(blocking=True)
        one, two = panel.runs
        assert column(panel, "differs in") == ["seed 1", "seed 2"]
        assert np.abs(one.score - two.score).max() > 0.01
        with pytest.raises(ArgumentError, match="no test jets"):
            plain.look()
    finally:
        end(panel)
        end(plain)


def test_width_32_with_two_blocks_is_particle_net_lite():
    assert Settings().sizes == models.PARTICLE_NET_LITE
    panel = made(config=None)
    lite = models.particle_net(LENGTH, FEATURES, COORDINATES, **models.PARTICLE_NET_LITE)
    assert text(panel).count(f"{lite.count_params():,} parameters, 200 training jets") == 1


@pytest.mark.parametrize("network", ["ParticleNet", "transformer"])
def test_the_size_shown_is_that_of_the_network(panel, network):
    control(panel, "network").value = network
    assert f"{built(panel.config).count_params():,} parameters" in text(panel)
    for name, value in (("blocks", 3), ("width", 16), ("heads", 8)):
        control(panel, name).value = value
    assert f"{built(panel.config).count_params():,} parameters" in text(panel)


def test_controls_that_do_not_act_cannot_be_moved(panel):
    def disabled():
        return control(panel, "neighbours k").disabled, control(panel, "heads").disabled

    assert disabled() == (False, True)
    control(panel, "network").value = "transformer"
    assert disabled() == (True, False)
    button(panel, "Reset").click()
    assert disabled() == (False, True)


def test_settings_move_the_controls_and_reset_brings_them_back(panel):
    assert panel.use(replace(SMALL, train_size=100, seed=7)) == ["train_size", "seed"]
    assert "100 training jets" in text(panel)
    assert (panel.config.train_size, panel.config.seed) == (100, 7)
    button(panel, "Reset").click()
    assert panel.config == SMALL
    for values in ({"k": 10}, {"epochs": 4}, {"train_size": 150}):
        with pytest.raises(ConfigError, match=f"{next(iter(values))} is .*, but its control has only"):
            panel.use(replace(SMALL, width=16, **values))
    with pytest.raises(ConfigError, match=r"learning_rate is .*, but its control has only values from 1e-05 to 1;"):
        panel.use(replace(SMALL, learning_rate=3.0))
    assert panel.config == SMALL


def test_ends_of_a_slider_can_be_reached(panel):
    for rate in (1e-5, 1.0):
        panel.use(replace(SMALL, learning_rate=rate))
        assert panel.config.learning_rate == pytest.approx(rate)


def test_what_does_not_act_on_a_network_is_not_said():
    settings = [SMALL, replace(SMALL, heads=1), replace(SMALL, k=2), replace(SMALL, network="transformer", k=2)]
    assert words.differences(settings) == [
        "ParticleNet, 3 neighbours",
        "ParticleNet, 3 neighbours",
        "ParticleNet, 2 neighbours",
        "transformer, 2 heads",
    ]


def test_a_panel_takes_any_number_of_epochs_and_jets_to_begin_with():
    own = replace(SMALL, epochs=4, batch_size=40, train_size=150)
    assert made(config=own).config == own
    assert made(config=replace(own, train_size=200)).config == replace(own, train_size=None)


def test_short_jets_have_fewer_neighbours():
    (features, momenta), y, weight = jets(200, 1)
    part = (features[:, :4], momenta[:, :4]), y, weight
    short = training.Data(*part, *part)
    assert CloudPanel(short, COORDINATES).config.k == 3
    with pytest.raises(ConfigError, match="k is 7, but its control has only 2, 3"):
        CloudPanel(short, COORDINATES, config=Settings())
    pair = (features[:, :2], momenta[:, :2]), y, weight
    with pytest.raises(ArgumentError, match="room for 2 particles; keep three or more"):
        CloudPanel(training.Data(*pair, *pair), COORDINATES)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"network": "ParticleNet-Lite"}, "network is 'ParticleNet-Lite'; allowed are ParticleNet, transformer"),
        ({"k": 4}, "k is 4; allowed are 2, 3, 5, 7, 10, 16"),
        ({"width": 12}, "width is 12"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"train_size": 1}, "train_size is 1"),
    ],
)
def test_impossible_settings_are_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        Settings(**values)


def test_inputs_that_do_not_fit_are_refused_in_words():
    (features, momenta), y, weight = jets(150, 3)
    for x in ((features, momenta[:, :5]), (features[:, :5], momenta[:, :5]), (features[:9], momenta)):
        with pytest.raises(ArgumentError, match=r"The test (inputs|part)"):
            made(test=(x, y, weight))
    with pytest.raises(ArgumentError, match=r"labels \(9,\).*; give features \(n, 8, 4\) and momenta \(n, 8, 3\)"):
        made(test=((features, momenta), y[:9], weight))
    with pytest.raises(ArgumentError, match=r"The training inputs are \(150, 8, 4\); give a tuple \(features, momenta"):
        CloudPanel(training.Data(features, y, None, features, y, None))
    with pytest.raises(ArgumentError, match=r"coordinates are \[2, 4\]; say which two of the 4 features"):
        made(coordinates=(2, 4))
    with pytest.raises(ConfigError, match="'multiplicity' has scores of shape"):
        made(yardsticks={"multiplicity": y[:5]})
