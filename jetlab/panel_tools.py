"""What a participant takes away from a panel: the Keras code, the configuration to share, the trained model."""

import html
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from jetlab import keras_code, sharing, training
from jetlab.backend import load_keras
from jetlab.config import RunConfig
from jetlab.errors import ArgumentError, JetlabError
from jetlab.parts import Shape
from jetlab.steering import button

WIDE = widgets.Layout(width="98%")


class Tools:
    """Three folded boxes: *Keras code*, *share* and *save model*.

    Args:
        config: gives the configuration that the controls stand at.
        row: gives the shape of one jet's inputs.
        use: moves the controls to exactly a configuration and gives what has moved, or raises ConfigError.
        runs: the panel's finished runs, the last of which is saved.
    """

    def __init__(
        self,
        config: Callable[[], RunConfig],
        row: Callable[[], Shape],
        use: Callable[[RunConfig], list[str]],
        runs: list[Any],
    ) -> None:
        self._config, self._row, self._use, self._runs = config, row, use, runs
        self._code, self._said = widgets.HTML(), widgets.HTML()
        show = button("Show", "code", "Write out the present configuration in Keras", self.show_code)
        self._text = widgets.Text(description="code", layout=WIDE, tooltip="A text to give to somebody else")
        self._json = widgets.Textarea(description="JSON", rows=6, layout=WIDE, tooltip="The whole configuration")
        # Where both boxes are filled, that one counts which was written last.
        self._latest: Any = self._text
        for box in (self._text, self._json):
            box.observe(self._written, "value")
        make = button("Share", "share", "Write the present configuration as text", self.share)
        take = button("Apply", "paste", "Move the controls to the configuration pasted above", self.use_text)
        self._file = widgets.Text("model.keras", description="file", tooltip="Where to save the last run's model")
        save = button("Save", "save", "Save the last run's model", self.save)
        boxes = [
            widgets.VBox([show, self._code]),
            widgets.VBox([widgets.HBox([make, take]), self._text, self._json]),
            widgets.HBox([self._file, save]),
        ]
        folded = widgets.Accordion(boxes, titles=["Keras code", "share", "save model"], selected_index=None)
        self.widget = widgets.VBox([folded, self._said])

    def show_code(self) -> None:
        """Write the Keras code of the present configuration."""
        self._try(lambda: self._show(keras_code.code(self._config(), self._row())))

    def share(self) -> None:
        """Write the present configuration as a text and as JSON."""
        self._try(self._share)

    def use_text(self) -> None:
        """Move the controls to the configuration that was pasted last, as text or JSON, and say what has moved."""
        self._try(self._apply)

    def save(self) -> None:
        """Save the model of the last run, and load it again to see that it is whole."""
        self._try(self._save)

    def _try(self, action: Callable[[], None]) -> None:
        self._said.value = ""
        try:
            action()
        except JetlabError as error:
            self._say(f"⚠ {error}")
        except MemoryError:
            self._say("⚠ The memory is full: shut down kernels that you do not need, then try again.")
        except Exception as error:  # in a callback nobody else would show it to the participant
            fault = f"⚠ This is a fault of jetlab, {type(error).__name__}: {error}. Please report it with its details."
            self._say(fault, "".join(traceback.format_exception(error)))

    def _say(self, text: str, details: str = "") -> None:
        folded = f"<details><summary>details</summary><pre>{html.escape(details)}</pre></details>" if details else ""
        self._said.value = html.escape(text) + folded

    def _show(self, code: str) -> None:
        self._code.value = f"<pre>{html.escape(code)}</pre>"

    def _share(self) -> None:
        self._write(self._config())

    def _write(self, config: RunConfig) -> None:
        self._text.value, self._json.value = sharing.to_text(config), config.to_json()

    def _written(self, change: Any) -> None:
        self._latest = change["owner"]

    def _apply(self) -> None:
        config = sharing.from_text(self._latest.value.strip() or self._text.value.strip() or self._json.value)
        # Both boxes show what is applied; if it is refused, there is JSON to change.
        self._write(config)
        moved = self._use(config)
        self._say(f"Applied: {', '.join(moved)}." if moved else "The controls stand at this configuration already.")

    def _save(self) -> None:
        if not self._runs:
            raise ArgumentError("There is no trained model yet: press Train first.")
        path = Path(os.path.expanduser(self._file.value))
        if path.suffix != ".keras":
            raise ArgumentError(f"{path} must end in .keras, the file format of Keras 3.")
        model = self._runs[-1].result.model
        try:
            model.save(path)
            again = load_keras().saving.load_model(path, compile=False, safe_mode=True)
            size = path.stat().st_size
        except OSError as error:
            raise ArgumentError(
                f"{path} cannot be written ({error.strerror or error}): choose another folder or name, or make room on "
                "the disk."
            ) from error
        shapes = [tuple(each.shape[1:]) for each in model.inputs]
        x = tuple(np.ones((1, *shape), np.float32) for shape in shapes)
        x = x if len(x) > 1 else x[0]
        if not np.allclose(training.predict(again, x), training.predict(model, x), atol=1e-6):
            raise ArgumentError(f"{path} does not give back the model; save it under another name.")
        self._say(f"Saved {path} ({size / 1e3:.0f} kB). keras.saving.load_model({str(path)!r}) loads it.")
