"""`memory why`: in which briefings a memory was handed over, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import (
    Call,
    Command,
    agent_option,
    complete_reference,
    pass_call,
    reader_option,
    shared_options,
)
from agent_memory.cli.render import note, on_terminal, plural, say, visible

if TYPE_CHECKING:
    from agent_memory.recall.receipts import Handover
    from agent_memory.store.remembering import Handovers


@click.command(
    "why",
    cls=Command,
    short_help="Tell in which briefings a memory was handed over.",
    examples=("memory why api-engineer/2026-03-02-retry-policy",),
)
@click.argument("reference", metavar="ID", shell_complete=complete_reference)
@agent_option("Whose memory is meant where only its name is given.")
@reader_option
@shared_options
@pass_call
def command(call: Call, reference: str, agent: str | None, reader: str | None) -> None:
    """Tell in which briefings a memory was handed over, in which form, and what came of it.

    Off a terminal the rows are tab-separated, without a header: time, agent, receipt, form, outcome. The outcome is
    used, wrong, or - where nobody said.
    """
    with call.store() as store:
        found = store.why(reference, agent=agent, reader=reader)
    if call.json:
        from agent_memory.cli.json_output import of_problems, print_json

        handed = [_object(handover) for handover in found.items]
        print_json({"id": found.memory, "handed_over": handed, "problems": of_problems(found.problems)})
        return
    _print(found)
    note("", notes=map(str, found.problems))


def _object(handover: Handover) -> dict[str, object]:
    return {
        "receipt": handover.receipt.id,
        "at": handover.receipt.at,
        "agent": handover.receipt.agent,
        "form": handover.handed.form,
        "fingerprint": handover.handed.fingerprint,
        "outcome": handover.outcome,
    }


def _print(found: Handovers) -> None:
    from agent_memory.cli.table import Column, print_table

    if not found.items:
        say(f"no receipt says that {visible(found.memory)} was handed over")
        return
    rows = [
        (h.receipt.at[:16] if on_terminal() else h.receipt.at, h.receipt.agent, h.receipt.id, h.handed.form,
         h.outcome or "-")
        for h in found.items
    ]  # fmt: skip
    names = [Column(name="time"), Column(name="agent", cut=True), Column(name="receipt", style="cyan")]
    print_table([*names, Column(name="form"), Column(name="outcome")], rows)
    if on_terminal():
        outcomes = [h.outcome for h in found.items]
        told = f"{outcomes.count('used')} times used, {outcomes.count('wrong')} times wrong"
        say(f"{plural(len(found.items), 'briefing')}, {told}")
