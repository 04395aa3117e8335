"""`memory supersede`: one memory replaces another."""

from __future__ import annotations

import click

from agent_memory.cli.options import Call, Command, agent_option, complete_reference, pass_call, shared_options
from agent_memory.cli.render import note, put, visible


@click.command(
    "supersede",
    cls=Command,
    short_help="Note that one memory replaces another.",
    examples=("memory supersede 2026-04-30-money-in-minor-units 2026-02-16-money-as-numeric",),
)
@click.argument("new", metavar="NEW", shell_complete=complete_reference)
@click.argument("old", metavar="OLD", shell_complete=complete_reference)
@agent_option("Who does it; whose memories are meant where only their names are given.")
@shared_options
@pass_call
def command(call: Call, new: str, old: str, agent: str | None) -> None:
    """Note in the memory NEW that it replaces the memory OLD, whose file stays as it is.

    From then on OLD never ranks above NEW, and says who superseded it.
    """
    with call.store() as store:
        memory = store.supersede(new, old, agent=agent)
    if call.json:
        from agent_memory.cli.json_output import of_written, print_json

        print_json({**of_written(memory), "supersedes": list(memory.supersedes)})
    else:
        put(visible(memory.id))
        note("", notes=memory.notes)
