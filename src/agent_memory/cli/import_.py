"""`memory import`: notes of other programs as memories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent_memory.cli.options import Call, Command, OneOf, agent_option, pass_call, shared_options
from agent_memory.cli.render import plural, put, say, visible
from agent_memory.errors import MemoryStoreError

if TYPE_CHECKING:
    from agent_memory.bridges.imports import Plan, Step
    from agent_memory.model import Memory

KINDS = ("claude-native", "day-logs", "basic-memory")
WORDS = {"add": "new", "revise": "changed", "keep": "known"}


@click.command(
    "import",
    cls=Command,
    short_help="Take over the notes of another program.",
    examples=(
        "memory import --from claude-native .claude/agent-memory",
        "memory import --from day-logs memory --agent api-engineer --apply",
    ),
)
@click.argument("folder", metavar="FOLDER")
@click.option("--from", "kind", type=OneOf(KINDS), required=True, metavar="KIND",
              help="claude-native, day-logs or basic-memory.")  # fmt: skip
@agent_option("Whose the notes become; claude-native knows by its folders.")
@click.option("--apply", "go", is_flag=True, help="Write them; without this nothing is changed.")
@shared_options
@pass_call
def command(call: Call, folder: str, kind: str, agent: str | None, go: bool) -> int:  # noqa: FBT001
    """Take over the notes of another program; nothing of theirs is changed.

    claude-native: the memory that Claude Code keeps, FOLDER/<agent>/*.md, or one such folder with --agent. day-logs:
    FOLDER/YYYY-MM-DD.md. basic-memory: a vault, at any depth.

    Each memory says in sources where it is from. A second run takes over what is new; what changed becomes a memory
    that supersedes the earlier one. Exits with 1 where something could not be taken over.
    """
    from agent_memory.bridges import imports

    with call.store() as store:
        plan = imports.plan(store, kind, Path(folder), agent=agent)
        done = imports.apply(store, plan) if go else ()
    failed = [(step, result) for step, result in done if isinstance(result, MemoryStoreError)]
    if call.json:
        from agent_memory.cli.json_output import print_json

        print_json(_of_plan(plan, done, applied=go))
    else:
        _print(plan, done, go=go)
    for unfit in plan.unfit:
        say(f"note: {visible(unfit.path)} stays behind: {visible(unfit.reason)}")
    for step, error in failed:
        say(f"note: {visible(step.note.source)} stays behind: {visible(str(error))}")
    return 1 if plan.unfit or failed else 0


def _print(plan: Plan, done: tuple[tuple[Step, Memory | MemoryStoreError], ...], *, go: bool) -> None:
    ids = {step.note.source: result.id for step, result in done if not isinstance(result, MemoryStoreError)}
    for step in plan.steps:
        note = step.note
        if step.action == "keep" or (go and note.source not in ids):
            continue
        what = ids.get(note.source) or f"{note.agent} {note.day} {note.topic}"
        put(f"{WORDS[step.action]}\t{visible(what)}\t{visible(note.source)}")
    kept = len(plan.steps) - len(plan.todo)
    known = f", {kept} here already" if kept else ""
    if go:
        say(f"took over {plural(len(ids), 'note')}{known}")
    else:
        hint = ", do it with --apply" if plan.todo else ""
        say(f"would take over {plural(len(plan.todo), 'note')}{known}{hint}")


def _of_plan(
    plan: Plan, done: tuple[tuple[Step, Memory | MemoryStoreError], ...], *, applied: bool
) -> dict[str, object]:
    results = {step.note.source: result for step, result in done}
    errors = [(s, r) for s, r in done if isinstance(r, MemoryStoreError)]
    return {
        "applied": applied,
        "found": [_of_step(step, results.get(step.note.source)) for step in plan.steps],
        "unfit": [
            *({"path": one.path, "reason": one.reason} for one in plan.unfit),
            *({"path": step.note.source, "reason": str(error)} for step, error in errors),
        ],
    }


def _of_step(step: Step, result: Memory | MemoryStoreError | None) -> dict[str, object]:
    note = step.note
    written = None if result is None or isinstance(result, MemoryStoreError) else result.id
    return {
        "source": note.source, "action": step.action, "agent": note.agent, "date": note.day.isoformat(),
        "name": note.topic, "id": written or step.known or None,
    }  # fmt: skip
