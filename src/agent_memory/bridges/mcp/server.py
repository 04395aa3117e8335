"""The server: tools, resources, a prompt and completion over one store."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import quote, unquote

from pydantic import Field

from agent_memory.aio import AsyncMemoryStore
from agent_memory.bridges.mcp.building import Building
from agent_memory.bridges.mcp.sdk import (
    LINE,
    Completion,
    CompletionArgument,
    CompletionContext,
    MCPServer,
    PromptReference,
    ResourceNotFoundError,
    ResourceTemplateReference,
    refusal,
)
from agent_memory.bridges.mcp.tools import Tools
from agent_memory.errors import MemoryStoreError, NotFound
from agent_memory.model import Record

TEMPLATE = "memory://{agent}/{name}"
OFFERED = 100
"""Values that one completion offers; the protocol allows no more."""

INSTRUCTIONS = """\
What a team of agents has learned, as dated memories. Call memory_first_step once, at the start of a task, with your
name and the task as you got it; read the Markdown that it returns. Search only for what the briefing does not answer.
Before you end, write what others will need with memory_add: decisions and why, what surprised you, what to do next
time. Where it replaces an earlier memory, name that in supersedes."""


class Server(MCPServer):
    """A server that takes the ids of memories into its URIs as they are, and says what is wrong with a prompt."""

    async def read_resource(self, uri: Any, *context: Any) -> Any:
        """Read a resource; what stands behind the agent is one name, whichever characters a client left as they are."""
        scheme, _, rest = str(uri).partition("://")
        agent, slash, name = rest.partition("/")
        return await super().read_resource(f"{scheme}://{agent}{slash}{quote(name, safe='%')}", *context)

    async def get_prompt(self, *words: Any) -> Any:
        """Render a prompt."""
        try:
            return await super().get_prompt(*words)
        except ValueError as error:  # there is no such prompt, or an argument is missing
            raise refusal(str(error)) from error


def make_server(store: AsyncMemoryStore, building: Building, *, agent: str | None = None) -> MCPServer:
    """Return a server over a store.

    Args:
        building: What the store calls while it builds its index.
        agent: For whom the server speaks: everything is read and written as this agent. None: whom a call names.
    """
    instructions = INSTRUCTIONS + (f"\nThis server speaks for the agent {agent}." if agent else "")
    server = Server(
        "agent-memory", instructions=instructions, tools=Tools(store, building, agent).listed(), log_level="WARNING"
    )
    _add_resources(server, store, agent)
    _add_prompt(server, store, agent)
    _add_completion(server, store, agent)
    return server


def _add_resources(server: MCPServer, store: AsyncMemoryStore, reader: str | None) -> None:
    @server.resource(TEMPLATE, title="A memory", mime_type="text/markdown")
    async def memory(agent: str, name: str) -> str:
        """The text of a memory; `name` is the rest of its id: memory://api-engineer/2026-03-02-retry-policy."""
        reference = f"{agent}/{name}" if LINE > 1 else unquote(f"{agent}/{name}")
        try:
            with suppress(NotFound):  # as a path, which leaves blanks at its end and a second ".md" alone
                return (await store.show(f"{reference}.md", reader=reader)).body
            return (await store.show(reference, reader=reader)).body
        except MemoryStoreError as error:
            raise ResourceNotFoundError(str(error)) from error


def _add_prompt(server: MCPServer, store: AsyncMemoryStore, speaker: str | None) -> None:
    @server.prompt(title="First Step")
    async def first_step(
        agent: Annotated[str, Field(description="Who starts the task")],
        task: Annotated[str, Field(description="What the agent was told")],
    ) -> str:
        """What the team already learned that matters for a task."""
        if speaker not in (None, agent):
            raise refusal(f"this server speaks for {speaker}, not for {agent}")
        try:
            return (await store.first_step(agent=agent, task=task)).markdown
        except MemoryStoreError as error:
            raise refusal(str(error)) from error


def _add_completion(server: MCPServer, store: AsyncMemoryStore, reader: str | None) -> None:
    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # as the SDK has it
    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion | None:
        ours = ref.name == "first_step" if isinstance(ref, PromptReference) else str(ref.uri) == TEMPLATE
        if not ours:
            return None
        if argument.name == "agent":
            values = [reader] if reader and isinstance(ref, PromptReference) else list(await store.agents())
        elif argument.name == "name" and (owner := ((context and context.arguments) or {}).get("agent")):
            records = await store.list(agent=owner, reader=reader or "", archived=True)
            values = [record.id.partition("/")[2] for record in sorted(records, key=_is_archived)]
        else:
            return None
        found = [value for value in values if value.startswith(argument.value)]
        return Completion(values=found[:OFFERED], total=len(found))


def _is_archived(record: Record) -> bool:
    return record.status == "archived"
