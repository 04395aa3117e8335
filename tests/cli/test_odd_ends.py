"""What a newcomer does by mistake gets one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.promises.support import clock, plant

from agent_memory import InvalidInput, MemoryStore
from agent_memory.cli.options import Call
from agent_memory.cli.program import program


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(program, words, obj=Call(clock=clock), prog_name="memory")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / ".claude" / "agents-memory"
    plant(root, {"api/2026-01-01-queue.md": "# Queue\n\nThe queue is open.\n"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEMORY_ROOT", raising=False)
    return root


@pytest.mark.parametrize("words", [
    ("--root", "", "list"), ("list", "--root", ""), ("--root", " ", "stats"), ("init", "--root", ""),
    ("mcp", "--root", ""), ("install", "claude-code", "--dry-run", "--root", ""),
    ("--root", "/somewhere", "list", "--root", ""),
])  # fmt: skip
def test_an_empty_root_is_named_and_nothing_else_is_taken(root: Path, words: tuple[str, ...]):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert "--root is empty" in err


def test_a_memory_beside_the_agents_folders_is_reported(root: Path):
    """A dated file there is a memory that nobody finds; any other is only mentioned by doctor."""
    (root / "2026-02-02-lost.md").write_text("# Lost\n\nThe queue is closed.\n")
    (root / "README.md").write_text("# About this folder\n")
    (root / "index.md").write_text("# All of it\n")
    (root / "notes.txt").write_text("no Markdown\n")
    code, out, err = run("list")
    assert (code, out.count("\n")) == (0, 1)
    assert "1 file has problems, 1 of them not indexed" in err
    code, out, _ = run("doctor", "--json")
    told = json.loads(out)
    assert code == 1
    assert [(p["path"], p["indexed"]) for p in told["problems"]] == [("2026-02-02-lost.md", False)]
    assert "no agent's folder" in told["problems"][0]["message"]
    assert told["notes"] == ["index.md: it is in no agent's folder, so it is no memory"]
    (root / "2026-02-02-lost.md").rename(root / "api" / "2026-02-02-lost.md")
    assert run("doctor")[0] == 0
    assert run("list")[2] == ""


def test_a_file_beside_the_folders_is_reported_to_whoever_has_the_store_open(root: Path):
    with MemoryStore.open(root, clock=clock) as store:
        for _ in range(8):
            assert store.search("queue").problems == ()
        (root / "2026-02-02-lost.md").write_text("# Lost\n")
        assert [problem.path for problem in store.search("queue").problems] == ["2026-02-02-lost.md"]
        (root / "2026-02-02-lost.md").unlink()
        assert store.search("queue").problems == ()


def test_a_topic_is_a_title(root: Path):
    with MemoryStore.open(root, clock=clock) as store:
        assert store.add(agent="api", topic="é" * 10_000, body="x").name == "é" * 10_000
        for topic in ("é" * 10_001, "word " * 20_000):
            with pytest.raises(InvalidInput, match=r"the topic has [0-9,]+ characters, more than 10,000"):
                store.add(agent="api", topic=topic, body="x")
        with pytest.raises(InvalidInput, match="more than 10,000"):
            store.edit("api/2026-01-01-queue", changes={"name": "x" * 10_001})
    code, _, err = run("add", "--agent", "api", "--topic", "x" * 100_000, "-")
    assert code == 2
    assert len(err) < 300


def test_a_memory_of_a_future_day_is_not_counted_before_it(root: Path):
    plant(root, {"api/2062-01-01-typo.md": "x" * 400, "api/2026-03-20-soon.md": "y" * 400})
    code, out, _ = run("timeline", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["months"] == ["2026-01", "2026-02", "2026-03"]
    assert [point["memories"] for point in told["total"]] == [1, 1, 1]
    assert told["ahead"] == 2
    assert "2 memories are of a day to come" in run("timeline")[2]
    found = run("list", "date:>today")
    assert "typo" in found[1]
    assert "soon" in found[1]
    assert "queue" not in found[1]
