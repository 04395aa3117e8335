"""`memory export`: memories in the form that another program reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import Call, Command, OneOf, complete_agent, pass_call, shared_options
from agent_memory.cli.render import plural, put, visible
from agent_memory.errors import InvalidInput

if TYPE_CHECKING:
    from agent_memory.bridges.claude_native import Exported


@click.command(
    "export",
    cls=Command,
    short_help="Write memories in the form that another program reads.",
    examples=("memory export --to claude-native --dry-run", "memory export --to claude-native --agent api-engineer"),
)
@click.option("--to", "form", type=OneOf(("claude-native",)), required=True, metavar="FORM",
              help="claude-native: a MEMORY.md for each agent.")  # fmt: skip
@click.option("--agent", "agents", metavar="NAME", multiple=True, help="Only this agent; may be repeated.",
              shell_complete=complete_agent)  # fmt: skip
@click.option("--out", metavar="FOLDER", help="Where to; .claude/agent-memory in the project by default.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be written.")
@shared_options
@pass_call
def command(call: Call, form: str, agents: tuple[str, ...], out: str | None, dry_run: bool) -> None:  # noqa: ARG001, FBT001
    """Write memories in the form that another program reads.

    claude-native: FOLDER/<agent>/MEMORY.md, which Claude Code gives to agents with memory: project: a line for each
    memory that holds: decisions, conventions and the like before what happened, each newest first, at most 200 lines
    and 25 kB. It says what is not listed and how to get there. Whatever else the file holds stays.
    """
    from agent_memory.bridges import claude_native
    from agent_memory.team import cards

    with call.store() as store:
        project = cards.project_of(store.root)
        if out is None and project is None:
            raise InvalidInput("the store is in no project, so there is no place to write", hint="name one with --out")
        folder = Path(out).absolute() if out else (project or Path()) / claude_native.PLACE
        written = claude_native.export(store, folder, agents=agents, write=not dry_run)
    if call.json:
        from agent_memory.cli.json_output import print_json

        print_json({"dry_run": dry_run, "files": [_of_exported(one) for one in written]})
        return
    for one in written:
        verb = ("would write" if dry_run else "wrote") if one.changed else "unchanged"
        left = f", {one.left_out} older left out" if one.left_out else ""
        put(f"{verb} {visible(str(one.path))}: {plural(one.listed, 'memory', 'memories')}{left}")


def _of_exported(one: Exported) -> dict[str, object]:
    return {
        "agent": one.agent,
        "path": str(one.path),
        "listed": one.listed,
        "left_out": one.left_out,
        "changed": one.changed,
    }
