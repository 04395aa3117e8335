"""The real Claude Code, a stand-in for the model's API, and what an agent that it starts is really told.

The program is found on PATH, as `CLAUDE_CODE` names it, or in the package claude-agent-sdk.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.bridges.conftest import TASK, Project
from tests.bridges.loopback import Request
from tests.bridges.mock_messages import serving, texts

PLUGIN = Path(__file__).resolve().parents[2] / "plugins" / "claude-code"
FACT = "fourteen times within a day"


def program() -> str | None:
    """Where Claude Code is."""
    if found := os.environ.get("CLAUDE_CODE") or shutil.which("claude"):
        return found
    package = importlib.util.find_spec("claude_agent_sdk")
    bundled = Path(package.origin).parent / "_bundled" / "claude" if package and package.origin else None
    return str(bundled) if bundled and bundled.exists() else None


CLAUDE = program()
pytestmark = pytest.mark.skipif(
    CLAUDE is None, reason="NOT PROVED HERE: Claude Code is not installed (CLAUDE_CODE=/path/to/claude names it)"
)
Claude = Callable[..., list[Request]]


@pytest.fixture
def claude(project: Project) -> Claude:
    """Run Claude Code once and return what the model was sent."""

    def run(prompt: str, *words: str, cwd: Path | None = None) -> list[Request]:
        with serving() as (address, requests):
            environ = {
                **{name: value for name, value in project.environ.items() if not name.startswith("CLAUDE")},
                "ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": "none", "DISABLE_AUTOUPDATER": "1",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            }  # fmt: skip
            done = subprocess.run(
                [str(CLAUDE), "-p", prompt, "--allowedTools", "Bash(memory *)", *words],
                cwd=cwd or project.folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=120, check=False,
            )  # fmt: skip
        assert (done.returncode, {*done.stdout.split()}) == (0, {"done"}), done.stderr
        return requests

    return run


def install(project: Project) -> None:
    assert project.memory("install", "claude-code", "--yes").returncode == 0


def started(requests: list[Request], task: str) -> str:
    """Everything that an agent was told before it did anything: its first request, which does not delegate."""
    for request in requests:
        said = texts(request)
        first = next((text for text in said if text.startswith(task)), None)
        if first and not any(text.startswith("RESULT ") for text in said):
            return "\n".join(said)
    raise AssertionError("no agent was started")


def test_a_started_agent_has_the_memory_that_matters_in_its_first_message(project: Project, claude: Claude):
    install(project)
    said = started(claude(f"DELEGATE worker-engineer: {TASK}"), TASK)
    assert FACT in said
    assert "minor units" not in said
    assert "memory add --agent worker-engineer" in said


def test_without_anything_relevant_the_task_stays_as_it_was(project: Project, claude: Claude):
    install(project)
    task = "Choose a colour for the curtains"
    said = started(claude(f"DELEGATE worker-engineer: {task}"), task)
    assert "recorded-notes" not in said


@pytest.mark.parametrize("where", ["main checkout", "linked worktree"])
def test_what_an_agent_saves_is_found_by_the_next_first_step(project: Project, claude: Claude, where: str):
    install(project)
    cwd = project.folder
    project.git("init", "-q")
    project.git("add", "-A")
    project.git("commit", "-qm", "all")
    if where == "linked worktree":
        cwd = project.folder.parent / "other"
        project.git("worktree", "add", "-q", str(cwd))
    text = "Grafana shows the retries of webhooks on board 17."
    add = {"command": f"echo '{text}' | memory add --agent worker-engineer --topic 'Board of webhook retries'"}
    claude(f"DELEGATE worker-engineer: CALL Bash {json.dumps(add)} END", cwd=cwd)
    assert "board 17" in started(claude(f"DELEGATE worker-engineer: {TASK}", cwd=cwd), TASK)
    assert [path.name for path in (project.root / "worker-engineer").glob("*board*")]


def break_index(root: Path) -> None:
    (root / ".store" / "index.sqlite3").write_bytes(b"no database" * 1000)


def break_everything(root: Path) -> None:
    shutil.rmtree(root / ".store")
    (root / ".store").write_text("a file")
    (root / "worker-engineer" / "2026-01-01-bytes.md").write_bytes(b"\xff\xfe\0")


def break_root(root: Path) -> None:
    shutil.rmtree(root)
    root.write_text("a file")


@pytest.mark.parametrize("damage", [break_index, break_everything, break_root], ids=lambda d: d.__name__)
def test_with_a_broken_store_the_agent_still_starts(project: Project, claude: Claude, damage: Any):
    install(project)
    project.memory("sync")
    damage(project.root)
    said = started(claude(f"DELEGATE worker-engineer: {TASK}"), TASK)
    assert (FACT in said) == (damage is not break_root)


def test_a_session_of_an_agent_is_briefed_once(project: Project, claude: Claude):
    install(project)
    session = "11111111-2222-4333-8444-555555555555"
    first = claude(TASK, "--agent", "worker-engineer", "--session-id", session)
    assert "\n".join(texts(first[-1])).count(FACT) == 1
    second = claude(f"{TASK} again", "--agent", "worker-engineer", "--resume", session)
    assert "\n".join(texts(second[-1])).count(FACT) == 1  # what is there is there from the first prompt


def test_the_plugin_is_valid_and_briefs_once_beside_the_settings(project: Project, claude: Claude):
    done = subprocess.run(
        [str(CLAUDE), "plugin", "validate", str(PLUGIN), "--strict"],
        env=project.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    install(project)
    said = started(claude(f"DELEGATE worker-engineer: {TASK}", "--plugin-dir", str(PLUGIN)), TASK)
    assert said.count(FACT) == 1
    assert said.count("memory add --agent worker-engineer --topic") == 1
