"""The tools: verbs of the store with words for a model, and errors that a model can act on."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

import anyio
from pydantic import Field

from agent_memory.aio import AsyncMemoryStore
from agent_memory.bridges.mcp import answers
from agent_memory.bridges.mcp.building import Building
from agent_memory.bridges.mcp.sdk import Context, Tool, ToolAnnotations, ToolError
from agent_memory.errors import MemoryStoreError
from agent_memory.files import naming

log = logging.getLogger(__name__)

T = TypeVar("T")
Me = Annotated[str, Field(description="Your name, as on your card, such as api-engineer", min_length=1, max_length=64)]
Reader = Annotated[
    str | None, Field(description="Your name, to see your private memories as well", min_length=1, max_length=64)
]
Whose = Annotated[
    str | None, Field(description="Only this agent's memories; none: the whole team's", min_length=1, max_length=64)
]
Id = Annotated[str, Field(description="<agent>/<date>-<topic>, as other tools give it", min_length=1, max_length=500)]
Day = Annotated[date | None, Field(description="YYYY-MM-DD")]
Topic = Annotated[str, Field(description="The title; the file name is made of it", min_length=1, max_length=300)]
Strings = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=100)]
Kind = Literal[
    "decision", "convention", "gotcha", "procedure", "reference", "preference", "incident", "handoff", "consultation",
    "digest", "note",
]  # fmt: skip

# By their names on the wire, which both lines of the SDK know.
READS = ToolAnnotations.model_validate({"readOnlyHint": True, "openWorldHint": False})
ADDS = ToolAnnotations.model_validate({"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False})
LINKS = ADDS.model_validate({**ADDS.model_dump(by_alias=True), "idempotentHint": True})


class Tools:
    """The tools over one store.

    Args:
        agent: For whom the server speaks: everything is read and written as this agent. None: whom a call names.
    """

    def __init__(self, store: AsyncMemoryStore, building: Building, agent: str | None = None) -> None:
        self._store = store
        self._building = building
        self._agent = agent

    def listed(self) -> list[Tool]:
        """Return the tools as the SDK knows them."""
        loaded = {"anthropic/alwaysLoad": True, "anthropic/maxResultSizeChars": 100_000}
        return [
            _tool(self.memory_first_step, "First Step", READS, meta=loaded),
            _tool(self.memory_search, "Search memories", READS),
            _tool(self.memory_show, "Read a memory", READS, meta={"anthropic/maxResultSizeChars": 500_000}),
            _tool(self.memory_add, "Write a memory", ADDS),
            _tool(self.memory_supersede, "Replace a memory", LINKS),
            _tool(self.memory_consult, "Ask another agent", ADDS),
            _tool(self.memory_answer, "Answer a question", ADDS),
        ]

    async def memory_first_step(
        self,
        agent: Me,
        task: Annotated[str, Field(description="What you were told to do, as it is", min_length=1)],
        ctx: Context,
        budget: Annotated[int, Field(description="Tokens the briefing may have", ge=200, le=25_000)] = 2000,
        files: Annotated[Strings, Field(description="Paths that the task touches")] = [],  # noqa: B006  a schema
        branch: Annotated[str, Field(description="The branch of the work", max_length=300)] = "",
    ) -> answers.FirstStep:
        """Return what the team already learned that matters for a task. Call it once, before you begin."""
        me = self._me(agent)
        async with self._call(ctx):
            made = await self._store.first_step(agent=me, task=task, budget=budget, files=files, branch=branch)
        return answers.of_briefing(made)

    async def memory_search(
        self,
        query: Annotated[str, Field(min_length=1, max_length=10_000)],
        ctx: Context,
        reader: Reader = None,
        agent: Whose = None,
        limit: Annotated[int, Field(ge=1, le=50)] = 10,
        archived: Annotated[bool, Field(description="Search the archive as well")] = False,  # noqa: FBT002
    ) -> answers.Search:
        """Find memories by words or a query, best first: agent:NAME type:decision "a phrase" -without date:2026-03."""
        me = self._reader(reader)
        async with self._call(ctx):
            result = await self._store.search(query, agent=agent, reader=me, limit=limit, archived=archived)
        return answers.of_search(result)

    async def memory_show(
        self,
        id: Id,  # noqa: A002  the word for it everywhere
        ctx: Context,
        reader: Reader = None,
        agent: Annotated[str | None, Field(description="The same as reader", min_length=1, max_length=64)] = None,
    ) -> answers.Shown:
        """Return one memory in full."""
        me = self._reader(agent if reader is None else reader)
        async with self._call(ctx):
            memory = await self._store.show(id, reader=me)
            record = await self._store.record(memory.id, reader=me)
        return answers.of_memory(memory, record)

    async def memory_add(
        self,
        agent: Me,
        topic: Topic,
        body: Annotated[str, Field(description="Markdown: what holds, why, and how you know", min_length=1)],
        ctx: Context,
        type: Kind = "note",  # noqa: A002  the front matter's word
        description: Annotated[str, Field(description="One line that says what it says", max_length=1000)] = "",
        tags: Strings = [],  # noqa: B006  a schema
        supersedes: Annotated[Strings, Field(description="Ids of memories that this one replaces")] = [],  # noqa: B006
        files: Annotated[Strings, Field(description="Paths it speaks about")] = [],  # noqa: B006
        date: Annotated[Day, Field(description="The day it is about; today by default")] = None,
        valid_until: Annotated[Day, Field(description="The last day on which it holds")] = None,
        private: Annotated[bool, Field(description="For you alone")] = False,  # noqa: FBT002
    ) -> answers.Written:
        """Write a memory of yours: what you learned that others will need. It is on disk before this returns."""
        me = self._me(agent)
        async with self._call(ctx):
            memory = await self._store.add(
                agent=me, topic=topic, body=body, type=type, description=description, tags=tags, date=date,
                supersedes=supersedes, files=files, valid_until=valid_until,
                visibility="private" if private else "team",
            )  # fmt: skip
            try:
                suggested, problem = (await self._store.suggestions(memory.id, agent=memory.agent))[:3], ""
            except Exception as error:  # noqa: BLE001  whatever it is: the memory is safe, and that must be the answer
                suggested, problem = (), f"could not look for what it replaces ({error})"
        return answers.of_written(memory, suggested, problem)

    async def memory_supersede(
        self,
        new: Annotated[Id, Field(description="Id of the memory that holds")],
        old: Annotated[Id, Field(description="Id of the memory that it replaces")],
        ctx: Context,
        agent: Reader = None,
    ) -> answers.Written:
        """Note that one memory replaces another. The old one stays, and never ranks above the new one."""
        reader = self._reader(agent)
        async with self._call(ctx):
            return answers.of_written(await self._store.supersede(new, old, agent=reader))

    async def memory_consult(
        self,
        agent: Me,
        to: Annotated[str, Field(description="The name of the agent you ask; several with commas", max_length=1000)],
        question: Annotated[str, Field(description="Markdown, with what you assume meanwhile", min_length=1)],
        ctx: Context,
        topic: Annotated[str | None, Field(max_length=300)] = None,
    ) -> answers.Written:
        """Ask another agent; it finds the question at its next First Step, and you find the answer at yours."""
        me = self._me(agent)
        async with self._call(ctx):
            return answers.of_written(await self._store.consult(sender=me, to=to, question=question, topic=topic))

    async def memory_answer(
        self,
        agent: Me,
        id: Id,  # noqa: A002  the word for it everywhere
        text: Annotated[str, Field(min_length=1)],
        ctx: Context,
    ) -> answers.Written:
        """Answer a question that was put to you, and close it."""
        me = self._me(agent)
        async with self._call(ctx):
            return answers.of_written(await self._store.answer(id, agent=me, text=text))

    # -- inside -------------------------------------------------------------------------------------------------

    def _me(self, agent: str) -> str:
        """Return who calls.

        Raises:
            ToolError: The server speaks for another.
        """
        name = naming.check_agent(agent)
        if self._agent not in (None, name):
            raise ToolError(f"this server speaks for {self._agent}, not for {name}: call it with agent {self._agent}")
        return name

    def _reader(self, agent: str | None) -> str | None:
        return self._agent if agent is None else self._me(agent)

    @asynccontextmanager
    async def _call(self, ctx: Context) -> AsyncIterator[None]:
        """Tell of a build while the call waits; one that has begun comes to its end whatever its client does."""
        with anyio.CancelScope(shield=True):
            async with self._building.told(ctx.report_progress):
                yield


def _tool(
    run: Callable[..., Coroutine[Any, Any, T]],
    title: str,
    annotations: ToolAnnotations,
    *,
    meta: dict[str, Any] | None = None,
) -> Tool:
    """Return a tool that refuses words it does not know: a misspelt `supersedes` must not vanish."""
    tool = Tool.from_function(
        _without_surprises(run), title=title, annotations=annotations, meta=meta, structured_output=True
    )
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters["additionalProperties"] = False
    return tool


def _without_surprises(run: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """Return a tool whose failures are sentences; those that nobody foresaw tell nothing of the machine."""

    @functools.wraps(run)
    async def guarded(*args: Any, **words: Any) -> T:
        try:
            return await run(*args, **words)
        except ToolError:
            raise
        except MemoryStoreError as error:
            raise ToolError(str(error)) from error
        except Exception as error:
            log.exception("%s failed", getattr(run, "__name__", "a tool"))
            kind = type(error).__name__
            raise ToolError(f"internal error ({kind}); the log of the server has it") from error

    return guarded
