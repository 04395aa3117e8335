"""The façade: one class whose verbs are those of the command line."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agent_memory.errors import Conflict, InvalidInput, NotFound, StorageFailed
from agent_memory.files import atomic, discover, naming
from agent_memory.files.folder import ARCHIVE, TRASH, Folder
from agent_memory.index import lookup
from agent_memory.index.live import LiveIndex
from agent_memory.index.preparing import prepare_memory
from agent_memory.index.statistics import Statistics, statistics
from agent_memory.model import Briefing, Memory, Record, SearchResult, Stat, SyncReport

if TYPE_CHECKING:
    import threading

    from agent_memory.index.sqlite import Index
    from agent_memory.index.sync import Progress
    from agent_memory.upkeep.doctor import Diagnosis

Clock = Callable[[], datetime]


def local_time() -> datetime:
    """Return the time now, in the local zone."""
    return datetime.now().astimezone()


class MemoryStore:
    """The memory of a team of agents: a folder of Markdown files and the index beside them.

    Use `open`, `discover` or `init`; a store is a context manager and may be shared by threads.

    >>> store = MemoryStore.init(tmp / "agents-memory")
    >>> memory = store.add(agent="api-engineer", topic="Retry policy", body="Webhooks retry five times.")
    >>> [hit.record.id == memory.id for hit in store.search("webhook retries").hits]
    [True]
    >>> store.close()
    """

    def __init__(
        self,
        root: Path,
        *,
        clock: Clock = local_time,
        lock_timeout: float = 10.0,
        progress: Progress | None = None,
    ) -> None:
        self._folder = Folder(root)
        self._clock = clock
        self._timeout = lock_timeout
        self._index = LiveIndex(self._folder, lock_timeout=lock_timeout, progress=progress)

    # -- opening ------------------------------------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        root: str | os.PathLike[str],
        *,
        clock: Clock = local_time,
        lock_timeout: float = 10.0,
        progress: Progress | None = None,
    ) -> Self:
        """Open the store at `root`, which is the folder of the agents' folders, or a project that has one.

        Args:
            clock: Tells the day of new memories and the age of old ones.
            lock_timeout: Seconds to wait for another process that writes.
            progress: Called with (files done, files to do) while an index is built.

        Raises:
            NotFound: There is no such folder.
        """
        found = discover.store_in(Path(root)) or Path(root)
        return cls(found, clock=clock, lock_timeout=lock_timeout, progress=progress)

    @classmethod
    def discover(
        cls, start: str | os.PathLike[str] = ".", *, environ: Mapping[str, str] | None = None, clock: Clock = local_time
    ) -> Self:
        """Open the store that belongs to a working directory, as the command line finds it.

        Raises:
            NotFound: None of the places has a store.
        """
        return cls(discover.find(Path(start), os.environ if environ is None else environ), clock=clock)

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

    @property
    def root(self) -> Path:
        """The store root, resolved."""
        return self._folder.root

    def __repr__(self) -> str:
        return f"MemoryStore({str(self.root)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index; the store may be used again and opens it anew."""
        self._index.close()

    # -- reading ------------------------------------------------------------------------------------------------

    def search(
        self, query: str, *, agent: str | None = None, limit: int = 10, archived: bool = False, explain: bool = False
    ) -> SearchResult:
        """Return the memories that match a query of the query language, best first.

        Args:
            agent: Only this agent's memories.
            limit: Hits to return at most.
            archived: Search the archive as well.
            explain: Tell the addends of each score.

        Raises:
            InvalidQuery: The query does not parse.
        """
        from agent_memory.recall import search  # noqa: PLC0415  a store that only writes need not load it

        if limit < 1:
            raise InvalidInput(f"limit {limit} is not a positive number")
        request = search.Request(text=query, agent=agent, limit=limit, archived=archived, explain=explain)
        today = self._clock().date()
        result = self._index.read(lambda index: search.search(index, request, today=today, read=self._body))
        return replace(result, fallback=self._index.fallback, problems=self._index.report.problems)

    def first_step(
        self, *, agent: str, task: str, budget: int = 2000, limit: int = 10, now: date | None = None
    ) -> Briefing:
        """Return what the team already learned that matters for a task, inside a budget.

        Args:
            agent: Who starts the task.
            task: What the agent was told, as it is.
            budget: Tokens the briefing may have (one token is counted for four bytes of UTF-8).
            now: The day of the task; today by default.
        """
        from agent_memory.recall import briefing, search  # noqa: PLC0415

        agent = naming.check_agent(agent)
        found = self._index.read(lambda index: search.for_task(index, task, limit=limit, read=self._body))
        return briefing.briefing(
            agent=agent,
            found=replace(found, fallback=self._index.fallback, problems=self._index.report.problems),
            read=self._body,
            budget=budget,
            today=now or self._clock().date(),
        )

    def show(self, reference: str, *, agent: str | None = None) -> Memory:
        """Return one memory, read from its file; its `status` is the one that holds.

        Args:
            reference: `<agent>/<stem>`, a path below the root, or a stem that only one agent has.
            agent: Whose memory is meant where the stem alone is given.

        Raises:
            NotFound: There is no such memory; the message offers the nearest.
            Conflict: Several agents have one.
        """
        from agent_memory.files import format as formats  # noqa: PLC0415

        record = self.record(reference, agent=agent)
        data, stat = self._read(record.path)
        return replace(formats.parse(stat, data).memory, status=record.status)

    def record(self, reference: str, *, agent: str | None = None) -> Record:
        """Return what the index knows of one memory, its place in a chain of supersessions included."""
        wanted = naming.reference(reference, agent=None)
        return self._index.read(lambda index: lookup.resolve(index, wanted, agent=agent))

    def list(
        self, query: str = "", *, agent: str | None = None, archived: bool = False, limit: int | None = None
    ) -> tuple[Record, ...]:
        """Return the memories that a query selects (all by default), newest first.

        Raises:
            InvalidQuery: The query does not parse.
        """
        from agent_memory.recall import search  # noqa: PLC0415

        request = search.Request(text=query, agent=agent, limit=0, archived=archived, explain=False)
        today = self._clock().date()
        found = self._index.read(lambda index: search.select(index, request, today=today))
        newest = sorted(found, key=lambda r: (-r.date.toordinal(), r.id))
        return tuple(newest if limit is None else newest[:limit])

    @property
    def fallback(self) -> str:
        """What did not work as usual in the last call and how it was answered instead, or ""."""
        return self._index.fallback

    @property
    def report(self) -> SyncReport:
        """What the last sync found; every read begins with one."""
        return self._index.report

    # -- writing ------------------------------------------------------------------------------------------------

    def add(
        self,
        *,
        agent: str,
        topic: str,
        body: str,
        type: str = "note",  # noqa: A002  the front matter's word
        description: str = "",
        tags: Sequence[str] = (),
        date: date | None = None,  # noqa: A002
        supersedes: Sequence[str] = (),
        files: Sequence[str] = (),
        valid_until: date | None = None,
        to: str | None = None,
        sources: Sequence[str] = (),
        visibility: str = "team",
    ) -> Memory:
        """Write a new memory file, durably, and index it.

        When this returns, the memory survives a crash. An existing file is never overwritten: a clash of names gives
        `-2`, `-3` and so on.

        Args:
            agent: The owner; its folder is made if it is the first memory.
            topic: The title; the file name is made of it.
            body: Markdown.
            date: The day in the file name; today by default.
            supersedes: References of memories that this one replaces; they must exist.

        Raises:
            InvalidInput: A name is not usable.
            NotFound: A superseded memory does not exist.
            StorageFailed: The disk refused; nothing was written.
        """
        from agent_memory.files import format as formats  # noqa: PLC0415  pydantic and yaml: not for readers

        agent = naming.check_agent(agent)
        slug = naming.topic_slug(topic)
        day = date or self._clock().date()
        old = [self.record(reference, agent=agent).id for reference in supersedes]
        data = formats.new_file(
            agent=agent, topic=topic, body=body, day=day, type=type, description=description, tags=tuple(tags),
            supersedes=tuple(old), files=tuple(files), valid_until=valid_until, to=to, sources=tuple(sources),
            visibility=visibility,
        )  # fmt: skip
        path = self._folder.create(lambda n: f"{agent}/{naming.file_name(day, slug, n)}", data)
        return self._noted(path, data)

    def edit(
        self,
        reference: str,
        *,
        body: str | None = None,
        changes: Mapping[str, object] | None = None,
        expected: str | None = None,
        agent: str | None = None,
    ) -> Memory:
        """Change the body or single keys of the front matter of a memory; the rest of the file stays as it is.

        Args:
            body: The new text after the front matter; None leaves it.
            changes: Front matter keys to set; a value of None removes the key.
            expected: Fingerprint of the version the caller has seen.

        Raises:
            Stale: The file is no longer the expected one; nothing was written.
            Unreadable: The front matter cannot be edited safely.
        """
        from agent_memory.files import format as formats  # noqa: PLC0415

        record = self.record(reference, agent=agent)
        self._folder.prepare()
        with self._index.mutex, self._folder.lock(timeout=self._timeout):
            current, _ = self._read(record.path)
            data = formats.edit(record.path, current, changes=changes or {}, body=body)
            seen = expected or hashlib.sha256(current).hexdigest()
            if data != current or expected:
                self._folder.replace(record.path, data, expected=seen)
            return self._noted(record.path, data, locked=True)

    def supersede(self, new: str, old: str, *, agent: str | None = None) -> Memory:
        """Note in the memory `new` that it replaces the memory `old`; the old file is not touched.

        Raises:
            Conflict: `old` supersedes `new`, directly or through others, or they are the same.
        """
        newer = self.record(new, agent=agent)
        older = self.record(old, agent=agent)
        if newer.id == older.id:
            raise Conflict(f"{newer.id} cannot supersede itself")
        if newer.id in self._index.read(lambda index: lookup.superseded_by(index, older.id)):
            raise Conflict(f"{older.id} supersedes {newer.id} already", hint="a chain of supersessions has one direction")
        if older.id in newer.supersedes:
            return self.show(newer.id)
        return self.edit(newer.id, changes={"supersedes": [*newer.supersedes, older.id]})

    def archive(self, reference: str, *, agent: str | None = None) -> Record:
        """Move a memory to the archive, unchanged; `search(archived=True)` still finds it.

        Raises:
            Conflict: It is archived already.
        """
        record = self.record(reference, agent=agent)
        if record.path.startswith(ARCHIVE):
            raise Conflict(f"{record.id} is archived already", hint=f"bring it back with: memory restore {record.id}")
        return self._at(self._move(record.path, f"{ARCHIVE}/{record.path}"))

    def restore(self, reference: str, *, agent: str | None = None) -> Record:
        """Move a memory from the archive, or else from the trash, back to its agent's folder, unchanged.

        Raises:
            Conflict: It is neither archived nor in the trash.
            NotFound: There is no such memory.
        """
        wanted = naming.reference(reference, agent=agent)
        for place in (ARCHIVE, TRASH):
            path = f"{wanted}.md"
            if "/" in wanted and os.path.lexists(self._folder.locate(f"{place}/{path}")):
                return self._at(self._move(f"{place}/{path}", path))
        record = self.record(reference, agent=agent)
        if not record.path.startswith(ARCHIVE):
            raise Conflict(f"{record.id} is not archived", hint="nothing to restore")
        return self._at(self._move(record.path, record.path.removeprefix(f"{ARCHIVE}/")))

    def trash(self, reference: str, *, agent: str | None = None) -> str:
        """Move a memory out of sight, unchanged; `restore` brings it back. Return its id."""
        record = self.record(reference, agent=agent)
        self._move(record.path, f"{TRASH}/{record.path.removeprefix(f'{ARCHIVE}/')}")
        return record.id

    # -- the index ----------------------------------------------------------------------------------------------

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
        """Sync whenever files change, and yield a report each time something did; the first one comes at once."""
        import watchfiles  # noqa: PLC0415  only long-lived use needs it

        yield self.sync()
        ours = str(self.root / ".store")
        for _ in watchfiles.watch(
            self.root,
            stop_event=stop,
            watch_filter=lambda _, path: path.endswith(".md") and (not path.startswith(ours) or ARCHIVE in path),
        ):
            report = self.sync()
            if report.added or report.changed or report.renamed or report.removed:
                yield report

    def stats(self) -> Statistics:
        """Return numbers about the store: memories, types and tokens, by agent."""
        return self._index.read(statistics)

    def doctor(self, *, fix: bool = False) -> Diagnosis:
        """Compare the index with the files, every byte of them, and tell what is not as it should be.

        Args:
            fix: Rebuild the index where it differs and remove what crashes left behind.
        """
        from agent_memory.upkeep import doctor  # noqa: PLC0415

        found = self._index.read(
            lambda index: doctor.examine(index, self._folder, fallback=self._index.fallback, now_ns=time.time_ns())
        )
        if fix and found.differences:
            self._index.rebuild()
        if fix:
            self._folder.sweep(now=time.time())
        return found

    # -- inside -------------------------------------------------------------------------------------------------

    def _read(self, path: str) -> tuple[bytes, Stat]:
        """Read a file that the index knows."""
        try:
            return self._folder.read(path)
        except FileNotFoundError:
            raise NotFound(f"{path} is gone", hint="somebody removed or moved it just now") from None

    def _body(self, record: Record) -> str:
        """Read the body of a memory without parsing its front matter: a search may not wait for YAML."""
        return self._read(record.path)[0].decode("utf-8", "replace")[record.body_start :]

    def _at(self, path: str) -> Record:
        return self._index.read(lambda index: lookup.by_path(index, path))

    def _noted(self, path: str, data: bytes, *, old: str | None = None, locked: bool = False) -> Memory:
        """Index a file that was just written and return it as a memory."""
        from agent_memory.files import format as formats  # noqa: PLC0415

        stat = self._folder.stat(path)
        parsed = formats.parse(stat, data)
        prepared = prepare_memory(stat, data, parsed.memory, parsed.problems)
        note = self._index.note(prepared, old=old, locked=locked)
        return replace(parsed.memory, notes=(note,)) if note else parsed.memory

    def _move(self, path: str, target: str) -> str:
        """Move a file to `target`, or beside it where that name is taken; return its new path."""
        base = target.removesuffix(".md")
        self._folder.prepare()
        with self._index.mutex, self._folder.lock(timeout=self._timeout):
            try:
                new = self._folder.move(path, lambda n: f"{base}.md" if n == 1 else f"{base}-{n}.md")
            except FileNotFoundError:
                raise NotFound(f"{path} is gone", hint="somebody removed or moved it just now") from None
            data, _ = self._read(new)
            if new.startswith(TRASH):
                self._index.forget(path)
            else:
                self._noted(new, data, old=path, locked=True)
        return new
