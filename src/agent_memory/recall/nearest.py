"""Which memories are ranked in full for a task: the best by the memory part of their score, read off posting lists.

The score of `ranking` looks at every word of a memory, which is too much for thousands. Here the rarest tokens of a
task are looked up, each with the memories that have it and how often, until as many occurrences were seen as the store
has memories. What is left out then is common and weighs little.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from agent_memory.index import postings
from agent_memory.index.population import Population
from agent_memory.recall.ranking import ABOUT, K1, TITLE, resistance

POSTINGS = 10_000
"""Occurrences that are looked at in any case; a larger store allows as many as it has memories."""

WORTH = {"title": TITLE, "about": ABOUT, "text": 1.0, "exact": 0.0}
"""Column of the full-text table -> what an occurrence in it counts."""


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
    most = max(POSTINGS, population.memories)
    points: dict[int, float] = {}
    looked = 0
    for token in sorted(weights, key=lambda t: (having[t], t)):
        looked += having[token]
        if points and looked > most:
            break
        weight = weights[token]
        for number, share in _saturated(population, token).items():
            points[number] = points.get(number, 0.0) + weight * share
    return points


def _saturated(population: Population, token: str) -> dict[int, float]:
    """Return memory -> BM25's term frequency part of a token, of the memories that have it."""
    known = population.kept("saturated")
    if token not in known:
        against = _resistances(population)
        counts: dict[int, float] = {}
        for number, column in population.occurrences(token):
            counts[number] = counts.get(number, 0.0) + WORTH[column]
        known[token] = {number: n * (K1 + 1) / (n + against[number]) for number, n in counts.items() if n}
    saturated: dict[int, float] = known[token]
    return saturated


def _resistances(population: Population) -> dict[int, float]:
    """Return what the length of each memory sets against an occurrence in it."""
    known: dict[int, float] = population.kept("resistances")
    if not known:
        mean = population.tokens
        known.update((n, resistance(length, mean)) for n, length in postings.lengths(population.index).items())
    return known
