"""The real Claude Code, a stand-in for the model's API, and what an agent that it starts is really told."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.bridges.conftest import TASK, Project
from tests.bridges.loopback import Request
from tests.bridges.mock_messages import serving, texts
from tests.bridges.readme import block
from tests.bridges.runners import CLAUDE, in_shell, needs_claude, put_on_path, with_api

PLUGIN = Path(__file__).resolve().parents[2] / "plugins" / "claude-code"
FACT = "fourteen times within a day"
FIRST_STEP = "mcp__agent-memory__memory_first_step"

pytestmark = needs_claude
Claude = Callable[..., list[Request]]


@pytest.fixture
def claude(project: Project) -> Claude:
    """Run Claude Code once and return what the model was sent."""

    def run(prompt: str, *words: str, cwd: Path | None = None) -> list[Request]:
        with serving() as (address, requests):
            done = subprocess.run(
                [str(CLAUDE), "-p", prompt, "--allowedTools", "Bash(memory *)", *words],
                cwd=cwd or project.folder, env=with_api(project, address), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
        assert (done.returncode, {*done.stdout.split()}) == (0, {"done"}), done.stderr
        return requests

    return run


@pytest.fixture
def pasted(project: Project) -> Claude:
    """Run a block of README.md, with a prompt where it starts Claude Code; return what the model was sent."""

    def run(section: str, prompt: str) -> list[Request]:
        put_on_path(project, "claude", f'[ "$1" = mcp ] && exec "{CLAUDE}" "$@"\nexec "{CLAUDE}" "$@" -p "$PROMPT"')
        with serving() as (address, requests):
            done = in_shell(project, block(section, "sh"), environ={**with_api(project, address), "PROMPT": prompt})
        assert (done.returncode, done.stdout.split()[-1]) == (0, "done"), done.stderr
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


def test_as_the_readme_says_a_started_agent_has_the_memory_that_matters(project: Project, pasted: Claude):
    said = started(pasted("Claude Code", f"DELEGATE worker-engineer: {TASK}"), TASK)
    assert FACT in said
    assert "minor units" not in said
    assert "memory add --agent worker-engineer" in said
    text = "Grafana shows the retries of webhooks on board 17."
    add = {"command": f"echo '{text}' | memory add --agent worker-engineer --topic 'Board of webhook retries'"}
    pasted("Claude Code", f"DELEGATE worker-engineer: CALL Bash {json.dumps(add)} END")
    assert "board 17" in started(pasted("Claude Code", f"DELEGATE worker-engineer: {TASK}"), TASK)


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


# -- the MCP server ---------------------------------------------------------------------------------------------------


def called(tool: str, **words: str) -> str:
    return f"CALL {tool} {json.dumps(words)} END"


def answered(requests: list[Request]) -> str:
    """What the tool said, which stands in the last request; reminders of Claude Code may stand behind it."""
    (answer,) = (text for text in texts(requests[-1]) if text.startswith("RESULT "))
    return answer


def offered(requests: list[Request]) -> set[str]:
    """The tools that the model was told of."""
    return {tool["name"] for request in requests for tool in request.get("tools") or []}


def servers(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.folder / ".mcp.json").read_text())
    return found


def test_as_the_readme_says_the_server_answers_with_the_memory_that_matters(project: Project, pasted: Claude):
    requests = pasted("Any MCP client", called(FIRST_STEP, agent="worker-engineer", task=TASK))
    assert FIRST_STEP in offered(requests)
    assert FACT in answered(requests)
    assert "minor units" not in answered(requests)
    registered = servers(project)
    assert registered["mcpServers"]["agent-memory"].pop("env") == {}
    assert registered == json.loads(block("Any MCP client", "json"))


@pytest.mark.parametrize("way", ["the file of the README", "memory install --mcp"])
def test_what_an_agent_saves_with_the_server_is_found_by_the_next_first_step(
    project: Project, claude: Claude, way: str
):
    if way == "memory install --mcp":
        assert project.memory("install", "claude-code", "--mcp", "--yes").returncode == 0
    else:
        (project.folder / ".mcp.json").write_text(block("Any MCP client", "json"))
    leave = ("--allowedTools", "mcp__agent-memory")
    words = {"agent": "worker-engineer", "topic": "Webhook board", "body": "Retries are on board 17."}
    claude(f"DELEGATE worker-engineer: {called('mcp__agent-memory__memory_add', **words)}", *leave)
    assert [path.name for path in (project.root / "worker-engineer").glob("*webhook-board*")]
    requests = claude(called(FIRST_STEP, agent="worker-engineer", task=TASK), *leave)
    assert "board 17" in answered(requests)


# -- the plugin -------------------------------------------------------------------------------------------------------


def test_the_plugin_is_valid_and_briefs_once_beside_the_settings(project: Project, claude: Claude):
    done = subprocess.run(
        [str(CLAUDE), "plugin", "validate", str(PLUGIN), "--strict"],
        env=project.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    install(project)
    requests = claude(f"DELEGATE worker-engineer: {TASK}", "--plugin-dir", str(PLUGIN))
    assert "mcp__plugin_agent-memory_agent-memory__memory_first_step" in offered(requests)
    said = started(requests, TASK)
    assert said.count(FACT) == 1
    assert said.count("memory add --agent worker-engineer --topic") == 1
