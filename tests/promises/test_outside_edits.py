"""Promise 3: whatever happens to the files, by our verbs or by other hands, the index equals them after a sync."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.promises.support import IN_MEMORY, clock, from_files, indexed, memory_files, plant

from agent_memory.errors import Conflict, FolderVanished, NotFound
from agent_memory.index.sync import INDEX
from agent_memory.store import MemoryStore

ARCHIVE = ".store/archive"
AGENTS = st.sampled_from(["api", "web", "été"])
TOPICS = st.sampled_from(["Retry policy", "Queue depth", "Rate limit"])
WORDS = st.sampled_from(
    ["alpha beta", "beta gamma `src/app.py`", "# Head\n\ngamma", "# One\n\na\n\n## Two\n\nb", "",
     "---\ntags: [x]\n---\nalpha", "---\nsupersedes: 2026-03-15-retry-policy\n---\nbeta", "---\nbroken: [\n---\nx",
     "nul \0 byte"]
)  # fmt: skip
NAMES = st.sampled_from(["2026-01-01-a.md", "b.md", "nested/deep/c.md", "ünï.md", "2026-03-15-retry-policy.md"])
PICK = st.integers(0, 1000)


class OutsideEdits(RuleBasedStateMachine):
    """Two stores on one folder, and hands that do not know of them."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        self.root = Path(self.place.name).resolve() / "store"
        self.store = MemoryStore.init(self.root, clock=clock)
        self.other = MemoryStore.open(self.root, clock=clock)

    def teardown(self) -> None:
        self.store.close()
        self.other.close()
        self.place.cleanup()

    def files(self) -> list[Path]:
        return [self.root / path for path in sorted(memory_files(self.root))]

    def file(self, pick: int) -> Path | None:
        files = self.files()
        return files[pick % len(files)] if files else None

    def id(self, pick: int) -> str:
        ids = sorted({record.id for record in self.store.list(archived=True)})
        return ids[pick % len(ids)] if ids else "api/none"

    # -- the verbs

    @rule(agent=AGENTS, topic=TOPICS, body=WORDS.filter(lambda text: "\0" not in text and "---" not in text))
    def add(self, agent: str, topic: str, body: str) -> None:
        self.store.add(agent=agent, topic=topic, body=body)

    @rule(pick=PICK, body=st.sampled_from(["alpha edited", "# New\n\nbeta\n"]))
    def edit(self, pick: int, body: str) -> None:
        record = self.store.record(self.id(pick)) if self.files() and self.readable() else None
        if record is not None and record.path not in self.broken():
            self.store.edit(record.id, body=body)

    def readable(self) -> bool:
        return bool(self.store.list(archived=True))

    def broken(self) -> set[str]:
        return {problem.path for problem in self.store.report.problems}

    @rule(new=PICK, old=PICK)
    def supersede(self, new: int, old: int) -> None:
        try:
            record = self.store.record(self.id(new))
            if record.path not in self.broken():
                self.store.supersede(record.id, self.id(old))
        except (Conflict, NotFound):
            pass

    @rule(pick=PICK, verb=st.sampled_from(["archive", "restore", "trash"]))
    def move(self, pick: int, verb: str) -> None:
        with contextlib.suppress(Conflict, NotFound):
            getattr(self.store, verb)(self.id(pick))

    # -- other hands

    @rule(agent=AGENTS, name=NAMES, text=WORDS)
    def write(self, agent: str, name: str, text: str) -> None:
        if not (self.root / agent / name).is_dir():
            plant(self.root, {f"{agent}/{name}": text})

    @rule(pick=PICK, text=WORDS)
    def overwrite(self, pick: int, text: str) -> None:
        if file := self.file(pick):
            file.write_bytes(text.encode())

    @rule(pick=PICK)
    def rewrite_with_same_size_and_time(self, pick: int) -> None:
        if file := self.file(pick):
            stat = file.stat()
            file.write_bytes(file.read_bytes().swapcase())
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    @rule(pick=PICK)
    def rewrite_right_after_a_sync(self, pick: int) -> None:
        if file := self.file(pick):
            file.write_bytes(file.read_bytes() + b" tick")
            self.sync()
            file.write_bytes(file.read_bytes()[:-4] + b"tock")

    @rule(pick=PICK, name=NAMES)
    def rename(self, pick: int, name: str) -> None:
        if (file := self.file(pick)) and not (file.parent / name).exists():
            (file.parent / name).parent.mkdir(parents=True, exist_ok=True)
            file.rename(file.parent / name)

    @rule(one=PICK, two=PICK)
    def swap(self, one: int, two: int) -> None:
        first, second = self.file(one), self.file(two)
        if first and second and first != second:
            aside = self.root / "aside"
            first.rename(aside)
            second.rename(first)
            aside.rename(second)

    @rule(pick=PICK, agent=AGENTS)
    def rename_folder(self, pick: int, agent: str) -> None:
        if (file := self.file(pick)) and file.parent.parent == self.root and not (self.root / agent).exists():
            file.parent.rename(self.root / agent)

    @rule(pick=PICK)
    def delete(self, pick: int) -> None:
        if file := self.file(pick):
            file.unlink()

    @rule(pick=PICK)
    def delete_folder(self, pick: int) -> None:
        if file := self.file(pick):
            shutil.rmtree(file.parent)

    @rule(pick=PICK, days=st.integers(-1000, 1000))
    def touch(self, pick: int, days: int) -> None:
        if file := self.file(pick):
            then = time.time() + days * 86400
            os.utime(file, (then, then))

    @rule(pick=PICK)
    def archive_by_hand(self, pick: int) -> None:
        if (file := self.file(pick)) and not file.is_relative_to(self.root / ".store"):
            target = self.root / ARCHIVE / file.relative_to(self.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                file.rename(target)

    @rule(pick=PICK)
    def folder_in_the_place_of_a_file(self, pick: int) -> None:
        if file := self.file(pick):
            file.unlink()
            file.mkdir()
            (file / "inner.md").write_text("alpha inside")

    @rule()
    def let_time_pass(self) -> None:
        time.sleep(0.11)  # until what was written is settled; nothing waits for anything
        self.sync()

    # -- the store itself

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = MemoryStore.open(self.root, clock=clock)

    @rule(suffixes=st.sampled_from([("",), ("", "-wal", "-shm"), ("-wal", "-shm")]))
    def delete_index(self, suffixes: tuple[str, ...]) -> None:
        if "" not in suffixes:  # nobody may have it open, as after a copy of the folder
            self.store.close()
            self.other.close()
        for suffix in suffixes:
            Path(f"{self.root / INDEX}{suffix}").unlink(missing_ok=True)

    @rule(agent=AGENTS, topic=TOPICS)
    def add_by_the_other(self, agent: str, topic: str) -> None:
        self.other.add(agent=agent, topic=topic, body="gamma from the other")

    @rule()
    def search_by_the_other(self) -> None:
        self.other.search("alpha OR beta")
        self.other.search("gamma")

    # -- what holds

    def sync(self) -> None:
        try:
            self.store.sync()
        except FolderVanished:
            self.store.sync(force=True)

    @invariant()
    def a_read_sees_the_files(self) -> None:
        """The very next read, whether it walks the folder or trusts the signal, knows the files as they are."""
        listed = self.store.list(archived=True)
        if not self.store.fallback:
            self.compare([record.path for record in listed])

    @invariant()
    def the_index_equals_the_files(self) -> None:
        self.sync()
        assert self.store.fallback == ""
        assert indexed(self.root) == from_files(self.root)
        self.compare([record.path for record in self.store.list(archived=True)])

    def compare(self, listed: list[str]) -> None:
        binary = {path for path, data in memory_files(self.root).items() if b"\0" in data}
        assert sorted({*listed, *binary}) == sorted(memory_files(self.root))


def play(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        OutsideEdits,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_the_index_equals_the_files_whatever_happens_to_them():
    """Verbs and other hands in any order: after every step a sync makes the index equal to a rebuild."""
    play(20, 25)


@pytest.mark.campaign
def test_the_index_equals_the_files_whatever_happens_to_them_at_length():
    """The same, many times and longer."""
    started = time.monotonic()
    play(200, 60)
    print(f"200 examples of up to 60 steps, {time.monotonic() - started:.0f} s")
