"""Promise 2: many processes, and many threads, at work on one store lose nothing and disturb nobody."""

from __future__ import annotations

import contextlib
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from tests.promises.support import Child, assert_true_to_files, clock, memory_files

from agent_memory.errors import Conflict, NotFound, Stale
from agent_memory.files.folder import Busy
from agent_memory.store import MemoryStore

PROCESSES = 8
TOPICS = ("Retry policy", "Queue depth", "Rate limit")


@dataclass
class Diary:
    """What one worker was told is done.

    Attributes:
        added: marker -> id.
        appended: (marker of the memory, line).
        superseded: (marker of the new memory, id of the old one).
    """

    added: dict[str, str] = field(default_factory=dict)
    appended: list[tuple[str, str]] = field(default_factory=list)
    superseded: list[tuple[str, str]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)


class Worker:
    """One agent that uses every verb, at random."""

    def __init__(self, store: MemoryStore, name: str, seed: int) -> None:
        self.store = store
        self.name = name
        self.rng = random.Random(seed)
        self.diary = Diary()

    def work(self, begin: float, end: float) -> Diary:
        """Work from `begin` to `end`, both of the monotonic clock."""
        while time.monotonic() < begin:
            pass
        verbs: list[Callable[[], None]] = [
            *([self.add] * 2), *([self.append] * 3), *([self.search] * 2),
            self.supersede, self.archive, self.restore, self.list, self.first_step, self.doctor,
        ]  # fmt: skip
        while time.monotonic() < end:
            verb = self.rng.choice(verbs)
            try:
                verb()
            except Stale:
                self.diary.done["stale"] += 1
            except NotFound:
                self.diary.done["not found"] += 1
            except Busy:
                raise  # nobody holds the lock for seconds
            except Conflict:
                self.diary.done["conflict"] += 1
            else:
                self.diary.done[verb.__name__] += 1
        return self.diary

    def any_id(self) -> str:
        return self.rng.choice(self.store.list(archived=True)).id

    def add(self) -> None:
        marker = f"{self.name}-{len(self.diary.added)}"
        agent = self.rng.choice(["api", "web", f"own-{self.name}"])
        memory = self.store.add(agent=agent, topic=self.rng.choice(TOPICS), body=f"marker {marker} of us all\n")
        self.diary.added[marker] = memory.id
        assert memory.notes == ()

    def append(self) -> None:
        id_ = self.any_id()
        line = f"line {self.name} {sum(self.diary.done.values())}"
        for _ in range(50):
            memory = self.store.show(id_)
            try:
                self.store.edit(memory.id, body=f"{memory.body}{line}\n", expected=memory.fingerprint)
            except Stale:
                self.diary.done["stale"] += 1
                continue
            self.diary.appended.append((marker_of(memory.body), line))
            return

    def supersede(self) -> None:
        marker, new = self.rng.choice(list(self.diary.added.items()) or [("shared", "api/2026-01-01-shared")])
        old = self.any_id()
        self.store.supersede(new, old)
        self.diary.superseded.append((marker, old))

    def archive(self) -> None:
        self.store.archive(self.any_id())

    def restore(self) -> None:
        archived = self.store.list("status:archived", archived=True)
        if archived:
            self.store.restore(self.rng.choice(archived).id)

    def search(self) -> None:
        result = self.store.search(
            self.rng.choice(["marker", "retry policy", "queue OR rate", "type:note line"]), archived=True
        )
        assert result.fallback == "", result.fallback
        assert result.problems == ()

    def list(self) -> None:
        records = self.store.list(archived=True)
        assert len(records) >= len(self.diary.added)

    def first_step(self) -> None:
        briefing = self.store.first_step(agent="api", task="what is the retry policy of the queue")
        assert briefing.fallback == ""

    def doctor(self) -> None:
        assert self.store.doctor().problems == ()


def until_not_stale(verb: Callable[[], object]) -> None:
    """Do as the message of `Stale` says: try again."""
    for _ in range(1000):
        with contextlib.suppress(Stale):
            verb()
            return
    raise AssertionError("stale a thousand times")


def marker_of(text: str) -> str:
    found = re.search(r"marker (\S+) of us all", text)
    assert found, text
    return found[1]


def check(root: Path, diaries: list[Diary]) -> Counter[str]:
    """Compare the store with the diaries; returns how often each verb was done."""
    with MemoryStore.open(root, clock=clock) as store:
        store.sync()
        files = memory_files(root)
        where = {marker_of(data.decode()): path for path, data in files.items()}
        assert len(where) == len(files), "a memory is there twice"
        assert set(where) == {"shared", *(marker for diary in diaries for marker in diary.added)}
        lines = {marker: files[path].decode().splitlines() for marker, path in where.items()}
        for diary in diaries:
            for marker, line in diary.appended:
                assert lines[marker].count(line) == 1, f"{line!r} is lost from {where[marker]}"
            for marker, old in diary.superseded:
                assert old in store.show(where[marker]).supersedes, f"{old} is lost from {where[marker]}"
        ids = [record.id for record in store.list(archived=True)]
        assert len(ids) == len(set(ids)), [id_ for id_, count in Counter(ids).items() if count > 1]
        assert_true_to_files(store)
    return sum((diary.done for diary in diaries), Counter[str]())


def shared_store(folder: Path) -> Path:
    root = folder / "store"
    with MemoryStore.init(root, clock=clock) as store:
        (root / "api").mkdir()
        (root / "api" / "2026-01-01-shared.md").write_text("# Shared\n\nmarker shared of us all\n")
        store.sync()
    return root


def crowd(root: Path, seconds: float) -> Counter[str]:
    """Let processes work on one store at once."""
    seed = random.SystemRandom().randrange(1 << 30)
    begin = time.monotonic() + 0.5

    def life(number: int) -> Callable[[], Diary]:
        def work() -> Diary:
            with MemoryStore.open(root, clock=clock) as store:
                return Worker(store, f"p{number}", seed + number).work(begin, begin + seconds)

        return work

    children = [Child(life(number)) for number in range(PROCESSES)]
    try:
        return check(root, [child.result(seconds=seconds + 60) for child in children])
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error


def test_eight_processes_lose_nothing(tmp_path: Path):
    """Adding, editing, superseding, archiving, searching at once: nothing is lost or fails, and the index is right."""
    done = crowd(shared_store(tmp_path), 3.0)
    assert done["add"] > 8
    assert done["append"] > 8


@pytest.mark.campaign
def test_eight_processes_lose_nothing_in_twenty_seconds(tmp_path: Path):
    """The same for longer."""
    done = crowd(shared_store(tmp_path), 20.0)
    print(f"20 s: {sum(done.values())} verbs: {dict(done)}")


def test_eight_threads_share_a_store(tmp_path: Path):
    """Threads that share one object get what processes get."""
    root = shared_store(tmp_path)
    begin = time.monotonic() + 0.1
    found: list[Diary | BaseException] = []

    with MemoryStore.open(root, clock=clock) as store:

        def life(number: int) -> None:
            try:
                found.append(Worker(store, f"t{number}", number).work(begin, begin + 2.0))
            except BaseException as error:  # noqa: BLE001  shown below
                found.append(error)

        threads = [threading.Thread(target=life, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    diaries = [diary for diary in found if isinstance(diary, Diary)]
    assert len(diaries) == 8, found
    assert check(root, diaries)["add"] > 8


def test_two_processes_that_add_the_same_never_share_a_file(tmp_path: Path):
    """Same agent, topic and day at the same moment: each gets a file of its own."""
    root = shared_store(tmp_path)
    begin = time.monotonic() + 0.3

    def life(number: int) -> Callable[[], dict[str, str]]:
        def work() -> dict[str, str]:
            with MemoryStore.open(root, clock=clock) as store:
                store.list()
                while time.monotonic() < begin:
                    pass
                bodies = [f"marker p{number}-{k} of us all\n" for k in range(40)]
                return {store.add(agent="api", topic="Same", body=body).path: body for body in bodies}

        return work

    children = [Child(life(number)) for number in range(2)]
    first, second = [child.result() for child in children]
    assert len({*first, *second}) == 80
    files = memory_files(root)
    for path, body in {**first, **second}.items():
        assert files[path].decode().endswith(body)
    with MemoryStore.open(root) as store:
        assert_true_to_files(store)


def test_supersessions_noted_at_the_same_time_all_stay(tmp_path: Path):
    """`supersede` reads, changes and writes: what others noted in the same memory meanwhile is kept."""
    root = shared_store(tmp_path)
    with MemoryStore.open(root, clock=clock) as store:
        old = [
            store.add(agent="web", topic=f"Old {k}", body=f"marker old-{k} of us all\n").id
            for k in range(PROCESSES * 5)
        ]
    begin = time.monotonic() + 0.3

    def life(number: int) -> Callable[[], None]:
        def work() -> None:
            with MemoryStore.open(root, clock=clock) as store:
                store.list()
                while time.monotonic() < begin:
                    pass
                for k in range(5):
                    until_not_stale(partial(store.supersede, "api/2026-01-01-shared", old[number * 5 + k]))

        return work

    for child in [Child(life(number)) for number in range(PROCESSES)]:
        child.result()
    with MemoryStore.open(root) as store:
        assert sorted(store.show("api/2026-01-01-shared").supersedes) == sorted(old)
        assert_true_to_files(store)


def test_a_doctor_never_ends_the_archiving_of_another_process(tmp_path: Path):
    """While a memory has two names, being moved under the lock, whoever looks without the lock removes neither."""
    root = shared_store(tmp_path)
    begin = time.monotonic() + 0.3

    def mover() -> None:
        with MemoryStore.open(root, clock=clock) as store:
            for _ in range(100):
                store.archive("api/2026-01-01-shared")
                store.restore("api/2026-01-01-shared")

    def looker() -> None:
        with MemoryStore.open(root, clock=clock) as store:
            while time.monotonic() < begin + 1.5:
                store.doctor()

    for child in [Child(mover), *(Child(looker) for _ in range(3))]:
        child.result()
    assert "marker shared" in (root / "api" / "2026-01-01-shared.md").read_text()


def open_files() -> list[str]:
    """What this process has open, where the system tells."""
    folder = Path("/proc/self/fd")
    return [os.readlink(link) for link in folder.iterdir() if link.is_symlink()] if folder.is_dir() else []


def test_a_copy_of_the_process_works_with_the_open_store(tmp_path: Path):
    """After a fork both use the store; that one of them closes it does not disturb the other."""
    root = shared_store(tmp_path)
    reading, writing = os.pipe()
    with MemoryStore.open(root, clock=clock) as store:
        store.search("marker")

        def work() -> list[str]:
            ids = [store.add(agent="api", topic="Before", body="marker c0 of us all\n").id]
            os.read(reading, 1)  # the other has closed its store
            for k in range(1, 6):
                ids.append(store.add(agent="api", topic="After", body=f"marker c{k} of us all\n").id)
                assert store.search(f"c{k}").fallback == ""
            assert not [name for name in open_files() if "index.sqlite3" in name and "deleted" in name]
            return ids

        child = Child(work)
        store.add(agent="web", topic="Parent", body="marker parent of us all\n")
    with MemoryStore.open(root, clock=clock) as store:
        store.add(agent="web", topic="Again", body="marker again of us all\n")
        os.write(writing, b".")
        ids = child.result()
        assert set(ids) <= {record.id for record in store.list()}
        assert_true_to_files(store)
        store.add(agent="web", topic="Last", body="marker last of us all\n")
        assert [hit.record.name for hit in store.search("c5").hits] == ["After"]
        assert_true_to_files(store)
    os.close(reading)
    os.close(writing)
