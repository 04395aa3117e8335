"""The facts of a text that an extract must not lose: identifiers, paths, commands, numbers, quoted and error strings.

Pure, and by form only: a fact is what is written in code, in quotation marks, with a digit, or as a compound that is no
plain word (`snake_case`, `camelCase`, `a/b.py`, `--flag`, `module.name`). Meaning is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

LONGEST = 200
"""Characters of the longest quoted string that counts as one fact."""

_FENCE = re.compile(r"^[ \t>]*(?:```|~~~)[^\n]*\n(.*?)(?:^[ \t>]*(?:```|~~~)[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_QUOTED = re.compile(
    rf'"([^"\n]{{2,{LONGEST}}})"|“([^”\n]{{2,{LONGEST}}})”|«([^»\n]{{2,{LONGEST}}})»|„([^“”\n]{{2,{LONGEST}}})[“”]'
)
_TOKEN = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)|[^\s`\"“”„«»()\[\]{}<>|*,;!?=…\u2013\u2014]+")
_MARKER = re.compile(r"^[ \t]*\d{1,3}[.)](?=[ \t])", re.MULTILINE)
_EDGES = ".:,;!?'\u2019-+~\\"
_COMPOUND = re.compile(r"[^\W\d]_+[^\W\d]|[a-z][A-Z]|[^\W\d]/[^\W\d]|[^\W\d_]\.[^\W\d_]|^--?[^\W\d]|::|@|^[A-Z]{2,}s?$")
_DIGIT = re.compile(r"\d")


def facts(text: str) -> tuple[str, ...]:
    """Return the facts of a text, each once, in the order in which they first appear.

    >>> facts('Retries: five, at 0 and 60 min; `max_retries=4` in app/jobs.py, else "gave up".')
    ('max_retries=4', 'gave up', '0', '60', 'app/jobs.py')
    """
    found: list[tuple[int, str]] = []
    rest = text
    if "```" in text or "~~~" in text:
        for match in _FENCE.finditer(text):
            found += [(match.start(1), line) for line in map(_code_line, match[1].split("\n")) if line]
        rest = _FENCE.sub(_blank, rest)
    for pattern, marks in ((_CODE, "`"), (_QUOTED, '"“„«')):
        if any(mark in rest for mark in marks):
            for match in pattern.finditer(rest):
                inner = next(group for group in reversed(match.groups()) if group is not None)
                found.append((match.start(), " ".join(inner.split())))
            rest = pattern.sub(_blank, rest)
    rest = _MARKER.sub(_blank, rest)
    named = sorted(found)
    odd = " ".join(
        [chunk for chunk in rest.split() if not (chunk.isalpha() and chunk.islower())]
    )  # most words end here
    plain = map(_fact, dict.fromkeys(_TOKEN.findall(odd)))
    return tuple(fact for fact in dict.fromkeys([*(fact for _, fact in named), *plain]) if fact)


def is_fact(token: str) -> bool:
    """Whether a piece of text without white space is a fact by its form."""
    return bool(token) and bool(_DIGIT.search(token) or _COMPOUND.search(token))


def lost(wanted: Iterable[str], text: str, known: Collection[str] | None = None) -> list[str]:
    """Return the facts that do not stand in a text.

    A fact stands in it if it is one of its facts, or, where it is more than a bare word or number, if it occurs in it.

    Args:
        known: The facts of the text, where the caller has them.
    """
    there = set(facts(text)) if known is None else known
    missing = [fact for fact in wanted if fact not in there]
    if not missing:
        return missing
    flat = " ".join(text.split())
    return [fact for fact in missing if len(fact) < 4 or fact.isdigit() or fact not in flat]


def _code_line(line: str) -> str:
    """Return what a line of code says, without what only opens or goes on; "" for brackets and single plain words."""
    text = line.strip().rstrip(",;([{")
    return text if is_fact(text) or " " in text else ""


@lru_cache(maxsize=1 << 16)
def _fact(token: str) -> str:
    """Return the fact that a piece of text without white space is, without the punctuation around it, or ""."""
    token = token.rstrip(_EDGES)
    token = token if token.startswith("--") else token.lstrip(".:,;!?'\u2019~")
    return token if is_fact(token) else ""


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])
