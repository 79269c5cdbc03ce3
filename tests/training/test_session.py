"""The steering of a training, with networks that really train; test_session_states has every order of commands."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from jetlab import training
from jetlab.config import RunConfig
from jetlab.training import worker
from jetlab.training.session import IDLE, PAUSED, RUNNING, Session, networks

LONG = RunConfig(inputs=("a", "b"), layers=1, nodes=4, batch_size=32, epochs=1000, patience=0)


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


class Seen:
    """What a session reported; `prepare` is called before data are made."""

    def __init__(self):
        self.events, self.ends, self.states = [], [], []
        self.prepare = lambda: None

    def epochs(self):
        return [event for event in self.events if isinstance(event, training.EpochEnd)]

    def batches(self):
        return [event.batch for event in self.events if isinstance(event, training.BatchEnd)]


@pytest.fixture
def seen():
    return Seen()


@pytest.fixture
def steered(seen):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 320)
    part = (rng.normal(y[:, None], 1, (320, 2)), y, np.ones(320))

    def prepare(config):
        seen.prepare()
        return training.Data(*part, *part)

    steered = Session(
        networks(prepare), lambda event, model: seen.events.append(event), seen.ends.append, seen.states.append
    )
    yield steered
    steered.stop()
    wait_until(lambda: steered.state == IDLE)


def test_train_stop(steered, seen):
    steered.train(LONG)
    wait_until(lambda: len(seen.epochs()) >= 2)
    assert steered.state == RUNNING
    steered.stop()
    wait_until(lambda: steered.state == IDLE)
    (result,) = seen.ends
    assert result.reason == "stopped"
    assert result.best_epoch >= 1
    assert seen.states == [RUNNING, IDLE]


def test_blocking_training_ends_by_itself(steered, seen):
    steered.train(replace(LONG, epochs=3), blocking=True)
    assert steered.state == IDLE
    assert len(seen.epochs()) == 3
    assert seen.ends[0].reason == "finished"


def test_pause_holds_and_resume_goes_on_where_it_was(steered, seen):
    steered.train(LONG)
    wait_until(lambda: len(seen.epochs()) >= 1)
    steered.pause()
    wait_until(lambda: steered.state == PAUSED)
    held = len(seen.events)
    steered.resume()
    wait_until(lambda: len(seen.events) > held + 2)
    epochs = [event.epoch for event in seen.epochs()]
    assert epochs == list(range(1, len(epochs) + 1))


def test_steps_of_a_batch_and_of_an_epoch(steered, seen):
    steered.step(LONG, "batch")
    wait_until(lambda: steered.state == PAUSED)
    assert seen.batches() == [1]
    steered.step(LONG, "batch")
    wait_until(lambda: len(seen.batches()) == 2 and steered.state == PAUSED)
    assert seen.batches() == [1, 2]
    steered.step(LONG, "epoch")
    wait_until(lambda: len(seen.epochs()) == 1 and steered.state == PAUSED)
    steered.step(LONG, "epoch")
    wait_until(lambda: len(seen.epochs()) == 2 and steered.state == PAUSED)
    assert [event.epoch for event in seen.epochs()] == [1, 2]


def test_stop_while_paused(steered, seen):
    steered.step(LONG, "epoch")
    wait_until(lambda: steered.state == PAUSED)
    steered.stop()
    wait_until(lambda: steered.state == IDLE)
    assert seen.ends[0].reason == "stopped"


def test_learning_rate_changes_on_the_fly(steered, seen):
    for epoch in (1, 2, 3):
        steered.step(LONG, "epoch")
        wait_until(lambda epoch=epoch: len(seen.epochs()) == epoch and steered.state == PAUSED)
        if epoch == 2:
            assert not steered.change(replace(LONG, learning_rate=1e-7))
    first, second, third = (event.val_loss for event in seen.epochs())
    assert abs(third - second) < 0.01 * abs(second - first)


def test_a_learning_rate_chosen_while_the_inputs_are_made_counts(steered, seen):
    made = threading.Event()
    seen.prepare = lambda: made.wait(30)
    steered.train(LONG)
    assert not steered.change(replace(LONG, learning_rate=1e-7))
    made.set()
    wait_until(lambda: len(seen.epochs()) >= 2)
    losses = [event.loss for event in seen.epochs()[:2]]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_another_network_starts_at_the_end_of_the_epoch(steered, seen):
    steered.train(LONG)
    wait_until(lambda: len(seen.epochs()) >= 1)
    assert steered.change(replace(LONG, nodes=8, epochs=2))
    wait_until(lambda: steered.state == IDLE)
    first, second = seen.ends
    assert (first.config.nodes, first.reason) == (4, "stopped")
    assert (second.config.nodes, second.reason) == (8, "finished")
    assert len(second.history["loss"]) == 2


def test_a_change_taken_back_changes_nothing(steered, seen):
    steered.step(LONG, "epoch")
    wait_until(lambda: steered.state == PAUSED)
    assert steered.change(replace(LONG, nodes=8))
    assert not steered.change(LONG)
    steered.step(LONG, "epoch")
    wait_until(lambda: len(seen.epochs()) == 2 and steered.state == PAUSED)
    assert seen.ends == []


def test_stop_forgets_a_change(steered, seen):
    steered.step(LONG, "batch")
    wait_until(lambda: steered.state == PAUSED)
    steered.change(replace(LONG, nodes=8))
    steered.stop()
    wait_until(lambda: steered.state == IDLE)
    assert len(seen.ends) == 1


def test_reset_reports_nothing_more(steered, seen):
    steered.reset()
    steered.train(LONG)
    wait_until(lambda: seen.epochs())
    steered.reset()
    reported = len(seen.events)
    wait_until(lambda: steered.state == IDLE)
    assert len(seen.events) <= reported + 1
    assert seen.ends == []
    steered.train(replace(LONG, epochs=1), blocking=True)
    assert [end.reason for end in seen.ends] == ["finished"]


def test_a_change_after_stop_starts_nothing(steered, seen):
    steered.train(LONG)
    wait_until(lambda: seen.epochs())
    steered.pause()
    wait_until(lambda: steered.state == PAUSED)
    steered.stop()
    assert not steered.change(replace(LONG, nodes=9))
    wait_until(lambda: steered.state == IDLE)
    assert [end.config.nodes for end in seen.ends] == [4]


def test_commands_without_sense_do_nothing(steered, seen):
    for command in (steered.pause, steered.resume, steered.stop):
        command()
        command()
    assert not steered.change(LONG)
    assert steered.state == IDLE
    assert seen.states == []
    with pytest.raises(ValueError, match="batch, epoch"):
        steered.step(LONG, "jet")


def fail(error):
    raise error


def test_a_failure_is_handed_over_and_the_next_training_works(steered, seen):
    seen.prepare = lambda: fail(MemoryError("full"))
    steered.train(LONG, blocking=True)
    assert isinstance(seen.ends[0], MemoryError)
    seen.prepare = lambda: None
    steered.train(replace(LONG, epochs=1), blocking=True)
    assert seen.ends[1].reason == "finished"


def test_two_sessions_do_not_train_at_once(steered):
    gate = threading.Event()
    job = worker.start(lambda: gate.wait(20), "Training elsewhere")
    with pytest.raises(worker.BusyError, match="Training elsewhere"):
        steered.train(LONG)
    gate.set()
    job.join(20)
    assert steered.state == IDLE


def test_a_pause_that_did_not_act_yet_is_taken_back_by_train(steered, seen):
    gate = threading.Event()
    seen.prepare = lambda: gate.wait(30)
    steered.train(LONG)
    steered.pause()
    steered.train(LONG)
    gate.set()
    wait_until(lambda: len(seen.epochs()) >= 2)
    assert PAUSED not in seen.states


def test_blocking_waits_for_a_training_that_runs_already(steered, seen):
    gate = threading.Event()
    seen.prepare = lambda: gate.wait(30)
    steered.train(replace(LONG, epochs=2))
    threading.Timer(0.01, gate.set).start()
    steered.train(replace(LONG, epochs=2), blocking=True)
    assert [end.reason for end in seen.ends] == ["finished"]
    assert steered.state == IDLE


def test_a_training_ordered_behind_stop_or_reset_is_trained(steered, seen):
    for end in (steered.stop, steered.reset):
        begun = len(seen.epochs())
        steered.train(LONG)
        wait_until(lambda begun=begun: len(seen.epochs()) > begun)
        end()
        steered.train(replace(LONG, nodes=5, epochs=1), blocking=True)
        assert (seen.ends[-1].reason, seen.ends[-1].config.nodes) == ("finished", 5)
    assert len(seen.ends) == 3, "the one that was reset reports nothing"


def test_a_training_may_follow_at_once_when_one_is_over(steered, seen):
    for _ in range(20):
        steered.train(replace(LONG, epochs=1))
        wait_until(lambda: steered.state == IDLE)
    assert [end.reason for end in seen.ends] == ["finished"] * 20
    wait_until(lambda: seen.states[-1] == IDLE)
    assert seen.states == [RUNNING, IDLE] * 20


def test_what_cannot_be_shown_is_reported_as_the_failure_it_is(steered, seen):
    def show(end):
        seen.ends.append(end)
        if not isinstance(end, Exception):
            raise RuntimeError("no room on the page")

    data = training.Data(*[np.ones((4, 1)), np.arange(4) % 2, None] * 2)
    shown = Session(networks(lambda config: data), print, show)
    shown.train(replace(LONG, inputs=("a",), epochs=1), blocking=True)
    assert shown.state == IDLE
    assert [type(end).__name__ for end in seen.ends] == ["Result", "RuntimeError"]
