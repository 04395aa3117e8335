"""What a compaction is about to do and did, as JSON files below `.store/journal/`: written first, kept for undo.

`pending.json` is there only while a compaction or an undo is going on, or after a crash in one; everything else is
named by its id. A journal holds every file that is moved with its sha256 and every digest with its text, so it is all
that is needed to bring the store back to the byte.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from agent_memory.errors import Conflict, InvalidInput, StorageFailed, Unreadable
from agent_memory.files import atomic
from agent_memory.files.folder import JOURNAL, PENDING, Busy, Folder

VERSION = 1

State = Literal["applying", "applied", "undoing", "undone"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Move(_Value):
    """A file that goes to another place.

    Attributes:
        sha256: Of its bytes, before and after.
    """

    path: str
    to: str
    sha256: str


class Write(_Value):
    """A file that is made.

    Attributes:
        text: All of it.
    """

    path: str
    sha256: str
    text: str


class Done(_Value):
    """One action: what is written, then what is moved.

    Attributes:
        guard: A file that must still have this sha256 for the action to make sense, or None.
    """

    kind: str
    agent: str
    sources: tuple[str, ...]
    target: str | None = None
    why: str
    tokens_before: int
    tokens_after: int
    moves: tuple[Move, ...]
    write: Write | None = None
    guard: Move | None = None


class Left(_Value):
    """Something that was left alone.

    Attributes:
        path: Relative to the store root.
        why: In words.
    """

    path: str
    why: str


class Journal(_Value):
    """One compaction.

    Attributes:
        at: When it was begun.
        number: Tells which of two that were begun at the same moment was first.
        undone: When it was undone, or None.
        tokens_before, tokens_after: Of all active memories.
        left: What was left alone, in the apply or in the undo.
    """

    version: int = VERSION
    id: str
    state: State
    at: datetime
    number: int = 0
    undone: datetime | None = None
    tokens_before: int
    tokens_after: int
    actions: tuple[Done, ...]
    left: tuple[Left, ...] = ()

    @property
    def path(self) -> str:
        """Where it is kept, relative to the store root."""
        return f"{JOURNAL}/{self.id}.json"


def write_of(path: str, data: bytes) -> Write:
    """Return what a journal says of a file that is made."""
    return Write(path=path, sha256=hashlib.sha256(data).hexdigest(), text=data.decode())


@contextlib.contextmanager
def exclusive(folder: Folder) -> Iterator[None]:
    """Be the only compaction of this store; agents may go on reading and writing meanwhile.

    Raises:
        Busy: Another one is going on.
        StorageFailed: The lock file cannot be made.
    """
    folder.prepare()
    lock = _located(folder, f"{JOURNAL}/lock")
    atomic.make_folder(lock.parent, below=folder.root)
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise StorageFailed(f"cannot write {JOURNAL}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise Busy("another compaction of this store is going on", hint="wait for it to end") from None
    try:
        yield
    finally:
        os.close(fd)


def begin(folder: Folder, journal: Journal) -> None:
    """Write down what is about to be done; from here on a crash is repaired by the next open."""
    with _lasting(PENDING):
        atomic.create(_located(folder, PENDING), _bytes(journal), scratch=folder.scratch)


def finish(folder: Folder, journal: Journal) -> None:
    """Keep the journal of what was done, and forget that anything was going on."""
    target = _located(folder, journal.path)
    with _lasting(journal.path):
        if target.exists():
            atomic.replace(target, _bytes(journal), scratch=folder.scratch)
        else:
            atomic.create(target, _bytes(journal), scratch=folder.scratch)
    forget(folder)


def forget(folder: Folder) -> None:
    """Take away the note that something is going on."""
    with contextlib.suppress(FileNotFoundError):
        atomic.take_back(_located(folder, PENDING))


def pending(folder: Folder) -> Journal | None:
    """Return the journal of a compaction or an undo that did not come to its end.

    Raises:
        Unreadable: It is there and cannot be read.
    """
    try:
        return _read(folder, PENDING)
    except FileNotFoundError:
        return None


def kept(folder: Folder) -> tuple[list[Journal], list[Left]]:
    """Return the journals of a store, oldest first, and those that cannot be read."""
    found: list[Journal] = []
    odd: list[Left] = []
    try:
        names = [path.name for path in _located(folder, f"{JOURNAL}/lock").parent.iterdir()]
    except (FileNotFoundError, StorageFailed):
        return [], []
    except OSError as error:
        return [], [Left(path=JOURNAL, why=f"cannot be listed: {error.strerror}")]
    for name in sorted(names):
        path = f"{JOURNAL}/{name}"
        if name.endswith(".json") and path != PENDING:
            try:
                found.append(_read(folder, path))
            except Unreadable as error:
                odd.append(Left(path=path, why=error.reason))
            except FileNotFoundError:
                continue
    return sorted(found, key=lambda journal: (journal.at, journal.number, journal.id)), odd


def _read(folder: Folder, path: str) -> Journal:
    try:
        data, _ = folder.read(path)
        journal = Journal.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise Unreadable(path, f"is no journal: {'.'.join(map(str, first['loc']))} {first['msg']}".lower()) from None
    if journal.version > VERSION:
        raise Unreadable(path, f"was written by a later version ({journal.version})", hint="update agent-memory-store")
    return journal


def _bytes(journal: Journal) -> bytes:
    return journal.model_dump_json(indent=1, exclude_none=True).encode() + b"\n"


def _located(folder: Folder, path: str) -> Path:
    try:
        return folder.locate(path)
    except InvalidInput as error:  # our own folder is a symbolic link
        raise StorageFailed(error.message, hint=error.hint) from error


@contextlib.contextmanager
def _lasting(path: str) -> Iterator[None]:
    """Turn a name that is taken into an error with a next step."""
    try:
        yield
    except FileExistsError:
        raise Conflict(f"{path} is there already", hint="open the store again; that repairs it") from None
