"""A run configuration as a short text that one participant copies into a chat and another pastes.

The text is "jl1-" and letters and digits only, so that no chat program makes italics or a link of it and a double
click takes it whole. In it are the fields that differ from BASE, and a checksum.
"""

import json
import re
import string
import zlib
from typing import Any

from jetlab.config import ConfigError, RunConfig

PREFIX = "jl1-"
#: What a field is that a text says nothing of. It is not RunConfig's own default, nor a standard run: those may be
#: tuned tomorrow, and a text of today must mean the same then. A field added later, and not here, has its default.
BASE = {
    "model": "dense",
    "layers": 3,
    "nodes": 64,
    "widths": [],
    "activation": "relu",
    "dropout": 0.0,
    "batch_size": 128,
    "learning_rate": 1e-3,
    "optimizer": "adam",
    "epochs": 20,
    "patience": 5,
    "seed": 1,
    "train_size": None,
    "loss": "binary_crossentropy",
    "length": 50,
    "order_by": "pt",
    "bidirectional": False,
    "pf_id": "embedding",
    "image_size": 25,
}
_CONSTITUENT = ["log_pt", "log_pt_gev", "deta", "dphi", "dr", "charge", "id_class"]
_INPUTS = {
    "dense": ["jet_pt_ak7", "jet_msd_ak7", "jet_tau21_ak7", "jet_ncand_ak7"],
    "cnn": ["all"],
    **dict.fromkeys(("lstm", "gru", "deep_sets"), _CONSTITUENT),
}
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: Longest text that is looked at, and the longest JSON that is unpacked from one, characters.
LONGEST = 20_000
#: What JSON of configurations often has in it, for the compression; with another one goes another prefix.
_FREQUENT = (
    b'{"jet_ptraw_ak7""jet_eta_ak7""jet_phi_ak7""jet_E_ak7""jet_area_ak7""charged hadron""neutral hadron""photon"'
    b'"electron""muon""all""leaky_relu""sigmoid""linear""gelu""silu""selu""elu""tanh""rmsprop""nadam""adamw""sgd""mae"'
    b'"huber""gaussian_nll""mse""order_by":"random""dr""pf_id":"one_hot""bidirectional":true,"image_size":32'
    b'"log_pt","log_pt_gev","deta","dphi","dr","charge","id_class","x","y"],"length":100'
    b'"jet_pt_ak7","jet_msd_ak7","jet_tau21_ak7","jet_ncand_ak7"],"train_size":10000,"loss":,"seed":2,"patience":10,'
    b'"optimizer":"dropout":0.1,"activation":"epochs":50,"learning_rate":0.003,"batch_size":1024,'
    b'"batch_size":256,"nodes":128,"nodes":32,"layers":2,{"model":"deep_sets"{"model":"gru"{"model":"cnn"'
    b'{"model":"lstm","inputs":["{"'
)
#: What chat programs put around or into a text, and may be taken away.
_DECORATION = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"'})
_DASHES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-"})
_CLOSING = "`'\"*_<>()[].,;:!\u201c\u201d\u201e\u2018\u2019"
_COPY = "copy it again, from jl1- to its last letter"


def to_text(config: RunConfig) -> str:
    """Write a configuration as a short text, such as "jl1-5m3sbYEBBQ", for `from_text`; mostly 15 to 60 characters.

    Used in M2.
    """
    base = {**_defaults(), "inputs": _INPUTS.get(config.model), **BASE}
    changed = {name: value for name, value in json.loads(config.to_json()).items() if value != base[name]}
    pack = zlib.compressobj(9, wbits=-15, zdict=_FREQUENT)
    packed = pack.compress(json.dumps(changed, separators=(",", ":")).encode()) + pack.flush()
    return PREFIX + _letters(_sealed(packed))


def from_text(text: str) -> RunConfig:
    """Read what `to_text` or `RunConfig.to_json` wrote, also with the spaces, quotes and line breaks of a chat program.

    Raises ConfigError with a sentence that says what to do: for a text that is cut short or changed, that comes from
    another version of jetlab, or that is none of ours. Used in M2.
    """
    text = re.sub(f"[{_DECORATION}]", "", text)
    if not text.strip():
        raise ConfigError("There is no text: paste a configuration, which begins with jl1-, or its JSON.")
    if len(text) > LONGEST:
        raise ConfigError(f"The text has {len(text):,} characters, no configuration is as long; copy it again.")
    if "{" in text:
        return _from_json(text[text.index("{") : text.rindex("}") + 1 if "}" in text else None])
    # What stands before jl1- is who sent it, and a quotation mark.
    text = re.sub(r"\s", "", text).translate(_DASHES)
    found = re.search(r"(?i)(?<![a-z0-9])jl(\d+)-", text)
    if found is None:
        raise ConfigError(f"There is no jl1- in the text, with which configurations begin; {_COPY}.")
    if found[1] != PREFIX[2:-1]:
        raise ConfigError("The text is of another version of jetlab than this; update jetlab, or ask for the JSON.")
    return _unpacked(text[found.end() :].strip(_CLOSING))


def _from_json(text: str) -> RunConfig:
    # to_json has no line break within a value: those there are come from a program that wraps lines.
    text = re.sub(r"[\r\n]", "", text).replace("\u00a0", " ")
    if '"' not in text:
        text = text.translate(_QUOTES)
    try:
        return RunConfig.from_json(text)
    except ConfigError:
        raise
    except (ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"The JSON is no run configuration ({error}); copy it again.") from error


def _unpacked(letters: str) -> RunConfig:
    """The configuration of a text's letters after the prefix."""
    strange = sorted(set(letters) - set(_DIGITS))
    if strange:
        raise ConfigError(f"After jl1- come letters and digits only, but there is {strange[0]!r}; {_COPY}.")
    content = _bytes(letters)
    packed = content[4:]
    if content != _sealed(packed):
        raise ConfigError(f"The text is not complete, or a letter of it was changed; {_COPY}.")
    try:
        unpack = zlib.decompressobj(wbits=-15, zdict=_FREQUENT)
        changed = json.loads(unpack.decompress(packed, LONGEST))
        inputs = _INPUTS.get(changed.get("model", BASE["model"]), [])
        return RunConfig.from_json(json.dumps({**BASE, "inputs": inputs, **changed}))
    except (zlib.error, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ConfigError(f"This version of jetlab cannot read the text ({error}); ask for the JSON.") from error


def _defaults() -> dict[str, Any]:
    return json.loads(RunConfig().to_json())


def _sealed(packed: bytes) -> bytes:
    """The content of a text: a one, which keeps leading zeros, three bytes of checksum, and what was packed."""
    return b"\1" + zlib.crc32(packed).to_bytes(4)[:3] + packed


def _letters(content: bytes) -> str:
    """Bytes, of which the first is not zero, as a number to the base of 62."""
    number, letters = int.from_bytes(content), ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        letters = _DIGITS[digit] + letters
    return letters


def _bytes(letters: str) -> bytes:
    number = 0
    for letter in letters:
        number = number * len(_DIGITS) + _DIGITS.index(letter)
    return number.to_bytes((number.bit_length() + 7) // 8)
