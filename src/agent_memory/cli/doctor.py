"""`memory doctor`: proof that the index equals the files, and what is wrong with either."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import Call, Command, complete_agent, pass_call, shared_options
from agent_memory.cli.render import flowed, plural, put, visible

if TYPE_CHECKING:
    from agent_memory.upkeep.doctor import Diagnosis

SUGGESTED = 10
"""Suggestions of a kind that are printed; the surest come first."""


@click.command(
    "doctor",
    cls=Command,
    short_help="Prove that the index equals the files.",
    examples=(
        "memory doctor",
        "memory doctor --fix",
    ),
)
@click.option("--fix", is_flag=True, help="Rebuild an index that differs, clear what crashes and hooks left.")
@click.option(
    "--as",
    "--agent",
    "reader",
    metavar="NAME",
    shell_complete=complete_agent,
    help="Who reads: its private memories may be named.",
)
@shared_options
@pass_call
@click.pass_context
def command(ctx: click.Context, call: Call, fix: bool, reader: str | None) -> None:  # noqa: FBT001
    """Compare the index with the files, every byte of them, and tell what is not as it should be.

    The exit code is 1 where the index differs or a file could not be read. With --fix the store is examined again
    afterwards, and that is what counts. Memory files are never changed.

    It also says which memories look like a revision of an earlier one or repeat another, and which were often handed
    over and never of use. These are suggestions and change no exit code.
    """
    with call.store() as store:
        found = store.doctor(fix=fix, reader=reader)
        left = store.doctor(reader=reader) if fix else found
    fixed = tuple(d for d in found.differences if d not in left.differences)
    if call.json:
        from agent_memory.cli.json_output import of_problems, of_suggestion, print_json

        print_json(
            {
                "healthy": left.healthy,
                "checked": left.checked,
                "differences": list(left.differences),
                "problems": of_problems(left.problems),
                "notes": list(left.notes),
                "fixed": list(fixed),
                "suggestions": [of_suggestion(suggestion) for suggestion in left.suggestions],
                "unused": list(left.unused),
            }
        )
    else:
        _print(left, fixed)
    if not left.healthy:
        ctx.exit(1)


def _print(found: Diagnosis, fixed: tuple[str, ...]) -> None:
    """Print a section for everything there is something to say of, and the verdict last."""
    repeated = [str(s) for s in found.suggestions if s.kind == "duplicate"]
    revised = [str(s) for s in found.suggestions if s.kind == "revision"]
    problems = [f"{'' if problem.indexed else 'not indexed: '}{problem}" for problem in found.problems]
    for title, color, lines in (
        ("fixed", "green", fixed),
        ("the index differs", "red", found.differences),
        ("files with problems", "red", problems),
        ("notes", "yellow", found.notes),
        ("look like revisions", "yellow", revised),
        ("look like repetitions", "yellow", repeated),
        ("often handed over, never used", "yellow", found.unused),
    ):
        if lines:
            most = SUGGESTED if lines in (revised, repeated, found.unused) else len(lines)
            put(click.style(f"{title} ({len(lines)})", fg=color, bold=True))
            for line in lines[:most]:
                put(flowed(f"  {visible(line)}", sys.stdout))
            if lines[most:]:
                put(f"  and {len(lines) - most:,} more; --json has all")
            put()
    checked = plural(found.checked, "memory", "memories")
    if found.healthy:
        put(f"{click.style('healthy', fg='green', bold=True)}: the index equals the files ({checked})")
    else:
        put(f"{click.style('not healthy', fg='red', bold=True)}: {_verdict(found)} ({checked} checked)")


def _verdict(found: Diagnosis) -> str:
    parts = []
    if found.differences:
        parts.append(f"{plural(len(found.differences), 'difference')}; mend with: memory doctor --fix")
    if found.problems:
        parts.append(f"{plural(len(found.problems), 'problem')} in files, to be mended by hand")
    return ", ".join(parts)
