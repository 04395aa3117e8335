"""The part of a passage to show, with the words that matched."""

from __future__ import annotations

import re
from collections.abc import Collection

from agent_memory.index.analysis import fold, stems_of

WIDTH = 240
"""Characters of a snippet, about."""

_CHUNK = r"\S+"
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"


def one_line(text: str) -> str:
    """Return `text` on one line, without control and invisible characters."""
    return " ".join(re.sub(_CONTROL, " ", text).split())


def without_heading(text: str) -> str:
    """Return a passage without the heading it begins with, unless that is all it has."""
    first, _, rest = text.partition("\n")
    return rest if first.startswith("#") and rest.strip() else text


def snippet(text: str, tokens: Collection[str], *, width: int = WIDTH) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Cut the stretch of `text` with the most different matching words.

    Args:
        tokens: Stems and exact forms of the query.
        width: Wanted length in characters.

    Returns:
        The stretch on one line, and (start, end) offsets in it of the words that matched.
    """
    text = one_line(text)
    wanted = set(tokens)
    chunks = [(m.start(), m.end()) for m in re.finditer(_CHUNK, text)]
    beginnings = re.compile("|".join({re.escape(token[: min(4, max(1, len(token) - 1))]) for token in wanted} or "$"))
    marks = []
    for i, (a, b) in enumerate(chunks):
        # A stem and its words begin alike: look closer only where that is so.
        if beginnings.search(fold(text[a:b])) and (hit := wanted.intersection(stems_of(text[a:b]))):
            marks.append((i, hit))
    first = 0 if len(text) <= width else _best_window(chunks, marks, width)
    start = chunks[first][0] if chunks else 0
    end = start
    for _, stop in chunks[first:]:
        if stop - start > width and end > start:
            break
        end = stop
    lead, tail = ("… " if start else ""), (" …" if end < len(text) else "")
    shift = len(lead) - start
    spots = [_trim(text, *chunks[i]) for i, _ in marks if chunks[i][0] >= start and chunks[i][1] <= end]
    return lead + text[start:end] + tail, tuple((a + shift, b + shift) for a, b in spots if a < b)


def _best_window(chunks: list[tuple[int, int]], marks: list[tuple[int, set[str]]], width: int) -> int:
    """Index of the chunk where the best window begins, a few words before its first match."""
    best, most = 0, 0
    for k, (i, _) in enumerate(marks):
        covered: set[str] = set()
        for j, hit in marks[k:]:
            if chunks[j][1] - chunks[i][0] > width * 3 // 4:
                break
            covered |= hit
        if len(covered) > most:
            best, most = i, len(covered)
    return max(0, best - 4) if best > 6 else 0


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave punctuation around a word unmarked."""
    while start < end and not (text[start].isalnum() or text[start] in "_-"):
        start += 1
    while end > start and not (text[end - 1].isalnum() or text[end - 1] in "_+#"):
        end -= 1
    return start, end
