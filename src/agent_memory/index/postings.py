"""What ranking needs from the full-text table: candidates, their tokens, and statistics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from agent_memory.index.rows import PAGES_BITS
from agent_memory.index.sqlite import Index
from agent_memory.index.where import BOUNDARY, alternatives

CANDIDATES = 64
"""Rows of the full-text table that are ranked in full, unless more hits are asked for."""

OPEN = ("team", "public")
"""Visibilities that let every agent see a memory; any other word, a misspelt one too, keeps it for its owner."""

_LISTED = "SELECT value FROM json_each(?)"
_WEIGHTS = "bm25(4.0, 2.0, 1.0, 0.3)"  # title, about, text, exact: for choosing candidates only


def candidates(
    index: Index, tokens: Sequence[str], condition: str, parameters: Sequence[object], limit: int
) -> tuple[dict[int, str], bool]:
    """Return number -> path of the memories that fit best by the engine's own BM25, and whether those are all.

    Which of several equally good rows are taken at the end does not depend on the order in which they were indexed.

    Args:
        tokens: Stems and exact forms; any may match.
        condition: SQL over the column `memories.number`, or "" for all that are open to the team and not archived.
        limit: Rows of the full-text table.
    """
    keep = (
        f"(pages.rowid >> {PAGES_BITS}) IN (SELECT memories.number FROM memories WHERE {condition})"
        if condition
        else f"(pages.rowid >> {PAGES_BITS}) NOT IN (SELECT number FROM memories WHERE {_kept_out(index)})"
    )
    ranked = f"SELECT pages.rowid >> {PAGES_BITS}, rank FROM pages WHERE pages MATCH ? AND rank MATCH '{_WEIGHTS}'"
    found = f"{ranked} AND {keep}"
    values = (alternatives(tokens), *parameters)
    rows = index.connection.execute(f"{found} ORDER BY rank LIMIT ?", (*values, limit + 1)).fetchall()
    numbers = [number for number, _ in rows[:limit]]
    if len(rows) > limit and rows[limit][1] == rows[limit - 1][1]:
        last = rows[limit][1]
        numbers = [number for number, rank in rows if rank != last]
        equal = [number for number, rank in index.connection.execute(found, values) if rank == last]
        paths = _paths(index, equal)
        numbers += sorted(equal, key=paths.__getitem__)[: limit - len(numbers)]
    return _paths(index, list(dict.fromkeys(numbers))), len(rows) <= limit


def _kept_out(index: Index) -> str:
    """SQL for what a plain search does not see; without private memories the index of archived ones serves it."""
    known = _remembered(index)
    private = f"visibility NOT IN {OPEN}"
    if " private" not in known:
        (known[" private"],) = index.connection.execute(f"SELECT count(*) FROM memories WHERE {private}").fetchone()
    return f"archived = 1 OR {private}" if known[" private"] else "archived = 1"


def _paths(index: Index, numbers: Sequence[int]) -> dict[int, str]:
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


def having(index: Index, token: str) -> int:
    """Return in how many rows of the full-text table a token occurs (one row a memory, more for long ones)."""
    known = _remembered(index)
    if token not in known:
        row = index.connection.execute("SELECT doc FROM vocabulary WHERE term = ?", (token,)).fetchone()
        known[token] = int(row[0]) if row else 0
    return int(known[token])


def totals(index: Index) -> tuple[int, float, float]:
    """Return the number of memories, the mean tokens of a memory and the mean tokens of a passage."""
    known = _remembered(index)
    if "" not in known:  # no token is empty
        sizes = "SELECT count(*), total(tokens), total(passages) FROM memories"
        memories, tokens, passages = index.connection.execute(sizes).fetchone()
        known[""], known[" memory"], known[" passage"] = memories, tokens / (memories or 1), tokens / (passages or 1)
    return int(known[""]), known[" memory"], known[" passage"]


def _remembered(index: Index) -> dict[str, float]:
    """What was counted since the index last changed."""
    (version,) = index.connection.execute("PRAGMA data_version").fetchone()
    now = (version, index.connection.total_changes)
    if index.counted_at != now:
        index.counts.clear()
        index.counted_at = now
    return index.counts


def passage(index: Index, number: int, position: int) -> tuple[str, int, int, int]:
    """Return (heading path, start, end, line) of a passage, or of the whole body where there is none."""
    row = index.connection.execute(
        'SELECT heading, start, "end", line FROM passages WHERE memory = ? AND position = ?', (number, max(position, 0))
    ).fetchone()
    return row or ("", 0, 0, 1)


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


def supersessions(index: Index, *, until: date | None = None) -> tuple[dict[int, list[int]], dict[int, str]]:
    """Return memory -> memories it supersedes, for the links whose two ends exist, and the paths of all of them.

    Args:
        until: Leave out memories that are later than this day.
    """
    rows = index.connection.execute(
        "SELECT newer.number, newer.path, memories.number, memories.path FROM supersessions"
        " JOIN memories ON memories.id = supersessions.old"
        " JOIN memories AS newer ON newer.number = supersessions.memory"
        " WHERE +newer.date <= ? ORDER BY newer.path, memories.path",  # the plus: begin with the few supersessions
        (until.isoformat() if until else "9999",),
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
