"""A training one can steer: train, pause, step, resume, stop, and turn knobs meanwhile. No widgets.

The states are idle, running and paused. Every command is safe in every state and from every thread, and none is lost:
one that cannot act yet acts as soon as it can. One that makes no sense in the present state does nothing.
"""

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jetlab import models
from jetlab.backend import seeded
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.training import fitting, worker
from jetlab.training.checkpoint import Checkpoint
from jetlab.training.data import Data, shape
from jetlab.training.events import BatchEnd, EpochEnd, Event

IDLE, RUNNING, PAUSED = "idle", "running", "paused"
STEPS = ("batch", "epoch")
#: Fields of a configuration, and knobs, that act while a network trains.
LIVE = ("learning_rate", "strength")


#: What is trained: a RunConfig, or another frozen dataclass with a `label` and a `learning_rate`.
Config = Any


OnEvent = Callable[[Event, Any], None]
#: Builds and trains what a configuration says: it reports every event, with the model; after each BatchEnd it looks
#: whether to stop and at the knobs; it goes on with a training that was kept, if there is one.
Fit = Callable[[Config, OnEvent, threading.Event, fitting.Knobs, Checkpoint | None], fitting.Result]


def networks(prepare: Callable[[RunConfig], Data], keep: Path | None = None) -> Fit:
    """What a session trains for a RunConfig: its network, on the data that `prepare` makes for it.

    `keep` is where `checkpoint` keeps the training after each epoch, for `Session.train` with `kept`.
    """

    def fit(
        config: RunConfig, on_event: OnEvent, stop: threading.Event, knobs: fitting.Knobs, kept: Checkpoint | None
    ) -> fitting.Result:
        data = prepare(config)
        with seeded(config.seed):
            model = models.build(config, shape(data.x_train))
        return fitting.fit(model, config, data, lambda event: on_event(event, model), stop, knobs, keep, kept)

    return fit


@dataclass
class _Order:
    """A training that was asked for: `step` as in `Session.step`, `held` whether it begins with a pause."""

    config: Config
    step: str = ""
    kept: Checkpoint | None = None
    held: bool = False


class Session:
    """Trains one network after the other, in the kernel's worker thread.

    All that a session reports, it reports in the worker thread, in the order in which it happened; what is called must
    not wait for a training.

    Args:
        fit: builds and trains what a configuration says, such as `networks`; called in the worker.
        on_event: called with every training event and the model as it then is.
        on_end: called with the result of each training, or the exception that ended it.
        on_state: called with the new state whenever it changes, and at the beginning of each training.
    """

    def __init__(
        self,
        fit: Fit,
        on_event: OnEvent,
        on_end: Callable[[fitting.Result | Exception], None],
        on_state: Callable[[str], None] = lambda state: None,
    ) -> None:
        self._fit, self._on_event, self._on_end, self._on_state = fit, on_event, on_end, on_state
        self._lock = threading.Lock()
        # `_go` is cleared to hold the training; `_stop` ends it, be it for good or for the next one.
        self._go, self._stop = threading.Event(), threading.Event()
        self._state, self._step = IDLE, ""
        # Stopped by the user; what it still reports is not wanted.
        self._ending = self._dropped = False
        self._config: Config = None
        self._next: _Order | None = None
        self._knobs = fitting.Knobs()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> str:
        """IDLE, RUNNING or PAUSED."""
        return self._state

    @property
    def follows(self) -> Config:
        """What is trained after the present training, if a change or a command asked for it."""
        with self._lock:
            return self._next.config if self._next is not None else None

    @property
    def stepping(self) -> bool:
        """Whether the training goes in single steps."""
        return bool(self._step)

    def train(self, config: Config, blocking: bool = False, kept: Checkpoint | None = None) -> None:
        """Start training, or go on with one that was `kept`; if one is paused or goes in steps, let it go on.

        Behind a training that was stopped and still winds up, the new one is the next. `blocking` waits until all is
        over.

        Raises:
            worker.BusyError: another panel trains in this kernel, or this one does and `kept` would have to wait.
        """
        with self._lock:
            thread = self._order(_Order(config, "", kept))
        if blocking and thread is not threading.current_thread():
            thread.join()

    def pause(self) -> None:
        """Hold after the present slice of batches, a fraction of a second."""
        with self._lock:
            if self._ending and self._next is not None:
                self._next.held = True
            elif self._state != IDLE and not self._ending:
                self._go.clear()

    def resume(self) -> None:
        """Go on after a pause."""
        with self._lock:
            if not self._ending:
                self._proceed("")
            elif self._next is not None:
                self._next.held, self._next.step = False, ""

    def step(self, config: Config, what: str = "batch") -> None:
        """Train one "batch", or to the end of the "epoch", and pause; starts the training if there is none.

        Raises:
            ArgumentError: another `what`.
            worker.BusyError: another panel trains in this kernel.
        """
        if what not in STEPS:
            raise ArgumentError(f"what is {what!r}; a step is one of {', '.join(STEPS)}.")
        with self._lock:
            self._order(_Order(config, what))

    def stop(self) -> None:
        """End the training after the present slice; the best weights so far are kept."""
        with self._lock:
            self._end()

    def reset(self) -> None:
        """End the training after the present slice and report nothing more of it; its network is lost."""
        with self._lock:
            self._dropped = self._state != IDLE
            self._end()

    def change(self, config: Config) -> bool:
        """Take a changed configuration while training; returns whether the network starts anew for it.

        The learning rate changes at once, and the strength of a penalty; anything else needs another training, which
        starts at the end of this epoch.
        Idle, or stopped with no training to come: nothing to do.
        """
        with self._lock:
            if self._ending:
                if self._next is None:
                    return False
                self._next.config, self._next.kept = config, None
                return True
            if self._config is None:
                return False
            live = {name: getattr(config, name) for name in LIVE if hasattr(config, name)}
            for name, value in live.items():
                setattr(self._knobs, name, value)
            same = dataclasses.replace(self._config, **live) == config
            # Once the old training was stopped for the next one, the way back is a new one too.
            anew = not same or self._stop.is_set()
            self._next = _Order(config) if anew else None
            return anew

    def _order(self, order: _Order) -> threading.Thread:
        """Start what is asked for: now, or behind a training that is ending; else go on with the present one."""
        if self._state != IDLE and self._thread is not None:
            if self._ending:
                self._next = order
            elif order.kept is not None:
                raise worker.BusyError("A training runs here: stop it first, then go on with the one that was kept.")
            else:
                self._proceed(order.step)
            return self._thread
        before = self._thread
        self._thread = worker.start(lambda: self._work(order, before), f"Training {order.config.label}")
        self._begin(order)
        self._state = RUNNING
        return self._thread

    def _begin(self, order: _Order) -> None:
        """Set all that belongs to one training, before anybody can turn its knobs."""
        self._stop.clear()
        self._dropped = self._ending = False
        self._config, self._knobs = order.config, fitting.Knobs()
        self._proceed(order.step)
        if order.held:
            self._go.clear()

    def _proceed(self, step: str) -> None:
        self._step = step
        self._knobs.batches = 1 if step == "batch" else None
        self._go.set()

    def _end(self) -> None:
        self._next = None
        if self._state != IDLE:
            self._ending = True
            self._stop.set()
            self._go.set()

    def _work(self, order: _Order | None, before: threading.Thread | None) -> None:
        # The thread before may still have to report that it was over.
        if before is not None:
            before.join()
        # Held by the command that started this thread, until the state is set.
        with self._lock:
            pass
        try:
            while order is not None:
                self._on_state(RUNNING)
                self._report(self._outcome(order))
                order = self._take_next()
        finally:
            with self._lock:
                self._become_idle()
            self._on_state(IDLE)

    def _outcome(self, order: _Order) -> fitting.Result | Exception:
        try:
            return self._fit(order.config, self._hear, self._stop, self._knobs, order.kept)
        except Exception as error:  # the thread has nobody above it: the participant must read what happened
            return error

    def _report(self, outcome: fitting.Result | Exception) -> None:
        """Hand an outcome over; where showing a result fails, that is what the participant must read."""
        try:
            self._tell(self._on_end, outcome)
        except Exception as error:
            if isinstance(outcome, Exception):
                raise
            self._tell(self._on_end, error)

    def _take_next(self) -> _Order | None:
        """The training that was asked for meanwhile; where there is none, idle at once, so that no command is lost."""
        with self._lock:
            order, self._next = self._next, None
            if order is None:
                self._become_idle()
                return None
            if not self._ending:
                # A change of the network does not change whether it goes in steps, or is to be held.
                order.step, order.held = self._step, not self._go.is_set()
            self._begin(order)
            return order

    def _become_idle(self) -> None:
        if self._thread is threading.current_thread():
            self._state, self._config, self._ending, self._next = IDLE, None, False, None
            worker.finished()

    def _tell(self, whom: Callable[..., None], *what: Any) -> None:
        if not self._dropped:
            whom(*what)

    def _hear(self, event: Event, model: Any) -> None:
        self._tell(self._on_event, event, model)
        if isinstance(event, BatchEnd | EpochEnd):
            self._after("batch" if isinstance(event, BatchEnd) else "epoch")

    def _after(self, done: str) -> None:
        """Between two slices: end for the next training, hold for a step or a pause, or go on."""
        with self._lock:
            if done == "epoch" and self._next is not None:
                self._stop.set()
            if self._step == done and not self._stop.is_set():
                self._go.clear()
            if self._go.is_set() or self._stop.is_set():
                return
            self._state = PAUSED
        self._on_state(PAUSED)
        self._go.wait()
        with self._lock:
            self._state = RUNNING
        self._on_state(RUNNING)
