"""What a ranking is worth: metrics over tasks whose relevant memories are known. Pure; nothing here asks a store."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MUST_HAVE = 2
"""Grade of a memory without which the agent would go wrong; 1 is useful, 0 and -1 (stale) are worth nothing."""

Grades = Mapping[str, int]
"""Path -> grade, for one task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a store answered to one task.

    Attributes:
        ranked: Paths, best first; empty where nothing is relevant.
        handed_over: Paths of the memories in the briefing.
        tokens: Size of the briefing.
        every_file: Tokens of reading every memory that existed on the day of the task.
        seconds: Wall time of the briefing.
    """

    ranked: Sequence[str]
    handed_over: Sequence[str] = ()
    tokens: int = 0
    every_file: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Successors:
    """Which memory replaces which.

    Attributes:
        steps: Old path -> paths that replace it directly.
        kinds: Old path -> what kind of step that is, such as "explicit"; it may lack any path.
    """

    steps: Mapping[str, Collection[str]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    def of(self, path: str) -> set[str]:
        """Return everything that replaces a memory, directly or by way of others."""
        seen: set[str] = set()
        waiting = [path]
        while waiting:
            new = set(self.steps.get(waiting.pop(), ())) - seen
            seen |= new
            waiting += new
        return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """One memory that no longer holds for a task.

    Attributes:
        kind: What kind of step replaced it, or "".
        above: It is ranked, and no successor that is relevant for the task stands above it.
    """

    path: str
    kind: str
    above: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one answer is worth.

    Attributes:
        values: Metric -> value; a metric that says nothing about the task is not there.
        stale: Every memory graded -1 whose successor is known and relevant.
        seconds: As in `Answer`.
    """

    task: str
    values: Mapping[str, float]
    stale: tuple[Stale, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number, and how many things it is the mean of; None where there are none."""

    value: float | None
    n: int


# -- one task ---------------------------------------------------------------------------------------------------------


def must_haves(grades: Mapping[str, Grades]) -> dict[str, frozenset[str]]:
    """Return the must-haves of each task: grade 2, or every positive grade in a set that has no grade 2."""
    least = MUST_HAVE if any(g >= MUST_HAVE for of_task in grades.values() for g in of_task.values()) else 1
    return {task: frozenset(p for p, g in of_task.items() if g >= least) for task, of_task in grades.items()}


def gain(grade: int) -> int:
    """Return what finding a memory of a grade is worth: 2^grade - 1, and nothing below grade 1."""
    return 2**grade - 1 if grade > 0 else 0


def ndcg(ranked: Sequence[str], grades: Grades, k: int) -> float:
    """Return the discounted gain of the first `k` as a share of the best possible one."""
    best = _discounted(sorted(map(gain, grades.values()), reverse=True)[:k])
    return _discounted([gain(grades.get(path, 0)) for path in ranked[:k]]) / best if best else 0.0


def recall(ranked: Sequence[str], wanted: Collection[str], k: int) -> float:
    """Return the share of the wanted memories that stand among the first `k`."""
    return len(set(ranked[:k]).intersection(wanted)) / len(wanted)


def precision(paths: Sequence[str], wanted: Collection[str]) -> float:
    """Return the share of wanted memories; 0 where there is no memory at all."""
    return sum(path in wanted for path in paths) / len(paths) if paths else 0.0


def reciprocal_rank(ranked: Sequence[str], wanted: Collection[str]) -> float:
    """Return 1 / place of the first wanted memory, 0 where there is none."""
    return next((1 / place for place, path in enumerate(ranked, 1) if path in wanted), 0.0)


def stale_places(ranked: Sequence[str], grades: Grades, successors: Successors) -> tuple[Stale, ...]:
    """Tell of every stale memory whose successor is known and relevant whether it stands where that should."""
    place = {path: at for at, path in enumerate(ranked)}
    found = []
    for path in (p for p, g in grades.items() if g < 0):
        newer = [p for p in successors.of(path) if grades.get(p, 0) > 0]
        if not newer:
            continue
        fresh = [place[p] for p in newer if p in place]
        above = path in place and min(fresh, default=len(ranked)) > place[path]
        found.append(Stale(path=path, kind=successors.kinds.get(path, ""), above=above))
    return tuple(found)


def score(task: str, answer: Answer, grades: Grades, must: Collection[str], successors: Successors) -> Score:
    """Measure the answer to one task.

    Args:
        grades: May be empty: nothing is relevant.
        must: The must-haves; see `must_haves`.
    """
    ranked = list(dict.fromkeys(answer.ranked))
    wanted = {path for path, grade in grades.items() if grade > 0}
    values = {"tokens_handed_over": float(answer.tokens), "tokens_of_every_file": float(answer.every_file)}
    if not ranked:
        values["nothing_precision"] = float(not wanted)
    if not wanted:
        values["nothing_recall"] = float(not ranked)
        return Score(task=task, values=values, stale=(), seconds=answer.seconds)
    values |= {
        "ndcg_at_5": ndcg(ranked, grades, 5),
        "recall_at_5": recall(ranked, wanted, 5),
        "precision_ranked": precision(ranked, wanted),
        "precision_handed_over": precision(answer.handed_over, wanted),
        "wrongly_empty": float(not ranked),
    }
    if must:
        values |= {
            "must_have_recall_at_5": recall(ranked, must, 5),
            "must_have_recall_at_10": recall(ranked, must, 10),
            "mrr": reciprocal_rank(ranked, must),
        }
    stale = stale_places(ranked, grades, successors)
    return Score(task=task, values=values, stale=stale, seconds=answer.seconds)


def _discounted(gains: Iterable[int]) -> float:
    return sum(value / math.log2(place + 1) for place, value in enumerate(gains, 1))


# -- many tasks -------------------------------------------------------------------------------------------------------

MEANS = (
    "ndcg_at_5", "must_have_recall_at_5", "must_have_recall_at_10", "recall_at_5", "mrr", "precision_ranked",
    "precision_handed_over", "stale_above_fresh", "nothing_precision", "nothing_recall", "wrongly_empty",
    "tokens_handed_over", "tokens_of_every_file",
)  # fmt: skip
"""Metrics that are means over the tasks of which they say something; one is a mean over stale memories."""


def scores(
    answers: Mapping[str, Answer], grades: Mapping[str, Grades], successors: Successors | None = None
) -> tuple[Score, ...]:
    """Measure the answers to many tasks, in their order.

    Args:
        answers: Task -> answer.
        grades: Task -> grades; a task that is not there has nothing relevant.
    """
    must = must_haves(grades)
    known = successors or Successors()
    return tuple(
        score(task, answer, grades.get(task, {}), must.get(task, ()), known) for task, answer in answers.items()
    )


def summary(found: Sequence[Score]) -> dict[str, Metric]:
    """Return every metric over many tasks."""
    means = {name: mean([s.values[name] for s in found if name in s.values]) for name in MEANS}
    means["stale_above_fresh"] = mean([float(stale.above) for s in found for stale in s.stale])
    seconds = [s.seconds for s in found]
    handed, every = (sum(s.values[name] for s in found) for name in ("tokens_handed_over", "tokens_of_every_file"))
    return {
        **means,
        "tokens_share": Metric(value=handed / every if every else None, n=len(found)),
        "seconds_p50": Metric(value=percentile(seconds, 50), n=len(found)),
        "seconds_p95": Metric(value=percentile(seconds, 95), n=len(found)),
    }


def stale_by_kind(found: Sequence[Score]) -> dict[str, Metric]:
    """Return the share of stale memories above their successors, by the kind of step that replaced them."""
    pairs = [stale for s in found for stale in s.stale if stale.kind]
    return {k: mean([float(p.above) for p in pairs if p.kind == k]) for k in sorted({p.kind for p in pairs})}


def mean(values: Sequence[float]) -> Metric:
    """Return the mean of some values."""
    return Metric(value=math.fsum(values) / len(values) if values else None, n=len(values))


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Return the smallest value that at least `percent` per cent of the values do not exceed."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else None
