"""An index that is current whenever it is asked: opened late, synced before every read, replaced when it breaks."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from agent_memory.errors import FolderVanished, InvalidInput, NotFound, StorageFailed
from agent_memory.files.folder import TRASH, Busy, Folder
from agent_memory.files.listing import ARCHIVE, STORE
from agent_memory.index import sync as syncing
from agent_memory.index.sqlite import Index, IndexUnusable, unusable
from agent_memory.model import Memory, Stat, SyncReport

if TYPE_CHECKING:
    from agent_memory.files.signal import ChangeSignal
    from agent_memory.index.opening import Opened
    from agent_memory.index.preparing import Prepared
    from agent_memory.index.vectors import Vectors

T = TypeVar("T")


class LiveIndex:
    """The index of one folder, for the lifetime of a store.

    Threads may share it: calls take turns. Before a fork it is closed, and both processes open it anew: SQLite's locks
    do not survive a fork, and two processes that share a connection destroy the database.

    Args:
        lock_timeout: Seconds to wait for another process that writes.
        progress: Called with (files done, files to do) while an index is built.
        vectors: What compares meaning; None where only words are compared.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        lock_timeout: float,
        progress: syncing.Progress | None,
        vectors: Vectors | None = None,
    ) -> None:
        self._folder = folder
        self._timeout = lock_timeout
        self._progress = progress
        self._vectors = vectors
        self._index: Index | None = None
        self._signal: ChangeSignal | None = None
        self._process = os.getpid()
        self._reads = 0
        self._steady: dict[int, bool] = {}  # thread -> whether it has looked at the files
        self._opening_fallback = ""
        self.mutex = threading.RLock()
        self.fallback = ""
        self.report = SyncReport()
        _all.add(self)

    def close(self) -> None:
        """Close the connection; the next call opens it anew."""
        with self.mutex:
            if self._index is not None:
                self._index.close()
                self._index = None
            self._drop_signal()

    # -- reading ------------------------------------------------------------------------------------------------

    def read(self, answer: Callable[[Index], T]) -> T:
        """Call `answer` with an index that knows the files as they are now, inside one read transaction.

        An index that turns out to be broken is replaced and `answer` called again; `fallback` then says so.
        """
        with self.mutex:
            return self._answered(self._fresh(), answer)

    @contextlib.contextmanager
    def steady(self) -> Iterator[None]:
        """Let this thread look at the files once for all the reads inside, which together make one answer."""
        thread = threading.get_ident()
        self._steady[thread] = False
        try:
            yield
        finally:
            del self._steady[thread]

    def read_by_meaning(self, answer: Callable[[Index, Vectors | None], T]) -> T:
        """As `read`, with the vectors of all memories where there is an embedder.

        Where it does not work, `answer` is called with None and `fallback` says why.
        """
        with self.mutex:
            index = self._fresh()
            if self._vectors is None:
                return self._answered(index, lambda used: answer(used, None))
            try:
                return self._by_meaning(answer)
            except sqlite3.DatabaseError as error:
                self._replace(error)
            return self._by_meaning(answer)

    def _by_meaning(self, answer: Callable[[Index, Vectors | None], T]) -> T:
        from agent_memory.index.embedding import EmbedderFailed  # noqa: PLC0415  only where meaning is compared

        vectors, why = self._completed(self._open(), lazily=True)
        index = self._open()
        if vectors is not None:
            try:
                with index.snapshot():
                    return answer(index, vectors)
            except EmbedderFailed as error:
                why = str(error)
        with index.snapshot():
            found = answer(index, None)
        self._also(why)
        return found

    def _completed(self, index: Index, *, lazily: bool) -> tuple[Vectors | None, str]:
        """Make the vectors that are missing; return None where they do not serve, and why."""
        from agent_memory.index.embedding import EmbedderFailed  # noqa: PLC0415  only where meaning is compared
        from agent_memory.index.vectors import LAZILY, NotReady  # noqa: PLC0415

        vectors = self._vectors
        assert vectors is not None

        def complete(index: Index) -> None:
            most = LAZILY if lazily else None
            vectors.complete(index, self._folder, timeout=self._timeout, most=most, progress=self._progress)

        try:
            try:
                complete(index)
            except sqlite3.DatabaseError as error:
                complete(self._replace(error))
        except (EmbedderFailed, NotReady, Busy, sqlite3.DatabaseError, StorageFailed) as error:
            return None, str(error)
        return vectors, ""

    def _also(self, why: str) -> None:
        """Say that meaning was not compared, beside what did not work otherwise."""
        if why:
            self.fallback = "; ".join(filter(None, (self.fallback, f"meaning was not compared ({why})")))

    def _answered(self, index: Index, answer: Callable[[Index], T]) -> T:
        try:
            with index.snapshot():
                return answer(index)
        except sqlite3.DatabaseError as error:
            index = self._replace(error)
        with index.snapshot():
            return answer(index)

    def sync(self, *, full: bool = False, force: bool = False) -> SyncReport:
        """Make the index equal to the files.

        Raises:
            FolderVanished: Most memories are gone together with their folders.
        """
        with self.mutex:
            self.fallback = ""
            known = self._index
            index = self._open()
            built = self.report if self._index is not known else None
            try:
                report = self._sync(index, full=full, force=force)
            except (sqlite3.DatabaseError, StorageFailed) as error:
                self._replace(error)
                return self.report
            if built is not None and built.added:
                report = SyncReport(
                    added=built.added, problems=report.problems, folders=report.folders,
                    seconds=built.seconds, rebuilt=built.rebuilt,
                )  # fmt: skip
            self.report = report
            if self._vectors is not None:
                self._also(self._completed(index, lazily=False)[1])
            return report

    def rebuild(self) -> SyncReport:
        """Build the index anew from the files, whatever state it is in."""
        with self.mutex:
            self.close()
            from agent_memory.index import opening  # noqa: PLC0415  seldom needed

            return opening.rebuild(
                self._folder, now_ns=time.time_ns(), timeout=self._timeout, damaged=True, progress=self._progress
            )

    # -- writing ------------------------------------------------------------------------------------------------

    def written(self, path: str, data: bytes, *, old: str | None = None, locked: bool = False) -> Memory:
        """Index a file that was just written and return it as a memory.

        Args:
            old: Where the file was before, if it was moved.
            locked: The caller holds the store's lock.
        """
        from agent_memory.files import format as formats  # noqa: PLC0415  pydantic and yaml: not for readers
        from agent_memory.index.preparing import prepare_memory  # noqa: PLC0415

        try:
            stat = self._folder.stat(path)
        except FileNotFoundError:  # somebody moved it at once; the next sync sees that
            return formats.parse(Stat(path, len(data), time.time_ns(), time.time_ns(), 0), data).memory
        parsed = formats.parse(stat, data)
        note = self.note(prepare_memory(stat, data, parsed.memory, parsed.problems), old=old, locked=locked)
        return parsed.memory._replace(notes=(note,)) if note else parsed.memory

    def move(self, path: str, target: str) -> str:
        """Move a file to `target`, or beside it where that name is taken, index it there, and return its new path.

        Raises:
            NotFound: It is gone.
        """
        base = target.removesuffix(".md")
        self._folder.prepare()
        with self.mutex, self._folder.lock(timeout=self._timeout):
            try:
                new = self._folder.move(path, lambda n: f"{base}.md" if n == 1 else f"{base}-{n}.md")
                data, _ = self._folder.read(new)
            except FileNotFoundError:
                raise NotFound(f"{path} is gone", hint="somebody removed or moved it just now") from None
            if new.startswith(TRASH):
                self.forget(path)
            else:
                self.written(new, data, old=path, locked=True)
        return new

    def note(self, prepared: Prepared, *, old: str | None = None, locked: bool = False) -> str:
        """Index a file that was just written, so that the next read need not find it.

        The file is safe already: where the index cannot be written now, the next sync does it.

        Args:
            old: Where the file was before, if it was moved.
            locked: The caller holds the store's lock.

        Returns:
            Why it was left to the next sync, or "".
        """
        with self.mutex:
            try:
                if locked and self._index is None:
                    return ""  # opening may need the lock that the caller holds; the next read does both
                index = self._open()
                if index.path is None:
                    return self.fallback
                lock = contextlib.nullcontext() if locked else self._folder.lock(timeout=self._timeout)
                with lock, index.write():
                    if old is not None:
                        index.rename(old, prepared.stat.path)
                    syncing.put(index, prepared, settled=False)
                    # Others may have changed the file, and synced, before we had the lock.
                    index.set_fact("listing", "")
            except (sqlite3.DatabaseError, StorageFailed, Busy) as error:
                return f"the memory is saved, but not indexed yet ({error}); the next read does it"
            return ""

    def forget(self, path: str) -> None:
        """Drop a file that is gone from the listing; the caller holds the lock. What fails is left to the next sync."""
        with self.mutex, contextlib.suppress(sqlite3.DatabaseError, StorageFailed, Busy):
            index = self._open()
            with index.write():
                index.remove(path)

    # -- inside -------------------------------------------------------------------------------------------------

    def _fresh(self) -> Index:
        thread = threading.get_ident()
        if self._steady.get(thread) and self._index is not None:
            return self._open()
        if thread in self._steady:
            self._steady[thread] = True
        self.fallback = self._opening_fallback if self._private else ""
        index = self._open()
        if self._signal is not None and self._signal.quiet():
            return index
        self._reads += 1
        if self._reads == 2:
            from agent_memory.files.signal import ChangeSignal  # noqa: PLC0415  not for a command that reads once

            with contextlib.suppress(OSError):  # without inotify every read walks the folder
                self._signal = ChangeSignal(self._folder.root)
        try:
            self.report = self._sync(index)
        except (FolderVanished, Busy) as error:
            self.fallback = f"{error}; answered from the index as it was"
        except (sqlite3.DatabaseError, StorageFailed) as error:
            return self._replace(error)
        return index

    @property
    def _private(self) -> bool:
        return self._index is not None and self._index.path is None

    def _open(self) -> Index:
        """Return the open index; open it on the first call, after a fork, and when its file was replaced."""
        if self._index is not None:
            if self._process == os.getpid():
                with contextlib.suppress(sqlite3.DatabaseError):
                    if self._index.current:
                        return self._index
                self._index.close()
            self._drop_signal()
        self._process = os.getpid()
        try:
            self._index = Index.open(self._folder.locate(syncing.INDEX), timeout=self._timeout)
        except IndexUnusable as problem:
            return self._use_another(problem)
        except InvalidInput as error:  # our own folder is a symbolic link; nothing behind it is used
            return self._use_another(IndexUnusable(error.message, damaged=True))
        self.fallback = self._opening_fallback = ""
        self.report = SyncReport()
        return self._index

    def _use_another(self, problem: IndexUnusable) -> Index:
        """Build an index, or answer from the files, where the one on disk does not serve."""
        from agent_memory.index.opening import replace_index  # noqa: PLC0415  seldom needed

        return self._use(
            replace_index(self._folder, problem, now_ns=time.time_ns(), timeout=self._timeout, progress=self._progress)
        )

    def _use(self, opened: Opened) -> Index:
        self._index = opened.index
        self.fallback = self._opening_fallback = opened.fallback
        self.report = opened.report or SyncReport()
        return opened.index

    def _replace(self, error: Exception) -> Index:
        """Put another index in the place of one that failed in use."""
        if self._index is not None:
            with contextlib.suppress(sqlite3.Error):
                self._index.close()
        self._index = None
        problem = unusable(error) if isinstance(error, sqlite3.DatabaseError) else IndexUnusable(str(error))
        return self._use_another(problem)

    def _sync(self, index: Index, *, full: bool = False, force: bool = False) -> SyncReport:
        if self._signal is not None:
            self._signal.expect()
        report = syncing.sync(
            index, self._folder, now_ns=time.time_ns(), timeout=self._timeout,
            full=full, force=force, progress=self._progress,
        )  # fmt: skip
        if self._signal is not None:
            self._signal.watch((*report.folders, *self._above_the_archive(report.folders)))
        return report

    def _above_the_archive(self, folders: Sequence[str]) -> tuple[str, ...]:
        """Our own folder as long as it has no archive, so that the first one is not overlooked."""
        wanted = f"{ARCHIVE}/" not in folders and (self._folder.root / STORE).is_dir()
        return (f"{STORE}/",) if wanted else ()

    def _drop_signal(self) -> None:
        if self._signal is not None:
            self._signal.close()
            self._signal = None
        self._reads = 0

    # -- forks --------------------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Let calls of other threads end and close the connection, unless this very call is writing with helpers."""
        self.mutex.acquire()
        if self._index is None or not self._index.connection.in_transaction:
            self.close()

    def after_fork(self) -> None:
        """Let calls begin again."""
        self.mutex.release()


_all: weakref.WeakSet[LiveIndex] = weakref.WeakSet()
_held: list[LiveIndex] = []


def _before_fork() -> None:
    for live in list(_all):
        live.before_fork()
        _held.append(live)


def _after_fork() -> None:
    while _held:
        _held.pop().after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
