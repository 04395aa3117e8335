"""What `memory first-step` reads: a task from the words of the call, a file, or stdin, whatever bytes are there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def test_a_task_that_is_no_utf8_is_named_with_its_line(session: Any):
    Path("issue.md").write_bytes(b"Webhook\ncaf\xe9\n")
    result = session.run("first-step", "--agent", "api-engineer", "--task-file", "issue.md")
    assert (result.exit_code, result.stderr) == (2, "memory: issue.md:2: not UTF-8\n  hint: save it as UTF-8\n")
    result = session.run("first-step", "--agent", "api-engineer", "--task-file", "-", stdin=b"\xff")
    assert (result.exit_code, result.stderr) == (2, "memory: stdin:1: not UTF-8\n  hint: save it as UTF-8\n")


@pytest.mark.parametrize("close", [True, False])
def test_a_stdin_that_is_closed_holds_an_empty_task(session: Any, close: bool):
    code = (
        "import os, sys\n" + "os.close(0)\n" * close + "os.execv(sys.executable, [sys.executable, '-m', *sys.argv[1:]])"
    )
    words = ["agent_memory", "--root", str(session.root), "first-step", "--agent", "api-engineer", "--task-file", "-"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"memory: the task is empty\n")


def test_words_that_are_no_utf8_are_a_task(session: Any):
    words = ["--root", str(session.root), "first-step", "--agent", "api-engineer", "--now", "2026-07-15", "--json"]
    task: list[str | bytes] = [
        "--task",
        b"Webhook retries caf\xe9",
        "--file",
        b"\xff/webhook.py",
        "--branch",
        b"fix/\xfe",
    ]
    done = subprocess.run([sys.executable, "-m", "agent_memory", *words, *task], capture_output=True, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)["memories"]


def test_the_problems_of_a_card_are_told(session: Any):
    card = session.folder / ".claude/agents/api-engineer.md"
    card.parent.mkdir()
    card.write_text("---\nname: api-engineer\ntools: [\n---\n")
    result = session.run("first-step", "--agent", "api-engineer", "--task", "Webhook retries")
    assert result.exit_code == 0
    assert result.stderr.startswith("note: .claude/agents/api-engineer.md:")
