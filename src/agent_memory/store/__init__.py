"""The façade: one class whose verbs are those of the command line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent_memory.model import Suggestion, SyncReport
from agent_memory.store.compacting import Compacting
from agent_memory.store.first_step import FirstStep
from agent_memory.store.opened import Clock, local_time

if TYPE_CHECKING:
    import threading

    from agent_memory.upkeep.doctor import Diagnosis

__all__ = ["Clock", "MemoryStore", "local_time"]


class MemoryStore(FirstStep, Compacting):
    """The memory of a team of agents: a folder of Markdown files and the index beside them.

    Use `open`, `discover` or `init`; a store is a context manager and may be shared by threads.

    >>> store = MemoryStore.init(tmp / "agents-memory")
    >>> memory = store.add(agent="api-engineer", topic="Retry policy", body="Webhooks retry five times.")
    >>> [hit.record.id == memory.id for hit in store.search("webhook retries").hits]
    [True]
    >>> store.close()
    """

    def sync(self, *, full: bool = False, force: bool = False) -> SyncReport:
        """Make the index equal to the files.

        Args:
            full: Read every file, even where its stat says that nothing changed.
            force: Accept that whole folders are gone.

        Raises:
            FolderVanished: Most memories are gone together with their folders.
        """
        return self._index.sync(full=full, force=force)

    def watch(self, *, stop: threading.Event | None = None) -> Iterator[SyncReport]:
        """Sync whenever files change, and yield a report each time something did; the first one comes at once.

        What changes while nobody waits for a report is in the next one.
        """
        from agent_memory.files.watching import changes  # noqa: PLC0415  only long-lived use needs watchfiles

        yield self.sync()
        for _ in changes(self.root, stop=stop):
            report = self.sync()
            if report.added or report.changed or report.renamed or report.removed:
                yield report

    def suggestions(
        self, reference: str, *, agent: str | None = None, reader: str | None = None
    ) -> tuple[Suggestion, ...]:
        """Return what a memory probably revises or repeats, the surest first; nothing acts on it.

        Args:
            agent: Whose memory is meant where the stem alone is given.
            reader: Who reads; the agent by default.

        Raises:
            NotFound: There is no such memory, or it is private to another.
        """
        from agent_memory.upkeep import suggestions  # noqa: PLC0415

        record = self.record(reference, agent=agent, reader=reader)
        view = self._view(agent if reader is None else reader)
        return self._index.read(lambda index: suggestions.of_one(index, view, record.id))

    def doctor(self, *, fix: bool = False, agent: str | None = None, reader: str | None = None) -> Diagnosis:
        """Compare the index with the files, every byte of them, and tell what is not as it should be.

        Args:
            fix: Rebuild the index where it differs, remove what crashes left behind and the hook's list of failures.
            reader: Who reads: its private memories may be named; `agent` where nobody is.
        """
        from agent_memory.files import hooked  # noqa: PLC0415
        from agent_memory.upkeep import doctor  # noqa: PLC0415

        reader = agent if reader is None else reader
        found = self._index.read(
            lambda index: doctor.examine(
                index, self._folder, self._view(reader), fallback=self._index.fallback, now_ns=time.time_ns()
            )
        )
        unused, torn = self._unused(reader)
        found = found._replace(unused=unused, notes=(*found.notes, *torn))
        if fix and found.differences:
            self._index.rebuild()
        if fix:
            self._folder.sweep(now=time.time())
            hooked.forget_failures(self._folder)
        return found
