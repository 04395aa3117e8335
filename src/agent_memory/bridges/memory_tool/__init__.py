"""Anthropic's memory tool (`memory_20250818`) over one agent's folder: `/memories` is `<store>/<agent>/`.

Answers and errors are those of the SDK's own tool over a local folder, but for these: a new file is named
`<date>-<topic>.md`, because everything here is a dated memory; what is deleted goes to the trash (`memory restore`);
and whatever that tool lets through as an exception of Python is an error that the model can read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent_memory.bridges.extras import extra
from agent_memory.bridges.memory_tool.commands import Memories, refuse
from agent_memory.store import local_time

with extra("memory-tool", packages=("anthropic",)):
    import anyio.to_thread
    from anthropic.tools.memory import BetaAbstractMemoryTool, BetaAsyncAbstractMemoryTool

if TYPE_CHECKING:
    from anthropic.types.beta import (
        BetaMemoryTool20250818CreateCommand,
        BetaMemoryTool20250818DeleteCommand,
        BetaMemoryTool20250818InsertCommand,
        BetaMemoryTool20250818RenameCommand,
        BetaMemoryTool20250818StrReplaceCommand,
        BetaMemoryTool20250818ViewCommand,
    )

    from agent_memory.store import Clock, MemoryStore

COMMANDS = ("view", "create", "str_replace", "insert", "delete", "rename")


class AgentMemoryTool(BetaAbstractMemoryTool):
    """The memory tool of one agent, for `client.beta.messages.tool_runner(tools=[…])`.

    Args:
        store: The team's store.
        agent: Whose folder `/memories` is; it is made if it is not there.
        settings: Those of the SDK's class, such as `cache_control`.
    """

    def __init__(self, store: MemoryStore, agent: str, *, clock: Clock = local_time, **settings: Any) -> None:
        super().__init__(**settings)
        self.memories = Memories(store, agent, clock=clock)

    def call(self, input: object) -> Any:  # noqa: A002  the SDK's word
        """Answer a call as the model made it.

        Raises:
            ToolError: It makes no sense, or it failed; the text is for the model.
        """
        return super().call(_known(input))

    def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        """Show a file or a folder."""
        return self.memories.view(_word(command, "path"), command.view_range)

    def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        """Write a new file."""
        return self.memories.create(_word(command, "path"), _word(command, "file_text"))

    def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        """Replace a text."""
        return self.memories.str_replace(*(_word(command, name) for name in ("path", "old_str", "new_str")))

    def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        """Insert lines."""
        return self.memories.insert(_word(command, "path"), _number(command), _word(command, "insert_text"))

    def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        """Move to the trash."""
        return self.memories.delete(_word(command, "path"))

    def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        """Move."""
        return self.memories.rename(_word(command, "old_path"), _word(command, "new_path"))

    def clear_all_memory(self) -> str:
        """Move everything to the trash."""
        return self.memories.clear()


class AsyncAgentMemoryTool(BetaAsyncAbstractMemoryTool):
    """As `AgentMemoryTool`, for an asynchronous runner; a command that has begun ends before its cancellation does."""

    def __init__(self, store: MemoryStore, agent: str, *, clock: Clock = local_time, **settings: Any) -> None:
        super().__init__(**settings)
        self.tool = AgentMemoryTool(store, agent, clock=clock)

    async def call(self, input: object) -> Any:  # noqa: A002  the SDK's word
        """As `AgentMemoryTool.call`."""
        return await super().call(_known(input))

    async def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        """Show a file or a folder."""
        return await _on_thread(lambda: self.tool.view(command))

    async def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        """Write a new file."""
        return await _on_thread(lambda: self.tool.create(command))

    async def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        """Replace a text."""
        return await _on_thread(lambda: self.tool.str_replace(command))

    async def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        """Insert lines."""
        return await _on_thread(lambda: self.tool.insert(command))

    async def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        """Move to the trash."""
        return await _on_thread(lambda: self.tool.delete(command))

    async def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        """Move."""
        return await _on_thread(lambda: self.tool.rename(command))

    async def clear_all_memory(self) -> str:
        """Move everything to the trash."""
        return await _on_thread(self.tool.clear_all_memory)


async def _on_thread(command: Callable[[], str]) -> str:
    return await anyio.to_thread.run_sync(command)


def _known(given: object) -> object:
    """Return a call whose command exists."""
    if not isinstance(given, dict) or given.get("command") not in COMMANDS:
        named = given.get("command") if isinstance(given, dict) else given
        refuse(f"Unknown command: {str(named)[:100]}")
    return given


def _word(command: object, name: str) -> str:
    value = getattr(command, name, None)
    if not isinstance(value, str):
        refuse(f"Invalid `{name}` parameter: it is missing or no text.")
    if "path" in name and "\0" in value:
        refuse(f"Invalid `{name}` parameter: it holds a NUL character.")
    return value


def _number(command: object) -> int:
    value = getattr(command, "insert_line", None)
    if type(value) is not int:
        refuse("Invalid `insert_line` parameter: it is missing or no whole number.")
    return value
