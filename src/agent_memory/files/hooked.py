"""What the hook notes beside the index: what it handed over already, and what went wrong.

Both files are local, bounded and may be deleted at any time: nothing of value is in them.
"""

from __future__ import annotations

import fcntl
import os
import stat as modes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from agent_memory.errors import InvalidInput, StorageFailed
from agent_memory.files import atomic
from agent_memory.files.folder import Folder
from agent_memory.files.listing import STORE

SHELF = f"{STORE}/hook"
LARGEST = 64 * 1024
"""Bytes that either file may have; then the older half goes."""

_CLAIMS, _FAILURES = f"{SHELF}/handed", f"{SHELF}/failures"
_LONGEST_LINE = 500
_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # neither through a link nor waiting for a pipe


def claim(folder: Folder, key: str, *, at: float) -> float | None:
    """Return when `key` was claimed first; None where that is now: of many processes, one gets None.

    Args:
        key: Without blanks.
        at: Seconds since the epoch.

    Raises:
        StorageFailed: The store cannot be written.
    """
    with _open(folder, _CLAIMS) as fd:
        known = _claims(_content(fd))
        if key not in known:
            _append(fd, f"{key} {max(0, int(at))}\n".encode())  # a clock may begin before 1970
        return known.get(key)


def claimed(folder: Folder, key: str) -> float | None:
    """Return when `key` was claimed, or None."""
    return _claims(_read(folder, _CLAIMS)).get(key)


def note_failure(folder: Folder, text: str, *, at: datetime) -> None:
    """Note what went wrong, for `failures`.

    Raises:
        StorageFailed: The store cannot be written.
    """
    line = f"{at.isoformat(timespec='seconds')} {' '.join(text.split())}".encode("utf-8", "backslashreplace")
    with _open(folder, _FAILURES) as fd:
        _append(fd, line[:_LONGEST_LINE] + b"\n")


def failures(folder: Folder) -> list[str]:
    """Return what went wrong, a line each, oldest first: an ISO time, a blank, and what it was."""
    return _read(folder, _FAILURES).decode("utf-8", "replace").splitlines()


def forget_failures(folder: Folder) -> None:
    """Begin a new list of failures."""
    with suppress(OSError, InvalidInput):
        os.unlink(folder.locate(_FAILURES))


def _claims(content: bytes) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in content.decode("ascii", "replace").splitlines():
        key, _, at = line.partition(" ")
        if at.isdecimal():  # a line that a crash tore says nothing
            found.setdefault(key, float(at))
    return found


def _read(folder: Folder, path: str) -> bytes:
    """Return what a file holds; b"" where it cannot be read, because then nothing is known."""
    try:
        fd = os.open(folder.locate(path), os.O_RDONLY | _OPEN)
    except (OSError, InvalidInput):
        return b""
    try:
        return _content(fd)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _content(fd: int) -> bytes:
    return os.pread(fd, 2 * LARGEST, 0)


def _append(fd: int, line: bytes) -> None:
    """Write a line at the end, in one write; first make room for it. The caller holds the file's lock."""
    content = _content(fd)
    if len(content) + len(line) > LARGEST:
        content = content[-LARGEST // 2 :].partition(b"\n")[2]
        os.ftruncate(fd, 0)
        os.pwrite(fd, content, 0)
    torn = b"\n" if content and not content.endswith(b"\n") else b""
    os.pwrite(fd, torn + line, len(content))


@contextmanager
def _open(folder: Folder, path: str) -> Iterator[int]:
    """Open a file for one process at a time."""
    try:
        folder.prepare()
        target = folder.locate(path)
        atomic.make_folder(target.parent, below=folder.root)
        fd = os.open(target, os.O_RDWR | os.O_CREAT | _OPEN, 0o666)
        try:
            if not modes.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(0, "it is not a regular file")
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)
    except InvalidInput as error:
        raise StorageFailed(error.message, hint=error.hint) from error
    except OSError as error:
        raise StorageFailed(f"cannot write {path}: {error.strerror or error}") from error
