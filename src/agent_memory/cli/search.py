"""`memory search`: the memories that match a query, best first, each with its best passage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import COUNT, Call, QueryCommand, agent_option, pass_call, reader_option, shared_options
from agent_memory.cli.render import (
    bold,
    columns,
    cut,
    dim,
    note,
    on_terminal,
    plural,
    put,
    say,
    say_strangers,
    standing,
    visible,
    width_of,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent_memory.model import Hit, SearchResult, Term


@click.command(
    "search",
    cls=QueryCommand,
    short_help="Find memories by a query, best first.",
    examples=(
        "memory search webhook retries",
        "memory search 'agent:api-engineer type:decision \"rate limit\" -draft'",
        "memory search 'paging date:[2026-01 TO 2026-06]'",
    ),
)
@click.argument("query", metavar="QUERY...", nargs=-1, required=True)
@agent_option("Only memories of this agent.")
@reader_option
@click.option("--limit", metavar="N", type=COUNT, default=10, show_default=True, help="Hits at most.")
@click.option("--archived", is_flag=True, help="Search the archive as well.")
@click.option("--explain", is_flag=True, help="Show every term of each score.")
@shared_options
@pass_call
def command(
    call: Call,
    query: tuple[str, ...],
    agent: str | None,
    reader: str | None,
    limit: int,
    archived: bool,  # noqa: FBT001
    explain: bool,  # noqa: FBT001
) -> None:
    """Find memories by a query, best first.

    Several words are one query; every word counts, none is needed. The language has fields, AND, OR, NOT or a leading
    dash, "phrases", prefix*, fuzzy~ and dates.

    Nothing found is no error. Put -- before words that look like an option of this command.
    """
    call.query = " ".join(query)
    with call.store() as store:
        result = store.search(call.query, agent=agent, reader=reader, limit=limit, archived=archived, explain=explain)
        if call.json:
            from agent_memory.cli.json_output import of_search, print_json

            print_json(of_search(result, explain=explain))
        else:
            _print(result, limit, agent, explain=explain)
        say_strangers(store, (agent, reader), seen=[hit.record for hit in result.hits])


def _print(result: SearchResult, limit: int, agent: str | None, *, explain: bool) -> None:
    for place, hit in enumerate(result.hits, 1):
        _print_hit(place, hit, explain=explain)
    if result.hits:
        _say_more(result, limit)
    else:
        _say_nothing(result, agent)
    note(result.fallback, result.problems)


def _print_hit(place: int, hit: Hit, *, explain: bool) -> None:
    record = hit.record
    if place > 1:
        put()
    number = f"{place}. "
    indent = " " * len(number)
    title = visible(record.name)
    facts = " · ".join(filter(None, (visible(record.agent), str(record.date), visible(record.type), standing(record))))
    if on_terminal() and width_of(f"{number}{title}  {facts}") > columns():
        put(number + wrapped(title, [(0, len(title))], indent=indent, mark=bold).lstrip())
        put(wrapped(facts, (), indent=indent))
    else:
        put(f"{number}{bold(title)}  {dim(facts)}")
    _print_place(hit, indent)
    if hit.snippet:
        put(wrapped(hit.snippet, hit.highlights, indent=indent))
    if explain:
        _print_terms(hit.terms, hit.score, indent)


def _print_place(hit: Hit, indent: str) -> None:
    """Print where the passage is: the line, and the headings over it but the one that repeats the name."""
    place = f"{visible(hit.record.path)}:{hit.line}"
    heading = visible(hit.heading.removeprefix(hit.record.name).removeprefix(" > "))
    if on_terminal():
        heading = cut(heading, columns() - len(indent) - width_of(place) - 2)
    put(f"{indent}{click.style(place, fg='cyan')}{dim(f'  {heading}') if heading else ''}")


def _print_terms(terms: Sequence[Term], score: float, indent: str) -> None:
    """Print the addends of a score, rounded so that what is shown adds up to what is shown."""
    rows, exact, shown = [], 0.0, 0.0
    for term in terms:
        exact += term.value
        points = round(exact, 2) - shown
        shown += points
        rows.append((f"{points:.2f}", visible(term.name), visible(term.field), visible(term.note)))
    total = f"{score:.2f}"
    widths = [max(width_of(row[i]) for row in [(total, "", ""), *rows]) for i in range(3)]
    for value, name, field, text in rows:
        pad = " " * (widths[1] - width_of(name))
        put(f"{indent}{value:>{widths[0]}}  {name}{pad}  {field:<{widths[2]}}  {dim(text) if text else ''}".rstrip())
    put(f"{indent}{bold(f'{total:>{widths[0]}}')}  {'score' if terms else 'score: no words to rank by, newest first'}")


def _say_more(result: SearchResult, limit: int) -> None:
    if result.total > len(result.hits):
        more = f"; more with --limit {min(result.total, 10 * limit)}" if len(result.hits) >= limit else ""
        count = plural(result.total, "memory", "memories")
        of = count if result.complete else f"more than {count}"
        say(dim(f"\n{len(result.hits)} of {of} that match{more}"))


def _say_nothing(result: SearchResult, agent: str | None) -> None:
    if result.total:
        say(f"{plural(result.total, 'memory matches', 'memories match')}, but no file of them can be read now")
        return
    say(f"nothing found for {visible(result.query)!r}" + (f" among the memories of {visible(agent)}" if agent else ""))
    if result.suggestion:
        say(f"  did you mean: {visible(result.suggestion)}")
