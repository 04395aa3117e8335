"""What ranking needs from the full-text table: candidates, their tokens, and statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from typing import Any, cast

from agent_memory.index.rows import PAGES_BITS
from agent_memory.index.sqlite import Index
from agent_memory.index.where import BOUNDARY, alternatives
from agent_memory.index.where import OPEN as OPEN  # noqa: PLC0414  for everybody above who asks what is open

CANDIDATES = 64
"""Rows of the full-text table that are ranked in full, unless more hits are asked for."""

_AT_ONCE = 500  # parameters of a statement; SQLite may have been built for 999
_PRIVATE = f"visibility NOT IN {OPEN}"
_LISTED = "SELECT value FROM json_each(?)"
_WEIGHTS = "bm25(4.0, 2.0, 1.0, 0.3)"  # title, about, text, exact: for choosing candidates only


def candidates(
    index: Index, tokens: Sequence[str], condition: str | None, parameters: Sequence[object], limit: int
) -> tuple[dict[int, str], bool]:
    """Return number -> path of the memories that fit best by the engine's own BM25, and whether those are all.

    Which of several equally good rows are taken at the end does not depend on the order in which they were indexed.

    Args:
        tokens: Stems and exact forms; any may match.
        condition: SQL over the column `memories.number`, "" for all that are open to the team and not archived,
            None for all.
        limit: Rows of the full-text table.
    """
    plain = f"(pages.rowid >> {PAGES_BITS}) NOT IN (SELECT number FROM memories WHERE {kept_out(index)})"
    chosen = f"(pages.rowid >> {PAGES_BITS}) IN (SELECT memories.number FROM memories WHERE {condition})"
    keep = "1" if condition is None else chosen if condition else plain
    ranked = f"SELECT pages.rowid >> {PAGES_BITS}, rank FROM pages WHERE pages MATCH ? AND rank MATCH '{_WEIGHTS}'"
    found = f"{ranked} AND {keep}"
    values = (alternatives(tokens), *parameters)
    rows = index.connection.execute(f"{found} ORDER BY rank LIMIT ?", (*values, limit + 1)).fetchall()
    numbers = [number for number, _ in rows[:limit]]
    if len(rows) > limit and rows[limit][1] == rows[limit - 1][1]:
        last = rows[limit][1]
        numbers = [number for number, rank in rows if rank != last]
        equal = [number for number, rank in index.connection.execute(found, values) if rank == last]
        path_of = paths(index, equal)
        numbers += sorted(equal, key=path_of.__getitem__)[: limit - len(numbers)]
    return paths(index, list(dict.fromkeys(numbers))), len(rows) <= limit


def kept_out(index: Index) -> str:
    """Return SQL for what a plain search does not see; with no private memory the index of archived ones serves it."""
    return f"archived = 1 OR {_PRIVATE}" if any_private(index) else "archived = 1"


def any_private(index: Index) -> bool:
    """Whether there is a memory that is not open to the team."""
    known = remembered(index, "private")
    if "any" not in known:
        (known["any"],) = index.connection.execute(f"SELECT count(*) FROM memories WHERE {_PRIVATE}").fetchone()
    return bool(known["any"])


def paths(index: Index, numbers: Sequence[int]) -> dict[int, str]:
    """Return number -> path of some memories."""
    query = f"SELECT number, path FROM memories WHERE number IN ({_LISTED})"  # however many there are
    return dict(index.connection.execute(query, (str(list(numbers)),)))


def token_texts(index: Index, number: int) -> tuple[str, str, tuple[str, ...], str]:
    """Return (title, about, passages, exact) of one memory, each as space-separated tokens."""
    first = number << PAGES_BITS
    rows = index.connection.execute(
        "SELECT title, about, text, exact FROM pages WHERE rowid BETWEEN ? AND ? ORDER BY rowid",
        (first, first + (1 << PAGES_BITS) - 1),
    ).fetchall()
    if not rows:
        return "", "", (), ""
    passages = [passage for row in rows for passage in row[2].split(BOUNDARY)]
    return rows[0][0], rows[0][1], tuple(passages), " ".join(row[3] for row in rows)


def having(index: Index, tokens: Iterable[str]) -> dict[str, int]:
    """Return token -> in how many rows of the full-text table it occurs (one row a memory, more for long ones)."""
    known = remembered(index, "having")
    asked = dict.fromkeys(tokens, 0)
    unknown = [token for token in asked if token not in known]
    for start in range(0, len(unknown), _AT_ONCE):
        some = unknown[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        known.update(dict.fromkeys(some, 0))
        known.update(index.connection.execute(f"SELECT term, doc FROM vocabulary WHERE term IN ({marks})", some))
    return {token: known[token] for token in asked}


def having_among(index: Index, tokens: Iterable[str], numbers: Sequence[int]) -> dict[str, int]:
    """Return token -> in how many rows of some memories it occurs; for the few tokens of a query."""
    query = f"SELECT count(*) FROM pages WHERE pages MATCH ? AND (rowid >> {PAGES_BITS}) IN ({_LISTED})"
    listed = str(list(numbers))
    rows = ((token, index.connection.execute(query, (alternatives([token]), listed)).fetchone()) for token in tokens)
    return {token: count for token, (count,) in rows}


def occurrences(index: Index, token: str) -> Iterator[tuple[int, str]]:
    """Yield the memory and the column of each occurrence of a token; written forms (`exact`) are none."""
    query = f"SELECT doc >> {PAGES_BITS}, col FROM occurrences WHERE term = ? AND col <> 'exact'"
    return cast("Iterator[tuple[int, str]]", index.connection.execute(query, (token,)))


def lengths(index: Index) -> dict[int, int]:
    """Return memory -> the number of tokens of its text."""
    return dict(index.connection.execute("SELECT number, tokens FROM memories"))


def rows_having(index: Index, numbers: Collection[int]) -> Counter[str]:
    """Return in how many rows of some memories each token occurs; what they add to `having`."""
    rows = index.connection.execute(
        "SELECT title || about || text || exact FROM json_each(?) CROSS JOIN pages"
        f" ON pages.rowid BETWEEN value << {PAGES_BITS} AND (value << {PAGES_BITS}) + {(1 << PAGES_BITS) - 1}",
        (str(list(numbers)),),
    )
    return Counter(chain.from_iterable(set(text.split()) for (text,) in rows))


def totals(index: Index) -> tuple[int, float, float]:
    """Return the number of memories, the mean tokens of a memory and the mean tokens of a passage."""
    known = remembered(index, "totals")
    if "all" not in known:
        known["all"] = sizes(index)
    found: tuple[int, float, float] = known["all"]
    return found


def sizes(index: Index, condition: str = "1", parameters: Sequence[object] = ()) -> tuple[int, float, float]:
    """Return `totals` of the memories for which an SQL condition over `memories` holds."""
    query = f"SELECT count(*), total(tokens), total(passages) FROM memories WHERE {condition}"
    memories, tokens, passages = index.connection.execute(query, tuple(parameters)).fetchone()
    return int(memories), tokens / (memories or 1), tokens / (passages or 1)


def remembered(index: Index, name: str) -> dict[Any, Any]:
    """Return what was noted under a name since the index last changed; whoever asks may note more."""
    (version,) = index.connection.execute("PRAGMA data_version").fetchone()
    now = (version, index.connection.total_changes)
    if index.known_at != now:
        index.known.clear()
        index.known_at = now
    return index.known.setdefault(name, {})


def passage(index: Index, number: int, position: int) -> tuple[str, int, int, int]:
    """Return (heading path, start, end, line) of a passage, or of the whole body where there is none."""
    row = index.connection.execute(
        'SELECT heading, start, "end", line FROM passages WHERE memory = ? AND position = ?', (number, max(position, 0))
    ).fetchone()
    return row or ("", 0, 0, 1)


def written(index: Index, numbers: Sequence[int]) -> dict[int, tuple[str, date]]:
    """Return memory -> its agent and its day."""
    query = f"SELECT number, agent, date FROM memories WHERE number IN ({_LISTED})"
    rows = index.connection.execute(query, (str(list(numbers)),))
    return {number: (agent, date.fromisoformat(day)) for number, agent, day in rows}


def same_day(index: Index, numbers: Sequence[int]) -> list[list[int]]:
    """Return what an agent wrote on one day, in order, for each day on which one of `numbers` was written."""
    rows = index.connection.execute(
        "SELECT agent, date, number FROM memories WHERE NOT archived AND (agent, date) IN"
        f" (SELECT agent, date FROM memories WHERE number IN ({_LISTED})) ORDER BY agent, date, path",
        (str(list(numbers)),),
    )
    days: dict[tuple[str, str], list[int]] = {}
    for agent, day, number in rows:
        days.setdefault((agent, day), []).append(number)
    return [day for day in days.values() if len(day) > 1]


def supersessions(
    index: Index, seen: tuple[str, Sequence[str]], *, until: date | None = None
) -> tuple[dict[int, list[int]], dict[int, str]]:
    """Return memory -> memories it supersedes, for the links whose two ends exist, and the paths of all of them.

    A memory that the reader cannot see replaces only what its own agent wrote, as in `where.state`.

    Args:
        seen: SQL that holds for what the reader sees of `newer`, and its values.
        until: Leave out memories that are later than this day.
    """
    condition, readers = seen
    rows = index.connection.execute(
        "SELECT newer.number, newer.path, memories.number, memories.path FROM supersessions"
        " JOIN memories ON memories.id = supersessions.old"
        " JOIN memories AS newer ON newer.number = supersessions.memory"
        f" WHERE +newer.date <= ? AND (newer.agent = memories.agent OR {condition})"
        " ORDER BY newer.path, memories.path",  # the plus: begin with the few supersessions
        (until.isoformat() if until else "9999", *readers),
    )
    found: dict[int, list[int]] = {}
    paths: dict[int, str] = {}
    for new, path, old, old_path in rows:
        if new != old:
            found.setdefault(new, []).append(old)
            paths |= {new: path, old: old_path}
    return found, paths


def among(index: Index, numbers: Sequence[int], condition: str, parameters: Sequence[object]) -> set[int]:
    """Return those of the memories for which an SQL condition over `memories` holds."""
    query = f"SELECT number FROM memories WHERE ({condition}) AND number IN ({_LISTED})"
    return {number for (number,) in index.connection.execute(query, (*parameters, str(list(numbers))))}
