"""The live panel of M6 and its plots, without a browser."""

import threading

import ipywidgets as widgets
import numpy as np
import pytest

from jetlab import catalog, jes, jets, metrics, panel, plots, training
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.metrics import response
from jetlab.panel import steering
from jetlab.training import worker
from tests.panel.panels import button, column, control, end, find, picture, table, text

CONFIG = RunConfig(
    inputs=("log_pt", "eta"), layers=1, nodes=8, loss="mae", batch_size=32, epochs=3, patience=0, learning_rate=1e-2
)


@pytest.fixture(scope="module")
def parts():
    sample = catalog.load("jets")[:8000]
    x, y = jes.jet_inputs(sample)[:, :2], jes.log_correction(sample)
    x = jets.Scaling.fit(x).apply(x)
    data = training.Data(x[:3000], y[:3000], None, x[3000:6000], y[3000:6000], None, regression=True)
    return data, sample[3000:6000], (x[6000:], sample[6000:])


@pytest.fixture
def lab(parts):
    data, sample, test = parts
    shown = panel.JesPanel(data, sample, CONFIG, test)
    yield shown
    end(shown)


@pytest.fixture
def drawn(monkeypatch):
    """The pictures that are drawn, in their order, as figures."""
    figures, png = [], plots.png

    def noted(fig):
        figures.append(fig)
        return png(fig)

    monkeypatch.setattr(plots, "png", noted)
    return figures


def closure(fig):
    """The closure of the network in training, which is drawn after the official correction's."""
    return fig.axes[0].containers[1].lines[0].get_ydata()


def widths(fig):
    """The width after each epoch of the network in training."""
    (line,) = [line for line in fig.axes[1].lines if line.get_label() == "validation"]
    return line.get_ydata()


def test_training_draws_closure_and_keeps_the_run(lab):
    empty = picture(lab)
    lab.train(blocking=True)
    (run,) = lab.runs
    assert len(run.result.history["val_width"]) == 3
    assert run.result.config.loss == "mae"
    assert 0.03 < run.metrics["resolution"].value < 0.15
    assert run.metrics.keys() == {"worst", "resolution", "closure_in_the_worst_bin"}
    assert (run.metrics["worst"], run.metrics["resolution"]) == (run.score.worst, run.score.resolution)
    assert run.metrics["closure_in_the_worst_bin"].value == pytest.approx(1 - run.score.worst.value)
    assert column(lab, "validation: largest |closure − 1|") == [str(run.score.worst)]
    assert column(lab, "validation: resolution") == [str(run.score.resolution)]
    assert column(lab, "test: resolution (looked at)") == [""]
    assert picture(lab) != empty
    assert picture(lab).startswith(b"\x89PNG")


def test_test_jets_are_looked_at_once_on_purpose_and_marked(lab, parts):
    lab.train(blocking=True)
    button(lab, "Look at the test jets of run 1").click()
    lab.look()
    (run,) = lab.runs
    x, sample = parts[2]
    found = metrics.jes.judge(sample, jes.corrected(sample, run.result.predict(x)))
    assert (run.test_metrics["worst"], run.test_metrics["resolution"]) == (found.worst, found.resolution)
    assert column(lab, "test: resolution (looked at)") == [f"{found.resolution} (look 1 of 1)"]
    assert column(lab, "test: largest |closure − 1|") == [f"{found.worst} (look 1 of 1)"]
    assert "The test jets of run 1 were looked at before" in text(lab)


def test_without_test_jets_there_is_nothing_to_look_at(parts):
    lab = panel.JesPanel(*parts[:2], CONFIG)
    lab.train(blocking=True)
    assert find(lab, widgets.Button, "Look") == []
    assert "validation: resolution" in table(lab)[0]
    assert not [head for head in table(lab)[0] if "test" in head]
    with pytest.raises(ArgumentError, match="no test jets to look at"):
        lab.look()


def test_ticked_runs_are_drawn_beside_and_numbers_stay_their_own(lab):
    lab.train(blocking=True)
    alone = picture(lab)
    control(lab, "1: 8/1").value = True
    assert picture(lab) != alone
    button(lab, "Delete").click()
    assert picture(lab) == alone
    lab.train(blocking=True)
    assert column(lab, "run") == ["2"]


def test_the_picture_grows_epoch_by_epoch(lab, drawn, monkeypatch):
    monkeypatch.setattr(steering, "MIN_SECONDS", 0)
    monkeypatch.setattr(steering, "MAX_SHARE", 1e9)
    lab.train(blocking=True)
    assert [len(widths(fig)) for fig in drawn] == [1, 2, 3, 3]
    assert not np.allclose(closure(drawn[0]), closure(drawn[2]), equal_nan=True)


def test_a_second_run_begins_with_an_empty_curve_and_reset_clears_it(lab, drawn):
    empty = picture(lab)
    lab.train(blocking=True)
    control(lab, "nodes per layer").value = 4
    lab.train(blocking=True)
    first, second = (run.result for run in lab.runs)
    assert (first.config.nodes, second.config.nodes) == (8, 4)
    assert list(widths(drawn[-1])) == second.history["val_width"]
    (before,) = [line for line in drawn[-1].axes[1].lines if line.get_label() == "validation, previous run"]
    assert list(before.get_ydata()) == first.history["val_width"]
    button(lab, "Reset").click()
    assert lab.config == CONFIG
    assert len(widths(drawn[-1])) == 0
    assert picture(lab) == empty


@pytest.mark.parametrize("name", ["loss", "loss, logarithmic", "network"])
def test_other_pictures_can_be_chosen(lab, name):
    control(lab, "right").value = name
    empty = picture(lab)
    lab.train(blocking=True)
    assert picture(lab) != empty


def test_the_table_says_how_runs_differ_and_what_size_they_have(lab):
    lab.train(blocking=True)
    control(lab, "nodes per layer").value = 4
    assert "17 parameters" in text(lab)
    lab.train(blocking=True)
    assert column(lab, "differs in") == ["8 nodes", "4 nodes"]
    assert column(lab, "parameters") == ["33", "17"]


def test_stop_ends_it_and_a_network_gone_astray_is_still_drawn(lab, drawn, parts, monkeypatch):
    monkeypatch.setattr(lab, "epoch_ended", lambda event: lab.stop())
    lab.train(blocking=True)
    assert lab.runs[0].result.reason == "stopped"
    model = lab.runs[0].result.model
    *others, bias = model.get_weights()
    model.set_weights([*others, np.full_like(bias, np.inf)])
    assert np.isinf(training.predict(model, parts[0].x_validation)).all()
    lab.draw(model)
    filled = np.isfinite(closure(drawn[0]))
    assert filled.any()
    np.testing.assert_array_equal(np.isfinite(closure(drawn[-1])), filled)


def test_a_control_moved_while_nothing_trains_only_changes_the_configuration(lab):
    control(lab, "layers").value = 2
    assert lab.config.layers == 2
    assert lab.runs == []


def test_another_job_is_told_of(lab):
    wait = threading.Event()
    busy = worker.start(wait.wait, "Another job")
    lab.train()
    wait.set()
    busy.join()
    assert "Another job is still running" in text(lab)


def test_targets_and_jets_must_be_as_many(parts):
    with pytest.raises(ValueError, match="2999 jets for 3000"):
        panel.JesPanel(parts[0], parts[1][1:], CONFIG)
    x, sample = parts[2]
    with pytest.raises(ValueError, match="1999 test jets for 2000 rows"):
        panel.JesPanel(*parts[:2], CONFIG, (x, sample[1:]))


def results():
    rng = np.random.default_rng(1)
    by = rng.uniform(0, 2, 2000)
    return {
        name: response.binned(rng.normal(mean, 0.07, 2000), by, metrics.jes.ETA_EDGES, replicas=5)
        for name, mean in (("raw", 0.97), ("network", 1.0))
    }


def test_closure_is_drawn_where_it_is():
    fig, shown = plots.figure(), results()
    ax = fig.axes[0]
    plots.jes.closure(ax, shown, "|η|")
    raw, network = ax.containers
    np.testing.assert_allclose(raw.lines[0].get_ydata(), shown["raw"].closure)
    assert (raw.lines[0].get_xdata() < network.lines[0].get_xdata()).all()
    assert (np.diff(metrics.jes.ETA_EDGES) / 2 > np.abs(raw.lines[0].get_xdata() - shown["raw"].centres)).all()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["within 1%", "raw", "network"]
    assert ax.get_xlabel() == "|η|"
    assert plots.png(fig).startswith(b"\x89PNG")


def test_resolution_is_drawn_from_zero():
    ax, shown = plots.figure().axes[0], results()
    plots.jes.resolution(ax, shown, "|η|")
    np.testing.assert_allclose(ax.containers[1].lines[0].get_ydata(), shown["network"].resolution)
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > shown["raw"].resolution.max()


def test_a_correction_is_drawn_as_median_and_band():
    ax = plots.figure().axes[0]
    by = np.repeat([0.5, 1.5, 9.0], 100)
    plots.jes.correction(ax, by, np.where(by < 1, 1.0, 1.2), np.where(by < 1, 1.1, 1.1), (0, 1, 2, 3), "x")
    true, network = ax.lines
    np.testing.assert_allclose(true.get_ydata(), [1, 1.2, np.nan])
    np.testing.assert_allclose(network.get_ydata(), [1.1, 1.1, np.nan])


def test_the_overview_has_closure_above_resolution_and_eta_before_pt(parts):
    sample = parts[1]
    scores = {"raw": metrics.jes.judge(sample, sample["jet_ptraw_ak7"], minimum=50, replicas=5)}
    axes = plots.figure(2, 2).axes
    plots.jes.overview(axes, scores)
    drawn = [ax.containers[0].lines[0].get_ydata() for ax in axes]
    by_eta, by_pt = scores["raw"].by_eta, scores["raw"].by_pt
    for ours, theirs in zip(drawn, (by_eta.closure, by_pt.closure, by_eta.resolution, by_pt.resolution), strict=True):
        np.testing.assert_allclose(ours, theirs)
    assert [ax.get_xlabel() for ax in axes] == ["|η|", "true pt [GeV]"] * 2
