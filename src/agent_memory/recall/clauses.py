"""The conditions a query is made of: each is a value that means the same in SQL and in Python.

`matches()` looks at one document and is the oracle of `where()`, which asks the builder of an engine for SQL; a
property test holds the two together. `docs/query.md` says what each condition means.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from agent_memory.index.analysis import LONGEST
from agent_memory.index.where import STREAMS, Column, Stream, Where, folded, folded_path
from agent_memory.recall.bare import Clause, Everything
from agent_memory.recall.document import Document
from agent_memory.recall.spelling import near


@dataclass(frozen=True, slots=True)
class All(Clause):
    """Holds where every part holds."""

    parts: tuple[Clause, ...]

    def matches(self, document: Document) -> bool:
        """Whether every part holds; true of none."""
        return all(part.matches(document) for part in self.parts)

    def where(self, sql: Where) -> str:
        """The parts, joined by AND."""
        return f"({' AND '.join(part.where(sql) for part in self.parts)})" if self.parts else "1"


@dataclass(frozen=True, slots=True)
class Any_(Clause):  # noqa: N801  `Any` is taken
    """Holds where at least one part holds."""

    parts: tuple[Clause, ...]

    def matches(self, document: Document) -> bool:
        """Whether some part holds; false of none."""
        return any(part.matches(document) for part in self.parts)

    def where(self, sql: Where) -> str:
        """The parts, joined by OR."""
        return f"({' OR '.join(part.where(sql) for part in self.parts)})" if self.parts else "0"


@dataclass(frozen=True, slots=True)
class Not(Clause):
    """Holds where the part does not."""

    part: Clause

    def matches(self, document: Document) -> bool:
        """Whether the part does not hold."""
        return not self.part.matches(document)

    def where(self, sql: Where) -> str:
        """The part, negated for the memory as a whole."""
        return f"NOT ({self.part.where(sql)})"


@dataclass(frozen=True, slots=True)
class Field(Clause):
    """A field has a value, or fits a pattern with `*` and `?` (which a status does not take); case does not count."""

    name: Column
    value: str

    @property
    def is_pattern(self) -> bool:
        """Whether `*` and `?` in the value stand for others."""
        return self.name != "status" and has_wildcard(self.value)

    def matches(self, document: Document) -> bool:
        """Whether the field, or one of the tags, has the value."""
        mine = folded(self.value)
        values = {
            "agent": (document.agent,),
            "type": (document.type,),
            "status": (document.state,),
            "tag": document.tags,
        }[self.name]
        return any(fits(mine, folded(value)) if self.is_pattern else folded(value) == mine for value in values)

    def where(self, sql: Where) -> str:
        """A comparison of the column."""
        mine = folded(self.value)
        return sql.like(self.name, mine) if self.is_pattern else sql.equal(self.name, mine)


@dataclass(frozen=True, slots=True)
class File(Clause):
    """A path of the memory is the value, ends with it, lies below it (`src/`) or fits it as a pattern."""

    value: str

    @property
    def globs(self) -> tuple[str, str]:
        """The patterns of which a path must fit one."""
        value = folded_path(self.value) + ("*" if self.value.endswith(("/", "\\")) else "")
        return value, f"*/{value}"

    def matches(self, document: Document) -> bool:
        """Whether one of the paths fits."""
        return any(fits(glob, folded_path(path)) for glob in self.globs for path in document.files)

    def where(self, sql: Where) -> str:
        """A comparison of each path."""
        return sql.file(self.globs)


@dataclass(frozen=True, slots=True)
class DateRange(Clause):
    """The date lies between two days, both included; None is open."""

    first: date | None
    last: date | None

    def matches(self, document: Document) -> bool:
        """Whether the date lies within."""
        return (self.first is None or self.first <= document.date) and (self.last is None or document.date <= self.last)

    def where(self, sql: Where) -> str:
        """Comparisons of the date."""
        return sql.days(self.first, self.last)


@dataclass(frozen=True, slots=True)
class Phrase(Clause):
    """The tokens stand side by side in one of the streams, within one passage."""

    tokens: tuple[str, ...]
    streams: tuple[Stream, ...] = STREAMS

    def matches(self, document: Document) -> bool:
        """Whether a stream has the tokens side by side; no token is a boundary."""
        size = len(self.tokens)
        streams = [document.stream(name) for name in self.streams]
        return size > 0 and any(s[i : i + size] == self.tokens for s in streams for i in range(len(s) - size + 1))

    def where(self, sql: Where) -> str:
        """One look into the full-text table."""
        return sql.phrase(self.tokens, self.streams) if self.tokens else "0"


@dataclass(frozen=True, slots=True)
class Word(Clause):
    """The token occurs in one of the streams."""

    token: str
    streams: tuple[Stream, ...] = STREAMS

    def matches(self, document: Document) -> bool:
        """Whether one of the streams has the token."""
        return any(self.token in document.stream(name) for name in self.streams)

    def where(self, sql: Where) -> str:
        """One look into the full-text table."""
        return sql.phrase((self.token,), self.streams)


class Expanding(Clause):
    """Some token, stem or written form, of those the pattern stands for occurs."""

    __slots__ = ()
    written: str
    position: int

    @property
    @abstractmethod
    def glob(self) -> str:
        """A pattern that every token it stands for fits."""

    @property
    def shortest(self) -> int:
        """Fewest characters of such a token."""
        return 1

    @property
    def longest(self) -> int:
        """Most characters of such a token."""
        return LONGEST

    @abstractmethod
    def accepts(self, token: str) -> bool:
        """Whether the pattern stands for `token`."""

    def matches(self, document: Document) -> bool:
        """Whether some token is one the pattern stands for."""
        return any(self.accepts(token) for token in document.tokens())

    def where(self, sql: Where) -> str:
        """One look for any of the words of the index that the pattern stands for."""
        return sql.any_of(sql.expand(self))


@dataclass(frozen=True, slots=True)
class Prefix(Expanding):
    """A token begins with the text."""

    text: str
    written: str = field(default="", compare=False)
    position: int = field(default=0, compare=False)

    @property
    def glob(self) -> str:
        """The text and anything."""
        return f"{self.text}*"

    def accepts(self, token: str) -> bool:
        """Whether the token begins with the text."""
        return token.startswith(self.text)


@dataclass(frozen=True, slots=True)
class Wildcard(Expanding):
    """A token fits the pattern: `*` is any run of characters, `?` any one."""

    pattern: str
    written: str = field(default="", compare=False)
    position: int = field(default=0, compare=False)

    @property
    def glob(self) -> str:
        """The pattern itself."""
        return self.pattern

    def accepts(self, token: str) -> bool:
        """Whether the token fits the pattern."""
        return fits(self.pattern, token)


@dataclass(frozen=True, slots=True)
class Fuzzy(Expanding):
    """A token is at most `distance` edits away: characters inserted, dropped, changed, or neighbours swapped."""

    word: str
    distance: int = 1
    written: str = field(default="", compare=False)
    position: int = field(default=0, compare=False)

    @property
    def glob(self) -> str:
        """Anything; `accepts` decides."""
        return "*"

    @property
    def shortest(self) -> int:
        """As many characters less as there are edits."""
        return len(self.word) - self.distance

    @property
    def longest(self) -> int:
        """As many more."""
        return len(self.word) + self.distance

    def accepts(self, token: str) -> bool:
        """Whether the token is near enough."""
        return near(self.word, self.distance)(token)


def has_wildcard(text: str) -> bool:
    """Whether `*` or `?` occurs."""
    return "*" in text or "?" in text


def fits(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern in which `*` is any run of characters, `?` any one and all else itself."""
    return _glob(pattern).fullmatch(text) is not None


@lru_cache(maxsize=256)
def _glob(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression; each `*` settles for the first fit, so that the time stays linear."""
    first, *rest = [re.escape(piece).replace(r"\?", ".") for piece in re.split(r"\*+", pattern)]
    if not rest:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


def all_of(parts: Iterable[Clause | None]) -> Clause | None:
    """Join what has a meaning by "and", as flat as can be."""
    flat: list[Clause] = []
    for part in parts:
        flat += part.parts if isinstance(part, All) else [part] if part else []
    real = [part for part in flat if not isinstance(part, Everything)]
    if len(real) > 1:
        return All(tuple(real))
    return next(iter(real or flat), None)


def any_of(parts: Iterable[Clause | None]) -> Clause | None:
    """Join what has a meaning by "or", as flat as can be."""
    flat: list[Clause] = []
    for part in parts:
        flat += part.parts if isinstance(part, Any_) else [part] if part else []
    if any(isinstance(part, Everything) for part in flat):
        return Everything()
    return Any_(tuple(flat)) if len(flat) > 1 else next(iter(flat), None)


def asks_for_archived(clause: Clause, *, asked: bool = True) -> bool:
    """Whether a condition names the status "archived" without negating it."""
    match clause:
        case All(parts) | Any_(parts):
            return any(asks_for_archived(part, asked=asked) for part in parts)
        case Not(part):
            return asks_for_archived(part, asked=not asked)
        case Field("status", value):
            return asked and folded(value) == "archived"
    return False


def only_filters(clause: Clause) -> tuple[Clause, ...]:
    """The parts of a condition that must hold and ask for no words: fields, files, days, and what they are not."""
    parts = clause.parts if isinstance(clause, All) else (clause,)
    return tuple(part for part in parts if _is_filter(part))


def _is_filter(clause: Clause) -> bool:
    return isinstance(clause, Field | File | DateRange) or (isinstance(clause, Not) and _is_filter(clause.part))
