"""Whether recall survives a compaction: the same questions before and after; a digest stands for its sources. Pure.

Every question is asked as of today: that is what agents will do, and a digest did not exist at an earlier day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent_memory.files.listing import ARCHIVE
from agent_memory.model import Record
from agent_memory.recall.evaluation import must_haves, recall
from agent_memory.recall.judgements import Task

if TYPE_CHECKING:
    from agent_memory.upkeep.journal import Done
    from agent_memory.upkeep.plan import Plan

PLACES = 5
"""Of a ranking, this many places count."""
TOLERANCE = 0.005
"""Recall that a run may cost."""
_SAMPLE = 200

Rank = Callable[[str | None, str], Sequence[str]]
"""From an agent and a task to paths, best first, as of today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Must-have recall@5 before and after a run.

    Attributes:
        tasks: Number of questions.
    """

    tasks: int
    before: float
    after: float

    @property
    def holds(self) -> bool:
        """Whether recall survived."""
        return self.after >= self.before - TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What is asked, and the paths that must come back.

    Attributes:
        wanted: Task -> paths, for tasks that have any.
    """

    tasks: tuple[Task, ...]
    wanted: Mapping[str, frozenset[str]]

    def recall(self, rank: Rank, *, holds: Mapping[str, str] | None = None) -> float:
        """Return the mean share of must-haves among the first five; 1 where nothing is asked.

        Args:
            holds: Path of a memory that was moved -> path of what stands for it now.
        """
        stands = holds or {}
        shares = []
        for task in self.tasks:
            if must := self.wanted.get(task.id):
                ranked = rank(task.agent, task.task)
                there = {path for path in must if path in ranked[:PLACES] or stands.get(path) in ranked[:PLACES]}
                shares.append(recall(list(there), must, len(must)))
        return sum(shares) / len(shares) if shares else 1.0


def given(tasks: Sequence[Task], grades: Mapping[str, Mapping[str, int]], records: Iterable[Record]) -> Questions:
    """Return questions from files; what is superseded today must not come back any more, and is not asked for."""
    over = {record.path for record in records if record.superseded_by or record.path.startswith(ARCHIVE)}
    wanted = {task: frozenset(paths - over) for task, paths in must_haves(grades).items()}
    return Questions(tasks=tuple(tasks), wanted={task: paths for task, paths in wanted.items() if paths})


def _sample(records: Iterable[Record]) -> list[Record]:
    """Choose memories that hold today, the same ones each time."""
    fit = [r for r in records if r.agent and r.status not in ("superseded", "archived") and not r.superseded_by]
    chosen = sorted(fit, key=lambda r: hashlib.sha256(r.path.encode("utf-8", "surrogateescape")).digest())[:_SAMPLE]
    return sorted(chosen, key=lambda r: r.path)


def own(records: Iterable[Record], plan: Plan) -> Questions:
    """Return a question for each memory that holds today, 200 at most: its topic and description; it should come back.

    What the plan takes for over (noise, what has expired) is not asked for. `memory eval --self` asks harder, for
    single sentences, of which an extract keeps a part only.
    """
    over = {o.memory.path for action in plan.actions if action.target is None for o in action.sources}
    chosen = _sample(record for record in records if record.path not in over)
    tasks = tuple(Task(id=r.path, agent=r.agent, task=f"{r.name} {r.description}", place=r.path) for r in chosen)
    return Questions(tasks=tasks, wanted={task.id: frozenset([task.id]) for task in tasks})


def holds(done: Iterable[Done]) -> dict[str, str]:
    """Return what stands for each memory that was moved: its digest, its successor, its copy, the answer."""
    found = {
        move.path: action.write.path if action.write else f"{action.target}.md"
        for action in done
        for move in action.moves
        if action.write or action.target
    }
    return {path: _last(path, found) for path in found}


def _last(path: str, found: Mapping[str, str]) -> str:
    seen: set[str] = set()
    while path in found and path not in seen:
        seen.add(path)
        path = found[path]
    return path
