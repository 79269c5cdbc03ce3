"""The live panel of M6 and its plots, without a browser."""

import threading

import numpy as np
import pytest

from jetlab import catalog, jes, jes_panel, jes_plots, jets, plots, response, steering, training, worker
from jetlab.config import RunConfig

CONFIG = RunConfig(
    inputs=("log_pt", "eta"), layers=1, nodes=8, loss="mae", batch_size=32, epochs=3, patience=0, learning_rate=1e-2
)


@pytest.fixture(scope="module")
def parts():
    sample = catalog.load("jets")[:6000]
    x, y = jes.jet_inputs(sample)[:, :2], jes.log_correction(sample)
    x = jets.Scaling.fit(x).apply(x)
    return training.Data(x[:3000], y[:3000], None, x[3000:], y[3000:], None, regression=True), sample[3000:]


@pytest.fixture
def lab(parts):
    shown = jes_panel.JesPanel(*parts, CONFIG)
    yield shown
    shown.stop()
    if worker._running is not None:
        worker._running.join(30)


def test_training_draws_closure_and_keeps_the_run(lab):
    empty = lab._image.value
    lab.train(blocking=True)
    (run,) = lab.runs
    assert len(lab._widths) == 3
    assert run.result.config.loss == "mae"
    assert 0.03 < run.scores.resolution.value < 0.15
    assert str(run.scores.worst) in lab._table.value
    assert str(run.scores.resolution) in lab._table.value
    assert lab._image.value != empty
    assert bytes(lab._image.value).startswith(b"\x89PNG")


def test_the_picture_grows_epoch_by_epoch(lab, monkeypatch):
    monkeypatch.setattr(steering, "MIN_SECONDS", 0)
    monkeypatch.setattr(steering, "MAX_SHARE", 1e9)
    drawn, show = [], lab._show

    def noted(*args):
        drawn.append((len(lab._widths), lab._scores.by_eta.closure))
        show(*args)

    monkeypatch.setattr(lab, "_show", noted)
    lab.train(blocking=True)
    assert [n for n, _ in drawn] == [1, 2, 3, 3]
    assert not np.allclose(drawn[0][1], drawn[2][1], equal_nan=True)


def test_a_second_run_begins_with_an_empty_curve_and_reset_clears_it(lab):
    empty = lab._image.value
    lab.train(blocking=True)
    lab._controls.nodes.value = 4
    lab.train(blocking=True)
    assert [run.result.config.nodes for run in lab.runs] == [8, 4]
    assert len(lab._widths) == 3
    lab._steering.reset()
    assert lab._widths == []
    assert lab._image.value == empty


def test_stop_ends_it_and_a_network_gone_astray_is_still_drawn(lab, monkeypatch):
    monkeypatch.setattr(lab, "epoch_ended", lambda event: lab.stop())
    lab.train(blocking=True)
    assert lab.runs[0].result.reason == "stopped"
    scores = lab._judge(np.full(len(lab._sample), np.inf, np.float32))
    assert np.isfinite(scores.closure.value)


def test_a_control_moved_while_nothing_trains_only_changes_the_configuration(lab):
    lab._controls.layers.value = 2
    assert lab.config.layers == 2
    assert lab.runs == []


def test_another_job_is_told_of(lab):
    wait = threading.Event()
    busy = worker.start(wait.wait, "Another job")
    lab.train()
    wait.set()
    busy.join()
    assert "Another job is still running" in lab._steering.status.value


def test_targets_and_jets_must_be_as_many(parts):
    with pytest.raises(ValueError, match="2999 jets for 3000"):
        jes_panel.JesPanel(parts[0], parts[1][1:], CONFIG)


def results():
    rng = np.random.default_rng(1)
    by = rng.uniform(0, 2, 2000)
    return {
        name: response.binned(rng.normal(mean, 0.07, 2000), by, jes.ETA_EDGES, replicas=5)
        for name, mean in (("raw", 0.97), ("network", 1.0))
    }


def test_closure_is_drawn_where_it_is():
    fig, shown = plots.figure(), results()
    ax = fig.axes[0]
    jes_plots.closure(ax, shown, "|η|")
    raw, network = ax.containers
    np.testing.assert_allclose(raw.lines[0].get_ydata(), shown["raw"].closure)
    assert (raw.lines[0].get_xdata() < network.lines[0].get_xdata()).all()
    assert (np.diff(jes.ETA_EDGES) / 2 > np.abs(raw.lines[0].get_xdata() - shown["raw"].centres)).all()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["within 1%", "raw", "network"]
    assert ax.get_xlabel() == "|η|"
    assert plots.png(fig).startswith(b"\x89PNG")


def test_resolution_is_drawn_from_zero():
    ax, shown = plots.figure().axes[0], results()
    jes_plots.resolution(ax, shown, "|η|")
    np.testing.assert_allclose(ax.containers[1].lines[0].get_ydata(), shown["network"].resolution)
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > shown["raw"].resolution.max()


def test_a_correction_is_drawn_as_median_and_band():
    ax = plots.figure().axes[0]
    by = np.repeat([0.5, 1.5, 9.0], 100)
    jes_plots.correction(ax, by, np.where(by < 1, 1.0, 1.2), np.where(by < 1, 1.1, 1.1), (0, 1, 2, 3), "x")
    true, network = ax.lines
    np.testing.assert_allclose(true.get_ydata(), [1, 1.2, np.nan])
    np.testing.assert_allclose(network.get_ydata(), [1.1, 1.1, np.nan])


def test_the_overview_has_closure_above_resolution_and_eta_before_pt(parts):
    sample = parts[1]
    scores = {"raw": jes.judge(sample, sample["jet_ptraw_ak7"], minimum=50, replicas=5)}
    axes = plots.figure(2, 2).axes
    jes_plots.overview(axes, scores)
    drawn = [ax.containers[0].lines[0].get_ydata() for ax in axes]
    by_eta, by_pt = scores["raw"].by_eta, scores["raw"].by_pt
    for ours, theirs in zip(drawn, (by_eta.closure, by_pt.closure, by_eta.resolution, by_pt.resolution), strict=True):
        np.testing.assert_allclose(ours, theirs)
    assert [ax.get_xlabel() for ax in axes] == ["|η|", "true pt [GeV]"] * 2
