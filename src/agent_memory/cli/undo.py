"""`memory undo`: take a compaction back, to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import Call, Command, pass_call, shared_options
from agent_memory.cli.render import note, plural, put

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def _complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the compactions that can be undone; a failure offers nothing, because a shell has no place for it."""
    from click.shell_completion import CompletionItem

    try:
        with ctx.ensure_object(Call).store() as store:
            journals = store.compactions()
    except Exception:  # noqa: BLE001
        return []
    return [CompletionItem(j.id) for j in journals if j.state == "applied" and j.id.startswith(incomplete)]


@click.command(
    "undo",
    cls=Command,
    short_help="Take a compaction back, to the byte.",
    examples=(
        "memory undo                       # the newest compaction",
        "memory undo 2026-11-23-1a2b3c4d",
    ),
)
@click.argument("reference", metavar="[ID]", required=False, shell_complete=_complete)
@shared_options
@pass_call
def command(call: Call, reference: str | None) -> None:
    """Bring back what a compaction moved, and take away the digests it wrote.

    ID is what memory compact printed, or its beginning; without it the newest compaction is meant. What was edited
    since is not overwritten: both are kept, and it is told.
    """
    with call.store() as store:
        outcome = store.undo(reference)
        private = store.private_paths() if outcome.left else frozenset()
    told = [
        (f"{left.path.partition('/')[0]}/ (private)" if left.path in private else left.path, left.why)
        for left in outcome.left
    ]
    if call.json:
        from agent_memory.cli.json_output import print_json

        print_json(
            {
                "id": outcome.id,
                "restored": outcome.files,
                "left": [{"path": path, "why": why} for path, why in told],
            }
        )
        return
    put(f"{outcome.id} undone: {plural(outcome.files, 'memory', 'memories')} back where they were")
    for path, why in told:
        note(f"left alone: {path} ({why})")
