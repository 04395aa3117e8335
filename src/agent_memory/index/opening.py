"""What happens when an index does not serve: it is built anew, or the files answer."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from agent_memory.errors import StorageFailed
from agent_memory.files.folder import Busy, Folder
from agent_memory.index.sqlite import Index, IndexUnusable
from agent_memory.index.sync import INDEX, Progress, sync
from agent_memory.model import SyncReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An index that can answer.

    Attributes:
        report: What building it did; None if it was there already.
        fallback: What did not work as usual, or "".
    """

    index: Index
    report: SyncReport | None = None
    fallback: str = ""


def replace_index(
    folder: Folder, problem: IndexUnusable, *, now_ns: int, timeout: float, progress: Progress | None = None
) -> Opened:
    """Find something that answers in the place of an index with a problem: a new one, or one in memory."""
    why = str(problem)
    if problem.replaceable:
        try:
            report = rebuild(folder, now_ns=now_ns, timeout=timeout, damaged=problem.damaged, progress=progress)
            told = "" if problem.missing else f"{why}; it was rebuilt from the files"
            return Opened(
                index=Index.open(folder.root / INDEX, timeout=timeout),
                report=report._replace(rebuilt=why),
                fallback=told,
            )
        except (IndexUnusable, StorageFailed, Busy, sqlite3.Error, OSError) as error:
            why = f"{why}, and building one failed: {error}" if not problem.missing else str(error)
    return scan(folder, now_ns=now_ns, why=why, copy=not problem.damaged, progress=progress)


def scan(folder: Folder, *, now_ns: int, why: str, copy: bool, progress: Progress | None = None) -> Opened:
    """Make a private index in memory and bring it up to date.

    Args:
        copy: Begin with a copy of the one on disk, if that can be read.
    """
    index = (Index.copy(folder.root / INDEX) if copy else None) or Index.in_memory()
    fallback = f"{why}; answered from the files, without writing an index"
    try:
        report = sync(index, folder, now_ns=now_ns, timeout=0, force=True, helpers=True, progress=progress)
    except BaseException as error:
        index.close()
        if not copy or not isinstance(error, sqlite3.DatabaseError):
            raise
        return scan(folder, now_ns=now_ns, why=why, copy=False, progress=progress)
    return Opened(index=index, report=report, fallback=fallback)


def rebuild(
    folder: Folder, *, now_ns: int, timeout: float, damaged: bool = False, progress: Progress | None = None
) -> SyncReport:
    """Build the index anew beside the old one and swap it in."""
    target = folder.root / INDEX
    folder.prepare()
    with folder.lock(timeout=timeout):
        if not damaged:
            with contextlib.suppress(IndexUnusable):  # another process may have built it while we waited
                Index.open(target, timeout=timeout).close()
                return SyncReport()
        aside = Path(f"{target}.new")
        index = Index.aside(aside)
        try:
            report = sync(index, folder, now_ns=now_ns, timeout=timeout, force=True, helpers=True, progress=progress)
            index.publish(target, damaged=damaged, timeout=timeout)
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                index.close()
            with contextlib.suppress(FileNotFoundError):
                aside.unlink()
            raise
    return report
