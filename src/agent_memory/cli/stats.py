"""`memory stats`: how much there is, and whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import Call, Command, pass_call, shared_options
from agent_memory.cli.render import mention, on_terminal, plural, put, visible, wrapped
from agent_memory.cli.table import Column, print_table

if TYPE_CHECKING:
    from agent_memory.index.statistics import Statistics


@click.command(
    "stats",
    cls=Command,
    short_help="Count memories, agents and tokens.",
    examples=("memory stats",),
)
@shared_options
@pass_call
def command(call: Call) -> None:
    """Count memories, agents and tokens.

    Tokens are what reading every file would cost, four bytes counted as one. Off a terminal the rows are
    tab-separated, without a header and without the totals: agent, memories, archived, tokens, first day, last day.
    """
    with call.store() as store:
        found = store.stats()
        if call.json:
            from agent_memory.cli.json_output import print_json

            print_json({**_values(found), "fallback": store.fallback or None})
            return
        if on_terminal():
            _print_totals(found)
        numbers = [Column(name=name, align="right") for name in ("memories", "archived", "tokens")]
        rows = [(a.agent, *_counts(a.memories, a.archived, a.tokens), a.first, a.last) for a in found.agents]
        print_table([Column(name="agent"), *numbers, Column(name="first"), Column(name="last")], rows)
        mention(store, problems=True)


def _counts(*numbers: int) -> list[str]:
    return [f"{n:,}" if on_terminal() else str(n) for n in numbers]


def _print_totals(found: Statistics) -> None:
    archived = f" and {found.archived:,} archived" if found.archived else ""
    agents = plural(len(found.agents), "agent")
    put(f"{plural(found.memories, 'memory', 'memories')}{archived} of {agents}, about {found.tokens:,} tokens")
    if found.types:
        kinds = sorted(found.types.items(), key=lambda item: (-item[1], item[0]))
        put(wrapped("types: " + ", ".join(f"{count:,} {visible(kind)}" for kind, count in kinds), ()))
    put(f"index: {found.index_bytes / 1e6:.1f} MB\n")


def _values(found: Statistics) -> dict[str, object]:
    return {
        "memories": found.memories,
        "archived": found.archived,
        "tokens": found.tokens,
        "index_bytes": found.index_bytes,
        "types": found.types,
        "agents": [
            {
                "agent": a.agent,
                "memories": a.memories,
                "archived": a.archived,
                "tokens": a.tokens,
                "first": a.first.isoformat(),
                "last": a.last.isoformat(),
            }
            for a in found.agents
        ],
    }
