"""Promise 1, what a kill cannot show: what a verb acknowledged is on the disk, not only in the kernel's memory."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.promises.scenes import BODY, SCENES, base
from tests.promises.steps import Steps
from tests.promises.support import assert_true_to_files, clock, in_child, memory_files

from agent_memory.errors import StorageFailed
from agent_memory.files import atomic
from agent_memory.store import MemoryStore

WRITERS = ("add", "add for a new agent", "edit", "supersede", "archive", "restore", "trash")


def faults(steps: list[tuple[str, str]], root: Path) -> list[str]:
    """Entries of folders and bytes of files that a power cut could take although the verb returned."""
    ours = {f"{root}/.store/tmp", f"{root}/.store"}  # temporary files, the lock and the index may get lost
    bytes_of: set[str] = set()
    entries_of: set[str] = set()
    found = []
    for call, about in steps:
        names = about.split(" ")
        folder = os.path.dirname(names[-1])
        if call == "write":
            bytes_of.add(names[0])
        elif call == "fsync":
            bytes_of.discard(names[0])
            entries_of.discard(names[0])
        elif call in ("link", "rename"):
            found += [f"{call} of {name} before its bytes were safe" for name in names if name in bytes_of]
            entries_of |= {folder} - ours
        elif call == "unlink" and folder not in ours:
            found += [f"{names[0]} was removed while its other name in {other} was not safe" for other in entries_of]
            entries_of.add(folder)
        elif call == "mkdir":
            entries_of |= {folder} - ours
    return found + [f"the entries of {folder} were never made safe" for folder in sorted(entries_of)]


def trace(root: Path, verb: Callable[[MemoryStore], object], *, init: bool = False) -> list[tuple[str, str]]:
    """The steps of a verb."""

    def work() -> list[tuple[str, str]]:
        steps = Steps()
        steps.arm()
        make = MemoryStore.init if init else MemoryStore.open
        with make(root, clock=clock) as store:
            verb(store)
        return steps.taken

    steps: list[tuple[str, str]] = in_child(work)
    return steps


@pytest.mark.parametrize("name", WRITERS)
def test_every_byte_and_every_name_is_synced_before_a_verb_returns(quick: Path, name: str):
    """A file is synced before it gets its name, and a folder after each change of its entries."""
    root = quick / "store"
    base(root)
    SCENES[name].before(root)
    assert faults(trace(root, SCENES[name].run), root) == []


def test_the_first_memory_of_a_new_store_is_as_safe_as_any(quick: Path):
    """Every folder that `init` and the first `add` make is synced, up to the one that was there before."""
    root = quick / "project" / ".claude" / "agents-memory"
    assert faults(trace(root, SCENES["add"].run, init=True), root) == []


@pytest.mark.parametrize("name", WRITERS)
def test_a_verb_that_forgets_a_sync_is_found(quick: Path, monkeypatch, name: str):
    """Without the sync of folders no verb passes; without the sync of files none that writes one does."""
    monkeypatch.setattr(atomic, "sync_folder", lambda folder: None)
    base(quick / "a")
    assert faults(trace(quick / "a", SCENES[name].run), quick / "a")
    monkeypatch.undo()
    if name in ("archive", "restore", "trash"):
        return
    base(quick / "b")
    steps = trace(quick / "b", SCENES[name].run)
    assert faults([step for step in steps if not (step[0] == "fsync" and "/.store/tmp/" in step[1])], quick / "b")


def failing(call: str, number: int, code: int) -> tuple[list[int], Callable[..., Any]]:
    """A system call that fails the `number`th time, and its count."""
    plain = getattr(os, call)
    count = [0]

    def fail(*args: Any, **kwargs: Any) -> Any:
        count[0] += 1
        if count[0] == number:
            raise OSError(code, os.strerror(code))
        return plain(*args, **kwargs)

    return count, fail


@pytest.mark.parametrize("call", ["write", "fsync", "link", "rename", "mkdir", "chmod"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_write_that_the_disk_refuses_changes_nothing(quick: Path, monkeypatch, name: str, call: str):
    """Whichever system call fails: StorageFailed, every file is as before, and no part of a new one stays."""
    for number in range(1, 20):
        root = quick / f"store-{number}"
        base(root)
        with MemoryStore.open(root, clock=clock) as store:
            store.sync()
            before = memory_files(root)
            count, fail = failing(call, number, errno.EIO if call == "fsync" else errno.ENOSPC)
            with monkeypatch.context() as patch:
                patch.setattr(os, call, fail)
                try:
                    SCENES[name].run(store)
                except StorageFailed:
                    refused = True
                else:
                    refused = False
            assert refused == (count[0] >= number)
            if not refused:
                return
            assert memory_files(root) == before, f"{name} with {call} number {number} failing"
            assert os.listdir(root / ".store/tmp") == []
            assert_true_to_files(store)
            SCENES[name].run(store)
            assert memory_files(root) != before


def test_an_add_on_a_full_disk_says_so(quick: Path, monkeypatch):
    """The error names the file and the next step."""
    root = quick / "store"
    with MemoryStore.init(root, clock=clock) as store:
        monkeypatch.setattr(os, "write", failing("write", 1, errno.ENOSPC)[1])
        with pytest.raises(StorageFailed, match=r"2026-03-15-queue-depth\.md: No space left .*free some space"):
            store.add(agent="web", topic="Queue depth", body=BODY)
