"""The SQLite half of the index: opening, the full-text table, and the rows of one memory.

Reading and writing rows uses the standard library's sqlite3, because SQLAlchemy takes half a second to import and a
search may not wait for it; the tables themselves come from `schema.py` and are only needed when an index is made.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent_memory.files import atomic
from agent_memory.index import analysis
from agent_memory.index.rows import PAGES_BITS, Rows
from agent_memory.model import Problem, Stat

SCHEMA = 3
"""Version of the tables; `migrations_notes/index-schema-<n>.md` says what changed."""

APPLICATION = 0x414D5331  # "AMS1" in the header of the file, for `file` and for other programs
VERSION = SCHEMA * 1000 + analysis.VERSION
_SIGNS = "!#$%&''()*+,-./:;<=>?@[\\]^_`{|}~"  # every ASCII sign but the double quote; '' is one quote
_PAGES = f"""
CREATE VIRTUAL TABLE pages USING fts5(title, about, text, exact, tokenize="ascii tokenchars '{_SIGNS}'");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(pages, 'row');
CREATE VIRTUAL TABLE occurrences USING fts5vocab(pages, 'instance');
"""


# No OR REPLACE: it opens a savepoint, at which FTS5 writes out what it has gathered so far, row for row.
_INSERT_MEMORY = (
    "INSERT INTO memories (number, path, id, agent, name, date, date_source, type, description, status, archived,"
    " visibility, valid_until, recipient, fingerprint, size, body_start, tokens, passages)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_PASSAGE = (
    'INSERT INTO passages (memory, position, heading, start, "end", line, tokens) VALUES (?, ?, ?, ?, ?, ?, ?)'
)
_INSERT_PAGE = "INSERT INTO pages (rowid, title, about, text, exact) VALUES (?, ?, ?, ?, ?)"


_SUFFIXES = ("", "-wal", "-shm", "-journal")

# Also what our own statements only meet where tables are missing or contradict each other.
_DAMAGE = {
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
}  # fmt: skip

_PRAGMAS = (
    "synchronous = NORMAL",  # no fsync at a commit: what a power cut takes from the index, the next sync brings back
    "wal_autocheckpoint = 4000",  # 16 MB; writing the log back costs more than a commit
    "journal_size_limit = 16777216",
    "temp_store = MEMORY",
    "cache_size = -16000",
)


class IndexUnusable(Exception):
    """The index file cannot serve: it is damaged, missing, of a foreign version, or the system refuses."""

    def __init__(self, reason: str, *, damaged: bool = False, missing: bool = False, foreign: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.damaged = damaged
        self.missing = missing
        self.foreign = foreign

    @property
    def replaceable(self) -> bool:
        """Whether a rebuild would help."""
        return self.damaged or self.missing or self.foreign


def ddl() -> list[str]:
    """Return the statements that make an empty index."""
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415  half a second, and needed only to make an index
    from sqlalchemy.schema import CreateIndex, CreateTable  # noqa: PLC0415

    from agent_memory.index.schema import tables  # noqa: PLC0415

    dialect = sqlite.dialect()
    statements = []
    for table in tables.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in sorted(table.indexes, key=str)]
    return [*statements, *[s for s in _PAGES.strip().split("\n") if s]]


class Index:
    """One open index. Not safe for use by two threads at once; the store holds a lock around it.

    Args:
        connection: Must be in autocommit mode.
        private: True for an index in memory that nobody else sees.
    """

    def __init__(self, connection: sqlite3.Connection, *, path: Path | None) -> None:
        self.connection = connection
        self.path = path
        self._identity = _identity(path) if path else None
        self.known: dict[
            str, dict[Any, Any]
        ] = {}  # what was worked out since the last change; see `postings.remembered`
        self.known_at = (0, 0)

    # -- opening ------------------------------------------------------------------------------------------------

    @classmethod
    def open(cls, path: Path, *, timeout: float = 10.0) -> Index:
        """Open an existing index of our version.

        Raises:
            IndexUnusable: It is missing, damaged, of another version, or the system refuses.
        """
        if not path.exists():
            raise IndexUnusable("there is no index yet", missing=True)
        if any(os.path.islink(f"{path}{suffix}") for suffix in _SUFFIXES):
            raise IndexUnusable("the index is a symbolic link", damaged=True)  # never write where it leads
        connection = None
        try:
            connection = _connect(path, timeout=timeout)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != VERSION:
                raise IndexUnusable(f"the index has version {version}, this program needs {VERSION}", foreign=True)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("SELECT 1 FROM entries LIMIT 1").fetchone()
        except sqlite3.DatabaseError as error:
            if connection is not None:
                connection.close()
            raise unusable(error) from error
        except IndexUnusable:
            if connection is not None:
                connection.close()
            raise
        return cls(connection, path=path)

    @classmethod
    def in_memory(cls) -> Index:
        """Make an empty index that lives in this process only."""
        index = cls(_connect(None, timeout=1.0), path=None)
        index.make()
        return index

    @classmethod
    def copy(cls, path: Path) -> Index | None:
        """Copy an index that can be read but not used (read-only folder, full disk) into memory, if of our version.

        Where not even a reader may leave its marks beside the file, the write-ahead log must be empty to trust it.
        """
        names = [f"{path.absolute().as_uri()}?mode=ro"]
        if not (log := Path(f"{path}-wal")).exists() or log.stat().st_size == 0:
            names.append(f"{path.absolute().as_uri()}?mode=ro&immutable=1")
        for name in names:
            copy = _connect(None, timeout=1.0)
            try:
                with contextlib.closing(sqlite3.connect(name, timeout=1.0, uri=True)) as source:
                    if source.execute("PRAGMA user_version").fetchone()[0] == VERSION:
                        source.backup(copy)
                        return cls(copy, path=None)
            except sqlite3.Error:
                pass
            copy.close()
        return None

    @classmethod
    def aside(cls, path: Path) -> Index:
        """Make an empty index in a new file that nobody uses yet, without a journal: a crash may leave it broken."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        index = cls(_connect(path, timeout=1.0, create=True), path=path)
        with _closed_if_it_fails(index.connection):
            index.connection.execute("PRAGMA journal_mode = OFF")
            index.connection.execute("PRAGMA synchronous = OFF")
            index.make()
        return index

    def make(self) -> None:
        """Create the tables in an empty database."""
        with self.write():
            for statement in ddl():
                self.connection.execute(statement)
            self.connection.execute("INSERT INTO pages(pages, rank) VALUES ('hashsize', 8388608)")
            self.connection.execute(f"PRAGMA application_id = {APPLICATION}")
            self.connection.execute(f"PRAGMA user_version = {VERSION}")

    def publish(self, target: Path, *, damaged: bool, timeout: float) -> None:
        """Put this index, built aside, in the place of the one at `target`, and close it.

        A readable old index is overwritten in one transaction, so that processes that have it open go on with the
        new content. A file that is no database of ours has no such readers and is replaced.
        """
        assert self.path is not None
        replaced = damaged or not target.exists() or not self._overwrite(target, timeout)
        self.close()
        if not replaced:
            self.path.unlink()
            return
        atomic.sync_file(self.path)  # half an index after a power cut would look like a whole one
        for suffix in _SUFFIXES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{target}{suffix}")
        os.rename(self.path, target)

    def _overwrite(self, target: Path, timeout: float) -> bool:
        """Copy this index over the one at `target`; False where that is no index of ours."""
        with contextlib.closing(_connect(target, timeout=timeout)) as live:
            (ours,), (theirs,) = (c.execute("PRAGMA page_size").fetchone() for c in (self.connection, live))
            if ours != theirs:
                return False
            live.execute("PRAGMA journal_mode = WAL")
            live.execute(
                "BEGIN IMMEDIATE"
            )  # fails in time where somebody keeps it locked; a backup would wait for ever
            live.execute("ROLLBACK")
            self.connection.backup(live)
        return True

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def faults(self) -> tuple[str, ...]:
        """Return what SQLite finds wrong with the file; it looks at every page."""
        rows = self.connection.execute("PRAGMA integrity_check(5)").fetchall()
        return tuple(str(message) for (message,) in rows if message != "ok")

    @property
    def current(self) -> bool:
        """Whether the file at our path is still the one that is open, and still of our version."""
        if self.path is None:
            return True
        if _identity(self.path) != self._identity:
            return False
        return bool(self.connection.execute("PRAGMA user_version").fetchone()[0] == VERSION)

    @contextlib.contextmanager
    def write(self) -> Iterator[None]:
        """One transaction that takes the write lock at its beginning (a deferred one could fail half-way)."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back itself (disk full)
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """One read transaction: every query inside sees the same state."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.connection.execute("COMMIT")

    # -- what sync knows ----------------------------------------------------------------------------------------

    def fact(self, name: str) -> str:
        """Return a stored fact, or "" where there is none."""
        row = self.connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def set_fact(self, name: str, value: str) -> None:
        """Store a fact."""
        self.connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))

    def entries(self) -> list[tuple[str, int, int, int, int, int, str]]:
        """Return (path, size, mtime_ns, ctime_ns, inode, settled, fingerprint) of every known file, by path."""
        return self.connection.execute(
            "SELECT path, size, mtime_ns, ctime_ns, inode, settled, fingerprint FROM entries ORDER BY path"
        ).fetchall()

    def set_entry(self, stat: Stat, *, settled: bool, fingerprint: str) -> None:
        """Note how a file looked when it was read."""
        self.connection.execute(
            "INSERT OR REPLACE INTO entries (path, size, mtime_ns, ctime_ns, inode, settled, fingerprint)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*stat, settled, fingerprint),
        )

    def set_problems(self, path: str, problems: tuple[Problem, ...]) -> None:
        """Replace the problems of one file."""
        self.connection.execute("DELETE FROM problems WHERE path = ?", (path,))
        self.connection.executemany(
            "INSERT INTO problems (path, position, line, message, indexed) VALUES (?, ?, ?, ?, ?)",
            [(path, i, p.line, p.message, p.indexed) for i, p in enumerate(problems)],
        )

    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with the files that were read."""
        rows = self.connection.execute("SELECT path, line, message, indexed FROM problems ORDER BY path, position")
        return tuple(Problem(path=p, line=line, message=m, indexed=bool(i)) for p, line, m, i in rows)

    # -- memories -----------------------------------------------------------------------------------------------

    def put(self, rows: Rows) -> None:
        """Insert a memory, or replace the one at its path."""
        execute = self.connection.execute
        many = self.connection.executemany
        old = execute("SELECT number FROM memories WHERE path = ?", rows.memory[:1]).fetchone()
        if old:
            self._drop_rows(old[0])
            execute("DELETE FROM memories WHERE number = ?", old)
        number = execute(_INSERT_MEMORY, (old[0] if old else None, *rows.memory)).lastrowid
        assert number is not None
        many(_INSERT_PASSAGE, [(number, *passage) for passage in rows.passages])
        if rows.tags:
            many("INSERT INTO tags (memory, tag) VALUES (?, ?)", [(number, tag) for tag in rows.tags])
        if rows.links:
            many("INSERT INTO links (memory, target) VALUES (?, ?)", [(number, target) for target in rows.links])
        if rows.supersessions:
            many("INSERT INTO supersessions (memory, old) VALUES (?, ?)", [(number, o) for o in rows.supersessions])
        if rows.files:
            many(
                "INSERT INTO files (memory, file, declared) VALUES (?, ?, ?)", [(number, *file) for file in rows.files]
            )
        many(_INSERT_PAGE, [(number << PAGES_BITS | i, *page) for i, page in enumerate(rows.pages)])

    def remove(self, path: str) -> None:
        """Forget a file and what was indexed from it."""
        row = self.connection.execute("SELECT number FROM memories WHERE path = ?", (path,)).fetchone()
        if row:
            self._drop_rows(row[0])
            self.connection.execute("DELETE FROM memories WHERE number = ?", row)
        self.connection.execute("DELETE FROM entries WHERE path = ?", (path,))
        self.connection.execute("DELETE FROM problems WHERE path = ?", (path,))

    def rename(self, old: str, new: str) -> None:
        """Let the memory at `old` keep its number under the path `new`; its rows are put again by the caller."""
        self.connection.execute("DELETE FROM entries WHERE path = ?", (old,))
        self.connection.execute("DELETE FROM problems WHERE path = ?", (old,))
        self.connection.execute("UPDATE memories SET path = ? WHERE path = ?", (new, old))

    def _drop_rows(self, number: int) -> None:
        for table in ("passages", "tags", "links", "supersessions", "files", "vectors"):
            self.connection.execute(f"DELETE FROM {table} WHERE memory = ?", (number,))
        first = number << PAGES_BITS
        self.connection.execute("DELETE FROM pages WHERE rowid BETWEEN ? AND ?", (first, first + (1 << PAGES_BITS) - 1))


def _connect(path: Path | None, *, timeout: float, create: bool = False) -> sqlite3.Connection:
    name = ":memory:" if path is None else f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(name, timeout=timeout, isolation_level=None, check_same_thread=False, uri=True)
    with _closed_if_it_fails(connection):
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    return connection


@contextlib.contextmanager
def _closed_if_it_fails(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        s = os.stat(path)
    except OSError:
        return None
    return s.st_dev, s.st_ino


def unusable(error: sqlite3.DatabaseError) -> IndexUnusable:
    """Say what an SQLite error means for the index."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary in _DAMAGE or code == sqlite3.SQLITE_IOERR_SHORT_READ:
        return IndexUnusable(f"the index is damaged ({error})", damaged=True)
    return IndexUnusable(f"the index cannot be used ({error})")
