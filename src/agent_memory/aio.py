"""The store for asyncio: the verbs of `MemoryStore`, each to be awaited, none of which holds up the loop.

A call runs on a thread of the store's own. When a cancelled call that writes ends, nothing of it goes on any more: it
was never begun, or it ran to its end. A cancelled call that reads is left to itself.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from agent_memory.store import Clock, MemoryStore, local_time

if TYPE_CHECKING:
    from agent_memory.model import SyncReport

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8
"""Calls of one store that go on at the same time; the others wait, and can be cancelled before they begin."""

Verb = Callable[Concatenate["AsyncMemoryStore", P], Coroutine[Any, Any, T]]


def _reads(verb: Callable[Concatenate[MemoryStore, P], T]) -> Verb[P, T]:
    """Return a verb that nobody waits for once it is cancelled."""

    @functools.wraps(verb)
    async def call(self: AsyncMemoryStore, /, *args: P.args, **words: P.kwargs) -> T:
        return await self._run(functools.partial(verb, self._store, *args, **words), finish=False)

    return call


def _writes(verb: Callable[Concatenate[MemoryStore, P], T]) -> Verb[P, T]:
    """Return a verb that, once begun, comes to its end before its cancellation does."""

    @functools.wraps(verb)
    async def call(self: AsyncMemoryStore, /, *args: P.args, **words: P.kwargs) -> T:
        return await self._run(functools.partial(verb, self._store, *args, **words), finish=True)

    return call


class AsyncMemoryStore:
    """The memory of a team of agents, for asyncio; an asynchronous context manager.

    >>> async def main():
    ...     async with await AsyncMemoryStore.init(tmp / "agents-memory") as store:
    ...         await store.add(agent="api-engineer", topic="Retry policy", body="Webhooks retry five times.")
    ...         return (await store.search("webhook retries")).total
    >>> asyncio.run(main())
    1

    Args:
        store: What answers; it may be shared with other threads, and is closed with this one.
    """

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._pool: ThreadPoolExecutor | None = None

    @classmethod
    def open(
        cls,
        root: str | os.PathLike[str],
        *,
        clock: Clock = local_time,
        lock_timeout: float = 10.0,
        progress: Callable[[int, int], None] | None = None,
    ) -> Self:
        """As `MemoryStore.open`; no memory is read yet. `progress` is called on a thread."""
        return cls(MemoryStore.open(root, clock=clock, lock_timeout=lock_timeout, progress=progress, recover=False))

    @classmethod
    def discover(
        cls, start: str | os.PathLike[str] = ".", *, environ: Mapping[str, str] | None = None, clock: Clock = local_time
    ) -> Self:
        """As `MemoryStore.discover`; no memory is read yet."""
        return cls(MemoryStore.discover(start, environ=environ, clock=clock, recover=False))

    @classmethod
    async def init(cls, root: str | os.PathLike[str], *, clock: Clock = local_time) -> Self:
        """As `MemoryStore.init`."""
        with ThreadPoolExecutor(1, thread_name_prefix="agent-memory-init") as thread:
            return cls(await on_thread(thread, functools.partial(MemoryStore.init, root, clock=clock), finish=True))

    add = _writes(MemoryStore.add)
    agents = _reads(MemoryStore.agents)
    answer = _writes(MemoryStore.answer)
    answers_for = _reads(MemoryStore.answers_for)
    archive = _writes(MemoryStore.archive)
    compact = _writes(MemoryStore.compact)
    compactions = _reads(MemoryStore.compactions)
    consult = _writes(MemoryStore.consult)
    doctor = _writes(MemoryStore.doctor)
    edit = _writes(MemoryStore.edit)
    feedback = _writes(MemoryStore.feedback)
    first_step = _reads(MemoryStore.first_step)
    leave_receipt = _writes(MemoryStore.leave_receipt)
    list = _reads(MemoryStore.list)
    open_consultations = _reads(MemoryStore.open_consultations)
    outcomes = _reads(MemoryStore.outcomes)
    plan_compaction = _reads(MemoryStore.plan_compaction)
    private_paths = _reads(MemoryStore.private_paths)
    rank = _reads(MemoryStore.rank)
    receipts = _reads(MemoryStore.receipts)
    record = _reads(MemoryStore.record)
    recover = _writes(MemoryStore.recover)
    restore = _writes(MemoryStore.restore)
    search = _reads(MemoryStore.search)
    show = _reads(MemoryStore.show)
    stats = _reads(MemoryStore.stats)
    suggestions = _reads(MemoryStore.suggestions)
    supersede = _writes(MemoryStore.supersede)
    sync = _writes(MemoryStore.sync)
    timeline = _reads(MemoryStore.timeline)
    trash = _writes(MemoryStore.trash)
    undo = _writes(MemoryStore.undo)
    was_handed = _reads(MemoryStore.was_handed)
    why = _reads(MemoryStore.why)

    async def watch(self, *, stop: threading.Event | None = None) -> AsyncGenerator[SyncReport, None]:
        """As `MemoryStore.watch`; it ends soon after the loop over it does."""
        stop = stop or threading.Event()
        reports = self._store.watch(stop=stop)
        thread = ThreadPoolExecutor(1, thread_name_prefix="agent-memory-watch")  # it waits: nobody else may need it
        try:
            while (report := await on_thread(thread, functools.partial(next, reports, None), finish=False)) is not None:
                yield report
        finally:
            stop.set()
            thread.shutdown(wait=False)

    @property
    def root(self) -> Path:
        """The store root, resolved."""
        return self._store.root

    @property
    def fallback(self) -> str:
        """As `MemoryStore.fallback`; with calls at the same time, it speaks of any of them."""
        return self._store.fallback

    @property
    def recovered(self) -> str:
        """What the first call did about a compaction or an undo that a crash had cut short, or ""."""
        return self._store.recovered

    @property
    def report(self) -> SyncReport:
        """What the last sync found."""
        return self._store.report

    def __repr__(self) -> str:
        return f"AsyncMemoryStore({str(self.root)!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for the calls that go on, then close the index; the store may be used again and opens it anew.

        Cancelled, it goes on without a waiter.
        """
        pool, self._pool = self._pool, None
        thread = ThreadPoolExecutor(1, thread_name_prefix="agent-memory-close")
        closing = asyncio.wrap_future(thread.submit(_close, pool, self._store))
        closing.add_done_callback(_looked_at)
        thread.shutdown(wait=False)
        await asyncio.wait([closing])
        closing.result()

    async def _run(self, call: Callable[[], T], *, finish: bool) -> T:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="agent-memory", initializer=self._store.recover)
        return await on_thread(self._pool, call, finish=finish)


def _close(pool: ThreadPoolExecutor | None, store: MemoryStore) -> None:
    if pool is not None:
        pool.shutdown()
    store.close()


async def on_thread(pool: ThreadPoolExecutor, call: Callable[[], T], *, finish: bool) -> T:
    """Return what a call returns that a thread makes; a call that has not begun is cancelled with its waiter.

    Args:
        finish: A cancellation waits for the end of a call that has begun.
    """
    work = pool.submit(contextvars.copy_context().run, call)
    waiting = asyncio.wrap_future(work)
    waiting.add_done_callback(_looked_at)
    try:
        await asyncio.wait([waiting])  # unlike `await waiting`, this leaves the work alone when it is cancelled
    except asyncio.CancelledError:
        begun = not work.cancel()
        while begun and finish and not waiting.done():
            try:
                await asyncio.wait([waiting])
            except asyncio.CancelledError:
                continue
        raise
    return waiting.result()


def _looked_at(waiting: asyncio.Future[Any]) -> None:
    """Keep asyncio from complaining about the failure of a call that nobody waits for any more."""
    if not waiting.cancelled():
        waiting.exception()
