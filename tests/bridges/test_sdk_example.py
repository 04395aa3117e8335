"""The example for claude-agent-sdk; skipped where that is not installed (its wheel holds a whole runner)."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from agent_memory.aio import AsyncMemoryStore

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "claude_agent_sdk_team.py"


def test_the_hook_of_the_example_briefs_a_sub_agent(tmp_path: Path):
    pytest.importorskip("claude_agent_sdk", reason="needs claude-agent-sdk: see examples/claude_agent_sdk_team.py")
    spec = importlib.util.spec_from_file_location("team", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    team: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(team)

    async def main() -> None:
        async with await AsyncMemoryStore.init(tmp_path / "agents-memory") as store:
            for n in range(5):
                await store.add(agent="web", topic=f"Subject{n}", body=f"Subject{n} needs thing{n}.")
            await store.add(agent="reviewer", topic="Retry logic", body="It gives up after five attempts.")
            (hook,) = team.hooks_of(store)["PreToolUse"][0].hooks
            given = {"subagent_type": "reviewer", "prompt": "review the retry logic", "description": "d"}
            output = (await hook({"tool_input": given}, None, None))["hookSpecificOutput"]["updatedInput"]
            assert output["prompt"].startswith("review the retry logic\n")
            assert "five attempts" in output["prompt"]
            assert output | {"prompt": given["prompt"]} == given
            for other in ({**given, "prompt": "zebra"}, {**given, "subagent_type": "../x"}):
                assert await hook({"tool_input": other}, None, None) == {}

    asyncio.run(main())
