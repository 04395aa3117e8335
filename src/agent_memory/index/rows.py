"""From a memory to the rows that describe it: pure, so that it can be done in any process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from agent_memory.index.analysis import analyse_joined
from agent_memory.index.where import BOUNDARY
from agent_memory.model import Memory

PAGE = 1000
"""Tokens of a long memory that share a row of the full-text table; a page ends at the end of a passage."""

PAGES_BITS = 10
"""The rowid of a page is the number of its memory, shifted by this, plus the number of the page."""


class Rows(NamedTuple):
    """The rows of one memory, without its number, in the order of the columns in `schema.py`.

    Attributes:
        pages: (title, about, text, exact) for each row of the full-text table.
    """

    memory: tuple[object, ...]
    passages: list[tuple[object, ...]]
    tags: list[str]
    links: list[str]
    supersessions: list[str]
    files: list[tuple[str, bool]]
    pages: list[tuple[str, str, str, str]]


def rows_of(memory: Memory, *, size: int, body_start: int) -> Rows:
    """Return the rows of a memory.

    Args:
        size: Bytes of its file.
        body_start: Characters of the file before the body.
    """
    texts, exacts, lengths = _analyse_passages(memory)
    return Rows(
        memory=(
            memory.path, memory.id, memory.agent, memory.name, memory.date.isoformat(), memory.date_source, memory.type,
            memory.description, memory.status, memory.archived, memory.visibility,
            memory.valid_until.isoformat() if memory.valid_until else None, memory.to, memory.fingerprint, size,
            body_start, sum(lengths), len(lengths),
        ),
        passages=[
            (i, s.heading, s.start, s.end, s.line, n)
            for i, (s, n) in enumerate(zip(memory.sections, lengths, strict=True))
        ],
        tags=list(dict.fromkeys(memory.tags)),
        links=list(dict.fromkeys(memory.links)),
        supersessions=list(dict.fromkeys(memory.supersedes)),
        files=list({file: (file, file in memory.files) for file in (*memory.files, *memory.mentions)}.values()),
        pages=list(_pages(memory, texts, exacts, lengths)),
    )  # fmt: skip


def _analyse_passages(memory: Memory) -> tuple[list[str], list[str], list[int]]:
    """Stems, exact forms and number of stems of each passage."""
    texts, exacts, lengths = [], [], []
    for section in memory.sections:
        stems, exact = analyse_joined(memory.body[section.start : section.end])
        texts.append(stems)
        exacts.append(exact)
        lengths.append(stems.count(" "))
    return texts, exacts, lengths


def _pages(
    memory: Memory, texts: list[str], exacts: list[str], lengths: list[int]
) -> Iterator[tuple[str, str, str, str]]:
    """Rows of the full-text table: (title, about, text, exact), the first two only on the first page."""
    stem = memory.id.rpartition("/")[2]
    title, title_exact = analyse_joined(f"{memory.name} {stem.replace('-', ' ')}")
    about, about_exact = analyse_joined(" ".join((memory.description, *memory.tags, *memory.files, memory.type)))
    limit = max(PAGE, sum(lengths) // ((1 << PAGES_BITS) - 2))
    start, count = 0, 0
    bounds = []
    for i, length in enumerate(lengths):
        count += length
        if count >= limit:
            bounds.append((start, i + 1))
            start, count = i + 1, 0
    if start < len(lengths) or not bounds:
        bounds.append((start, len(lengths)))
    for n, (low, high) in enumerate(bounds):
        text = f"{BOUNDARY} ".join(texts[low:high])
        exact = "".join(exacts[low:high])
        yield (title, about, text, f"{title_exact}{about_exact}{exact}") if n == 0 else ("", "", text, exact)
