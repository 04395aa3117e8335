"""An agent's memories as the `MEMORY.md` that Claude Code hands to agents with `memory: project`.

The file is an index: one line a memory, first what holds (decisions, conventions, …), then what happened, each newest
first. What others wrote in it stays; ours stands between two marks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent_memory.errors import InvalidInput, MemoryStoreError, StorageFailed, Unreadable
from agent_memory.files import atomic, naming
from agent_memory.recall import extract
from agent_memory.recall.marks import cut, plain

if TYPE_CHECKING:
    from agent_memory.model import Record
    from agent_memory.store import MemoryStore

PLACE = Path(".claude") / "agent-memory"
"""Where Claude Code keeps the memory of agents with `memory: project`; one letter from ours."""

MOST_LINES, MOST_BYTES = 200, 25_000
"""What Claude Code reads of the file."""

HOOKS = (160, 100, 50)
"""Characters of what a line says of its memory: the longest with which all have a line, else the shortest."""

HOLDS = ("convention", "decision", "gotcha", "preference", "procedure", "reference")
"""Types that tell how things are; all others tell what happened."""

OVER = ("superseded", "expired")
"""Where a memory holds no more."""

BEGIN = "<!-- agent-memory-store: written by memory export; what stands between the marks is replaced -->"
END = "<!-- agent-memory-store: end -->"
_COMMENT = re.compile("<!-+|-+>")
# No mark within: a lost END must not cost what people wrote below it. An editor may have changed the line endings.
_OURS = re.compile(rf"{re.escape(BEGIN)}\r?\n(?:(?!{re.escape(BEGIN)}).)*?{re.escape(END)}(?:\r?\n|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One file that was written, or would be.

    Attributes:
        listed: Memories that have a line.
        left_out: Memories that hold and for which there was no room.
        changed: The file is not as it was.
    """

    agent: str
    path: Path
    text: str
    listed: int
    left_out: int
    changed: bool


def export(store: MemoryStore, folder: Path, *, agents: Sequence[str] = (), write: bool = True) -> tuple[Exported, ...]:
    """Write `<folder>/<agent>/MEMORY.md` for agents, by default for all that have memories.

    Args:
        agents: Whoever is named here reads: its private memories are listed as well.
        write: Otherwise only tell.

    Raises:
        InvalidInput: A file is full with what others wrote.
        Unreadable: A file that is there cannot be read.
    """
    wanted = [naming.check_agent(agent) for agent in agents] or sorted({record.agent for record in store.list()})
    found = [_exported(store, folder, agent, agent if agents else None) for agent in wanted]
    for one in found:
        if write and one.changed:
            _write(one)
    return tuple(found)


def _exported(store: MemoryStore, folder: Path, agent: str, reader: str | None) -> Exported:
    path = folder / agent / "MEMORY.md"
    old = _read(path)
    records = store.list(agent=agent, reader=reader or "")  # "" is nobody, who sees what is open
    holding = sorted((r for r in records if r.status not in OVER), key=lambda record: record.type not in HOLDS)
    said = [_said(store, record) for record in holding]
    way = os.path.relpath(store.root, path.parent)
    for hook in HOOKS:
        lines = [_line(record, way, about, hook) for record, about in zip(holding, said, strict=True)]
        for count in range(len(lines), -1 if hook == HOOKS[-1] else len(lines) - 1, -1):
            text = _within(old, _block(agent, lines, count, over=len(records) - len(holding)))
            if text.count("\n") <= MOST_LINES and len(text.encode()) <= MOST_BYTES:
                left = len(lines) - count
                return Exported(agent=agent, path=path, text=text, listed=count, left_out=left, changed=text != old)
    hint = "make room in it; Claude Code reads 200 lines and 25 kB"
    raise InvalidInput(f"{path} is full without our memories", hint=hint)


def _block(agent: str, lines: Sequence[str], count: int, *, over: int) -> str:
    """Return our part of the file.

    Args:
        count: Lines that it shall have of those that there are.
        over: Memories that hold no more.
    """
    head = (
        f"## Dated memories of {agent}\n\n"
        f"The ones for a task: `memory first-step --agent {agent} --task TEXT`. Each line leads to its file.\n\n"
    )
    left = len(lines) - count
    more = [f"{left} older (`memory list --agent {agent}`)"] if left else []
    state = "'status:superseded OR status:expired'"
    more += [f"{over} superseded or expired (`memory list --agent {agent} {state}`)"] if over else []
    rest = f"\nNot listed: {', '.join(more)}.\n" if more else ""
    return f"{BEGIN}\n{head}{''.join(lines[:count])}{rest}{END}\n"


def _within(old: str, block: str) -> str:
    """Return the text of a file with our part in its place, or below what others wrote."""
    if _OURS.search(old):
        return _OURS.sub(lambda _: block, old, count=1)
    if not old.strip():
        return block
    return f"{old}{'' if old.endswith(chr(10)) else chr(10)}\n{block}"


def _said(store: MemoryStore, record: Record) -> str:
    """Return what a memory says: its description, else how its text begins, headings and code left out."""
    if about := plain(record.description, 1000):
        return about
    try:
        parts = extract.parts(store.show(record.path, reader=record.agent).body)
        return plain(" ".join(part.text for part in parts if part.kind in ("text", "item")), 1000)
    except MemoryStoreError:  # it was moved or spoilt since it was listed; its line still leads there
        return ""


def _line(record: Record, way: str, about: str, hook: int) -> str:
    """Return one line of the index: title, file, date, and what it says, cut after `hook` characters."""
    name = cut(_COMMENT.sub("", re.sub(r"[\[\]\s]+", " ", plain(record.name))).strip(), 80)
    path = f"{way}/{record.path}".replace(" ", "%20").replace("(", "%28").replace(")", "%29")
    said = cut(_COMMENT.sub("", about), hook)
    return f"- [{name}]({path}) — {record.date}{': ' if said else ''}{said}\n"


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()  # line endings as they are
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(str(path), getattr(error, "strerror", None) or "not UTF-8") from error


def _write(one: Exported) -> None:
    path, data = one.path.resolve(), one.text.encode()  # a link stays one
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            atomic.replace(path, data, scratch=path.parent)
        else:
            atomic.create(path, data, scratch=path.parent)
    except OSError as error:
        raise StorageFailed(f"cannot write {one.path}: {error.strerror}") from error
