"""`memory archive`: out of the way, but not out of reach."""

from __future__ import annotations

import click

from agent_memory.cli.moving import move_each
from agent_memory.cli.options import Call, Command, agent_option, pass_call, references, shared_options


@click.command(
    "archive",
    cls=Command,
    short_help="Move memories to the archive.",
    examples=("memory archive api-engineer/2026-03-02-retry-policy",),
)
@references
@agent_option("Who does it; whose memories are meant where only their names are given.")
@shared_options
@pass_call
def command(call: Call, ids: tuple[str, ...], agent: str | None) -> None:
    """Move memories to the archive, unchanged, and print their ids.

    They lie in .store/archive/ then, and search --archived still finds them.
    """
    with call.store() as store:

        def move(reference: str) -> dict[str, object]:
            record = store.archive(reference, agent=agent)
            return {"id": record.id, "path": record.path}

        move_each(call, [store.record(reference, agent=agent).path for reference in ids], move)
