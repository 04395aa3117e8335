"""`memory edit`: another text, or other keys of the front matter; every other byte of the file stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import click

from agent_memory.cli import body_input
from agent_memory.cli.failure import Usage
from agent_memory.cli.options import (
    Call,
    Command,
    agent_option,
    complete_reference,
    day_of,
    listed,
    pass_call,
    shared_options,
)
from agent_memory.cli.render import note, put, say, visible
from agent_memory.errors import InvalidInput, Stale

if TYPE_CHECKING:
    from agent_memory.model import Memory
    from agent_memory.store import MemoryStore

LISTS = ("tags", "files", "supersedes", "sources")
"""Keys whose value is a list, written with commas."""

DAYS = ("date", "valid_until")


@click.command(
    "edit",
    cls=Command,
    short_help="Change the text or the front matter of a memory.",
    examples=(
        "memory edit api-engineer/2026-03-02-retry-policy",
        "memory edit 2026-03-02-retry-policy --set tags=jobs,retries --unset to",
        "memory edit 2026-03-02-retry-policy --body-file new.md --expect 9f86d081…",
    ),
)
@click.argument("reference", metavar="ID", shell_complete=complete_reference)
@agent_option("Who does it; whose memory is meant where only its name is given.")
@click.option("--body-file", metavar="FILE", help="The new text; - is stdin.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Set a key; lists are written a,b.")
@click.option("--unset", metavar="KEY", multiple=True, help="Remove a key.")
@click.option("--expect", metavar="FINGERPRINT", help="Write only if the file is still this one (see show --json).")
@shared_options
@pass_call
def command(
    call: Call,
    reference: str,
    agent: str | None,
    body_file: str | None,
    settings: tuple[str, ...],
    unset: tuple[str, ...],
    expect: str | None,
) -> None:
    """Change the text or the front matter of a memory, and print its id.

    Without options the text opens in $VISUAL or $EDITOR. If somebody else changed the file meanwhile, nothing is
    written, your text is kept in a file, and the exit code is 4.
    """
    changes = _changes(settings, unset)
    with call.store() as store:
        if body_file is not None or changes:
            body = None if body_file is None else body_input.read_text(body_file)
            _refuse_empty(body)
            memory = store.edit(reference, body=body, changes=changes, expected=expect, agent=agent)
        elif body_input.somebody_types():
            memory = _edited(store, reference, agent, expect)
        else:
            raise Usage("nothing to change", hint="give --body-file, --set or --unset; on a terminal an editor opens")
    if call.json:
        from agent_memory.cli.json_output import of_written, print_json

        print_json(of_written(memory))
    else:
        put(visible(memory.id))
        note("", notes=memory.notes)


def _edited(store: MemoryStore, reference: str, agent: str | None, expect: str | None) -> Memory:
    """Let a person change the text; it is not lost where the file moved on meanwhile."""
    seen = store.show(reference, agent=agent)
    if expect and expect != seen.fingerprint:
        raise Stale(f"{seen.path} is not the expected version", hint=f"its fingerprint is {seen.fingerprint}")
    body = body_input.changed_in_editor(seen.body)
    if body is None:
        say("nothing changed")
        return seen
    _refuse_empty(body)
    try:
        return store.edit(seen.path, body=body, expected=seen.fingerprint, agent=agent)
    except Stale as error:
        raise Stale(error.message, hint=f"your text is in {body_input.keep(body)}") from error


def _refuse_empty(body: str | None) -> None:
    if body is not None and not body.strip():
        raise InvalidInput("the new text is empty", hint="to remove the memory: memory trash ID")


def _changes(settings: Sequence[str], unset: Sequence[str]) -> dict[str, object]:
    """Keys and their new values; None removes one."""
    changes: dict[str, object] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        key = key.strip()
        if not key or not equals:
            raise Usage(f"--set {visible(setting)!r} is not KEY=VALUE", hint="such as --set tags=jobs,retries")
        changes[key] = _value(key, value.strip())
    return changes | dict.fromkeys(unset)


def _value(key: str, text: str) -> str | date | list[str]:
    if key in LISTS:
        return listed([text])
    return day_of(f"--set {key}", text) if key in DAYS else text
