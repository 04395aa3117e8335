"""The SQLite half of a query: each clause of `recall.query` asks this builder for its piece of SQL.

Another engine offers the same methods. A piece is a condition over the table `memories`, which must be visible under
its own name; the text of a query only ever enters as a parameter, and inside a full-text expression as a quoted string.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Literal, Protocol

from agent_memory.errors import InvalidQuery

if TYPE_CHECKING:
    import sqlite3
    from datetime import date

BOUNDARY = "¶"
"""Token between two passages; it stands for nothing and no pattern may find it."""

OPEN = ("team", "public")
"""Visibilities that let every agent see a memory; any other word, a misspelt one too, keeps it for its owner."""

EXPANSIONS = 1_000
"""Words of the index that one pattern may stand for; a broader one is refused rather than cut."""

Stream = Literal["title", "about", "text"]
STREAMS: tuple[Stream, ...] = ("title", "about", "text")
"""Where words are looked for: in the name, in description, tags, files and type, in the body."""

Column = Literal["agent", "type", "status", "tag"]
_LAST = "\U0010ffff"  # sorts after every character that a token can hold


class Pattern(Protocol):
    """A clause that stands for many words of the index; equal patterns stand for the same ones."""

    @property
    def written(self) -> str:
        """The pattern as the user wrote it."""

    @property
    def position(self) -> int:
        """Where it stands in the query, in characters from 0."""

    @property
    def glob(self) -> str:
        """A pattern with `*` and `?` that every word it stands for fits."""

    @property
    def shortest(self) -> int:
        """Fewest characters of such a word."""

    @property
    def longest(self) -> int:
        """Most characters of such a word."""

    def accepts(self, token: str) -> bool:
        """Whether the pattern stands for `token`."""


def state(today: date) -> str:
    """Return SQL for the status that holds on a day.

    It is where the file lies, then whether another memory supersedes it (another agent's private one does not),
    then whether its last day has passed, then what it says itself.
    """
    return (
        "CASE WHEN memories.archived THEN 'archived'"
        " WHEN EXISTS (SELECT 1 FROM supersessions JOIN memories AS newer ON newer.number = supersessions.memory"
        f" WHERE supersessions.old = memories.id AND (newer.visibility IN {OPEN} OR newer.agent = memories.agent))"
        " THEN 'superseded'"
        f" WHEN memories.valid_until < '{today.isoformat()}' THEN 'expired'"
        " ELSE memories.status END"
    )


def folded(text: str) -> str:
    """Return `text` in the form in which fields are compared: composed, without case."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def folded_path(path: str) -> str:
    """Return a path in the form in which paths are compared: "/" between folders, no "./" in front, without case."""
    return folded(path).replace("\\", "/").removeprefix("./")


class Where:
    """Collects the parameters of one SQL condition; its pieces must be joined in the order they were asked for.

    Args:
        today: The day on which it is asked.

    Attributes:
        parameters: Values for the question marks, in order.
    """

    def __init__(self, connection: sqlite3.Connection, *, today: date) -> None:
        self.connection = connection
        self._columns = {"agent": "memories.agent", "type": "memories.type", "status": f"({state(today)})"}
        self.parameters: list[str] = []
        self._expanded: dict[Pattern, list[str]] = {}
        self._teach()

    def _teach(self) -> None:
        """Give the connection the functions that fold; once, since they may not change while something is read."""
        try:
            self.connection.execute("SELECT folded(''), folded_path('')").fetchone()
        except self.connection.OperationalError:
            self.connection.create_function("folded", 1, folded, deterministic=True)
            self.connection.create_function("folded_path", 1, folded_path, deterministic=True)

    def _put(self, value: str) -> str:
        self.parameters.append(value)
        return "?"

    def equal(self, column: Column, value: str) -> str:
        """A condition: the column holds the folded `value`."""
        return self._compare(column, f"= {self._put(value)}")

    def like(self, column: Column, glob: str) -> str:
        """A condition: the column fits the folded pattern, in which only `*` and `?` stand for others."""
        return self._compare(column, f"GLOB {self._put(_glob(glob))}")

    def _compare(self, column: Column, test: str) -> str:
        if column == "tag":
            return f"memories.number IN (SELECT tags.memory FROM tags WHERE folded(tags.tag) {test})"
        return f"folded({self._columns[column]}) {test}"

    def file(self, globs: Sequence[str]) -> str:
        """A condition: a file of the memory fits one of the folded patterns."""
        tests = " OR ".join(f"folded_path(files.file) GLOB {self._put(_glob(glob))}" for glob in globs)
        return f"memories.number IN (SELECT files.memory FROM files WHERE {tests})"

    def days(self, first: date | None, last: date | None) -> str:
        """A condition: the date lies between the two days, both included, None being open."""
        tests = [f"memories.date >= {self._put(first.isoformat())}"] if first else []
        tests += [f"memories.date <= {self._put(last.isoformat())}"] if last else []
        return f"({' AND '.join(tests)})" if tests else "1"

    def phrase(self, tokens: Iterable[str], columns: Sequence[str]) -> str:
        """A condition: the tokens stand side by side in one of the columns; a single token is a word."""
        return self._match(f"{{{' '.join(columns)}}} : {quoted(' '.join(tokens))}")

    def any_of(self, tokens: Iterable[str], columns: Sequence[str] = ()) -> str:
        """A condition: at least one of the tokens occurs, in the columns or anywhere."""
        expression = alternatives(tokens)
        if not expression:
            return "0"
        return self._match(f"{{{' '.join(columns)}}} : ({expression})" if columns else expression)

    def _match(self, expression: str) -> str:
        return f"memories.number IN (SELECT pages.rowid >> 10 FROM pages WHERE pages MATCH {self._put(expression)})"

    def expand(self, pattern: Pattern) -> list[str]:
        """Return the words of the index that a pattern stands for.

        Raises:
            InvalidQuery: The pattern stands for more than `EXPANSIONS` words.
        """
        if pattern not in self._expanded:
            self._expanded[pattern] = self._terms(pattern)
        return self._expanded[pattern]

    def _terms(self, pattern: Pattern) -> list[str]:
        self._need_vocabulary()
        start = _literal_start(pattern.glob)
        rows = self.connection.execute(
            "SELECT term FROM vocabulary"
            " WHERE term >= ? AND term <= ? AND length(term) BETWEEN ? AND ? AND term GLOB ?",
            (start, start + _LAST, pattern.shortest, pattern.longest, _glob(pattern.glob)),
        )
        terms = (term for (term,) in rows if term != BOUNDARY and pattern.accepts(term))
        found = list(islice(terms, EXPANSIONS + 1))
        rows.close()
        if len(found) > EXPANSIONS:
            raise too_broad(pattern)
        return found

    def _need_vocabulary(self) -> None:
        """Make the list of words for this connection where the index does not bring one."""
        named = "SELECT name FROM sqlite_master UNION ALL SELECT name FROM sqlite_temp_master"
        if ("vocabulary",) not in self.connection.execute(named).fetchall():
            self.connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, pages, row)")


def too_broad(pattern: Pattern) -> InvalidQuery:
    """Return the error for a pattern that stands for more than `EXPANSIONS` words."""
    return InvalidQuery(
        f"{pattern.written or pattern.glob} stands for more than {EXPANSIONS:,} words of this store",
        position=pattern.position,
        hint="write more letters of it",
    )


def alternatives(tokens: Iterable[str]) -> str:
    """Return a full-text expression that any of the tokens matches; "" for none."""
    return " OR ".join(map(quoted, tokens))


def quoted(tokens: str) -> str:
    """Return tokens as a string of the full-text language; nothing inside it is syntax."""
    return '"' + tokens.replace('"', '""') + '"'


def _glob(pattern: str) -> str:
    """Our pattern in SQLite's words, where a bracket would open a class of characters."""
    return pattern.replace("[", "[[]")


def _literal_start(glob: str) -> str:
    """The characters before the first `*` or `?`."""
    return glob[: min((glob.index(sign) for sign in "*?" if sign in glob), default=len(glob))]
