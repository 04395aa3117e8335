"""Codex: its `hooks.json`, whose form is Claude Code's, and our table in its `config.toml`."""

from __future__ import annotations

import json
import shlex
import tomllib
from pathlib import Path
from typing import Any

from agent_memory.bridges import registration
from agent_memory.bridges.registration import SERVER, Edit, Wish
from agent_memory.errors import InvalidInput

TIMEOUT = 10
"""Seconds after which Codex itself gives up a hook, twice as long as the hook takes at most."""

SCOPES = ("project", "user")

_MATCHER = ".*spawn_agent"  # the name of a group of tools stands before it


def folder(scope: str, *, project: Path, home: Path) -> Path:
    """Return the folder of Codex's settings.

    Args:
        home: Codex's own folder, `~/.codex`.
    """
    return home if scope == "user" else project / ".codex"


def install(wish: Wish, scope: str, *, project: Path, home: Path) -> list[Edit]:
    """Return the changes that register what is wished for."""
    place = folder(scope, project=project, home=home)
    edits = [registration.edit(place / "hooks.json", lambda text: registration.with_hooks(text, hooks(wish)))]
    if wish.mcp:
        edits.append(registration.edit(place / "config.toml", lambda text: with_server(text, wish), empty=""))
    return edits


def uninstall(scope: str, *, project: Path, home: Path) -> list[Edit]:
    """Return the changes that take out what `install` put in."""
    place = folder(scope, project=project, home=home)
    return [
        registration.edit(place / "hooks.json", registration.without_hooks),
        registration.edit(place / "config.toml", without_server, empty=""),
    ]


def hooks(wish: Wish) -> dict[str, dict[str, Any]]:
    """Return event -> matcher and handlers; a prompt of Codex names no agent, so that event is left alone."""
    handler = {"type": "command", "command": shlex.join(wish.hook), "timeout": TIMEOUT}
    events = ("PreToolUse", "SubagentStart", *(["SubagentStop"] if wish.remind else []))
    return {event: {**({"matcher": _MATCHER} if event == "PreToolUse" else {}), "hooks": [handler]} for event in events}


def with_server(text: str, wish: Wish) -> str:
    """Return a `config.toml` that has our table, at its end where it is not there yet.

    Raises:
        InvalidInput: It is no TOML, or has another MCP server of our name.
    """
    program, *args = wish.command
    ours = {"command": program, "args": [*args, "mcp"]}
    if registration.has_server(_servers(text).get(SERVER), ours):
        return text
    rest = without_server(text)
    line = _line(rest)
    after = rest + (line if rest else "") + _table(ours, line)
    if _says(after) is None:
        raise InvalidInput("has mcp_servers in a form to which no table can be added")
    return after


def without_server(text: str) -> str:
    """Return a `config.toml` without the table of our server, whatever somebody added to that.

    Raises:
        InvalidInput: It is no TOML, or our server stands in another form than a table.
    """
    if not registration.is_our_server(_servers(text).get(SERVER)):
        return text
    expected, lines = _without(text), text.splitlines(keepends=True)
    heads = [number for number, line in enumerate(lines) if line.strip() == f"[mcp_servers.{SERVER}]"]
    for first in reversed(heads):
        for last in range(first + 1, len(lines) + 1):
            rest = _joined("".join(lines[:first]), "".join(lines[last:]), _line(text))
            if _says(rest) == expected:
                return rest
    raise InvalidInput(f"has the MCP server {SERVER} in another form than a table [mcp_servers.{SERVER}]")


def _joined(before: str, behind: str, line: str) -> str:
    """Return what stands before and behind our table, without the line end that was put before it."""
    plain = before.removesuffix(line)
    return before + behind if behind and plain and not plain.endswith(line) else plain + behind


def _says(text: str) -> dict[str, Any] | None:
    """Return what a `config.toml` says; None where it is none."""
    try:
        known = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    return {**known, "mcp_servers": known.get("mcp_servers", {})}


def _without(text: str) -> dict[str, Any]:
    """Return what a `config.toml` says beside our server."""
    known = tomllib.loads(text)
    servers = {name: value for name, value in known.pop("mcp_servers", {}).items() if name != SERVER}
    return {**known, "mcp_servers": servers}


def _line(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _table(values: dict[str, Any], line: str) -> str:
    lines = [f"[mcp_servers.{SERVER}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "".join(f"{text}{line}" for text in lines)


def _servers(text: str) -> dict[str, Any]:
    """Return the MCP servers by their names."""
    try:
        servers = tomllib.loads(text).get("mcp_servers")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidInput(f"is not TOML: {error}") from error
    return servers if isinstance(servers, dict) else {}
