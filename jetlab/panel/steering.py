"""The row of buttons that steers a training, its progress bar and its status line: the same below every live panel.

Training runs in the kernel's worker thread; panels draw there too, at most so often that it
costs a fortieth of the training time.
"""

import html
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import psutil

from jetlab import training
from jetlab.backend import device
from jetlab.errors import JetlabError, memory_full
from jetlab.panel.controls import WRAP
from jetlab.training import checkpoint, session

if TYPE_CHECKING:
    from jetlab.panel.live import LivePanel

#: At most four pictures a second, and never more than this part of the time for drawing.
MIN_SECONDS, MAX_SHARE = 0.25, 0.025
#: What the status line shows of an epoch's metrics, and what it calls that.
REPORTED = {"val_auc": "validation AUC", "val_bias": "bias", "val_width": "width", "val_score": "validation score"}
BEGIN = "Choose the network, then press Train."


class Steering:
    """Train, Pause, Step, Stop and Reset, by mouse or keyboard, with progress, time left, speed and memory.

    Args:
        panel: shows what is trained, by the methods of `live.LivePanel` that are called below.
        config: gives the configuration that the panel's controls show.
        fit: trains a configuration; see `session.Fit`.
        keep: where the training is kept on disk, to go on after the kernel died; None: it is not.
        things: what a network is trained on, such as "jets".

    `widget` is to be shown.
    """

    def __init__(
        self,
        panel: "LivePanel",
        config: Callable[[], session.Config],
        fit: session.Fit,
        keep: Path | None = None,
        things: str = "jets",
    ) -> None:
        self._panel, self._config, self._keep, self._things = panel, config, keep, things
        self._session = session.Session(fit, self._on_event, self._on_end, self._on_state)
        self._next_drawing = self._last_progress = self._last_shown = 0.0
        # Whether the network has been built, and whether the status line says what comes next.
        self._built = self._announced = False
        self.train_button = button("Train", "play", "Train a network with these settings, or go on", self.train)
        self.train_button.button_style = "primary"
        self.pause_button = button("Pause", "pause", "Hold the training; Train goes on", self.pause)
        self._batch = button("1 batch", "step-forward", "Train one batch, then hold", self.step)
        self._epoch = button("1 epoch", "step-forward", "Train to the end of the epoch", lambda: self.step("epoch"))
        self.stop_button = button("Stop", "stop", "Stop after this batch; the training joins the table", self.stop)
        reset = button("Reset", "undo", "Stop, forget this network and clear the curves", self.reset)
        self.progress = widgets.IntProgress(0, 0, 1, layout=widgets.Layout(width="12em"))
        self._speed, self.status, self._offer = widgets.HTML(), widgets.HTML(BEGIN), widgets.HBox()
        buttons = [self.train_button, self.pause_button, self._batch, self._epoch, self.stop_button, reset]
        row = widgets.HBox([*buttons, self.progress, self._speed], layout=WRAP)
        self.widget = widgets.VBox([row, self.status, self._offer])
        self._on_state(session.IDLE)
        self._offer_kept()

    def train(self, blocking: bool = False) -> None:
        """Train, or go on after a pause; `blocking` waits for the end, for scripts, tests and Colab."""
        self._try(lambda: self._session.train(self._config(), blocking))

    def pause(self) -> None:
        """Hold the training."""
        self._session.pause()

    def step(self, what: str = "batch") -> None:
        """Train one "batch" or to the end of the "epoch", then hold."""
        self._try(lambda: self._session.step(self._config(), what))

    def stop(self) -> None:
        """Stop; what was trained so far is kept."""
        self._session.stop()

    def reset(self) -> None:
        """Stop, forget the network in training, and show the panel as it was in the beginning."""
        self._session.reset()
        self._built = self._announced = False
        self.progress.value, self._speed.value = 0, ""
        self._panel.reset()
        self.say(BEGIN)

    def change(self) -> None:
        """Take what the controls show now: a learning rate acts at once, anything else starts another network."""

        def change() -> None:
            if self._session.change(config := self._config()):
                self.say(f"A new network, {config.label}, starts at the end of this epoch.")

        self._try(change)

    def say(self, text: str, warning: bool = False, details: str = "") -> None:
        """Show a sentence in the status line, with more of it folded away."""
        self.status.value = folded(f"{'⚠ ' if warning else ''}{text}", details)

    def _try(self, command: Callable[[], None]) -> bool:
        """Run a command; where jetlab refuses it, say why."""
        try:
            command()
        except JetlabError as error:
            self.say(str(error), warning=True)
            return False
        return True

    def _offer_kept(self) -> None:
        """Offer the latest training that was cut off, if there is one."""
        cut_off = checkpoint.cut_off(self._keep) if self._keep else []
        if not cut_off:
            self._offer.children = ()
            return
        kept = cut_off[0]
        text = f"A training of {kept.config.label} was cut off after epoch {kept.epoch} of {kept.config.epochs}."
        if kept.elsewhere:
            text = (
                f"A training of {kept.config.label} on the machine {kept.elsewhere} got to epoch {kept.epoch} of "
                f"{kept.config.epochs}. If it still runs there, leave it alone."
            )
        go_on = button("Go on", "play", "Go on with the training that was cut off", lambda: self._go_on(kept))
        forget = button("Forget it", "trash", "Remove the training that was cut off", lambda: self._forget(kept))
        self._offer.children = (widgets.HTML(html.escape(text)), go_on, forget)

    def _go_on(self, kept: checkpoint.Checkpoint) -> None:
        if self._try(lambda: self._session.train(kept.config, kept=kept)):
            self._offer.children = ()

    def _forget(self, kept: checkpoint.Checkpoint) -> None:
        checkpoint.forget(kept)
        self._offer_kept()

    def _on_state(self, state: str) -> None:
        idle, running = state == session.IDLE, state == session.RUNNING
        self.train_button.disabled = self._batch.disabled = self._epoch.disabled = running
        self.train_button.description = "Train" if idle or running else "Resume"
        self.pause_button.disabled = not running
        self.stop_button.disabled = idle
        if running and not self._built and not self._announced:
            self.say("Building the network ...")

    def _on_event(self, event: training.Event, model: Any) -> None:
        now, held = time.monotonic(), self._session.stepping
        if isinstance(event, training.TrainBegin):
            self._built, self._announced = True, False
            self._next_drawing = self._last_progress = self._last_shown = 0.0
            self._panel.begins(event.history)
        elif isinstance(event, training.BatchEnd) and (held or now - self._last_progress > MIN_SECONDS):
            self._last_progress = now
            self.progress.max = event.epochs * event.batches
            self.progress.value = (event.epoch - 1) * event.batches + event.batch
            if held:
                self.say(f"Epoch {event.epoch}, batch {event.batch} of {event.batches}: loss {event.loss:.4f}")
        elif isinstance(event, training.EpochEnd):
            self._panel.epoch_ended(event)
            if held or now - self._last_shown > MIN_SECONDS:
                self._last_shown = now
                # The optimizer's own rate, not the slider's: so the page shows that a new rate has been taken.
                self._report(event, float(model.optimizer.learning_rate))
            if held or now > self._next_drawing:
                self._panel.draw(model)
                cost = time.monotonic() - now
                self._next_drawing = time.monotonic() + max(MIN_SECONDS, cost / MAX_SHARE)

    def _report(self, event: training.EpochEnd, rate: float) -> None:
        numbers = {"loss": event.loss, "validation loss": event.val_loss}
        numbers |= {REPORTED[name]: value for name, value in event.metrics.items() if name in REPORTED}
        shown = [f"{name} {value:.4f}" for name, value in numbers.items()]
        shown.append(f'<span style="white-space: nowrap">learning rate {rate:.1e}</span>')
        self.status.value = f"Epoch <b>{event.epoch}</b> of {event.epochs} · {' · '.join(shown)}"
        left = (event.epochs - event.epoch) * event.seconds
        self._show_speed(event.jets_per_second, f"{left:.0f} s left at most · " if event.epoch < event.epochs else "")

    def _show_speed(self, per_second: float, left: str = "") -> None:
        memory = psutil.Process().memory_info().rss / 1e9
        where = html.escape(device())
        self._speed.value = f"{left}{per_second:,.0f} {self._things}/s · {where} · {memory:.1f} GB"

    def _on_end(self, end: training.Result | Exception) -> None:
        follows = self._session.follows
        self._built, self._announced = False, follows is not None
        if isinstance(end, Exception):
            remedy = "take a smaller batch size, fewer nodes or fewer training jets"
            text, details = explained(end, remedy, f"Training failed: {type(end).__name__}: {end}")
            self.say(text, True, details)
            self._offer_kept()
            return
        self.progress.value = self.progress.max
        self._show_speed(end.jets_per_second)
        # After a run that was cut short for another network, "Stopped" alone would be misleading.
        then = f" A new network, {follows.label}, is being built ..." if follows else ""
        self.say(end.message + then, warning=end.reason == "nan")
        self._panel.ended(end)


def button(description: str, icon: str, tooltip: str, action: Callable[[], object]) -> widgets.Button:
    """A button that calls `action` when pressed, by mouse or keyboard."""
    made = widgets.Button(description=description, icon=icon, tooltip=tooltip, layout=widgets.Layout(width="8em"))
    made.on_click(lambda _: action())
    return made


def folded(text: str, details: str = "") -> str:
    """A sentence as HTML, with details to unfold below it."""
    more = f"<details><summary>details</summary><pre>{html.escape(details)}</pre></details>" if details else ""
    return html.escape(text) + more


def explained(error: Exception, remedy: str, fault: str) -> tuple[str, str]:
    """What to say of an error, and its traceback: none where jetlab refuses something in its own words.

    `remedy` is what to do where the memory is full; anything else is called a `fault`.
    """
    if isinstance(error, JetlabError):
        return str(error), ""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        fault = str(memory_full(error, remedy))
    return fault, "".join(traceback.format_exception(error))
