"""A plan of compaction for people: what goes, why, what it saves, and what a digest leaves out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from agent_memory.cli.render import bold, dim, flowed, plural, put, readable, visible

if TYPE_CHECKING:
    from agent_memory.model import Memory
    from agent_memory.upkeep.applying import Outcome
    from agent_memory.upkeep.digest import Digest
    from agent_memory.upkeep.plan import Action, Folder, Plan


def print_plan(plan: Plan, *, diffs: bool) -> None:
    """Print what a plan would do, agent by agent, and what it comes to at the end, where it stays in sight."""
    for folder in plan.folders:
        actions = [action for action in plan.actions if action.agent == folder.agent]
        if actions:
            put(_heading(folder))
            for action in actions:
                _print_action(action, diffs=diffs)
            put()
    for why in plan.refused:
        put(flowed(f"  left as it is: {visible(why)}", sys.stdout))
    if plan.refused:
        put()
    put(summary(plan))


def summary(plan: Plan) -> str:
    """Say in a line or two what a plan comes to."""
    if not plan.actions:
        return f"nothing to do: {plan.tokens_before:,} tokens in {plural(len(plan.folders), 'folder')}"
    moved = sum(len(action.sources) for action in plan.actions)
    made = sum(action.digest is not None for action in plan.actions)
    saved = 1 - plan.tokens_after / plan.tokens_before if plan.tokens_before else 0.0
    digests = f", {plural(made, 'digest')} written" if made else ""
    over = [folder.agent for folder in plan.folders if folder.after > folder.budget]
    still = f"\n{plural(len(over), 'folder')} still over budget: {', '.join(map(visible, over))}" if over else ""
    return (
        f"{bold(plan.id)}: {plural(moved, 'memory', 'memories')} to the archive{digests}; "
        f"{plan.tokens_before:,} tokens become {plan.tokens_after:,} ({-saved:+.0%}){still}"
    )


def carried_out(plan: Plan, outcome: Outcome) -> str:
    """Say in a line what was done."""
    if not outcome.id:
        return summary(plan) if not plan.actions else "nothing was done"
    digests = sum(action.write is not None for action in outcome.done)
    written = f", {plural(digests, 'digest')} written" if digests else ""
    saved = sum(action.tokens_before - action.tokens_after for action in outcome.done)
    return (
        f"{bold(outcome.id)}: {plural(outcome.files, 'memory', 'memories')} to the archive{written}; "
        f"{plan.tokens_before:,} tokens became {plan.tokens_before - saved:,} ({-saved / plan.tokens_before:+.0%})"
    )


def _heading(folder: Folder) -> str:
    return f"{bold(visible(folder.agent))}: {folder.before:,} tokens become {folder.after:,} (budget {folder.budget:,})"


def _print_action(action: Action, *, diffs: bool) -> None:
    kind = click.style(f"{action.kind:<10}", fg="cyan")
    sources, target, why = named(action)
    if action.digest is None:
        put(f"  {kind}  {visible(sources[0])}  -{action.tokens_before:,}")
        put(flowed(f"              {dim(visible(why))}", sys.stdout))
        return
    made = action.digest
    put(f"  {kind}  {visible(str(target))}  {action.tokens_before:,} to {action.tokens_after:,}")
    facts = f"{len(made.facts) - len(made.lost):,} of {plural(len(made.facts), 'fact')} stand in it"
    by = "" if made.written_by == "extract" else f", written by the {made.written_by}"
    put(flowed(f"              {dim(f'{visible(why)}; {facts}{by}')}", sys.stdout))
    if made.note:
        put(flowed(f"              {click.style('note:', fg='yellow')} {visible(made.note)}", sys.stdout))
    if diffs and is_private(made):
        put(dim("    private: its text is for its owner alone"))
    elif diffs:
        for line in _difference(made):
            put(line)


def is_private(made: Digest) -> bool:
    """Whether the text of a digest is for its owner alone."""
    return not _open(made.sources[0])


def named(action: Action) -> tuple[list[str], str | None, str]:
    """Return the ids of what goes and of what stays, and why; where one is private, its owner's name instead."""
    ids = [original.memory.id for original in action.sources]
    if not private_paths([action]):
        return ids, action.target, action.why
    owner = f"{action.agent}/ (private)"
    return [owner] * len(ids), owner if action.target else None, "private: its owner may read what it is"


def private_paths(actions: Iterable[Action]) -> set[str]:
    """Return the paths of the memories that are for their owner alone."""
    involved = (original.memory for action in actions for original in (*action.sources, action.kept) if original)
    return {memory.path for memory in involved if not _open(memory)}


def _open(memory: Memory) -> bool:
    from agent_memory.team import scopes

    return scopes.may_read(memory.visibility, memory.agent, None)


# -- what a digest leaves out -----------------------------------------------------------------------------------------


def _difference(made: Digest) -> Iterator[str]:
    """Yield the lines of a digest beside its sources: kept as they are, left out in red, added in green."""
    if not made.sections:
        for memory in made.sources:
            yield _title(memory)
            yield from _colored("-", memory.body.strip().split("\n"), "red")
        yield from _colored("+", made.body.strip().split("\n"), "green")
        return
    for said, memory in zip(made.sections, made.sources, strict=True):
        yield _title(memory)
        yield from _source(memory, {piece.line: piece.text for piece in said.kept})
        if said.listed:
            yield from _colored("+", [f"Also: {', '.join(said.listed)}"], "green")


def _source(memory: Memory, kept: dict[int, str]) -> Iterator[str]:
    from agent_memory.upkeep.units import units

    texts = set(kept.values())
    for unit in units(memory.body):
        lines = unit.text.split("\n")
        if unit.kind == "heading":
            yield from _colored(" ", [f"{'#' * min(unit.level, 6)} {unit.text}"], "")
        elif unit.text in texts:
            yield from _colored(" ", lines, "")
        else:
            yield from _colored("-", lines, "red")


def _title(memory: Memory) -> str:
    return f"    {click.style('@@', fg='magenta')} {visible(memory.id)}"


def _colored(mark: str, lines: Sequence[str], color: str) -> Iterator[str]:
    for line in lines:
        if line.strip():
            text = f"{mark} {readable(line)}"
            yield f"    {click.style(text, fg=color) if color else text}"
