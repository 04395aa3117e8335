"""The facts of a text that an extract must not lose: identifiers, paths, commands, numbers, quoted and error strings.

Pure, and by form only: a fact is what is written in code, in quotation marks, with a digit, or as a compound that is no
plain word (`snake_case`, `camelCase`, `a/b.py`, `--flag`, `module.name`). Meaning is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 200
"""Characters of the longest quoted string that counts as one fact."""

_FENCE = re.compile(r"^[ \t>]*(?:```|~~~)[^\n]*\n(.*?)(?:^[ \t>]*(?:```|~~~)[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_QUOTED = re.compile(rf'"([^"\n]{{2,{LONGEST}}})"|“([^”\n]{{2,{LONGEST}}})”|«([^»\n]{{2,{LONGEST}}})»|„([^“”\n]{{2,{LONGEST}}})[“”]')
_TOKEN = re.compile(r"[^\s`\"“”„«»()\[\]{}<>|*,;!?=…—–]+")
_MARKER = re.compile(r"^[ \t]*\d{1,3}[.)](?=[ \t])", re.MULTILINE)
_EDGES = ".:,;!?'’-+~\\"
_COMPOUND = re.compile(r"[^\W\d]_+[^\W\d]|[a-z][A-Z]|[^\W\d]/[^\W\d]|[^\W\d_]\.[^\W\d_]|^--?[^\W\d]|::|@|^[A-Z]{2,}s?$")
_DIGIT = re.compile(r"\d")


def facts(text: str) -> tuple[str, ...]:
    """Return the facts of a text, each once, in the order in which they first appear.

    >>> facts('Retries: five, at 0 and 60 min; `max_retries=4` in app/jobs.py, else "gave up".')
    ('max_retries=4', 'gave up', '0', '60', 'app/jobs.py')
    """
    found: list[tuple[int, str]] = []
    rest = text
    for match in _FENCE.finditer(text):
        found += [(match.start(1), line.strip()) for line in match[1].split("\n") if line.strip()]
    rest = _FENCE.sub(_blank, rest)
    for pattern in (_CODE, _QUOTED):
        for match in pattern.finditer(rest):
            inner = next(group for group in reversed(match.groups()) if group is not None)
            found.append((match.start(), " ".join(inner.split())))
        rest = pattern.sub(_blank, rest)
    rest = _MARKER.sub(_blank, rest)
    named = sorted(found)
    plain = [token for token in map(_trimmed, _TOKEN.findall(rest)) if is_fact(token)]
    return tuple(dict.fromkeys([fact for _, fact in named if fact] + plain))


def is_fact(token: str) -> bool:
    """Whether a piece of text without white space is a fact by its form."""
    return bool(token) and bool(_DIGIT.search(token) or _COMPOUND.search(token))


def standing(wanted: Iterable[str], text: str) -> tuple[list[str], list[str]]:
    """Return which facts stand in a text, and which do not.

    A fact stands in it if it is one of its facts, or, where it is more than a bare word or number, if it occurs in it.
    """
    known = set(facts(text))
    flat = " ".join(text.split())
    there: list[str] = []
    lost: list[str] = []
    for fact in wanted:
        whole = fact in known or (len(fact) > 3 and not fact.isdigit() and fact in flat)
        (there if whole else lost).append(fact)
    return there, lost


def _trimmed(token: str) -> str:
    token = token.rstrip(_EDGES)
    return token if token.startswith("--") else token.lstrip(".:,;!?'’~")


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])
