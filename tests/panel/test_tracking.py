import threading

import numpy as np
import pytest

from jetlab import plots, tracking
from jetlab.panel import TrackingPanel
from jetlab.panel import tracking as tracking_panel
from jetlab.training import worker
from tests.panel.panels import MOST, button, column, control, picture, text, wait_until

EVENTS = tracking.simulate(50, seed=51)
VALIDATION, TEST = EVENTS.first(10, skip=30), EVENTS.first(10, skip=40)


@pytest.fixture
def panel() -> TrackingPanel:
    panel = TrackingPanel(EVENTS.first(30), VALIDATION, TEST)
    for slider, value in {"phi bins": 25, "hidden size": 5, "epochs": 2}.items():
        control(panel, slider).value = value
    return panel


def score(run, events):
    return tracking.evaluate(events, run.network.assign(events)).efficiency


def test_training_redraws_the_event_and_keeps_the_run(panel: TrackingPanel) -> None:
    before = picture(panel)
    panel.train(blocking=True)
    assert picture(panel) != before
    assert picture(panel).startswith(b"\x89PNG")
    (run,) = panel.runs
    settings = run.network.settings
    assert (run.events, settings.bins, settings.hidden, settings.epochs) == (30, 25, 5, 2)
    assert column(panel, "training events") == ["30"]
    assert "Trained for 2 epochs." in text(panel)
    assert not button(panel, "Train").disabled
    assert button(panel, "Stop").disabled


def test_scores_are_those_of_the_validation_events(panel: TrackingPanel) -> None:
    panel.train(blocking=True)
    (run,) = panel.runs
    assert len(run.scores) == 2
    assert run.scores[-1] == run.score == score(run, VALIDATION)
    assert column(panel, "validation score") == [str(run.score)]
    assert (run.look, run.test_score, column(panel, "test score (looked at)")) == (0, None, [""])


def test_test_events_are_looked_at_once_on_purpose_and_marked(panel: TrackingPanel) -> None:
    panel.train(blocking=True)
    panel.train(blocking=True)
    button(panel, "Look at the test events of run 2").click()
    first, second = panel.runs
    assert second.test_score == score(second, TEST)
    assert column(panel, "test score (looked at)") == ["", f"{second.test_score} (look 1 of 1)"]
    panel.look()
    assert "The test events of run 2 were looked at before" in text(panel)
    assert (first.look, second.look) == (0, 1)


def test_ticked_runs_are_drawn_beside(panel: TrackingPanel) -> None:
    panel.train(blocking=True)
    alone = picture(panel)
    control(panel, "1: 30 events, 25 bins, hidden 5").value = True
    assert picture(panel) != alone
    button(panel, "Delete").click()
    assert (picture(panel), panel.runs) == (alone, [])
    panel.train(blocking=True)
    assert column(panel, "run") == ["2"]


def test_only_one_training_at_a_time(panel: TrackingPanel) -> None:
    wait = threading.Event()
    busy = worker.start(wait.wait, "Another job")
    panel.train()
    wait.set()
    busy.join()
    assert "Another job is still running" in text(panel)
    assert panel.runs == []


def test_stop_ends_it(panel: TrackingPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    train = tracking_panel.train

    def stopped_after_an_epoch(hits, settings, on_epoch, stop):
        def first_epoch(network, epoch):
            on_epoch(network, epoch)
            panel.stop()

        return train(hits, settings, first_epoch, stop)

    monkeypatch.setattr(tracking_panel, "train", stopped_after_an_epoch)
    control(panel, "epochs").value = 40
    panel.train(blocking=True)
    (run,) = panel.runs
    assert len(run.scores) == 1
    # It learnt from one more batch.
    assert run.score == score(run, VALIDATION)
    assert "Stopped" in text(panel)


def test_a_training_that_is_refused_does_not_cancel_a_stop(
    panel: TrackingPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, gate, train = threading.Event(), threading.Event(), tracking_panel.train

    def held(*args):
        begun.set()
        gate.wait()
        return train(*args)

    monkeypatch.setattr(tracking_panel, "train", held)
    panel.train()
    assert begun.wait(MOST)
    panel.stop()
    panel.train()
    assert "is still running in this notebook" in text(panel)
    gate.set()
    wait_until(lambda: not button(panel, "Train").disabled)
    assert "Stopped." in text(panel)
    assert panel.runs == []  # stopped in its first batch
    panel.train(blocking=True)
    assert len(panel.runs) == 1


def test_a_failure_is_told(panel: TrackingPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args):
        raise MemoryError("no room for <pictures>")

    monkeypatch.setattr(tracking_panel, "train", fail)
    panel.train(blocking=True)
    assert "no room for <pictures>" in text(panel)
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
