"""The store's folder: listing, reading, and the few ways in which a memory file may change."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat as modes
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agent_memory.errors import Conflict, InvalidInput, NotFound, Stale, StorageFailed, Unreadable
from agent_memory.files import atomic
from agent_memory.files.listing import ARCHIVE, STORE, Listing, printable, walk
from agent_memory.model import Stat

TRASH = f"{STORE}/trash"
JOURNAL = f"{STORE}/journal"
PENDING = f"{JOURNAL}/pending.json"
"""Is there only while a compaction is going on, or after a crash in one."""
LARGEST = 8 * 1024 * 1024
"""Bytes of the largest file that is read as a memory."""

_IGNORED_BY_GIT = "hook/\nindex.sqlite3*\nlock\nreceipts/\ntmp/\ntrash/\n"
_OLD_TEMPORARY = 3600.0
_SCRATCH = f"{STORE}/tmp"  # noqa: S108  below the store


class Busy(Conflict):
    """Another process holds the store's lock for longer than the caller wants to wait."""


class Folder:
    """The folder of one store.

    Args:
        root: The store root; it must exist. It may be reached through a symbolic link, nothing below it may.
    """

    def __init__(self, root: Path) -> None:
        try:
            self.root = root.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise NotFound(f"no memory store at {root}", hint="create it with: memory init") from error
        if not self.root.is_dir():
            raise NotFound(f"{root} is not a folder", hint="--root names the folder that holds the agents' folders")
        self._root = os.fspath(self.root)

    def __repr__(self) -> str:
        return f"Folder({str(self.root)!r})"

    # -- reading ------------------------------------------------------------------------------------------------

    def listing(self) -> Listing:
        """Return every memory file, active and archived, with its stat.

        Raises:
            NotFound: The root itself is gone.
        """
        if not self.root.is_dir():
            raise NotFound(f"no memory store at {self.root}", hint="was the folder moved or unmounted?")
        return walk(os.fspath(self.root), ("", f"{ARCHIVE}/"))

    def locate(self, path: str) -> Path:
        """Return the absolute path of `path`, which must lie below the root without crossing a symbolic link.

        Raises:
            InvalidInput: The path leads out of the root.
        """
        return Path(self._located(path))

    def _located(self, path: str) -> str:
        parts = path.split("/")
        if not path or path.startswith("/") or any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise InvalidInput(f"{printable(path)!r} is not a path below the store")
        current = self._root
        for part in parts[:-1]:
            current = f"{current}/{part}"
            if os.path.islink(current):
                raise InvalidInput(
                    f"{printable(path)} crosses a symbolic link", hint="memories are plain files and folders"
                )
        return f"{current}/{parts[-1]}"

    def read(self, path: str) -> tuple[bytes, Stat]:
        """Return the bytes of a memory file and its stat from the same open file.

        Raises:
            Unreadable: It is missing, no regular file, larger than `LARGEST`, or the system refuses.
        """
        try:
            fd = os.open(self._located(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unreadable(path, f"cannot be read: {error.strerror}") from error
        try:
            s = os.fstat(fd)
            if not modes.S_ISREG(s.st_mode):
                raise Unreadable(path, "is not a regular file")
            if s.st_size > LARGEST:
                size = f"{s.st_size / 1e6:.0f} MB"
                raise Unreadable(
                    path, f"is {size}, larger than the {LARGEST // 2**20} MB a memory may have", hint="split it"
                )
            chunks = []
            while chunk := os.read(fd, max(s.st_size + 1, 4096)):
                chunks.append(chunk)
            return b"".join(chunks), Stat(path, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino)
        except OSError as error:
            raise Unreadable(path, f"cannot be read: {error.strerror}") from error
        finally:
            os.close(fd)

    def read_known(self, path: str) -> tuple[bytes, Stat]:
        """As `read`, for a file that the index knows.

        Raises:
            NotFound: It vanished after the index was read.
        """
        try:
            return self.read(path)
        except FileNotFoundError:
            raise NotFound(f"{path} is gone", hint="somebody removed or moved it just now") from None

    def stat(self, path: str) -> Stat:
        """Return the stat of one file."""
        s = os.lstat(f"{self._root}/{path}")
        return Stat(path, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino)

    # -- writing ------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Create our own folder below the root where it is missing.

        Raises:
            StorageFailed: The root cannot be written, or our own folder is a symbolic link.
        """
        scratch = self.scratch
        if scratch.is_dir():
            return
        try:
            atomic.make_folder(scratch, below=self.root)
            with contextlib.suppress(FileExistsError):
                atomic.create(scratch.parent / ".gitignore", _IGNORED_BY_GIT.encode(), scratch=scratch)
        except OSError as error:
            raise StorageFailed(f"cannot write below {self.root}: {error.strerror}") from error

    @property
    def scratch(self) -> Path:
        """Where files are made whole before they get their names.

        Raises:
            StorageFailed: Our own folder is a symbolic link.
        """
        try:
            return self.locate(f"{_SCRATCH}/file").parent
        except InvalidInput as error:
            raise StorageFailed(error.message, hint=error.hint) from error

    @contextlib.contextmanager
    def lock(self, *, timeout: float, name: str = "lock") -> Iterator[None]:
        """Hold the store's write lock, or another one of its own; readers never take any.

        Args:
            timeout: Seconds to wait for another process.
            name: Of the lock's file.

        Raises:
            Busy: The lock was not free in time.
            StorageFailed: The lock file cannot be made.
        """
        try:
            fd = os.open(self.root / STORE / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise StorageFailed(f"cannot write below {self.root}: {error.strerror}") from error
        try:
            deadline = time.monotonic() + timeout
            pause = 0.0002
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise Busy(
                            f"another process has been writing to {self.root} for {timeout:g} s", hint="try again"
                        ) from None
                    time.sleep(pause)
                    pause = min(pause * 2, 0.01)
            yield
        finally:
            os.close(fd)

    def create(self, name: Callable[[int], str], data: bytes) -> str:
        """Create a memory under the first free name and return its path.

        Args:
            name: Gives the path for the first, second, … attempt.
            data: The whole file.
        """
        _check_size(data)
        self.prepare()
        for attempt in range(1, 10_000):
            path = name(attempt)
            target = self.locate(path)
            if os.path.lexists(self.root / ARCHIVE / path):
                continue
            if not target.parent.is_dir():
                atomic.make_folder(target.parent, below=self.root)
            try:
                atomic.create(target, data, scratch=self.scratch)
            except FileExistsError:
                continue
            if os.path.lexists(self.root / ARCHIVE / path):
                # The name came free this moment because its memory was archived: two files must not share one id. The
                # archive has the name before the folder loses it, so whoever took it second sees this.
                atomic.take_back(target)
                continue
            return path
        raise Conflict(f"ten thousand memories are named like {name(1)}", hint="give it a more telling topic")

    def replace(self, path: str, data: bytes, *, expected: str) -> None:
        """Replace a memory whose fingerprint is still `expected`; the caller holds the lock.

        Raises:
            Stale: The file changed or vanished meanwhile; nothing was written.
            InvalidInput: The new text is larger than what can be read again; nothing was written.
        """
        _check_size(data)
        self.prepare()
        try:
            current, _ = self.read(path)
        except FileNotFoundError:
            raise Stale(f"{path} is gone", hint="read the memory again, then edit it") from None
        if hashlib.sha256(current).hexdigest() != expected:
            raise Stale(f"{path} changed since it was read", hint="read the memory again, then edit it")
        atomic.replace(self.locate(path), data, scratch=self.scratch)

    def move(self, path: str, target: Callable[[int], str]) -> str:
        """Move a file to the first free name and return its new path; the caller holds the lock."""
        self.prepare()
        for attempt in range(1, 10_000):
            new = target(attempt)
            goal = self.locate(new)
            atomic.make_folder(goal.parent, below=self.root)
            try:
                atomic.move(self.locate(path), goal)
            except FileExistsError:
                continue
            return new
        raise Conflict(f"ten thousand files are named like {target(1)}")

    def place(self, path: str, data: bytes) -> None:
        """Create a file at exactly `path`, durably; the caller holds the lock.

        Raises:
            Conflict: The name is taken, here or in the archive; nothing was written.
        """
        self.prepare()
        target = self.locate(path)
        atomic.make_folder(target.parent, below=self.root)
        if os.path.lexists(self.root / ARCHIVE / path):
            raise Conflict(f"{path} is taken by a memory in the archive")
        try:
            atomic.create(target, data, scratch=self.scratch)
        except FileExistsError:
            raise Conflict(f"{path} is taken already") from None

    def move_to(self, path: str, target: str, *, expected: str) -> None:
        """Move a file whose fingerprint is still `expected` to exactly `target`; the caller holds the lock.

        Raises:
            Stale: It changed or vanished meanwhile; it is where it was.
            Conflict: Another file is at `target`; nothing was moved.
        """
        self._check(path, expected)
        goal = self.locate(target)
        atomic.make_folder(goal.parent, below=self.root)
        try:
            atomic.move(self.locate(path), goal)
        except FileExistsError:
            raise Conflict(f"{target} is taken by another file") from None
        except FileNotFoundError:
            raise Stale(f"{path} is gone") from None
        try:
            self._check(target, expected)  # an editor asks nobody for the lock
        except Stale:
            atomic.move(goal, self.locate(path))
            raise

    def remove(self, path: str, *, expected: str) -> None:
        """Remove a file of ours whose fingerprint is still `expected`; the caller holds the lock and has its bytes.

        Raises:
            Stale: It changed or vanished meanwhile; nothing was removed.
        """
        self._check(path, expected)
        atomic.take_back(self.locate(path))

    def _check(self, path: str, expected: str) -> None:
        """Raise `Stale` unless a file has the fingerprint that is expected."""
        try:
            current, _ = self.read(path)
        except FileNotFoundError:
            raise Stale(f"{path} is gone") from None
        if hashlib.sha256(current).hexdigest() != expected:
            raise Stale(f"{path} changed since it was read")

    def recover(self, listing: Listing) -> bool:
        """Finish moves that a crash interrupted: take the archived name from a file that has two; say if there was one.

        The caller holds the lock: without it, the move may just be going on in another process.
        """
        found = False
        for archived, active in listing.twins.items():
            with contextlib.suppress(OSError):  # it vanished, or the folder is read-only: nothing is lost by leaving it
                if os.path.samefile(self.root / archived, self.root / active):
                    os.unlink(self.root / archived)
                    found = True
                    atomic.sync_folder((self.root / archived).parent)
        return found

    def strays(self) -> int:
        """Count temporary files: leftovers of a crash, or writes going on now."""
        try:
            return len(os.listdir(self.scratch))
        except (FileNotFoundError, StorageFailed):
            return 0

    def sweep(self, *, now: float) -> int:
        """Remove temporary files that a crash left more than an hour ago; return their number."""
        swept = 0
        with contextlib.suppress(FileNotFoundError, StorageFailed), os.scandir(self.scratch) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if now - entry.stat(follow_symlinks=False).st_mtime > _OLD_TEMPORARY:
                        os.unlink(entry.path)
                        swept += 1
        return swept


def _check_size(data: bytes) -> None:
    if len(data) > LARGEST:
        raise InvalidInput(
            f"the memory has {len(data) / 1e6:.0f} MB, the limit is {LARGEST // 2**20} MB", hint="split it"
        )
