"""`memory feedback`: what came of a briefing."""

from __future__ import annotations

import click

from agent_memory.cli.options import Call, Command, complete_reference, pass_call, shared_options
from agent_memory.cli.render import put, visible


@click.command(
    "feedback",
    cls=Command,
    short_help="Note which memories of a briefing helped.",
    examples=(
        "memory feedback 3f9a1c --used api-engineer/2026-03-02-retry-policy",
        "memory feedback 3f9a1c --used 2026-03-02-retry-policy --wrong 2025-11-03-old-queue",
    ),
)
@click.argument("receipt", metavar="RECEIPT")
@click.option("--used", metavar="ID", multiple=True, shell_complete=complete_reference,
              help="A memory that helped; may be repeated.")  # fmt: skip
@click.option("--wrong", metavar="ID", multiple=True, shell_complete=complete_reference,
              help="A memory that was not true or not fit; may be repeated.")  # fmt: skip
@shared_options
@pass_call
def command(call: Call, receipt: str, used: tuple[str, ...], wrong: tuple[str, ...]) -> None:
    """Note which memories of a briefing helped and which were wrong, and print them.

    RECEIPT is the id that the briefing came with, or its beginning. The last word on a memory counts. Feedback may
    break ties between memories that match a task equally well, and does no more.
    """
    with call.store() as store:
        said = store.feedback(receipt, used=used, wrong=wrong)
    if call.json:
        from agent_memory.cli.json_output import print_json

        print_json({"receipt": said.receipt, "at": said.at, "used": list(said.used), "wrong": list(said.wrong)})
        return
    for word, ids in (("used", said.used), ("wrong", said.wrong)):
        for id_ in ids:
            put(f"{word}\t{visible(id_)}")
