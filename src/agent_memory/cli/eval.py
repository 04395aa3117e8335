"""`memory eval`: how well the store answers tasks whose relevant memories are known."""

from __future__ import annotations

import hashlib
import json
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from agent_memory.cli.failure import Usage
from agent_memory.cli.options import COUNT, Call, Command, pass_call, shared_options
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
    "stale_above_fresh": ("stale above fresh", "stale memories without their successor above; lower is better"),
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

    def rank(
        self, agent: str | None, task: str, *, now: date | None = None, limit: int = 20
    ) -> tuple[str, ...]:
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
@shared_options
@pass_call
def command(
    call: Call, tasks: str | None, qrels: str | None, chains: str | None, run: str | None, own: bool, sample: int  # noqa: FBT001
) -> None:
    """Measure how well the store answers tasks whose relevant memories are known.

    A grade is 2 for a must-have, 1 for useful, -1 for stale. Each task is asked as of its date: memories after it do
    not exist. With --self every memory is asked for in its own words, without those of its title. The store stays as
    it is, no receipt is written.
    """
    _check(tasks, qrels, chains, run, own=own)
    with call.store() as store:
        records = store.list(archived=True)
        today = (call.clock or _local_time())().date()
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


def _local_time() -> Callable[[], date]:  # replaced below by the store's clock
    raise NotImplementedError
