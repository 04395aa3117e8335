"""Progress while an index is built, told to every call that waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Tell = Callable[[float, float | None, str | None], Awaitable[None]]


class Building:
    """What a store calls, on any thread, while it builds its index; see `MemoryStore.open`."""

    def __init__(self) -> None:
        self._waiting: dict[object, Callable[[int, int], None]] = {}

    def __call__(self, done: int, todo: int) -> None:
        """Pass one step on."""
        for tell in list(self._waiting.values()):
            tell(done, todo)

    @asynccontextmanager
    async def told(self, tell: Tell) -> AsyncIterator[None]:
        """Tell of builds, at most once for each percent, as long as the block lasts."""
        loop, key, last = asyncio.get_running_loop(), object(), [-1]
        steps: asyncio.Queue[tuple[int, int] | None] = asyncio.Queue()

        def step(done: int, todo: int) -> None:
            percent = 100 * done // max(todo, 1)
            if todo and percent > last[0]:  # a sync without anything to do reports as well, and is no build
                last[0] = percent
                loop.call_soon_threadsafe(steps.put_nowait, (done, todo))

        self._waiting[key] = step
        telling = asyncio.create_task(_tell(steps, tell))
        try:
            yield
        finally:
            del self._waiting[key]
            await asyncio.sleep(0)  # what a thread has just handed in
            steps.put_nowait(None)
            await telling


async def _tell(steps: asyncio.Queue[tuple[int, int] | None], tell: Tell) -> None:
    while (step := await steps.get()) is not None:
        try:
            await tell(*step, "building the index")
        except Exception:  # noqa: BLE001  a client that went away must not cost the answer
            return
