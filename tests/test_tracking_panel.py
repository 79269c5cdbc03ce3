import threading

import numpy as np
import pytest

from jetlab import plots, tracking, tracking_panel, tracking_plots, worker
from jetlab.tracking_panel import TrackingPanel


@pytest.fixture
def panel() -> TrackingPanel:
    hits = tracking.simulate(40, seed=51)
    panel = TrackingPanel(hits.first(30), hits.first(10, skip=30))
    panel._bins.value, panel._hidden.value, panel._epochs.value = 25, 5, 2
    return panel


def test_training_redraws_the_event_and_keeps_the_run(panel: TrackingPanel) -> None:
    before = panel._image.value
    panel.train(blocking=True)
    assert panel._image.value != before
    assert bytes(panel._image.value).startswith(b"\x89PNG")
    ((size, settings, score),) = panel.runs
    assert (size, settings.bins, settings.hidden, settings.epochs) == (panel._size.value, 25, 5, 2)
    assert 0 < score < 1
    assert f"<td>{score:.3f}</td>" in panel._table.value
    assert "All 2 epochs are done" in panel._status.value
    assert not panel._train.disabled
    assert panel._halt.disabled


def test_only_one_training_at_a_time(panel: TrackingPanel) -> None:
    wait = threading.Event()
    busy = worker.start(wait.wait, "Another job")
    panel.train()
    wait.set()
    busy.join()
    assert "Another job is still running" in panel._status.value
    assert panel.runs == []


def test_stop_ends_it(panel: TrackingPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    panel._epochs.value = 40
    original = panel._on_epoch

    def first_epoch(network, epoch):
        original(network, epoch)
        panel.stop()

    monkeypatch.setattr(panel, "_on_epoch", first_epoch)
    panel.train(blocking=True)
    assert len(panel._scores) == 1
    assert "Stopped" in panel._status.value


def test_a_failure_is_told(panel: TrackingPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args):
        raise MemoryError("no room for <pictures>")

    monkeypatch.setattr(tracking_panel, "train", fail)
    panel.train(blocking=True)
    assert "no room for &lt;pictures&gt;" in panel._status.value
    assert not panel._train.disabled


def test_pictures_show_each_track_and_each_mistake() -> None:
    event = tracking.simulate(1, noise=1, seed=52)
    labels = tracking.nearest_hit(event)
    wrong = ~tracking.correct(event, labels)
    assert wrong.any()
    fig = plots.figure(ncols=3)
    tracking_plots.event_xy(fig.axes[0], event, labels, wrong)
    tracking_plots.event_unrolled(fig.axes[1], event)
    tracking_plots.picture(fig.axes[2], np.eye(9, 30), np.eye(9, 30) / 2, "picture")
    tracks = len(np.unique(labels[labels >= 0]))
    # A line and its points per track, the crosses, the rings.
    assert len(fig.axes[0].lines) == 2 * tracks + 2
    np.testing.assert_array_equal(fig.axes[0].lines[-1].get_xdata(), event.x[wrong])
    assert len(fig.axes[1].lines) == 4 * len(np.unique(event.track[event.track >= 0])) + 1
    assert len(fig.axes[2].lines[0].get_xdata()) == 9
    assert plots.png(fig).startswith(b"\x89PNG")
