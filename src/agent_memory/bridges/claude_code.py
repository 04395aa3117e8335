"""Claude Code: what its settings and its `.mcp.json` say about us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent_memory.bridges import registration
from agent_memory.bridges.json_text import JsonText
from agent_memory.bridges.registration import SERVER, Edit, Wish

TIMEOUT = 10
"""Seconds after which Claude Code itself gives up a hook, twice as long as the hook takes at most."""

SCOPES = ("project", "local", "user")

_MATCHER = "Agent|Task"  # the tool was called Task before it was called Agent


def settings(scope: str, *, project: Path, home: Path) -> Path:
    """Return the file of settings of a scope.

    Args:
        home: Claude Code's own folder, `~/.claude`.
    """
    if scope == "user":
        return home / "settings.json"
    return project / ".claude" / ("settings.json" if scope == "project" else "settings.local.json")


def install(wish: Wish, scope: str, *, project: Path, home: Path) -> list[Edit]:
    """Return the changes that register what is wished for."""
    file = settings(scope, project=project, home=home)
    edits = [registration.edit(file, lambda text: registration.with_hooks(text, hooks(wish)))]
    if wish.mcp:
        edits.append(registration.edit(project / ".mcp.json", lambda text: _with_server(text, wish)))
    return edits


def uninstall(scope: str, *, project: Path, home: Path) -> list[Edit]:
    """Return the changes that take out what `install` put in; the MCP server is registered for projects only."""
    edits = [registration.edit(settings(scope, project=project, home=home), registration.without_hooks)]
    if scope == "project":
        edits.append(registration.edit(project / ".mcp.json", _without_server))
    return edits


def hooks(wish: Wish) -> dict[str, dict[str, Any]]:
    """Return event -> matcher and handlers; with `args` no shell stands between."""
    program, *args = wish.hook
    handler = {"type": "command", "command": program, "args": args, "timeout": TIMEOUT}
    events = ("PreToolUse", "UserPromptSubmit", "SubagentStart", *(["SubagentStop"] if wish.remind else []))
    return {event: {**({"matcher": _MATCHER} if event == "PreToolUse" else {}), "hooks": [handler]} for event in events}


def server(wish: Wish) -> dict[str, Any]:
    """Return how the MCP server is started."""
    program, *args = wish.command
    return {"type": "stdio", "command": program, "args": [*args, "mcp"]}


def _with_server(text: str, wish: Wish) -> str:
    servers = JsonText(text).value.get("mcpServers")
    known = servers.get(SERVER) if isinstance(servers, dict) else None
    if registration.has_server(known, server(wish)):
        return text
    return JsonText(_without_server(text)).put(("mcpServers", SERVER), server(wish)).text


def _without_server(text: str) -> str:
    return JsonText(text).drop(("mcpServers", SERVER), registration.is_our_server).text
