"""Promise 3: an index is not emptied because a folder is suddenly gone; what was really removed is believed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.promises.support import as_nobody, assert_true_to_files, clock, indexed, open_to_nobody, plant

from agent_memory.errors import FolderVanished, NotFound, StorageFailed
from agent_memory.store import MemoryStore


def build(root: Path, **counts: int) -> MemoryStore:
    """A store with so many memories of each agent."""
    plant(
        root,
        {f"{agent}/2026-01-01-{n}.md": f"alpha {agent} {n}" for agent, count in counts.items() for n in range(count)},
    )
    store = MemoryStore.init(root, clock=clock)
    store.sync()
    return store


@pytest.mark.parametrize(
    ("counts", "gone", "refused"),
    [
        ({"api": 2}, ["api"], True),
        ({"api": 3, "web": 2}, ["api", "web"], True),
        ({"api": 6, "web": 4}, ["api"], True),
        ({"api": 5, "web": 5}, ["api"], False),
        ({"api": 5, "web": 4}, ["api"], False),
        ({"api": 1}, ["api"], False),
        ({"api": 1, "web": 20}, ["api"], False),
    ],
)
def test_vanished_folders_are_not_believed(tmp_path: Path, counts: dict[str, int], gone: list[str], refused: bool):
    """All of at least two memories, or more than half of at least ten, gone with their folders: the index stays."""
    root = tmp_path / "store"
    with build(root, **counts) as store:
        before = indexed(root)
        for agent in gone:
            (root / agent).rename(tmp_path / agent)
        if not refused:
            assert store.sync().removed == sum(counts[agent] for agent in gone)
            assert_true_to_files(store)
            return
        with pytest.raises(FolderVanished, match="gone together with their folders") as caught:
            store.sync()
        assert "--force" in caught.value.hint
        assert indexed(root) == before
        result = store.search("alpha")
        assert "answered from the index as it was" in result.fallback
        assert len(store.list()) == sum(counts.values())
        for agent in gone:
            (tmp_path / agent).rename(root / agent)
        assert store.sync().added == 0
        assert_true_to_files(store)


def test_force_accepts_that_folders_are_gone(tmp_path: Path):
    """Who means it says so."""
    root = tmp_path / "store"
    with build(root, api=3) as store:
        shutil.rmtree(root / "api")
        assert store.sync(force=True).removed == 3
        assert store.list() == ()
        assert_true_to_files(store)


def test_files_removed_one_by_one_are_believed(tmp_path: Path):
    """A folder that is still there and empty was emptied on purpose."""
    root = tmp_path / "store"
    with build(root, api=12) as store:
        for path in (root / "api").iterdir():
            path.unlink()
        assert store.sync().removed == 12
        assert_true_to_files(store)


def test_a_renamed_agent_is_no_vanished_folder(tmp_path: Path):
    """The files are all there under the new name, so nobody needs to force anything."""
    root = tmp_path / "store"
    with build(root, api=12, web=1) as store:
        (root / "api").rename(root / "backend")
        report = store.sync()
        assert (report.renamed, report.removed) == (12, 0)
        assert {record.agent for record in store.list()} == {"backend", "web"}
        assert_true_to_files(store)


def test_new_memories_are_found_while_a_folder_is_away(tmp_path: Path):
    """The refusal concerns what is gone; it is told with every answer until it is settled."""
    root = tmp_path / "store"
    with build(root, api=12) as store:
        (root / "api").rename(tmp_path / "api")
        memory = store.add(agent="web", topic="New", body="alpha new")
        result = store.search("new")
        assert [hit.record.id for hit in result.hits] == [memory.id]
        assert "gone" in result.fallback
        (tmp_path / "api").rename(root / "api")
        assert len(store.search("alpha", limit=20).hits) == 13
        assert store.fallback == ""


def test_a_root_that_is_gone_is_said_to_be_gone(tmp_path: Path):
    """Nothing is built in its place."""
    root = tmp_path / "store"
    with build(root, api=3) as store:
        root.rename(tmp_path / "away")
        for _ in range(3):
            with pytest.raises(NotFound, match="no memory store at"):
                store.search("alpha")
        with pytest.raises((NotFound, StorageFailed)):
            store.add(agent="api", topic="T", body="x")
        assert not root.exists()
        (tmp_path / "away").rename(root)
        assert len(store.search("alpha").hits) == 3
        assert_true_to_files(store)


def test_a_folder_that_cannot_be_listed_keeps_its_memories(tmp_path: Path):
    """What cannot be seen is not gone: no error, a problem with its path, and all rows stay."""
    if os.getuid() != 0:
        pytest.skip("only root can give up rights")
    root = tmp_path / "store"
    build(root, api=12, web=1).close()
    open_to_nobody(tmp_path)
    subprocess.run(["chown", "-R", "65534:65534", root], check=True)

    def work() -> None:
        with MemoryStore.open(root, clock=clock) as store:
            (root / "api").chmod(0)
            report = store.sync()
            assert [(p.path, p.indexed) for p in report.problems] == [("api/", False)]
            assert report.removed == 0
            assert len(store.list()) == 13
            assert len(store.search("web").hits) == 1
            (root / "api").chmod(0o755)
            assert len(store.search("alpha", limit=20).hits) == 13
            assert_true_to_files(store)

    as_nobody(work)
