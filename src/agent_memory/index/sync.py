"""Making the index equal to the files: a pure diff of two sorted listings, applied in one transaction.

sha256 is the truth. Size, times and inode are a hint to skip reading: a file whose stat is as it was is taken as
unchanged, unless it had changed so shortly before it was read that another change could hide behind the same time
stamp (such a file is not *settled* and is read again). The change time is part of the hint because, other than the
modification time, no program can set it back.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from agent_memory.errors import FolderVanished, StorageFailed, Unreadable
from agent_memory.files.folder import STORE, Busy, Folder, Listing
from agent_memory.index.sqlite import Index, IndexUnusable
from agent_memory.model import Problem, Stat, SyncReport

COARSE_NS = 2_000_000_000
"""Two changes this far apart have different time stamps on every file system we know (FAT: 2 s)."""

FINE_NS = 100_000_000
"""The same where time stamps show parts of a second (a kernel's clock tick is at most 10 ms)."""

INDEX = f"{STORE}/index.sqlite3"

Progress = Callable[[int, int], None]
"""Called with (files done, files to do)."""

Entry = tuple[str, int, int, int, int, int, str]
"""(path, size, mtime_ns, ctime_ns, inode, settled, fingerprint), as `Index.entries` gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How the disk differs from the index, as far as stat can tell.

    Attributes:
        read: Files to read: new, or no longer surely the same.
        removed: Paths the index knows and the disk does not have.
        unchanged: Number of files that need no look.
    """

    read: tuple[Stat, ...]
    removed: tuple[str, ...]
    unchanged: int


def difference(disk: list[Stat], index: list[Entry], *, unread: tuple[str, ...] = (), full: bool = False) -> Difference:
    """Merge two listings that are sorted by path.

    Args:
        unread: Prefixes that could not be listed: what the index knows below them stays.
        full: Take no stat as a reason to skip.
    """
    read: list[Stat] = []
    removed: list[str] = []
    unchanged = 0
    i = j = 0
    while i < len(disk) or j < len(index):
        if j == len(index) or (i < len(disk) and disk[i].path < index[j][0]):
            read.append(disk[i])
            i += 1
        elif i == len(disk) or index[j][0] < disk[i].path:
            if not index[j][0].startswith(unread or ("\0",)):
                removed.append(index[j][0])
            j += 1
        else:
            if full or not index[j][5] or disk[i] != index[j][:5]:
                read.append(disk[i])
            else:
                unchanged += 1
            i, j = i + 1, j + 1
    return Difference(read=tuple(read), removed=tuple(removed), unchanged=unchanged)


def is_settled(stat: Stat, *, now_ns: int) -> bool:
    """Whether no later change can hide behind the time stamps of a file read at `now_ns`."""
    window = FINE_NS if stat.ctime_ns % 1_000_000_000 else COARSE_NS
    return max(stat.mtime_ns, stat.ctime_ns) < now_ns - window


def guard(removed: tuple[str, ...], known: int, folders: tuple[str, ...]) -> None:
    """Refuse a difference that would empty a full index because folders are suddenly gone.

    Files removed one by one are believed; a vanished folder (an unmounted disk, another git branch, a slip of the hand)
    is not, where it held all of at least two memories or more than half of at least ten.

    Raises:
        FolderVanished: The difference should not be applied.
    """
    listed = set(folders)
    gone = [path for path in removed if path[: path.rfind("/") + 1] not in listed]
    if (len(gone) == known and known > 1) or (len(gone) * 2 > known and known >= 10):
        names = sorted({path.split("/")[0] for path in gone})
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise FolderVanished(
            f"{len(gone)} of {known} memories are gone together with their folders ({shown}); the index was left as it is",
            hint="bring the folders back, or accept with: memory sync --force",
        )


def sync(
    index: Index,
    folder: Folder,
    *,
    now_ns: int,
    timeout: float,
    full: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> SyncReport:
    """Make `index` equal to the files of `folder`.

    Args:
        now_ns: The wall clock, nanoseconds since the epoch.
        timeout: Seconds to wait for another writer.
        full: Read every file, whatever its stat says.
        force: Believe that vanished folders are meant.

    Raises:
        FolderVanished: See `guard`.
        Busy: Another process kept writing.
    """
    started = time.perf_counter()
    listing = folder.listing()
    if not full and _nothing_new(index, folder, listing, now_ns):
        problems = (*listing.problems, *index.problems())
        return SyncReport(unchanged=len(listing.stats), problems=problems, folders=listing.folders, seconds=time.perf_counter() - started)
    with _locked(index, folder, timeout=timeout), index.write():
        listing = folder.listing()  # again: what other writers did before we had the lock is on disk and in the index
        if folder.recover(listing):
            listing = folder.listing()
        entries = index.entries()
        plan = difference(listing.stats, entries, unread=listing.unread, full=full)
        if not force:
            guard(plan.removed, len(entries), listing.folders)
        counts = _Apply(index, folder, entries, now_ns, progress).run(plan)
        index.set_fact("listing", listing.digest if counts.settled else "")
        problems = (*listing.problems, *index.problems())
    return SyncReport(
        added=counts.added,
        changed=counts.changed,
        renamed=counts.renamed,
        removed=counts.removed,
        unchanged=plan.unchanged + counts.unchanged,
        problems=problems,
        folders=listing.folders,
        seconds=time.perf_counter() - started,
    )


def _nothing_new(index: Index, folder: Folder, listing: Listing, now_ns: int) -> bool:
    """Whether the index is up to date already, found out without a lock.

    Files that are not settled yet are read; as long as they cannot settle there is nothing to write down either.
    """
    if index.fact("listing") == listing.digest:
        return True
    entries = index.entries()
    plan = difference(listing.stats, entries, unread=listing.unread)
    if plan.removed:
        return False
    known = {entry[0]: entry for entry in entries}
    for stat in plan.read:
        entry = known.get(stat.path)
        if entry is None or entry[:5] != stat or is_settled(stat, now_ns=now_ns):
            return False
        try:
            data, _ = folder.read(stat.path)
        except (OSError, Unreadable):
            return False
        if hashlib.sha256(data).hexdigest() != entry[6]:
            return False
    return bool(plan.read)


@contextlib.contextmanager
def _locked(index: Index, folder: Folder, *, timeout: float) -> Iterator[None]:
    """Hold the store's lock, except for an index that only this process sees or builds."""
    if index.path is None or index.path.name != os.path.basename(INDEX):
        yield
        return
    folder.prepare()
    with folder.lock(timeout=timeout):
        yield


class _Apply:
    """One application of a difference; counts as it goes."""

    def __init__(
        self, index: Index, folder: Folder, entries: list[Entry], now_ns: int, progress: Progress | None
    ) -> None:
        self.index = index
        self.folder = folder
        self.fingerprints = {entry[0]: entry[6] for entry in entries}
        self.now_ns = now_ns
        self.progress = progress
        self.added = self.changed = self.renamed = self.removed = self.unchanged = 0
        self.settled = True

    def run(self, plan: Difference) -> _Apply:
        gone = {self.fingerprints[path]: path for path in reversed(plan.removed) if self.fingerprints[path]}
        kept = set()
        for done, stat in enumerate(plan.read):
            if self.progress and done % 64 == 0:
                self.progress(done, len(plan.read))
            old = self.one(stat, gone)
            if old:
                kept.add(old)
        for path in plan.removed:
            if path not in kept:
                self.index.remove(path)
                self.removed += 1
        if self.progress:
            self.progress(len(plan.read), len(plan.read))
        return self

    def one(self, stat: Stat, gone: dict[str, str]) -> str | None:
        """Read one file and bring its rows up to date; return the old path if it was renamed."""
        known = self.fingerprints.get(stat.path)
        try:
            data, stat = self.folder.read(stat.path)
        except FileNotFoundError:
            self.settled = False  # vanished since the listing; the next sync sees it
            return None
        except Unreadable as error:
            self._unreadable(stat, error)
            return None
        fingerprint = hashlib.sha256(data).hexdigest()
        settled = is_settled(stat, now_ns=self.now_ns)
        self.settled = self.settled and settled
        if known == fingerprint and not self._dated_by_file(stat.path):
            self.unchanged += 1
            self.index.set_entry(stat, settled=settled, fingerprint=fingerprint)
            return None
        old = gone.pop(fingerprint, None) if known is None else None
        if old:
            self.index.rename(old, stat.path)
            self.renamed += 1
        elif known is None:
            self.added += 1
        elif known != fingerprint:
            self.changed += 1
        else:
            self.unchanged += 1
        put(self.index, stat, data, settled=settled, fingerprint=fingerprint)
        return old

    def _dated_by_file(self, path: str) -> bool:
        row = self.index.connection.execute("SELECT date_source FROM memories WHERE path = ?", (path,)).fetchone()
        return row is not None and row[0] == "file_time"

    def _unreadable(self, stat: Stat, error: Unreadable) -> None:
        if stat.path in self.fingerprints:
            self.index.remove(stat.path)
            self.changed += 1
        settled = is_settled(stat, now_ns=self.now_ns)
        self.settled = self.settled and settled
        self.index.set_entry(stat, settled=settled, fingerprint="")
        self.index.set_problems(stat.path, (problem_of(stat.path, error),))


def problem_of(path: str, error: Unreadable) -> Problem:
    """Say what an unreadable file's problem is."""
    return Problem(path=path, line=error.line, message=error.reason, indexed=False)


def put(index: Index, stat: Stat, data: bytes, *, settled: bool, fingerprint: str) -> None:
    """Bring the rows of one file up to date; the caller holds the lock and the transaction."""
    from agent_memory.files import format as formats  # noqa: PLC0415  pydantic and yaml, only where something changed

    try:
        parsed = formats.parse(stat, data)
    except Unreadable as error:
        index.remove(stat.path)
        index.set_problems(stat.path, (problem_of(stat.path, error),))
    else:
        characters = len(data.decode("utf-8", "replace"))
        index.put(parsed.memory, size=len(data), body_start=characters - len(parsed.memory.body))
        index.set_problems(stat.path, parsed.problems)
    index.set_entry(stat, settled=settled, fingerprint=fingerprint)


# -- opening, and what happens when that fails ------------------------------------------------------------------------


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


def open_index(folder: Folder, *, now_ns: int, timeout: float, progress: Progress | None = None) -> Opened:
    """Open the index of `folder`; build it where there is none or it does not serve; else answer from the files.

    Never fails because of the index: what went wrong is told in `fallback`.
    """
    try:
        return Opened(index=Index.open(folder.root / INDEX))
    except IndexUnusable as error:
        return replace_index(folder, error, now_ns=now_ns, timeout=timeout, progress=progress)


def replace_index(
    folder: Folder, problem: IndexUnusable, *, now_ns: int, timeout: float, progress: Progress | None = None
) -> Opened:
    """Find something that answers in the place of an index with a problem: a new one, or one in memory."""
    why = str(problem)
    if problem.replaceable:
        try:
            report = rebuild(folder, now_ns=now_ns, timeout=timeout, damaged=problem.damaged, progress=progress)
            told = "" if problem.missing else f"{why}; it was rebuilt from the files"
            return Opened(index=Index.open(folder.root / INDEX), report=replace(report, rebuilt=why), fallback=told)
        except (IndexUnusable, StorageFailed, Busy, sqlite3.Error, OSError) as error:
            why = f"{why}, and building one failed: {error}" if not problem.missing else str(error)
    return scan(folder, now_ns=now_ns, why=why, progress=progress)


def scan(folder: Folder, *, now_ns: int, why: str, progress: Progress | None = None) -> Opened:
    """Make a private index in memory, from a copy of the one on disk if that can be read, and bring it up to date."""
    index = Index.copy(folder.root / INDEX) or Index.in_memory()
    report = sync(index, folder, now_ns=now_ns, timeout=0, force=True, progress=progress)
    return Opened(index=index, report=report, fallback=f"{why}; answered from the files, without writing an index")


def rebuild(
    folder: Folder, *, now_ns: int, timeout: float, damaged: bool = False, progress: Progress | None = None
) -> SyncReport:
    """Build the index anew beside the old one and swap it in."""
    target = folder.root / INDEX
    folder.prepare()
    with folder.lock(timeout=timeout):
        if not damaged:
            with contextlib.suppress(IndexUnusable):  # another process may have built it while we waited
                Index.open(target).close()
                return SyncReport()
        aside = Path(f"{target}.new")
        index = Index.aside(aside)
        try:
            report = sync(index, folder, now_ns=now_ns, timeout=timeout, force=True, progress=progress)
            index.publish(target, damaged=damaged)
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                index.close()
            with contextlib.suppress(FileNotFoundError):
                aside.unlink()
            raise
    return report
