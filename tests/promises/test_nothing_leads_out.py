"""Promises 2 and 4: no name, reference, link or race leads out of the store's folder."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.promises.support import clock, memory_files, plant

from agent_memory.errors import InvalidInput, MemoryStoreError, NotFound
from agent_memory.store import MemoryStore

GOOD = "api/2026-03-01-good.md"

REFERENCES = [
    "../outside/secret", "api/../../outside/secret", "/etc/passwd", "{outside}/secret.md", "api/\0", "\0", "", ".",
    "..", "/", "api/", ".store/index.sqlite3", ".store/lock", ".store/archive/../../../outside/secret", "linked/secret",
    ".store/archive/linked/secret", "api\\..\\..\\outside\\secret", "C:/secret", "[[../outside/secret]]",
    "linked/../api/x", "./../outside/secret.md", "api/x\n../y", "~/.bashrc", "file:///etc/passwd", "-", "x" * 10_000,
]  # fmt: skip
AGENTS = [
    "../outside", "..", ".", "", "/", "/tmp/x", "a/b", ".store", "\0", "a\0b", "linked", "a\nb", " ", "CON", "x" * 300,
    "\u202egp", "-rf", ".hidden", "a\\b", "~",
]  # fmt: skip

pytestmark = pytest.mark.usefixtures("limit")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    plant(root, {GOOD: "# Good\n\nalpha\n"})
    return root


def snapshot(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything about a tree that anybody could have changed or, where the system notes it, read."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted([folder, *folder.rglob("*")]):
        stat = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_nlink, data)
    return found


@pytest.fixture
def outside(root: Path, tmp_path: Path) -> Path:
    """A tree beside the store that nobody may touch, and links that lead to it."""
    outside = tmp_path / "outside"
    plant(outside, {"secret.md": "alpha secret", "sub/other.md": "alpha other"})
    (root / "linked").symlink_to(outside)
    (root / ".store/archive").mkdir(parents=True)
    (root / ".store/archive/linked").symlink_to(outside)
    return outside


def refused(verb: Callable[[], object]) -> None:
    with pytest.raises((InvalidInput, NotFound)) as caught:
        verb()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda text: ascii(text[:40]))
def test_no_reference_leads_out_of_the_root(root: Path, outside: Path, reference: str):
    """Every verb that takes a reference refuses it; nothing outside is read or changed, nothing inside is."""
    reference = reference.format(outside=outside) if "{" in reference else reference
    with MemoryStore.open(root, clock=clock) as store:
        store.sync()
        before, inside = snapshot(outside), memory_files(root)
        for verb in (store.show, store.record, store.archive, store.restore, store.trash):
            refused(partial(verb, reference))
        refused(lambda: store.edit(reference, body="x"))
        refused(lambda: store.supersede(reference, GOOD))
        refused(lambda: store.supersede(GOOD, reference))
        refused(lambda: store.add(agent="api", topic="T", body="x", supersedes=[reference]))
        assert snapshot(outside) == before
        assert memory_files(root) == inside
        assert_nothing_secret(store)


@pytest.mark.parametrize("agent", AGENTS, ids=lambda text: ascii(text[:40]))
def test_no_agent_is_a_way_out_of_the_root(root: Path, outside: Path, agent: str):
    """A name that cannot be a folder of its own below the root is refused before anything is made."""
    with MemoryStore.open(root, clock=clock) as store:
        store.sync()
        before, inside = snapshot(outside), memory_files(root)
        refused(lambda: store.add(agent=agent, topic="Secret", body="x"))
        assert memory_files(root) == inside
        assert snapshot(outside) == before
        assert_nothing_secret(store)


@pytest.mark.parametrize(
    "topic",
    ["../../outside/x", "/etc/passwd", "..", ".store", "a/b/c", "x\ny", "con", "\u202etxt", "a" * 9999, "🦀", "-"],
)
def test_any_topic_becomes_a_name_inside_the_agents_folder(root: Path, outside: Path, topic: str):
    """A topic is words, not a path."""
    before = snapshot(outside)
    with MemoryStore.open(root, clock=clock) as store:
        memory = store.add(agent="api", topic=topic, body="gamma")
        assert Path(memory.path).parent == Path("api")
        assert (root / memory.path).is_file()
        assert memory.path in {hit.record.path for hit in store.search("gamma").hits}
        assert snapshot(outside) == before


@pytest.mark.parametrize("topic", ["", " ", "\0", "a\0b", "\n"])
def test_a_topic_without_words_is_refused(root: Path, topic: str):
    """There is nothing to make a name of."""
    with MemoryStore.open(root, clock=clock) as store:
        refused(lambda: store.add(agent="api", topic=topic, body="x"))
        assert set(memory_files(root)) == {GOOD}


def assert_nothing_secret(store: MemoryStore) -> None:
    assert [hit.record.path for hit in store.search("secret OR alpha OR other", archived=True).hits] == [GOOD]


@pytest.mark.parametrize("place", [".store/archive", ".store", ".store/tmp", ".store/lock", ".store/index.sqlite3"])
def test_our_own_folder_may_hold_no_links_either(root: Path, tmp_path: Path, place: str):
    """What lies behind a link is not taken for an archive or an index, not written to, and not swept."""
    outside = tmp_path / "outside"
    plant(
        outside,
        {"api/secret.md": "alpha secret", "archive/api/secret.md": "alpha secret", "tmp/precious": "x", "old": "y"},
    )
    with contextlib.closing(sqlite3.connect(outside / "index.sqlite3")) as foreign:
        foreign.execute("CREATE TABLE precious (x)")
    for path in outside.rglob("*"):
        os.utime(path, (0, 0))
    before = snapshot(outside)
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).symlink_to(outside / "index.sqlite3" if place.endswith(("lock", "sqlite3")) else outside)
    with MemoryStore.open(root, clock=clock) as store:
        result = store.search("alpha", archived=True)
        assert {hit.record.path for hit in result.hits} == {GOOD}
        for verb in (lambda: store.archive(GOOD), lambda: store.restore(GOOD), lambda: store.doctor(fix=True)):
            with contextlib.suppress(MemoryStoreError):
                verb()
    assert snapshot(outside) == before
    assert set(memory_files(root)) <= {GOOD, f".store/archive/{GOOD}"}
    assert len(memory_files(root)) == 1


def test_a_folder_that_becomes_a_link_while_it_is_looked_at_leads_nowhere(root: Path, outside: Path):
    """Between listing and reading somebody may put a link in the place of a folder; nothing is read through it."""
    plant(root, {"web/secret.md": "beta"})
    armed = [True]

    def swap(event: str, args: tuple[object, ...]) -> None:
        if armed[0] and event == "open" and str(args[0]) == f"{root}/{GOOD}":
            armed[0] = False
            (root / "web").rename(outside.parent / "web")
            (root / "web").symlink_to(outside)

    sys.addaudithook(swap)
    with MemoryStore.open(root, clock=clock) as store:
        store.sync()
        assert not armed[0]
        assert_nothing_secret(store)
        assert "web" in {problem.path for problem in store.sync().problems}
