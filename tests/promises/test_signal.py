"""Promise 3 for a store that stays open: what the kernel's signal lets it skip is nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.promises.support import clock, from_files, in_child, indexed, memory_files, plant

from agent_memory.files.folder import Folder
from agent_memory.files.signal import is_local
from agent_memory.index.content import content
from agent_memory.index.preparing import prepare_bytes
from agent_memory.index.sqlite import Index
from agent_memory.index.sync import is_settled, sync
from agent_memory.model import Stat
from agent_memory.store import MemoryStore

BASE = {
    "api/2026-03-01-retry.md": "# Retry\n\nalpha five times\n",
    "api/deep/2026-03-02-limit.md": "# Limit\n\nalpha a hundred\n",
    "web/2026-02-01-header.md": "# Header\n\nalpha X-Old\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    plant(root, BASE)
    return root


@pytest.fixture
def store(root: Path) -> Iterator[MemoryStore]:
    """A store that was read so often that it trusts the signal."""
    with MemoryStore.open(root, clock=clock) as store:
        settle(store)
        yield store


def settle(store: MemoryStore) -> None:
    """Read until the next read would not walk the folder."""
    for _ in range(10):
        store.search("alpha")
        if store._index._signal is not None and store._index._signal.quiet():
            return
    pytest.skip("this system does not tell of changes, so that every read walks the folder")


def same_size_same_time(path: Path) -> None:
    stat = path.stat()
    path.write_bytes(path.read_bytes().replace(b"alpha", b"omega"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def appended(path: Path) -> None:
    with path.open("a") as file:
        file.write("omega\n")


def moved_in(root: Path) -> None:
    """A folder with a memory that was made elsewhere, in one rename."""
    outside = root.parent / "outside"
    plant(outside, {"sub/new.md": "# New\n\nalpha new\n"})
    outside.rename(root / "moved")


def folder_then_file(root: Path) -> None:
    (root / "ops").mkdir()
    (root / "ops" / "new.md").write_text("# New\n\nalpha new\n")


def archived_by_hand(root: Path) -> None:
    """The first archived memory, in folders that did not exist."""
    plant(root, {".store/archive/api/old.md": "# Old\n\nalpha old\n"})


def replaced_by_rename(root: Path) -> None:
    plant(root, {"web/x": "omega"})
    (root / "web/x").rename(root / "web/2026-02-01-header.md")


def shown(root: Path) -> None:
    plant(root, {".hidden/new.md": "alpha"})
    (root / ".hidden").rename(root / "shown")


def moved_into_the_archive(root: Path) -> None:
    (root / ".store/archive/web").mkdir(parents=True)
    (root / "web/2026-02-01-header.md").rename(root / ".store/archive/web/h.md")


def closed_and_opened(root: Path) -> None:
    (root / "api").chmod(0o000)
    plant(root, {"web/new.md": "alpha"})
    (root / "api").chmod(0o755)


ACTIONS: dict[str, Callable[[Path], object]] = {
    "an edit in place": lambda root: (root / "api/2026-03-01-retry.md").write_text("# Retry\n\nomega\n"),
    "a line at the end": lambda root: appended(root / "api/2026-03-01-retry.md"),
    "a rewrite of the same size and time": lambda root: same_size_same_time(root / "api/2026-03-01-retry.md"),
    "an edit in a folder below": lambda root: (root / "api/deep/2026-03-02-limit.md").write_text("omega\n"),
    "a truncation": lambda root: os.truncate(root / "web/2026-02-01-header.md", 0),
    "a new file": lambda root: plant(root, {"web/new.md": "alpha"}),
    "a new folder with a file": folder_then_file,
    "a folder moved in": moved_in,
    "a folder moved out": lambda root: (root / "web").rename(root.parent / "gone"),
    "a folder renamed": lambda root: (root / "api").rename(root / "apj"),
    "a nested folder renamed": lambda root: (root / "api/deep").rename(root / "api/deeper"),
    "a file renamed": lambda root: (root / "web/2026-02-01-header.md").rename(root / "web/h.md"),
    "a file moved to another agent": lambda root: (root / "web/2026-02-01-header.md").rename(root / "api/h.md"),
    "a file replaced by rename": replaced_by_rename,
    "a file deleted": lambda root: (root / "api/2026-03-01-retry.md").unlink(),
    "a folder deleted": lambda root: shutil.rmtree(root / "api/deep"),
    "a hidden folder shown": shown,
    "the first file in the archive": archived_by_hand,
    "a file moved into the archive": moved_into_the_archive,
    "a folder made unreadable and readable": closed_and_opened,
}  # fmt: skip


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS.keys())
def test_the_very_next_read_sees_what_was_done_outside(
    store: MemoryStore, root: Path, action: Callable[[Path], object]
):
    """Without any pause, and although the store trusted the signal a moment ago."""
    action(root)
    check(store)
    settle(store)
    plant(root, {"web/later.md": "# Later\n\nalpha later\n"})
    check(store)


def test_the_very_next_read_sees_what_another_process_did(store: MemoryStore, root: Path):
    """Every verb of another process, one after the other."""

    def play(verb: Callable[[MemoryStore], object]) -> None:
        def work() -> None:
            with MemoryStore.open(root, clock=clock) as other:
                verb(other)

        in_child(work)
        settled = len(memory_files(root))
        check(store)
        assert len(store.list(archived=True)) == settled
        settle(store)

    play(lambda other: other.add(agent="ops", topic="New", body="alpha"))
    play(lambda other: other.edit("api/2026-03-01-retry", body="alpha omega"))
    play(lambda other: other.archive("api/2026-03-01-retry"))
    play(lambda other: other.restore("api/2026-03-01-retry"))
    play(lambda other: other.trash("web/2026-02-01-header"))
    play(lambda other: other.restore("web/2026-02-01-header"))
    play(lambda other: other._index.rebuild())


def check(store: MemoryStore) -> None:
    """The next read, which may trust the signal, knows the files as they are."""
    result = store.search("alpha", limit=100, archived=True)
    files = memory_files(store.root)
    assert result.fallback == ""
    assert {hit.record.path for hit in result.hits} == {path for path, data in files.items() if b"alpha" in data}
    assert {hit.record.fingerprint for hit in result.hits} == {
        hashlib.sha256(data).hexdigest() for data in files.values() if b"alpha" in data
    }
    assert indexed(store.root) == from_files(store.root)


def test_a_quiet_store_is_not_walked(store: MemoryStore):
    """The signal is of use: without a change the folder is not looked at again."""
    before = store.report
    store.search("alpha")
    assert store.report is before


def test_a_writer_that_notes_its_file_late_does_not_hide_a_newer_version(root: Path):
    """Between writing a file and indexing it others may edit it and sync; what is indexed late must not stay."""
    path = "api/2026-03-01-retry.md"
    with MemoryStore.open(root, clock=clock) as late, MemoryStore.open(root, clock=clock) as other:
        old = (root / path).read_bytes()
        stat = Stat(
            path, *[getattr((root / path).stat(), name) for name in ("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")]
        )
        other.sync()
        (root / path).write_text("# Retry\n\nomega seven times\n")
        time.sleep(0.15)  # the new version settles, so that a listing alone shows that nothing changed
        other.sync()
        late._index.note(prepare_bytes(stat, old, hashlib.sha256(old).hexdigest()))
        assert [hit.record.path for hit in other.search("omega").hits] == [path]
        assert indexed(root) == from_files(root)


MS = 1_000_000


@pytest.mark.parametrize(
    ("read_after", "changed_at", "settled"),
    [
        (0, 123 * MS, False),
        (50 * MS, 123 * MS, False),
        (150 * MS, 123 * MS, True),
        (1500 * MS, 0, False),
        (2500 * MS, 0, True),
        (-3600_000 * MS, 123 * MS, False),
    ],
)
def test_a_time_stamp_is_trusted_when_no_later_change_can_have_the_same(
    read_after: int, changed_at: int, settled: bool
):
    """A file read shortly after it changed is read again; where stamps are whole seconds, shortly is longer."""
    stamp = 1_700_000_000_000 * MS + changed_at
    assert is_settled(Stat("x.md", 1, stamp, stamp, 1), now_ns=stamp + read_after) is settled


def test_a_rewrite_in_the_same_tick_of_the_clock_is_seen(root: Path):
    """Two versions of a file with the very same stat: what was read within the tick is read again."""
    path = "api/2026-03-01-retry.md"
    folder, index = Folder(root), Index.in_memory()
    sync(index, folder, now_ns=folder.stat(path).ctime_ns + 5 * MS, timeout=0)
    same_size_same_time(root / path)
    after = folder.stat(path)  # as a clock with coarser ticks would have shown it for the first version already
    index.connection.execute(
        "UPDATE entries SET ctime_ns = ?, inode = ? WHERE path = ?", (after.ctime_ns, after.inode, path)
    )
    report = sync(index, folder, now_ns=after.ctime_ns + 6 * MS, timeout=0)
    assert report.changed == 1
    assert content(index) == from_files(root)
    index.close()


@pytest.mark.parametrize(
    ("mounts", "local"),
    [
        ("/dev/vda / ext4 rw 0 0\n", True),
        ("/dev/vda / ext4 rw 0 0\nhost:/x /data nfs4 rw 0 0\n", False),
        ("host:/x / nfs rw 0 0\ntmpfs /data/team tmpfs rw 0 0\n", True),
        ("/dev/vda / ext4 rw 0 0\nx /data/team\\040a 9p rw 0 0\n", True),
        ("", False),
    ],
)
def test_only_file_systems_of_this_machine_are_trusted(mounts: str, local: bool):
    """What other machines may write to is walked at every read."""
    assert is_local(Path("/data/team/store"), mounts) is local
