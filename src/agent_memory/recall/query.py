"""A query is a value with two meanings: a condition in SQL, and `matches()`, which says the same of one document.

`parse()` makes the value of a text; the language is described in `docs/query.md`. The two meanings are held together
by a property test. A text of plain words is read here; anything else is handed to `parser.py` and there to Whoosh.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from agent_memory.errors import InvalidQuery
from agent_memory.index.analysis import analyse
from agent_memory.recall.bare import Clause, Everything, Words

if TYPE_CHECKING:
    from agent_memory.recall.clauses import Expanding

MAX_CHARACTERS = 10_000


class Query(NamedTuple):
    """A parsed query.

    Attributes:
        text: What was written.
        where: What must hold.
        tokens: Stems and whole identifiers that rank: of all words but those that are negated or name a field's value.
        exact: The written forms of the same words, where they differ from the stem.
        patterns: Patterns whose words rank too, once an index says which they are; see `ranking_tokens`.
    """

    text: str
    where: Clause
    tokens: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    patterns: tuple[Expanding, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether bare words are all there is, or nothing."""
        return isinstance(self.where, Words | Everything)

    @property
    def wants_archived(self) -> bool:
        """Whether the query asks for `status:archived`, so that the caller must not leave the archive out."""
        if self.plain:
            return False
        from agent_memory.recall.clauses import asks_for_archived  # noqa: PLC0415  not for bare words

        return asks_for_archived(self.where)

    def ranking_tokens(self, expand: Callable[[Expanding], Iterable[str]]) -> tuple[str, ...]:
        """Return `tokens` and the words its patterns stand for, such as `query.ranking_tokens(sql.expand)`."""
        return _unique([*self.tokens, *(token for pattern in self.patterns for token in expand(pattern))])


def parse(text: str, *, today: date) -> Query:
    """Return the query that `text` means.

    >>> parse("retry policies", today=date(2026, 3, 15)).where
    Words(tokens=('retri', 'polici'))

    Raises:
        InvalidQuery: The text is no query; says where and what to write instead.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidQuery(
            f"the query has {len(text):,} characters", position=MAX_CHARACTERS, hint=f"at most {MAX_CHARACTERS:,}"
        )
    clean = re.sub(_CONTROL, " ", text)
    if not re.search(_SYNTAX, clean):
        return plain(text)
    from agent_memory.recall import parser  # noqa: PLC0415  Whoosh takes a while to import

    return parser.parse(text, clean, today=today)


def plain(text: str) -> Query:
    """Return the query for any of the words of `text`, in which nothing is syntax."""
    found = analyse(re.sub(_CONTROL, " ", text))
    tokens = _unique(found.stems)
    return Query(text, Words(tokens) if tokens else Everything(), tokens, _unique(found.exact))


# Control characters and halves of surrogate pairs, which no database takes.
_CONTROL = r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]"
_SYNTAX = r"""(?x)["()*~] | :(?!\s|$)             # phrases, groups, patterns, fields
      | \?(?![?!.,;:]*(?:\s|$))        # a question mark inside a word; at its end it is punctuation
      | (?<!\S)(?:\+(?=[^\s+])|-(?=[^\s-]))   # +must, -not, but no --flag
      | (?<!\S)(?:AND|OR|NOT)(?!\S)
    """


def _unique(tokens: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tokens))
