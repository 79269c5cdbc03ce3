"""The live panel without a browser: what it trains, shows and refuses."""

import base64
import csv
import re
import threading
from dataclasses import replace

import ipywidgets as widgets
import numpy as np
import pytest

from jetlab import catalog, jets, metrics, panel, plots, training
from jetlab.config import ConfigError, RunConfig
from jetlab.panel import views as live_views
from jetlab.panel.controls import PRESETS
from jetlab.training import fitting, worker
from tests.panel.by_label import texts
from tests.panel.panels import Gate, button, column, control, end, find, picture, text, wait_until

CONFIG = RunConfig(inputs=("a", "b"), layers=1, nodes=8, batch_size=64, learning_rate=1e-2, epochs=3, patience=0)


def gaussians(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return rng.normal(y[:, None], 1.0, (n, 2)).astype(np.float32), y, np.ones(n)


VALIDATION, TEST = gaussians(400, 2), gaussians(300, 3)


@pytest.fixture
def lab():
    shown = panel.TrainingPanel(
        training.Data(*gaussians(800, 1), *VALIDATION), TEST, CONFIG, {"sum": VALIDATION[0].sum(axis=1)}
    )
    yield shown
    end(shown)


@pytest.fixture
def gate(lab):
    holds = Gate(lab)
    yield holds
    lab.stop()
    holds.open()


def trained(lab, *nodes):
    """Train a network of one layer for each of these numbers of nodes."""
    for each in nodes:
        control(lab, "nodes per layer").value = each
        lab.train(blocking=True)


def exported(lab):
    """The rows of the CSV that the panel offers."""
    (found,) = re.findall('base64,([^"]+)', text(lab))
    return list(csv.DictReader(base64.b64decode(found).decode().splitlines()))


def test_training_fills_curves_table_and_runs(lab):
    empty = picture(lab)
    lab.train(blocking=True)
    (run,) = lab.runs
    assert run.result.config.label == "8/1"
    assert len(run.result.history["loss"]) == 3
    assert run.metrics["auc"].value > 0.75
    assert column(lab, "nodes/layers") == ["8/1"]
    assert column(lab, "validation AUC") == [str(run.metrics["auc"])]
    assert column(lab, "validation 1/εB at εS = 0.5") == [str(run.metrics["rejection_50"])]
    assert picture(lab) != empty
    assert picture(lab).startswith(b"\x89PNG")
    (progress,) = find(lab, widgets.IntProgress)
    assert progress.value == progress.max
    assert not button(lab, "Train").disabled
    assert button(lab, "Stop").disabled


def test_a_cell_shows_the_panel(lab):
    shown = lab._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]
    assert shown["model_id"] == lab.widget.model_id


def test_figures_are_those_of_the_validation_jets(lab):
    lab.train(blocking=True)
    (run,) = lab.runs
    x, y, weight = VALIDATION
    np.testing.assert_array_equal(run.score, run.result.predict(x))
    assert run.metrics == metrics.evaluate(y, run.score, weight)
    assert column(lab, "test AUC (looked at)") == [""]
    assert (run.look, run.test_score, run.test_metrics) == (0, None, {})


def test_nobody_looks_at_the_test_jets_unasked():
    # Whoever looks at these fails: they have no scores that are numbers.
    x, y, weight = TEST
    lab = panel.TrainingPanel(
        training.Data(*gaussians(800, 1), *VALIDATION), (np.full_like(x, np.nan), y, weight), CONFIG
    )
    control(lab, "left").value = "scores"
    trained(lab, 4, 5)
    control(lab, "1: 4/1").value = True
    assert len(lab.runs) == 2
    lab.look()
    assert "not finite for 300 of 300 jets" in text(lab)
    assert column(lab, "test AUC (looked at)") == ["", ""]


def test_test_jets_are_looked_at_once_on_purpose_and_marked(lab):
    trained(lab, 4, 5)
    button(lab, "Look at the test jets of run 2").click()
    first, second = lab.runs
    x, y, weight = TEST
    np.testing.assert_array_equal(second.test_score, second.result.predict(x))
    assert second.test_metrics == metrics.evaluate(y, second.test_score, weight)
    assert column(lab, "test AUC (looked at)") == ["", f"{second.test_metrics['auc']} (look 1 of 1)"]
    assert "The test jets of one run were looked at" in text(lab)

    button(lab, "Look").click()
    assert "The test jets of run 2 were looked at before" in text(lab)
    assert (first.look, second.look) == (0, 1)

    control(lab, "1: 4/1").value = True
    button(lab, "Look at the test jets of run 1").click()
    assert column(lab, "test AUC (looked at)") == [
        f"{first.test_metrics['auc']} (look 2 of 2)",
        f"{second.test_metrics['auc']} (look 1 of 2)",
    ]
    assert "The test jets of 2 runs were looked at. Choosing among these runs by their test figures" in text(lab)


def test_a_look_counts_also_when_its_run_is_deleted(lab):
    trained(lab, 4, 5)
    control(lab, "1: 4/1").value = True
    lab.look()
    button(lab, "Delete").click()
    lab.look()
    (left,) = lab.runs
    assert (left.number, left.look) == (2, 2)
    assert column(lab, "test AUC (looked at)") == [f"{left.test_metrics['auc']} (look 2 of 2)"]


def test_a_look_is_at_one_run_with_its_own_inputs(lab):
    lab.look()
    assert "no finished run to look at yet" in text(lab)
    lab.train(blocking=True)
    control(lab, "b").value = False
    lab.train(blocking=True)
    for box in find(lab, widgets.Checkbox, "1: ") + find(lab, widgets.Checkbox, "2: "):
        box.value = True
    lab.look()
    assert "Several runs are ticked" in text(lab)
    assert [run.look for run in lab.runs] == [0, 0]
    control(lab, "2: 8/1").value = False
    lab.look()
    assert [run.look for run in lab.runs] == [1, 0]
    np.testing.assert_array_equal(lab.runs[0].test_score, lab.runs[0].result.predict(TEST[0]))


def test_run_numbers_are_never_given_again(lab):
    trained(lab, 4, 5)
    control(lab, "2: 5/1").value = True
    button(lab, "Delete").click()
    trained(lab, 6)
    assert column(lab, "run") == ["1", "3"]
    assert [box.description for box in find(lab, widgets.Checkbox) if ": " in box.description] == ["1: 4/1", "3: 6/1"]


def test_yardsticks_are_scores_of_the_validation_jets_and_few_enough():
    data = training.Data(*gaussians(800, 1), *VALIDATION)
    with pytest.raises(
        ConfigError, match=r"yardstick 'BDT' has scores of shape \(300,\), but there are 400 validation"
    ):
        panel.TrainingPanel(data, TEST, CONFIG, {"BDT": TEST[0][:, 0]})
    score = VALIDATION[0][:, 0]
    with pytest.raises(ConfigError, match=r"There are 7 yardsticks .*; at most 6 can be told apart"):
        panel.TrainingPanel(data, TEST, CONFIG, {f"cut {n}": score for n in range(7)})


def test_all_yardsticks_and_ticked_runs_are_told_apart(lab):
    x, y, weight = VALIDATION
    known = live_views.Known(CONFIG, (2,), y, weight, score=x[:, 0])
    known.yardsticks = live_views.yardsticks({f"cut {n}": x[:, n % 2] for n in range(6)}, y, weight)
    lab.train(blocking=True)
    known.beside = [replace(lab.runs[0], number=n) for n in range(1, 7)]
    ax = plots.figure().axes[0]
    live_views.roc(ax, known)
    looks = {(line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert len(looks) == len(ax.lines) == 14  # and this network, and chance
    assert ax.get_title() == "validation jets"
    named = [entry.get_text() for entry in ax.get_legend().get_texts()]
    assert named[0] == f"cut 0 (AUC {metrics.evaluate(y, x[:, 0], weight)['auc']})"
    assert named[6] == f"6: 8/1 (AUC {lab.runs[0].metrics['auc']})"


def test_sliders_decide_what_is_trained(lab):
    control(lab, "layers").value = 2
    control(lab, "nodes per layer").value = 16
    control(lab, "batch size").value = 256
    assert (lab.config.label, lab.config.batch_size) == ("16/2", 256)
    assert f"{3 * 16 + 17 * 16 + 17} parameters" in text(lab)
    lab.train(blocking=True)
    assert lab.runs[0].result.model.count_params() == 3 * 16 + 17 * 16 + 17


def test_too_many_parameters_are_warned_of(lab):
    assert "more than there are" not in text(lab)
    control(lab, "layers").value, control(lab, "nodes per layer").value = 3, 200
    assert "more than there are training jets" in text(lab)


def test_a_smaller_training_set_counts_in_the_warning(lab):
    data = training.Data(*gaussians(800, 1), *gaussians(400, 2))
    small = panel.TrainingPanel(data, gaussians(400, 3), replace(CONFIG, train_size=20))
    assert "20 training jets ⚠ more than there are" in text(small)


def test_stop_ends_a_training_and_keeps_the_best_weights(lab, gate):
    lab.train()
    gate.wait()
    assert button(lab, "Train").disabled
    lab.stop()
    gate.let()
    wait_until(lambda: not button(lab, "Train").disabled)
    assert "Stopped" in text(lab)
    assert lab.runs[0].result.best_epoch == 1


def test_pause_step_and_resume(lab, gate):
    lab.step("batch")
    wait_until(lambda: find(lab, widgets.Button, "Resume"))
    assert "batch 1 of 13" in text(lab)
    assert button(lab, "Pause").disabled
    lab.step("epoch")
    gate.wait()
    gate.let()
    wait_until(lambda: find(lab, widgets.Button, "Resume"))
    lab.train()
    gate.wait()
    assert (button(lab, "Train").disabled, button(lab, "Pause").disabled) == (True, False)
    lab.pause()
    gate.let()
    wait_until(lambda: find(lab, widgets.Button, "Resume"))
    lab.stop()
    wait_until(lambda: button(lab, "Stop").disabled)
    assert [len(run.result.history["loss"]) for run in lab.runs] == [2]


def test_a_slider_moved_while_training_starts_a_new_network(lab, gate):
    lab.train()
    gate.wait()
    control(lab, "nodes per layer").value = 5
    gate.let()
    gate.wait()
    # The second network is held at the end of its first epoch, the first one is in the table.
    assert column(lab, "nodes/layers") == ["8/1"]
    control(lab, "learning rate").value = 1e-4
    lab.stop()
    gate.let()
    wait_until(lambda: button(lab, "Stop").disabled)
    assert [(run.result.config.label, run.result.best_epoch) for run in lab.runs] == [("8/1", 1), ("5/1", 1)]


def test_a_rate_changed_while_a_network_trains_is_recorded(lab, gate):
    lab.train()
    gate.wait()
    control(lab, "learning rate").value = 1e-3
    gate.let()
    gate.wait()
    gate.open()
    wait_until(lambda: button(lab, "Stop").disabled)
    assert column(lab, "differs in") == ["learning rate 0.001 from epoch 2"]
    (row,) = exported(lab)
    assert (row["learning_rate"], row["learning_rate_changes [epoch: rate]"]) == ("0.01", "2: 0.001")


def test_a_second_training_is_refused_with_a_sentence(lab):
    gate = threading.Event()
    job = worker.start(gate.wait, "Training elsewhere")
    lab.train()
    gate.set()
    job.join()
    assert "Training elsewhere is still running" in text(lab)
    assert lab.runs == []


def test_a_failure_in_the_worker_is_shown_and_the_panel_lives(lab, monkeypatch):
    def fails(*args, **kwargs):
        raise MemoryError("out of <memory>")

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "fit", fails)
        lab.train(blocking=True)
    said = texts(lab.widget)
    assert "The memory is full (out of &lt;memory&gt;): take a smaller batch size" in said
    assert "Traceback" in said
    lab.train(blocking=True)
    assert len(lab.runs) == 1


def test_same_configuration_trains_the_same_network(lab):
    lab.train(blocking=True)
    lab.train(blocking=True)
    first, second = (run.result.history["loss"] for run in lab.runs)
    assert first == second


def test_reset_clears_the_curves_and_puts_the_controls_back(lab):
    empty = picture(lab)
    lab.train(blocking=True)
    control(lab, "nodes per layer").value = 3
    button(lab, "Reset").click()
    assert picture(lab) == empty
    assert lab.config == CONFIG
    assert len(lab.runs) == 1
    lab.step("epoch")
    wait_until(lambda: find(lab, widgets.Button, "Resume"))
    button(lab, "Reset").click()
    wait_until(lambda: button(lab, "Stop").disabled)
    assert picture(lab) == empty
    assert len(lab.runs) == 1
    assert "press Train" in text(lab)


def test_fewer_inputs_are_fewer_columns(lab):
    control(lab, "b").value = False
    assert lab.config.inputs == ("a",)
    assert f"{2 * 8 + 9} parameters" in text(lab)
    lab.train(blocking=True)
    both = panel.TrainingPanel(training.Data(*gaussians(800, 1), *gaussians(400, 2)), gaussians(400, 3), CONFIG)
    both.train(blocking=True)
    assert lab.runs[0].result.model.input_shape == (None, 1)
    assert lab.runs[0].metrics["auc"].value < both.runs[0].metrics["auc"].value
    control(lab, "a").value = False
    lab.train(blocking=True)
    assert text(lab).count("No input is ticked") == 2, "beside the sliders and in the status line"
    assert len(lab.runs) == 1


@pytest.mark.parametrize("name", live_views.TAGGER)
def test_every_view_changes_with_the_training(lab, name):
    control(lab, "left").value = name
    empty = picture(lab)
    control(lab, "epochs").value = 2
    lab.train(blocking=True)
    assert picture(lab) != empty


def test_runs_are_ticked_deleted_and_exported(lab):
    trained(lab, 4, 5, 6)
    alone = picture(lab)
    control(lab, "1: 4/1").value = True
    one = picture(lab)
    control(lab, "2: 5/1").value = True
    assert len({alone, one, picture(lab)}) == 3
    button(lab, "Delete").click()
    assert [run.result.config.nodes for run in lab.runs] == [6]
    assert picture(lab) == alone
    lab.train(blocking=True)
    lab.look()
    rows = exported(lab)
    assert [row["run"] for row in rows] == ["3", "4"]
    assert [float(row["validation_auc"]) for row in rows] == [run.metrics["auc"].value for run in lab.runs]
    assert [row["test_auc"] for row in rows] == ["", str(lab.runs[1].test_metrics["auc"].value)]
    assert [(row["test_look"], row["test_looks"]) for row in rows] == [("", ""), ("1", "1")]


def test_what_is_shared_is_applied_as_text_and_as_json(lab):
    control(lab, "nodes per layer").value, control(lab, "dropout").value = 12, 0.25
    shared = lab.config
    button(lab, "Share").click()
    written = {box: control(lab, box).value for box in ("code", "JSON")}
    for box, content in written.items():
        button(lab, "Reset").click()
        assert lab.config == CONFIG
        for each in written:
            control(lab, each).value = content if each == box else ""
        button(lab, "Apply").click()
        assert lab.config == shared


def made(**options):
    data = training.Data(*gaussians(1200, 1), *gaussians(400, 2))
    return panel.TrainingPanel(data, gaussians(400, 3), CONFIG, **options)


def test_each_layer_may_have_a_slider_of_its_own():
    lab = made()
    own = find(lab, widgets.IntSlider, "nodes of layer")
    assert [each.layout.display for each in own] == ["none"] * 6
    control(lab, "layers").value, control(lab, "each layer its own").value = 2, True
    assert [each.layout.display for each in own] == ["", ""] + ["none"] * 4
    control(lab, "nodes of layer 2").value = 3
    assert lab.config.layer_nodes == (8, 3)
    assert f"{3 * 8 + 9 * 3 + 4} parameters" in text(lab)
    control(lab, "layers").value = 3
    assert lab.config.layer_nodes == (8, 3, 8)
    other = made()
    for config in (lab.config, CONFIG):
        control(other, "JSON").value = config.to_json()
        button(other, "Apply").click()
        assert other.config == config


def test_presets_move_all_controls():
    lab = made(presets={"start": {}, "broad": {"layers": 2, "nodes": 33, "batch_size": 512, "dropout": 0.5}})
    control(lab, "preset").value = "broad"
    assert lab.config == replace(CONFIG, layers=2, nodes=33, batch_size=512, dropout=0.5)
    control(lab, "preset").value = "start"
    assert lab.config == CONFIG


@pytest.mark.parametrize("name", PRESETS)
def test_the_presets_are_possible(name):
    lab = made()
    control(lab, "preset").value = name
    for field, value in PRESETS[name].items():
        assert getattr(lab.config, field) == value


def test_every_control_has_a_sentence():
    labelled = [each for each in find(made(), widgets.ValueWidget) if getattr(each, "description", "")]
    assert {"nodes per layer", "a", "each layer its own", "left", "JSON"} < {each.description for each in labelled}
    for each in labelled:
        assert len(each.tooltip) > 10, each.description


def cut_off(after):
    """A panel whose training, kept as "M2", was cut off after that epoch."""
    lab = made(keep="M2")

    def dies(event):
        if event.epoch == after:
            raise SystemError("the kernel died")

    lab.epoch_ended = dies
    lab.train(blocking=True)


def test_a_training_that_was_cut_off_is_offered(monkeypatch, tmp_path):
    monkeypatch.setenv("JETLAB_CHECKPOINTS", str(tmp_path))
    whole = made()
    whole.train(blocking=True)
    assert find(made(keep="M2"), widgets.Button, "Go on") == []
    cut_off(after=2)
    again = made(keep="M2")
    assert "A training of 8/1 was cut off after epoch 2 of 3" in text(again)
    button(again, "Go on").click()
    wait_until(lambda: again.runs and button(again, "Stop").disabled)
    assert again.runs[0].result.history["loss"] == whole.runs[0].result.history["loss"]
    assert picture(again) == picture(whole)
    assert list(tmp_path.iterdir()) == []


def test_a_cut_off_training_can_be_forgotten(monkeypatch, tmp_path):
    monkeypatch.setenv("JETLAB_CHECKPOINTS", str(tmp_path))
    cut_off(after=1)
    lab = made(keep="M2")
    button(lab, "Forget it").click()
    assert find(lab, widgets.Button, "Go on") == []
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def sample():
    return catalog.load("jets")[:500]


@pytest.mark.parametrize("model", ["dense", "cnn", "lstm", "deep_sets"])
def test_inputs_can_be_chosen_where_the_panel_makes_them(sample, model):
    config = RunConfig.standard(model, nodes=4, epochs=1, length=8, image_size=10)
    lab = panel.TrainingPanel.of(sample, jets.split(sample.event_index), np.ones(500), config)
    lab.train(blocking=True)
    if model == "cnn":
        control(lab, "pixels").value = 9
    elif model == "dense":
        control(lab, config.inputs[0]).value = False
    else:
        control(lab, "constituents").value, control(lab, "ordered by").value = 5, "dr"
    said = text(lab)
    lab.train(blocking=True)
    assert "\nThe only epoch is done" in text(lab), text(lab)
    first, second = (run.result.model for run in lab.runs)
    assert second.count_params() <= first.count_params()
    assert f"{second.count_params():,} parameters" in said
