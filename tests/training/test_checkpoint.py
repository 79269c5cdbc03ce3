"""A training that was cut off goes on as if it had not been."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from jetlab import models, training
from jetlab.backend import load_keras
from jetlab.config import RunConfig
from jetlab.training import checkpoint

CONFIG = RunConfig(layers=1, nodes=6, dropout=0.2, batch_size=32, epochs=8, patience=0, learning_rate=0.01)
LONG = replace(CONFIG, epochs=80)
#: How often a training is killed; 100 and more by JETLAB_TEST_KILLS=100.
KILLS = int(os.environ.get("JETLAB_TEST_KILLS", "12"))


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
    load_keras().utils.set_random_seed(config.seed)
    return training.fit(models.build(config, 3), config, options.pop("data", data()), **options)


def numbers(result):
    return {name: values for name, values in result.history.items() if name != "seconds"}


@pytest.fixture
def keep(tmp_path):
    return tmp_path / "kept" / "M2"


@pytest.fixture
def cut(keep):
    with pytest.raises(CutOffError):
        fit(keep=keep, on_event=cut_after(3))
    (cut,) = checkpoint.cut_off(keep)
    return cut


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
def test_it_goes_on_with_the_numbers_it_would_have_had(keep, schedule):
    config = replace(CONFIG, schedule=schedule)
    with pytest.raises(CutOffError):
        fit(config, keep=keep, on_event=cut_after(3))
    (cut,) = checkpoint.cut_off(keep)
    whole, events = fit(config), []
    assert (cut.epoch, cut.config, cut.elsewhere) == (3, config, "")
    again = fit(config, resume=cut, keep=keep, on_event=events.append)
    assert len(events[0].history["loss"]) == 3
    assert [event.epoch for event in events if isinstance(event, training.EpochEnd)] == [4, 5, 6, 7, 8]
    assert numbers(again) == numbers(whole)
    assert again.best_epoch == whole.best_epoch
    for one, other in zip(again.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(keep.parent.iterdir()) == []


def test_a_rate_chosen_on_the_fly_is_the_rate_it_goes_on_with(keep):
    def trained(keep=None, cut=None):
        knobs = training.Knobs()

        def on_event(event):
            if isinstance(event, training.EpochEnd) and event.epoch == 2:
                knobs.learning_rate = 0.003
            if cut:
                cut_after(cut)(event)

        return fit(knobs=knobs, keep=keep, on_event=on_event)

    with pytest.raises(CutOffError):
        trained(keep, 4)
    (cut,) = checkpoint.cut_off(keep)
    assert cut.history["learning_rate"] == [0.01, 0.01, 0.003, 0.003]
    assert numbers(fit(resume=cut)) == numbers(trained())


def test_best_weights_of_before_are_kept(cut):
    worse = replace(cut, history={**cut.history, "val_loss": [1.0, 1e-9, 1.0]}, best_epoch=2)
    again = fit(resume=worse)
    assert again.best_epoch == 2
    for one, other in zip(again.model.get_weights(), cut.best, strict=True):
        np.testing.assert_array_equal(one, other)


def changed(part, row):
    other = data()
    values = getattr(other, part).copy()
    values[row] += 1e-3
    return replace(other, **{part: values})


def test_other_jets_or_another_network_are_refused_and_stay_kept(keep, cut):
    for other in (data(seed=1), changed("x_train", -1), changed("x_validation", -1), changed("w_train", 299)):
        with pytest.raises(training.TrainingError, match="train anew"):
            fit(resume=cut, keep=keep, data=other)
    with pytest.raises(training.TrainingError, match="train anew"):
        fit(replace(CONFIG, nodes=7), resume=cut, keep=keep)
    assert [kept.path for kept in checkpoint.cut_off(keep)] == [cut.path]


def test_a_file_that_is_damaged_or_missing_is_none(keep, cut):
    assert checkpoint.cut_off(keep.with_name("M3")) == []
    whole = cut.path.read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2]):
        cut.path.write_bytes(damaged)
        assert checkpoint.cut_off(keep) == []


def test_one_that_is_forgotten_is_not_offered_again(keep, cut):
    checkpoint.forget(cut)
    checkpoint.forget(cut)
    assert checkpoint.cut_off(keep) == []


def test_the_own_process_while_it_trains_is_not_cut_off(keep):
    found = []
    fit(keep=keep, on_event=lambda event: found.append(checkpoint.cut_off(keep)))
    assert found == [[]] * len(found)
    assert len(found) > CONFIG.epochs


def test_two_trainings_of_one_name_do_not_disturb_each_other(keep):
    gate, going = threading.Event(), threading.Event()

    def hold(event):
        if isinstance(event, training.EpochEnd) and event.epoch == 2:
            going.set()
            assert gate.wait(60)

    thread = threading.Thread(target=lambda: fit(keep=keep, on_event=hold))
    thread.start()
    assert going.wait(60)
    with pytest.raises(CutOffError):
        fit(keep=keep, on_event=cut_after(5))
    fit(keep=keep)
    assert [kept.epoch for kept in checkpoint.cut_off(keep)] == [5], "neither the one that runs nor the one that ended"
    gate.set()
    thread.join(60)
    assert [kept.epoch for kept in checkpoint.cut_off(keep)] == [5]


def test_only_one_of_two_goes_on_with_it(keep, cut):
    resumed = []

    def meanwhile(event):
        if isinstance(event, training.EpochEnd) and not resumed:
            resumed.append(event.epoch)
            assert checkpoint.cut_off(keep) == []
            with pytest.raises(training.TrainingError, match="no longer there"):
                fit(resume=cut, keep=keep)

    assert numbers(fit(resume=cut, keep=keep, on_event=meanwhile)) == numbers(fit())
    assert resumed == [4]


def renamed(cut, **fields):
    """The same file of another owner; the name holds node, boot and container, process, its start, and a number."""
    name, owner, suffix = cut.path.name.split(".")
    node, boot, process, start, number = owner.split("-")
    old = {"node": node, "boot": boot, "process": process, "start": start, "number": number}
    path = cut.path.with_name(f"{name}.{'-'.join(map(str, (old | fields).values()))}.{suffix}")
    return cut.path.rename(path)


@pytest.fixture
def other_process():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate(b"\n")


def started(process):
    import psutil

    return round(psutil.Process(process).create_time())


def test_another_living_process_is_left_alone_and_a_reused_number_is_not(keep, cut, other_process):
    path = renamed(cut, process=other_process, start=started(other_process))
    assert checkpoint.cut_off(keep) == []
    renamed(replace(cut, path=path), start=started(other_process) - 3600)
    assert [kept.epoch for kept in checkpoint.cut_off(keep)] == [3]


def test_another_machine_is_named_and_the_own_one_before_it_was_started_anew_is_not(keep, cut):
    path = renamed(cut, node="0badcafe")
    (kept,) = checkpoint.cut_off(keep)
    assert kept.elsewhere == os.uname().nodename
    path = renamed(replace(cut, path=path), node=cut.path.name.split(".")[1].split("-")[0], boot="0badcafe")
    (kept,) = checkpoint.cut_off(keep)
    assert kept.elsewhere == ""
    assert numbers(fit(resume=kept, keep=keep)) == numbers(fit())


def test_what_was_half_written_by_a_dead_process_is_removed(keep, cut):
    path = renamed(cut, process=2**22 + 1)
    half = path.with_suffix(".new")
    half.write_bytes(b"PK")
    mine = keep.parent / "M3.notes.new"
    mine.write_text("of somebody else")
    assert len(checkpoint.cut_off(keep)) == 1
    assert not half.exists()
    assert mine.exists()


def test_a_folder_that_cannot_be_written_is_a_warning_and_training_goes_on(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="goes on without"):
        result = fit(keep=tmp_path / "file" / "M2")
    assert len(result.history["loss"]) == CONFIG.epochs


def test_the_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("JETLAB_CHECKPOINTS", str(tmp_path))
    assert checkpoint.folder() == tmp_path
    monkeypatch.delenv("JETLAB_CHECKPOINTS")
    assert checkpoint.folder().name == "checkpoints"


# One process loads TensorFlow; each training is a fork of it, which has not used it yet, and is killed by the test.
NURSERY = """
import os, pathlib, sys
sys.path.insert(0, os.getcwd())
import tests.training.test_checkpoint as t
t.nursery(pathlib.Path(sys.argv[1]))
"""


def nursery(keep):
    """For each line read start a training in a process of its own; print its number, a line an epoch, and its end."""

    def on_event(event):
        if isinstance(event, training.EpochEnd):
            print("epoch", flush=True)

    load_keras()
    while sys.stdin.readline():
        if process := os.fork():
            print(process, flush=True)
            os.waitpid(process, 0)
            print("gone", flush=True)
        else:
            fit(LONG, keep=keep, on_event=on_event)
            os._exit(0)


def trained(nursery, epochs=None, seconds=0.0):
    """Train once, killed -9 so many seconds after so many `epochs` where given; return when each line came."""
    nursery.stdin.write("\n")
    nursery.stdin.flush()
    process, at = int(nursery.stdout.readline()), [time.monotonic()]
    timer = threading.Timer(seconds, os.kill, (process, signal.SIGKILL))
    while True:
        if len(at) - 1 == epochs:
            timer.start()
        line = nursery.stdout.readline()
        at.append(time.monotonic())
        if line == "gone\n":
            timer.cancel()
            return at
        assert line == "epoch\n"


def test_killed_at_any_moment_it_goes_on_to_the_same_curve(keep, repository):
    whole, rng, moments = numbers(fit(LONG)), random.Random(1), []
    command = [sys.executable, "-c", NURSERY, str(keep)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, cwd=repository, **pipes) as process:
        # Trained to its end it leaves nothing; how long its epochs take here says which moments there are.
        at = trained(process)
        assert checkpoint.cut_off(keep) == []
        lengths = np.diff(at)[: LONG.epochs]
        for number in range(KILLS):
            # Each sixth while it is built and compiled, the others anywhere from the first epoch to the last.
            epochs = 0 if number % 6 == 5 else rng.randrange(1, LONG.epochs)
            trained(process, epochs, lengths[epochs] * rng.random())
            kept = checkpoint.cut_off(keep)
            assert len(kept) <= 1
            moments.append((epochs, kept[0].epoch if kept else 0))
            for cut in kept:
                assert numbers(fit(LONG, resume=cut, keep=keep)) == whole
            assert checkpoint.cut_off(keep) == []
        process.stdin.close()
    print("\nkilled after, kept after epochs:", *moments)
