"""A store that is open: where it is, what time it is there, and its index."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from agent_memory.errors import StorageFailed
from agent_memory.files import atomic, discover
from agent_memory.files.folder import PENDING, Folder
from agent_memory.index.live import LiveIndex
from agent_memory.model import SyncReport

if TYPE_CHECKING:
    from agent_memory.index.embedding import Embedder
    from agent_memory.index.sync import Progress

Clock = Callable[[], datetime]


def local_time() -> datetime:
    """Return the time now, in the local zone."""
    return datetime.now().astimezone()


class OpenStore:
    """What every verb needs."""

    def __init__(
        self,
        root: Path,
        *,
        clock: Clock = local_time,
        lock_timeout: float = 10.0,
        progress: Progress | None = None,
        embedder: Embedder | None = None,
        recover: bool = True,
    ) -> None:
        self._folder = Folder(root)
        self._clock = clock
        self._timeout = lock_timeout
        vectors = None
        if embedder is not None:
            from agent_memory.index.vectors import Vectors  # noqa: PLC0415  only where meaning is compared

            vectors = Vectors(embedder)
        self._index = LiveIndex(self._folder, lock_timeout=lock_timeout, progress=progress, vectors=vectors)
        self._recovered = ""
        if recover:
            self.recover()

    @classmethod
    def open(
        cls,
        root: str | os.PathLike[str],
        *,
        clock: Clock = local_time,
        lock_timeout: float = 10.0,
        progress: Progress | None = None,
        embedder: Embedder | None = None,
        recover: bool = True,
    ) -> Self:
        """Open the store at `root`, which is the folder of the agents' folders, or a project that has one.

        Args:
            clock: Tells the day of new memories and the age of old ones.
            lock_timeout: Seconds to wait for another process that writes.
            progress: Called with (files done, files to do) while an index is built.
            embedder: Compares meaning as well as words where a task is answered; None compares words only.
            recover: Call `recover` at once.

        Raises:
            NotFound: There is no such folder.
        """
        found = discover.store_in(Path(root)) or Path(root)
        return cls(found, clock=clock, lock_timeout=lock_timeout, progress=progress, embedder=embedder, recover=recover)

    @classmethod
    def discover(
        cls,
        start: str | os.PathLike[str] = ".",
        *,
        environ: Mapping[str, str] | None = None,
        clock: Clock = local_time,
        recover: bool = True,
    ) -> Self:
        """Open the store that belongs to a working directory, as the command line finds it.

        Raises:
            NotFound: None of the places has a store.
        """
        found = discover.find(Path(start), os.environ if environ is None else environ)
        return cls(found, clock=clock, recover=recover)

    @classmethod
    def init(cls, root: str | os.PathLike[str], *, clock: Clock = local_time) -> Self:
        """Create a store at `root` (existing files stay) and open it."""
        path = Path(root)
        try:
            atomic.make_root(path)
        except OSError as error:
            raise StorageFailed(f"cannot create {path}: {error.strerror}") from error
        store = cls(path, clock=clock)
        store._folder.prepare()
        return store

    def recover(self) -> None:
        """Bring a compaction that a crash cut short to an end, unless it is going on in another process."""
        if os.path.lexists(self._folder.root / PENDING):
            from agent_memory.upkeep import applying  # noqa: PLC0415  pydantic: not for a store without a crash

            self._recovered = applying.recover(self._folder, timeout=self._timeout)

    @property
    def recovered(self) -> str:
        """What opening did about a compaction or an undo that a crash had cut short, or ""."""
        return self._recovered

    @property
    def root(self) -> Path:
        """The store root, resolved."""
        return self._folder.root

    def __repr__(self) -> str:
        return f"MemoryStore({str(self.root)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index; the store may be used again and opens it anew."""
        self._index.close()

    @property
    def fallback(self) -> str:
        """What did not work as usual in the last call and how it was answered instead, or ""."""
        return self._index.fallback

    @property
    def report(self) -> SyncReport:
        """What the last sync found; every read begins with one."""
        return self._index.report
