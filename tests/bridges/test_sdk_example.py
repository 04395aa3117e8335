"""The example for claude-agent-sdk, run as README.md says; skipped where that large package is not installed."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.bridges.conftest import TASK, Project
from tests.bridges.loopback import Request
from tests.bridges.mock_messages import serving, texts
from tests.bridges.readme import block
from tests.bridges.runners import in_shell, put_on_path, with_api

from agent_memory.aio import AsyncMemoryStore

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "claude_agent_sdk_team.py"
FACT = "fourteen times within a day"
LEARNED = {"agent": "worker-engineer", "topic": "Webhook board", "body": "Retries are on board 17."}
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("claude_agent_sdk") is None,
    reason="NOT PROVED HERE: claude-agent-sdk is not installed (pip install claude-agent-sdk)",
)


def is_sub_agent(request: Request) -> bool:
    """Whether it is the first request of a sub-agent: it begins with the task, and no tool was called yet."""
    said = texts(request)
    return any(text.startswith(TASK) for text in said) and not any(text.startswith("RESULT ") for text in said)


def team(request: Request) -> tuple[dict[str, Any], str]:
    """A model that hands its task to worker-engineer, who writes one memory; each then says "done"."""
    tools = {tool.get("name") for tool in request.get("tools") or []}
    if is_sub_agent(request):
        return {"type": "tool_use", "id": "toolu_2", "name": "mcp__memory__memory_add", "input": LEARNED}, "tool_use"
    if "Agent" in tools and not any(text.startswith("RESULT ") for text in texts(request)):
        given = {"description": "d", "prompt": TASK, "subagent_type": "worker-engineer"}
        return {"type": "tool_use", "id": "toolu_1", "name": "Agent", "input": given}, "tool_use"
    return {"type": "text", "text": "done"}, "end_turn"


@pytest.fixture
def checkout(project: Project) -> Path:
    """A folder in which the example stands where it stands in a checkout, with our project for its team."""
    examples = project.folder.parent / "examples"
    examples.mkdir()
    shutil.copy(EXAMPLE, examples)
    (examples / "osier").symlink_to(project.folder)
    put_on_path(project, "python", f'exec "{sys.executable}" "$@"')
    return examples.parent


def pasted(project: Project, checkout: Path) -> str:
    """Run what README.md says; return what the sub-agent was told first."""
    with serving(team) as (address, requests):
        done = in_shell(project, block("claude-agent-sdk", "sh"), environ=with_api(project, address), cwd=checkout)
    assert (done.returncode, {*done.stdout.split()}, done.stderr) == (0, {"done"}, "")
    return "\n".join(texts(next(request for request in requests if is_sub_agent(request))))


def test_as_the_readme_says_a_sub_agent_is_briefed_and_what_it_writes_is_found(project: Project, checkout: Path):
    first = pasted(project, checkout)
    assert FACT in first
    assert "minor units" not in first
    assert "board 17" not in first
    assert [path.name for path in (project.root / "worker-engineer").glob("*webhook-board*")]
    assert "board 17" in pasted(project, checkout)


@pytest.mark.parametrize(("words", "said"), [((), "PROJECT"), (("nowhere", "x"), "no memory store at nowhere")])
def test_the_example_says_what_it_lacks(project: Project, words: tuple[str, ...], said: str):
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), *words],
        cwd=project.home, env=project.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_the_hook_of_the_example_changes_nothing_but_the_prompt(tmp_path: Path):
    spec = importlib.util.spec_from_file_location("team", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)

    async def main() -> None:
        async with await AsyncMemoryStore.init(tmp_path / "agents-memory") as store:
            for n in range(5):
                await store.add(agent="web", topic=f"Subject{n}", body=f"Subject{n} needs thing{n}.")
            await store.add(agent="reviewer", topic="Retry logic", body="It gives up after five attempts.")
            (hook,) = example.hooks_of(store)["PreToolUse"][0].hooks
            given = {"subagent_type": "reviewer", "prompt": "review the retry logic", "description": "d"}
            output = (await hook({"tool_input": given}, None, None))["hookSpecificOutput"]["updatedInput"]
            assert output["prompt"].startswith("review the retry logic\n")
            assert "five attempts" in output["prompt"]
            assert output | {"prompt": given["prompt"]} == given
            for other in ({**given, "prompt": "zebra"}, {**given, "subagent_type": "../x"}):
                assert await hook({"tool_input": other}, None, None) == {}

    asyncio.run(main())
