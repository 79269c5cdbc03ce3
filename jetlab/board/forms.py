"""What comes in from outside: every value is checked here, and refused in a sentence, before it is used."""

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetlab.errors import JetlabError

#: Characters of a name or a group, of a note, of a hint, of a poll's question, and of the code beside an entry.
SHORT, NOTE, HINT, QUESTION, CODE = 40, 200, 400, 160, 20_000
#: Choices of a poll.
FEWEST, MOST = 2, 8
STATES = ("seen", "wrong", "right")
_KEY = re.compile(r"[0-9a-f]{32}")
#: They turn the direction of writing, and could make a name look like another's.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Refused(JetlabError):
    """What was sent is not accepted: `status` of HTTP, and a sentence that says why and what to do."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


def form(body: bytes, wanted: Mapping[str, bool]) -> dict[str, Any]:
    """The JSON object in a body; `wanted` says of each field whether it has to be there. Others are refused."""
    try:
        values = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise Refused(400, "The body is not JSON: send an object.") from error
    if not isinstance(values, dict):
        raise Refused(400, "The body is not a JSON object: send {...}.")
    if unknown := sorted(values.keys() - wanted.keys()):
        raise Refused(400, f"There is no field {unknown[0][:SHORT]!r}; there are {', '.join(wanted)}.")
    if missing := [name for name, needed in wanted.items() if needed and name not in values]:
        raise Refused(400, f"The field {missing[0]!r} is missing.")
    return values


def text(values: Mapping[str, Any], name: str, most: int, lines: bool = False) -> str:
    """A text of a form, without spaces around it, "" where there is none; only with `lines` may it have several."""
    value = values.get(name) or ""
    if not isinstance(value, str):
        raise Refused(400, f"{name} is not a text.")
    value = value.strip()
    if len(value) > most:
        raise Refused(400, f"{name} has {len(value):,} characters; at most {most:,} are allowed.")
    allowed = "\n\t" if lines else ""
    for sign in value:
        if sign in _TURNING or (unicodedata.category(sign) in ("Cc", "Cs") and sign not in allowed):
            raise Refused(400, f"{name} has a character that cannot be shown (U+{ord(sign):04X}): leave it out.")
    return value


def flag(values: Mapping[str, Any], name: str) -> bool:
    """A yes or no of a form; no where there is none."""
    value = values.get(name, False)
    if not isinstance(value, bool):
        raise Refused(400, f"{name} is neither true nor false.")
    return value


def key(values: Mapping[str, Any]) -> str:
    """What the client calls this message, so that one sent twice counts once."""
    value = values.get("key")
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise Refused(400, "key is not 32 hexadecimal digits.")
    return value


def one_of(values: Mapping[str, Any], name: str, known: frozenset[str] | tuple[str, ...]) -> str:
    """A text of a form that is among those `known`."""
    value = values.get(name)
    if not isinstance(value, str) or value not in known:
        raise Refused(400, f"{name} is none of those that the board knows.")
    return value


def choices(values: Mapping[str, Any]) -> list[str]:
    """The choices of a poll: different, FEWEST to MOST."""
    given = values.get("choices")
    if not isinstance(given, list) or not FEWEST <= len(given) <= MOST:
        raise Refused(400, f"choices is not a list of {FEWEST} to {MOST} texts.")
    found = [text({"choices": each}, "choices", SHORT) for each in given]
    if not all(found) or len({each.casefold() for each in found}) < len(found):
        raise Refused(400, "Two choices are alike, or one is empty.")
    return found


def scores(values: Mapping[str, Any], jets: int) -> NDArray[np.float64]:
    """Scores (jets,) from base64 of little-endian float32: finite, 0 to 1, one for each jet."""
    value = values.get("scores")
    if not isinstance(value, str):
        raise Refused(400, "scores is not a text: send float32 numbers in base64.")
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "scores is not base64.") from error
    if len(content) != 4 * jets:
        raise Refused(400, f"There are {len(content) / 4:,.10g} scores for {jets:,} jets: send one for each.")
    found = np.frombuffer(content, "<f4").astype(np.float64)
    if bad := int(np.sum(~np.isfinite(found))):
        raise Refused(400, f"{bad:,} of {jets:,} scores are not finite: look at the network before you send them.")
    if bad := int(np.sum((found < 0) | (found > 1))):
        raise Refused(400, f"{bad:,} of {jets:,} scores are below 0 or above 1: send what a sigmoid puts out.")
    return found


def _no_number(name: str) -> None:
    raise Refused(400, f"{name} is not a number that JSON has.")
