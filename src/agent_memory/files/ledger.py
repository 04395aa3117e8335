"""Receipts on disk: files of JSON lines, one file a month, written at their ends and read from their ends.

A line is one write to a file that is open for appending, so that writers need no lock. A crash may tear the last line:
the next writer begins a line of its own, and whoever reads reports the torn one and goes on.
"""

from __future__ import annotations

import os
import re
import stat as modes
from collections.abc import Iterator
from typing import NamedTuple

from agent_memory.errors import InvalidInput, StorageFailed
from agent_memory.files import atomic
from agent_memory.files.folder import Folder
from agent_memory.files.listing import STORE
from agent_memory.model import Problem

RECEIPTS = f"{STORE}/receipts"
"""The shelf of what was handed over."""
FEEDBACK = f"{RECEIPTS}/feedback"
"""The shelf of what came of it; apart, so that it is read in no time however many receipts there are."""

_BLOCK = 64 * 1024
_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # neither through a link nor waiting for a pipe
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}\.jsonl")


class Line(NamedTuple):
    """One line of a ledger.

    Attributes:
        path: File it stands in, relative to the store root.
        offset: Of its first byte in the file.
        text: Without the line end; nobody has looked yet whether it is whole.
    """

    path: str
    offset: int
    text: bytes


def append(folder: Folder, text: str, *, shelf: str, month: str) -> None:
    """Write one line at the end of a month.

    Args:
        text: Without a line end in it.
        month: As `2026-07`.

    Raises:
        StorageFailed: The disk refused; readers see the ledger as it was.
    """
    path = f"{shelf}/{month}.jsonl"
    try:
        folder.prepare()
        target = folder.locate(path)
        atomic.make_folder(target.parent, below=folder.root)
        _write(os.fspath(target), text.encode("utf-8", "backslashreplace"))
    except InvalidInput as error:
        raise StorageFailed(error.message, hint=error.hint) from error
    except OSError as error:
        raise StorageFailed(f"cannot write {path}: {error.strerror or error}", hint="no line was added") from error


def _write(target: str, text: bytes) -> None:
    fd = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT | _OPEN, 0o666)
    try:
        found = os.fstat(fd)
        if not modes.S_ISREG(found.st_mode):
            raise OSError(0, "it is not a regular file")
        torn = found.st_size > 0 and os.pread(fd, 1, found.st_size - 1) != b"\n"
        data = b"".join((b"\n" if torn else b"", text, b"\n"))
        if os.write(fd, data) < len(data):
            raise OSError(0, "the disk took a part of the line only")
    finally:
        os.close(fd)


def lines(folder: Folder, *, shelf: str, since: str = "") -> Iterator[Line | Problem]:
    """Read a shelf newest line first, as far as the caller goes on asking; a file that cannot be read is a problem.

    Args:
        since: A month before which nothing is read, as `2026-07`.
    """
    try:
        names = os.listdir(folder.locate(f"{shelf}/month").parent)
    except FileNotFoundError:
        return
    except OSError as error:
        yield _refused(shelf, error.strerror)
        return
    except InvalidInput as error:
        yield _refused(shelf, error.message)
        return
    for name in sorted(filter(_MONTH.fullmatch, names), reverse=True):
        if name < since:
            return
        yield from _lines_of(folder, f"{shelf}/{name}")


def number(folder: Folder, line: Line) -> int:
    """Return the number of a line in its file, from 1; the file is read for it, so ask only to report the line."""
    with open(folder.locate(line.path), "rb") as file:
        return file.read(line.offset).count(b"\n") + 1


def _lines_of(folder: Folder, path: str) -> Iterator[Line | Problem]:
    try:
        fd = os.open(folder.root / path, os.O_RDONLY | _OPEN)
    except FileNotFoundError:
        return
    except OSError as error:
        yield _refused(path, error.strerror)
        return
    try:
        found = os.fstat(fd)
        if not modes.S_ISREG(found.st_mode):
            yield _refused(path, "it is not a regular file")
            return
        for offset, text in _backwards(fd, found.st_size):
            if text:
                yield Line(path, offset, text)
    except OSError as error:
        yield _refused(path, error.strerror)
    finally:
        os.close(fd)


def _backwards(fd: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield offset and text of each line, last line first."""
    end, block, rest = size, _BLOCK, b""
    while end > 0:
        start = max(0, end - block)
        first, *whole = (os.pread(fd, end - start, start) + rest).split(b"\n")
        at = end + len(rest)
        for text in reversed(whole):
            at -= len(text)
            yield at, text
            at -= 1  # its line end
        block = _BLOCK if whole else block * 2  # a line without an end must not be copied again and again
        end, rest = start, first
    if rest:
        yield 0, rest


def _refused(path: str, reason: str | None) -> Problem:
    return Problem(path=path, message=f"receipts cannot be read: {reason}", indexed=False)
