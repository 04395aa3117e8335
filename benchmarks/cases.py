"""One function a row: each measures ours and its bound in turns, so that a noisy machine troubles both alike."""

from __future__ import annotations

import gc
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from agent_memory.index.analysis import analyse
from agent_memory.store import MemoryStore
from benchmarks import data

QUERY = "webhook retry timeout"


@dataclass
class Row:
    """A line of the table; times in milliseconds."""

    what: str
    ours: float
    bound: str
    least: float
    reach: float
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        return self.ours / self.least

    @property
    def reached(self) -> bool:
        return self.ratio <= self.reach

    def __str__(self) -> str:
        mark = "" if self.reached else " **missed**"
        return (
            f"| {self.what} | {self.ours:.2f} {self.unit} | {self.bound} | {self.least:.2f} {self.unit} "
            f"| {self.ratio:.2f} | {self.reach:g}{mark} |"
        )


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds that a call takes."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def in_turns(rounds: int, *works: Callable[[], object]) -> list[float]:
    """Return the median milliseconds of each call, measured in turns after one warm-up."""
    for work in works:
        work()
    gc.disable()
    try:
        taken = [[timed(work) for work in works] for _ in range(rounds)]
    finally:
        gc.enable()
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def walk(root: Path) -> int:
    """Stat every file: what any change detection has to do at least."""
    count = 0
    for folder in os.scandir(root):
        if folder.name[0] != ".":
            for entry in os.scandir(folder.path):
                entry.stat(follow_symlinks=False)
                count += 1
    return count


def settle(root: Path) -> None:
    """Bring the index up to date, late enough that no later change could hide behind a time stamp."""
    with MemoryStore.open(root) as store:
        store.sync()
        time.sleep(0.3)
        store.sync()


def cold_search(root: Path, _: Path, rounds: int) -> Iterator[Row]:
    """A whole `memory search` process, nothing changed."""
    settle(root)
    command = [str(Path(sys.executable).with_name("memory")), "--root", str(root), "search", QUERY]
    yield _cold("cold `memory search`", command, root, rounds, 2.0)


def _cold(what: str, command: list[str], root: Path, rounds: int, reach: float) -> Row:
    """A whole process of a command against one that imports SQLite and click, and the stat walk."""
    floor = [sys.executable, "-c", "import sqlite3, click"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "MEMORY_SEMANTIC": "0"}
    run = lambda args: subprocess.run(args, check=True, capture_output=True, env=environment)  # noqa: E731
    ours, python, stats = in_turns(rounds, lambda: run(command), lambda: run(floor), lambda: walk(root))
    return Row(what, ours, '`python -c "import sqlite3, click"` + stat walk', python + stats, reach)


def cold_hook(root: Path, scratch: Path, rounds: int) -> Iterator[Row]:
    """A whole `memory hook` process: an event that is none of ours, and one that is answered with a briefing."""
    yield from _cold_hook(root, "agent-00", ("Bash", "Agent"), rounds, "")
    example = scratch / "example"
    if not example.exists():
        shutil.copytree(data.EXAMPLE.parents[1], example, ignore=shutil.ignore_patterns(".store"))
    store = example / data.EXAMPLE.relative_to(data.EXAMPLE.parents[1])
    yield from _cold_hook(store, "worker-engineer", ("Agent",), rounds, ", 335 memories and a card")


def _cold_hook(root: Path, agent: str, tools: Sequence[str], rounds: int, where: str) -> Iterator[Row]:
    settle(root)
    floor = [sys.executable, "-c", "import sqlite3"]
    command = [str(Path(sys.executable).with_name("memory")), "hook", "--root", str(root)]
    given = {"prompt": "Webhooks time out, add retries for tenants", "subagent_type": agent}
    for tool in tools:
        event = json.dumps({"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": given}).encode()
        assert (b"recorded-notes" in _hooked(command, event)) is (tool == "Agent")
        ours, python, stats = in_turns(
            rounds, partial(_hooked, command, event), partial(_hooked, floor, event), partial(walk, root)
        )
        what = f"cold `memory hook`, {'an agent starts' if tool == 'Agent' else 'none of ours'}{where}"
        yield Row(what, ours, '`python -c "import sqlite3"` + stat walk', python + stats, 2.5)


def _hooked(command: list[str], event: bytes) -> bytes:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run(command, input=event, check=True, capture_output=True, env=environment).stdout


def warm_search(root: Path, _: Path, rounds: int) -> Iterator[Row]:
    """A search on an open store, three words, against the engine's bare answer to the same words."""
    with MemoryStore.open(root) as store:
        store.search(QUERY)
        assert len(store.search(QUERY).hits) == 10
        bare = bare_index(root)
        match = " OR ".join(analyse(QUERY).stems)
        query = "SELECT rowid, bm25(pages) FROM pages WHERE pages MATCH ? ORDER BY rank LIMIT 10"
        ours, least = in_turns(
            rounds * 4, lambda: store.search(QUERY), lambda: bare.execute(query, (match,)).fetchall()
        )
    yield Row("warm `search`, 3 words", ours, "bare FTS5 query, same matches", least, 3.0)


def tasks(count: int) -> list[str]:
    """Return tasks of 300 words each."""
    chance = random.Random(7)
    pool = data.words()
    return [" ".join(chance.choices(pool, k=300)) for _ in range(count)]


def warm_first_step(root: Path, _: Path, rounds: int) -> Iterator[Row]:
    """A First Step on an open store, another task of 300 words each time, against the bare query of all its words."""
    asked, bare_asked = iter(tasks(rounds * 8)), iter(tasks(rounds * 8))
    with MemoryStore.open(root) as store:
        for task in tasks(rounds * 8)[-rounds:]:  # other tasks than those that are measured
            store.first_step(agent="agent-01", task=task, receipt=False)
        bare = bare_index(root)
        query = "SELECT rowid, bm25(pages) FROM pages WHERE pages MATCH ? ORDER BY rank LIMIT 10"

        def least() -> None:
            stems = dict.fromkeys(analyse(next(bare_asked)).stems)
            bare.execute(query, (" OR ".join('"' + stem.replace('"', '""') + '"' for stem in stems),)).fetchall()

        ours, bound = in_turns(rounds * 4, lambda: store.first_step(agent="agent-01", task=next(asked)), least)
    yield Row("warm `first_step`, 300 words", ours, "10 ms", 10.0, 1.0)
    yield Row("warm `first_step`, 300 words", ours, "bare FTS5 query, all the words", bound, 5.0)


def cold_first_step(root: Path, _: Path, rounds: int) -> Iterator[Row]:
    """A whole `memory first-step --json` process for a task of 300 words, nothing changed."""
    settle(root)
    task = tasks(1)[0]
    program = str(Path(sys.executable).with_name("memory"))
    command = [program, "--root", str(root), "first-step", "--agent", "agent-01", "--task", task, "--json"]
    yield _cold("cold `memory first-step --json`, 300 words", command, root, rounds, 2.5)


def bare_index(root: Path) -> sqlite3.Connection:
    """An FTS5 table of the same tokens and nothing else."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE pages USING fts5(text)")
    for path in data.texts(root):
        connection.execute("INSERT INTO pages VALUES (?)", (" ".join(analyse(path.read_text(encoding="utf-8")).stems),))
    connection.commit()
    return connection


def build(root: Path, scratch: Path, rounds: int) -> Iterator[Row]:
    """A full build from nothing against reading, hashing and inserting the same text."""

    def ours() -> None:
        shutil.rmtree(root / ".store", ignore_errors=True)
        with MemoryStore.open(root) as store:
            store.sync()

    def least() -> None:
        target = scratch / "bare.sqlite3"
        target.unlink(missing_ok=True)
        connection = sqlite3.connect(target)
        connection.execute("CREATE VIRTUAL TABLE pages USING fts5(text, tokenize='porter unicode61')")
        for path in data.texts(root):
            content = path.read_bytes()
            hashlib.sha256(content).hexdigest()
            connection.execute("INSERT INTO pages VALUES (?)", (content.decode(),))
        connection.commit()
        connection.close()

    a, b = in_turns(max(3, rounds // 5), ours, least)
    yield Row("full build", a, "read + sha256 + FTS5 insert", b, 2.5)


def unchanged(root: Path, _: Path, rounds: int) -> Iterator[Row]:
    """A sync that finds nothing to do."""
    settle(root)
    with MemoryStore.open(root) as store:
        store.sync()
        ours, least = in_turns(rounds, store.sync, lambda: walk(root))
    yield Row("sync, nothing changed", ours, "bare stat walk", least, 2.0)


def add(root: Path, scratch: Path, rounds: int) -> Iterator[Row]:
    """A durable add, alone and by eight processes at once."""
    body = data.memory(random.Random(1), data.words(), 1)
    plain = scratch / "plain"
    plain.mkdir(exist_ok=True)
    connection = sqlite3.connect(scratch / "commits.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS notes (path TEXT, body TEXT)")
    number = iter(range(10**9))

    def least() -> None:
        path = plain / f"{next(number)}.md"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(fd, body.encode())
        os.fsync(fd)
        os.close(fd)
        fd = os.open(plain, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
        connection.execute("INSERT INTO notes VALUES (?, ?)", (str(path), body))

    with MemoryStore.open(root) as store:
        store.sync()
        ours, bare = in_turns(
            rounds * 10, lambda: store.add(agent="adder", topic=f"Topic {next(number)}", body=body), least
        )
    yield Row("durable `add`", ours, "create + fsync file + fsync folder + SQLite commit", bare, 1.5)
    one, eight = adds_per_second(root, 1), adds_per_second(root, 8)
    yield Row("time of an add, 8 processes together", 1000 / eight, "one process alone", 1000 / one, 1.0)


def _add_for(root: Path, name: str, start: float, seconds: float, count: multiprocessing.Queue[int]) -> None:
    done = 0
    with MemoryStore.open(root) as store:
        store.record  # noqa: B018
        while time.time() < start:
            time.sleep(0.001)
        while time.time() < start + seconds:
            store.add(agent=name, topic=f"Note {done}", body="x " * 1000)
            done += 1
    count.put(done)


def adds_per_second(root: Path, processes: int, seconds: float = 4.0) -> float:
    """Return how many durable adds a second a number of processes manage together."""
    count: multiprocessing.Queue[int] = multiprocessing.Queue()
    start = time.time() + 1.5
    workers = [
        multiprocessing.Process(target=_add_for, args=(root, f"p{processes}-{i}", start, seconds, count))
        for i in range(processes)
    ]
    for worker in workers:
        worker.start()
    done = sum(count.get() for _ in workers)
    for worker in workers:
        worker.join()
    return done / seconds


def _build(root: Path) -> None:
    with MemoryStore.open(root) as store:
        store.sync()


def held_by(process: int) -> float:
    """Return the MB that a process and its children hold, pages they share counted once."""
    total = 0
    waiting = [process]
    while waiting:
        number = waiting.pop()
        try:
            rollup = Path(f"/proc/{number}/smaps_rollup").read_text(encoding="ascii")
            waiting += map(int, Path(f"/proc/{number}/task/{number}/children").read_text(encoding="ascii").split())
        except OSError:  # it just ended
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


def memory(_: Path, scratch: Path, __: int) -> Iterator[Row]:
    """The most memory that a build of 100,000 files holds, helpers included, looked at five times a second."""
    root = data.make(scratch / "large", 100_000)
    worker = multiprocessing.get_context("spawn").Process(target=_build, args=(root,))
    worker.start()
    most = 0.0
    while worker.is_alive():
        most = max(most, held_by(worker.pid or 0))
        worker.join(0.2)
    yield Row("memory held by a build of 100,000 files", most, "300 MB", 300.0, 1.0, unit="MB")


def plan(root: Path, scratch: Path, rounds: int) -> Iterator[Row]:
    """The plan of a compaction, files read and parsed, against the ten seconds it may take for 10,000 memories."""
    del scratch
    with MemoryStore.open(root) as store:
        store.sync()
        count = len(store.list())
        times = [timed(lambda: store.plan_compaction(now=date(2027, 2, 1))) for _ in range(max(1, rounds // 5))]
    yield Row(f"plan of a compaction, {count:,} memories", statistics.median(times), "1 ms a memory", float(count), 1.0)


CASES: dict[str, Callable[[Path, Path, int], Iterator[Row]]] = {
    "cold-search": cold_search,
    "cold-hook": cold_hook,
    "warm-search": warm_search,
    "warm-first-step": warm_first_step,
    "cold-first-step": cold_first_step,
    "unchanged": unchanged,
    "build": build,
    "add": add,
    "plan": plan,
    "memory": memory,
}
