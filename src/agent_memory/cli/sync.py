"""`memory sync`: the index becomes equal to the files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import Call, Command, pass_call, semantic_option, shared_options
from agent_memory.cli.render import flowed, note, plural, put, visible

if TYPE_CHECKING:
    from agent_memory.model import SyncReport


@click.command(
    "sync",
    cls=Command,
    short_help="Make the index equal to the files.",
    examples=("memory sync --full",),
)
@click.option("--full", is_flag=True, help="Read every file, even where nothing seems to have changed.")
@click.option("--force", is_flag=True, help="Accept that whole folders are gone.")
@semantic_option
@shared_options
@pass_call
def command(call: Call, full: bool, force: bool) -> None:  # noqa: FBT001
    """Make the index equal to the files, and tell what changed and which files have problems.

    Every command that reads does this by itself; sync is for a first long build, for --force and for a look.
    """
    with call.store(by_meaning=True) as store:
        report = store.sync(full=full, force=force)
        if call.json:
            from agent_memory.cli.json_output import of_report, print_json

            print_json({**of_report(report), "fallback": store.fallback or None})
            return
        put(summary(report))
        for problem in report.problems:
            lost = "" if problem.indexed else "not indexed: "
            put(flowed(f"{lost}{visible(str(problem))}", sys.stdout))
        note(store.fallback)


def summary(report: SyncReport) -> str:
    """Say in a line what a sync did."""
    parts = [
        f"{count:,} {verb}"
        for count, verb in (
            (report.added, "added"), (report.changed, "changed"), (report.renamed, "renamed"),
            (report.removed, "removed"),
        )
        if count
    ]  # fmt: skip
    if report.unchanged or not parts:
        parts.append(f"{plural(report.unchanged, 'memory', 'memories')} unchanged")
    return f"{', '.join(parts)} ({report.seconds:.2f} s)"
