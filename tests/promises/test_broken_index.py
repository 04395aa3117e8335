"""Promise 3: whatever happened to the index file, the answer comes, is right, and says what did not work as usual."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.promises.damage import (
    DAMAGES,
    HITS,
    PAGE,
    answer,
    database,
    fill,
    fine_again,
    mend,
    script,
    size,
    store_with_hits,
)
from tests.promises.support import clock

from agent_memory.index.sqlite import Index
from agent_memory.index.sync import INDEX
from agent_memory.store import MemoryStore

pytestmark = pytest.mark.usefixtures("limit")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return store_with_hits(tmp_path)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_index_answers_says_so_and_is_whole_again(root: Path, name: str):
    """The first answer is right and names the damage; the next open knows of nothing."""
    damage, told = DAMAGES[name]
    damage(root)
    with MemoryStore.open(root, clock=clock) as store:
        fallback = answer(store)
        assert told in fallback, fallback
        assert bool(fallback) >= bool(told)
        store.doctor(fix=True)  # what no search asks for was not missed yet
    fine_again(root)


@pytest.mark.parametrize("name", DAMAGES)
def test_an_index_that_is_damaged_while_it_is_open_answers_too(root: Path, name: str):
    """The same for a store that has it open, whatever it remembers of the file."""
    with MemoryStore.open(root, clock=clock) as store:
        assert answer(store) == ""
        with database(root) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        DAMAGES[name][0](root)
        for _ in range(4):
            answer(store)
        store.add(agent="web", topic="Later", body="beta")
        assert len(store.search("beta").hits) == 1
        (root / "web").rename(root.parent / "web")
        store.sync(force=True)
        answer(store)
    mend(root)  # what SQLite did not notice
    fine_again(root)


def test_a_folder_in_the_place_of_the_index_is_nobodys_to_remove(root: Path):
    """The files answer as long as it is there."""
    (root / INDEX).unlink()
    (root / INDEX).mkdir()
    with MemoryStore.open(root, clock=clock) as store:
        assert "answered from the files" in answer(store)
    (root / INDEX).rmdir()
    fine_again(root)


@pytest.mark.parametrize("seed", range(12))
def test_a_page_of_garbage_anywhere_never_stops_an_answer(root: Path, seed: int):
    """One of the pages that hold the index is overwritten; neither a wrong answer nor an exception comes of it."""
    pages = size(root) // PAGE
    page = seed % pages
    fill(root, first=page, last=page + 1, seed=seed)
    with MemoryStore.open(root, clock=clock) as store:
        answer(store)
        store.doctor(fix=True)
    fine_again(root)


def test_an_index_that_says_nothing_wrong_but_too_little_is_found_by_the_doctor(root: Path):
    """Rows that are gone are damage that SQLite cannot see; the doctor names the file and mends it."""
    script("DELETE FROM pages WHERE rowid >> 10 = 1; UPDATE passages SET heading = 'x' WHERE memory = 2")(root)
    with MemoryStore.open(root, clock=clock) as store:
        found = store.doctor(fix=True)
        assert [line.partition(":")[0] for line in found.differences] == ["full-text table", *sorted(HITS)[:2]]
        assert all("does not say what the file says" in line for line in found.differences)
    fine_again(root)


def test_an_index_of_the_future_is_not_thrown_away_while_it_is_read(root: Path):
    """A swap of the index under a reader: who has the old one open goes on with the new one at the next call."""
    with MemoryStore.open(root, clock=clock) as reader:
        assert answer(reader) == ""
        script("PRAGMA user_version = 999999")(root)
        with MemoryStore.open(root, clock=clock) as writer:
            assert "version 999999" in answer(writer)
            assert answer(writer) == ""
        assert answer(reader) == ""
        Index.open(root / INDEX).close()
    fine_again(root)
