"""Serving: over stdin and stdout, or over HTTP, on loopback unless a bearer token guards it."""

from __future__ import annotations

import hmac
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import anyio

from agent_memory.aio import AsyncMemoryStore
from agent_memory.bridges.mcp.building import Building
from agent_memory.bridges.mcp.sdk import LINE, MCPServer
from agent_memory.bridges.mcp.server import make_server
from agent_memory.errors import InvalidInput, MemoryStoreError
from agent_memory.store import Clock, local_time

PATH = "/mcp"
SHORTEST_TOKEN = 16

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Callable[[], Awaitable[Message]], Send], Awaitable[None]]


def serve_stdio(root: Path, *, agent: str | None = None, clock: Clock = local_time) -> None:
    """Serve one client over stdin and stdout until it goes away."""

    async def main() -> None:
        building = Building()
        async with AsyncMemoryStore.open(root, clock=clock, progress=building) as store:
            await make_server(store, building, agent=agent).run_stdio_async()

    anyio.run(main)


def serve_http(
    root: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    agent: str | None = None,
    clock: Clock = local_time,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve over HTTP until the process is told to end.

    Args:
        port: 0 takes one that is free.
        token: What clients send as `Authorization: Bearer …`; None asks for nothing, which is for loopback only.
        ready: Called with the address once it is open.

    Raises:
        InvalidInput: The host is not loopback and there is no token, or the token is too short.
        MemoryStoreError: The address cannot be opened.
    """
    import uvicorn  # noqa: PLC0415  not for stdio

    _check(host, token)
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host

    async def main() -> None:
        building = Building()
        async with AsyncMemoryStore.open(root, clock=clock, progress=building) as store:
            app = guarded(_app(make_server(store, building, agent=agent), host), token)
            config = uvicorn.Config(app, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=3)
            ready(f"http://{shown}:{listening.getsockname()[1]}{PATH}")
            await uvicorn.Server(config).serve(sockets=[listening])

    with listening:
        anyio.run(main)


def guarded(app: App, token: str | None) -> App:
    """Return an application that answers nobody without the token; None guards nothing."""
    if token is None:
        return app
    expected = f"bearer {token}".encode()

    async def guard(scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        given = [value for name, value in scope.get("headers", ()) if name == b"authorization"]
        given = [value[:7].lower() + value[7:] for value in given]  # the name of a scheme has no case
        if scope["type"] == "http" and not (len(given) == 1 and hmac.compare_digest(given[0], expected)):
            await _refuse(send)
        else:
            await app(scope, receive, send)

    return guard


async def _refuse(send: Send) -> None:
    body = json.dumps({"error": "this server wants its token as Authorization: Bearer ..."}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", b"Bearer"),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _app(server: MCPServer, host: str) -> App:
    """Return the application; without sessions, so that a server may be restarted under its clients."""
    if LINE > 1:
        app: App = server.streamable_http_app(streamable_http_path=PATH, stateless_http=True, host=host)
        return app
    settings: Any = server.settings
    settings.streamable_http_path, settings.stateless_http = PATH, True
    if not _is_loopback(host):
        settings.transport_security = None  # its list of hosts is that of loopback; the token guards instead
    return server.streamable_http_app()


def _check(host: str, token: str | None) -> None:
    hint = "put a secret of 16 characters or more into MEMORY_MCP_TOKEN"
    if token is None and not _is_loopback(host):
        raise InvalidInput(f"{host} can be reached from outside, so clients have to show a token", hint=hint)
    if token is not None and (len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise InvalidInput("the token is too short, or has characters that no header can carry", hint=hint)


def _is_loopback(host: str) -> bool:
    """Whether this is one of the names for which the SDK refuses requests that a web page of another host sends."""
    return host in ("127.0.0.1", "localhost", "::1")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MemoryStoreError(f"cannot listen on {host}:{port}: {reason}", hint="choose another --port") from error
