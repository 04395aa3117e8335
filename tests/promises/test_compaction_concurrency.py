"""A compaction beside eight agents at work: nothing is lost, no reader sees an error, and there is one at a time."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from tests.promises.compacting import POLICY, base
from tests.promises.support import Child, assert_true_to_files, clock, memory_files, plant

from agent_memory.errors import Conflict, NotFound
from agent_memory.files.folder import Busy, Folder
from agent_memory.store import MemoryStore
from agent_memory.upkeep import applying, journal
from agent_memory.upkeep.facts import facts

AGENTS = [f"agent-{n}" for n in range(8)]
ROUNDS = 12


def old_notes(agent: str) -> dict[str, str | bytes]:
    """Enough old notes of one agent for some digests."""
    talk = "It was a long day with many words about many things, and nobody needs them any more. " * 8
    return {
        f"{agent}/2026-01-{day:02}-note-{day}.md": (
            f"# Note {day}\n\nWe agreed on `{agent}_limit_{day}={day}`.\n\n{talk}\n"
        )
        for day in range(1, 25)
    }


def work(root: Path, agent: str) -> list[str]:
    """Add and search while the compaction runs; return what was acknowledged."""
    added = []
    with MemoryStore.open(root, clock=clock) as store:
        for number in range(ROUNDS):
            added.append(store.add(agent=agent, topic=f"Fresh {number}", body=f"Value `{agent}_fresh_{number}`.").id)
            result = store.search(f"{agent} limit")
            assert result.hits, "the notes are there, as they were or in a digest"
            assert result.fallback == ""
            assert [hit.record.id for hit in store.search(f'"{agent}_fresh_{number}"').hits] == [added[-1]]
            assert store.first_step(agent=agent, task=f"What is {agent}_limit_7?", receipt=False).memories
    return added


def test_eight_agents_add_and_search_during_a_compaction(tmp_path: Path):
    """Every acknowledged memory is there, every old fact stands somewhere, and no reader was told of trouble."""
    root = tmp_path / "store"
    root.mkdir()
    plant(root, {path: text for agent in AGENTS for path, text in old_notes(agent).items()})
    with MemoryStore.init(root, clock=clock) as store:
        store.sync()
        plan = store.plan_compaction(policy=POLICY)
        before = memory_files(root)
        workers = [Child(partial(work, root, agent)) for agent in AGENTS]
        outcome = store.compact(plan)
        added = [id_ for worker in workers for id_ in worker.result(seconds=120)]
        assert outcome.left == ()
        assert len(plan.actions) >= 8
        assert_true_to_files(store)
        files = memory_files(root)
        assert {f"{id_}.md" for id_ in added} <= files.keys()
        for path, data in before.items():
            assert data in (files.get(path), files.get(f".store/archive/{path}"))
        there = {fact for data in files.values() for fact in facts(data.decode())}
        assert {fact for data in before.values() for fact in facts(data.decode())} <= there
        assert store.undo().left == ()
        assert {path: memory_files(root)[path] for path in before} == before


def test_there_is_one_compaction_at_a_time(tmp_path: Path):
    """A second one is refused while the first goes on, and readers pay no heed to it."""
    root = tmp_path / "store"
    base(root)
    with MemoryStore.open(root, clock=clock) as store:
        plan = store.plan_compaction(policy=POLICY)
        with journal.exclusive(Folder(root)):
            with pytest.raises(Busy, match="another compaction"):
                store.compact(plan)
            with pytest.raises((Busy, NotFound)):
                store.undo()
            assert store.search("queue").fallback == ""
        assert store.compact(plan).done


def test_an_open_during_a_compaction_leaves_it_alone(tmp_path: Path):
    """A journal that is pending because its writer is at work is not taken for a crash."""
    root = tmp_path / "store"
    base(root)
    with MemoryStore.open(root, clock=clock) as store:
        plan = store.plan_compaction(policy=POLICY)
        real = applying._carry_out
        seen: list[str] = []

        def slowly(folder: Folder, action: journal.Done) -> list[journal.Left]:
            def look() -> None:
                with MemoryStore.open(root, clock=clock) as other:
                    seen.append(other.recovered)

            reader = threading.Thread(target=look)
            reader.start()
            reader.join()
            return real(folder, action)

        applying._carry_out = slowly
        try:
            outcome = store.compact(plan)
        finally:
            applying._carry_out = real
        assert seen == [""] * len(plan.actions)
        assert len(outcome.done) == len(plan.actions)


def test_what_changed_since_the_plan_is_left_alone(tmp_path: Path):
    """An edited source keeps its whole digest from being made; the rest goes on; it is told."""
    root = tmp_path / "store"
    base(root)
    with MemoryStore.open(root, clock=clock) as store:
        plan = store.plan_compaction(policy=POLICY)
        target = root / "api/2026-01-03-queue-depth.md"
        target.write_text(target.read_text() + "\nNew: `QUEUE_DEPTH=80`.\n")
        (root / "web/2026-01-10-freeze.md").unlink()
        outcome = store.compact(plan)
        assert {(left.path, left.why) for left in outcome.left} == {
            ("api/2026-01-03-queue-depth.md", "changed since the plan was made"),
            ("web/2026-01-10-freeze.md", "gone since the plan was made"),
        }
        assert {action.kind for action in outcome.done} == {"superseded", "noise"}
        assert not store.list("type:digest")
        assert "QUEUE_DEPTH=80" in target.read_text()
        assert_true_to_files(store)


def test_an_edit_between_the_check_and_the_move_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An editor asks nobody for the lock: what it writes at the last moment stays where it was written."""
    root = tmp_path / "store"
    base(root)
    target = root / "api/2026-01-05-workers.md"
    with MemoryStore.open(root, clock=clock) as store:
        plan = store.plan_compaction(policy=POLICY)
        real = os.link

        def link(source: Path, goal: Path, **options: bool) -> None:
            real(source, goal, **options)
            if source == target:
                with open(target, "a", encoding="utf-8") as file:
                    file.write("A late thought.\n")

        monkeypatch.setattr(os, "link", link)
        outcome = store.compact(plan)
        monkeypatch.undo()
        assert target.read_text().endswith("A late thought.\n")
        assert not (root / ".store/archive/api/2026-01-05-workers.md").exists()
        assert (root / "api/2026-01-03-queue-depth.md").exists()
        assert [left.path for left in outcome.left] == [
            f"api/2026-01-0{n}-{s}.md" for n, s in ((3, "queue-depth"), (5, "workers"))
        ]
        assert_true_to_files(store)


def test_undo_keeps_both_where_something_was_edited_since(tmp_path: Path):
    """An edited digest and a new file under an old name stay beside the originals, and it says so."""
    root = tmp_path / "store"
    base(root)
    before = memory_files(root)
    with MemoryStore.open(root, clock=clock) as store:
        outcome = store.compact(store.plan_compaction(policy=POLICY))
        digest = next(action.write.path for action in outcome.done if action.write)
        store.edit(digest.removesuffix(".md"), body="Mine now: `my_value`.\n")
        (root / "api/2026-01-09-log.md").write_text("Another log, written by hand.\n")
        undone = store.undo()
        assert {left.path for left in undone.left} == {digest, "api/2026-01-09-log.md"}
        assert "my_value" in (root / digest).read_text()
        assert (root / "api/2026-01-09-log.md").read_text() == "Another log, written by hand.\n"
        files = memory_files(root)
        assert files[".store/archive/api/2026-01-09-log.md"] == before["api/2026-01-09-log.md"]
        assert all(files[path] == data for path, data in before.items() if path != "api/2026-01-09-log.md")
        with pytest.raises(Conflict, match="undone already"):
            store.undo(undone.id)


def test_a_later_compaction_is_undone_before_an_earlier_one(tmp_path: Path):
    """The way back is the way that was gone, from its end."""
    root = tmp_path / "store"
    base(root)
    before = memory_files(root)
    with MemoryStore.open(root, clock=clock) as store:
        first = store.compact(store.plan_compaction(policy=POLICY))
        digest = next(action.write.path for action in first.done if action.write).removesuffix(".md")
        store.add(agent="api", topic="All new", body="Forget the rest.", type="convention", supersedes=[digest])
        later = store.plan_compaction(policy=POLICY.model_copy(update={"superseded_after": 0}))
        second = store.compact(later)
        assert [action.kind for action in second.done] == ["superseded"]
        with pytest.raises(Conflict, match=second.id):
            store.undo(first.id)
        store.undo()
        store.undo()
        files = memory_files(root)
        assert {path: files[path] for path in before} == before
        time.sleep(0)
        with pytest.raises(NotFound, match="no compaction to undo"):
            store.undo()
