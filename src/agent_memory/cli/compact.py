"""`memory compact`: keep the folders small, losing nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from agent_memory.cli.failure import Usage
from agent_memory.cli.options import COUNT, Call, Command, pass_call, shared_options
from agent_memory.cli.render import mention, note, on_terminal, plural, put, visible

if TYPE_CHECKING:
    from agent_memory.store import MemoryStore
    from agent_memory.upkeep.applying import Outcome
    from agent_memory.upkeep.digest import Digest
    from agent_memory.upkeep.plan import Action, Plan
    from agent_memory.upkeep.policy import Policy
    from agent_memory.upkeep.verifying import Questions, Verdict


@click.command(
    "compact",
    cls=Command,
    short_help="Move what is over to the archive, old notes into digests.",
    examples=(
        "memory compact",
        "memory compact --apply",
        "memory compact --apply --quiet                        # for cron",
        "memory compact --apply --verify --tasks tasks.jsonl --qrels qrels.tsv",
        "memory compact --summarizer 'llm -m small' --brief",
    ),
)
@click.option("--apply", "go", is_flag=True, help="Do it; without this nothing is changed.")
@click.option("--force", is_flag=True, help="Let more of an agent's text go than the policy allows.")
@click.option("--brief", is_flag=True, help="Leave out what each digest leaves out.")
@click.option("--quiet", is_flag=True, help="Print one line of JSON and nothing else.")
@click.option("--budget", metavar="N", type=COUNT, help="Tokens of a folder, instead of the policy's.")
@click.option("--summarizer", metavar="CMD", help="A program that writes the digests: notes on stdin, text on stdout.")
@click.option("--timeout", metavar="SECONDS", type=COUNT, default=120, show_default=True,
              help="How long it may take for one digest.")  # fmt: skip
@click.option("--verify", is_flag=True, help="Measure recall before and after; undo the run where it falls.")
@click.option("--tasks", metavar="FILE", help="For --verify: tasks, as for memory eval.")
@click.option("--qrels", metavar="FILE", help="For --verify: grades, as for memory eval.")
@shared_options
@pass_call
@click.pass_context
def command(  # noqa: PLR0913, PLR0917  click hands over one argument for each option
    ctx: click.Context,
    call: Call,
    go: bool,  # noqa: FBT001
    force: bool,  # noqa: FBT001
    brief: bool,  # noqa: FBT001
    quiet: bool,  # noqa: FBT001
    budget: int | None,
    summarizer: str | None,
    timeout: int,
    verify: bool,  # noqa: FBT001
    tasks: str | None,
    qrels: str | None,
) -> None:
    """Show what a compaction would do, or do it with --apply.

    Copies, superseded, expired and answered memories and old status notes go to the archive; while a folder is larger
    than its budget, its oldest notes go into digests: extracts that keep decisions, identifiers, paths, commands,
    numbers and error messages word for word. Nothing is deleted, and memory undo brings everything back to the byte.
    """
    _check(go=go, verify=verify, tasks=tasks, qrels=qrels)
    summarize = _summarize(summarizer, timeout)
    with call.store() as store:
        policy = _policy(store, budget)
        plan = store.plan_compaction(policy=policy, summarize=summarize)
        outcome = verdict = None
        if verify:
            outcome, verdict = _verified(store, plan, _questions(store, plan, tasks, qrels), force=force)
        elif go:
            outcome = store.compact(plan, force=force)
        _tell(call, plan, outcome, verdict, brief=brief, quiet=quiet)
        if not quiet:
            mention(store)
    if verdict is not None and not verdict.holds:
        ctx.exit(1)


def _check(*, go: bool, verify: bool, tasks: str | None, qrels: str | None) -> None:
    see = "see: memory compact --help"
    if verify and not go:
        raise Usage("--verify measures what a run did: give --apply as well", hint=see)
    if (tasks or qrels) and not verify:
        raise Usage("--tasks and --qrels are for --verify", hint=see)
    if (tasks is None) != (qrels is None):
        raise Usage("give --tasks and --qrels together", hint=see)


def _policy(store: MemoryStore, budget: int | None) -> Policy:
    """Read the store's settings; an option wins."""
    from agent_memory.upkeep.policy import CONFIG, read_policy

    path = store.root / CONFIG
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError:
        from agent_memory.errors import InvalidInput

        raise InvalidInput(f"{CONFIG} is not UTF-8", hint="save it as UTF-8") from None
    policy = read_policy(text, CONFIG)
    return policy if budget is None else policy.model_copy(update={"budget": budget})


def _summarize(command: str | None, seconds: int) -> Callable[[str], str] | None:
    if command is None:
        return None
    from agent_memory.upkeep import rewriting

    return rewriting.program(command, seconds=float(seconds))


# -- doing ------------------------------------------------------------------------------------------------------------


def _questions(store: MemoryStore, plan: Plan, tasks: str | None, qrels: str | None) -> Questions:
    """Return what measures recall: the tasks that were given, or the store's own memories."""
    from agent_memory.cli.body_input import read_text
    from agent_memory.recall import judgements
    from agent_memory.upkeep import verifying

    records = store.list(archived=True)
    if tasks is None or qrels is None:
        return verifying.own(records, plan)
    found = judgements.read_tasks(read_text(tasks), tasks)
    judged = judgements.read_grades(read_text(qrels), qrels, found, [record.path for record in records])
    return verifying.given(found, judged.grades, records)


def _verified(store: MemoryStore, plan: Plan, questions: Questions, *, force: bool) -> tuple[Outcome, Verdict]:
    """Do what a plan says, and take it back where recall falls."""
    from agent_memory.upkeep import verifying

    before = questions.recall(store.rank)
    outcome = store.compact(plan, force=force)
    after = questions.recall(store.rank, holds=verifying.holds(outcome.done))
    verdict = verifying.Verdict(tasks=len(questions.wanted), before=before, after=after)
    if outcome.id and not verdict.holds:
        store.undo(outcome.id)
    return outcome, verdict


# -- telling ----------------------------------------------------------------------------------------------------------


def _tell(
    call: Call, plan: Plan, outcome: Outcome | None, verdict: Verdict | None, *, brief: bool, quiet: bool
) -> None:
    from agent_memory.cli.plan_view import carried_out, print_plan

    if quiet or call.json:
        from agent_memory.cli.json_output import print_json

        print_json(_report(plan, outcome, verdict) if quiet else _values(plan, outcome, verdict), line=quiet)
        return
    if outcome is None:
        print_plan(plan, diffs=not brief)
        if plan.actions and on_terminal():
            put("nothing was changed; do it with: memory compact --apply")
        return
    put(carried_out(plan, outcome))
    for left in _left(plan, outcome):
        note(f"left alone: {left['path']} ({left['why']})")
    if verdict is not None:
        put(_verdict(verdict))
    if outcome.id and (verdict is None or verdict.holds):
        put(f"take it back with: memory undo {outcome.id}")


def _verdict(verdict: Verdict) -> str:
    said = (
        f"must-have recall@5 of {plural(verdict.tasks, 'task')}: {verdict.before:.3f} before, {verdict.after:.3f} after"
    )
    return said if verdict.holds else f"{said}; the run was undone"


def _report(plan: Plan, outcome: Outcome | None, verdict: Verdict | None) -> dict[str, object]:
    """What a periodic run leaves in its log."""
    done = outcome.done if outcome else ()
    undone = verdict is not None and not verdict.holds
    saved = 0 if undone else sum(action.tokens_before - action.tokens_after for action in done)
    return {
        "id": (outcome.id or None) if outcome else plan.id,
        "applied": bool(outcome and outcome.id and not undone),
        "moved": sum(len(action.moves) for action in done) if outcome else sum(len(a.sources) for a in plan.actions),
        "digests": sum(a.write is not None for a in done)
        if outcome
        else sum(a.digest is not None for a in plan.actions),
        "tokens_before": plan.tokens_before,
        "tokens_after": plan.tokens_before - saved if outcome else plan.tokens_after,
        "left": len(outcome.left) if outcome else 0,
        "verified": _of_verdict(verdict),
    }


def _values(plan: Plan, outcome: Outcome | None, verdict: Verdict | None) -> dict[str, object]:
    report = _report(plan, outcome, verdict)
    return {
        **report,
        "actions": [_of_action(action) for action in plan.actions],
        "agents": [
            {"agent": f.agent, "tokens_before": f.before, "tokens_after": f.after, "budget": f.budget}
            for f in plan.folders
        ],
        "refused": list(plan.refused),
        "left": _left(plan, outcome) if outcome else [],
    }


def _left(plan: Plan, outcome: Outcome) -> list[dict[str, str]]:
    """Return what was left alone and why; a private memory as its agent's folder."""
    from agent_memory.cli.plan_view import private_paths

    private = private_paths(plan.actions)
    return [
        {"path": f"{left.path.partition('/')[0]}/ (private)", "why": "changed since the plan was made"}
        if left.path in private
        else {"path": left.path, "why": left.why}
        for left in outcome.left
    ]


def _of_verdict(verdict: Verdict | None) -> Mapping[str, object] | None:
    if verdict is None:
        return None
    before, after = round(verdict.before, 6), round(verdict.after, 6)
    return {"tasks": verdict.tasks, "recall_before": before, "recall_after": after, "holds": verdict.holds}


def _of_action(action: Action) -> dict[str, object]:
    from agent_memory.cli.plan_view import named

    sources, target, why = named(action)
    return {
        "kind": action.kind,
        "agent": action.agent,
        "sources": sources,
        "target": target,
        "why": visible(why),
        "tokens_before": action.tokens_before,
        "tokens_after": action.tokens_after,
        "digest": None if action.digest is None else _of_digest(action.digest, action.path),
    }


def _of_digest(made: Digest, path: str) -> dict[str, object]:
    from agent_memory.cli.plan_view import is_private

    private = is_private(made)
    return {
        "path": f"{made.sources[0].agent}/ (private)" if private else path,
        "name": None if private else made.name,
        "body": None if private else made.body,
        "facts": len(made.facts),
        "lost": [] if private else list(made.lost),
        "written_by": made.written_by,
        "note": made.note or None,
    }
