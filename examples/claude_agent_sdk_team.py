"""Brief the sub-agents of claude-agent-sdk, and give them a tool to write memories with.

    pip install agent-memory-store claude-agent-sdk
    python examples/claude_agent_sdk_team.py PROJECT "Ask worker-engineer how often a webhook is retried"

A hook before each call of the tool Agent puts the briefing behind the sub-agent's task; the tool runs in this process.
"""

import asyncio
import sys
from typing import Any

from claude_agent_sdk import (
    AgentDefinition,
    ClaudeAgentOptions,
    HookMatcher,
    ResultMessage,
    create_sdk_mcp_server,
    query,
    tool,
)

from agent_memory import MemoryStoreError
from agent_memory.aio import AsyncMemoryStore

TEAM = {"worker-engineer": AgentDefinition(description="Looks after queues and webhooks", prompt="You run the workers.")}


def hooks_of(store: AsyncMemoryStore) -> dict[str, list[HookMatcher]]:
    """Return the hooks that brief sub-agents."""

    async def brief(call: Any, _id: str | None, _context: Any) -> dict[str, Any]:
        given = call["tool_input"]
        try:
            briefing = await store.first_step(agent=given["subagent_type"], task=given["prompt"], budget=2000)
        except MemoryStoreError as error:  # an agent without memories still starts
            print(f"no briefing: {error}", file=sys.stderr)
            return {}
        if briefing.nothing_relevant:
            return {}
        prompt = f"{given['prompt']}\n\n{briefing.markdown}"
        output = {"hookEventName": "PreToolUse", "updatedInput": {**given, "prompt": prompt}}
        return {"hookSpecificOutput": output}

    return {"PreToolUse": [HookMatcher(matcher="Agent|Task", hooks=[brief])]}


def server_of(store: AsyncMemoryStore) -> Any:
    """Return an MCP server in this process with one tool."""

    @tool("memory_add", "Write what others will need to know", {"agent": str, "topic": str, "body": str})
    async def add(words: dict[str, Any]) -> dict[str, Any]:
        try:
            memory = await store.add(agent=words["agent"], topic=words["topic"], body=words["body"])
        except MemoryStoreError as error:
            return {"content": [{"type": "text", "text": str(error)}], "is_error": True}
        return {"content": [{"type": "text", "text": f"written: {memory.id}"}]}

    return create_sdk_mcp_server("memory", tools=[add])


async def main(project: str, prompt: str) -> None:
    """Run one prompt in a project that has a store."""
    async with AsyncMemoryStore.open(project) as store:
        options = ClaudeAgentOptions(
            cwd=project,
            agents=TEAM,
            mcp_servers={"memory": server_of(store)},
            allowed_tools=["mcp__memory__memory_add"],
            hooks=hooks_of(store),
        )
        async for message in query(prompt=prompt, options=options):
            if isinstance(message, ResultMessage):
                print(message.result)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except MemoryStoreError as error:
        sys.exit(str(error))
