"""A training that was cut off goes on as if it had not been."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from jetlab import checkpoint, models, training
from jetlab.config import RunConfig

CONFIG = RunConfig(layers=1, nodes=6, dropout=0.2, batch_size=32, epochs=8, patience=0, learning_rate=0.01)


def data(seed=0, shift=1.0):
    rng = np.random.default_rng(seed)
    y = np.arange(500) % 2
    x = rng.normal(size=(500, 3)) + shift * y[:, None]
    return training.Data(x[:300], y[:300], None, x[300:], y[300:], None)


class CutOffError(Exception):
    pass


def cut_after(epoch):
    def on_event(event):
        if isinstance(event, training.EpochEnd) and event.epoch == epoch:
            raise CutOffError

    return on_event


def fit(config=CONFIG, **options):
    import keras

    keras.utils.set_random_seed(config.seed)
    return training.fit(models.build(config, 3), config, options.pop("data", data()), **options)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "kept" / "M2.npz"


@pytest.fixture
def cut(file):
    with pytest.raises(CutOffError):
        fit(keep=file, on_event=cut_after(3))
    return checkpoint.read(file)


def test_it_goes_on_with_the_numbers_it_would_have_had(cut, file):
    whole = fit()
    assert (cut.epoch, cut.config) == (3, CONFIG)
    epochs = []
    again = fit(resume=cut, keep=file, on_event=lambda event: epochs.append(getattr(event, "epoch", None)))
    assert epochs[0] == 4
    for name in set(whole.history) - {"seconds"}:
        assert again.history[name] == whole.history[name], name
    assert again.best_epoch == whole.best_epoch
    for one, other in zip(again.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not file.exists()


def test_best_weights_of_before_are_kept(cut):
    worse = replace(cut, history={**cut.history, "val_loss": [1.0, 1e-9, 1.0]}, best_epoch=2)
    again = fit(resume=worse)
    assert again.best_epoch == 2
    for one, other in zip(again.model.get_weights(), cut.best, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_jets_or_another_network_are_refused(cut):
    with pytest.raises(training.TrainingError, match="train anew"):
        fit(resume=cut, data=data(seed=1))
    with pytest.raises(training.TrainingError, match="train anew"):
        fit(replace(CONFIG, nodes=7), resume=cut)


def test_a_file_that_is_damaged_or_missing_is_none(cut, file):
    assert checkpoint.read(file.with_name("other.npz")) is None
    whole = file.read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        assert checkpoint.read(file) is None


def test_a_training_that_still_runs_elsewhere_is_not_offered(cut, file, monkeypatch):
    parent = os.getppid()
    monkeypatch.setattr(os, "getpid", lambda: parent)
    checkpoint.write(file, cut)
    monkeypatch.undo()
    assert checkpoint.read(file) is None


def test_a_folder_that_cannot_be_written_is_a_warning_and_training_goes_on(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="goes on without"):
        result = fit(keep=tmp_path / "file" / "M2.npz")
    assert len(result.history["loss"]) == CONFIG.epochs


KILLED = """
import sys, tests.test_checkpoint as t, pathlib, threading
file = pathlib.Path(sys.argv[1])
def on_event(event):
    if isinstance(event, t.training.EpochEnd) and event.epoch == 2:
        print("ready", flush=True)
        threading.Event().wait()
t.fit(keep=file, on_event=on_event)
"""


def test_after_kill_9_the_training_goes_on(file, repository):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE, text=True, cwd=repository
    )
    with process.stdout:
        assert process.stdout.readline() == "ready\n"
    assert checkpoint.read(file) is None, "it still runs"
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = checkpoint.read(file)
    assert kept.epoch == 2
    assert fit(resume=kept).history["loss"] == fit().history["loss"]


def test_the_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("JETLAB_CHECKPOINTS", str(tmp_path))
    assert checkpoint.folder() == tmp_path
    monkeypatch.delenv("JETLAB_CHECKPOINTS")
    assert checkpoint.folder().name == "checkpoints"
