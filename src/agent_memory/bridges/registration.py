"""What `memory install` changes in the settings of a runner: hooks in JSON, as Claude Code and Codex both read them."""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_memory.bridges.json_text import JsonText
from agent_memory.errors import InvalidInput, Stale, StorageFailed
from agent_memory.files import atomic

SERVER = "agent-memory"
"""The name under which a runner knows the MCP server."""

PROGRAMS = ("memory", "agent-memory-store", "agent_memory")
"""What our program is called: the two commands and the module."""

EMPTY = "{}\n"
"""A file of settings before the first one; one that is like this afterwards is removed."""

_LARGEST = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be registered.

    Attributes:
        command: The words that call our program.
        options: Options of every call of the hook.
        remind: Register the reminder at an agent's end too.
        mcp: Register the MCP server too.
    """

    command: tuple[str, ...] = ("memory",)
    options: tuple[str, ...] = ()
    remind: bool = False
    mcp: bool = False

    @property
    def hook(self) -> tuple[str, ...]:
        """The words that call the hook."""
        return (*self.command, "hook", *self.options, *(["--remind"] if self.remind else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One file before and after; None where there is none."""

    path: Path
    before: str | None
    after: str | None

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return self.before != self.after

    def diff(self, name: str) -> str:
        """Return the difference as people read it, "" where there is none."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True), (self.after or "").splitlines(keepends=True),
            "/dev/null" if self.before is None else name, "/dev/null" if self.after is None else name,
        )  # fmt: skip
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)

    def write(self) -> None:
        """Make the file what it shall be, whole or not at all; another process may have done so meanwhile.

        Raises:
            Stale: Somebody changed it meanwhile; nothing was written.
            StorageFailed: The file is read-only, or the disk refused; nothing was written.
        """
        self._check(self.before)
        target = Path(os.path.realpath(self.path))
        if target.exists() and not os.access(target, os.W_OK):  # its folder alone would let us
            raise StorageFailed(f"{self.path} is read-only", hint="make it writable first; nothing was changed")
        try:
            if self.after is None:
                target.unlink(missing_ok=True)
            elif self.before is None:
                atomic.make_root(target.parent)
                self._create(target, self.after)
            else:
                atomic.replace(target, self.after.encode(), scratch=target.parent)
        except OSError as error:
            raise StorageFailed(f"cannot write {self.path}: {error.strerror}", hint="nothing was changed") from error

    def _create(self, target: Path, text: str) -> None:
        try:
            atomic.create(target, text.encode(), scratch=target.parent)
        except FileExistsError as error:
            if target.is_symlink():
                raise StorageFailed(f"{self.path} is a symbolic link that leads nowhere", hint="mend it") from error
            self._check(self.after)

    def _check(self, expected: str | None) -> None:
        if _text(self.path) not in (expected, self.after):
            raise Stale(f"{self.path} changed meanwhile", hint="look at the difference again")


def edit(path: Path, change: Callable[[str], str], *, empty: str = EMPTY) -> Edit:
    """Return what a change makes of a file; one that says nothing any more is removed.

    Args:
        change: Its errors say of the text what is wrong; the name of the file is put before.
        empty: What a file that is not there yet begins as.

    Raises:
        InvalidInput: The file is not what the change can be made to.
    """
    before = _text(path)
    start = before if before and before.strip() else empty
    try:
        after = change(start)
    except InvalidInput as error:
        raise InvalidInput(f"{path} {error.message}", hint="mend it by hand; nothing was changed") from error
    if after == start:
        return Edit(path=path, before=before, after=before)
    return Edit(path=path, before=before, after=None if after == empty else after)


def with_hooks(text: str, groups: Mapping[str, Mapping[str, Any]]) -> str:
    """Return settings with a group of hooks for each event, in the place of ours that are there.

    Args:
        groups: Event -> matcher and handlers.
    """
    known = JsonText(text)
    if _ours(known) == {event: [group] for event, group in groups.items()}:
        return text
    found = JsonText(without_hooks(text))
    for event, group in groups.items():
        found = found.put(("hooks", event, "[]"), group)
    return found.text


def without_hooks(text: str) -> str:
    """Return settings without our hooks; those that others put beside them stay."""
    found = JsonText(text)
    for event, groups in _groups(found.value).items():
        found = found.drop(("hooks", event, "[]"), lambda group: _handlers(group) != [] and _is_all_ours(group))
        for number, group in enumerate(groups):
            if not _is_all_ours(group):
                kept = number - sum(map(_is_all_ours, groups[:number]))
                found = found.drop(("hooks", event, kept, "hooks", "[]"), is_ours)
    return found.text


def is_ours(handler: object) -> bool:
    """Whether a handler calls `memory hook`, however the program is named."""
    if not isinstance(handler, dict) or not isinstance(handler.get("command"), str):
        return False
    args = handler.get("args")
    try:
        words = [handler["command"], *args] if isinstance(args, list) else shlex.split(handler["command"])
    except ValueError:  # quotes that are not closed: not written by us
        return False
    return calls(words, "hook")


def is_our_server(server: object) -> bool:
    """Whether an entry of the MCP servers starts `memory mcp`, however the program is named."""
    if not isinstance(server, dict):
        return False
    args = server.get("args")
    return calls([server.get("command"), *(args if isinstance(args, list) else [])], "mcp")


def has_server(known: object, ours: Mapping[str, Any]) -> bool:
    """Whether an entry of the MCP servers is ours already; what somebody added to it stays.

    Args:
        known: The entry of our name; None where there is none.

    Raises:
        InvalidInput: It starts another program.
    """
    if known is not None and not is_our_server(known):
        raise InvalidInput(f"has an MCP server {SERVER} that is not this program")
    return isinstance(known, dict) and {**known, **ours} == known


def calls(words: Sequence[object], command: str) -> bool:
    """Whether words, such as `uvx --from agent-memory-store memory --root DIR hook`, call a command of our program."""
    return any(_is_our_program(word) and _command(words[at:]) == command for at, word in enumerate(words, 1))


def _is_our_program(word: object) -> bool:
    if not isinstance(word, str):
        return False
    name = os.path.basename(word)  # noqa: PTH119  a word
    return re.split("[\\[@=<>!~; ]", name, maxsplit=1)[0] in PROGRAMS  # a version or an extra may stand behind it


def _command(words: Sequence[object]) -> object:
    """Return the first word that is neither an option of ours nor its value."""
    rest = iter(words)
    for word in rest:
        if word == "--root":
            next(rest, None)
        elif not (isinstance(word, str) and word.startswith("-")):
            return word
    return None


def _ours(found: JsonText) -> dict[str, list[object]]:
    ours = {
        event: [g for g in groups if any(map(is_ours, _handlers(g)))] for event, groups in _groups(found.value).items()
    }
    return {event: groups for event, groups in ours.items() if groups}


def _groups(settings: Mapping[str, Any]) -> dict[str, list[object]]:
    hooks = settings.get("hooks")
    return {event: g for event, g in hooks.items() if isinstance(g, list)} if isinstance(hooks, dict) else {}


def _handlers(group: object) -> Sequence[object]:
    handlers = group.get("hooks") if isinstance(group, dict) else None
    return handlers if isinstance(handlers, list) else []


def _is_all_ours(group: object) -> bool:
    handlers = _handlers(group)
    return bool(handlers) and all(map(is_ours, handlers))


def _text(path: Path) -> str | None:
    """Return what a file says, None where there is none."""
    try:
        if not path.is_file():
            if path.exists():
                raise InvalidInput(f"{path} is no regular file")
            return None
        if path.stat().st_size > _LARGEST:
            raise InvalidInput(f"{path} is larger than {_LARGEST >> 20} MB")
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8", hint="save it as UTF-8; nothing was changed") from error
    except OSError as error:
        raise StorageFailed(f"cannot read {path}: {error.strerror}", hint="nothing was changed") from error
