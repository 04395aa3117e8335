"""A kill before, in and after every durable step of a compaction and of its undo: the next open brings it to an end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.promises.compacting import POLICY, assert_nothing_lost, base, state_of
from tests.promises.stage import Stage
from tests.promises.steps import Steps
from tests.promises.support import Child, assert_true_to_files, clock, memory_files

from agent_memory.store import MemoryStore
from agent_memory.upkeep import applying, guard, journal, policy, rewriting, sharing  # noqa: F401  loaded before any fork

JOURNAL = "open write fsync link fsync unlink"
FOLDERS = "mkdir fsync"
MOVE = "link fsync unlink fsync"
STEPS = {
    "compact": " ".join(
        [
            "wal open commit",  # the first read brings the index up to date
            f"{FOLDERS} open {JOURNAL}",  # the folder of journals, its lock, the journal
            f"open {FOLDERS} {FOLDERS} {MOVE}",  # the superseded memory, and with it the archive
            f"open {MOVE}",  # the status note
            f"open {JOURNAL} {MOVE} {MOVE}",  # the digest is written, then its two sources are moved
            f"open {FOLDERS} {MOVE}",  # the other agent's expired memory
            f"{JOURNAL} unlink fsync",  # the journal is kept under its name, nothing is pending any more
            "open commit close",  # the index
        ]
    ),
    "undo": " ".join(
        [
            "wal open commit",
            f"open {JOURNAL}",
            f"open {MOVE}",
            f"open {MOVE} {MOVE} unlink fsync",  # the sources are back before the digest goes
            f"open {MOVE}",
            f"open {MOVE}",
            "open write fsync chmod link rename fsync unlink unlink unlink fsync",
            "open commit close",
        ]
    ),
}
"""Verb -> every step by which it changes the disk. Whoever adds one decides here that a crash beside it is harmless."""

VERBS: dict[str, Callable[[MemoryStore], object]] = {
    "compact": lambda s: s.compact(s.plan_compaction(policy=POLICY)),
    "undo": lambda s: s.undo(),
}


def before(name: str, root: Path) -> None:
    """Make a store in which the verb has something to do."""
    base(root)
    if name == "undo":
        with MemoryStore.open(root, clock=clock) as store:
            VERBS["compact"](store)


@pytest.fixture
def stage(quick: Path) -> Stage:
    return Stage(quick, before, lambda name, store: VERBS[name](store))


def crash_everywhere(stage: Stage, name: str) -> int:
    """Kill the verb at every step and look at what the next open makes of it; returns the number of kills."""
    root = stage.set(name)
    before = memory_files(root)
    steps = stage.play(name, root, Steps()).result()
    after = memory_files(root)
    originals = before if name == "compact" else after
    points = [(k, when) for k, (call, _) in enumerate(steps) for when in ("before", "during", "after")
              if when != "during" or call == "write"]  # fmt: skip
    for k, when in points:
        root = stage.set(name)
        assert stage.play(name, root, Steps(die_at=k, when=when)).wait() == -signal.SIGKILL
        with MemoryStore.open(root, clock=clock) as store:
            place = f"{name}: killed {when} step {k} {steps[k]}, recovered: {store.recovered!r}"
            files = memory_files(root)
            assert files in (before, after), f"{place}: {sorted(files)}"
            assert "pending" not in state_of(root), place
            assert_nothing_lost(originals, root)
            assert_true_to_files(store)
            if files == before:
                VERBS[name](store)
                assert memory_files(root) == after, f"{place}: the second try"
                assert_true_to_files(store)
    return len(points)


@pytest.mark.parametrize("name", VERBS)
def test_a_kill_at_any_step_is_finished_or_taken_back_by_the_next_open(stage: Stage, name: str):
    """Whatever step a process dies at, the store is as before or as after, whole, indexed, and nothing is pending."""
    kills = crash_everywhere(stage, name)
    assert kills == 2 * len(STEPS[name].split()) + STEPS[name].split().count("write")


@pytest.mark.parametrize("name", VERBS)
def test_the_steps_are_the_ones_in_the_table(stage: Stage, name: str):
    """A compaction changes the disk in the steps that were thought about, in their order."""
    root = stage.set(name)
    steps = stage.play(name, root, Steps()).result()
    assert " ".join(call for call, _ in steps) == STEPS[name]


@pytest.mark.parametrize("name", VERBS)
def test_a_second_crash_in_the_recovery_is_recovered_too(stage: Stage, name: str):
    """The open that repairs may die as well, at any step; the one after it repairs."""
    root = stage.set(name)
    before = memory_files(root)
    count = len(stage.play(name, root, Steps()).result())
    after = memory_files(root)
    for k in range(40):
        root = stage.set(name)
        assert stage.play(name, root, Steps(die_at=count // 2, when="after")).wait() == -signal.SIGKILL
        steps = Steps(die_at=k, when="after")

        def repair(steps: Steps = steps, root: Path = root) -> int:
            steps.arm()
            MemoryStore.open(root, clock=clock).close()
            return len(steps.taken)

        ended = Child(repair)
        if ended.wait() == 0:
            return
        with MemoryStore.open(root, clock=clock) as store:
            assert memory_files(root) in (before, after)
            assert "pending" not in state_of(root)
            assert_true_to_files(store)
    pytest.fail("the recovery takes more steps than were tried")


def test_the_kills_find_a_planted_fault(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """A compaction that keeps no journal of what it is about to do does not get through this file's test."""
    monkeypatch.setattr(journal, "begin", lambda folder, journal: None)
    with pytest.raises(AssertionError, match="compact: killed"):
        crash_everywhere(stage, "compact")


def test_a_store_without_a_crash_pays_one_look(quick: Path, monkeypatch: pytest.MonkeyPatch):
    """Opening loads nothing of the upkeep where nothing is pending."""
    root = quick / "store"
    base(root)
    monkeypatch.setattr(applying, "recover", lambda *a, **k: pytest.fail("nothing was pending"))
    with MemoryStore.open(root, clock=clock) as store:
        assert store.recovered == ""
