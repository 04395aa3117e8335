"""`memory uninstall`: the settings of a runner as they were before `memory install`."""

from __future__ import annotations

import click

from agent_memory.cli import registering
from agent_memory.cli.options import Call, Command, pass_call, shared_options


@click.command(
    "uninstall",
    cls=Command,
    short_help="Take out what install wrote.",
    examples=(
        "memory uninstall claude-code",
        "memory uninstall codex --scope user --yes",
    ),
)
@registering.runner_options
@shared_options
@pass_call
def command(call: Call, /, runner: str, scope: str, dry_run: bool, yes: bool) -> None:  # noqa: FBT001
    """Take the hooks and the MCP server out of the settings of a runner.

    RUNNER is claude-code or codex. The difference is shown first, and all else in a file stays byte for byte as it was.
    A file that says nothing any more is removed. Memories are never touched.
    """
    bridge = registering.bridge_of(runner, scope)
    found = registering.places(call, runner)
    edits = bridge.uninstall(scope, project=found.project, home=found.home)
    registering.carry_out(call, edits, project=found.project, dry_run=dry_run, yes=yes)
