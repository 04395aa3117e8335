"""The verbs for asyncio are those of the store, hold nothing up, and leave nothing half done when cancelled."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_memory import MemoryStore, NotFound
from agent_memory.aio import THREADS, AsyncMemoryStore
from agent_memory.files import atomic

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)


class Gate:
    """Stops whoever writes a memory file until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.open = threading.Semaphore(0), threading.Event()
        create = atomic.create

        def slow(*args: Any, **words: Any) -> None:
            self.reached.release()
            assert self.open.wait(20)
            create(*args, **words)

        monkeypatch.setattr(atomic, "create", slow)

    async def wait(self) -> None:
        assert await asyncio.to_thread(self.reached.acquire, timeout=20)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    MemoryStore.init(tmp_path / "store").close()
    return tmp_path / "store"


def public(cls: type) -> dict[str, Any]:
    return {name: inspect.getattr_static(cls, name) for name in dir(cls) if not name.startswith("_")}


def test_every_verb_is_there_with_the_same_words():
    ours, theirs = public(AsyncMemoryStore), public(MemoryStore)
    assert set(ours) == set(theirs)
    for name, verb in theirs.items():
        if inspect.isfunction(verb) and name not in ("watch", "close"):
            assert inspect.iscoroutinefunction(ours[name]), name
            assert inspect.signature(ours[name]) == inspect.signature(verb), name


def test_a_verb_answers_and_fails_as_the_store_does(root: Path):
    async def main() -> None:
        async with AsyncMemoryStore.open(root, clock=lambda: NOW) as store:
            memory = await store.add(agent="api", topic="Retries", body="five times", visibility="private")
            assert memory.id == "api/2026-07-15-retries"
            assert (await store.show(memory.id, agent="api")).body == "five times\n"
            with pytest.raises(NotFound):
                await store.show(memory.id)
            await store.close()
            with MemoryStore.open(root) as same:
                assert await store.list(agent="api") == same.list(agent="api")

    asyncio.run(main())


def test_the_loop_goes_on_while_a_call_waits_for_the_disk(root: Path, monkeypatch: pytest.MonkeyPatch):
    async def main() -> None:
        gate = Gate(monkeypatch)
        async with AsyncMemoryStore.open(root) as store:
            write = asyncio.create_task(store.add(agent="api", topic="Slow", body="x"))
            await gate.wait()
            assert (await store.list()) == ()  # other calls are answered as well
            gate.open.set()
            await write
            assert len(await store.list()) == 1

    asyncio.run(main())


def test_a_cancelled_write_that_began_ends_before_its_cancellation(root: Path, monkeypatch: pytest.MonkeyPatch):
    async def main() -> None:
        gate = Gate(monkeypatch)
        async with AsyncMemoryStore.open(root) as store:
            write = asyncio.create_task(store.add(agent="api", topic="Slow", body="x"))
            await gate.wait()
            for _ in range(3):  # however often
                write.cancel()
                await asyncio.sleep(0.01)
            assert not write.done()
            gate.open.set()
            with pytest.raises(asyncio.CancelledError):
                await write
            assert [path.name for path in (root / "api").iterdir()]

    asyncio.run(main())


def test_what_a_crash_cut_short_is_seen_to_by_the_first_call_and_not_by_the_loop(root: Path):
    pending = root / ".store/journal/pending.json"
    pending.parent.mkdir(parents=True, exist_ok=True)
    pending.write_text("{ no json")
    store = AsyncMemoryStore.open(root)
    assert store.recovered == ""

    async def main() -> None:
        async with store:
            await store.list()

    asyncio.run(main())
    assert "cannot be repaired" in store.recovered


def test_a_cancelled_creation_ends_before_its_cancellation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    begun, go_on = threading.Event(), threading.Event()
    make_root = atomic.make_root

    def slow(folder: Path) -> None:
        begun.set()
        assert go_on.wait(20)
        make_root(folder)

    monkeypatch.setattr(atomic, "make_root", slow)

    async def main() -> None:
        creation = asyncio.create_task(AsyncMemoryStore.init(tmp_path / "store"))
        assert await asyncio.to_thread(begun.wait, 20)
        creation.cancel()
        await asyncio.sleep(0.01)
        assert not creation.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await creation
        assert (tmp_path / "store").is_dir()

    asyncio.run(main())


def test_closing_goes_on_when_nobody_waits_for_it(root: Path):
    go_on, closed = threading.Event(), threading.Event()

    class Watched(MemoryStore):
        def close(self) -> None:
            super().close()
            closed.set()

    async def main() -> None:
        store = AsyncMemoryStore(Watched(root))
        call = asyncio.create_task(store._run(lambda: go_on.wait(20), finish=False))
        await asyncio.sleep(0.01)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0.01)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert not closed.is_set()
        go_on.set()
        assert await call
        assert await asyncio.to_thread(closed.wait, 20)

    asyncio.run(main())


def test_a_cancelled_write_that_waits_for_its_turn_never_begins(root: Path, monkeypatch: pytest.MonkeyPatch):
    async def main() -> None:
        gate = Gate(monkeypatch)
        async with AsyncMemoryStore.open(root) as store:
            begun = [asyncio.create_task(store.add(agent="api", topic=f"T{n}", body="x")) for n in range(THREADS)]
            for _ in begun:
                await gate.wait()
            late = asyncio.create_task(store.add(agent="api", topic="Late", body="x"))
            await asyncio.sleep(0)
            late.cancel()
            with pytest.raises(asyncio.CancelledError):
                await late
            gate.open.set()
            await asyncio.gather(*begun)
            assert sorted(record.name for record in await store.list()) == [f"T{n}" for n in range(THREADS)]

    asyncio.run(main())


def test_a_time_limit_on_a_read_is_kept(root: Path, monkeypatch: pytest.MonkeyPatch):
    """Closing waits for the read that nobody waits for any more."""
    ended = threading.Event()

    def slow(self: MemoryStore) -> tuple[str, ...]:
        time.sleep(0.3)
        ended.set()
        raise NotFound("nobody looks at this")

    async def main() -> None:
        store = AsyncMemoryStore.open(root)
        read = store._run(lambda: slow(store._store), finish=False)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read, 0.01)
        assert not ended.is_set()
        await store.close()
        assert ended.is_set()

    asyncio.run(main())


def test_a_hundred_calls_at_once_lose_nothing(root: Path):
    async def main() -> None:
        async with AsyncMemoryStore.open(root) as store:
            added = [store.add(agent=f"a{n % 5}", topic="The same topic", body=f"note {n}") for n in range(100)]
            memories = await asyncio.gather(*added)
            assert len({memory.id for memory in memories}) == 100
            bodies = await asyncio.gather(*(store.show(memory.id) for memory in memories))
            assert {memory.body.strip() for memory in bodies} == {f"note {n}" for n in range(100)}
            assert (await store.doctor()).healthy

    asyncio.run(main())


def test_watching_ends_with_its_loop(root: Path):
    async def main() -> int:
        async with AsyncMemoryStore.open(root) as store:
            reports = store.watch()
            await anext(reports)
            (root / "api").mkdir(exist_ok=True)
            (root / "api" / "2026-01-01-by-hand.md").write_text("# By hand\n")
            found = await asyncio.wait_for(anext(reports), 30)
            await reports.aclose()
            return found.added

    assert asyncio.run(main()) == 1
