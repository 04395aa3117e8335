"""How good a memory is for a set of words: BM25 of the memory and of its best passage, then the rank rules.

Pure functions over token texts and statistics; no engine, no clock. A score is the sum of its terms:

- *memory*: BM25 over title, about (description, tags, type, files) and text with field weights;
- *passage*: BM25 of the best passage, in which the passages beside it count a little;
- *exact*: a small addition where the written form occurs, not only the stem.

Rank rule: of memories that supersede one another the newest takes the best score of them all, the older ones follow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from agent_memory.model import Term

K1 = 1.8
B = 0.75
TITLE = 4.0
"""Weight of an occurrence in the title, in occurrences in the text."""
ABOUT = 2.0
PASSAGE = 0.5
"""Weight of the best passage against the whole memory."""
BESIDE = (0.3, 0.15)
"""Weights of the passages one and two places away."""
EXACT = 0.1
"""Addition for the written form, as a share of the word's weight."""


class Statistics(NamedTuple):
    """What the words weigh: numbers over the whole index.

    Attributes:
        memories: Number of memories.
        tokens: Mean number of tokens of a memory's text.
        passage_tokens: Mean number of tokens of a passage.
        having: Number of memories that have a token.
    """

    memories: int
    tokens: float
    passage_tokens: float
    having: Mapping[str, int]

    def weight(self, token: str) -> float:
        """Inverse document frequency as Lucene has it; never negative."""
        n = min(self.having.get(token, 0), self.memories)  # a very long memory is counted several times
        return math.log(1 + (self.memories - n + 0.5) / (n + 0.5))


class Candidate:
    """The tokens of one memory, space-separated.

    Attributes:
        number: The memory.
        path: Its file, which decides between equals.
        passages: Stems of each passage, in order.
        exact: Written forms that differ from their stems.
    """

    def __init__(self, number: int, path: str, title: str, about: str, passages: tuple[str, ...], exact: str) -> None:
        self.number = number
        self.path = path
        self.title = title
        self.about = about
        self.passages = passages
        self.exact = exact

    @cached_property
    def words(self) -> tuple[list[str], list[str], list[list[str]]]:
        """The tokens of title, about and each passage."""
        return self.title.split(), self.about.split(), [passage.split() for passage in self.passages]

    @cached_property
    def stems(self) -> frozenset[str]:
        """Every token of title, about and passages."""
        title, about, passages = self.words
        return frozenset[str]().union(title, about, *passages)


class Scored(NamedTuple):
    """A candidate's score.

    Attributes:
        passage: Position of the best passage, -1 where no passage matches.
        terms: The addends, if asked for.
    """

    number: int
    path: str
    score: float
    passage: int
    terms: tuple[Term, ...] = ()


def saturate(count: float, length: int, mean: float) -> float:
    """BM25's term frequency part, between 0 and K1 + 1."""
    return count * (K1 + 1) / (count + resistance(length, mean))


def resistance(length: int, mean: float) -> float:
    """BM25's measure of how many occurrences a text of this length must have to count for half."""
    return K1 * (1 - B + B * length / (mean or 1.0))


def score(
    candidate: Candidate,
    weights: Mapping[str, float],
    exact_weights: Mapping[str, float],
    statistics: Statistics,
    *,
    explain: bool = False,
) -> Scored:
    """Score one memory.

    Args:
        weights: Query stem -> its weight.
        exact_weights: Query word as written -> weight of its stem.
    """
    title, about, passages = candidate.words
    found = [_count(words, weights) for words in passages]
    lengths = [len(words) for words in passages]
    terms: list[Term] = []
    fields = _count(title, weights), _count(about, weights), _together(found)
    total = _memory(fields, sum(lengths), weights, statistics, terms if explain else None)
    best, points = _best_passage(weights, statistics, found, lengths)
    total += PASSAGE * points
    if exact_weights:
        written = set(candidate.exact.split())
        for word in filter(written.__contains__, exact_weights):
            value = EXACT * exact_weights[word]
            total += value
            if explain:
                terms.append(Term(name=word, field="exact", value=value))
    if explain:
        terms += _explain_passage(best, weights, statistics, found, lengths)
    return Scored(
        candidate.number, candidate.path, total, best, tuple(sorted(terms, key=lambda t: (-t.value, t.field, t.name)))
    )


def _count(words: Iterable[str], wanted: Mapping[str, float]) -> dict[str, int]:
    """Count the wanted words."""
    counts: dict[str, int] = {}
    for word in filter(wanted.__contains__, words):
        counts[word] = counts.get(word, 0) + 1
    return counts


def _together(found: Sequence[Mapping[str, int]]) -> dict[str, int]:
    text: dict[str, int] = {}
    for counts in found:
        for token, n in counts.items():
            text[token] = text.get(token, 0) + n
    return text


def _memory(
    fields: tuple[Mapping[str, int], Mapping[str, int], Mapping[str, int]],
    length: int,
    weights: Mapping[str, float],
    statistics: Statistics,
    terms: list[Term] | None,
) -> float:
    """BM25 of the whole memory: occurrences in title, about and text, weighted, saturated once."""
    title, about, text = fields
    total = 0.0
    for token in sorted({*title, *about, *text}):
        places = (title.get(token, 0), about.get(token, 0), text.get(token, 0))
        count = TITLE * places[0] + ABOUT * places[1] + places[2]
        value = weights[token] * saturate(count, length, statistics.tokens)
        total += value
        if terms is not None:
            note = ", ".join(f"{n}x {name}" for name, n in zip(("title", "about", "text"), places, strict=True) if n)
            terms.append(Term(name=token, field="memory", value=value, note=note))
    return total


def _passage_points(
    token_counts: Mapping[str, int], length: int, weights: Mapping[str, float], statistics: Statistics
) -> float:
    return sum(weights[t] * saturate(n, length, statistics.passage_tokens) for t, n in sorted(token_counts.items()))


def _best_passage(
    weights: Mapping[str, float], statistics: Statistics, found: Sequence[Mapping[str, int]], lengths: Sequence[int]
) -> tuple[int, float]:
    """Position and points of the best passage; its neighbours lend it some of theirs."""
    own = [_passage_points(c, n, weights, statistics) if c else 0.0 for c, n in zip(found, lengths, strict=True)]
    best, most = -1, 0.0
    for i, points in enumerate(own):
        if not points:
            continue
        lent = 0.0
        for away, share in enumerate(BESIDE, 1):
            before = own[i - away] if i >= away else 0.0
            behind = own[i + away] if i + away < len(own) else 0.0
            lent += share * (before + behind)
        if points + lent > most:
            best, most = i, points + lent
    return best, most


def _explain_passage(
    best: int,
    weights: Mapping[str, float],
    statistics: Statistics,
    found: Sequence[Mapping[str, int]],
    lengths: Sequence[int],
) -> list[Term]:
    """The addends of the best passage: its own tokens, then what its neighbours lend."""
    if best < 0:
        return []
    terms = [
        Term(
            name=token,
            field="passage",
            value=PASSAGE * weights[token] * saturate(n, lengths[best], statistics.passage_tokens),
            note=f"{n}x in passage {best + 1} of {len(found)}",
        )
        for token, n in sorted(found[best].items())
    ]
    for away, share in enumerate(BESIDE, 1):
        for i in (best - away, best + away):
            if 0 <= i < len(found) and found[i]:
                value = PASSAGE * share * _passage_points(found[i], lengths[i], weights, statistics)
                terms.append(Term(name=f"passage {i + 1}", field="beside", value=value, note=f"weight {share}"))
    return terms


def supersede(scored: Iterable[Scored], old_of: Mapping[int, Iterable[int]], paths: Mapping[int, str]) -> list[Scored]:
    """Order by score so that a superseded memory never outranks its successor.

    The newest memory of a chain takes the best score of the chain (even if it did not match itself); the ones it
    supersedes keep their score where it is lower and otherwise follow directly behind.

    Args:
        old_of: Memory -> the memories it supersedes, directly. Cycles are cut where they close.
        paths: The file of each memory in `old_of`.
    """
    by_number = {s.number: s for s in scored}
    raised = dict(by_number)
    for number in old_of:
        chain = _chain(number, old_of)
        best = max((by_number[n] for n in chain if n in by_number), key=lambda s: s.score, default=None)
        own = raised.get(number)
        if best is None or (own is not None and own.score >= best.score):
            continue
        gain = best.score - (own.score if own else 0.0)
        terms = own.terms if own else ()
        if best.terms:
            terms = (
                Term(name="supersedes", field="rule", value=gain, note="takes the best score of its chain"),
                *terms,
            )
        raised[number] = Scored(number, paths[number], best.score, own.passage if own else -1, terms)
    depth = dict.fromkeys(raised, 0)
    for number in old_of:
        for level, older in enumerate(_levels(number, old_of)):
            for n in older:
                if n in depth:
                    depth[n] = max(depth[n], level)
    return sorted(raised.values(), key=lambda s: (-s.score, depth[s.number], s.path))


def _levels(number: int, old_of: Mapping[int, Iterable[int]]) -> list[list[int]]:
    """The memory, what it supersedes, and so on."""
    seen = {number}
    levels = [[number]]
    while levels[-1]:
        older = [n for newer in levels[-1] for n in old_of.get(newer, ()) if n not in seen]
        seen.update(older)
        levels.append(list(dict.fromkeys(older)))
    return levels[:-1]


def _chain(number: int, old_of: Mapping[int, Iterable[int]]) -> list[int]:
    return [n for level in _levels(number, old_of) for n in level]
