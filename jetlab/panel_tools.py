"""What a participant takes away from a panel: the Keras code, the configuration to share, the trained model."""

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from jetlab import keras_code, sharing, training
from jetlab.backend import load_keras
from jetlab.config import ConfigError, RunConfig
from jetlab.errors import ArgumentError, JetlabError
from jetlab.parts import Shape
from jetlab.steering import button

WIDE = widgets.Layout(width="98%")


class Tools:
    """Three folded boxes: *Keras code*, *share* and *save model*.

    Args:
        config: gives the configuration that the controls stand at.
        row: gives the shape of one jet's inputs.
        use: moves the controls to a configuration.
        runs: the panel's finished runs, the last of which is saved.

    Used in M2.
    """

    def __init__(
        self,
        config: Callable[[], RunConfig],
        row: Callable[[], Shape],
        use: Callable[[RunConfig], None],
        runs: list[Any],
    ) -> None:
        self._config, self._row, self._use, self._runs = config, row, use, runs
        self._code, self._said = widgets.HTML(), widgets.HTML()
        show = button("Show", "code", "Write out the present configuration in Keras", self.show_code)
        self._text = widgets.Text(description="code", layout=WIDE, tooltip="A short text to give to somebody else")
        self._json = widgets.Textarea(description="JSON", rows=6, layout=WIDE, tooltip="The whole configuration")
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
        """Write the present configuration as a short text and as JSON."""
        self._try(self._share)

    def use_text(self) -> None:
        """Move the controls to the configuration that was pasted, as short text or JSON."""
        self._try(lambda: self._use(sharing.from_text(self._text.value.strip() or self._json.value)))

    def save(self) -> None:
        """Save the model of the last run, and load it again to see that it is whole."""
        self._try(self._save)

    def _try(self, action: Callable[[], None]) -> None:
        self._said.value = ""
        try:
            action()
        except (JetlabError, OSError) as error:
            self._said.value = f"⚠ {html.escape(str(error))}"

    def _show(self, code: str) -> None:
        self._code.value = f"<pre>{html.escape(code)}</pre>"

    def _share(self) -> None:
        config = self._config()
        self._text.value, self._json.value = sharing.to_text(config), config.to_json()

    def _save(self) -> None:
        if not self._runs:
            raise ConfigError("There is no trained model yet: press Train first.")
        path = Path(self._file.value).expanduser()
        if path.suffix != ".keras":
            raise ConfigError(f"{path} must end in .keras, the file format of Keras 3.")
        model = self._runs[-1].result.model
        model.save(path)
        again = load_keras().saving.load_model(path, compile=False, safe_mode=True)
        shapes = [tuple(each.shape[1:]) for each in model.inputs]
        x = tuple(np.ones((1, *shape), np.float32) for shape in shapes)
        x = x if len(x) > 1 else x[0]
        if not np.allclose(training.predict(again, x), training.predict(model, x), atol=1e-6):
            raise ArgumentError(f"{path} does not give back the model; save it under another name.")
        text = f"Saved {path} ({path.stat().st_size / 1e3:.0f} kB). keras.saving.load_model({str(path)!r}) loads it."
        self._said.value = html.escape(text)
