"""A Markdown text taken apart into what an extract keeps or leaves out: sentences, list items, table rows, code blocks.

Pure. Every unit is a piece of the text as it was written, so that what is kept is kept verbatim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["heading", "sentence", "item", "row", "code"]

_FENCE = re.compile(r"[ \t>]*(?:[-*+] |\d+[.)] )?[ \t]*(```+|~~~+)")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_ROW = re.compile(r"[ \t]*\|")
_RULE = re.compile(r"[ \t]*(?:[-*_=][ \t]*){3,}$")
_BOLD = re.compile(r"[ \t]*\*\*([^*\n]+)\*\*:?[ \t]*")
_SENTENCE = re.compile(r"(?<=[.!?])[\"”»')\]*`]*\s+(?=[\"“«„(\[*`]*[^\sa-z\u0430-\u044f])")
_ABBREVIATED = re.compile(r"(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|no|nr|ca|approx|dr|mr|st)\.$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of a text.

    Attributes:
        text: As written, without the line breaks around it.
        line: Line of its first character in the text, from 1.
        block: Number of the paragraph, list, table or heading it belongs to, counted through the text.
        level: Of a heading, from 1, 7 for a line in bold that stands for one; else 0.
    """

    kind: Kind
    text: str
    line: int
    block: int
    level: int = 0


def units(text: str) -> tuple[Unit, ...]:
    """Return the units of a text in order; rules and underlines alone are none."""
    found: list[Unit] = []
    for number, (kind, line, lines) in enumerate(_blocks(text)):
        if kind == "heading":
            level, title = _heading(lines)
            found.append(Unit("heading", title, line, number, level))
        elif kind == "sentence" and len(lines) == 1 and (bold := _BOLD.fullmatch(lines[0])):
            found.append(Unit("heading", bold[1], line, number, 7))
        elif kind == "code":
            found.append(Unit("code", "\n".join(lines), line, number))
        elif kind == "row":
            found += [Unit("row", row.strip(), line + at, number) for at, row in enumerate(lines)]
        elif kind == "item":
            found += [Unit("item", item, line + at, number) for at, item in _items(lines)]
        else:
            found += [Unit("sentence", sentence, line + at, number) for at, sentence in _sentences("\n".join(lines))]
    return tuple(found)


def _blocks(text: str) -> Iterator[tuple[Kind, int, list[str]]]:
    """Yield (kind, line, lines) of each block."""
    lines = text.replace("\r\n", "\n").split("\n")
    at = 0
    while at < len(lines):
        start = at
        kind = _kind(lines[at])
        if kind is None:
            at += 1
            continue
        at += 1
        if kind == "code":
            at = _end_of_fence(lines, start)
        elif kind == "sentence" and at < len(lines) and re.fullmatch(r" {0,3}(?:={3,}|-{3,})[ \t]*", lines[at]):
            kind, at = "heading", at + 1
        elif kind != "heading":
            while at < len(lines) and _goes_on(kind, lines[at]):
                at += 1
        yield kind, start + 1, lines[start:at]


def _kind(line: str) -> Kind | None:
    """What a block that begins with this line is; None for one that says nothing."""
    if not line.strip() or _RULE.fullmatch(line):
        return None
    if _FENCE.match(line):
        return "code"
    if _HEADING.match(line):
        return "heading"
    if _ROW.match(line):
        return "row"
    return "item" if _ITEM.match(line) else "sentence"


def _goes_on(kind: Kind, line: str) -> bool:
    if not line.strip() or _FENCE.match(line) or _HEADING.match(line):
        return False
    if kind == "row":
        return bool(_ROW.match(line))
    if kind == "item":
        return not _ROW.match(line)
    return not _ROW.match(line) and not _ITEM.match(line) and not _RULE.fullmatch(line)


def _end_of_fence(lines: list[str], start: int) -> int:
    opening = _FENCE.match(lines[start])
    mark = opening[1] if opening else "```"
    for at in range(start + 1, len(lines)):
        if lines[at].strip(" \t>").startswith(mark) and not lines[at].strip(" \t>").strip(mark[0]):
            return at + 1
    return len(lines)


def _heading(lines: list[str]) -> tuple[int, str]:
    found = _HEADING.match(lines[0])
    if found is None:
        return 1 if lines[-1].strip().startswith("=") else 2, lines[0].strip()
    return len(found[1]), found[2].strip()


def _items(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield (offset in lines, text) of each list item with the lines that go on with it."""
    start = 0
    for at in range(1, len(lines) + 1):
        if at == len(lines) or _ITEM.match(lines[at]):
            yield start, "\n".join(lines[start:at]).rstrip()
            start = at


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset in lines, text) of each sentence of a paragraph."""
    start = 0
    for found in _SENTENCE.finditer(text):
        gap = len(found[0]) - len(found[0].lstrip("\"”»')]*`"))
        end = found.start() + gap
        piece = text[start:end]
        if _ABBREVIATED.search(piece) or piece.count('"') % 2 or piece.count("`") % 2 or _unclosed(piece):
            continue
        yield text.count("\n", 0, start), text[start:end]
        start = found.end()
    if text[start:].strip():
        yield text.count("\n", 0, start), text[start:].rstrip()


def _unclosed(piece: str) -> bool:
    """Whether a quotation in typographic marks is still open."""
    return piece.count("“") > piece.count("”") + piece.count("„") or piece.count("«") > piece.count("»")
