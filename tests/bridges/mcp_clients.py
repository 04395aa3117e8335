"""Clients of the MCP server for tests: in memory, over stdio and over HTTP, on either line of the SDK."""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pydantic

from agent_memory.aio import AsyncMemoryStore
from agent_memory.bridges.mcp.building import Building
from agent_memory.bridges.mcp.sdk import LINE
from agent_memory.bridges.mcp.server import make_server

MEMORY = (sys.executable, "-m", "agent_memory")


@dataclass(frozen=True)
class Answer:
    """What a tool gave back, on either line."""

    failed: bool
    value: dict[str, Any]
    text: str


class Caller:
    """A client that is connected; its answers are those of both lines in one form."""

    def __init__(self, session: Any) -> None:
        self.session = session

    async def call(self, tool: str, progress: Any = None, **words: Any) -> Answer:
        result = await self.session.call_tool(tool, words, progress_callback=progress)
        value = result.structured_content if LINE > 1 else result.structuredContent
        failed = result.is_error if LINE > 1 else result.isError
        return Answer(failed, value or {}, "".join(block.text for block in result.content))

    async def done(self, tool: str, **words: Any) -> dict[str, Any]:
        """Call a tool that must succeed."""
        answer = await self.call(tool, **words)
        assert not answer.failed, answer.text
        return answer.value

    async def refused(self, tool: str, **words: Any) -> str:
        """Call a tool that must fail, and return what the model reads."""
        answer = await self.call(tool, **words)
        assert answer.failed, answer.value
        return answer.text

    async def read(self, uri: str) -> str:
        result = await self.session.read_resource(uri if LINE > 1 else _any_url(uri))
        return str(result.contents[0].text)

    async def complete(self, ref: Any, name: str, value: str, **known: str) -> list[str]:
        result = await self.session.complete(ref, {"name": name, "value": value}, context_arguments=known or None)
        return list(result.completion.values)


def _any_url(uri: str) -> Any:
    return pydantic.AnyUrl(uri)


@contextlib.asynccontextmanager
async def in_memory(root: Path, *, agent: str | None = None, mode: str = "auto") -> AsyncIterator[Caller]:
    building = Building()
    async with AsyncMemoryStore.open(root, progress=building) as store:
        server = make_server(store, building, agent=agent)
        if LINE > 1:
            from mcp import Client

            async with Client(server, mode=mode) as client:
                yield Caller(client)
        else:
            memory: Any = importlib.import_module("mcp.shared.memory")
            async with memory.create_connected_server_and_client_session(server) as session:
                yield Caller(session)


@contextlib.asynccontextmanager
async def over_stdio(root: Path, *words: str, mode: str = "auto") -> AsyncIterator[Caller]:
    from mcp import StdioServerParameters

    called = [*MEMORY[1:], "--root", str(root), "mcp", *words]
    server = StdioServerParameters(command=MEMORY[0], args=called, env=clean())
    from mcp.client.stdio import stdio_client

    if LINE > 1:
        from mcp import Client

        async with Client(stdio_client(server), mode=mode) as client:
            yield Caller(client)
    else:
        from mcp import ClientSession

        async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as session:
            await session.initialize()
            yield Caller(session)


@contextlib.asynccontextmanager
async def over_http(url: str, *, token: str | None = None, mode: str = "auto") -> AsyncIterator[Caller]:
    from mcp.client.streamable_http import streamable_http_client

    httpx = importlib.import_module("httpx2" if LINE > 1 else "httpx")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        if LINE > 1:
            from mcp import Client

            async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
                yield Caller(client)
        else:
            from mcp import ClientSession

            streams = streamable_http_client(url, http_client=http)
            async with streams as opened, ClientSession(*opened[:2]) as session:
                await session.initialize()
                yield Caller(session)


def clean(**more: str) -> dict[str, str]:
    """The environment without what names a store."""
    kept = {n: v for n, v in os.environ.items() if n not in ("MEMORY_ROOT", "CLAUDE_PROJECT_DIR", "MEMORY_MCP_TOKEN")}
    return kept | more


@contextlib.contextmanager
def serving(root: Path, *words: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """A server process over HTTP on a free port; yields its address."""
    command = [*MEMORY, "--root", str(root), "mcp", "--http", "--port", "0", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=clean(**(env or {})))
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("serving http://"), line + process.stderr.read()
        yield line.split()[1].rstrip(",")
    finally:
        process.terminate()
        process.communicate(timeout=20)


def run(main: Callable[[], Any], *, seconds: float = 60) -> None:
    """Run a test that is a coroutine function; one that hangs fails."""

    async def limited() -> None:
        with anyio.fail_after(seconds):
            await main()

    anyio.run(limited)
