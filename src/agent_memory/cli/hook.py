"""`memory hook`: what an agent runner calls; see `unattended` for how it does."""

from __future__ import annotations

import click

from agent_memory.bridges import hook as bridge
from agent_memory.cli.options import Call, Command, pass_call, shared_options


@click.command(
    "hook",
    cls=Command,
    short_help="Answer an event of an agent runner.",
    examples=("memory hook < event.json",),
)
@click.option("--limit", metavar="SECONDS", default=f"{bridge.LIMIT:g}", show_default=True,
              help="Time an answer may take; a later one is none.")  # fmt: skip
@click.option("--remind", is_flag=True, help="Remind an agent once that ends without having written a memory.")
@shared_options
@pass_call
def command(call: Call, limit: str, remind: bool) -> None:  # noqa: FBT001
    """Answer an event of an agent runner: read it as JSON from stdin, print JSON or nothing.

    `memory install` makes Claude Code or Codex call this. An agent that is started gets its briefing with its task,
    once, where something is relevant. Nothing ever fails: the exit code is 0, no answer is longer than 9,000 characters
    of briefing, and what went wrong is told on stderr and by `memory doctor`.
    """
    import sys

    from agent_memory.cli import unattended
    from agent_memory.cli.render import say, visible

    words = ["--limit", limit, *(["--root", call.root] if call.root else []), *(["--remind"] if remind else [])]
    answer, remarks = unattended.answered(words, sys.stdin.buffer.read, call.clock)
    for remark in remarks:
        say(unattended.SAYS + visible(remark))
    if answer:
        click.echo(answer)
