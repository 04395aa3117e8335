"""`memory show`: memories in full, what holds of them before their text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import Call, Command, agent_option, pass_call, reader_option, references, shared_options
from agent_memory.cli.render import bold, dim, flowed, mention, on_terminal, put, readable, standing, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent_memory.model import Memory, Record
    from agent_memory.store import MemoryStore


@click.command(
    "show",
    cls=Command,
    short_help="Print memories in full.",
    examples=(
        "memory show api-engineer/2026-03-02-retry-policy",
        "memory show 2026-03-02-retry-policy --json",
    ),
)
@references
@agent_option("Whose memory is meant where only its name is given.")
@reader_option
@click.option("--raw", is_flag=True, help="Print the bytes of the file and nothing else.")
@shared_options
@pass_call
def command(call: Call, ids: tuple[str, ...], agent: str | None, reader: str | None, raw: bool) -> None:  # noqa: FBT001
    """Print memories in full.

    ID is <agent>/<date>-<topic>, a path, or the name alone where only one agent has it.
    """
    with call.store() as store:
        records = [store.record(reference, agent=agent, reader=reader) for reference in ids]
        reader = agent if reader is None else reader
        if raw:
            for record in records:
                _print_raw(store, record)
        elif call.json:
            from agent_memory.cli.json_output import of_memory, print_json

            memories = [of_memory(store.show(record.path, reader=reader), record) for record in records]
            print_json({"memories": memories, "fallback": store.fallback or None})
            return
        else:
            for place, record in enumerate(records):
                if place:
                    put(f"\n{dim('─' * 40)}\n")
                _print(store.show(record.path, reader=reader), record)
        mention(store)


def _print(memory: Memory, record: Record) -> None:
    put(bold(visible(memory.name)))
    facts = [(name, value) for name, value in _facts(memory, record) if value]
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        put(f"{dim(f'{name:<{width}}')}  {visible(value)}")
    put()
    body = flowed(readable(memory.body), sys.stdout) if on_terminal() else memory.body
    click.echo(body, nl=not body.endswith("\n"))


def _facts(memory: Memory, record: Record) -> Iterator[tuple[str, str]]:
    """What is known of a memory, in the order in which people ask."""
    origin = {"front_matter": "", "name": "", "text": " (from its text)", "file_time": " (from the time of the file)"}
    yield "id", memory.id
    yield "date", f"{memory.date}{origin[memory.date_source]}"
    yield "type", memory.type
    yield "status", standing(record) or record.status
    yield "about", memory.description
    yield "tags", ", ".join(memory.tags)
    yield "supersedes", ", ".join(memory.supersedes)
    yield "files", ", ".join(memory.files)
    yield "valid until", str(memory.valid_until or "")
    yield "to", memory.to or ""
    yield "sources", ", ".join(memory.sources)
    yield "path", memory.path if memory.archived else ""


def _print_raw(store: MemoryStore, record: Record) -> None:
    from agent_memory.files.folder import Folder

    data, _ = Folder(store.root).read(record.path)
    click.echo(readable(data.decode("utf-8", "replace")) if on_terminal() else data, nl=False)
