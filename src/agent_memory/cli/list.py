"""`memory list`: the memories that a query selects, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import COUNT, Call, QueryCommand, agent_option, pass_call, reader_option, shared_options
from agent_memory.cli.render import mention, on_terminal, plural, say, say_strangers, standing

if TYPE_CHECKING:
    from agent_memory.model import Record


@click.command(
    "list",
    cls=QueryCommand,
    short_help="List memories, newest first.",
    examples=(
        "memory list --agent api-engineer --limit 20",
        "memory list type:decision date:2026-03",
        "memory list | cut -f5 | fzf | xargs memory show",
    ),
)
@click.argument("query", metavar="[QUERY]...", nargs=-1)
@agent_option("Only memories of this agent.")
@reader_option
@click.option("--limit", metavar="N", type=COUNT, help="Memories at most.  [default: all]")
@click.option("--archived", is_flag=True, help="List the archive as well.")
@shared_options
@pass_call
def command(
    call: Call,
    query: tuple[str, ...],
    agent: str | None,
    reader: str | None,
    limit: int | None,
    archived: bool,  # noqa: FBT001
) -> None:
    """List memories, newest first.

    QUERY selects, as in search. Off a terminal the rows are tab-separated, without a header: date, agent, type, status,
    id, name.
    """
    call.query = " ".join(query)
    with call.store() as store:
        records = store.list(call.query, agent=agent, reader=reader, archived=archived, limit=limit)
        if call.json:
            from agent_memory.cli.json_output import of_problems, of_record, print_json

            memories = [of_record(record) for record in records]
            fallback = store.fallback or None
            print_json({"memories": memories, "fallback": fallback, "problems": of_problems(store.report.problems)})
        else:
            _print(records)
            mention(store, problems=True)
        say_strangers(store, (agent, reader), seen=records)


def _print(records: tuple[Record, ...]) -> None:
    from agent_memory.cli.table import Column, print_table

    if not records:
        say("no memories")
    elif not on_terminal():
        print_table((), [(r.date, r.agent, r.type, r.status, r.id, r.name) for r in records])
    else:
        shown = any(map(standing, records))
        columns = [Column(name="memory", style="cyan"), Column(name="type", spare=True), Column(name="name", cut=True)]
        rows = [[r.id, r.type, r.name, r.status] if shown else [r.id, r.type, r.name] for r in records]
        print_table([*columns, Column(name="status")] if shown else columns, rows)
        say(plural(len(records), "memory", "memories"))
