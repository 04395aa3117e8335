"""What a Markdown text consists of: sections, headings, dates, links and named paths; text in, values out.

This is no Markdown parser. It knows headings, fenced code and inline code as far as a memory needs them, and it is
forgiving where people are: a fence may stand in a list or a quotation. Headings inside HTML comments count.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date

from agent_memory.model import Section

LONGEST = 2000
"""Characters of the longest section that is left whole."""

SHORTEST = 1200
"""Characters that a piece of a longer section has at least, where the text allows it."""

LONGEST_HEADING = 200
"""Characters of a heading that count as its text; what is longer is a paragraph with a mark before it."""

MOST_MENTIONS = 200

Span = tuple[int, int]
Heading = tuple[int, int, str]
"""Offset of the line, level from 1, text."""

# Patterns begin with a literal character, so that the engine can jump from one candidate to the next; what has to stand
# before it on the line is checked afterwards.
_ATX = r"#(#{0,5})(?=[ \t\r\n]|\Z)([^\n]*)"
_ATX_TAIL = r"(?:^|[ \t])#+$"
_SETEXT = r"\n(={3,}|-{3,})[ \t]*\r?(?=\n|\Z)"
_NO_SETEXT = r"[ ]{4}|\t|[ ]{0,3}(?:[#>|]|[-*+][ \t]|[0-9]+[.)][ \t]|[-*_=]{3,}[ \t]*$)"
_KEY = r"[\w-]+:\s"
_FENCES = {"`": re.compile("```+"), "~": re.compile("~~~+")}
_CONTAINER = r"[ \t]*(?:(?:>|[-*+][ \t]|[0-9]{1,9}[.)][ \t])[ \t]*)*"
_ITEM = r"[ ]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]"
_SPACE = r"\s"
_VISIBLE = r"\S"


def sections(body: str, first_line: int) -> tuple[Section, ...]:
    """Return the sections of a body, in order; every visible character is in exactly one.

    A section begins with its heading. A heading without text of its own joins the section of the deeper heading that
    follows. A section longer than `LONGEST` is cut, at a blank line if there is one where the cut should be.

    Args:
        first_line: Line of the body's first character in its file.
    """
    fences = _fences(body)
    found: list[Section] = []
    at, line = 0, first_line
    for heading, begin, end in _chapters(body, fences):
        for start, stop in _pieces(body, begin, end, fences):
            line += body.count("\n", at, start)
            at = start
            found.append(Section(heading=heading, start=start, end=stop, line=line))
    return tuple(found)


def first_heading(body: str) -> str | None:
    """Return the text of the first heading that has any."""
    return next((text for _, _, text in _headings(body, _fences(body)) if text), None)


# --- headings and fences ------------------------------------------------------------------------------------------


def _fences(body: str) -> list[Span]:
    """Return the spans of fenced code, from the line of the opening fence to the end of the closing one.

    A fence that is never closed reaches to the end, as CommonMark has it.
    """
    runs = [match for c, pattern in _FENCES.items() if c * 3 in body for match in pattern.finditer(body)]
    spans: list[Span] = []
    opened, stop, mark = -1, 0, ""
    for match in sorted(runs, key=re.Match.start) if "~~~" in body else runs:
        if match.start() < stop:
            continue  # only the first run on a line can be a fence
        start = body.rfind("\n", stop, match.start()) + 1 or stop
        before = body[start : match.start()]
        stop = body.find("\n", match.end()) + 1 or len(body)
        after = body[match.end() : stop]
        if opened < 0:
            if re.fullmatch(_CONTAINER, before) and (match[0][0] == "~" or "`" not in after):
                opened, mark = start, match[0]
        elif match[0].startswith(mark) and not before.strip(" \t>") and not after.strip():
            spans.append((opened, stop))
            opened = -1
    return [*spans, (opened, len(body))] if opened >= 0 else spans


def _fence_at(position: int, fences: list[Span]) -> Span | None:
    """Return the fenced code that a position lies in."""
    index = bisect_right(fences, position, key=lambda span: span[0]) - 1
    return fences[index] if index >= 0 and position < fences[index][1] else None


def _headings(body: str, fences: list[Span]) -> Iterator[Heading]:
    """Yield the headings outside fenced code, in order."""
    found = _atx(body)
    if "\n---" in body or "\n===" in body:
        found = iter(sorted([*found, *_setext(body)]))
    return (heading for heading in found if not _fence_at(heading[0], fences)) if fences else found


def _atx(body: str) -> Iterator[Heading]:
    for match in re.finditer(_ATX, body):
        at = match.start()
        start = body.rfind("\n", 0, at) + 1
        if start == at or (at - start < 4 and not body[start:at].strip(" ")):
            text = match[2].strip()
            text = re.sub(_ATX_TAIL, "", text).rstrip() if text.endswith("#") else text
            yield start, 1 + len(match[1]), text[:LONGEST_HEADING]


def _setext(body: str) -> Iterator[Heading]:
    """Yield headings that are underlined.

    Only a paragraph of one line is one: under a longer one, or under `Key: value`, people mean a thematic break.
    """
    for match in re.finditer(_SETEXT, body):
        start = body.rfind("\n", 0, match.start()) + 1
        text = body[start : match.start()]
        before = body[body.rfind("\n", 0, max(start - 1, 0)) + 1 : start]
        double = match[1][0] == "="
        if (
            text.strip()
            and not before.strip()
            and not re.match(_NO_SETEXT, text)
            and (double or not re.match(_KEY, text))
        ):
            yield start, 1 if double else 2, text.strip()[:LONGEST_HEADING]


def _chapters(body: str, fences: list[Span]) -> Iterator[tuple[str, int, int]]:
    """Yield (heading path, start, end) for the text before the first heading and under each one."""
    headings = list(_headings(body, fences))
    yield "", 0, headings[0][0] if headings else len(body)
    path: list[tuple[int, str]] = []
    begin = -1
    for index, (at, level, text) in enumerate(headings):
        while path and path[-1][0] >= level:
            path.pop()
        path.append((level, text))
        begin = at if begin < 0 else begin
        last = index + 1 == len(headings)
        end = len(body) if last else headings[index + 1][0]
        if not last and headings[index + 1][1] > level and not _has_text(body, at, end):
            continue
        yield " > ".join(text for _, text in path if text), begin, end
        begin = -1


def _has_text(body: str, start: int, end: int) -> bool:
    """Whether anything but an underline follows the line of a heading."""
    below = body.find("\n", start, end)
    return below >= 0 and bool(body[below:end].strip("=- \t\r\n"))


# --- cutting ------------------------------------------------------------------------------------------------------


def _pieces(body: str, begin: int, end: int, fences: list[Span]) -> Iterator[Span]:
    """Yield the parts of a chapter without the blank lines around them."""
    start = _first_line(body, begin, end)
    if end - start > LONGEST:
        end = start + len(body[start:end].rstrip())
    if end - start > LONGEST:
        places = _Places(body, start, end, fences)
        while end - start > LONGEST:
            cut = places.cut(start)
            yield start, start + len(body[start:cut].rstrip())
            start = _first_line(body, cut, end)
    if start < end:
        yield start, start + len(body[start:end].rstrip())


def _first_line(body: str, begin: int, end: int) -> int:
    """Return the start of the first line that is not blank, or of what is left of it; `end` if there is none."""
    match = re.compile(_VISIBLE).search(body, begin, end)
    return end if match is None else max(begin, body.rfind("\n", begin, match.start()) + 1)


class _Places:
    """Where a long chapter may be cut, best kind first; computed once for all its cuts."""

    def __init__(self, body: str, start: int, end: int, fences: list[Span]) -> None:
        self.body = body
        self.end = end
        self.fences = fences
        self.paragraphs: list[int] = []
        self.items: list[int] = []
        self.lines: list[int] = []
        self.code: list[int] = []
        blank = False
        at = body.find("\n", start, end) + 1
        while 0 < at < end:
            after = body.find("\n", at, end) + 1
            self._note(at, after or end, blank=blank)
            blank = not body[at : after or end].strip()
            at = after

    def _note(self, at: int, after: int, *, blank: bool) -> None:
        fence = _fence_at(at, self.fences)
        if fence and fence[0] < at:
            self.code.append(at)
            return
        self.lines.append(at)
        if blank and self.body[at:after].strip():
            self.paragraphs.append(at)
        if re.compile(_ITEM).match(self.body, at, after):
            self.items.append(at)

    def cut(self, start: int) -> int:
        """Return the best place for the end of the piece that begins at `start`."""
        count = -(-(self.end - start) // (LONGEST - 200))
        ideal = start + (self.end - start) // count
        low, high = min(start + SHORTEST, start + (ideal - start) * 2 // 3), start + LONGEST
        for places in (self.paragraphs, self.items, self.lines):
            if (place := _nearest(places, low, high, ideal)) is not None:
                return place
        fence = _fence_at(high, self.fences)
        if fence and start < fence[0] and fence[1] - fence[0] <= LONGEST:
            return fence[0]  # a short piece before it, rather than a block of code in two
        place = _nearest(self.code, low, high, ideal)
        return self._between_words(low, high) if place is None else place

    def _between_words(self, low: int, high: int) -> int:
        sentence = max(self.body.rfind(mark, low, high) for mark in (". ", "? ", "! ", "; "))
        if sentence >= low:
            return sentence + 2
        spaces = [match.end() for match in re.compile(_SPACE).finditer(self.body, low, high)]
        return spaces[-1] if spaces else high


def _nearest(places: list[int], low: int, high: int, ideal: int) -> int | None:
    """Return the place in [low, high] that is nearest to the ideal one."""
    inside = places[bisect_left(places, low) : bisect_right(places, high)]
    return min(inside, key=lambda place: abs(place - ideal), default=None)


# --- dates --------------------------------------------------------------------------------------------------------

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = (
    r"(?P<{}>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DATE = (
    r"(?i)(?<![\w-])(?:(?P<y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})(?![0-9-])"
    rf"|(?P<d2>[0-9]{{1,2}})(?:st|nd|rd|th)?[ ]+{_MONTH.format('m2')},?[ ]+(?P<y2>[0-9]{{4}})\b"
    rf"|{_MONTH.format('m3')}[ ]+(?P<d3>[0-9]{{1,2}})(?:st|nd|rd|th)?,?[ ]+(?P<y3>[0-9]{{4}})\b)"
)
_LABEL = r"(?i)[\W_]*(?:date|created|written|day)\b[\W_]*"
_HEAD_LINES = 5


def date_in_text(body: str) -> date | None:
    """Return the day that the first lines of a text name; a line such as `Date: 2026-03-02` is believed first."""
    lines: list[str] = []
    at = 0
    while at < len(body) and len(lines) < _HEAD_LINES:
        after = body.find("\n", at) + 1 or len(body)
        line = body[at : min(after, at + 1000)]
        if line.strip():
            lines.append(line)
        at = after
    labelled = [line[match.end() :] for line in lines if (match := re.match(_LABEL, line))]
    found = (day for line in [*labelled, *lines] for match in re.finditer(_DATE, line) if (day := _day(match)))
    return next(found, None)


def _day(match: re.Match[str]) -> date | None:
    year, month, day = match["y"] or match["y2"] or match["y3"], match["m"], match["d"] or match["d2"] or match["d3"]
    named = match["m2"] or match["m3"]
    number = _MONTHS.index(named[:3].lower()) + 1 if named else int(month)
    try:
        return date(int(year), number, int(day))
    except ValueError:
        return None


# --- links and paths ----------------------------------------------------------------------------------------------

_CODE = r"`(?<!``)([^`\n]++(?:\n(?!\r?\n)[^`\n]++)*+)`(?!`)"
_LINK = (
    r"\[\[(?P<wiki>[^\s\[\]|#][^\[\]|#\n]*+)(?:[|#][^\[\]\n]*+)?\]\]"
    r"|\]\([ \t]*<?(?P<path>(?![/#])[^()\s<>#?:]+\.md)(?:#[^()\s<>]*)?>?(?:[ \t]+[\"'(][^\n]{0,200}?)?[ \t]*\)"
)
_PATH = r"([^\s:#'\"=,;|\\!?&^<>%]++)(?:::\S*|:[0-9]+(?:[-:,][0-9]+)*:?|\#L[0-9]+(?:-L?[0-9]+)?)?"
_LETTER = r"[^\W\d_]"
_EXTENSIONS = frozenset(
    "astro bash bat c cc cfg cjs clj conf cpp cs css csv cts cxx dart ex exs go gradle graphql groovy h hpp htm html"
    " ini ipynb java jl js json json5 jsonc jsonl jsx kt kts less lock lua md mdx mjs mts php pl proto ps1 py pyi pyx"
    " rb rs rst sass scala scss sh sol sql svelte swift tf toml ts tsv tsx txt vue xml yaml yml zig zsh".split()
)
_KNOWN_NAMES = frozenset({"Dockerfile", "Makefile", "Justfile", "justfile", "Procfile", "Gemfile", "Rakefile"})


def links(body: str) -> tuple[str, ...]:
    """Return the targets of `[[wiki]]` links and of relative Markdown links to `.md` files, without those in code.

    Labels and fragments are not part of a target; each target comes once, in the order of the text.
    """
    if "[[" not in body and "](" not in body:
        return ()
    text = _without_fences(body)
    if "`" in text:
        text = re.sub(_CODE, "", text)
    return tuple(dict.fromkeys((match["wiki"] or match["path"]).strip() for match in re.finditer(_LINK, text)))


def mentions(body: str) -> tuple[str, ...]:
    """Return the paths that stand in inline code, without line numbers, in the order of the text, each once."""
    if "`" not in body:
        return ()
    found: dict[str, None] = {}
    for code in dict.fromkeys(re.findall(_CODE, _without_fences(body))):
        if ("/" in code or "." in code or code in _KNOWN_NAMES) and (path := _path(code)):
            found[path] = None
            if len(found) == MOST_MENTIONS:
                break
    return tuple(found)


def _path(code: str) -> str | None:
    """Return the path that a piece of inline code is, if it is one."""
    match = re.fullmatch(_PATH, code.strip())
    if match is None:
        return None
    path = match[1]
    if "/" in path:
        return path if re.search(_LETTER, path) else None
    stem, _, extension = path.rpartition(".")
    known = path in _KNOWN_NAMES or (extension.lower() in _EXTENSIONS and stem.strip("*."))
    return path if known else None


def _without_fences(body: str) -> str:
    """Return the text outside fenced code, a line break in the place of each block."""
    at, kept = 0, []
    for start, end in _fences(body):
        kept.append(body[at:start])
        at = end
    return "\n".join([*kept, body[at:]]) if at else body
