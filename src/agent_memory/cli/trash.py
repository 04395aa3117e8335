"""`memory trash`: out of sight, until somebody wants it back."""

from __future__ import annotations

import click

from agent_memory.cli.moving import move_each
from agent_memory.cli.options import Call, Command, agent_option, pass_call, references, shared_options


@click.command(
    "trash",
    cls=Command,
    short_help="Move memories out of sight.",
    examples=("memory trash api-engineer/2026-03-02-retry-policy",),
)
@references
@agent_option("Who does it; whose memories are meant where only their names are given.")
@shared_options
@pass_call
def command(call: Call, ids: tuple[str, ...], agent: str | None) -> None:
    """Move memories out of sight, unchanged, and print their ids; restore brings them back.

    They lie in .store/trash/ then, where no search finds them. Nothing empties the trash by itself.
    """
    with call.store() as store:
        paths = [store.record(reference, agent=agent).path for reference in ids]
        move_each(call, paths, lambda path: {"id": store.trash(path, agent=agent)})
