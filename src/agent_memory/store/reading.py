"""The verbs that read."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from agent_memory.errors import InvalidInput
from agent_memory.files import naming
from agent_memory.files.listing import ARCHIVE
from agent_memory.index import lookup
from agent_memory.index.view import View
from agent_memory.model import Memory, Record, SearchResult, Stat
from agent_memory.store.opened import OpenStore

if TYPE_CHECKING:
    from agent_memory.index.statistics import Statistics


class Reading(OpenStore):
    """Verbs that leave every file as it is; each begins with a sync.

    `agent=` says whose memories are meant, `reader=` who reads: its private memories are seen, and nobody else's. Where
    nobody is named as the reader it is the agent; where neither is named, only what is open to the team exists.
    """

    def search(
        self,
        query: str,
        *,
        agent: str | None = None,
        reader: str | None = None,
        limit: int = 10,
        archived: bool = False,
        explain: bool = False,
    ) -> SearchResult:
        """Return the memories that match a query of the query language, best first.

        Args:
            agent: Only this agent's memories; it reads them itself where no other reader is named.
            reader: Who reads: everything that is open to the team, and its own private memories.
            limit: Hits to return at most.
            archived: Search the archive as well.
            explain: Tell the addends of each score.

        Raises:
            InvalidQuery: The query does not parse.
        """
        from agent_memory.recall import search  # noqa: PLC0415  a store that only writes need not load it

        if limit < 1:
            raise InvalidInput(f"limit {limit} is not a positive number")
        request = search.Request(
            text=query, agent=agent, reader=reader, limit=limit, archived=archived, explain=explain
        )
        today = self._clock().date()
        result = self._index.read(lambda index: search.search(index, request, today=today, read=self._body))
        return result._replace(fallback=self._index.fallback, problems=self._index.report.problems)

    def show(self, reference: str, *, agent: str | None = None, reader: str | None = None) -> Memory:
        """Return one memory, read from its file; its `status` is the one that holds.

        Args:
            reference: `<agent>/<stem>`, a path below the root, or a stem that only one agent has.
            agent: Whose memory is meant where the stem alone is given.
            reader: Who reads; the agent by default.

        Raises:
            NotFound: There is no such memory, or it is private to another; the message offers the nearest.
            Conflict: Several agents have one.
        """
        from agent_memory.files import format as formats  # noqa: PLC0415

        record = self.record(reference, agent=agent, reader=reader)
        data, stat = self._file_of(record)
        return formats.parse(stat, data).memory._replace(status=record.status)

    def record(self, reference: str, *, agent: str | None = None, reader: str | None = None) -> Record:
        """Return what the index knows of one memory, its place in a chain of supersessions included; see `show`."""
        wanted = naming.reference(reference, agent=None)
        view = self._view(agent if reader is None else reader)
        return self._index.read(lambda index: lookup.resolve(index, view, wanted, agent=agent))

    def list(
        self,
        query: str = "",
        *,
        agent: str | None = None,
        reader: str | None = None,
        archived: bool = False,
        limit: int | None = None,
    ) -> tuple[Record, ...]:
        """Return the memories that a query selects (all by default), newest first; `agent` and `reader` as in `search`.

        Raises:
            InvalidQuery: The query does not parse.
        """
        from agent_memory.recall import search  # noqa: PLC0415

        request = search.Request(text=query, agent=agent, reader=reader, limit=0, archived=archived)
        today = self._clock().date()
        found = self._index.read(lambda index: search.select(index, request, today=today))
        newest = sorted(found, key=lambda r: (-r.date.toordinal(), r.id))
        return tuple(newest if limit is None else newest[:limit])

    def stats(self) -> Statistics:
        """Return numbers about the store: memories, types and tokens, by agent."""
        from agent_memory.index.statistics import statistics  # noqa: PLC0415  not for a search

        return self._index.read(statistics)

    def _body(self, record: Record) -> str:
        """Read the body of a memory without parsing its front matter: a search may not wait for YAML."""
        return self._file_of(record)[0].decode("utf-8", "replace")[record.body_start :]

    def _file_of(self, record: Record) -> tuple[bytes, Stat]:
        """Read the file of a memory, also where somebody archived or restored it after the index was asked.

        Raises:
            NotFound: It is in neither place.
        """
        with suppress(FileNotFoundError):
            return self._folder.read(record.path)
        archived = record.path.startswith(ARCHIVE)
        other = record.path.removeprefix(f"{ARCHIVE}/") if archived else f"{ARCHIVE}/{record.path}"
        with suppress(FileNotFoundError):
            data, stat = self._folder.read(other)
            if hashlib.sha256(data).hexdigest() == record.fingerprint:
                return data, stat
        return self._folder.read_known(record.path)

    def _view(self, reader: str | None) -> View:
        return View(reader, self._clock().date())

    def _at(self, path: str) -> Record:
        """Return the record of a file that the caller may see."""
        return self._index.read(lambda index: lookup.by_path(index, self._view(naming.agent_of(path)), path))
