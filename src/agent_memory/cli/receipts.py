"""`memory receipts`: what the newest briefings handed over, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import COUNT, Call, Command, agent_option, pass_call, reader_option, shared_options
from agent_memory.cli.render import note, on_terminal, plural, say, say_strangers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent_memory.recall.receipts import Judged


@click.command(
    "receipts",
    cls=Command,
    short_help="List the newest briefings and what came of them.",
    examples=(
        "memory receipts --agent api-engineer --limit 5",
        "memory receipts --json | jq '.receipts[0].memories[].id'",
    ),
)
@agent_option("Only briefings of this agent.")
@reader_option
@click.option("--limit", metavar="N", type=COUNT, default=20, show_default=True, help="Receipts at most.")
@shared_options
@pass_call
def command(call: Call, agent: str | None, reader: str | None, limit: int) -> None:
    """List the newest briefings and what came of them.

    Off a terminal the rows are tab-separated, without a header: time, agent, receipt, memories handed over, memories
    left out, tokens, memories used, memories wrong. Memories that are private to another than the reader are left out;
    JSON counts them as "hidden".
    """
    with call.store() as store:
        found = store.receipts(limit=limit, agent=agent, reader=reader)
        if call.json:
            from agent_memory.cli.json_output import of_problems, print_json

            items = [_object(judged) for judged in found.items]
            print_json({"receipts": items, "problems": of_problems(found.problems)})
        else:
            _print(found.items)
            note("", notes=map(str, found.problems))
        say_strangers(store, (reader, None if found.items else agent))


def _object(judged: Judged) -> dict[str, object]:
    receipt = judged.receipt
    return {
        "receipt": receipt.id,
        "at": receipt.at,
        "agent": receipt.agent,
        "task_hash": receipt.task_hash,
        "budget": receipt.budget,
        "tokens": receipt.tokens,
        "memories": [handed._asdict() for handed in receipt.memories],
        "left_out": [{"id": id_} for id_ in receipt.left_out],
        "nothing_relevant": receipt.nothing_relevant,
        "arms": list(receipt.arms),
        "used": list(judged.used),
        "wrong": list(judged.wrong),
        "hidden": judged.hidden,
    }


def _print(found: Sequence[Judged]) -> None:
    from agent_memory.cli.table import Column, print_table

    if not found:
        say("no receipts; every briefing of first-step leaves one")
        return
    rows = [
        (
            r.at[:16] if on_terminal() else r.at, r.agent, r.id, len(r.memories), len(r.left_out), r.tokens,
            len(judged.used), len(judged.wrong),
        )
        for judged in found
        for r in (judged.receipt,)
    ]  # fmt: skip
    numbers = [Column(name=name, align="right") for name in ("memories", "left out", "tokens", "used", "wrong")]
    names = [Column(name="time"), Column(name="agent", cut=True), Column(name="receipt", style="cyan")]
    print_table([*names, *numbers], rows)
    if on_terminal():
        say(plural(len(found), "receipt"))
