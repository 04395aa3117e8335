"""What one written word, pattern or phrase asks for; None where it is only stop words or punctuation."""

from __future__ import annotations

import re
import unicodedata

from agent_memory.errors import InvalidQuery
from agent_memory.index.analysis import LONGEST, analyse, fold
from agent_memory.index.where import Stream
from agent_memory.recall.bare import Clause, Everything
from agent_memory.recall.clauses import Fuzzy, Phrase, Prefix, Wildcard, Word, has_wildcard

_FUZZY = re.compile(r"(?P<word>.*\w)~(?P<distance>[0-9]*)")
_WIDE = re.compile(
    r"[\u2e80-\u2fdf\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)


def phrase(text: str, streams: tuple[Stream, ...]) -> Clause | None:
    """Return the clause for text between quotes: its stems side by side."""
    stems = analyse(text).stems
    return Phrase(tuple(stems), streams) if stems else None


def word(text: str, streams: tuple[Stream, ...]) -> Clause | None:
    """Return the clause for a word that must occur: its whole token, or its characters where a script has no spaces."""
    stems = analyse(text).stems
    if len(stems) > 1 and _WIDE.search(text):
        return Phrase(tuple(stems), streams)
    return Word(stems[0], streams) if stems else None


def pattern(written: str, position: int) -> Clause | None:
    """Return the clause for a word with `*`, `?` or `~`, None where these are only punctuation."""
    if set(written) == {"*"}:
        return Everything()
    bare = written.strip("\"'`.,;:!")
    fuzzy = _FUZZY.fullmatch(bare)
    if not fuzzy and ("://" in bare or not has_wildcard(bare.rstrip(".,;:!?"))):
        return None
    text = fold(unicodedata.normalize("NFKC", fuzzy["word"] if fuzzy else bare))
    if not any(c.isalnum() for c in text) or len(text) > LONGEST or (fuzzy and has_wildcard(text)):
        hint = f"a pattern needs a letter or digit, at most {LONGEST} characters, and either ~ or wildcards"
        raise InvalidQuery(f"{written} is no pattern", position=position, hint=hint)
    if fuzzy:
        return _fuzzy(text, fuzzy["distance"], written, position)
    if text[-1] == "*" and not has_wildcard(text[:-1]):
        return Prefix(text[:-1], written, position)
    return Wildcard(text, written, position)


def _fuzzy(word: str, edits: str, written: str, position: int) -> Fuzzy:
    if edits not in ("", "1", "2"):
        hint = f'at most ~2; quote it to search for the text: "{written}"'
        raise InvalidQuery(f"{written} allows too many edits", position=position, hint=hint)
    return Fuzzy(word, int(edits or 1), written, position)
