"""What a query sees of a memory: its fields, and its words as the index has them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from agent_memory.index.analysis import analyse
from agent_memory.index.where import BOUNDARY, Stream
from agent_memory.model import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a query sees of a memory.

    Attributes:
        state: The status that holds.
        files: Paths the memory speaks about, declared or named in the body.
        title: Stems of the name and of the file's name.
        about: Stems of description, tags, type and the files it declares.
        text: Stems of the body, with `¶` between passages.
        exact: Written forms that differ from their stems, of all of these.
    """

    id: str
    agent: str
    type: str
    name: str
    date: dt.date
    state: str
    tags: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    exact: frozenset[str] = frozenset()

    def stream(self, name: Stream) -> tuple[str, ...]:
        """Return one of the three streams of stems."""
        return {"title": self.title, "about": self.about, "text": self.text}[name]

    def tokens(self) -> Iterator[str]:
        """Yield every token, stems first."""
        for token in (*self.title, *self.about, *self.text, *self.exact):
            if token != BOUNDARY:
                yield token


def document(memory: Memory, *, state: str) -> Document:
    """Return what a query sees of `memory`, analysed as the index does it."""
    stem = memory.id.rpartition("/")[2]
    title = analyse(f"{memory.name} {stem.replace('-', ' ')}")
    about = analyse(" ".join((memory.description, *memory.tags, *memory.files, memory.type)))
    passages = [analyse(memory.body[section.start : section.end]) for section in memory.sections]
    text: list[str] = []
    for passage in passages:
        text += [BOUNDARY, *passage.stems] if text else passage.stems
    return Document(
        id=memory.id,
        agent=memory.agent,
        type=memory.type,
        name=memory.name,
        date=memory.date,
        state=state,
        tags=memory.tags,
        files=(*memory.files, *memory.mentions),
        title=tuple(title.stems),
        about=tuple(about.stems),
        text=tuple(text),
        exact=frozenset(token for analysis in (title, about, *passages) for token in analysis.exact),
    )
