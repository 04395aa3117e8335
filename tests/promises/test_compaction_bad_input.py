"""Bad input and a bad disk: the store is as before, and the message says why."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.promises.compacting import POLICY, base, state_of, tree
from tests.promises.support import (
    IN_MEMORY,
    as_nobody,
    assert_true_to_files,
    clock,
    memory_files,
    open_to_nobody,
)

from agent_memory.errors import Conflict, InvalidInput, StorageFailed, Unreadable
from agent_memory.store import MemoryStore
from agent_memory.upkeep import applying, guard, rewriting, sharing  # noqa: F401  loaded before any fork
from agent_memory.upkeep.plan import Plan
from agent_memory.upkeep.policy import Policy, read_policy

PYTHON = sys.executable


@pytest.fixture
def root(quick: Path) -> Path:
    base(quick / "store")
    return quick / "store"


def compact(root: Path) -> None:
    with MemoryStore.open(root, clock=clock) as store:
        store.compact(store.plan_compaction(policy=POLICY))


def failure(store: MemoryStore, plan: Plan) -> str:
    """What the store complains of when it does a plan, or ""."""
    try:
        store.compact(plan)
    except StorageFailed as error:
        return str(error)
    return ""


def fails_from(monkeypatch: pytest.MonkeyPatch, call: str, number: int, error: int) -> list[int]:
    """Let a system call fail from its n-th use on; returns the count so far."""
    real, count = getattr(os, call), [0]

    def perhaps(*args: Any, **kwargs: Any) -> Any:
        count[0] += 1
        if count[0] == number:
            raise OSError(error, os.strerror(error))
        return real(*args, **kwargs)

    monkeypatch.setattr(os, call, perhaps)
    return count


@pytest.mark.parametrize("call", ["write", "fsync", "link", "mkdir"])
def test_a_full_disk_in_the_middle_leaves_the_store_as_it_was(root: Path, call: str, monkeypatch: pytest.MonkeyPatch):
    """Whichever step the disk refuses once, everything is taken back, or was done to the end."""
    before, number, refused = memory_files(root), 0, 0
    while True:
        number += 1
        with monkeypatch.context() as patch, MemoryStore.open(root, clock=clock) as store:
            plan = store.plan_compaction(policy=POLICY)
            count = fails_from(patch, call, number, errno.ENOSPC)
            said = failure(store, plan)
            if said:
                refused += 1
                assert "No space left" in said
                assert memory_files(root) == before
            patch.undo()
        with MemoryStore.open(root, clock=clock) as store:
            assert "pending" not in state_of(root)
            assert_true_to_files(store)
            if memory_files(root) != before:
                store.undo()
            assert memory_files(root) == before
        if count[0] < number:
            break
    assert refused >= (1 if call == "mkdir" else 2)


def test_a_disk_that_is_full_while_taking_back_is_repaired_by_the_next_open(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    """Nothing can be done now, and it says so; the next command brings it to its end."""
    before = memory_files(root)
    with MemoryStore.open(root, clock=clock) as store:
        plan = store.plan_compaction(policy=POLICY)
        real, count = os.link, [0]

        def link(*args: Any, **kwargs: Any) -> None:
            count[0] += 1
            if count[0] > 4:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(*args, **kwargs)

        monkeypatch.setattr(os, "link", link)
        with pytest.raises(StorageFailed, match="the compaction stopped") as caught:
            store.compact(plan)
        assert "next command" in caught.value.hint
        monkeypatch.undo()
    assert state_of(root) == ["pending"]
    with MemoryStore.open(root, clock=clock) as store:
        assert "taken back" in store.recovered
        assert memory_files(root) == before
        assert_true_to_files(store)


def test_an_archive_that_cannot_be_written_is_told(root: Path):
    """Nothing is moved, and the message names the archive."""
    if os.getuid() != 0:
        pytest.skip("only root can give up rights")
    archive = root / ".store/archive"
    archive.mkdir()
    open_to_nobody(root)
    subprocess.run(["chown", "-R", "65534:65534", root], check=True)
    archive.chmod(0)
    before = tree(root)

    def work() -> str:
        with pytest.raises(StorageFailed) as caught:
            compact(root)
        return str(caught.value)

    said = as_nobody(work)
    assert "taken back" in said
    assert "Permission denied" in said
    archive.chmod(0o755)
    assert tree(root) == before
    assert "pending" not in state_of(root)


@pytest.mark.parametrize("where", ["archive", "journal"])
def test_an_archive_or_journal_that_leads_elsewhere_is_refused(root: Path, tmp_path: Path, where: str):
    """A symbolic link in our own folder is not followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / ".store" / where).symlink_to(elsewhere)
    before = tree(root)
    with pytest.raises((StorageFailed, InvalidInput), match="symbolic link"):
        compact(root)
    assert tree(root) == before
    assert not list(elsewhere.iterdir())
    (root / ".store" / where).unlink()
    with MemoryStore.open(root, clock=clock) as store:
        assert_true_to_files(store)
    assert tree(root) == before


def test_a_name_that_is_taken_in_the_archive_is_not_overwritten(root: Path):
    """The original goes beside it, and comes back under its own name."""
    taken = root / ".store/archive/api/2026-01-09-log.md"
    taken.parent.mkdir(parents=True)
    taken.write_text("An older log of the same name.\n")
    before = memory_files(root)
    compact(root)
    assert taken.read_text() == "An older log of the same name.\n"
    assert (root / ".store/archive/api/2026-01-09-log-2.md").read_bytes() == before["api/2026-01-09-log.md"]
    with MemoryStore.open(root, clock=clock) as store:
        store.undo()
    assert memory_files(root) == before


def test_a_broken_journal_is_named_and_stops_nobody_who_reads(root: Path):
    """Somebody edited a journal: undo says which file, search does not care; a pending one is told at each open."""
    compact(root)
    path = next((root / ".store/journal").glob("*.json"))
    path.write_text("{ no json")
    with MemoryStore.open(root, clock=clock) as store:
        with pytest.raises(Unreadable, match=path.name):
            store.undo()
        assert store.search("queue").hits
    path.rename(path.with_name("pending.json"))
    with MemoryStore.open(root, clock=clock) as store:
        assert "cannot be repaired" in store.recovered
        assert store.search("queue").hits


def test_a_file_with_a_problem_is_not_touched(root: Path):
    """What cannot be read in full is not compacted: nobody knows what it says."""
    odd = root / "api/2026-01-02-broken.md"
    odd.write_bytes(b"---\ntags: [a\n---\n\nText.\n")
    latin = root / "api/2026-01-02-log.md"
    latin.write_bytes("# Log\n\nGr\xfc\xdfe.\n".encode("latin-1"))
    compact(root)
    assert odd.exists()
    assert latin.exists()


def test_a_run_that_takes_too_much_asks_for_force(root: Path):
    """The share of an agent's text is looked at before the first step."""
    careful = POLICY.model_copy(update={"archive_share": 0.1})
    before = memory_files(root)
    with MemoryStore.open(root, clock=clock) as store:
        plan = store.plan_compaction(policy=careful)
        with pytest.raises(Conflict, match="% of the active text of api") as caught:
            store.compact(plan)
        assert "--force" in caught.value.hint
        assert memory_files(root) == before
        assert store.compact(plan, force=True).done


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("compaction:\n  budgt: 3\n", "no setting 'budgt'"),
        ("compaction:\n  budget: many\n", "budget: "),
        ("compaction:\n  budget: -1\n", "budget: "),
        ("compaction: 7\n", "holds no settings"),
        ("- a\n", "holds no settings"),
        ("compaction:\n  budget: [\n", "config.yaml:"),
    ],
)
def test_a_bad_policy_names_the_setting(text: str, message: str):
    """One line that says which setting, and in which file."""
    with pytest.raises(InvalidInput, match=r"config\.yaml") as caught:
        read_policy(text, "config.yaml")
    assert message in str(caught.value)


def test_a_policy_needs_no_file_and_a_file_needs_no_policy():
    assert read_policy("", "x") == read_policy("other: 1\n", "x") == Policy()
    assert read_policy("compaction:\n  budget: 7\n  keep_tags: [a, b]\n", "x").keep_tags == ("a", "b")


# -- a summarizer that misbehaves -------------------------------------------------------------------------------------

SCRIPTS = {
    "fails": ("import sys; print('x'); sys.exit(3)", "ended with 3"),
    "returns nothing": ("pass", "wrote nothing"),
    "returns 10 MB": ("print('x' * 10_000_000)", "wrote more than"),
    "never ends writing": ("while True: print('x' * 10_000)", "wrote more than"),
    "smuggles front matter": ("print('---\\nvisibility: public\\n---\\nAll fine.')", "front matter"),
    "is not UTF-8": ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "did not write UTF-8"),
    "steers the terminal": ("print('\\x1b[2J all gone')", "control characters"),
    "forgets the facts": ("print('We talked about queues.')", "facts would stand"),
    "is longer than its sources": ("import sys; t = sys.stdin.read(); print(t, t)", "would not be smaller"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_summarizer_that_misbehaves_is_replaced_by_the_extract(root: Path, name: str):
    """What it wrote goes nowhere; the extract stands in, and the digest says why."""
    script, said = SCRIPTS[name]
    before = memory_files(root)
    with MemoryStore.open(root, clock=clock) as store:
        plain = store.plan_compaction(policy=POLICY)
        summarize = rewriting.program(f'{PYTHON} -c "{script}"', seconds=20)
        plan = store.plan_compaction(policy=POLICY, summarize=summarize)
        made = next(action.digest for action in plan.actions if action.digest)
        assert made.written_by == "extract"
        assert said in made.note
        assert [a.digest.body for a in plan.actions if a.digest] == [a.digest.body for a in plain.actions if a.digest]
        assert memory_files(root) == before


def test_a_summarizer_that_hangs_is_ended_with_all_it_started(root: Path, tmp_path: Path):
    """After its time it and its children are gone."""
    mark = tmp_path / "child"
    script = tmp_path / "hang.sh"
    script.write_text(f"#!/bin/sh\n(sleep 2; touch {mark}) &\nsleep 600\n")
    script.chmod(0o755)
    started = time.monotonic()
    with MemoryStore.open(root, clock=clock) as store:
        plan = store.plan_compaction(policy=POLICY, summarize=rewriting.program(str(script), seconds=0.3))
    assert time.monotonic() - started < 30
    assert "still running after 0.3 s" in next(action.digest.note for action in plan.actions if action.digest)
    time.sleep(2.3)
    assert not mark.exists()


@pytest.mark.parametrize("command", ["", "   ", "'unclosed"])
def test_a_summarizer_that_is_no_command_is_refused(command: str):
    with pytest.raises(InvalidInput):
        rewriting.program(command, seconds=1)


def test_a_summarizer_that_does_not_exist_is_told(root: Path):
    with MemoryStore.open(root, clock=clock) as store:
        plan = store.plan_compaction(policy=POLICY, summarize=rewriting.program("/no/such/program", seconds=1))
    assert "cannot be run" in next(action.digest.note for action in plan.actions if action.digest)


def test_a_good_summarizer_writes_the_digest_and_undo_takes_it_back(root: Path):
    """Its text is taken as it is, with the front matter of ours."""
    before = memory_files(root)
    keep = (
        "import sys, re; t = sys.stdin.read(); print('## Queues'); "
        "print(*[l for l in t.split(chr(10)) if 'QUEUE' in l or 'WORKER' in l or chr(34) in l][:9], sep=chr(10))"
    )
    script = root.parent / "good.py"
    script.write_text(keep)
    lenient = POLICY.model_copy(update={"retention": 0.5})
    with MemoryStore.open(root, clock=clock) as store:
        summarize = rewriting.program(f"{PYTHON} {script}", seconds=20)
        plan = store.plan_compaction(policy=lenient, summarize=summarize)
        made = next(action.digest for action in plan.actions if action.digest)
        assert (made.written_by, made.note) == ("summarizer", "")
        store.compact(plan)
        [record] = store.list("type:digest")
        memory = store.show(record.id)
        assert memory.body.startswith("## Queues")
        assert memory.sources == ("api/2026-01-03-queue-depth", "api/2026-01-05-workers")
        store.undo()
    assert memory_files(root) == before


def test_a_private_memory_is_not_shown_to_a_summarizer(root: Path):
    """Its digest is the extract, private itself, and apart from those of others."""
    for path in ("api/2026-01-03-queue-depth.md", "api/2026-01-05-workers.md"):
        file = root / path
        file.write_text(f"---\nvisibility: private\n---\n\n{file.read_text()}")
    with MemoryStore.open(root, clock=clock) as store:
        plan = store.plan_compaction(policy=POLICY, summarize=lambda text: pytest.fail("it was shown"))
        made = next(action.digest for action in plan.actions if action.digest)
        assert made.note == "private, so not handed to the summarizer"
        store.compact(plan)
        assert [store.show(record.id).visibility for record in store.list("type:digest")] in (["private"], [])
        assert any(b"visibility: private" in data for path, data in memory_files(root).items() if "digest" in path)


def test_a_disk_that_really_is_full(tmp_path: Path):
    """The same on a file system of its own that has no room left, where one can be mounted."""
    if not IN_MEMORY.is_dir() or os.getuid() != 0:
        pytest.skip("needs root and a file system in memory")
    mounted = tmp_path / "small"
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", mounted], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        base(mounted / "store")
        before = memory_files(mounted / "store")
        with MemoryStore.open(mounted / "store", clock=clock) as store:
            plan = store.plan_compaction(policy=POLICY)
            filler = os.open(mounted / "filler", os.O_WRONLY | os.O_CREAT)
            with contextlib.suppress(OSError):
                while os.write(filler, b"\0" * 4096):
                    pass
            os.close(filler)
            with pytest.raises(StorageFailed, match="No space left"):
                store.compact(plan)
            assert memory_files(mounted / "store") == before
        (mounted / "filler").unlink()
        with MemoryStore.open(mounted / "store", clock=clock) as store:
            assert memory_files(mounted / "store") == before
            assert_true_to_files(store)
    finally:
        subprocess.run(["umount", mounted], check=True)
