"""The front matter that nearly everybody writes, read without YAML: flat keys with plain values.

It refuses whatever is not obvious; what it accepts means the same in YAML (a property test holds that).
"""

from __future__ import annotations

import re
from typing import Any

from agent_memory.files import naming

# What YAML 1.1 reads as something else than text, in any case of letters.
_NOT_TEXT = frozenset({"yes", "no", "true", "false", "on", "off", "null"})
_BEYOND_ASCII = "[^\n\x20-\x7e]"
_KNOWN = (  # what YAML takes as it is, beyond ASCII
    ("\xa1", "\u2027"),
    ("\u2030", "\ud7ff"),
    ("\ue000", "\ufefe"),
    ("\uff00", "\ufffd"),
    ("\U00010000", "\U0010ffff"),
)
_KEY = r"[A-Za-z_][A-Za-z0-9_-]{0,100}"
_ISO_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_NO_NUMBER = r"[0-9][0-9.,]* [A-Za-z]|[0-9]{4}-[0-9]{2}-[0-9]{2}-[A-Za-z]"
_FLOW_WORD = r"(?:[^\W\d_]|[0-9]{4}-[0-9]{2}-[0-9]{2}-[A-Za-z])[\w./+@ -]*"
_QUOTED_LIST = r'"[^"\\]*"(?: *, *"[^"\\]*")*'
_REFUSED = object()


def read(block: str) -> dict[Any, Any] | None:
    """Read the front matter that nearly all files have; None where only YAML can tell.

    What it accepts, it reads as YAML does.
    """
    block = block.replace("\r\n", "\n")
    if is_odd(block):
        return None
    values: dict[Any, Any] = {}
    for line in block.split("\n"):
        if not line or line[0] == "#":
            continue
        key, colon, rest = line.partition(":")
        if not colon or key in values or not is_plain_key(key) or rest[:1] not in ("", " "):
            return None
        rest = rest.strip(" ")
        values[key] = value = flow_list(rest) if rest[:1] == "[" else scalar(rest)
        if value is _REFUSED:
            return None
    # A block of comments alone is nothing to YAML: it may be a heading between two thematic breaks.
    return values or (None if block.strip() else {})


def is_odd(text: str) -> bool:
    """Whether a text holds a character that YAML knows in escapes alone."""
    # As one regular expression the ranges would take longer to compile than the front matter to read.
    beyond = {*re.findall(_BEYOND_ASCII, text)}
    return any(not any(first <= character <= last for first, last in _KNOWN) for character in beyond)


def is_plain_key(key: str) -> bool:
    """Whether a key can stand without quotes."""
    return re.fullmatch(_KEY, key) is not None and key.lower() not in _NOT_TEXT


def scalar(text: str) -> object:
    """Read a scalar without spaces around it."""
    if not text:
        return None
    first = text[0]
    if first.isalpha() or (first.isdigit() and re.match(_NO_NUMBER, text)):
        plain = ": " not in text and " #" not in text and text[-1] != ":" and text.lower() not in _NOT_TEXT
        return text if plain else _REFUSED
    if first in "\"'":
        inner = text[1:-1]
        whole = len(text) > 1 and text[-1] == first and first not in inner
        return inner if whole and (first == "'" or "\\" not in inner) else _REFUSED
    if re.fullmatch(_ISO_DAY, text):
        return naming.iso_day(text) or _REFUSED
    return _REFUSED


def flow_list(text: str) -> object:
    """Read a list of plain words or of quoted texts."""
    inner = text[1:-1].strip(" ")
    if len(text) < 2 or text[-1] != "]":
        return _REFUSED
    if not inner:
        return []
    if inner[0] == '"':
        return [item[1:-1] for item in re.findall('"[^"]*"', inner)] if re.fullmatch(_QUOTED_LIST, inner) else _REFUSED
    items = [item.strip(" ") for item in inner.split(",")]
    return items if all(re.fullmatch(_FLOW_WORD, i) and i.lower() not in _NOT_TEXT for i in items) else _REFUSED
