"""Which memories are ranked in full for a task: the best by the memory part of their score, read off posting lists.

The score of `ranking` looks at every word of a memory, which is too much for thousands. Here the rarest tokens of a
task are looked up, each with the memories that have it and how often, until twice as many occurrences were seen as the
store has memories. What is left out then is common and weighs little.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Mapping

from agent_memory.index import postings
from agent_memory.index.population import Population
from agent_memory.recall.ranking import ABOUT, K1, TITLE, resistance

POSTINGS = 20_000
"""Occurrences that are looked at in any case; a larger store allows twice as many as it has memories."""

WORTH = {"title": TITLE, "about": ABOUT, "text": 1.0}
"""Column of the full-text table -> what an occurrence in it counts."""

REMEMBERED = 1000
"""Tokens whose memories are kept, 16 bytes each, until the index changes."""


def nearest(population: Population, weights: Mapping[str, float], limit: int) -> dict[int, str]:
    """Return number -> path of the memories that are best for some tokens.

    Which of several equally good ones are taken at the end does not depend on the order of the index.

    Args:
        weights: Token -> its weight.
    """
    points = _points(population, weights)
    if len(points) <= limit:
        return postings.paths(population.index, list(points))
    least = heapq.nlargest(limit, points.values())[-1]
    sure = [number for number, value in points.items() if value > least]
    equal = postings.paths(population.index, [number for number, value in points.items() if value == least])
    chosen = sorted(equal.items(), key=lambda item: item[1])[: limit - len(sure)]
    return postings.paths(population.index, sure) | dict(chosen)


def _points(population: Population, weights: Mapping[str, float]) -> dict[int, float]:
    """Return memory -> BM25 of its occurrences of the rarest tokens."""
    having = population.having(weights)
    most = max(POSTINGS, 2 * population.memories)
    points: dict[int, float] = {}
    looked = 0
    for token in sorted(weights, key=lambda t: (having[t], t)):
        looked += having[token]
        if points and looked > most:
            break
        weight = weights[token]
        for number, share in zip(*_saturated(population, token), strict=True):
            points[number] = points.get(number, 0.0) + weight * share
    return points


def _saturated(population: Population, token: str) -> tuple[array[int], array[float]]:
    """Return the memories that have a token, and BM25's term frequency part of each."""
    known = population.kept("saturated")
    if token not in known:
        if len(known) >= REMEMBERED:
            known.clear()
        against = _resistances(population)
        counts: dict[int, float] = {}
        before = counts.get
        for number, column in population.occurrences(token):
            counts[number] = before(number, 0.0) + WORTH[column]
        shares = (n * (K1 + 1) / (n + against[number]) for number, n in counts.items())
        known[token] = array("q", counts), array("d", shares)
    saturated: tuple[array[int], array[float]] = known[token]
    return saturated


def _resistances(population: Population) -> dict[int, float]:
    """Return what the length of each memory sets against an occurrence in it."""
    known: dict[int, float] = population.kept("resistances")
    if not known:
        mean = population.tokens
        known.update((n, resistance(length, mean)) for n, length in postings.lengths(population.index).items())
    return known
