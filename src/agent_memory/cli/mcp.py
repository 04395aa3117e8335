"""`memory mcp`: the store as a server of the Model Context Protocol."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from agent_memory.cli.failure import Usage
from agent_memory.cli.options import Call, Command, agent_option, pass_call, shared_options
from agent_memory.cli.render import say


class Port(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A port of TCP; 0 takes a free one."""

    name = "port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ARG002
        """Read a number."""
        if str(value).isdecimal() and int(value) < 65536:
            return int(value)
        raise Usage(f"--port {value!r} is not a port", hint="a number from 1 to 65535; 0 takes a free one")


@click.command(
    "mcp",
    cls=Command,
    short_help="Serve the store to clients of the Model Context Protocol.",
    examples=("claude mcp add --scope project agent-memory -- memory mcp", "memory mcp --http --port 8123"),
)
@agent_option("Speak for this agent alone; without it each call says who it is.")
@click.option("--http", is_flag=True, help="Serve over HTTP instead of stdin and stdout.")
@click.option("--host", metavar="HOST", help="Where to listen; 127.0.0.1 by default.")
@click.option("--port", metavar="N", type=Port(), help="The port; 8000 by default.")
@shared_options
@pass_call
def command(call: Call, agent: str | None, http: bool, host: str | None, port: int | None) -> None:  # noqa: FBT001
    """Serve the store to clients of the Model Context Protocol.

    One client over stdin and stdout until it goes away, or any number over HTTP until Ctrl-C. Whoever is to reach it
    from another machine has to show the token in MEMORY_MCP_TOKEN, as Authorization: Bearer.

    Needs the extra mcp: pip install 'agent-memory-store[mcp]'.
    """
    if not http and (host is not None or port is not None):
        raise Usage("--host and --port are for --http", hint="see: memory mcp --help")
    from agent_memory.bridges.mcp import serving
    from agent_memory.files import discover, naming
    from agent_memory.store import local_time

    root = discover.find(Path.cwd(), os.environ, root=call.root)
    speaker = naming.check_agent(agent) if agent is not None else None
    clock = call.clock or local_time
    if not http:
        serving.serve_stdio(root, agent=speaker, clock=clock)
        return
    serving.serve_http(
        root, host=host or "127.0.0.1", port=8000 if port is None else port, agent=speaker, clock=clock,
        token=os.environ.get("MEMORY_MCP_TOKEN") or None, ready=lambda address: say(f"serving {address}, Ctrl-C ends"),
    )  # fmt: skip
