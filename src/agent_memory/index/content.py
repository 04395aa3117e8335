"""What an index says, in a form that can be compared with what another index says."""

from __future__ import annotations

import hashlib

from agent_memory.index.rows import PAGES_BITS
from agent_memory.index.sqlite import Index

_PARTS = (
    'SELECT position, heading, start, "end", line, tokens FROM passages WHERE memory = ? ORDER BY position',
    "SELECT tag FROM tags WHERE memory = ? ORDER BY tag",
    "SELECT target FROM links WHERE memory = ? ORDER BY target",
    "SELECT old FROM supersessions WHERE memory = ? ORDER BY old",
    "SELECT file, declared FROM files WHERE memory = ? ORDER BY file",
)
_MEMORIES = (
    "SELECT number, path, id, agent, name, date, date_source, type, description, status, archived, visibility,"
    " valid_until, recipient, fingerprint, size, body_start, tokens, passages FROM memories"
)


def content(index: Index) -> dict[str, str]:
    """Return path -> a hash over everything the index derived from that file; keys and times are left out.

    Two indexes with equal content give equal answers.
    """
    execute = index.connection.execute
    rows: dict[str, list[object]] = {}
    for path, fingerprint in execute("SELECT path, fingerprint FROM entries"):
        rows.setdefault(path, []).append(("entry", fingerprint))
    for path, *problem in execute("SELECT path, line, message, indexed FROM problems ORDER BY path, position"):
        rows.setdefault(path, []).append(("problem", problem))
    for number, path, *memory in execute(_MEMORIES):
        mine = rows.setdefault(path, [])
        mine.append(memory)
        mine += [execute(part, (number,)).fetchall() for part in _PARTS]
        first = number << PAGES_BITS
        pages = execute(
            "SELECT rowid - ?, title, about, text, exact FROM pages WHERE rowid BETWEEN ? AND ? ORDER BY rowid",
            (first, first, first + (1 << PAGES_BITS) - 1),
        )
        mine.append(pages.fetchall())
    hashes = {
        path: hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest() for path, parts in rows.items()
    }
    (pages_count,) = execute("SELECT count(*) FROM pages").fetchone()
    (owned,) = execute(
        f"SELECT count(*) FROM pages WHERE rowid >> {PAGES_BITS} IN (SELECT number FROM memories)"
    ).fetchone()
    words = hashlib.sha256(repr(execute("SELECT * FROM vocabulary ORDER BY term").fetchall()).encode()).hexdigest()
    return {**hashes, "": f"{pages_count - owned} pages without a memory, words {words}"}
