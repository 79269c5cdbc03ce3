"""A run configuration as a text that one participant copies into a chat and another pastes.

The text is "jl2-" and base32(zlib(JSON of every field) + CRC-32): letters and digits only, of either case. Base64 is a
fifth shorter, but it needs "-" and "_", of which chat programs make long dashes and italics.
"""

import base64
import binascii
import dataclasses
import json
import re
import zlib

from jetlab.config import ConfigError, RunConfig

PREFIX = "jl2-"
#: Bytes of the longest JSON that is packed or unpacked, and characters of the longest text that is looked at.
LONGEST_JSON, LONGEST = 20_000, 50_000
CRC_BYTES = 4
#: What chat programs put around or into a text, and may be taken away.
_DECORATION = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"'})
_DASHES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-"})
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
    text = re.sub(f"[{_DECORATION}]", "", text)
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
    version = f"The text begins with jl{found[1]}-: another version of jetlab wrote it"
    if int(found[1]) < int(PREFIX[2:-1]):
        raise ConfigError(f"{version}, an earlier one; ask for its JSON, or for a text that begins with {PREFIX}.")
    if int(found[1]) > int(PREFIX[2:-1]):
        raise ConfigError(f"{version}, a later one; update jetlab, or ask for its JSON.")
    return _unpacked(re.sub(r"\s", "", text[found.end() :]).strip(_CLOSING))


def _from_json(text: str) -> RunConfig:
    # to_json has no line break within a value: any that are there come from a program that wraps lines.
    text = re.sub(r"[\r\n]", "", text).replace("\u00a0", " ")
    if '"' not in text:
        text = text.translate(_QUOTES)
    try:
        return RunConfig.from_json(text)
    except ConfigError:
        raise
    except (ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"The JSON is not a run configuration ({error}); copy it again.") from error


def _unpacked(letters: str) -> RunConfig:
    """The configuration of a text's letters after the prefix."""
    if strange := re.search(r"[^A-Za-z2-7]", letters):
        raise ConfigError(f"After {PREFIX} come only letters and 2 to 7, but there is {strange[0]!r}; {_COPY}.")
    try:
        packed = base64.b32decode(letters + "=" * (-len(letters) % 8), casefold=True)[:-CRC_BYTES]
    except binascii.Error:
        packed = b""
    # Written again, so that the bits that base32 leaves unused at the end are checked too.
    if not packed or _letters(packed) != letters.lower():
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
    """What was packed, and its checksum, in base32."""
    content = packed + zlib.crc32(packed).to_bytes(CRC_BYTES)
    return base64.b32encode(content).decode().rstrip("=").lower()
