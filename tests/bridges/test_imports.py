"""Notes of other programs become memories once, with their day, kind and source, and the originals stay."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_memory import InvalidInput, Memory, MemoryStore, NotFound
from agent_memory.bridges import imports
from agent_memory.bridges.claude_native import export
from agent_memory.bridges.imports.readers import READERS

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
NATIVE = """---
name: flaky-ci
description: Retry twice; root cause is DNS
metadata:
  type: feedback
  modified: never mind
modified: 2026-05-04T10:00:00Z
---

The runners lose DNS. See [[dns-setup]].
"""
VAULT = """---
title: Coffee Brewing
type: note
permalink: coffee/brewing
created: 2026-02-03 08:00
tags:
- coffee
- howto
---

# Coffee Brewing

- [method] Pour over is clean #brewing (said Ada)
- relates_to [[Tea]]
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    with MemoryStore.init(tmp_path / ".claude" / "agents-memory", clock=lambda: NOW) as store:
        yield store


def plant(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        os.utime(path, (1_767_700_000, 1_767_700_000))  # 2026-01-06
    return root


def taken(store: MemoryStore, kind: str, folder: Path, agent: str | None = None) -> list[Memory]:
    """Plan, apply, and return the memories that came of it."""
    planned = imports.plan(store, kind, folder, agent=agent)
    results = [result for _, result in imports.apply(store, planned)]
    memories = [store.show(r.id, agent=r.agent) for r in results if isinstance(r, Memory)]
    assert len(memories) == len(results)
    return memories


def test_the_native_memory_of_claude_code(store: MemoryStore, tmp_path: Path):
    place = plant(tmp_path / ".claude" / "agent-memory", {
        "reviewer/flaky-ci.md": NATIVE, "reviewer/MEMORY.md": "- [x](flaky-ci.md)\n",
        "tester/plain.md": "# Plain\n\ntext\n",
        "tester/.hidden.md": "no", "README.md": "of the folder", ".git/x.md": "no",
    })  # fmt: skip
    before = {p: p.read_bytes() for p in place.rglob("*") if p.is_file()}
    first, second = taken(store, "claude-native", place)
    assert (first.id, first.type, str(first.date)) == ("reviewer/2026-05-04-flaky-ci", "convention", "2026-05-04")
    assert first.description == "Retry twice; root cause is DNS"
    assert first.body == "The runners lose DNS. See [[dns-setup]].\n"
    assert first.sources == ("claude-native: reviewer/flaky-ci.md", "sha256: f23fcc5907f33f66")
    assert (second.id, second.body) == ("tester/2026-01-06-plain", "# Plain\n\ntext\n")
    assert {p: p.read_bytes() for p in place.rglob("*") if p.is_file()} == before
    assert store.first_step(agent="reviewer", task="the runners lose DNS again").memories
    (alone,) = imports.plan(store, "claude-native", place / "tester", agent="other").steps
    assert (alone.note.agent, alone.action) == ("other", "add")


def test_what_was_exported_is_not_taken_back(store: MemoryStore, tmp_path: Path):
    store.add(agent="api", topic="Retries", body="x")
    export(store, tmp_path / ".claude" / "agent-memory")
    with pytest.raises(NotFound, match="nothing to import"):
        imports.plan(store, "claude-native", tmp_path / ".claude" / "agent-memory")


def test_day_logs(store: MemoryStore, tmp_path: Path):
    logs = plant(tmp_path / "memory", {
        "2026-03-02.md": "# 2026-03-02\n\n- fixed the gate\n", "2026-03-03.md": "# The gate\n\nagain\n",
        "notes.md": "no log", "2026-13-01.md": "x",
    })  # fmt: skip
    planned = imports.plan(store, "day-logs", logs, agent="api")
    assert [(one.path.rpartition("/")[2], one.reason) for one in planned.unfit] == [
        ("2026-13-01.md", "its name is no day")
    ]
    first, second = taken(store, "day-logs", logs, "api")
    assert (first.id, first.sources[0]) == ("api/2026-03-02-log-of-2026-03-02", "day-logs: 2026-03-02.md")
    assert (second.name, str(second.date)) == ("The gate", "2026-03-03")
    with pytest.raises(InvalidInput, match="--agent"):
        imports.plan(store, "day-logs", logs)


def test_a_vault_of_basic_memory(store: MemoryStore, tmp_path: Path):
    vault = plant(tmp_path / "vault", {"coffee/Coffee Brewing.md": VAULT, ".obsidian/x.md": "x"})
    (memory,) = taken(store, "basic-memory", vault, "api")
    assert (memory.id, memory.name, memory.tags) == (
        "api/2026-02-03-coffee-brewing",
        "Coffee Brewing",
        ("coffee", "howto"),
    )
    assert memory.body == VAULT.split("---\n\n")[1]
    assert memory.sources[0] == "basic-memory: coffee/Coffee Brewing.md"


@pytest.mark.parametrize("kind", sorted(READERS))
def test_a_second_run_takes_only_what_changed(store: MemoryStore, tmp_path: Path, kind: str):
    name = {"claude-native": "api/a.md", "day-logs": "2026-01-01.md", "basic-memory": "a.md"}[kind]
    other = {"claude-native": "api/b.md", "day-logs": "2026-01-02.md", "basic-memory": "b.md"}[kind]
    agent = None if kind == "claude-native" else "api"
    notes = plant(tmp_path / "notes", {name: "# A\n\none, without a line break at the end", other: "# B\n\ntwo\n"})
    (first, _) = taken(store, kind, notes, agent)
    assert taken(store, kind, notes, agent) == []
    store.archive(first.id)
    assert taken(store, kind, notes, agent) == []
    plant(notes, {name: "# A\n\nthree\n"})
    (changed,) = taken(store, kind, notes, agent)
    assert changed.supersedes == (first.id,)
    assert taken(store, kind, notes, agent) == []
    plant(notes, {name: "# A\n\none, without a line break at the end"})  # and back again
    assert taken(store, kind, notes, agent)[0].supersedes == (changed.id,)
    assert taken(store, kind, notes, agent) == []


def test_what_was_edited_in_the_store_is_not_superseded_by_what_it_was_before(store: MemoryStore, tmp_path: Path):
    vault = plant(tmp_path / "vault", {"a.md": "Five times.\n"})
    (memory,) = taken(store, "basic-memory", vault, "api")
    store.edit(memory.id, body="Nine times.\n")
    assert taken(store, "basic-memory", vault, "api") == []
    plant(vault, {"a.md": "Ten times.\n"})
    assert taken(store, "basic-memory", vault, "api")[0].supersedes == (memory.id,)


def test_what_an_earlier_version_took_over_is_known(store: MemoryStore, tmp_path: Path):
    vault = plant(tmp_path / "vault", {"a.md": "Five times.\n"})
    store.add(agent="api", topic="A", body="Five times.\n", sources=("basic-memory: a.md",))
    assert imports.plan(store, "basic-memory", vault, agent="api").todo == ()


def test_of_imports_at_the_same_time_one_writes_each_note(store: MemoryStore, tmp_path: Path):
    vault = plant(tmp_path / "vault", {f"n{n}.md": f"note {n}" for n in range(12)})
    plans = [imports.plan(store, "basic-memory", vault, agent="api") for _ in range(3)]

    def apply(planned: imports.Plan) -> int:
        with MemoryStore.open(store.root, clock=lambda: NOW) as other:
            return len(imports.apply(other, planned))

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(apply, plans)) == [0, 0, 12]
    assert len(store.list()) == 12


def test_what_cannot_be_taken_is_told_and_stops_nothing(store: MemoryStore, tmp_path: Path):
    vault = plant(tmp_path / "vault", {
        "binary.md": b"a\0b", "empty.md": "---\ntitle: x\n---\n\n  \n", "good.md": "good", "huge.md": b"x" * 9_000_000,
        "latin.md": "caf\xe9".encode("latin-1"), "broken.md": "---\ntitle: [x\n---\n\ntext\n",
    })  # fmt: skip
    (vault / "link.md").symlink_to("/etc/hostname")
    (vault / "folder.md").mkdir()
    os.mkfifo(vault / "pipe.md")
    planned = imports.plan(store, "basic-memory", vault, agent="api")
    unfit = {Path(one.path).name: one.reason for one in planned.unfit}
    assert sorted(unfit) == ["binary.md", "empty.md", "folder.md", "huge.md", "link.md", "pipe.md"]
    assert unfit["link.md"] == "it is no regular file"
    assert {step.note.source.rpartition(" ")[2] for step in planned.steps} == {"good.md", "latin.md", "broken.md"}
    assert len(imports.apply(store, planned)) == 3
    assert store.doctor().healthy


@pytest.mark.parametrize("kind", sorted(READERS))
def test_a_folder_that_cannot_be_listed_is_told(store: MemoryStore, tmp_path: Path, kind: str):
    notes = plant(tmp_path / "notes", {"api/a.md": "x", "api/deep/b.md": "y"})
    closed = notes if kind == "day-logs" else notes / "api" / "deep"
    closed.chmod(0)
    try:
        if os.access(closed, os.R_OK):
            pytest.skip("root may list every folder")
        if kind == "day-logs":
            with pytest.raises(InvalidInput, match="cannot be listed"):
                imports.plan(store, kind, notes, agent="api")
        else:
            planned = imports.plan(store, kind, notes, agent="api" if kind == "basic-memory" else None)
            assert [(one.path, one.reason) for one in planned.unfit] == [
                (str(closed), "cannot be listed: Permission denied")
            ]
            assert len(planned.steps) == 1
    finally:
        closed.chmod(0o700)


def test_a_folder_that_names_no_agent_and_one_that_is_not_there(store: MemoryStore, tmp_path: Path):
    place = plant(tmp_path / "native", {"-x/a.md": "text", "ok/a.md": "---\nvisibility: private\n---\ntext"})
    planned = imports.plan(store, "claude-native", place)
    assert "agent name" in planned.unfit[0].reason
    assert planned.steps[0].note.visibility == "private"
    with pytest.raises(NotFound, match="no folder"):
        imports.plan(store, "day-logs", tmp_path / "gone", agent="api")
    with pytest.raises(InvalidInput, match="agent name"):
        imports.plan(store, "basic-memory", place, agent="../x")
