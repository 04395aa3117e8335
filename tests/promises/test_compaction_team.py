"""Compaction of the bundled example, which is the team of the development set."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.promises.compacting import assert_nothing_lost, tree
from tests.promises.support import assert_true_to_files, memory_files

from agent_memory.store import MemoryStore
from agent_memory.upkeep import verifying

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/osier/.claude/agents-memory"
SCRIPT = Path(__file__).resolve().parents[2] / "docs/periodic/memory-compact.sh"


def clock() -> datetime:
    return datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def root(quick: Path) -> Path:
    shutil.copytree(EXAMPLE, quick / "store", ignore=shutil.ignore_patterns(".store"))
    return quick / "store"


@pytest.fixture
def store(root: Path) -> Iterator[MemoryStore]:
    with MemoryStore.open(root, clock=clock) as opened:
        yield opened


def test_the_example_shrinks_by_two_fifths_and_comes_back_to_the_byte(store: MemoryStore):
    """Active tokens down by 40 % or more, no superseded note lost, undo the same tree, second run empty."""
    root = store.root
    before, hash_before = memory_files(root), tree(root)
    superseded = {record.id: record.superseded_by for record in store.list() if record.superseded_by}
    plan = store.plan_compaction()
    tokens = store.stats().tokens
    outcome = store.compact(plan)
    assert store.stats().tokens <= 0.6 * tokens
    assert outcome.left == ()
    assert_nothing_lost(before, root)
    for id_, newer in superseded.items():
        record = store.record(id_)
        assert (record.status, set(newer) <= set(record.superseded_by)) == ("archived", True)
        assert id_ in [hit.record.id for hit in store.search(record.name, archived=True, limit=400).hits]
    assert store.plan_compaction().actions == ()
    assert_true_to_files(store)
    assert store.undo().left == ()
    assert tree(root) == hash_before
    assert_true_to_files(store)


def test_topics_are_found_again_in_their_digests(store: MemoryStore):
    """Asked for its topic, a memory comes back among the first five, itself or the digest that holds it."""
    plan = store.plan_compaction()
    records = [record for record in store.list() if len(record.name.split()) > 2]
    questions = verifying.own(records, plan)
    before = questions.recall(store.rank)
    outcome = store.compact(plan)
    after = questions.recall(store.rank, holds=verifying.holds(outcome.done))
    assert len(questions.wanted) > 100
    assert after >= before - verifying.TOLERANCE


def test_a_run_that_loses_recall_is_seen(store: MemoryStore):
    """If digests did not stand for their sources, the verdict would be no."""
    plan = store.plan_compaction()
    questions = verifying.own([r for r in store.list() if len(r.name.split()) > 2], plan)
    before = questions.recall(store.rank)
    store.compact(plan)
    verdict = verifying.Verdict(tasks=1, before=before, after=questions.recall(store.rank, holds={}))
    assert not verdict.holds


def test_the_periodic_script_leaves_one_line_a_run(root: Path, tmp_path: Path):
    """The first run does it, the second finds nothing to do; each leaves a line of JSON."""
    log = tmp_path / "log.jsonl"
    memory = Path(sys.executable).parent
    command = ["sh", str(SCRIPT), str(root), str(log)]
    environment = {**os.environ, "PATH": f"{memory}{os.pathsep}{os.environ['PATH']}"}
    for path in root.glob("*/*.md"):  # enough for the script; the team as a whole is measured above
        if path.parent.name != "client-lead":
            path.unlink()
    for _ in range(2):
        assert subprocess.run(command, env=environment, check=False).returncode == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["applied"] for line in lines] == [True, False]
    assert lines[0]["verified"]["holds"] is True
    assert lines[0]["tokens_after"] == lines[1]["tokens_before"] == lines[1]["tokens_after"]
