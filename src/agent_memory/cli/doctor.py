"""`memory doctor`: proof that the index equals the files, and what is wrong with either."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import Call, Command, pass_call, shared_options
from agent_memory.cli.render import flowed, plural, put, visible

if TYPE_CHECKING:
    from agent_memory.upkeep.doctor import Diagnosis


@click.command(
    "doctor",
    cls=Command,
    short_help="Prove that the index equals the files.",
    examples=(
        "memory doctor",
        "memory doctor --fix",
    ),
)
@click.option("--fix", is_flag=True, help="Rebuild an index that differs, remove what crashes left behind.")
@shared_options
@pass_call
@click.pass_context
def command(ctx: click.Context, call: Call, fix: bool) -> None:  # noqa: FBT001
    """Compare the index with the files, every byte of them, and tell what is not as it should be.

    The exit code is 1 where the index differs or a file could not be read. With --fix the store is examined again
    afterwards, and that is what counts. Memory files are never changed.
    """
    with call.store() as store:
        found = store.doctor(fix=fix)
        left = store.doctor() if fix else found
    fixed = tuple(d for d in found.differences if d not in left.differences)
    if call.json:
        from agent_memory.cli.json_output import of_problems, print_json

        print_json(
            {
                "healthy": left.healthy,
                "checked": left.checked,
                "differences": list(left.differences),
                "problems": of_problems(left.problems),
                "notes": list(left.notes),
                "fixed": list(fixed),
            }
        )
    else:
        _print(left, fixed)
    if not left.healthy:
        ctx.exit(1)


def _print(found: Diagnosis, fixed: tuple[str, ...]) -> None:
    """Print a section for everything there is something to say of, and the verdict last."""
    problems = [f"{'' if problem.indexed else 'not indexed: '}{problem}" for problem in found.problems]
    for title, color, lines in (
        ("fixed", "green", fixed),
        ("the index differs", "red", found.differences),
        ("files with problems", "red", problems),
        ("notes", "yellow", found.notes),
    ):
        if lines:
            put(click.style(f"{title} ({len(lines)})", fg=color, bold=True))
            for line in lines:
                put(flowed(f"  {visible(line)}", sys.stdout))
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
