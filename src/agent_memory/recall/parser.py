"""The query language: Whoosh cuts a text into words, phrases, fields, groups and operators; here they get a meaning.

Only Whoosh's parser takes part. Where its own syntax falls short (words such as `http://x` or `f(x)`, values of fields,
positions for errors) its taggers and filters are replaced by ours, as it provides for.
"""

# Whoosh is typed only in part.
# mypy: allow-untyped-calls

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, cast

from whoosh.qparser import syntax
from whoosh.qparser.default import QueryParser
from whoosh.qparser.plugins import GroupPlugin, OperatorsPlugin, Plugin
from whoosh.qparser.taggers import RegexTagger

from agent_memory.errors import InvalidQuery
from agent_memory.index.analysis import analyse
from agent_memory.index.where import STREAMS, Column, Stream
from agent_memory.recall import dates, words
from agent_memory.recall.bare import Clause, Everything, Words
from agent_memory.recall.clauses import (
    DateRange,
    Expanding,
    Field,
    File,
    Not,
    all_of,
    any_of,
    has_wildcard,
)
from agent_memory.recall.query import Query
from agent_memory.recall.spelling import distance

FIELDS = ("agent", "type", "tag", "status", "date", "name", "file", "text")
MAX_DEPTH = 8
"""Groups inside groups; SQLite's own parser gives up not far beyond."""
MAX_CONDITIONS = 200
"""Conditions and operators of a query, beside its bare words; SQLite takes no expression much deeper."""
MAX_VALUE = 1_000
"""Characters of a field's value."""

_STREAM: dict[str, tuple[Stream, ...]] = {"name": ("title",), "text": ("text",)}
_MEANT = {
    "author": "agent", "owner": "agent", "by": "agent", "kind": "type", "category": "type", "label": "tag",
    "state": "status", "title": "name", "topic": "name", "path": "file", "folder": "file", "body": "text",
}  # fmt: skip
_DATE_WORDS = frozenset("since from after before until till between".split())

_CHUNK = r"""[^\s"()]+(?:\([^\s"()]*\)[^\s"()]*)*"""  # a word may hold pairs of parentheses: `f(x)`
_FIELD = re.compile(r"(?P<name>[^\W\d]\w*):(?!:|//)(?=[^\s)])")
_NO_FIELD = re.compile(r"[/\\]|[0-9]+(?![\w-])")  # `C:\x` and `localhost:8080` are words
_VALUE = re.compile(rf'"(?P<quoted>[^"]*)"|(?P<bare>{_CHUNK})')
_DATE_VALUE = re.compile(rf'"(?P<quoted>[^"]*)"|(?P<bare>[\[{{][^\]}}"]*[\]}}]|[<>]=?"[^"]*"|{_CHUNK})')
_T = TypeVar("_T")


class _Leaf(syntax.SyntaxNode):
    """A word, phrase or field as it was written."""

    startchar: int

    def __init__(self, text: str) -> None:
        self.text = text


class _BareWord(_Leaf):
    """Anything that is not syntax."""


class _Quoted(_Leaf):
    """Text between double quotes."""


class _Valued(_Leaf):
    """A field with its value."""

    def __init__(self, text: str, *, name: str, quoted: bool, at: int) -> None:
        super().__init__(text)
        self.name = name
        self.quoted = quoted
        self.at = at  # offset of the value


class _Together(syntax.GroupNode):
    """Side by side, in parentheses or at the top."""


class _And(syntax.GroupNode):
    """Joined by AND."""


class _Or(syntax.GroupNode):
    """Joined by OR."""


class _Must(syntax.Wrapper):
    """After a plus sign."""


class _Negated(syntax.Wrapper):
    """After NOT or a dash."""


class _Words(RegexTagger):
    def create(self, parser: Any, match: re.Match[str]) -> _Leaf:  # noqa: ARG002
        return _BareWord(match.group())


class _Phrases(RegexTagger):
    def create(self, parser: Any, match: re.Match[str]) -> _Leaf:  # noqa: ARG002
        if match["text"] is None:
            raise InvalidQuery("a quotation is not closed", position=match.start(), hint='add the second "')
        if match["slop"]:
            raise InvalidQuery("a phrase takes no ~", position=match.start("slop"), hint="put a space between the two")
        return _Quoted(match["text"])


class _Fields(RegexTagger):
    def match(self, parser: Any, text: str, pos: int) -> _Leaf | None:  # noqa: ARG002
        found = _FIELD.match(text, pos)
        if not found:
            return None
        name = found["name"].lower()
        if name not in FIELDS:
            if name not in _DATE_WORDS and _NO_FIELD.match(text, found.end()):
                return None
            _unknown_field(name, found)
        value = (_DATE_VALUE if name == "date" else _VALUE).match(text, found.end())
        if not value:
            _no_value(name, text, found.end())
        quoted = value["quoted"] is not None
        node = _Valued(value["quoted" if quoted else "bare"], name=name, quoted=quoted, at=found.end())
        node.set_range(pos, value.end())
        return node


def _unknown_field(name: str, found: re.Match[str]) -> NoReturn:
    whole = re.compile(_CHUNK).match(found.string, found.start())
    quote = f'quote it to search for the text: "{whole.group() if whole else found.group()}"'
    if name in _DATE_WORDS:
        hint = f"write date:{name}-…, such as date:since-2026-03; {quote}"
    else:
        near = [field for field in FIELDS if distance(name, field, 2) <= min(2, len(name) - 2)]
        meant = _MEANT.get(name) or min(near, key=lambda field: distance(name, field, 2), default="")
        hint = f"did you mean {meant}:? Otherwise {quote}" if meant else f"fields are {', '.join(FIELDS)}; {quote}"
    raise InvalidQuery(f"there is no field {found['name']}", position=found.start(), hint=hint)


def _no_value(name: str, text: str, at: int) -> NoReturn:
    if text[at] == '"':
        raise InvalidQuery("a quotation is not closed", position=at, hint='add the second "')
    hint = f"write ({name}:a OR {name}:b) for a choice, and quote a value that begins with a parenthesis"
    raise InvalidQuery(f"{name}: takes one value", position=at, hint=hint)


class _Syntax(Plugin):
    """Words, phrases and fields, and a look at the flat list of them before it becomes a tree."""

    def taggers(self, parser: Any) -> list[tuple[RegexTagger, int]]:  # noqa: ARG002
        phrases = _Phrases(r'"(?:(?P<text>[^"]*)"(?P<slop>~?))?')
        return [(phrases, 0), (_Fields(_FIELD), 1), (_Words(_CHUNK), 50)]

    def filters(self, parser: Any) -> list[tuple[Any, int]]:  # noqa: ARG002
        return [(_checked, -10)]


@lru_cache(maxsize=1)
def _whoosh() -> QueryParser:
    tagger, prefix = OperatorsPlugin.OpTagger, syntax.PrefixOperator
    before, after = r"(?<![^\s()\"])", r"(?=[\s()\"]|$)"
    operators = [
        # From right to left, so that NOT NOT x negates twice; the first pass takes all three.
        (tagger(rf"{before}NOT{after}", _Negated, prefix, leftassoc=False), 0),
        (tagger(r"(?<![^\s(])-(?=[^\s)-])", _Negated, prefix, leftassoc=False), 0),
        (tagger(r"(?<![^\s(])\+(?=[^\s)+])", _Must, prefix, leftassoc=False), 0),
        (tagger(rf"{before}AND{after}", _And), 0),
        (tagger(rf"{before}OR{after}", _Or), 0),
    ]
    plugins = [_Syntax(), GroupPlugin(), OperatorsPlugin(operators, clean=True)]
    return QueryParser(None, None, plugins=plugins, group=_Together)


def _checked(parser: Any, nodes: Iterable[Any]) -> Any:  # noqa: ARG001
    """Refuse what Whoosh would quietly repair: operators without an operand, groups that are empty or not closed."""
    opened: list[int] = []
    before: Any = None
    conditions = 0
    for node in nodes:
        if node.is_ws():
            continue
        if isinstance(node, GroupPlugin.CloseBracket):
            _check_close(before, node, opened)
        elif isinstance(node, GroupPlugin.OpenBracket):
            opened.append(node.startchar)
        elif isinstance(node, syntax.InfixOperator) and (
            before is None or isinstance(before, (GroupPlugin.OpenBracket, syntax.Operator))
        ):
            _dangling(node)
        conditions += _is_condition(node)
        _check_size(node, len(opened), conditions)
        before = node
    if isinstance(before, syntax.Operator):
        _dangling(before)
    if opened:
        raise InvalidQuery("a parenthesis is not closed", position=opened[-1], hint='add ")" or quote the text')
    return nodes


def _is_condition(node: Any) -> bool:
    """Whether a node adds to the size of the SQL: bare words become one condition together."""
    if isinstance(node, _BareWord):
        return words.pattern(node.text, node.startchar) is not None
    return not isinstance(node, GroupPlugin.CloseBracket)


def _check_close(before: Any, node: Any, opened: list[int]) -> None:
    if not opened:
        raise InvalidQuery("a parenthesis closes nothing", position=node.startchar, hint='add "(" or quote the text')
    if isinstance(before, GroupPlugin.OpenBracket):
        raise InvalidQuery("a group is empty", position=before.startchar, hint='write something inside, or quote "()"')
    if isinstance(before, syntax.Operator):
        _dangling(before)
    opened.pop()


def _check_size(node: Any, depth: int, conditions: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidQuery(
            "groups nest too deeply", position=node.startchar, hint=f"at most {MAX_DEPTH} inside each other"
        )
    if conditions > MAX_CONDITIONS:
        raise InvalidQuery(
            "the query has too many conditions",
            position=node.startchar,
            hint=f"at most {MAX_CONDITIONS}, bare words aside",
        )


def _dangling(node: Any) -> NoReturn:
    sides = "on both sides" if isinstance(node, syntax.InfixOperator) else "after it"
    raise InvalidQuery(
        f"{node.text} needs something {sides}",
        position=node.startchar,
        hint=f'quote it to search for the text: "{node.text}"',
    )


def parse(text: str, clean: str, *, today: date) -> Query:
    """Return the query that `text` means.

    Args:
        text: As it was written.
        clean: The same with spaces for control characters.
        today: The day that relative dates are counted from.
    """
    reader = _Reader(today)
    where = reader.read(_whoosh().process(clean), negated=False) or Everything()
    return Query(text, where, _unique(reader.tokens), _unique(reader.exact), _unique(reader.patterns))


class _Reader:
    """Turns Whoosh's tree into clauses and collects, on the way, what ranks."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.tokens: list[str] = []
        self.exact: list[str] = []
        self.patterns: list[Expanding] = []

    def read(self, node: Any, *, negated: bool) -> Clause | None:
        """Return the meaning of a node, None where it has none (a stop word)."""
        if isinstance(node, _Leaf):
            return self._leaf(node, negated=negated)
        if isinstance(node, _Negated):
            part = self.read(node[0], negated=not negated)
            return part.part if isinstance(part, Not) else part and Not(part)
        if isinstance(node, _Together):
            return self._together(node, negated=negated)
        parts = [self.read(child, negated=negated) for child in node]
        return any_of(parts) if isinstance(node, _Or) else all_of(parts)

    def _leaf(self, node: _Leaf, *, negated: bool) -> Clause | None:
        if isinstance(node, _Valued):
            return self._valued(node, negated=negated)
        if isinstance(node, _Quoted):
            self._rank(node.text, negated=negated)
            return words.phrase(node.text, STREAMS)
        pattern = words.pattern(node.text, node.startchar)
        if pattern is None:
            self._rank(node.text, negated=negated)
            return words.word(node.text, STREAMS)
        if isinstance(pattern, Expanding) and not negated:
            self.patterns.append(pattern)
        return pattern

    def _together(self, group: Iterable[Any], *, negated: bool) -> Clause | None:
        """Side by side: any of the bare words and patterns, and everything else."""
        tokens: list[str] = []
        patterns: list[Clause | None] = []
        others: list[Clause | None] = []
        for node in group:
            part = self.read(node, negated=negated)
            if isinstance(part, Expanding) and isinstance(node, _BareWord):
                patterns.append(part)
            elif isinstance(node, _BareWord) and not isinstance(part, Everything):
                tokens += analyse(node.text).stems
            else:
                others.append(part)
        bare = [Words(_unique(tokens))] if tokens else []
        return all_of([*others, any_of([*bare, *patterns])])

    def _valued(self, node: _Valued, *, negated: bool) -> Clause | None:
        name, value = node.name, unicodedata.normalize("NFC", node.text.strip())
        if not value:
            raise InvalidQuery(f"{name}: has no value", position=node.startchar, hint=f"write {name}:something")
        if len(value) > MAX_VALUE:
            raise InvalidQuery(
                f"the value of {name}: is too long", position=node.at, hint=f"at most {MAX_VALUE:,} characters"
            )
        if name == "date":
            return DateRange(*dates.parse(value.replace('"', " "), today=self.today, position=node.at))
        if name == "file":
            return File(value)
        if name == "status" and has_wildcard(value):
            raise InvalidQuery("status: takes a word, no pattern", position=node.at, hint="such as status:active")
        if name not in _STREAM:
            return Field(cast("Column", name), value)
        if not node.quoted and words.pattern(value, node.at):
            hint = f"leave {name}: out, or write whole words"
            raise InvalidQuery(f"{name}: takes a word or a phrase, no pattern", position=node.at, hint=hint)
        self._rank(value, negated=negated)
        return words.phrase(value, _STREAM[name]) if node.quoted else words.word(value, _STREAM[name])

    def _rank(self, text: str, *, negated: bool) -> None:
        if not negated:
            stems, exact = analyse(text)
            self.tokens += stems
            self.exact += exact


def _unique(items: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(items))
