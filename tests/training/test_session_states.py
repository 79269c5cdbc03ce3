"""A session against a model of itself: whatever is commanded, from whichever thread, nothing hangs, is lost or lies.

Training is played by an engine that trains a batch only when the test lets it, so that nothing depends on speed.
"""

import copy
import threading
import time
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jetlab import training
from jetlab.config import RunConfig
from jetlab.training.session import IDLE, PAUSED, RUNNING, Session

EPOCHS, BATCHES = 2, 2
CONFIGS = [RunConfig(inputs=("a",), layers=1, nodes=nodes, epochs=EPOCHS) for nodes in (2, 3)]
CONFIGS += [replace(CONFIGS[0], learning_rate=0.5)]
PATIENCE = 60


class FailureError(Exception):
    """What a training fails with."""


class Engine:
    """Stands for `training.fit`: waits for a permit before each batch, and fails where the test wants it to."""

    def __init__(self):
        self.lock = threading.Condition()
        self.permits, self.waiting, self.fails = 0, False, False
        self.config, self.done, self.at = None, 0, ""

    def permit(self, batches=1):
        with self.lock:
            self.permits, self.waiting = self.permits + batches, False
            self.lock.notify_all()

    def fit(self, config, on_model_event, stop, knobs, kept):
        def on_event(event):
            on_model_event(event, None)

        self.config, self.done, self.at = config, 0, ""
        on_event(training.TrainBegin(EPOCHS, BATCHES))
        for epoch in range(1, EPOCHS + 1):
            for batch in range(1, BATCHES + 1):
                with self.lock:
                    self.waiting = not self.permits
                    self.lock.wait_for(lambda: self.permits)
                    self.permits -= 1
                    self.done, self.at = self.done + 1, "batch"
                if self.fails:
                    self.fails = False
                    raise FailureError(str(config.nodes))
                on_event(training.BatchEnd(epoch, EPOCHS, batch, BATCHES, 0.5))
                if stop.is_set():
                    return "stopped", config
            self.at = "epoch"
            on_event(training.EpochEnd(epoch, EPOCHS, 0.5, 0.5, {}, 0.1, 10.0))
            if stop.is_set():
                return "stopped", config
        return "finished", config


@dataclass
class Model:
    """What a session should do, in words: commands act on the training, or on the one that waits for its end."""

    state: str = IDLE
    config: RunConfig | None = None
    step: str = ""
    hold: bool = False
    done: int = 0
    at: str = ""
    ending: bool = False
    dropped: bool = False
    fails: bool = False
    lazy: bool = False
    waking: bool = False
    next: tuple | None = None
    ends: list = field(default_factory=list)

    def train(self, config, step=""):
        if self.state == IDLE:
            self.begin(config, step, False)
        elif self.ending:
            self.next = (config, step, False)
        else:
            self.go_on(step)

    def resume(self):
        if self.ending and self.next:
            self.next = (self.next[0], "", False)
        elif not self.ending and self.state != IDLE:
            self.go_on("")

    def pause(self):
        if self.ending and self.next:
            self.next = (*self.next[:2], True)
        elif not self.ending and self.state != IDLE:
            self.hold = True

    def stop(self):
        self.next = None
        if self.state != IDLE:
            self.ending, self.hold = True, False
            if self.state == PAUSED:
                self.wake()

    def reset(self):
        if self.state != IDLE:
            self.dropped = True
        self.stop()

    def change(self, config):
        if self.state == IDLE:
            return
        if self.ending:
            if self.next:
                self.next = (config, *self.next[1:])
        else:
            anew = replace(config, learning_rate=self.config.learning_rate) != self.config
            self.next = (config, None, None) if anew else None

    def begin(self, config, step, hold):
        self.state, self.config, self.step, self.hold, self.done = RUNNING, config, step, hold, 0
        self.at, self.ending, self.dropped, self.next = "", False, False, None

    def go_on(self, step):
        self.step, self.hold = step, False
        if self.state == PAUSED:
            self.wake()

    def wake(self):
        """A held training goes on behind the event at which it was held."""
        if self.lazy:
            self.waking = True
            return
        self.state = RUNNING
        if self.ending:
            self.over("stopped")
        elif self.at == "batch" and self.done % BATCHES == 0:
            self.epoch_ended()
        elif self.at == "epoch" and self.done == EPOCHS * BATCHES:
            self.over("finished")

    def settle(self):
        """The worker woke up only after what else was commanded."""
        self.lazy = False
        if self.waking:
            self.waking = False
            self.wake()

    def tick(self):
        self.done += 1
        if self.fails:
            self.fails = False
            self.over(str(self.config.nodes))
        elif self.ending:
            self.over("stopped")
        elif self.hold or self.step == "batch":
            self.held_at("batch")
        elif self.done % BATCHES == 0:
            self.epoch_ended()

    def epoch_ended(self):
        if self.next:
            self.over("stopped")
        elif self.hold or self.step == "epoch":
            self.held_at("epoch")
        elif self.done == EPOCHS * BATCHES:
            self.over("finished")

    def held_at(self, event):
        self.state, self.at, self.hold = PAUSED, event, True

    def over(self, how):
        if not self.dropped:
            self.ends.append((how, self.config))
        if self.next is None:
            self.state, self.config, self.ending, self.dropped, self.step = IDLE, None, False, False, ""
        elif self.ending:
            self.begin(*self.next)
        else:
            self.begin(self.next[0], self.step, self.hold)


COMMANDS = st.one_of(
    st.tuples(st.sampled_from(["train", "step batch", "step epoch", "change"]), st.sampled_from(CONFIGS)),
    st.tuples(st.sampled_from(["pause", "resume", "stop", "reset"]), st.none()),
)


class SessionMachine(RuleBasedStateMachine):
    """`models` are all that may be: of two commands at once, either may have been the first."""

    def __init__(self):
        super().__init__()
        self.engine, self.models = Engine(), [Model()]
        self.states, self.ends = [IDLE], []
        self.session = Session(self.engine.fit, lambda event, model: None, self.ended, self.states.append)

    def ended(self, end):
        self.ends.append((str(end), CONFIGS[0]) if isinstance(end, Exception) else end)

    def command(self, name, config):
        what, _, step = name.partition(" ")
        if what == "step":
            self.session.step(config, step)
        elif config is not None:
            getattr(self.session, what)(config)
        else:
            getattr(self.session, what)()

    def modelled(self, model, name, config):
        model = copy.deepcopy(model)
        what, _, step = name.partition(" ")
        if what == "step":
            model.train(config, step)
        elif config is not None:
            getattr(model, what)(config)
        else:
            getattr(model, what)()
        return model

    @rule(command=COMMANDS)
    def one(self, command):
        self.command(*command)
        self.models = [self.modelled(model, *command) for model in self.models]

    @rule(first=COMMANDS, second=COMMANDS)
    def two_at_once(self, first, second):
        together = threading.Barrier(2)

        def run(command):
            together.wait(PATIENCE)
            self.command(*command)

        threads = [threading.Thread(target=run, args=(command,)) for command in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a command hangs"
        maybe = []
        for model in self.models:
            for one, other in ((first, second), (second, first)):
                for lazy in (False, True):
                    after = self.modelled(self.modelled(replace(model, lazy=lazy), *one), *other)
                    after.settle()
                    if after not in maybe:
                        maybe.append(after)
        self.models = maybe

    # No preconditions: either of two commands may be the first, and Hypothesis wants every run to offer the same.
    @rule()
    def one_batch(self):
        if self.session.state == RUNNING:
            self.engine.permit()
            for model in self.models:
                model.tick()

    @rule()
    def fail(self):
        if self.session.state == RUNNING:
            self.engine.fails = True
            for model in self.models:
                model.fails = True

    @invariant()
    def it_is_as_it_should_be(self):
        end = time.monotonic() + PATIENCE
        while not (found := [model for model in self.models if self.fits(model)]):
            assert time.monotonic() < end, f"{self.seen()}, but should be one of {self.models}"
            time.sleep(0.0005)
        self.models = found

    def fits(self, model):
        if model.state == IDLE:
            there = True
        elif model.state == PAUSED:
            there = (self.engine.config, self.engine.done, self.engine.at) == (model.config, model.done, model.at)
        else:
            there = self.engine.waiting and (self.engine.config, self.engine.done) == (model.config, model.done)
        follows = model.next[0] if model.next else None
        stepping = bool(model.step) if model.state != IDLE else self.session.stepping
        expected = (model.state, model.state, follows, stepping, [self.named(end) for end in model.ends])
        return there and self.seen() == expected

    def seen(self):
        ends = [self.named(end) for end in self.ends]
        return self.session.state, self.states[-1], self.session.follows, self.session.stepping, ends

    @staticmethod
    def named(end):
        how, config = end
        return (how, config) if how in ("stopped", "finished") else how

    def teardown(self):
        self.session.stop()
        self.engine.permit(1000)
        end = time.monotonic() + PATIENCE
        while self.states[-1] != IDLE or self.session.state != IDLE:
            assert time.monotonic() < end, f"it does not end: {self.seen()}"
            time.sleep(0.0005)


SessionMachine.TestCase.settings = settings(
    max_examples=300, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSession = SessionMachine.TestCase
