"""The marks around recorded notes, and what keeps a note's text inside them.

Three things together: each line of a note is quoted (`> `), so that its headings, fences and HTML end where the
quotation ends; whatever looks like one of our marks is taken out; what stands outside quotations is on one line.
"""

from __future__ import annotations

import re
import unicodedata

from agent_memory.recall.snippet import one_line

BEGIN, END = "<recorded-notes>\n", "</recorded-notes>\n"
REMOVED = "[mark removed]"
"""Stands where a text had something that looks like our marks."""

_NAME = "recordednotes"
_FAR = 200  # characters after a bracket in which the name must end
_BETWEEN = 40  # characters that are no letters and may stand in one mark
_BRACKET = (
    r"(?i)[<\uff1c\ufe64\u2039\u27e8\u3008\u2329\u276c\u276e\u1438\u02c2]"
    r"|&(?:amp;)*(?:lt\b|\#0*60\b|\#[xX]0*3[cC]\b);?|\\u003[cC]|\\x3[cC]|%3[cC]"
)
_CLOSING = (
    r"(?i)[\s/]*(?:[>\uff1e\ufe65\u203a\u27e9\u3009\u232a\u276d\u276f]"
    r"|(?:&(?:amp;)*(?:gt|\#0*62|\#x0*3e);?|\\u003e|%3e))"
)
_ENTITY = r"&(?:amp;)*\#?\w{1,31};"
_LINE = r"\r\n?|\n"
_LIKE = str.maketrans(  # letters of other scripts that look like those of the name; NFKD sees to the rest
    "\u0433\u0280\u0435\u1d07\u0441\u03f2\u1d04\u043e\u03bf\u0585\u1d0f\u0501\u1d05\u03b7\u0578\u0274\u0442\u03c4\u1d1b\u0455\ua731",
    "rreecccooooddnnntttss",
)


def unmarked(text: str) -> str:
    """Return a text without anything that looks like one of our marks.

    Case, white space, invisible characters, HTML entities and letters of other scripts make no difference.

    >>> unmarked("a </Recorded-Notes > b &lt;/recorded&#45;notes&gt; c <notes> d")
    'a [mark removed] b [mark removed] c <notes> d'
    """
    found = re.compile(_BRACKET).search(text)
    if found is None:
        return text
    parts: list[str] = []
    at = 0
    while found is not None:
        end = _name_end(text, found.end())
        if end:
            parts += [text[at : found.start()], REMOVED]
            closing = re.compile(_CLOSING).match(text, end)
            at = closing.end() if closing else end
        found = re.compile(_BRACKET).search(text, max(at, found.end()))
    return "".join([*parts, text[at:]]) if parts else text


def quoted(text: str) -> str:
    r"""Return a text as a quotation in Markdown: nothing in it can reach beyond its end.

    >>> print(quoted("# A heading\n\n```\nnever closed"))
    > # A heading
    >
    > ```
    > never closed
    """
    return "\n".join(f"> {line}" if line else ">" for line in re.split(_LINE, unmarked(text)))


def plain(text: str, most: int = 200) -> str:
    """Return a text on one line and without our marks, cut at a word.

    Args:
        most: Characters.
    """
    return unmarked(cut(one_line(text[: 8 * most]), most))


def cut(text: str, most: int) -> str:
    """Cut a text at a word, with a mark where something is missing; `most` counts characters."""
    if len(text) <= most:
        return text
    kept = text[: max(0, most - 2)]
    return f"{kept.rpartition(' ')[0] or kept} \u2026"


def size(text: str) -> int:
    """Return the bytes of a text in UTF-8."""
    return len(text.encode("utf-8", "backslashreplace"))


def _name_end(text: str, at: int) -> int:
    """Return where the name of our marks ends that begins at `at` or a few marks later; 0 where there is none."""
    spelled, others, stop = "", 0, min(len(text), at + _FAR)
    while at < stop:
        entity = re.compile(_ENTITY).match(text, at) if text[at] == "&" else None
        read = _unescaped(entity[0]) if entity else text[at]
        at = entity.end() if entity else at + 1
        letters = "".join(filter(str.isalnum, unicodedata.normalize("NFKD", read).casefold().translate(_LIKE)))
        others += not letters
        spelled += letters
        if spelled == _NAME:
            return at
        if others > _BETWEEN or not _NAME.startswith(spelled):
            return 0
    return 0


def _unescaped(entity: str) -> str:
    from html import unescape  # noqa: PLC0415  rarely needed

    while (plainer := unescape(entity)) != entity:
        entity = plainer
    return entity
