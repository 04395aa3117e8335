"""Promise 1: a kill before, in and after every durable step leaves a store that the next open repairs by itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.promises.scenes import AWAY, RETRY, SCENES, base
from tests.promises.stage import Stage
from tests.promises.steps import Steps
from tests.promises.support import Child, assert_true_to_files, clock, memory_files

from agent_memory.errors import Conflict
from agent_memory.files import atomic
from agent_memory.store import MemoryStore

STEPS = {
    "add": "open write fsync link fsync unlink wal open commit close",
    "add for a new agent": "mkdir fsync open write fsync link fsync unlink wal open commit close",
    "edit": "wal open commit open open write fsync chmod link rename fsync unlink unlink commit close",
    "supersede": "wal open commit open open write fsync chmod link rename fsync unlink unlink commit close",
    "archive": "wal open commit open mkdir fsync link fsync unlink fsync commit open commit close",
    "restore": "wal open commit open link fsync unlink fsync commit open commit close",
    "trash": "wal open commit open mkdir fsync mkdir fsync link fsync unlink fsync commit close",
    "sync of a changed file": "wal open commit close",
    "first index": "open unlink wal commit commit close fsync unlink unlink unlink unlink rename wal close",
    "rebuild": "open unlink wal commit commit close fsync unlink unlink unlink unlink rename",
}
"""Verb -> every step by which it changes the disk. Whoever adds a step decides here that a crash beside it is harmless.

`open` makes a file, `wal` is the first touch of a database, `commit` a transaction that wrote, `close` writes the log
back.
"""


def before(name: str, root: Path) -> None:
    """Set the scene of a verb up."""
    base(root)
    SCENES[name].before(root)


@pytest.fixture
def stage(quick: Path) -> Stage:
    return Stage(quick, before, lambda name, store: SCENES[name].run(store))


def crash_everywhere(stage: Stage, name: str) -> int:
    """Kill the verb at every step and look at what the next open makes of it; returns the number of kills."""
    before, after, steps = stage.ends(name)
    points = [(k, when) for k, (call, _) in enumerate(steps) for when in ("before", "during", "after")
              if when != "during" or call == "write"]  # fmt: skip
    for k, when in points:
        root = stage.set(name)
        child = stage.play(name, root, Steps(die_at=k, when=when))
        assert child.wait() == -signal.SIGKILL
        with MemoryStore.open(root, clock=clock) as store:
            check(store, before, after, place=f"{name}: killed {when} step {k} {steps[k][0]}")
            recovered = memory_files(root)
            if recovered == before != after:
                SCENES[name].run(store)
                assert memory_files(root) == after, f"{name}: the second try after a kill {when} step {k}"
                assert_true_to_files(store)
    return len(points)


def check(store: MemoryStore, before: dict[str, bytes], after: dict[str, bytes], *, place: str) -> None:
    """Everything acknowledged is there once and whole, the killed verb's memory is old or new, the index is right."""
    store.sync()
    files = memory_files(store.root)
    assert files in (before, after), f"{place}: the files are {sorted(files)}"
    ids = [record.id for record in store.list(archived=True)]
    assert len(ids) == len(set(ids)), f"{place}: {ids}"
    for record in store.list(archived=True):
        assert store.show(record.id).body.encode() in files[record.path], place
    assert_true_to_files(store)


@pytest.mark.parametrize("name", SCENES)
def test_a_kill_at_any_step_of_a_verb_leaves_the_old_state_or_the_new_one(stage: Stage, name: str):
    """Whatever step of a verb a process dies at, the next open finds every memory once, whole, and indexed."""
    kills = crash_everywhere(stage, name)
    assert kills == 2 * len(STEPS[name].split()) + STEPS[name].split().count("write")


@pytest.mark.parametrize("name", SCENES)
def test_the_steps_of_a_verb_are_the_ones_in_the_table(stage: Stage, name: str):
    """A verb changes the disk in the steps that were thought about, in their order."""
    _, _, steps = stage.ends(name)
    assert " ".join(call for call, _ in steps) == STEPS[name]


def test_every_verb_that_writes_has_its_steps_counted():
    """The table, the scenes and nothing else."""
    assert set(STEPS) == set(SCENES)


def _create_in_place(path: Path, data: bytes, *, scratch: Path) -> None:
    """What `atomic.create` must not be: the file is visible before it is whole."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)


def _replace_in_place(path: Path, data: bytes, *, scratch: Path) -> None:
    """What `atomic.replace` must not be."""
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, data)
    os.ftruncate(fd, len(data))
    os.close(fd)


def _move_by_unlink_first(source: Path, target: Path) -> None:
    """What `atomic.move` must not be: for a moment the memory is nowhere."""
    data = source.read_bytes()
    os.unlink(source)
    _create_in_place(target, data, scratch=target.parent)


@pytest.mark.parametrize(
    ("name", "function", "fault"),
    [
        ("add", "create", _create_in_place),
        ("edit", "replace", _replace_in_place),
        ("archive", "move", _move_by_unlink_first),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_kills_find_a_planted_fault(stage: Stage, monkeypatch, name: str, function: str, fault):
    """A writer that writes in place, or moves by deleting first, does not get through this file's test."""
    monkeypatch.setattr(atomic, function, fault)
    with pytest.raises(AssertionError, match=f"{name}: killed"):
        crash_everywhere(stage, name)


@pytest.mark.parametrize("verb", ["trash", "restore", "archive"])
def test_a_move_that_died_between_its_two_names_can_be_undone_and_done_again(stage: Stage, verb: str):
    """After a crash between link and unlink neither the way back nor a second try makes a second copy."""
    root = stage.set(verb)
    names = STEPS[verb].split()
    child = stage.play(verb, root, Steps(die_at=names.index("link"), when="after"))
    assert child.wait() == -signal.SIGKILL
    id_ = AWAY if verb == "restore" else RETRY
    with MemoryStore.open(root, clock=clock) as store:
        for step in (store.restore, store.trash, store.restore, store.archive, store.restore):
            try:
                step(id_)
            except Conflict:
                assert step == store.restore, "only what lies where it belongs may be refused"
            assert_true_to_files(store)
        everything = [path for path in root.rglob("*.md") if path.name == f"{id_.rpartition('/')[2]}.md"]
        copies = [path for path in root.rglob("*.md") if path.name.startswith(id_.rpartition("/")[2])]
        assert everything == copies == [root / f"{id_}.md"]


def test_a_killed_build_of_many_files_leaves_nobody_behind_who_holds_the_lock(quick: Path):
    """The helpers of a large build die with it, so that the next process can write."""
    root = quick / "store"
    folder = root / "api"
    folder.mkdir(parents=True)
    for number in range(2000):
        (folder / f"2026-01-01-{number}.md").write_text(f"# Note {number}\n\nbody\n")

    def build() -> None:
        def progress(done: int, todo: int) -> None:
            if done >= 640:
                os.kill(os.getpid(), signal.SIGKILL)

        with MemoryStore.open(root, progress=progress) as store:
            store.sync()

    assert Child(build).wait() == -signal.SIGKILL
    with MemoryStore.open(root, lock_timeout=5.0) as store:
        assert store.sync().added == 2000
        assert store.fallback == ""
