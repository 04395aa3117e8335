"""What the tests of the promises share: children that may die, and the oracle of the index."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent_memory.files import format as formats  # noqa: F401  loaded before any fork
from agent_memory.files.folder import Folder
from agent_memory.index import schema  # noqa: F401  loaded before any fork
from agent_memory.index.content import content
from agent_memory.index.sqlite import Index
from agent_memory.index.sync import INDEX, sync
from agent_memory.recall import briefing, parser, search  # noqa: F401  loaded before any fork
from agent_memory.store import MemoryStore

NOBODY = 65534
IN_MEMORY = Path("/dev/shm")
"""A file system where fsync costs nothing; may be missing."""
DAY = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    """The same moment, always."""
    return DAY


def plant(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below `root` as an editor would, without the store."""
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)


def memory_files(root: Path) -> dict[str, bytes]:
    """Path -> bytes of all that a person would take for a memory: active, archived, and what a stray write left."""
    found = {}
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if Path(folder, name) not in (root / ".store/tmp", root / ".store/trash")]
        for name in names:
            path = Path(folder, name)
            if name.endswith(".md") and path.is_file() and not path.is_symlink():
                found[path.relative_to(root).as_posix()] = path.read_bytes()
    return found


def from_files(root: Path) -> dict[str, str]:
    """The content of an index that is built in memory from nothing but the files."""
    fresh = Index.in_memory()
    try:
        sync(fresh, Folder(root), now_ns=time.time_ns(), timeout=0, force=True)
        return content(fresh)
    finally:
        fresh.close()


def indexed(root: Path) -> dict[str, str]:
    """The content of the index on disk, as it lies there."""
    index = Index.open(root / INDEX)
    try:
        return content(index)
    finally:
        index.close()


def assert_true_to_files(store: MemoryStore) -> None:
    """The index equals a rebuild, every listed memory is the file on disk, and the doctor agrees."""
    store.sync()
    assert store.fallback == ""
    assert indexed(store.root) == from_files(store.root)
    files = memory_files(store.root)
    owners = {path.removeprefix(".store/archive/").partition("/")[0] for path in files}
    listed = {record.path for agent in (None, *owners) for record in store.list(agent=agent, archived=True)}
    assert sorted(listed) == sorted(files)
    diagnosis = store.doctor()
    assert diagnosis.healthy, diagnosis


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Fail, with the place where it hangs, what takes longer."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"still running after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Child:
    """A copy of this process that runs `work` and hands back what it returns.

    Args:
        work: Runs in the child; its result must be picklable.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # pytest's watchdog is a thread; it holds no lock of ours
            self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            _live(work, writing)
        os.close(writing)
        self._reading = reading
        self.status: int | None = None

    def result(self, *, seconds: float = 60.0) -> Any:
        """What the work returned.

        Raises:
            AssertionError: It raised, was killed, or took too long.
        """
        data = self._drain(seconds)
        self.wait()
        assert data, f"the child ended with {self.status} and said nothing"
        kind, value = pickle.loads(data)
        assert kind == "done", value
        return value

    def wait(self) -> int:
        """Wait for the end; returns 0, or minus the signal that killed it."""
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1
        return self.status

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)

    def _drain(self, seconds: float) -> bytes:
        data, deadline = b"", time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self._reading], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self.kill()
                self.wait()
                raise AssertionError(f"the child still ran after {seconds:g} s")
            chunk = os.read(self._reading, 1 << 16)
            if not chunk:
                return data
            data += chunk


def _live(work: Callable[[], Any], writing: int) -> None:
    """The child's life; never returns into the tests."""
    try:
        signal.alarm(0)
        answer = pickle.dumps(("done", work()))
    except BaseException:  # noqa: BLE001  whatever it was, the parent shall see it
        answer = pickle.dumps(("raised", traceback.format_exc()))
    try:
        view = memoryview(answer)
        while view:
            view = view[os.write(writing, view) :]
    finally:
        os._exit(0)


def in_child(work: Callable[[], Any], *, seconds: float = 60.0) -> Any:
    """Run `work` in a copy of this process and return its result."""
    return Child(work).result(seconds=seconds)


def as_nobody(work: Callable[[], Any], *, seconds: float = 60.0) -> Any:
    """Run `work` in a child without the rights of root (as it is where we have none to give up)."""

    def drop() -> Any:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return work()

    return in_child(drop, seconds=seconds)


def open_to_nobody(path: Path) -> None:
    """Let other users walk down to `path` (pytest's folders are private)."""
    for folder in (path, *path.parents):
        if folder.owner() == path.owner() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
        if folder.name.startswith("pytest-of-"):
            return
