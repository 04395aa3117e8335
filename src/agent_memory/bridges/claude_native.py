"""An agent's memories as the `MEMORY.md` that Claude Code hands to agents with `memory: project`.

The file is an index: one line a memory, newest first. What others wrote in it stays; ours stands between two marks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent_memory.errors import InvalidInput, StorageFailed, Unreadable
from agent_memory.files import atomic, naming
from agent_memory.team import scopes

if TYPE_CHECKING:
    from agent_memory.model import Record
    from agent_memory.store import MemoryStore

PLACE = Path(".claude") / "agent-memory"
"""Where Claude Code keeps the memory of agents with `memory: project`; one letter from ours."""

MOST_LINES, MOST_BYTES = 200, 25_000
"""What Claude Code reads of the file."""

LONGEST_LINE = 150
BEGIN = "<!-- agent-memory-store: written by memory export; what stands between the marks is replaced -->"
END = "<!-- agent-memory-store: end -->"
_OURS = re.compile(rf"{re.escape(BEGIN)}\n.*?{re.escape(END)}(?:\n|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One file that was written, or would be.

    Attributes:
        listed: Memories that have a line.
        left_out: Memories, the oldest, for which there was no room.
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
    others = _OURS.sub("", old)
    seen = (r for r in store.list(agent=agent) if scopes.may_read(r.visibility, r.agent, reader))
    records = [record for record in seen if record.status not in ("superseded", "expired")]
    way = os.path.relpath(store.root, path.parent)
    head = f"## Dated memories of {agent}\n\nThe ones for a task: `memory first-step --agent {agent} --task TEXT`.\n\n"
    lines = [_line(record, way) for record in records]
    for count in range(min(len(lines), MOST_LINES), -1, -1):
        more = f"- … and {len(lines) - count} older: `memory list --agent {agent}`\n" if count < len(lines) else ""
        block = f"{BEGIN}\n{head}{''.join(lines[:count])}{more}{END}\n"
        text = _OURS.sub(lambda _, block=block: block, old, count=1) if _OURS.search(old) else _joined(others, block)  # type: ignore[misc]
        if text.count("\n") <= MOST_LINES and len(text.encode()) <= MOST_BYTES:
            return Exported(
                agent=agent, path=path, text=text, listed=count, left_out=len(lines) - count, changed=text != old
            )
    hint = "make room in it; Claude Code reads 200 lines and 25 kB"
    raise InvalidInput(f"{path} is full without our memories", hint=hint)


def _joined(others: str, block: str) -> str:
    if not others.strip():
        return block
    return f"{others}{'' if others.endswith(chr(10)) else chr(10)}\n{block}"


def _line(record: Record, way: str) -> str:
    """Return one line of the index: title, file, date, and what it says, cut."""
    name = re.sub(r"[\[\]\s]+", " ", record.name).strip()
    path = f"{way}/{record.path}".replace(" ", "%20").replace("(", "%28").replace(")", "%29")
    start = f"- [{name[:80]}]({path}) — {record.date}"
    about = " ".join(record.description.split())
    room = LONGEST_LINE - len(start) - 3
    if about and room >= 20:
        start += f": {about if len(about) <= room else about[: room - 1].rstrip() + '…'}"
    return f"{start}\n"


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
