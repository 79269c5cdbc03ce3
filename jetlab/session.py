"""A training one can steer: train, pause, step, resume, stop, and turn knobs meanwhile. No widgets.

The states are idle, running and paused. Every command is safe in every state and from every thread; one that makes no
sense in the present state does nothing. Used by the live panel of M2.
"""

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jetlab import models, training, worker
from jetlab.backend import seeded
from jetlab.checkpoint import Checkpoint
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError
from jetlab.parts import shape

IDLE, RUNNING, PAUSED = "idle", "running", "paused"
STEPS = ("batch", "epoch")


class Session:
    """Trains one network after the other on the same data, in the kernel's worker thread.

    Args:
        prepare: makes the data for a configuration; called in the worker.
        on_event: called in the worker with every training event and the model as it then is.
        on_end: called in the worker with the result of each training, or the exception that ended it.
        on_state: called with the new state whenever it changes.
        keep: file that holds the training after each epoch, for `train` with `kept` after the kernel died.
    """

    def __init__(
        self,
        prepare: Callable[[RunConfig], training.Data],
        on_event: Callable[[training.Event, Any], None],
        on_end: Callable[[training.Result | Exception], None],
        on_state: Callable[[str], None] = lambda state: None,
        keep: Path | None = None,
    ) -> None:
        self._prepare, self._on_event, self._on_end, self._on_state = prepare, on_event, on_end, on_state
        self._keep, self._dropped, self._ending = keep, False, False
        self._lock = threading.Lock()
        self._go, self._stop = threading.Event(), threading.Event()
        self._state, self._step = IDLE, ""
        self._config: RunConfig | None = None
        self._next: RunConfig | None = None
        self._knobs = training.Knobs()

    @property
    def state(self) -> str:
        """IDLE, RUNNING or PAUSED."""
        return self._state

    @property
    def stepping(self) -> bool:
        """Whether the training goes in single steps."""
        return bool(self._step)

    def train(self, config: RunConfig, blocking: bool = False, kept: Checkpoint | None = None) -> None:
        """Start training, or go on with one that was `kept`; if paused, go on; if running, nothing.

        `blocking` waits for the end.

        Raises:
            worker.BusyError: another panel trains in this kernel.
        """
        if self._state != IDLE:
            self.resume()
            return
        thread = self._start(config, step="", kept=kept)
        if blocking:
            thread.join()

    def pause(self) -> None:
        """Hold after the present slice of batches, a fraction of a second."""
        with self._lock:
            if self._state == RUNNING and not self._stop.is_set():
                self._go.clear()

    def resume(self) -> None:
        """Go on after a pause."""
        self._proceed("")

    def step(self, config: RunConfig, what: str = "batch") -> None:
        """Train one "batch", or to the end of the "epoch", and pause; starts the training if there is none.

        Raises:
            ArgumentError: another `what`.
            worker.BusyError: another panel trains in this kernel.
        """
        if what not in STEPS:
            raise ArgumentError(f"what is {what!r}; a step is one of {', '.join(STEPS)}.")
        if self._state == IDLE:
            self._start(config, step=what)
        else:
            self._proceed(what)

    def stop(self) -> None:
        """End the training after the present slice; the best weights so far are kept."""
        with self._lock:
            self._next, self._ending = None, True
            self._stop.set()
            self._go.set()

    def reset(self) -> None:
        """End the training after the present slice and tell nothing more of it; its network is lost."""
        with self._lock:
            self._dropped = self._state != IDLE
        self.stop()

    def change(self, config: RunConfig) -> bool:
        """Take a changed configuration while training; returns whether the network starts anew for it.

        The learning rate changes at once; anything else needs another training, which starts at the end of this epoch.
        Idle: nothing to do.
        """
        with self._lock:
            if self._state == IDLE or self._config is None or self._ending:
                return False
            self._knobs.learning_rate = config.learning_rate
            anew = dataclasses.replace(config, learning_rate=self._config.learning_rate) != self._config
            self._next = config if anew else None
            return anew

    def _start(self, config: RunConfig, step: str, kept: Checkpoint | None = None) -> threading.Thread:
        with self._lock:
            self._stop.clear()
            self._dropped = self._ending = False
            self._go.set()
            self._next = None
            self._knobs = training.Knobs()
            self._hold_after(step)
            thread = worker.start(lambda: self._work(config, kept), f"Training {config.label}")
            self._state = RUNNING
        self._on_state(RUNNING)
        return thread

    def _proceed(self, step: str) -> None:
        with self._lock:
            if self._state != PAUSED:
                return
            self._hold_after(step)
            self._go.set()

    def _hold_after(self, step: str) -> None:
        self._step = step
        self._knobs.batches = 1 if step == "batch" else None

    def _work(self, config: RunConfig | None, kept: Checkpoint | None) -> None:
        try:
            while config is not None:
                self._config = config
                self._tell(self._on_end, self._fit(config, kept))
                config, kept = self._take_next(), None
        except Exception as error:  # the thread has nobody above it: the participant must read what happened
            self._tell(self._on_end, error)
        finally:
            self._enter(IDLE)

    def _take_next(self) -> RunConfig | None:
        """The configuration that a change asked for, unless Stop came after it."""
        with self._lock:
            config, self._next = self._next, None
            if config is not None:
                self._stop.clear()
            return config

    def _tell(self, whom: Callable[..., None], *what: Any) -> None:
        if not self._dropped:
            whom(*what)

    def _fit(self, config: RunConfig, kept: Checkpoint | None) -> training.Result:
        # Before the inputs are made, which may take seconds: a rate chosen meanwhile counts.
        self._knobs.learning_rate = None
        data = self._prepare(config)
        with seeded(config.seed):
            model = models.build(config, shape(data.x_train))

        def on_event(event: training.Event) -> None:
            self._tell(self._on_event, event, model)
            if isinstance(event, training.TrainEnd):
                return
            if isinstance(event, training.EpochEnd) and self._next is not None:
                self._stop.set()
            done = "batch" if isinstance(event, training.BatchEnd) else "epoch"
            with self._lock:
                if self._step == done and not self._stop.is_set():
                    self._go.clear()
            self._hold()

        return training.fit(model, config, data, on_event, self._stop, self._knobs, self._keep, kept)

    def _hold(self) -> None:
        if self._go.is_set():
            return
        self._enter(PAUSED)
        self._go.wait()
        self._enter(RUNNING)

    def _enter(self, state: str) -> None:
        with self._lock:
            self._state = state
        self._on_state(state)
