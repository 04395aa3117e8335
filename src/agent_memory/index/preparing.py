"""Reading files and making their rows, the part of a sync that needs no database and can use every core."""

from __future__ import annotations

import gc
import hashlib
import os
import signal
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agent_memory.errors import InvalidInput, Unreadable
from agent_memory.files.folder import Folder
from agent_memory.index.rows import Rows, rows_of
from agent_memory.model import Memory, Problem, Stat

if TYPE_CHECKING:
    from multiprocessing.pool import AsyncResult

MANY = 1500
"""Files from which on other processes help; below, starting them costs more than they save."""

WARM_UP = 300
BATCH = 64
HELPERS = 2


class Prepared(NamedTuple):
    """What a file turned out to be.

    Attributes:
        stat: As it was when the file was read.
        fingerprint: sha256 of its bytes; "" where it could not be read.
        rows: None where there are none: it is no memory, or `same`.
        same: The content is the known one; nothing was analysed.
        vanished: It was gone when it should be read.
    """

    stat: Stat
    fingerprint: str = ""
    rows: Rows | None = None
    problems: tuple[Problem, ...] = ()
    same: bool = False
    vanished: bool = False


def prepare(folder: Folder, stat: Stat, known: str | None) -> Prepared:
    """Read a file and make its rows.

    Args:
        known: The fingerprint of the content that is indexed already.
    """
    try:
        data, stat = folder.read(stat.path)
    except (FileNotFoundError, InvalidInput):  # gone, or behind what was a folder and now is a link
        return Prepared(stat, vanished=True)
    except Unreadable as error:
        return Prepared(stat, problems=(_problem(stat.path, error),))
    fingerprint = hashlib.sha256(data).hexdigest()
    if fingerprint == known:
        return Prepared(stat, fingerprint, same=True)
    return prepare_bytes(stat, data, fingerprint)


def prepare_bytes(stat: Stat, data: bytes, fingerprint: str) -> Prepared:
    """Make the rows of a file's content."""
    from agent_memory.files import format as formats  # noqa: PLC0415  pydantic and yaml, only where something changed

    try:
        parsed = formats.parse(stat, data)
    except Unreadable as error:
        return Prepared(stat, fingerprint, problems=(_problem(stat.path, error),))
    return prepare_memory(stat, data, parsed.memory, parsed.problems)


def prepare_memory(stat: Stat, data: bytes, memory: Memory, problems: tuple[Problem, ...]) -> Prepared:
    """Make the rows of a memory that was parsed from `data`."""
    characters = len(data.decode("utf-8", "replace"))
    rows = rows_of(memory, size=len(data), body_start=characters - len(memory.body))
    return Prepared(stat, memory.fingerprint, rows, problems)


def prepare_all(folder: Folder, stats: Sequence[Stat], known: Mapping[str, str]) -> Iterator[Prepared]:
    """Prepare files in order."""
    for stat in stats:
        yield prepare(folder, stat, known.get(stat.path))


def may_fork() -> bool:
    """Whether this process may be copied: only a process with a single thread has no lock that a copy would miss."""
    if sys.platform != "linux" or (os.cpu_count() or 1) < 2:
        return False
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "\nThreads:\t1\n" in status


def prepare_with_helpers(folder: Folder, stats: Sequence[Stat], known: Mapping[str, str]) -> Iterator[Prepared]:
    """As `prepare_all`; many files with the help of other processes where that is safe.

    Helpers get batches, a few ahead of the consumer, so that neither waits nor hoards.
    """
    if len(stats) < MANY or not may_fork():
        yield from prepare_all(folder, stats, known)
        return
    import multiprocessing  # noqa: PLC0415  only large builds need it

    yield from prepare_all(folder, stats[:WARM_UP], known)  # what is learned of words here, the helpers are born with
    batches = [stats[i : i + BATCH] for i in range(WARM_UP, len(stats), BATCH)]
    with multiprocessing.get_context("fork").Pool(HELPERS, begin_helping) as pool:
        ahead: deque[AsyncResult[list[Prepared]]] = deque()
        for batch in batches:
            work = [(folder, stat, known.get(stat.path)) for stat in batch]
            ahead.append(pool.apply_async(_prepare_batch, (work,)))
            if len(ahead) > 2 * HELPERS:
                yield from ahead.popleft().get()
        while ahead:
            yield from ahead.popleft().get()


def begin_helping() -> None:
    """Leave Ctrl-C to the process that asked for help; collect no garbage, for there are no cycles and it ends soon."""
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _prepare_batch(work: list[tuple[Folder, Stat, str | None]]) -> list[Prepared]:
    return [prepare(*each) for each in work]


def _problem(path: str, error: Unreadable) -> Problem:
    return Problem(path=path, line=error.line, message=error.reason, indexed=False)
