"""Text to tokens: the one pure function that both the index and the queries use.

`analyse(text)` splits at white space, then takes each chunk apart:

- a plain word becomes its stem (`policies` -> `polici`), Porter2 for Latin script, the Russian Snowball stemmer for
  Cyrillic; the written form is kept as an *exact* token where it differs from the stem;
- an identifier, path or flag stays whole and is split as well (`uploadFile` -> `uploadfile upload file`,
  `cpv3.modules.users` -> `cpv3.modules.users cpv3 modul user`, `--no-cache` -> `--no-cache no-cache cache`);
- a run of Chinese, Japanese or Korean script becomes its characters and their pairs;
- letters are folded (NFKC, case, diacritics); 33 English function words are dropped where they stand alone.

A token never contains white space, a double quote or a control character.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import filterfalse
from typing import NamedTuple

import Stemmer

VERSION = 1
"""Raise it whenever the tokens of any text change: an index built by another version is rebuilt."""

LONGEST = 64
"""Characters of a token; what is longer (data, not words) is cut."""

STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they "
    "this to was will with".split()
)

_ENGLISH = Stemmer.Stemmer("english")
_RUSSIAN = Stemmer.Stemmer("russian")

# Leading dashes belong to flags; inner connectors keep an identifier, path or version whole.
_COMPOUND = re.compile(
    r"(?<![\w-])(?:--?)?[^\W_]\w*(?:[./:@#+\-\\'\u2019]+\w+)*(?:\+\+|\#)?|_+\w+(?:[./:@#+\-\\]+\w+)*"
)
_LINE_NUMBER = re.compile(r"(?:[:#]L?\d+)+$")
_LEVELS = re.compile(r"[/:@#\\]+")
_PART = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WIDE = (  # compiled by the first text that is not ASCII
    r"[\u2e80-\u2fdf\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_APOSTROPHE = re.compile(r"['\u2019](?:s\b)?")
_CYRILLIC = re.compile(r"[\u0400-\u052f]")
_REMEMBERED = 100_000


class Analysis(NamedTuple):
    """Tokens of a text: `stems` in reading order (what phrases run over), `exact` the written forms that differ."""

    stems: list[str]
    exact: list[str]


def fold(text: str) -> str:
    """Return `text` with compatibility forms, case and diacritics removed."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(filterfalse(unicodedata.combining, decomposed))).casefold()


def stem(word: str) -> str:
    """Return the stem of one folded word."""
    return str((_RUSSIAN if _CYRILLIC.search(word) else _ENGLISH).stemWord(word))


def _wide_tokens(run: str) -> list[str]:
    """Characters and pairs of a run in a script without spaces: `数据库` -> `数 数据 据 据库 库`."""
    tokens = []
    for i, character in enumerate(run):
        tokens.append(character)
        if i + 1 < len(run):
            tokens.append(run[i : i + 2])
    return tokens


def _words(part: str) -> list[str]:
    """Split one run of letters and digits at changes of case and of script."""
    pieces: list[str] = []
    for piece in _CAMEL.split(part):
        folded = fold(piece)
        at = 0
        for wide in () if folded.isascii() else re.finditer(_WIDE, folded):
            pieces += _PART.findall(folded[at : wide.start()])
            pieces.append(wide.group())
            at = wide.end()
        pieces += _PART.findall(folded[at:])
    return pieces


def _wholes(text: str) -> list[str]:
    """The identifiers inside one compound, outermost first: `a/b_c.py:12` -> `a/b_c.py`, `b_c.py`, `b_c`."""
    whole = fold(text)
    found = [_LINE_NUMBER.sub("", whole) or whole]
    bare = found[0].lstrip("-")
    found += [bare, *bare.split("::"), *_LEVELS.split(bare)]
    found += [piece for level in found[2:] for piece in level.split(".")]
    found += [fold(part) for part in _PART.findall(text) if _CAMEL.search(part)]
    return list(dict.fromkeys(found[:1] + [token for token in found[1:] if not token.isalnum() or len(token) > 1]))


def _compound(text: str) -> tuple[list[str], list[str]]:
    """Tokens (stems, exact forms) of one compound, which holds no white space."""
    if _APOSTROPHE.search(text):
        text = _APOSTROPHE.sub("", text)
    words = [word for part in _PART.findall(text) for word in _words(part)]
    plain = set(words)
    stems: list[str] = []
    exact: list[str] = []
    if fold(text) not in plain and (text.isascii() or not re.search(_WIDE, text)):
        stems += [token[:LONGEST] for token in _wholes(text) if token and token not in plain]
    for word in words:
        if not word.isascii() and re.match(_WIDE, word):
            stems += _wide_tokens(word)
        elif word not in STOP_WORDS:
            written = word[:LONGEST]
            root = stem(written)
            stems.append(root)
            if root != written:
                exact.append(written)
    return stems, exact


def _chunk(chunk: str) -> tuple[list[str], list[str]]:
    """Tokens (stems, exact forms) of a text without white space."""
    stems: list[str] = []
    exact: list[str] = []
    for match in _COMPOUND.finditer(unicodedata.normalize("NFKC", chunk)):
        more, written = _compound(match.group())
        stems += more
        exact += written
    return stems, exact


class _Memo(dict[str, str]):
    """White-space chunk -> its tokens, each followed by a space; a bounded cache of a pure function.

    Two of them, for stems and for exact forms, are filled together.
    """

    part = 0
    twin: _Memo

    def __missing__(self, chunk: str) -> str:
        found = ["".join([f"{token} " for token in tokens]) for tokens in _chunk(chunk)]
        if len(chunk) <= LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
                self.twin.clear()
            self[chunk] = found[self.part]
            self.twin[chunk] = found[1 - self.part]
        return found[self.part]


_stems, _exact = _Memo(), _Memo()
_stems.twin, _exact.twin, _exact.part = _exact, _stems, 1


def analyse_joined(text: str) -> tuple[str, str]:
    """Return the tokens of `text` as two strings (the form that is stored), each token followed by a space.

    An exact form stands once, however often it occurs in the text.
    """
    chunks = text.split()
    return "".join(map(_stems.__getitem__, chunks)), "".join(map(_exact.__getitem__, dict.fromkeys(chunks)))


def analyse(text: str) -> Analysis:
    """Return the tokens of `text`.

    >>> analyse("Retry policies of uploadFile").stems
    ['retri', 'polici', 'uploadfile', 'upload', 'file']
    >>> analyse("Retry policies").exact
    ['retry', 'policies']
    """
    stems, exact = analyse_joined(text)
    return Analysis(stems.split(), exact.split())


def stems_of(chunk: str) -> list[str]:
    """Return the stems of a text without white space, such as one word of a snippet."""
    return _stems[chunk].split()
