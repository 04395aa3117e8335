"""From where memories are looked at: who reads, and on which day. What others keep private does not exist there."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from agent_memory.index.postings import OPEN, rows_having
from agent_memory.index.sqlite import Index
from agent_memory.model import Problem

_OPEN = ", ".join(f"'{word}'" for word in OPEN)


class View(NamedTuple):
    """Who looks, and when.

    Attributes:
        reader: An agent, who sees its own private memories as well; None is a person who named no agent.
        today: What was valid until an earlier day has expired.
        everything: Every memory, whoever owns it: for upkeep, which hands nothing over.
    """

    reader: str | None
    today: date
    everything: bool = False

    @property
    def condition(self) -> tuple[str, list[str]]:
        """SQL over `memories` that holds for what exists, and its values; keep it out of the plain search."""
        return self.seen("memories")

    def seen(self, table: str) -> tuple[str, list[str]]:
        """Return `condition` for another name of the table of memories."""
        return ("1", []) if self.everything else seen_by(self.reader, table)


def seen_by(reader: str | None, table: str = "memories") -> tuple[str, list[str]]:
    """Return SQL that holds for the memories that a reader may see, and its values.

    Args:
        table: Name of the table of memories in the statement.
    """
    shared = f"{table}.visibility IN ({_OPEN})"
    if reader is None:
        return shared, []
    names = sorted({reader, unicodedata.normalize("NFC", reader), unicodedata.normalize("NFD", reader)})
    return f"({shared} OR {table}.agent IN ({', '.join('?' * len(names))}))", names


def hidden_paths(index: Index, reader: str | None) -> dict[str, str]:
    """Return path -> agent of what a reader may not see."""
    seen, values = seen_by(reader)
    return dict(index.connection.execute(f"SELECT path, agent FROM memories WHERE NOT {seen}", values))


def private_among(index: Index, ids: Collection[str]) -> dict[str, bool]:
    """Return, for those of the ids that are there, whether a memory of this id is private."""
    marks = ", ".join("?" * len(ids))
    rows = f"SELECT id, max(visibility NOT IN ({_OPEN})) FROM memories WHERE id IN ({marks}) GROUP BY id"
    return {id_: bool(private) for id_, private in index.connection.execute(rows, tuple(ids))}


def problems(index: Index, reader: str | None) -> tuple[Problem, ...]:
    """Return the problems of files, by path; of another's private memory only that it has some."""
    found = index.problems()
    if not found:
        return ()
    hidden = hidden_paths(index, reader)
    told = (_anonymous(hidden[problem.path]) if problem.path in hidden else problem for problem in found)
    return tuple(dict.fromkeys(told))


def _anonymous(agent: str) -> Problem:
    return Problem(
        path=f"{agent}/", message=f"a private memory has problems; its owner sees them: memory doctor --as {agent}"
    )


def vocabulary(index: Index, reader: str | None) -> list[str]:
    """Return every token of the memories that a reader may see."""
    known = index.connection.execute("SELECT term, doc FROM vocabulary").fetchall()
    seen, values = seen_by(reader)
    numbers = index.connection.execute(f"SELECT number FROM memories WHERE NOT {seen}", values)
    hidden = rows_having(index, [number for (number,) in numbers])
    return [term for term, rows in known if hidden[term] < rows]
