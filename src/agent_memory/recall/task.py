"""The memories nearest to a task text, which may be four words or a two-page specification; nothing in it is syntax.

1. *Weigh* its tokens: rare ones count more, words that every task has (please, should, make) hardly.
2. *Feed back*: the tokens that the best memories share are searched for as well, with small weights.
3. *Rules*: notes of the same agent's day lend each other a little; the agent's own memories and those of a time that
   the task names gain a little; of two on one topic with close scores the later goes first.
4. *Supersession*: the newest of a chain takes the chain's best score.
5. *Floor*: where even the best memories cover too little of what the task speaks of, nothing is relevant.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from agent_memory.index import postings
from agent_memory.index.analysis import analyse, stem
from agent_memory.index.population import Population
from agent_memory.index.sqlite import Index
from agent_memory.index.view import View
from agent_memory.recall import fusion, likeness, ranking, rules
from agent_memory.recall.nearest import nearest
from agent_memory.recall.ranking import Candidate, Scored, Statistics
from agent_memory.recall.times import spoken

if TYPE_CHECKING:
    from agent_memory.index.vectors import Vectors

WORDS = ("bm25", "feedback")

LONGEST = 2000
"""Different tokens of a task that are looked at; what a longer one has behind them is not."""

TOKENS = 48
"""Of a long task, this many of its weightiest tokens are searched for."""

FEW = 3
"""Up to as many tokens the engine's BM25 chooses the candidates, which reads all of their occurrences."""

FIRST = 36
"""Memories that are ranked in full to find the best, whose tokens are fed back."""

CANDIDATES = 72
"""Memories that are ranked in full with those tokens, besides the `KEPT` best of before."""

KEPT = 8

LENDING = 24
"""First memories whose day is looked at."""

REMEMBERED = 512
"""Memories whose counted tokens are kept until the index changes."""

GENERIC_WEIGHT = 0.3
FEEDBACK_MEMORIES = 5
FEEDBACK_TOKENS = 16
FEEDBACK = 0.25
"""Weight of the best token that is fed back, as a share of the weightiest of the task."""

BEST = 5
FLOOR = (0.10, 0.23)
"""Share of a task's weight that one of the `BEST` memories must cover: in the smallest store, and in a full one."""

FULL = (100, 60)
"""Memories, and mean tokens of one, from which a store counts as full: few or short memories cover less by chance."""

SPOKEN = 0.36
"""The same share where meaning is compared too, and may carry a task that shares few words."""

WORTH = 0.47
"""A memory is handed over if its score is at least this share of the best one's."""

LONG = 15
"""Tokens from which a task speaks of more than one memory can cover: the floor falls with the root of their number."""

_GENERIC = """
what when where which who whom whose why how do does did done doing have has had having i me my mine we us our ours
you your yours he him his she her hers its them theirs can could should would may might must shall am been being were
from up down out about over under again further once here all any both each few more most other some own same so than
too very just also please make sure need needs want wants get gets got now new use using work write add
happen happened tell explain describe know find show give let like go come see look thing way
codebase project system implement handle
something anything everything someone anyone else quite hello hi thanks thank
"""
GENERIC = frozenset(stem(word) for word in _GENERIC.split())
"""Stems of words that ask rather than say: every task and every question about a code base has them."""


class Ranked(NamedTuple):
    """An answer.

    Attributes:
        scored: Memories, best first.
        tokens: Those of the task that were searched for.
        arms: The ways of ranking that ran.
        twins: Memory -> one above it that says the same.
    """

    scored: list[Scored]
    tokens: list[str]
    arms: tuple[str, ...]
    twins: Mapping[int, int] = {}


class Meaning(NamedTuple):
    """What vectors say of a task; nothing where there are none.

    Attributes:
        stands: See `fusion.standing`.
        unit: The weight of all tokens of the task.
        near: The largest nearness, as a share of what tells that something is relevant.
    """

    stands: Mapping[int, float] = {}
    unit: float = 0.0
    near: float = 0.0


def rank(
    index: Index,
    task: str,
    *,
    agent: str | None,
    today: date,
    limit: int,
    vectors: Vectors | None = None,
    boosts: Mapping[str, float] | None = None,
    explain: bool = False,
) -> Ranked:
    """Return the memories that matter for a task, none later than `today`; none at all where nothing is relevant.

    Args:
        agent: Who asks: what others keep private does not exist for it.
        vectors: Compare meaning as well.
        boosts: Path -> what feedback multiplies the score by.
        explain: Tell the addends of each score.
    """
    arms = (*WORDS, "semantic") if vectors else WORDS
    view = View(agent, today)
    population = Population(index, view)
    stems = list(islice(dict.fromkeys(analyse(task).stems), LONGEST))
    statistics = _statistics(population, stems)
    weights = weigh(stems, statistics)
    searched = dict(sorted(((t, w) for t, w in weights.items() if statistics.having[t]), key=_weightiest)[:TOKENS])
    meaning = _meaning(population, task, vectors, sum(weights.values())) if vectors else Meaning()
    if GENERIC.issuperset(searched) and not meaning.stands:
        return Ranked([], list(searched), arms)
    first = _scored(population, searched, statistics, meaning, FIRST)
    widened = feedback(first[:FEEDBACK_MEMORIES], searched, population)
    kept = [candidate.number for _, candidate in first[:KEPT]]
    statistics = _statistics(population, widened)
    pairs = _scored(population, widened, statistics, meaning, CANDIDATES, kept)
    scored, known = _moved(index, pairs, boosts or {}, agent=agent, times=spoken(task, today))
    candidates = {candidate.number: candidate for _, candidate in pairs}
    share = covered([candidates[s.number] for s in scored[:BEST]], weights)
    if share < (SPOKEN if vectors else floor(population, weights)) and meaning.near < 1:
        return Ranked([], list(searched), arms)
    old_of, paths = postings.supersessions(index, view.seen("newer"), until=today)
    ordered = _only_seen(population, ranking.supersede(scored, old_of, paths), scored)[:limit]
    if explain:
        ordered = [_explained(s, candidates.get(s.number), widened, statistics) for s in ordered]
    texts = {number: candidate.passages for number, candidate in candidates.items()}
    return Ranked(ordered, list(searched), arms, rules.twins(ordered, known, texts, old_of))


def _explained(
    scored: Scored, candidate: Candidate | None, weights: Mapping[str, float], statistics: Statistics
) -> Scored:
    """Put the addends of the words before those of meaning and rules; what a successor brought in may have none."""
    if candidate is None:
        return scored
    words = ranking.score(candidate, weights, {}, statistics, explain=True)
    return scored._replace(terms=(*words.terms, *scored.terms))


def _meaning(population: Population, task: str, vectors: Vectors, unit: float) -> Meaning:
    near = vectors.nearest(population.index, task, population.condition, population.parameters)
    return Meaning(fusion.standing(near), unit, max(near.values(), default=0.0) / vectors.embedder.near)


def weigh(stems: Sequence[str], statistics: Statistics) -> dict[str, float]:
    """Return what each token of a task is worth, those that no memory has included."""
    return {t: statistics.weight(t) * (GENERIC_WEIGHT if t in GENERIC else 1.0) for t in stems}


def covered(best: Iterable[Candidate], weights: Mapping[str, float]) -> float:
    """Return the largest share of the task's weight that one of the memories has."""
    total = sum(weights.values())
    most: float = max((sum(weights[t] for t in sorted(weights.keys() & c.stems)) for c in best), default=0.0)
    return most / total if total else 0.0


def floor(population: Population, weights: Mapping[str, float]) -> float:
    """Return what `covered` must reach in a store of this size, for a task of this length."""
    full = min(1.0, population.memories / FULL[0]) * min(1.0, population.tokens / FULL[1])
    speaking = sum(token not in GENERIC for token in weights)
    return (FLOOR[0] + (FLOOR[1] - FLOOR[0]) * full) * math.sqrt(min(1.0, LONG / (speaking or 1)))


def feedback(
    best: Sequence[tuple[Scored, Candidate]], weights: Mapping[str, float], population: Population
) -> dict[str, float]:
    """Return the weights with small ones added for the tokens that the best memories share."""
    total = sum(scored.score for scored, _ in best) or 1.0
    points: dict[str, float] = {}
    for scored, candidate in best:
        for token, n in Counter(chain.from_iterable(candidate.words[2])).items():
            if token.isalnum():
                points[token] = points.get(token, 0.0) + scored.score / total * n / (n + 1)
    likely = sorted(points.items(), key=_weightiest)[: 8 * FEEDBACK_TOKENS]
    known = _statistics(population, [token for token, _ in likely])
    worth = {token: share * known.weight(token) for token, share in likely if known.having[token] > 1}
    chosen = sorted(worth.items(), key=_weightiest)[:FEEDBACK_TOKENS]
    widened = dict(weights)
    if chosen:
        scale = FEEDBACK * max(weights.values(), default=1.0) / chosen[0][1]
        for token, value in chosen:
            widened[token] = widened.get(token, 0.0) + scale * value
    return widened


def _moved(
    index: Index,
    pairs: Sequence[tuple[Scored, Candidate]],
    boosts: Mapping[str, float],
    *,
    agent: str | None,
    times: tuple[tuple[date, date], ...],
) -> tuple[list[Scored], dict[int, likeness.Traits]]:
    """Apply the rules that need no link between memories; also return what is compared of the first."""
    candidates = {candidate.number: candidate for _, candidate in pairs}
    written = postings.written(index, list(candidates))
    scored = rules.lend(
        [scored for scored, _ in pairs], postings.same_day(index, [scored.number for scored, _ in pairs[:LENDING]])
    )
    scored = rules.heed(rules.prefer(scored, written, agent=agent, times=times), boosts)
    first = [candidates[s.number] for s in scored[: rules.PLACES]]
    having = Counter(chain.from_iterable(candidate.stems for candidate in first))
    among = Statistics(len(first), 1.0, 1.0, having)  # what sets these apart, not what is rare in the store
    traits = [likeness.traits(c, among, agent=written[c.number][0], day=written[c.number][1]) for c in first]
    known = {of_one.number: of_one for of_one in traits}
    return rules.later_first(scored, known), known


def _only_seen(population: Population, ordered: list[Scored], scored: Sequence[Scored]) -> list[Scored]:
    """Leave out what supersession brought in and the agent may not see."""
    known = {s.number for s in scored}
    allowed = known | population.among([s.number for s in ordered if s.number not in known])
    return [s for s in ordered if s.number in allowed]


def _scored(
    population: Population,
    weights: Mapping[str, float],
    statistics: Statistics,
    meaning: Meaning,
    most: int,
    also: Sequence[int] = (),
) -> list[tuple[Scored, Candidate]]:
    """Score the memories nearest to some tokens, those nearest in meaning, and some that were found before."""
    found: dict[int, str] = {}
    if weights:
        found = population.best(list(weights), most) if len(weights) <= FEW else nearest(population, weights, most)
    found |= postings.paths(population.index, [*also, *fusion.chosen(meaning.stands)])
    candidates = {candidate.number: candidate for candidate in _candidates(population.index, found)}
    lexical = [ranking.score(c, weights, {}, statistics) for c in candidates.values()]
    fused = fusion.fuse(lexical, meaning.stands, unit=meaning.unit)
    return [(scored, candidates[scored.number]) for scored in fused]


def _candidates(index: Index, found: Mapping[int, str]) -> list[Candidate]:
    kept = postings.remembered(index, "candidates")
    candidates = []
    for number, path in found.items():
        if number not in kept:
            if len(kept) >= REMEMBERED:
                kept.clear()
            kept[number] = Candidate(number, path, *postings.token_texts(index, number))
        candidates.append(kept[number])
    return candidates


def _statistics(population: Population, tokens: Iterable[str]) -> Statistics:
    return Statistics(population.memories, population.tokens, population.passage_tokens, population.having(tokens))


def _weightiest(item: tuple[str, float]) -> tuple[float, str]:
    return -item[1], item[0]
