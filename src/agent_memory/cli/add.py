"""`memory add`: a new memory, from a file, from stdin, or written in an editor."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from agent_memory.cli import body_input
from agent_memory.cli.options import (
    DAY,
    Call,
    Command,
    OneOf,
    agent_option,
    complete_reference,
    listed,
    pass_call,
    shared_options,
)
from agent_memory.cli.render import note, put, visible
from agent_memory.errors import InvalidInput, MemoryStoreError
from agent_memory.model import TYPES

if TYPE_CHECKING:
    from agent_memory.model import Memory, Suggestion
    from agent_memory.store import MemoryStore

SUGGESTED = 3
"""Suggestions that are told."""


@click.command(
    "add",
    cls=Command,
    short_help="Write a new memory.",
    examples=(
        'memory add --agent api-engineer --topic "Retry policy" notes.md',
        'echo "Five attempts." | memory add --agent api-engineer --topic "Retry policy"',
    ),
)
@click.argument("body_file", metavar="[FILE]", required=False)
@agent_option("The owner; the first memory makes the folder.", required=True)
@click.option("--topic", metavar="TEXT", required=True, help="The title; the name of the file is made of it.")
@click.option("--type", "kind", type=OneOf(TYPES), default="note", show_default=True, help="What kind it is.",
              metavar="TYPE")  # fmt: skip
@click.option("--tags", metavar="A,B", multiple=True, help="Tags, separated by commas.")
@click.option("--date", "day", metavar="DAY", type=DAY, help="The day it is about, instead of today.")
@click.option("--description", metavar="TEXT", default="", help="One line that says what it says.")
@click.option("--supersedes", metavar="ID", multiple=True, help="A memory that this one replaces; may be repeated.",
              shell_complete=complete_reference)  # fmt: skip
@click.option("--file", "files", metavar="PATH", multiple=True, help="A path it speaks about; may be repeated.")
@click.option("--to", metavar="NAME", help="Whom a consultation is addressed to.")
@click.option("--private", is_flag=True, help="For its owner alone (visibility: private).")
@click.option("--valid-until", metavar="DAY", type=DAY, help="The last day on which it holds.")
@shared_options
@pass_call
def command(
    call: Call,
    /,
    body_file: str | None,
    kind: str,
    day: date | None,
    tags: tuple[str, ...],
    private: bool,  # noqa: FBT001
    **words: Any,
) -> None:
    """Write a new memory and print its id.

    The text is FILE, or stdin where FILE is - or missing; on a terminal without FILE it is written in $VISUAL or
    $EDITOR. TYPE is one of decision, convention, gotcha, procedure, reference, preference, incident, handoff,
    consultation, digest, note.

    If it looks like a revision of an earlier memory or repeats one, that is said on stderr; nothing is done about it.
    """
    with call.store() as store:
        body, typed = _body(body_file, words["agent"], words["topic"])
        try:
            scope = "private" if private else "team"
            memory = store.add(**words, body=body, type=kind, date=day, tags=listed(tags), visibility=scope)
        except (MemoryStoreError, OSError) as error:
            if typed:
                raise _with_text_kept(error, body) from error
            raise
        suggestions, failed = _suggestions(store, memory)
    notes = (*memory.notes, *failed)
    if call.json:
        from agent_memory.cli.json_output import of_suggestion, of_written, print_json

        suggested = [of_suggestion(suggestion) for suggestion in suggestions]
        print_json({**of_written(memory), "notes": list(notes), "suggestions": suggested})
    else:
        put(visible(memory.id))
        note("", notes=[*notes, *map(str, suggestions)])


def _suggestions(store: MemoryStore, memory: Memory) -> tuple[tuple[Suggestion, ...], tuple[str, ...]]:
    """What the new memory probably revises or repeats, and why that is not known; the memory is safe either way."""
    try:
        return store.suggestions(memory.id, agent=memory.agent)[:SUGGESTED], ()
    except Exception as error:  # noqa: BLE001  whatever it is, it must not look as if nothing had been written
        return (), (f"could not look for what it revises ({error})",)


def _body(file: str | None, agent: str, topic: str) -> tuple[str, bool]:
    """The text, and whether a person typed it just now.

    Raises:
        InvalidInput: There is none.
    """
    if file is None and body_input.somebody_types():
        return body_input.written_in_editor(f"agent: {agent}\ntopic: {topic}"), True
    body = body_input.read_text(file or "-")
    if not body.strip():
        name = "stdin" if file in (None, "-") else file
        raise InvalidInput(
            f"{name} is empty, so there is no memory to write", hint="give the text in a FILE or on stdin"
        )
    return body, False


def _with_text_kept(error: Exception, body: str) -> MemoryStoreError:
    """The same failure, with the place where the text is safe."""
    kept = MemoryStoreError(getattr(error, "message", str(error)), hint=f"your text is in {body_input.keep(body)}")
    kept.exit_code = getattr(error, "exit_code", 1)
    return kept
