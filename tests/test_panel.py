"""The live panel without a browser: what it trains, shows and refuses."""

import base64
import csv
import re
import threading
import time
from dataclasses import replace

import keras
import numpy as np
import pytest

from jetlab import catalog, jets, live_views, panel, training, worker
from jetlab.config import RunConfig
from jetlab.controls import PRESETS

CONFIG = RunConfig(inputs=("a", "b"), layers=1, nodes=8, batch_size=64, learning_rate=1e-2, epochs=3, patience=0)


def gaussians(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return rng.normal(y[:, None], 1.0, (n, 2)).astype(np.float32), y, np.ones(n)


@pytest.fixture
def lab():
    data = training.Data(*gaussians(800, 1), *gaussians(400, 2))
    test = gaussians(400, 3)
    shown = panel.TrainingPanel(data, test, CONFIG, {"sum": test[0].sum(axis=1)})
    yield shown
    shown.stop()
    if worker._running is not None:
        worker._running.join(30)


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def test_training_fills_curves_table_and_runs(lab):
    empty = lab._image.value
    lab.train(blocking=True)
    (run,) = lab.runs
    assert run.result.config.label == "8/1"
    assert len(run.result.history["loss"]) == 3
    assert run.metrics["auc"].value > 0.75
    assert "8/1" in lab._table._table.value
    assert str(run.metrics["auc"]) in lab._table._table.value
    assert lab._image.value != empty
    assert bytes(lab._image.value).startswith(b"\x89PNG")
    assert lab._steering.progress.value == lab._steering.progress.max
    assert not lab._steering.train_button.disabled
    assert lab._steering.stop_button.disabled


def test_sliders_decide_what_is_trained(lab):
    lab._controls.layers.value = 2
    lab._controls.nodes.value = 16
    lab._controls.batch_size.value = 256
    assert (lab.config.label, lab.config.batch_size) == ("16/2", 256)
    assert f"{3 * 16 + 17 * 16 + 17} parameters" in lab._controls._size.value
    lab.train(blocking=True)
    assert lab.runs[0].result.model.count_params() == 3 * 16 + 17 * 16 + 17


def test_too_many_parameters_are_warned_of(lab):
    lab._controls.layers.value, lab._controls.nodes.value = 3, 200
    assert "more than there are training jets" in lab._controls._size.value


def test_a_smaller_training_set_counts_in_the_warning(lab):
    data = training.Data(*gaussians(800, 1), *gaussians(400, 2))
    small = panel.TrainingPanel(data, gaussians(400, 3), replace(CONFIG, train_size=20))
    assert "20 training jets" in small._controls._size.value
    assert "more than there are" in small._controls._size.value


def test_stop_ends_a_long_training_and_keeps_the_best_weights(lab):
    lab._controls.epochs.value = 100
    lab._controls.batch_size.value = 1
    lab.train()
    wait_until(lambda: lab._known.history.get("val_loss"))
    assert lab._steering.train_button.disabled
    lab.stop()
    wait_until(lambda: not lab._steering.train_button.disabled)
    assert "Stopped" in lab._steering.status.value
    assert lab.runs[0].result.best_epoch >= 1


def test_pause_step_and_resume(lab):
    lab._controls.epochs.value = 100
    lab.step("batch")
    wait_until(lambda: lab._steering.train_button.description == "Resume")
    assert "batch 1 of 13" in lab._steering.status.value
    assert lab._steering.pause_button.disabled
    lab.step("epoch")
    wait_until(lambda: len(lab._known.history.get("val_loss", [])) == 1 and not lab._steering.train_button.disabled)
    lab.train()
    wait_until(lambda: len(lab._known.history["val_loss"]) > 2)
    assert (lab._steering.train_button.disabled, lab._steering.pause_button.disabled) == (True, False)
    lab.pause()
    wait_until(lambda: not lab._steering.train_button.disabled)
    lab.stop()
    wait_until(lambda: lab._steering.stop_button.disabled)
    assert len(lab.runs) == 1


def test_a_slider_moved_while_training_starts_a_new_network(lab):
    lab._controls.epochs.value = 100
    lab.train()
    wait_until(lambda: lab._known.history.get("val_loss"))
    lab._controls.nodes.value = 5
    wait_until(lambda: lab.runs)
    lab._controls.learning_rate.value = 1e-4
    assert lab.runs[0].result.config.label == "8/1"
    wait_until(lambda: lab._known.before.get("val_loss"))
    lab.stop()
    wait_until(lambda: lab._steering.stop_button.disabled)
    assert [run.result.config.label for run in lab.runs][1:] in (["5/1"], [])


def test_a_second_training_is_refused_with_a_sentence(lab):
    gate = threading.Event()
    job = worker.start(lambda: gate.wait(20), "Training elsewhere")
    lab.train()
    gate.set()
    job.join(20)
    assert "Training elsewhere is still running" in lab._steering.status.value
    assert lab.runs == []


def test_a_failure_in_the_worker_is_shown_and_the_panel_lives(lab, monkeypatch):
    def fails(*args, **kwargs):
        raise MemoryError("out of <memory>")

    with monkeypatch.context() as patch:
        patch.setattr(training, "fit", fails)
        lab.train(blocking=True)
    assert "The memory is full (out of &lt;memory&gt;): take a smaller batch size" in lab._steering.status.value
    assert "Traceback" in lab._steering.status.value
    lab.train(blocking=True)
    assert len(lab.runs) == 1


def test_same_configuration_trains_the_same_network(lab):
    lab.train(blocking=True)
    lab.train(blocking=True)
    first, second = (run.result.history["loss"] for run in lab.runs)
    assert first == second


def test_reset_clears_the_curves_and_puts_the_controls_back(lab):
    empty = bytes(lab._image.value)
    lab.train(blocking=True)
    lab._controls.nodes.value = 3
    lab._steering.reset()
    assert bytes(lab._image.value) == empty
    assert lab.config == CONFIG
    assert len(lab.runs) == 1
    lab._controls.epochs.value = 100
    lab.train()
    wait_until(lambda: lab._known.history.get("val_loss"))
    lab._steering.reset()
    wait_until(lambda: lab._steering.stop_button.disabled)
    assert bytes(lab._image.value) == empty
    assert (len(lab.runs), lab._known.history) == (1, {})
    assert "press Train" in lab._steering.status.value


def test_fewer_inputs_are_fewer_columns(lab):
    tick_b = lab._controls._ticks[1]
    tick_b.value = False
    assert lab.config.inputs == ("a",)
    assert f"{2 * 8 + 9} parameters" in lab._controls._size.value
    lab.train(blocking=True)
    both = panel.TrainingPanel(training.Data(*gaussians(800, 1), *gaussians(400, 2)), gaussians(400, 3), CONFIG)
    both.train(blocking=True)
    assert lab.runs[0].result.model.input_shape == (None, 1)
    assert lab.runs[0].metrics["auc"].value < both.runs[0].metrics["auc"].value
    lab._controls._ticks[0].value = False
    assert "No input is ticked" in lab._controls._size.value
    lab.train(blocking=True)
    assert "No input is ticked" in lab._steering.status.value
    assert len(lab.runs) == 1


@pytest.mark.parametrize("name", live_views.VIEWS)
def test_every_view_changes_with_the_training(lab, name):
    lab._views[0].value = name
    empty = bytes(lab._image.value)
    lab._controls.epochs.value = 2
    lab.train(blocking=True)
    assert bytes(lab._image.value) != empty


def test_runs_are_ticked_deleted_and_exported(lab):
    for nodes in (4, 5, 6):
        lab._controls.nodes.value = nodes
        lab.train(blocking=True)
    table = lab._table
    alone = bytes(lab._image.value)
    table._ticks.children[0].value = True
    assert bytes(lab._image.value) != alone
    assert [each.label.split()[0] for each in lab._known.overlaid] == ["4/1"]
    table._ticks.children[1].value = True
    assert [each.label.split()[0] for each in lab._known.overlaid] == ["5/1", "4/1"]
    table.delete()
    assert [run.result.config.nodes for run in lab.runs] == [6]
    assert bytes(lab._image.value) == alone
    lab.train(blocking=True)
    assert [box.description for box in table._ticks.children] == ["3: 6/1", "4: 6/1"]
    text = base64.b64decode(re.search('base64,([^"]+)', table._link.value)[1]).decode()
    assert len(list(csv.reader(text.splitlines()))) == 3


def test_code_share_and_save(lab, tmp_path, monkeypatch):
    tools = lab._tools
    tools.save()
    assert "press Train first" in tools._said.value
    tools.show_code()
    assert "keras.layers.Dense" in tools._code.value
    lab._controls.nodes.value, lab._controls.dropout.value = 12, 0.25
    shared = lab.config
    tools.share()
    text, whole = tools._text.value, tools._json.value
    lab._controls.set(CONFIG)
    tools.use_text()
    assert lab.config == shared
    lab._controls.set(CONFIG)
    tools._text.value, tools._json.value = "", whole
    tools.use_text()
    assert lab.config == shared
    tools._text.value = text[:-3]
    tools.use_text()
    assert tools._said.value.startswith("⚠")


@pytest.mark.filterwarnings("ignore:.*__array__.*:DeprecationWarning")
def test_the_last_model_is_saved_and_loaded_safely(lab, tmp_path):
    lab._controls.epochs.value = 1
    lab.train(blocking=True)
    tools = lab._tools
    tools._file.value = str(tmp_path / "model.h5")
    tools.save()
    assert "must end in .keras" in tools._said.value
    tools._file.value = str(tmp_path / "model.keras")
    tools.save()
    assert "load_model" in tools._said.value
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    x = gaussians(50, 4)[0]
    np.testing.assert_allclose(training.predict(model, x), lab.runs[0].result.predict(x), atol=1e-6)


def made(**options):
    data = training.Data(*gaussians(1200, 1), *gaussians(400, 2))
    return panel.TrainingPanel(data, gaussians(400, 3), CONFIG, **options)


def test_each_layer_may_have_a_slider_of_its_own():
    lab = made()
    controls = lab._controls
    assert [each.layout.display for each in controls._layer_nodes] == ["none"] * 6
    controls.layers.value, controls._widths.value = 2, True
    assert [each.layout.display for each in controls._layer_nodes] == ["", ""] + ["none"] * 4
    controls._layer_nodes[1].value = 3
    assert lab.config.layer_nodes == (8, 3)
    assert f"{3 * 8 + 9 * 3 + 4} parameters" in controls._size.value
    controls.layers.value = 3
    assert lab.config.layer_nodes == (8, 3, 8)
    other = made()
    other._controls.set(lab.config)
    assert other.config == lab.config
    other._controls.set(CONFIG)
    assert other.config == CONFIG


def test_presets_move_all_controls():
    lab = made(presets={"start": {}, "broad": {"layers": 2, "nodes": 33, "batch_size": 512, "dropout": 0.5}})
    lab._controls._preset.value = "broad"
    assert lab.config == replace(CONFIG, layers=2, nodes=33, batch_size=512, dropout=0.5)
    lab._controls._preset.value = "start"
    assert lab.config == CONFIG


@pytest.mark.parametrize("name", PRESETS)
def test_the_presets_are_possible(name):
    lab = made()
    lab._controls._preset.value = name
    for field, value in PRESETS[name].items():
        assert getattr(lab.config, field) == value


def test_every_control_has_a_sentence():
    lab = made()
    for widget in (*lab._controls._fields.values(), *lab._controls._ticks, *lab._views):
        assert len(widget.tooltip) > 10


def test_a_training_that_was_cut_off_is_offered(monkeypatch, tmp_path):
    monkeypatch.setenv("JETLAB_CHECKPOINTS", str(tmp_path))
    whole = made()
    whole.train(blocking=True)
    assert made(keep="M2")._steering._offer.children == ()

    file = tmp_path / "M2.npz"
    first = made(keep="M2")
    first.epoch_ended = lambda event: event.epoch == 2 and file.rename(tmp_path / "cut off")
    first.train(blocking=True)
    (tmp_path / "cut off").rename(file)
    again = made(keep="M2")
    text, go_on, _ = again._steering._offer.children
    assert "A training of 8/1 was cut off after epoch 2 of 3" in text.value
    go_on.click()
    wait_until(lambda: again.runs)
    assert again.runs[0].result.history["loss"] == whole.runs[0].result.history["loss"]
    assert again._known.history["loss"] == whole._known.history["loss"]
    assert list(tmp_path.iterdir()) == []


def test_a_cut_off_training_can_be_forgotten(monkeypatch, tmp_path):
    monkeypatch.setenv("JETLAB_CHECKPOINTS", str(tmp_path))
    file = tmp_path / "M2.npz"
    lab = made(keep="M2")
    lab.epoch_ended = lambda event: event.epoch == 1 and file.rename(tmp_path / "cut off")
    lab.train(blocking=True)
    (tmp_path / "cut off").rename(file)
    offer = made(keep="M2")._steering._offer
    offer.children[2].click()
    assert offer.children == ()
    assert not file.exists()
    file.write_bytes(b"damaged")
    assert made(keep="M2")._steering._offer.children == ()


@pytest.fixture(scope="module")
def sample():
    return catalog.load("jets")[:500]


@pytest.mark.parametrize("model", ["dense", "cnn", "lstm", "deep_sets"])
def test_inputs_can_be_chosen_where_the_panel_makes_them(sample, model):
    config = RunConfig.standard(model, nodes=4, epochs=1, length=8, image_size=10)
    lab = panel.TrainingPanel.of(sample, jets.split(sample.event_index), np.ones(500), config)
    lab.train(blocking=True)
    if model == "cnn":
        lab._controls.image_size.value = 9
    elif model == "dense":
        lab._controls._ticks[0].value = False
    else:
        lab._controls.length.value, lab._controls.order_by.value = 5, "dr"
    text = lab._controls._size.value
    lab.train(blocking=True)
    assert lab._steering.status.value.startswith("All 1 epochs"), lab._steering.status.value
    first, second = (run.result.model for run in lab.runs)
    assert second.count_params() <= first.count_params()
    assert f"{second.count_params():,} parameters" in text
