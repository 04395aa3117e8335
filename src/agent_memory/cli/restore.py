"""`memory restore`: what was archived or trashed comes back."""

from __future__ import annotations

import click

from agent_memory.cli.moving import move_each
from agent_memory.cli.options import Call, Command, agent_option, pass_call, references, shared_options


@click.command(
    "restore",
    cls=Command,
    short_help="Bring memories back from the archive or the trash.",
    examples=("memory restore api-engineer/2026-03-02-retry-policy",),
)
@references
@agent_option("Who does it; whose memories are meant where only their names are given.")
@shared_options
@pass_call
def command(call: Call, ids: tuple[str, ...], agent: str | None) -> None:
    """Bring memories back from the archive or the trash, unchanged, and print their ids."""
    with call.store() as store:

        def move(reference: str) -> dict[str, object]:
            record = store.restore(reference, agent=agent)
            return {"id": record.id, "path": record.path}

        move_each(call, ids, move)
