"""What the row of buttons and its status line show, for a panel that draws nothing."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from jetlab import training
from jetlab.config import RunConfig
from jetlab.errors import JetlabError
from jetlab.panel.steering import Steering
from jetlab.training import checkpoint, worker
from jetlab.training.session import networks

LONG = RunConfig(inputs=("a",), layers=1, nodes=4, batch_size=64, epochs=1000, patience=0)
PART = (np.linspace(-1, 1, 128)[:, None], np.arange(128) % 2, None)


class Panel:
    """A view that draws nothing; `gate` holds a training at the end of each epoch while it is closed."""

    def __init__(self, keep=None):
        self.config, self.fault, self.begun = LONG, None, []
        self.gate, self.held = threading.Event(), threading.Event()
        self.gate.set()
        self.results = []
        path = checkpoint.folder() / keep if keep else None
        self.steering = Steering(self, lambda: self.config, networks(self.prepare, path), path)

    def prepare(self, config):
        if self.fault:
            raise self.fault
        return training.Data(*PART, *PART)

    def begins(self, history):
        self.begun.append(history)

    def epoch_ended(self, event):
        self.held.set()
        self.gate.wait(60)

    def draw(self, model):
        pass

    def ended(self, result):
        self.results.append(result)

    def reset(self):
        pass

    @property
    def said(self):
        return self.steering.status.value

    @property
    def offer(self):
        """What stands below the status line: sentence and buttons."""
        return self.steering.widget.children[-1].children


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


@pytest.fixture
def panel():
    panel = Panel()
    yield panel
    panel.gate.set()
    panel.steering.stop()
    wait_until(lambda: panel.steering.stop_button.disabled)


def test_an_error_at_once_is_what_stands_in_the_end(panel):
    for number in range(30):
        panel.fault = ValueError(f"fault {number}")
        panel.steering.train(blocking=True)
        assert f"ValueError: fault {number}" in panel.said
        assert "Traceback" in panel.said, "a fault keeps its traceback"


class KindError(JetlabError):
    pass


def test_what_jetlab_refuses_is_said_in_its_own_words(panel):
    panel.fault = KindError("Give at least one jet.")
    panel.steering.train(blocking=True)
    assert panel.said == "⚠ Give at least one jet."


def test_a_full_memory_is_called_so(panel):
    panel.fault = MemoryError()
    panel.steering.train(blocking=True)
    assert "memory" in panel.said


def test_the_first_epoch_of_each_run_is_reported(panel):
    panel.config, texts = replace(LONG, epochs=1), []
    panel.steering.status.observe(lambda change: texts.append(change["new"]), "value")
    for _ in range(3):
        panel.steering.train(blocking=True)
    assert sum("Epoch <b>1</b> of 1" in text for text in texts) == 3
    assert panel.begun == [{}] * 3


def test_a_new_network_is_announced_and_nothing_stale_is_said_of_it_later(panel):
    panel.gate.clear()
    panel.steering.train()
    assert panel.held.wait(60)
    panel.config = replace(LONG, nodes=5, epochs=1)
    panel.steering.change()
    assert "A new network, 5/1, starts at the end of this epoch." in panel.said
    panel.gate.set()
    wait_until(lambda: len(panel.results) == 2)
    wait_until(lambda: panel.steering.stop_button.disabled)
    assert "is being built" not in panel.said
    assert [result.config.nodes for result in panel.results] == [4, 5]


def test_reset_then_train_builds_another_network(panel):
    panel.gate.clear()
    panel.steering.train()
    assert panel.held.wait(60)
    panel.steering.reset()
    assert "press Train" in panel.said
    panel.config = replace(LONG, nodes=6, epochs=1)
    panel.steering.train()
    panel.gate.set()
    wait_until(lambda: panel.results)
    assert [result.config.nodes for result in panel.results] == [6]


def test_running_the_cell_again_during_training_offers_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("JETLAB_CHECKPOINTS", str(tmp_path))
    panel = Panel(keep="M2")
    panel.gate.clear()
    panel.steering.train()
    assert panel.held.wait(60)
    again = Panel(keep="M2")
    assert again.offer == ()
    panel.gate.set()
    panel.steering.stop()
    wait_until(lambda: panel.results)


@pytest.fixture
def cut_off(monkeypatch, tmp_path):
    """A training of which two of four epochs are kept."""
    monkeypatch.setenv("JETLAB_CHECKPOINTS", str(tmp_path))
    config = replace(LONG, epochs=4)

    def fail(event):
        if isinstance(event, training.EpochEnd) and event.epoch == 2:
            raise KeyboardInterrupt

    from jetlab import models

    with pytest.raises(KeyboardInterrupt):
        training.fit(models.build(config, 1), config, training.Data(*PART, *PART), fail, keep=tmp_path / "M2")
    return tmp_path / "M2"


def test_go_on_draws_the_curve_of_before_once(cut_off):
    panel = Panel(keep="M2")
    sentence, go_on, _ = panel.offer
    assert "was cut off after epoch 2 of 4" in sentence.value
    gate = threading.Event()
    other = worker.start(lambda: gate.wait(60), "Training elsewhere")
    go_on.click()
    assert "Training elsewhere is still running" in panel.said
    assert panel.offer, "it can be pressed again"
    gate.set()
    other.join()
    go_on.click()
    wait_until(lambda: panel.results)
    assert len(panel.begun[0]["loss"]) == 2
    assert len(panel.results[0].history["loss"]) == 4
    assert panel.offer == ()
    panel.config = replace(LONG, epochs=3)
    wait_until(lambda: panel.steering.stop_button.disabled)
    panel.steering.train(blocking=True)
    assert panel.begun[1] == {}, "another training does not begin with that curve"


def test_forget_it_removes_it(cut_off):
    panel = Panel(keep="M2")
    panel.offer[2].click()
    assert panel.offer == ()
    assert checkpoint.cut_off(cut_off) == []


def test_a_training_of_another_machine_may_still_run_there(cut_off):
    (file,) = cut_off.parent.iterdir()
    file.rename(file.with_name("M2.00000000-00000000-1-1-1.npz"))
    sentence, *_ = Panel(keep="M2").offer
    assert "got to epoch 2 of 4. If it still runs there, leave it alone." in sentence.value
