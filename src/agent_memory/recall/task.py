"""The memories nearest to a task text, which may be four words or a two-page specification; nothing in it is syntax.

1. *Weigh* its tokens: rare ones count more, words that every task has (please, should, make) hardly, parts of
   identifiers less than words.
2. *Feed back*: the tokens that the best memories share are searched for as well, with small weights.
3. *Neighbours*: notes that an agent wrote on the same day lend each other a little.
4. *Supersession*: the newest of a chain takes the chain's best score.
5. *Floor*: where even the best memories cover too little of what the task speaks of, nothing is relevant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from agent_memory.index import postings
from agent_memory.index.analysis import analyse, stem
from agent_memory.index.sqlite import Index
from agent_memory.model import Term
from agent_memory.recall import ranking
from agent_memory.recall.ranking import Candidate, Scored, Statistics

TOKENS = 32
"""Of a long task, this many of its weightiest tokens are searched for."""

CANDIDATES = 128
"""Rows of the full-text table that are ranked in full."""

POWER = 1.15
COMPOUND = 0.5
GENERIC_WEIGHT = 0.3
FEEDBACK_MEMORIES = 5
FEEDBACK_TOKENS = 18
FEEDBACK = 0.25
"""Weight of the best token that is fed back, as a share of the weightiest of the task."""

SAME_DAY = (0.15, 0.075)
"""What the notes one and two places away in the same agent's day lend."""

WORTH = 0.35
"""A memory is handed over if its score is at least this share of the best one's."""

FLOOR = 0.15
"""Share of a task's weight that one of the five best memories must cover."""

_GENERIC = """
what when where which who whom whose why how do does did done doing have has had having i me my mine we us our ours
you your yours he him his she her hers its them theirs can could should would may might must shall am been being were
from up down out about over under again further once here all any both each few more most other some own same so than
too very just also please make sure need needs want wants get gets got now new use using work write add
"""
GENERIC = frozenset(stem(word) for word in _GENERIC.split())


def rank(
    index: Index, task: str, *, agent: str | None, today: date, limit: int, explain: bool = False
) -> tuple[list[Scored], list[str]]:
    """Return memories best first, none later than `today`, and the tokens that were searched for.

    Args:
        agent: Who asks: what others keep private is not seen.
        explain: Tell the addends of each score.
    """
    stems = list(dict.fromkeys(analyse(task).stems))
    statistics = _statistics(index, stems)
    weights = weigh(stems, statistics)
    chosen = dict(sorted(((t, w) for t, w in weights.items() if statistics.having[t]), key=_weightiest)[:TOKENS])
    if not chosen:
        return [], []
    seen = _Seen(agent, today)
    first = _scored(index, chosen, statistics, seen)
    if not first or covered([candidate for _, candidate in first[:5]], weights) < FLOOR:
        return [], []
    widened = feedback(first[:FEEDBACK_MEMORIES], chosen, index, statistics)
    scored = [s for s, _ in _scored(index, widened, _statistics(index, widened), seen, explain=explain)]
    scored = lend(scored, postings.same_day(index, [s.number for s in scored]))
    old_of, paths = postings.supersessions(index, until=today)
    return _only_seen(index, ranking.supersede(scored, old_of, paths), scored, seen)[:limit], list(chosen)


class _Seen(NamedTuple):
    """Which memories exist for an agent on a day."""

    agent: str | None
    today: date

    @property
    def condition(self) -> tuple[str, list[object]]:
        """SQL over `memories`, and its values."""
        marks = ",".join("?" * len(postings.OPEN))
        where = (
            f"memories.date <= ? AND NOT memories.archived AND (memories.visibility IN ({marks}) OR memories.agent = ?)"
        )
        return where, [self.today.isoformat(), *postings.OPEN, self.agent or ""]


def weigh(stems: Sequence[str], statistics: Statistics) -> dict[str, float]:
    """Return what each token of a task is worth, those that no memory has included."""
    return {
        token: statistics.weight(token) ** POWER
        * (1.0 if token.isalnum() else COMPOUND)
        * (GENERIC_WEIGHT if token in GENERIC else 1.0)
        for token in stems
    }


def covered(best: Sequence[Candidate], weights: Mapping[str, float]) -> float:
    """Return the largest share of the task's weight that one of the memories has."""
    total = sum(weights.values())
    if not total:
        return 0.0
    return max(sum(weights[t] for t in weights.keys() & _tokens(candidate)) for candidate in best) / total


def feedback(
    best: Sequence[tuple[Scored, Candidate]], weights: Mapping[str, float], index: Index, statistics: Statistics
) -> dict[str, float]:
    """Return the weights with small ones added for the tokens that the best memories share."""
    total = sum(scored.score for scored, _ in best)
    points: dict[str, float] = {}
    for scored, candidate in best:
        for token, n in Counter(t for passage in candidate.passages for t in passage.split() if t.isalnum()).items():
            points[token] = points.get(token, 0.0) + scored.score / total * n / (n + 1)
    likely = dict(sorted(points.items(), key=_weightiest)[: 8 * FEEDBACK_TOKENS])
    known = replace(statistics, having={token: postings.having(index, token) for token in likely})
    worth = {token: share * known.weight(token) for token, share in likely.items() if known.having[token] > 1}
    chosen = sorted(worth.items(), key=_weightiest)[:FEEDBACK_TOKENS]
    widened = dict(weights)
    if chosen:
        scale = FEEDBACK * max(weights.values()) / chosen[0][1]
        for token, value in chosen:
            widened[token] = widened.get(token, 0.0) + scale * value
    return widened


def _only_seen(index: Index, ordered: list[Scored], scored: Sequence[Scored], seen: _Seen) -> list[Scored]:
    """Leave out what supersession brought in and the agent may not see."""
    known = {s.number for s in scored}
    new = [s.number for s in ordered if s.number not in known]
    allowed = known | postings.among(index, new, *seen.condition)
    return [s for s in ordered if s.number in allowed]


def lend(scored: Sequence[Scored], days: Sequence[Sequence[int]]) -> list[Scored]:
    """Add what the notes of the same agent's day lend each other.

    Args:
        days: For each agent and day the numbers of its memories, in order.
    """
    own = {s.number: s.score for s in scored}
    lent: dict[int, float] = {}
    for day in days:
        for i, number in enumerate(day):
            for away, share in enumerate(SAME_DAY, 1):
                for j in (i - away, i + away):
                    if 0 <= j < len(day):
                        lent[number] = lent.get(number, 0.0) + share * own.get(day[j], 0.0)
    raised = []
    for s in scored:
        gain = lent.get(s.number, 0.0)
        terms = (*s.terms, Term(name="same day", field="rule", value=gain)) if gain and s.terms else s.terms
        raised.append(replace(s, score=s.score + gain, terms=terms))
    return sorted(raised, key=lambda s: (-s.score, s.path))


def _scored(
    index: Index, weights: Mapping[str, float], statistics: Statistics, seen: _Seen, *, explain: bool = False
) -> list[tuple[Scored, Candidate]]:
    found, _ = postings.candidates(index, list(weights), *seen.condition, CANDIDATES)
    pairs = []
    for number, path in found.items():
        candidate = Candidate(number, path, *postings.token_texts(index, number))
        pairs.append((ranking.score(candidate, weights, {}, statistics, explain=explain), candidate))
    return sorted(pairs, key=lambda pair: (-pair[0].score, pair[0].path))


def _statistics(index: Index, tokens: Sequence[str] | Mapping[str, float]) -> Statistics:
    return Statistics(*postings.totals(index), {token: postings.having(index, token) for token in tokens})


def _tokens(candidate: Candidate) -> set[str]:
    return {t for text in (candidate.title, candidate.about, *candidate.passages) for t in text.split()}


def _weightiest(item: tuple[str, float]) -> tuple[float, str]:
    return -item[1], item[0]
