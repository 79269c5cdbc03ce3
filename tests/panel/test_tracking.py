import threading

import ipywidgets as widgets
import numpy as np
import pytest

from jetlab import plots, tracking
from jetlab.panel import Goal, TrackingPanel
from jetlab.tracking import lstm2017
from jetlab.training import worker
from tests.panel.panels import Gate, button, column, control, end, find, picture, text, wait_until

EVENTS = tracking.simulate(50, seed=51)
VALIDATION, TEST = EVENTS.first(10, skip=30), EVENTS.first(10, skip=40)


@pytest.fixture
def panel():
    panel = TrackingPanel(EVENTS.first(30), VALIDATION, TEST)
    for slider, value in {"phi bins": 25, "hidden size": 5, "epochs": 2}.items():
        control(panel, slider).value = value
    yield panel
    end(panel)


@pytest.fixture
def gate(panel):
    holds = Gate(panel)
    yield holds
    panel.stop()
    holds.open()


def score(run, events):
    network = lstm2017.Network(run.result.model, run.result.config, run.result.history)
    return tracking.evaluate(events, network.assign(events)).efficiency


def test_training_redraws_the_event_and_keeps_the_run(panel):
    before = picture(panel)
    panel.train(blocking=True)
    assert picture(panel) != before
    assert picture(panel).startswith(b"\x89PNG")
    (run,) = panel.runs
    assert run.result.config == lstm2017.Settings(bins=25, hidden=5, epochs=2, events=30) == panel.config
    assert column(panel, "network") == ["30 events, 25 bins, hidden 5"]
    assert "All 2 epochs are done." in text(panel)
    assert "events/s" in text(panel)
    assert not button(panel, "Train").disabled
    assert button(panel, "Stop").disabled


def test_scores_are_those_of_the_validation_events(panel):
    panel.train(blocking=True)
    (run,) = panel.runs
    found, history = score(run, VALIDATION), run.result.history
    assert [len(history[name]) for name in ("loss", "val_loss", "val_score")] == [2, 2, 2]
    assert (history["val_score"][-1], history["val_score_error"][-1]) == found
    assert run.metrics == {"score": found}
    assert column(panel, "validation score") == [str(found)]
    assert (run.look, run.test_score, column(panel, "test score (looked at)")) == (0, None, [""])


def test_test_events_are_looked_at_once_on_purpose_and_marked(panel):
    panel.train(blocking=True)
    panel.train(blocking=True)
    button(panel, "Look at the test events of run 2").click()
    first, second = panel.runs
    assert second.test_metrics == {"score": score(second, TEST)}
    assert column(panel, "test score (looked at)") == ["", f"{second.test_metrics['score']} (look 1 of 1)"]
    panel.look()
    assert "The test events of run 2 were looked at before" in text(panel)
    assert (first.look, second.look) == (0, 1)


def test_ticked_runs_are_drawn_beside(panel):
    panel.train(blocking=True)
    alone = picture(panel)
    control(panel, "1: 30 events, 25 bins, hidden 5").value = True
    assert picture(panel) != alone
    button(panel, "Delete").click()
    assert (picture(panel), panel.runs) == (alone, [])
    panel.train(blocking=True)
    assert column(panel, "run") == ["2"]


def test_the_table_says_how_runs_differ(panel):
    panel.train(blocking=True)
    control(panel, "hidden size").value, control(panel, "turn each picture to its seed").value = 2, True
    panel.train(blocking=True)
    assert column(panel, "differs in") == ["hidden 5, not turned", "hidden 2, turned to the seed"]


@pytest.mark.parametrize("name", ["loss", "loss, logarithmic"])
def test_other_pictures_can_be_chosen(panel, name):
    control(panel, "left").value = name
    empty = picture(panel)
    panel.train(blocking=True)
    assert picture(panel) != empty


def test_a_goal_is_said_and_ticked_off():
    panel = TrackingPanel(EVENTS.first(30), VALIDATION, TEST, goal=Goal(0.2, 20_000, "score"))
    try:
        control(panel, "epochs").value = 1
        assert "Target: validation score 0.2000 or more with at most 20000 parameters: not reached yet." in text(panel)
        panel.train(blocking=True)
        control(panel, "phi bins").value, control(panel, "hidden size").value = 25, 5
        panel.train(blocking=True)
        assert "reached by run 2." in text(panel)
    finally:
        end(panel)


def test_only_one_training_at_a_time(panel):
    wait = threading.Event()
    busy = worker.start(wait.wait, "Another job")
    panel.train()
    wait.set()
    busy.join()
    assert "Another job is still running" in text(panel)
    assert panel.runs == []


def test_stop_ends_it_with_the_weights_of_its_last_batch(panel, gate):
    control(panel, "epochs").value = 40
    panel.train()
    gate.wait()
    panel.stop()
    gate.let()
    wait_until(lambda: button(panel, "Stop").disabled)
    (run,) = panel.runs
    assert (run.result.reason, len(run.result.history["val_score"])) == ("stopped", 1)
    assert "Stopped in batch 1 of epoch 2." in text(panel)
    assert run.metrics == {"score": score(run, VALIDATION)}


def test_pause_steps_and_a_rate_turned_meanwhile(panel, gate):
    control(panel, "epochs").value = 40
    panel.step("batch")
    wait_until(lambda: find(panel, widgets.Button, "Resume"))
    assert "Epoch 1, batch 1 of" in text(panel)
    control(panel, "learning rate").value = 1e-2
    panel.step("epoch")
    gate.wait()
    gate.let()
    wait_until(lambda: find(panel, widgets.Button, "Resume"))
    assert "learning rate 1.0e-02" in text(panel)
    assert "validation score" in text(panel)
    panel.stop()
    wait_until(lambda: button(panel, "Stop").disabled)
    assert [run.result.best_epoch for run in panel.runs] == [1]
    assert column(panel, "differs in") == ["learning rate 0.01 from epoch 1"]


def test_another_slider_starts_a_new_network(panel, gate):
    control(panel, "epochs").value = 40
    panel.train()
    gate.wait()
    control(panel, "hidden size").value = 2
    assert "A new network, 30 events, 25 bins, hidden 2, starts at the end of this epoch" in text(panel)
    gate.let()
    gate.wait()
    assert column(panel, "network") == ["30 events, 25 bins, hidden 5"]


def test_reset_forgets_the_curves_and_puts_the_sliders_back(panel):
    start = TrackingPanel(EVENTS.first(30), VALIDATION, TEST)
    panel.train(blocking=True)
    button(panel, "Reset").click()
    assert panel.config == start.config
    assert picture(panel) == picture(start)
    assert len(panel.runs) == 1


def test_events_without_a_track_are_refused_in_words():
    empty = EVENTS[EVENTS.layer > 0]
    panel = TrackingPanel(empty, VALIDATION, TEST)
    panel.train(blocking=True)
    assert "There is no track with a hit in layer 0 to learn from" in text(panel)
    assert not button(panel, "Train").disabled


def test_pictures_show_each_track_and_each_mistake() -> None:
    event = tracking.simulate(1, noise=1, seed=52)
    labels = tracking.nearest_hit(event)
    wrong = ~tracking.correct(event, labels)
    assert wrong.any()
    fig = plots.figure(ncols=3)
    plots.tracking.event_xy(fig.axes[0], event, labels, wrong)
    plots.tracking.event_unrolled(fig.axes[1], event)
    plots.tracking.picture(fig.axes[2], np.eye(9, 30), np.eye(9, 30) / 2, "picture")
    tracks = len(np.unique(labels[labels >= 0]))
    # A line and its points per track, the crosses, the rings.
    assert len(fig.axes[0].lines) == 2 * tracks + 2
    np.testing.assert_array_equal(fig.axes[0].lines[-1].get_xdata(), event.x[wrong])
    assert len(fig.axes[1].lines) == 4 * len(np.unique(event.track[event.track >= 0])) + 1
    assert len(fig.axes[2].lines[0].get_xdata()) == 9
    assert plots.png(fig).startswith(b"\x89PNG")


def test_fractions_by_group_are_means_with_errors() -> None:
    ax = plots.figure().axes[0]
    plots.tracking.by_group(ax, [0, 0, 2, 2], ("a", "b", "c"), {"method": [1.0, 0.5, 0.2, 0.2]}, "group")
    line = ax.containers[0].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [(0, 0.75), (2, 0.2)])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c"]


def test_scores_stand_below_each_other() -> None:
    ax = plots.figure().axes[0]
    plots.tracking.scores(ax, {"one": (0.5, 0.1), "two": (0.9, 0.01)})
    assert [text.get_text() for text in ax.get_yticklabels()] == ["one", "two"]
    assert ax.yaxis_inverted()
