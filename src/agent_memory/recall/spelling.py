"""How far words are apart, and which word of the store was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from agent_memory.index.analysis import analyse, fold, stem

if TYPE_CHECKING:
    from agent_memory.recall.query import Query

LIMIT = 2
"""Edits between a word and what it may have been meant to be."""

_SHORTEST = 4  # letters of a word; below that nearly every word is near another
_LONG = 6  # letters of a word that may be two edits away

# Field values, quotation marks and parentheses aside, a query is made of chunks.
_CHUNK = re.compile(
    r'(?:agent|type|tag|status|date|file):(?:"[^"]*"|[\[{][^\]}]*[\]}]|\S+)|(?P<chunk>[^\s"()]+)', re.IGNORECASE
)
_WORD = re.compile(r"(?P<before>\+?(?:(?:text|name):)?)(?P<word>[^\W\d]\w*)(?P<after>[.,;:!?]*)", re.IGNORECASE)


def distance(a: str, b: str, limit: int) -> int:
    """Return the number of inserted, dropped, changed or swapped characters between two words, at most `limit + 1`.

    >>> distance("retyr", "retry", 2)
    1
    """
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, above, row = row, before, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


@lru_cache(maxsize=64)
def near(word: str, limit: int) -> Callable[[str], bool]:
    """Return a test for the words at most `limit` edits away."""
    letters = frozenset(word)

    def accepts(token: str) -> bool:
        if token == word:
            return True
        # Each edit brings in at most one letter and takes out at most one: cheaper to ask than the distance.
        if abs(len(token) - len(word)) > limit or len(letters.difference(token)) > limit:
            return False
        return len(set(token) - letters) <= limit and distance(word, token, limit) <= limit

    return accepts


def suggest(query: Query, vocabulary: Iterable[str]) -> str | None:
    """Return the query with each word the store does not have replaced by the nearest it has, or None.

    Meant for a query without a hit; values of fields, patterns and operators stay as they are.

    Args:
        query: The query that found nothing.
        vocabulary: Every stem and exact form of the index.
    """
    known = vocabulary if isinstance(vocabulary, frozenset | set) else frozenset(vocabulary)
    meant: dict[str, str] = {}

    def better(match: re.Match[str]) -> str:
        found = _WORD.fullmatch(match["chunk"] or "")
        if not found or found["word"] in ("AND", "OR", "NOT"):
            return match.group()
        word = found["word"]
        if word not in meant:
            meant[word] = _nearest(word, known)
        return f"{found['before']}{meant[word]}{found['after']}"

    rewritten = _CHUNK.sub(better, query.text)
    return rewritten if rewritten != query.text else None


def _nearest(word: str, known: frozenset[str] | set[str]) -> str:
    """The word itself where the store has it or has nothing near it."""
    stems = analyse(word).stems
    written = fold(word)
    if not stems or len(written) < _SHORTEST or stems[0] in known or written in known:
        return word
    limit = LIMIT if len(written) >= _LONG else 1
    accepts = near(written, limit)
    low, high = len(written) - limit, len(written) + limit
    found = [term for term in known if low <= len(term) <= high and accepts(term)]
    stems_of_others = {stem(term) for term in found if stem(term) != term}

    def rank(term: str) -> tuple[int, bool, bool, str]:
        # A stem that stands for a written form beside it may be no word (`retri`), so the form goes first.
        bare = term in stems_of_others and stem(term) == term
        return distance(written, term, LIMIT) + bare, term[0] != written[0], bare, term

    return min(found, key=rank, default=word)
