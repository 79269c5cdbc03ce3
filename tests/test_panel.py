"""The live panel without a browser: what it trains, shows and refuses."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from jetlab import panel, training, worker
from jetlab.config import RunConfig

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
    assert "8/1" in lab._table.value
    assert str(run.metrics["auc"]) in lab._table.value
    assert lab._image.value != empty
    assert bytes(lab._image.value).startswith(b"\x89PNG")
    assert lab._progress.value == lab._progress.max
    assert not lab._train.disabled
    assert lab._halt.disabled


def test_sliders_decide_what_is_trained(lab):
    lab._controls._layers.value = 2
    lab._controls._nodes.value = 16
    lab._controls._batch_size.value = 256
    assert (lab.config.label, lab.config.batch_size) == ("16/2", 256)
    assert f"{3 * 16 + 17 * 16 + 17} parameters" in lab._controls._size.value
    lab.train(blocking=True)
    assert lab.runs[0].result.model.count_params() == 3 * 16 + 17 * 16 + 17


def test_too_many_parameters_are_warned_of(lab):
    lab._controls._layers.value, lab._controls._nodes.value = 3, 200
    assert "more than there are training jets" in lab._controls._size.value


def test_a_smaller_training_set_counts_in_the_warning(lab):
    small = panel.TrainingPanel(lab._data, (lab._x_test, lab._y_test, lab._w_test), replace(CONFIG, train_size=20))
    assert "20 training jets" in small._controls._size.value
    assert "more than there are" in small._controls._size.value


def test_stop_ends_a_long_training_and_keeps_the_best_weights(lab):
    lab._controls._epochs.value = 100
    lab._controls._batch_size.value = 1
    lab.train()
    wait_until(lambda: lab._history.get("val_loss"))
    assert lab._train.disabled
    lab.stop()
    wait_until(lambda: not lab._train.disabled)
    assert "Stopped" in lab._status.value
    assert lab.runs[0].result.best_epoch >= 1


def test_pause_step_and_resume(lab):
    lab._controls._epochs.value = 100
    lab.step("batch")
    wait_until(lambda: lab._train.description == "Resume")
    assert "batch 1 of 13" in lab._status.value
    assert lab._pause.disabled
    lab.step("epoch")
    wait_until(lambda: len(lab._history.get("val_loss", [])) == 1 and not lab._train.disabled)
    lab.train()
    wait_until(lambda: len(lab._history["val_loss"]) > 2)
    assert (lab._train.disabled, lab._pause.disabled) == (True, False)
    lab.pause()
    wait_until(lambda: not lab._train.disabled)
    lab.stop()
    wait_until(lambda: lab._halt.disabled)
    assert len(lab.runs) == 1


def test_a_slider_moved_while_training_starts_a_new_network(lab):
    lab._controls._epochs.value = 100
    lab.train()
    wait_until(lambda: lab._history.get("val_loss"))
    lab._controls._nodes.value = 5
    wait_until(lambda: lab.runs)
    lab._controls._learning_rate.value = 1e-4
    assert lab.runs[0].result.config.label == "8/1"
    wait_until(lambda: lab._before.get("val_loss"))
    lab.stop()
    wait_until(lambda: lab._halt.disabled)
    assert [run.result.config.label for run in lab.runs][1:] in (["5/1"], [])


def test_a_second_training_is_refused_with_a_sentence(lab):
    gate = threading.Event()
    job = worker.start(lambda: gate.wait(20), "Training elsewhere")
    lab.train()
    gate.set()
    job.join(20)
    assert "Training elsewhere is still running" in lab._status.value
    assert lab.runs == []


def test_a_failure_in_the_worker_is_shown_and_the_panel_lives(lab, monkeypatch):
    def fails(*args, **kwargs):
        raise MemoryError("out of <memory>")

    with monkeypatch.context() as patch:
        patch.setattr(training, "fit", fails)
        lab.train(blocking=True)
    assert "out of &lt;memory&gt;" in lab._status.value
    assert "Traceback" in lab._status.value
    lab.train(blocking=True)
    assert len(lab.runs) == 1


def test_same_configuration_trains_the_same_network(lab):
    lab.train(blocking=True)
    lab.train(blocking=True)
    first, second = (run.result.history["loss"] for run in lab.runs)
    assert first == second
