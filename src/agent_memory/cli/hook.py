"""`memory hook`: what an agent runner calls; see `unattended` for how it does."""

from __future__ import annotations

import click

from agent_memory.bridges import hook as bridge
from agent_memory.cli.options import Call, Command, pass_call, shared_options


@click.command(
    "hook",
    cls=Command,
    short_help="Answer an event of an agent runner.",
    examples=(
        "memory install claude-code",
        "memory hook < event.json",
    ),
)
@click.option("--limit", metavar="SECONDS", type=float, default=bridge.LIMIT, show_default=True,
              help="Time an answer may take; a later one is none.")  # fmt: skip
@click.option("--remind", is_flag=True, help="Remind an agent once that ends without having written a memory.")
@shared_options
@pass_call
def command(call: Call, limit: float, remind: bool) -> None:  # noqa: FBT001
    """Answer an event of an agent runner: read it as JSON from stdin, print JSON or nothing.

    `memory install` makes Claude Code or Codex call this. An agent that is started gets its briefing with its task,
    once, where something is relevant. Nothing ever fails: the exit code is 0, no answer is longer than 9,000 characters
    of briefing, and what went wrong is told on stderr and by `memory doctor`.
    """
    import os

    from agent_memory.cli.render import say, visible

    read = click.get_binary_stream("stdin").read
    setting = bridge.Setting(environ=os.environ, clock=call.clock, root=call.root, limit=limit, remind=remind)
    answer, remarks = bridge.run(read, setting)
    for remark in remarks:
        say(f"memory: hook: {visible(remark)}")
    if answer:
        click.echo(answer)
