"""`memory eval`: how well the store answers tasks whose relevant memories are known."""

from __future__ import annotations

import hashlib
import json
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from agent_memory.cli.failure import Usage
from agent_memory.cli.options import COUNT, Call, Command, pass_call, semantic_option, shared_options
from agent_memory.cli.render import note, on_terminal, plural, put
from agent_memory.errors import InvalidInput, NotFound, Unreadable

if TYPE_CHECKING:
    from agent_memory.model import Briefing, Record
    from agent_memory.recall.evaluation import Answer, Metric, Score, Successors
    from agent_memory.recall.judgements import Judged, Task
    from agent_memory.store import MemoryStore

LABELS = {
    "ndcg_at_5": ("nDCG@5", "how well the first 5 are ordered"),
    "must_have_recall_at_5": ("must-have recall@5", "must-haves among the first 5"),
    "must_have_recall_at_10": ("must-have recall@10", "must-haves among the first 10"),
    "recall_at_5": ("recall@5", "relevant memories among the first 5"),
    "mrr": ("MRR", "1 / place of the first must-have"),
    "precision_ranked": ("precision, ranked", "relevant ones among all that are ranked"),
    "precision_handed_over": ("precision, handed over", "relevant ones in the briefing"),
    "stale_above_fresh": ("stale above fresh", "stale memories whose known successor is not above; lower is better"),
    "nothing_precision": ("nothing relevant, precision", "empty answers that are right"),
    "nothing_recall": ("nothing relevant, recall", "tasks with nothing relevant that are answered so"),
    "wrongly_empty": ("wrongly empty", "other tasks that are answered so; lower is better"),
    "tokens_handed_over": ("tokens handed over", "size of a briefing of the default budget, mean"),
    "tokens_of_every_file": ("tokens of every file", "what reading all memories of the day would cost, mean"),
    "tokens_share": ("handed over / every file", "lower is better"),
    "seconds_p50": ("latency p50", "time of a briefing"),
    "seconds_p95": ("latency p95", "time of a briefing"),
}
"""Metric -> what people read: a label, and what it says."""


class Asked(Protocol):
    """What is asked of a store."""

    def rank(self, agent: str | None, task: str, *, now: date | None = None, limit: int = 20) -> tuple[str, ...]:
        """Return paths, best first; none where nothing is relevant."""

    def first_step(self, *, agent: str, task: str, now: date | None = None, receipt: bool = True) -> Briefing:
        """Return the briefing of the default budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What to ask, and what would be right.

    Attributes:
        notes: What a person should know about the files it was read from.
    """

    tasks: Sequence[Task]
    grades: dict[str, dict[str, int]]
    successors: Successors
    notes: tuple[str, ...] = ()


@click.command(
    "eval",
    cls=Command,
    short_help="Measure how well the store answers tasks.",
    examples=(
        "memory eval --self",
        "memory eval --tasks tasks.jsonl --qrels qrels.tsv --run out.jsonl",
    ),
)
@click.option("--tasks", metavar="FILE", help="Tasks, a JSON object a line: id, agent, task, date.")
@click.option("--qrels", metavar="FILE", help="Grades, tab-separated: task, path, grade.")
@click.option("--chains", metavar="FILE", help="What replaces what, a table: old, new, kind.")
@click.option("--run", metavar="FILE", help="Write the rankings there, a JSON object a line.")
@click.option("--self", "own", is_flag=True, help="Ask for the store's own memories instead.")
@click.option(
    "--sample", metavar="N", type=COUNT, default=200, show_default=True, help="Memories that --self asks for at most."
)
@semantic_option
@shared_options
@pass_call
def command(
    call: Call,
    tasks: str | None,
    qrels: str | None,
    chains: str | None,
    run: str | None,
    own: bool,  # noqa: FBT001
    sample: int,
) -> None:
    """Measure how well the store answers tasks whose relevant memories are known.

    A grade is 2 for a must-have, 1 for useful, -1 for stale. Each task is asked as of its date: memories after it do
    not exist. With --self every memory is asked for in its own words, without those of its title. The store stays as
    it is, no receipt is written.
    """
    from agent_memory.store import local_time

    _check(tasks, qrels, chains, run, own=own)
    with call.store(by_meaning=True) as store:
        records = store.list(archived=True)
        today = (call.clock or local_time)().date()
        if own:
            asked = _of_itself(store, records, today=today, sample=sample)
        else:
            asked = _from_files(records, tasks or "", qrels or "", chains)
        answers = answered(store, asked.tasks, records, today=today, clock=time.perf_counter)
        fallback = store.fallback
    if run is not None:
        Path(run).write_bytes(b"".join(map(run_line, asked.tasks, answers.values())))
    _report(call, asked, answers, len(records), fallback)


def _check(tasks: str | None, qrels: str | None, chains: str | None, run: str | None, *, own: bool) -> None:
    """Refuse words that make no sense together, before anything is asked."""
    see = "see: memory eval --help"
    given = [file for file in (tasks, qrels, chains) if file is not None]
    if own and given:
        raise Usage("--self makes its own tasks and grades: leave out --tasks, --qrels and --chains", hint=see)
    if not own and (tasks is None or qrels is None):
        raise Usage("give --tasks and --qrels, or --self", hint=see)
    if given.count("-") > 1:
        raise Usage("only one file can be stdin", hint=see)
    if run is None:
        return
    if not Path(run).parent.is_dir():
        raise NotFound(f"no folder {Path(run).parent}", hint="--run names a file that will be written")
    if Path(run).resolve() in [Path(file).resolve() for file in given]:
        raise Usage(f"--run would overwrite {run}", hint="name another file")


# -- what to ask ------------------------------------------------------------------------------------------------------


def _from_files(records: Sequence[Record], tasks: str, qrels: str, chains: str | None) -> Questions:
    from agent_memory.cli.body_input import read_text
    from agent_memory.recall import judgements

    paths = [record.path for record in records]
    found = judgements.read_tasks(read_text(tasks), tasks)
    judged = judgements.read_grades(read_text(qrels), qrels, found, paths)
    if chains is None:
        successors = judgements.supersessions(records)
    else:
        successors = judgements.read_chains(read_text(chains), chains, paths)
    return Questions(tasks=found, grades=judged.grades, successors=successors, notes=_unknown(judged, tasks, qrels))


def _unknown(judged: Judged, tasks: str, qrels: str) -> tuple[str, ...]:
    """Say what in a file of grades means nothing here.

    Raises:
        InvalidInput: All of it means nothing.
    """
    graded = {path for of_task in judged.grades.values() for path in of_task}
    notes = []
    if lost := judged.unknown_tasks:
        if not judged.grades:
            raise InvalidInput(f"{qrels}: none of its tasks is in {tasks}", hint="do the two belong together?")
        notes.append(f"{qrels}: {plural(len(lost), 'task')} not in {tasks}, such as {lost[0]!r}; left out")
    if lost := judged.unknown_paths:
        if len(lost) == len(graded):
            raise InvalidInput(f"{qrels}: none of its paths is in this store, such as {lost[0]!r}",
                               hint="paths are relative to the store; does --root name the right one?")  # fmt: skip
        paths = plural(len(lost), "path that no memory has", "paths that no memory has")
        notes.append(f"{qrels}: {paths}, such as {lost[0]!r}; counted as not found")
    return tuple(notes)


def _of_itself(store: MemoryStore, records: Sequence[Record], *, today: date, sample: int) -> Questions:
    """Choose memories that hold today, the same ones each time, and ask for them."""
    from agent_memory.recall import judgements

    fit = [r for r in records if r.agent and r.status not in ("superseded", "archived") and r.date <= today]
    fit = [r for r in fit if r.valid_until is None or r.valid_until >= today]
    chosen = sorted(fit, key=lambda r: hashlib.sha256(r.path.encode("utf-8", "surrogateescape")).digest())[:sample]
    memories = []
    for record in sorted(chosen, key=lambda r: r.path):
        with suppress(NotFound, Unreadable):  # it vanished this moment
            memories.append(store.show(record.id))
    tasks = judgements.own_questions(memories)
    if not tasks:
        raise InvalidInput("no memory says enough to be asked for", hint="write some with: memory add")
    successors = judgements.supersessions(records)
    few = len(memories) - len(tasks)
    notes = (f"left out: {plural(few, 'memory that says', 'memories that say')} too little to be asked for",)
    grades = judgements.own_grades(tasks, successors)
    return Questions(tasks=tasks, grades=grades, successors=successors, notes=notes if few else ())


# -- asking -----------------------------------------------------------------------------------------------------------


def answered(
    store: Asked, tasks: Sequence[Task], records: Sequence[Record], *, today: date, clock: Callable[[], float]
) -> dict[str, Answer]:
    """Ask a store every task as of its day, and return the answers by task, in the order of the tasks.

    Args:
        records: All memories of the store, for what reading the active ones would cost.
        clock: Seconds.

    Raises:
        InvalidInput: The store refuses a task; the message names its place.
    """
    active = sorted((r for r in records if not r.path.startswith(".store/")), key=lambda r: r.date)
    days = [record.date for record in active]
    costs = [0, *accumulate(-(-record.size // 4) for record in active)]
    every_file = {task.id: costs[bisect_right(days, task.date or today)] for task in tasks}
    return {task.id: _answer(store, task, every_file[task.id], clock) for task in tasks}


def _answer(store: Asked, task: Task, every_file: int, clock: Callable[[], float]) -> Answer:
    from agent_memory.recall.evaluation import Answer

    try:
        ranked = store.rank(task.agent, task.task, now=task.date)
        begun = clock()
        briefing = store.first_step(agent=task.agent, task=task.task, now=task.date, receipt=False)
        seconds = clock() - begun
    except (InvalidInput, NotFound) as error:
        raise InvalidInput(f"{task.place}: {error.message}", hint=error.hint) from error
    return Answer(
        ranked=ranked,
        handed_over=[briefed.record.path for briefed in briefing.memories],
        tokens=briefing.tokens,
        every_file=every_file,
        seconds=seconds,
    )


def run_line(task: Task, answer: Answer) -> bytes:
    """Return the line of a run: a task and its ranking."""
    line = json.dumps({"id": task.id, "ranked": list(answer.ranked)}, ensure_ascii=False)
    return line.encode("utf-8", "backslashreplace") + b"\n"


# -- telling ----------------------------------------------------------------------------------------------------------


def _report(call: Call, asked: Questions, answers: Mapping[str, Answer], memories: int, fallback: str) -> None:
    from agent_memory.recall import evaluation

    found = evaluation.scores(answers, asked.grades, asked.successors)
    metrics, kinds = evaluation.summary(found), evaluation.stale_by_kind(found)
    if call.json:
        from agent_memory.cli.json_output import print_json

        print_json(
            {
                "memories": memories,
                "metrics": {name: _of_metric(metric) for name, metric in metrics.items()},
                "stale_by_kind": {kind: _of_metric(metric) for kind, metric in kinds.items()},
                "tasks": [_of_score(score) for score in found],
                "notes": list(asked.notes),
                "fallback": fallback or None,
            }
        )
        return
    if on_terminal():
        put(f"{plural(len(found), 'task')}, {plural(memories, 'memory', 'memories')}\n")
    _print(metrics, kinds)
    note(fallback, notes=asked.notes)


def _of_metric(metric: Metric) -> dict[str, object]:
    return {"value": None if metric.value is None else round(metric.value, 6), "n": metric.n}


def _of_score(score: Score) -> dict[str, object]:
    return {
        "task": score.task,
        "scores": {name: round(value, 6) for name, value in score.values.items()},
        "stale": [{"path": stale.path, "kind": stale.kind or None, "above": stale.above} for stale in score.stale],
        "seconds": round(score.seconds, 6),
    }


def _print(metrics: Mapping[str, Metric], kinds: Mapping[str, Metric]) -> None:
    """Print a row for each metric: its label, its value, how many things it is about, and what it says."""
    from agent_memory.cli.table import Column, print_table

    rows: list[tuple[object, ...]] = []
    for name, metric in metrics.items():
        label, says = LABELS[name]
        rows.append((label, _shown(name, metric.value), metric.n, says))
        if name == "stale_above_fresh":
            rows += [(f"{label}, {kind}", _shown(name, m.value), m.n, "") for kind, m in kinds.items()]
    numbers = [Column(name=name, align="right") for name in ("value", "n")]
    print_table([Column(name="metric"), *numbers, Column(name="what it says", cut=True, spare=True)], rows)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name.startswith("seconds"):
        return f"{value * 1000:.1f} ms"
    if name.startswith("tokens_") and name != "tokens_share":
        return f"{value:,.0f}" if on_terminal() else f"{value:.0f}"
    return f"{value:.3f}"
