"""What other programs keep as Markdown, read as notes; nothing of theirs is changed."""

from __future__ import annotations

import os
import re
import stat as modes
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from agent_memory.errors import InvalidInput, MemoryStoreError
from agent_memory.files import format as formats
from agent_memory.files import front_matter, naming
from agent_memory.files.folder import LARGEST
from agent_memory.files.listing import printable
from agent_memory.model import TYPES, Memory, Stat

_NATIVE_TYPES = {"user": "preference", "feedback": "convention", "project": "note", "reference": "reference"}
_DAY_LOG = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note of another program, as the memory it becomes.

    Attributes:
        source: Where it is from, as it will stand in `sources`; the same on every run.
    """

    source: str
    agent: str
    topic: str
    body: str
    day: date
    type: str = "note"
    description: str = ""
    tags: tuple[str, ...] = ()
    visibility: str = "team"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """A file that cannot become a memory, and why."""

    path: str
    reason: str


Found = Note | Unfit


def claude_native(folder: Path, agent: str | None) -> Iterator[Found]:
    """Read the native memory of Claude Code: `<folder>/<agent>/*.md`, or one agent's folder where `agent` is given.

    Its `MEMORY.md` is an index of the others and is left out.
    """
    named = [f for f in sorted(folder.iterdir()) if f.is_dir() and not f.name.startswith(".")]
    for place, owner in [(folder, agent)] if agent else [(f, f.name) for f in named]:
        paths, unread = _markdown(place)
        for path in paths:
            if path.name != "MEMORY.md":
                yield _note(path, f"claude-native: {owner}/{_below(place, path)}", owner, _native)
        yield from unread


def day_logs(folder: Path, agent: str | None) -> Iterator[Found]:
    """Read day logs, `<folder>/YYYY-MM-DD.md`, as one note a day."""
    owner = _needed(agent, "day logs")
    for path in sorted(folder.iterdir()):
        if _DAY_LOG.fullmatch(path.name):
            yield _note(path, f"day-logs: {path.name}", owner, _log)


def basic_memory(folder: Path, agent: str | None) -> Iterator[Found]:
    """Read a vault of basic-memory: every Markdown file at any depth."""
    owner = _needed(agent, "a vault")
    paths, unread = _markdown(folder)
    for path in paths:
        yield _note(path, f"basic-memory: {_below(folder, path)}", owner, _vault)
    yield from unread


READERS: Mapping[str, Callable[[Path, str | None], Iterator[Found]]] = {
    "claude-native": claude_native,
    "day-logs": day_logs,
    "basic-memory": basic_memory,
}


def _needed(agent: str | None, what: str) -> str:
    if agent is None:
        raise InvalidInput(f"{what} do not say whose they are", hint="name the agent with --agent")
    return agent


def _markdown(folder: Path) -> tuple[list[Path], list[Unfit]]:
    """Return the Markdown files at any depth that are not hidden, and the folders that cannot be listed.

    Links are among the files: they are reported.
    """
    found: list[Path] = []
    unread: list[Unfit] = []

    def tell(error: OSError) -> None:
        unread.append(Unfit(path=printable(str(error.filename)), reason=f"cannot be listed: {error.strerror}"))

    for place, folders, names in os.walk(folder, onerror=tell):
        folders[:] = [name for name in folders if not name.startswith(".")]
        shown = (name for name in (*folders, *names) if name.endswith(".md") and not name.startswith("."))
        found += [Path(place, name) for name in shown]
    return sorted(found), unread


def _below(folder: Path, path: Path) -> str:
    return printable(path.relative_to(folder).as_posix())


def _note(path: Path, source: str, agent: str, adapt: Callable[[Memory, Mapping[Any, Any]], dict[str, Any]]) -> Found:
    """Read one file; what is wrong with it is told."""
    try:
        naming.check_agent(agent)
        data, stat = _bytes(path, agent)
        memory = formats.parse(stat, data).memory
        words: dict[str, Any] = {
            "topic": memory.name, "body": memory.body, "day": memory.date, "type": memory.type,
            "description": " ".join(memory.description.split()), "tags": memory.tags, "visibility": memory.visibility,
        }  # fmt: skip
        words |= adapt(memory, _front(data))
        if words["type"] not in TYPES:
            words["type"] = "note"
        if not words["body"].strip():
            return Unfit(path=printable(str(path)), reason="there is no text in it")
        return Note(source=source, agent=agent, **words)
    except MemoryStoreError as error:
        return Unfit(path=printable(str(path)), reason=getattr(error, "reason", error.message))
    except OSError as error:
        return Unfit(path=printable(str(path)), reason=error.strerror or str(error))


def _bytes(path: Path, agent: str) -> tuple[bytes, Stat]:
    s = path.lstat()
    if not modes.S_ISREG(s.st_mode):
        raise InvalidInput("it is no regular file")
    if s.st_size > LARGEST:
        raise InvalidInput(f"it has {s.st_size:,} bytes; a memory may have {LARGEST:,}")
    return path.read_bytes(), Stat(f"{agent}/{path.name}", s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino)


def _front(data: bytes) -> Mapping[Any, Any]:
    """Return all keys of the front matter; what cannot be read has none."""
    text = data.decode("utf-8", "replace")
    head = front_matter.read(text, "")
    try:
        return (front_matter.load(text[slice(*head.block)]) or {}) if head.block else {}
    except (front_matter.BadYaml, RecursionError):
        return {}


def _native(memory: Memory, front: Mapping[Any, Any]) -> dict[str, Any]:
    more = front.get("metadata")
    kind = (more.get("type") if isinstance(more, Mapping) else None) or front.get("type")
    return {"type": _NATIVE_TYPES.get(str(kind), "note"), "day": _day(memory, front, "modified", "created")}


def _log(memory: Memory, _: Mapping[Any, Any]) -> dict[str, Any]:
    day = naming.date_in(memory.path.rpartition("/")[2].removesuffix(".md"))
    if day is None:
        raise InvalidInput("its name is no day")
    given = memory.name if naming.date_in(memory.name) is None and not memory.name[:1].isdigit() else ""
    return {"topic": given or f"Log of {day}", "day": day}


def _vault(memory: Memory, front: Mapping[Any, Any]) -> dict[str, Any]:
    return {"day": _day(memory, front, "created", "modified")}


def _day(memory: Memory, front: Mapping[Any, Any], *keys: str) -> date:
    """Return the day that a key names, where the file itself says none in a way we know."""
    if memory.date_source == "front_matter":
        return memory.date
    days = (naming.iso_day(str(front[key])) for key in keys if front.get(key))
    return next((day for day in days if day), memory.date)
