"""Promise 1, seen from below: during no verb is a memory file ever open for writing."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.promises.scenes import LIMIT, OLD, RETRY, base
from tests.promises.support import clock, in_child, memory_files

from agent_memory.errors import MemoryStoreError
from agent_memory.files import atomic
from agent_memory.store import MemoryStore

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_APPEND


def every_verb(store: MemoryStore) -> None:
    """A session in which each verb has something to do."""
    store.sync()
    added = store.add(agent="web", topic="New header", body="The header is X-New.\n", supersedes=[OLD], tags=["http"])
    store.add(agent="web", topic="New header", body="The same name again.\n")
    store.edit(
        added.id, body="The header is X-Newer.\n", changes={"tags": ["http", "header"]}, expected=added.fingerprint
    )
    store.edit(LIMIT, changes={"status": "active"})
    store.supersede(added.id, LIMIT)
    store.archive(RETRY)
    store.restore(RETRY)
    store.trash(RETRY)
    store.restore(RETRY)
    store.search("header")
    store.search('"rate limit" type:note', archived=True, explain=True)
    store.list("web")
    store.show(added.id)
    store.record(added.id)
    store.first_step(agent="web", task="Which header do we send?")
    store.stats()
    store.doctor(fix=True)
    store.sync(full=True, force=True)
    store._index.rebuild()
    stop = threading.Event()
    stop.set()
    list(store.watch(stop=stop))
    store.close()


def writes(root: Path, session: Callable[[MemoryStore], object]) -> list[str]:
    """Memory files that were open for writing, truncated, or made other than by link and rename."""

    def work() -> list[str]:
        seen: list[str] = []
        scratch = f"{root}/.store/tmp/"

        def hook(event: str, args: tuple[object, ...]) -> None:
            if event not in ("open", "os.truncate"):
                return
            name = os.fsdecode(args[0]) if isinstance(args[0], str | bytes) else ""
            writing = event == "os.truncate" or (isinstance(args[2], int) and args[2] & _WRITING)
            if writing and name.startswith(f"{root}/") and name.endswith(".md") and not name.startswith(scratch):
                seen.append(name)

        sys.addaudithook(hook)
        try:
            session(MemoryStore.open(root, clock=clock))
        except MemoryStoreError:
            assert seen  # a writer with a fault may not get to the end
        return seen

    found: list[str] = in_child(work)
    return found


def test_no_verb_opens_a_memory_file_for_writing(tmp_path: Path):
    """Whatever a session does, memory files come and go as a whole."""
    root = tmp_path / "store"
    base(root)
    before = memory_files(root)
    assert writes(root, every_verb) == []
    assert memory_files(root) != before


def _create_in_place(path: Path, data: bytes, *, scratch: Path) -> None:
    path.write_bytes(data)


def _replace_in_place(path: Path, data: bytes, *, scratch: Path) -> None:
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


@pytest.mark.parametrize(("name", "fault"), [("create", _create_in_place), ("replace", _replace_in_place)])
def test_a_writer_that_writes_in_place_is_seen(tmp_path: Path, monkeypatch, name: str, fault: Callable[..., None]):
    """The hook finds a planted fault."""
    root = tmp_path / "store"
    base(root)
    monkeypatch.setattr(atomic, name, fault)
    assert writes(root, every_verb)
