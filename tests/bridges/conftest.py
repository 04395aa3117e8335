"""A project with cards, memories and the command `memory` on its PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent_memory.store import MemoryStore

CARD = """\
---
name: {agent}
description: Looks after {what}
---

You look after {what}.
"""
TASK = "Payment webhooks time out, add retries"


@dataclass(frozen=True)
class Project:
    """A project and the environment of whoever works in it.

    Attributes:
        folder: The project.
        home: The user's home, which is empty at first.
    """

    folder: Path
    home: Path
    environ: dict[str, str] = field(repr=False)

    @property
    def root(self) -> Path:
        return self.folder / ".claude" / "agents-memory"

    def memory(self, *words: str, stdin: str | bytes = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Call the command `memory` in a process of its own."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            ["memory", *words], input=data, capture_output=True, check=False, cwd=cwd or self.folder, env=self.environ
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def hook(self, event: dict[str, Any], *words: str, cwd: Path | None = None) -> dict[str, Any]:
        """What the hook answers to an event, {} for silence; it ends with 0 whatever happens."""
        done = self.memory("hook", *words, stdin=json.dumps(event), cwd=cwd)
        assert done.returncode == 0
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        return found

    def git(self, *words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
            cwd=self.folder, check=True, capture_output=True, env=self.environ,
        )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder, home, programs = (tmp_path / name for name in ("shop", "home", "bin"))
    for made in (folder / ".claude" / "agents", home, programs):
        made.mkdir(parents=True)
    for agent, what in (("worker-engineer", "the workers"), ("api-engineer", "the API")):
        (folder / ".claude" / "agents" / f"{agent}.md").write_text(CARD.format(agent=agent, what=what))
    program = programs / "memory"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m agent_memory "$@"\n')
    program.chmod(0o755)
    with MemoryStore.init(folder / ".claude" / "agents-memory") as store:
        store.add(agent="worker-engineer", topic="Webhook retries", body="Webhooks retry fourteen times within a day.")
        store.add(agent="api-engineer", topic="Money", body="Amounts are integers of minor units, never floats.")
    environ = {**os.environ, "HOME": str(home), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    for name in ("MEMORY_ROOT", "CLAUDE_PROJECT_DIR", "MEMORY_DEBUG", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        environ.pop(name, None)
    return Project(folder, home, environ)


def delegation(project: Project, *, agent: str = "worker-engineer", task: str = TASK, **more: Any) -> dict[str, Any]:
    """The event of Claude Code that starts an agent."""
    return {
        "session_id": "session-1", "cwd": str(project.folder), "hook_event_name": "PreToolUse", "tool_name": "Agent",
        "tool_input": {"description": "d", "prompt": task, "subagent_type": agent}, **more,
    }  # fmt: skip
