"""Promise 3: where the index cannot be written, or somebody else keeps it, the files answer, and the answer says so."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.promises.damage import answer, fill, fine_again, foreign, mend, script, store_with_hits
from tests.promises.support import (
    Child,
    as_nobody,
    assert_true_to_files,
    clock,
    in_child,
    memory_files,
    open_to_nobody,
)

from agent_memory.errors import StorageFailed
from agent_memory.index.sync import INDEX
from agent_memory.store import MemoryStore

pytestmark = pytest.mark.usefixtures("limit")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return store_with_hits(tmp_path)


# -- where nothing can be written -------------------------------------------------------------------------------------


def readable_to_all(root: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give up rights")
    open_to_nobody(root.parent)
    subprocess.run(["chmod", "-R", "a+rX,go-w", root], check=True)


@pytest.mark.parametrize(
    "index", ["up to date", "behind", "behind in its log", "missing", "damaged", "foreign", "without our folder"]
)
def test_a_folder_that_may_only_be_read_answers(root: Path, index: str):
    """Whatever state the index is in, who may not write gets the right hits, and is told that the files were asked."""
    path = root / "api/2026-01-05-note.md"
    keeper: sqlite3.Connection | None = None
    if index.startswith("behind"):
        text = path.read_text()
        path.write_text("# Note\n\nnothing\n")
        keeper = sqlite3.connect(root / INDEX)  # as long as it is open, the log is not written back
        keeper.execute("SELECT * FROM facts").fetchall()
        with MemoryStore.open(root, clock=clock) as store:
            store.sync()
        path.write_text(text)
        if index == "behind":
            keeper.close()
    elif index == "missing":
        (root / INDEX).unlink()
    elif index == "damaged":
        fill(root, first=1)
    elif index == "foreign":
        foreign(4096)(root)
    elif index == "without our folder":
        subprocess.run(["rm", "-r", root / ".store"], check=True)
    readable_to_all(root)
    before = {
        path: path.lstat().st_mtime_ns for path in [root, *root.rglob("*")] if not path.name.endswith(("-shm", "-wal"))
    }

    def work() -> str:
        with MemoryStore.open(root, clock=clock) as store:
            told = [answer(store) for _ in range(4)]
            assert all(told) or not any(told)
            verbs: list[Callable[[], object]] = [
                lambda: store.add(agent="api", topic="T", body="x"),
                lambda: store.edit("2026-01-05-note", body="x"),
                lambda: store.archive("2026-01-05-note"),
                lambda: store.trash("2026-01-05-note"),
            ]
            for verb in verbs:
                with pytest.raises(StorageFailed):
                    verb()
            return told[0]

    fallback = as_nobody(work)
    assert "answered from the files" in fallback
    after = {
        path: path.lstat().st_mtime_ns for path in [root, *root.rglob("*")] if not path.name.endswith(("-shm", "-wal"))
    }
    assert after == before
    if keeper:
        keeper.close()
    mend(root)
    fine_again(root)


def test_a_folder_without_permission_to_write_answers(root: Path):
    """The owner took the permission from himself (chmod 555)."""
    readable_to_all(root)
    subprocess.run(["chown", "-R", "65534:65534", root], check=True)
    subprocess.run(["chmod", "-R", "a-w", root], check=True)

    def work() -> str:
        with MemoryStore.open(root, clock=clock) as store:
            return answer(store)

    assert "answered from the files" in as_nobody(work)
    subprocess.run(["chmod", "-R", "u+w", root], check=True)
    subprocess.run(["chown", "-R", "0:0", root], check=True)
    fine_again(root)


# -- a full disk ------------------------------------------------------------------------------------------------------


def with_limit(root: Path, largest: int, work: Callable[[], object]) -> object:
    """Run `work` where no file may grow beyond `largest` bytes, which SQLite sees as a full disk."""

    def limited() -> object:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
        return work()

    return in_child(limited)


@pytest.mark.parametrize("largest", [0, 1, 4096, 20_000, 60_000])
@pytest.mark.parametrize("state", ["missing", "behind", "damaged"])
def test_an_index_that_cannot_grow_does_not_stop_an_answer(root: Path, largest: int, state: str):
    """A disk without room for the index: the files answer, and the answer says so."""
    if state == "missing":
        (root / INDEX).unlink()
    elif state == "behind":
        (root / "api/2026-01-05-note.md").write_text("# Note\n\nnothing\n")
        with MemoryStore.open(root, clock=clock) as store:
            store.sync()
        (root / "api/2026-01-05-note.md").write_text("# Note\n\nalpha\n" + "again and again\n" * 400)
    else:
        fill(root, first=1)

    def work() -> list[str]:
        with MemoryStore.open(root, clock=clock) as store:
            return [answer(store) for _ in range(3)]

    assert all("answered from the files" in told for told in with_limit(root, largest, work))  # type: ignore[attr-defined]
    mend(root)
    fine_again(root)


def test_a_real_disk_that_is_full_loses_nothing(tmp_path: Path):
    """On two megabytes of disk: what was acknowledged stays, what was refused left nothing, reading goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        root = disk / "store"
        said: dict[str, str] = {}
        with MemoryStore.init(root, clock=clock) as store:
            refused = 0
            for number in range(400):
                try:
                    memory = store.add(agent="api", topic=f"Topic {number}", body="alpha beta\n" * 600)
                    said[memory.path] = memory.body
                except StorageFailed as error:
                    refused += "No space left" in str(error)
                    if refused > 5:
                        break
            assert refused > 5
            assert len(said) > 5
            assert {path: data.decode().partition("---\n\n")[2] for path, data in memory_files(root).items()} == said
            assert os.listdir(root / ".store/tmp") == []
            assert store.search("alpha", limit=500).total == len(said)
        with MemoryStore.open(root, clock=clock) as store:
            assert store.search("alpha", limit=500).total == len(said)
            assert not (root / f"{INDEX}.new").exists()
            path, _ = said.popitem()
            (root / path).unlink()
            assert store.search("alpha", limit=500).total == len(said)
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        with MemoryStore.open(root, clock=clock) as store:
            assert store.search("alpha", limit=500).total == len(said)
            assert store.fallback == ""
            store.add(agent="api", topic="Room again", body="gamma")
        with MemoryStore.open(root, clock=clock) as store:
            assert_true_to_files(store)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
def test_an_add_that_the_disk_refuses_leaves_nothing(root: Path, monkeypatch, code: int):
    """The error is StorageFailed, the files are as before, and the next add works."""
    with MemoryStore.open(root, clock=clock) as store:
        before = memory_files(root)

        def refuse(fd: int, data: object) -> int:
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", refuse)
            with pytest.raises(StorageFailed, match=os.strerror(code)):
                store.add(agent="api", topic="Never", body="x")
        assert memory_files(root) == before
        assert os.listdir(root / ".store/tmp") == []
        store.add(agent="web", topic="Now", body="beta")
        assert_true_to_files(store)


# -- somebody else has it ---------------------------------------------------------------------------------------------


def hold(take: Callable[[], object], release: int) -> Child:
    """A process that takes something and keeps it until it is told to let go."""
    ready, told = os.pipe()

    def work() -> None:
        kept = take()
        os.write(told, b".")
        os.read(release, 1)
        del kept

    child = Child(work)
    os.read(ready, 1)
    os.close(ready)
    os.close(told)
    return child


def take_database(root: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(root / INDEX, isolation_level=None)
    connection.execute(f"PRAGMA locking_mode = {mode}")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("DELETE FROM facts")
    return connection


def take_flock(root: Path) -> int:
    fd = os.open(root / ".store/lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


@pytest.mark.parametrize("state", ["current", "changed", "foreign", "missing"])
@pytest.mark.parametrize("what", ["NORMAL", "EXCLUSIVE", "flock"])
def test_an_index_that_somebody_else_keeps_answers_in_the_time_that_was_given(root: Path, what: str, state: str):
    """With a lock timeout of 0.2 s nobody waits for ten; the answer is right or says why it may not be."""
    if state == "missing" and what != "flock":
        return
    if state == "foreign":
        script("PRAGMA user_version = 999999")(root)
    elif state == "missing":
        (root / INDEX).unlink()
    elif state == "changed":
        with (root / "api/2026-01-01-note.md").open("a") as file:
            file.write("gamma\n")
    reading, release = os.pipe()
    child = hold(lambda: take_flock(root) if what == "flock" else take_database(root, what), reading)
    try:
        with MemoryStore.open(root, clock=clock, lock_timeout=0.2) as store:
            started = time.monotonic()
            told = answer(store)
            assert time.monotonic() - started < 5.0
            assert told or state == "current"
            if "answered from the files" in told:
                assert store.search("gamma").total == (state == "changed")
            memory = store.add(agent="web", topic="Meanwhile", body="beta")
            assert memory.notes
            assert (root / memory.path).exists()
    finally:
        os.write(release, b".")
        child.wait()
        os.close(reading)
        os.close(release)
    (root / memory.path).unlink()
    mend(root)
    fine_again(root)
