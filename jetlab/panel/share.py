"""Save, Keras code, and a configuration as a text to share."""

import base64
import binascii
import dataclasses
import html
import json
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from jetlab import training
from jetlab.backend import load_keras
from jetlab.config import ConfigError, RunConfig
from jetlab.errors import ArgumentError
from jetlab.models import Shape, keras_code
from jetlab.panel.steering import button, explained, folded

PREFIX = "jl2-"
#: Bytes of the longest JSON that is packed or unpacked, and characters of the longest text that is looked at.
LONGEST_JSON, LONGEST = 20_000, 50_000
CRC_BYTES = 4
#: What chat programs put into a text (quotes, dashes, nothing that is seen) and around it.
_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"'))
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_UNSEEN = str.maketrans(dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_CLOSING = "`'\"*_~<>()[].,;:!?\u201c\u201d\u201e\u2018\u2019"
_COPY = f"copy it again, from {PREFIX} to its last letter"


def to_text(config: RunConfig) -> str:
    """Write a configuration as a text for `from_text`, mostly some 420 characters.

    Every field is in it: a text means the same when the defaults of RunConfig change. Raises ConfigError for one that
    is too long to share, which needs hundreds of inputs.
    """
    # Not by to_json: JSON's \\u escapes would join two halves of a character into one.
    text = json.dumps(dataclasses.asdict(config), ensure_ascii=False, separators=(",", ":"))
    content = text.encode("utf-8", "surrogatepass")
    if len(content) > LONGEST_JSON:
        raise ConfigError(
            f"The configuration takes {len(content):,} bytes, at most {LONGEST_JSON:,} can be shared; "
            "use fewer inputs or shorter names."
        )
    return PREFIX + _letters(zlib.compress(content, 9))


def from_text(text: str) -> RunConfig:
    """Read what `to_text` or `RunConfig.to_json` wrote, also with the spaces, quotes and line breaks of a chat program.

    Raises ConfigError with a sentence that says what to do: for a text that is cut short or changed, that comes from
    another version of jetlab, or that is no configuration.
    """
    text = text.translate(_UNSEEN)
    if not text.strip():
        raise ConfigError(f"There is no text: paste a configuration, which begins with {PREFIX}, or its JSON.")
    if len(text) > LONGEST:
        raise ConfigError(f"The text has {len(text):,} characters, more than any configuration; {_COPY}.")
    if "{" in text:
        return _from_json(text[text.index("{") : text.rindex("}") + 1 if "}" in text else None])
    # Line breaks may fall anywhere, but a letter before the prefix is part of another word.
    found = re.search(r"(?i)(?<![a-z0-9])j\s*l\s*([0-9]{1,9})\s*-", text.translate(_DASHES))
    if found is None:
        raise ConfigError(f"The text has no {PREFIX}, with which configurations begin; {_COPY}.")
    if found[1] != PREFIX[2:-1]:
        version = f"The text begins with jl{found[1]}-: another version of jetlab wrote it"
        raise ConfigError(f"{version}. Update jetlab, or ask for its JSON.")
    letters = re.sub(r"\s", "", text[found.end() :]).strip(_CLOSING)
    if strange := re.search(r"[^A-Za-z2-7]", letters):
        raise ConfigError(f"After {PREFIX} come only letters and 2 to 7, but there is {strange[0]!r}; {_COPY}.")
    return _unpacked(letters.lower())


def _from_json(text: str) -> RunConfig:
    # to_json has no line break within a value: any that are there come from a program that wraps lines.
    text = re.sub(r"[\r\n]", "", text).replace("\u00a0", " ")
    try:
        return RunConfig.from_json(text if '"' in text else text.translate(_QUOTES))
    except ConfigError:
        raise
    except (ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"The JSON is not a run configuration ({error}); copy it again.") from error


def _unpacked(letters: str) -> RunConfig:
    """The configuration of a text's letters after the prefix, in lower case."""
    try:
        packed = base64.b32decode(letters + "=" * (-len(letters) % 8), casefold=True)[:-CRC_BYTES]
    except binascii.Error:
        packed = b""
    # Written again, so that the bits that base32 leaves unused at the end are checked too.
    if not packed or _letters(packed) != letters:
        raise ConfigError(f"The text is not complete, or a letter of it was changed; {_COPY}.")
    try:
        unpack = zlib.decompressobj()
        content = unpack.decompress(packed, LONGEST_JSON)
        if not unpack.eof:
            raise ConfigError(f"it has more than {LONGEST_JSON:,} bytes")
        return RunConfig.from_json(content.decode("utf-8", "surrogatepass"))
    except (zlib.error, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"This version of jetlab cannot read the text ({error}); ask for the JSON.") from error


def _letters(packed: bytes) -> str:
    """What was packed, and its checksum, in base32: capitals and small letters mean the same, as chats want it."""
    content = packed + zlib.crc32(packed).to_bytes(CRC_BYTES)
    return base64.b32encode(content).decode().rstrip("=").lower()


class Tools:
    """Three folded boxes: *Keras code*, *share* and *save model*.

    Args:
        config: gives the configuration that the controls show.
        row: gives the shape of a configuration's inputs.
        use: moves the controls to exactly a configuration and returns what has moved, or raises ConfigError.
        runs: gives the panel's finished runs, the last of which is saved.
    """

    def __init__(
        self,
        config: Callable[[], RunConfig],
        row: Callable[[RunConfig], Shape],
        use: Callable[[RunConfig], list[str]],
        runs: Callable[[], Sequence[Any]],
    ) -> None:
        self._config, self._row, self._use, self._runs = config, row, use, runs
        self._code, self._said, wide = widgets.HTML(), widgets.HTML(), widgets.Layout(width="98%")
        self._text = widgets.Text(description="code", layout=wide, tooltip="A text to give to somebody else")
        self._json = widgets.Textarea(description="JSON", rows=6, layout=wide, tooltip="The whole configuration")
        # If both boxes are filled, the one that was written last counts.
        self._latest: Any = self._text
        for box in (self._text, self._json):
            box.observe(lambda change: setattr(self, "_latest", change["owner"]), "value")
        self._file = widgets.Text("model.keras", description="file", tooltip="Where to save the last run's model")
        show = self._button("Show", "code", "Write out the present configuration in Keras", self._show)
        make = self._button("Share", "share", "Write the present configuration as text", self._share)
        take = self._button("Apply", "paste", "Move the controls to the configuration pasted above", self._apply)
        save = self._button("Save", "save", "Save the last run's model", self._save)
        sharing = widgets.VBox([widgets.HBox([make, take]), self._text, self._json])
        boxes = [widgets.VBox([show, self._code]), sharing, widgets.HBox([self._file, save])]
        accordion = widgets.Accordion(boxes, titles=["Keras code", "share", "save model"], selected_index=None)
        self.widget = widgets.VBox([accordion, self._said])

    def _button(self, description: str, icon: str, tooltip: str, action: Callable[[], str]) -> widgets.Button:
        """A button for an action that gives what to say; an error is said in words."""

        def press() -> None:
            try:
                self._said.value = folded(action())
            except Exception as error:  # in a callback nobody else would show it to the participant
                fault = f"This is a bug in jetlab, {type(error).__name__}: {error}. Please report it with its details."
                text, details = explained(error, "close other notebooks", fault)
                self._said.value = folded(f"⚠ {text}", details)

        return button(description, icon, tooltip, press)

    def _show(self) -> str:
        config = self._config()
        self._code.value = f"<pre>{html.escape(keras_code.code(config, self._row(config)))}</pre>"
        return ""

    def _share(self) -> str:
        self._write(self._config())
        return ""

    def _write(self, config: RunConfig) -> None:
        self._text.value, self._json.value = to_text(config), config.to_json()

    def _apply(self) -> str:
        config = from_text(self._latest.value.strip() or self._text.value.strip() or self._json.value)
        # Both boxes show what is applied; if it is refused, there is JSON to change.
        self._write(config)
        moved = self._use(config)
        return f"Applied: {', '.join(moved)}." if moved else "The controls show this configuration already."

    def _save(self) -> str:
        if not self._runs():
            raise ArgumentError("There is no trained model yet: press Train first.")
        path = Path(self._file.value).expanduser()
        if path.suffix != ".keras":
            raise ArgumentError(f"{path} must end in .keras, the file format of Keras 3.")
        model = self._runs()[-1].result.model
        try:
            model.save(path)
            again = load_keras().saving.load_model(path, compile=False, safe_mode=True)
            size = path.stat().st_size
        except OSError as error:
            raise ArgumentError(
                f"{path} cannot be written ({error.strerror or error}): choose another folder or name, or make room on "
                "the disk."
            ) from error
        ones = tuple(np.ones((1, *each.shape[1:]), np.float32) for each in model.inputs)
        x: training.Inputs = ones if len(ones) > 1 else ones[0]
        if not np.allclose(training.predict(again, x), training.predict(model, x), atol=1e-6):
            raise ArgumentError(f"{path} does not give back the model; save it under another name.")
        return f"Saved {path} ({size / 1e3:.0f} kB). keras.saving.load_model({str(path)!r}) loads it."
