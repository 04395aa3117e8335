"""What exists for one reader on one day, and the statistics of that: what is hidden leaves no trace in a ranking.

Hidden are the archive, what was written later, and what other agents keep private. Asked about a day that is over, the
store is as it was: what was archived since is still there, and a digest that was written since is not, whatever date it
bears. That is read from the time at which a file was last moved or changed (ctime), which a copy or clone renews.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from agent_memory.index import postings
from agent_memory.index.sqlite import Index
from agent_memory.index.view import View

_LATER = "EXISTS (SELECT 1 FROM entries WHERE entries.path = memories.path AND entries.ctime_ns >= ?)"
"""SQL for a memory whose file was moved or changed after a day: the archive must have it, a digest must not."""


_LAST = 2**63 - 1


def _end_of(day: date) -> int:
    """Return the end of a day, local time, in nanoseconds since 1970, within what SQLite can hold."""
    try:
        return max(0, min(_LAST, int(datetime.combine(day + timedelta(1), time()).timestamp()) * 10**9))
    except (OverflowError, ValueError):
        return _LAST


class Population:
    """The memories that a reader can see on a day.

    What is counted is remembered until the index changes or other memories are seen.

    Attributes:
        memories: How many there are.
        tokens: Mean number of tokens of a memory's text.
        passage_tokens: Mean number of tokens of a passage.
    """

    def __init__(self, index: Index, view: View) -> None:
        self.index = index
        seen, values = view.condition
        then = f"iif(memories.archived OR memories.type = 'digest', {_LATER} = memories.archived, 1)"
        self.condition = f"memories.date <= ? AND {then} AND {seen}"
        self.parameters: list[object] = [view.today.isoformat(), _end_of(view.today), *values]
        self._known = postings.remembered(index, "population")
        if self._known.get("of") != view:
            self._look()
            self._known["of"] = view
        totals: tuple[int, float, float] = self._known["totals"]
        self.memories, self.tokens, self.passage_tokens = totals

    def having(self, tokens: Iterable[str]) -> dict[str, int]:
        """Return token -> how many of the memories have it; a very long one counts several times."""
        counts, hidden = self._known["having"], self._known["hidden having"]
        asked = dict.fromkeys(tokens, 0)
        found = postings.having(self.index, [token for token in asked if token not in counts])
        counts.update({token: rows - hidden.get(token, 0) for token, rows in found.items()})
        return {token: counts[token] for token in asked}

    def occurrences(self, token: str) -> Iterator[tuple[int, str]]:
        """Yield the memory and the column of each occurrence of a token: title, about or text."""
        hidden = self._known["hidden"]
        found = postings.occurrences(self.index, token)
        return ((number, column) for number, column in found if number not in hidden) if hidden else found

    def kept(self, name: str) -> dict[Any, Any]:
        """Return what was noted under a name for this population; whoever asks may note more."""
        notes: dict[Any, Any] = self._known["notes"].setdefault(name, {})
        return notes

    def best(self, tokens: Sequence[str], limit: int) -> dict[int, str]:
        """Return number -> path of the memories that are best by the engine's own BM25."""
        condition = self.condition if self._known["hidden"] else None
        return postings.candidates(self.index, tokens, condition, self.parameters if condition else (), limit)[0]

    def among(self, numbers: Sequence[int]) -> set[int]:
        """Return those of the memories that the reader can see."""
        return postings.among(self.index, numbers, self.condition, self.parameters)

    def _look(self) -> None:
        connection = self.index.connection
        hidden = connection.execute(f"SELECT number FROM memories WHERE NOT ({self.condition})", self.parameters)
        numbers = frozenset(number for (number,) in hidden)
        if numbers == self._known.get("hidden"):
            return  # another reader, or another day, that sees the same
        self._known.clear()
        self._known["hidden"] = numbers
        self._known["totals"] = (
            postings.sizes(self.index, self.condition, self.parameters)
            if self._known["hidden"]
            else postings.totals(self.index)
        )
        self._known["hidden having"] = postings.rows_having(self.index, self._known["hidden"])
        self._known["having"] = {}
        self._known["notes"] = {}
