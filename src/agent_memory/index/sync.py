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
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from agent_memory.errors import FolderVanished, InvalidInput, Unreadable
from agent_memory.files.folder import Folder
from agent_memory.files.listing import STORE, Listing, Seen
from agent_memory.index import view
from agent_memory.index.sqlite import Index
from agent_memory.model import Stat, SyncReport

if TYPE_CHECKING:
    from agent_memory.index.preparing import Prepared

COARSE_NS = 2_000_000_000
"""Two changes this far apart have different time stamps on every file system we know (FAT: 2 s)."""

FINE_NS = 100_000_000
"""The same where time stamps show parts of a second (a kernel's clock tick is at most 10 ms)."""

INDEX = f"{STORE}/index.sqlite3"

Progress = Callable[[int, int], None]
"""Called with (files done, files to do)."""

Entry = tuple[str, int, int, int, int, int, str]
"""(path, size, mtime_ns, ctime_ns, inode, settled, fingerprint), as `Index.entries` gives it."""


class Difference(NamedTuple):
    """How the disk differs from the index, as far as stat can tell.

    Attributes:
        read: Files to read: new, or no longer surely the same.
        removed: Paths the index knows and the disk does not have.
        unchanged: Number of files that need no look.
    """

    read: tuple[Stat, ...]
    removed: tuple[str, ...]
    unchanged: int


def difference(disk: list[Seen], index: list[Entry], *, unread: tuple[str, ...] = (), full: bool = False) -> Difference:
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
        if j == len(index) or (i < len(disk) and disk[i][0] < index[j][0]):
            read.append(Stat._make(disk[i]))
            i += 1
        elif i == len(disk) or index[j][0] < disk[i][0]:
            if not index[j][0].startswith(unread or ("\0",)):
                removed.append(index[j][0])
            j += 1
        else:
            if full or not index[j][5] or disk[i] != index[j][:5]:
                read.append(Stat._make(disk[i]))
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
    if (len(gone) == known and known > 1) or (len(gone) * 2 > known >= 10):
        names = sorted({path.split("/")[0] for path in gone})
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise FolderVanished(
            f"{len(gone)} of {known} memories are gone together with their folders ({shown}); the index stays as it is",
            hint="bring the folders back, or accept with: memory sync --force",
        )


def _without_trace(plan: Difference, entries: list[Entry]) -> tuple[str, ...]:
    """Return the paths that are gone and not only renamed: the file is nowhere in the listing."""
    if not plan.removed:
        return ()
    there = {(stat.inode, stat.size, stat.mtime_ns) for stat in plan.read}
    removed = set(plan.removed)
    return tuple(
        path for path, size, mtime, _, inode, *_ in entries if path in removed and (inode, size, mtime) not in there
    )


def sync(
    index: Index,
    folder: Folder,
    *,
    now_ns: int,
    timeout: float,
    full: bool = False,
    force: bool = False,
    helpers: bool = False,
    progress: Progress | None = None,
) -> SyncReport:
    """Make `index` equal to the files of `folder`.

    Args:
        now_ns: The wall clock, nanoseconds since the epoch.
        timeout: Seconds to wait for another writer.
        full: Read every file, whatever its stat says.
        force: Believe that vanished folders are meant.
        helpers: Other processes may help; not for an index that is in use, because a fork closes those.

    Raises:
        FolderVanished: See `guard`.
        Busy: Another process kept writing.
    """
    started = time.perf_counter()
    listing = folder.listing()
    if not full and _nothing_new(index, folder, listing, now_ns):
        problems = (*listing.problems, *view.problems(index, None))
        return SyncReport(
            unchanged=len(listing.stats),
            problems=problems,
            folders=listing.folders,
            seconds=time.perf_counter() - started,
        )
    with _locked(index, folder, timeout=timeout), index.write():
        listing = folder.listing()  # again: what other writers did before we had the lock is on disk and in the index
        if index.path is not None and folder.recover(listing):
            listing = folder.listing()
        listing = listing.once()
        entries = index.entries()
        plan = difference(listing.stats, entries, unread=listing.unread, full=full)
        if not force:
            guard(_without_trace(plan, entries), len(entries), listing.folders)
        counts = _Apply(index, folder, entries, now_ns, progress).run(plan, helpers=helpers)
        index.set_fact("listing", listing.digest if counts.settled else "")
        problems = (*listing.problems, *view.problems(index, None))
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
        except (OSError, Unreadable, InvalidInput):
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

    def run(self, plan: Difference, *, helpers: bool) -> _Apply:
        """Read what is to be read, bring its rows up to date, drop what is gone."""
        gone = {self.fingerprints[path]: path for path in reversed(plan.removed) if self.fingerprints[path]}
        kept = set()
        from agent_memory.index import preparing  # noqa: PLC0415  not where nothing changed

        prepare = preparing.prepare_with_helpers if helpers else preparing.prepare_all
        for done, prepared in enumerate(prepare(self.folder, plan.read, self._known(plan))):
            if self.progress and done % 64 == 0:
                self.progress(done, len(plan.read))
            old = self.one(prepared, gone)
            if old:
                kept.add(old)
        for path in plan.removed:
            if path not in kept:
                self.index.remove(path)
                self.removed += 1
        if self.progress:
            self.progress(len(plan.read), len(plan.read))
        return self

    def _known(self, plan: Difference) -> dict[str, str]:
        """Fingerprints that make a second analysis needless; not of a memory that is dated by its file's time."""
        if not self.fingerprints:
            return {}
        rows = self.index.connection.execute("SELECT path FROM memories WHERE date_source = 'file_time'")
        by_file = {path for (path,) in rows}
        paths = [stat.path for stat in plan.read if stat.path in self.fingerprints and stat.path not in by_file]
        return {path: self.fingerprints[path] for path in paths}

    def one(self, prepared: Prepared, gone: dict[str, str]) -> str | None:
        """Bring the rows of one file up to date; return the old path if it was renamed."""
        path = prepared.stat.path
        settled = is_settled(prepared.stat, now_ns=self.now_ns) and not prepared.vanished
        self.settled = self.settled and settled
        if prepared.vanished:
            return None  # since the listing; the next sync sees it
        known = self.fingerprints.get(path)
        old = None
        if known is None:
            old = gone.pop(prepared.fingerprint, None)
            if old:
                self.index.rename(old, path)
                self.renamed += 1
            else:
                self.added += 1
        elif known == prepared.fingerprint:
            self.unchanged += 1
        else:
            self.changed += 1
        put(self.index, prepared, settled=settled)
        return old


def put(index: Index, prepared: Prepared, *, settled: bool) -> None:
    """Bring the rows of one file up to date; the caller holds the lock and the transaction."""
    path = prepared.stat.path
    if not prepared.same:
        if prepared.rows is None:
            index.remove(path)
        else:
            index.put(prepared.rows)
        index.set_problems(path, prepared.problems)
    index.set_entry(prepared.stat, settled=settled, fingerprint=prepared.fingerprint)
