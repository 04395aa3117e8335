"""`memory install`: the settings of a runner, so that its agents are briefed."""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from agent_memory.cli import registering
from agent_memory.cli.failure import Usage
from agent_memory.cli.options import Call, Command, pass_call, shared_options
from agent_memory.cli.render import say

NEXT = {
    "claude-code": "next: let agents write memories with: claude --allowedTools 'Bash(memory *)', or permissions.allow",
    "codex": "next: approve the hooks with /hooks in Codex, which skips in silence those it does not trust",
}


@click.command(
    "install",
    cls=Command,
    short_help="Let an agent runner brief its agents.",
    examples=(
        "memory install claude-code",
        "memory install codex --scope user --dry-run",
        "memory install claude-code --mcp --yes",
    ),
)
@registering.runner_options
@click.option("--mcp", is_flag=True, help="Register the MCP server as well (needs the extra mcp).")
@click.option("--remind", is_flag=True, help="Remind an agent once that ends without having written a memory.")
@click.option("--command", "words", metavar="WORDS", help="How the runner calls memory; by default as it is found now.")
@shared_options
@pass_call
def command(call: Call, /, runner: str, scope: str, words: str | None, **how: Any) -> None:
    """Write the hooks, and with --mcp the MCP server, into the settings of a runner.

    RUNNER is claude-code or codex. The difference is shown first, and all else in a file stays byte for byte as it was.
    Where the hooks are there already, nothing changes. `memory uninstall` takes them out again.
    """
    bridge = registering.bridge_of(runner, scope)
    if how["mcp"] and runner == "claude-code" and scope != "project":
        raise Usage(
            f"--mcp writes the project's .mcp.json, not that of scope {scope}",
            hint=f"register it with: claude mcp add --scope {scope} agent-memory -- memory mcp",
        )
    found = registering.places(call, runner)
    from agent_memory.bridges.registration import Wish

    wish = Wish(
        command=_words(words),
        options=("--root", found.store) if found.store else (),
        remind=how["remind"],
        mcp=how["mcp"],
    )
    if wish.mcp and words is None and importlib.util.find_spec("mcp") is None:
        say("note: the MCP server needs the extra mcp, which is not here: agent-memory-store[mcp]")
    edits = bridge.install(wish, scope, project=found.project, home=found.home)
    written = registering.carry_out(call, edits, project=found.project, dry_run=how["dry_run"], yes=how["yes"])
    if written and not call.json:
        say(f"  {NEXT[runner]}")


def _words(words: str | None) -> tuple[str, ...]:
    """Return the words that call this program: its name where a runner will find it, else its path."""
    if words is not None:
        return _given(words)
    import shutil

    if shutil.which("memory"):
        return ("memory",)
    program = Path(sys.argv[0]).absolute()
    named = os.access(program, os.X_OK) and program.name in ("memory", "agent-memory-store")
    say("note: `memory` is not on PATH, so settings get its full path; --command gives another")
    return (str(program),) if named else (sys.executable, "-m", "agent_memory")


def _given(words: str) -> tuple[str, ...]:
    """Return the words of --command; what a later call would not know as ours could never be taken out again."""
    from agent_memory.bridges.registration import PROGRAMS, calls

    try:
        found = tuple(shlex.split(words)) or ("memory",)
    except ValueError as error:
        raise Usage(f"--command {words!r} is no command: {str(error).lower()}") from error
    if not calls((*found, "hook"), "hook"):
        hint = f"it ends with one of {', '.join(PROGRAMS)}"
        raise Usage(f"--command {words!r} does not call this program", hint=hint)
    return found
