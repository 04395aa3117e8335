"""`memory init`: a store where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import click

from agent_memory.cli.options import Call, Command, pass_call, shared_options
from agent_memory.cli.render import put, say, visible


@click.command(
    "init",
    cls=Command,
    short_help="Create a memory store.",
    examples=(
        "memory init",
        "memory --root ~/notes/agents-memory init",
    ),
)
@shared_options
@pass_call
def command(call: Call) -> None:
    """Create a memory store, and print where.

    That is --root or MEMORY_ROOT where one is given, else .claude/agents-memory/ in the project (the main checkout of
    a git worktree). Memories that are there already are kept and found.
    """
    from agent_memory.files import discover
    from agent_memory.store import MemoryStore

    place = discover.place_for_new(Path.cwd(), os.environ, root=call.root)
    created = not place.exists()
    with MemoryStore.init(place) as store:
        root = str(store.root)
    if call.json:
        from agent_memory.cli.json_output import print_json

        print_json({"root": root, "created": created})
        return
    put(visible(root))
    if created:
        say("  next: memory add --agent NAME --topic TEXT")
    else:
        say("  it was there already; next: memory search WORDS")
