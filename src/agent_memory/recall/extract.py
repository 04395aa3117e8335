"""The parts of a text that matter most for a task: whole paragraphs, list items and blocks of code, in their own words.

A part brings what it would mean something else without: its headings, the line that leads in ("Rejected:"), what it
takes back ("But since June …"). Only a long paragraph is cut, between sentences. What is missing is marked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from agent_memory.index.analysis import fold, stems_of
from agent_memory.recall.marks import size

Kind = Literal["heading", "text", "item", "code", "table"]

GAP = "\u2026"

_ATX = r" {0,3}(#{1,6})(?:[ \t]+|$)"
_ITEM = r" {0,3}(?:[-*+]|[0-9]{1,9}[.)]|[a-z]\))(?:[ \t]|$)"
_FINISHED = r"[.!?\u3002\u2026][\"')\]*_`]*\Z"
_FENCE = r"(?:[ \t]|>|[-*+][ \t]|[0-9]{1,9}[.)][ \t])*(`{3,}|~{3,})"
_UNDERLINE = r" {0,3}(?:={2,}|-{2,})[ \t]*"
_RULE = r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}"
_LABEL = (
    r"update[ds]?|correct(?:ion|ed)|edit(?:ed)?|obsolete|outdated|superseded|revoked|withdrawn"
    r"|\u043e\u0431\u043d\u043e\u0432\u043b\u0435\u043d\u043e"
)
_CORRECTS = rf"(?i)(?:\A|\n\n)[\W_]*(?:{_LABEL})\b"
_TAKES_BACK = (
    rf"(?i)[\W_]*(?:{_LABEL}|but|however|except|unless|instead|yet|although|only|not|no|never|so|therefore|since then"
    r"|later|meanwhile|(?:that|this|it|which) (?:was|is|were)"
    r"|\u043d\u043e|\u043e\u0434\u043d\u0430\u043a\u043e|\u043d\u0435)\b"
)
_SENTENCE = r"(?<=[.!?\u3002])[\"')\]*_]*\s+(?=[\"'(\[*_`]*[^\W_a-z])"
_ASKED = r"\?[\W_]*\Z"
_ABBREVIATED = r"(?i)\b(?:e\.g|i\.e|etc|vs|cf|approx|incl|no|nr|fig|resp|\w)\.$"
_STRESSED = (
    r"(?i)\*\*\S|\A[\W_]*(?:decision|decided|rule|now|cause|fix|result|answer|conclusion"
    r"|\u0440\u0435\u0448\u0435\u043d\u0438\u0435)\b"
)
_PLACE = (0.2, 0.15, 0.0)  # what the first, the second and every other part of running text is worth
_STRESS = 0.15
_FADED = 0.25  # what a word counts that the summary has already
_ENOUGH = 0.08  # share of all weight that a part must bring
_LONG = 360  # bytes of a paragraph that may be cut between sentences
_MOST = 40  # parts that are looked at closely
_SPREAD = 160  # bytes that every part seems to cost more, or short ones would always win


class Part(NamedTuple):
    """A stretch of a text that is never cut.

    Attributes:
        level: Of a heading, from 1.
        before: What stands between it and the part before it.
        needs: Positions of the parts without which it would mean something else.
    """

    kind: Kind
    text: str
    level: int = 0
    before: str = "\n\n"
    needs: tuple[int, ...] = ()


def parts(body: str) -> list[Part]:
    """Take a text apart; the parts are the text, but for blank lines and rules."""
    found: list[Part] = []
    above: list[int] = []  # the headings that what follows stands under
    for one in _glued(_blocks(re.split(r"\r\n?|\n", body))):
        while one.level and above and found[above[-1]].level >= one.level:
            above.pop()
        first, *rest = _sentences(one.text) if one.kind in ("text", "item") else [one.text]
        needs = (*above, *_lead(found, one.kind))
        start = len(found)
        found.append(Part(one.kind, first, one.level, one.before, needs))
        beside = (*needs, start) if one.kind == "item" else needs
        found += [Part("text", sentence, 0, " ", beside) for sentence in rest]
        above += [start] if one.level else []
    return found


def summary(body: str, weights: Mapping[str, float], room: int, *, opening: int = 1) -> str:
    """Return the parts of a text that matter most, in order, with `…` where something is missing; "" if none fits.

    A summary without a word of the task, where the text has some, is none.

    Args:
        weights: What each stem of the task is worth; without any the summary is the beginning of the text.
        room: Bytes the summary may have.
        opening: So many parts of running text at the beginning belong to it, where they fit.
    """
    given = parts(body)
    chosen: set[int] = set()
    texts = [i for i, part in enumerate(given) if part.kind in ("text", "item")]
    first = [i for i in texts[:opening] if re.search(_FINISHED, given[i].text)]
    for i in (*first, *(i for i, part in enumerate(given) if re.search(_CORRECTS, part.text))):
        chosen = _with(given, chosen, i, room * 2 // 3)
    worth = [_worth(part.text, weights) for part in given]
    total = sum(weights.values()) or 1.0
    prior = _priors(given, total)
    points = [(sum(w.values()) + prior[i]) / (size(given[i].text) + _SPREAD) for i, w in enumerate(worth)]
    left = {i for i, part in enumerate(given) if part.kind != "heading" and size(part.text) <= room}
    left = set(sorted(left, key=lambda i: (-points[i], i))[:_MOST])
    while left:
        have = {token for i in chosen for token in worth[i]}
        gains = {i: _gain(worth[i], have) + prior[i] for i in left - chosen}
        left = {i for i, gain in gains.items() if gain >= _ENOUGH * total}  # a gain never grows again
        if left:
            best = max(left, key=lambda i: (gains[i] / (size(given[i].text) + _SPREAD), -i))
            left.remove(best)
            chosen = _with(given, chosen, best, room)
    speaks = any(worth[i] for i in chosen) or not any(worth)
    return _joined(given, chosen) if speaks else ""


def sentence(body: str, weights: Mapping[str, float]) -> str:
    """Return the part of the running text that matters most, on its own."""
    given = [part for part in parts(body) if part.kind in ("text", "item")]
    prior = _priors(given, sum(weights.values()) or 1.0)
    points = [
        (sum(_worth(part.text, weights).values()) + own) / (size(part.text) + _SPREAD)
        for part, own in zip(given, prior, strict=True)
    ]
    return given[points.index(max(points))].text if given else ""


# -- taking apart -----------------------------------------------------------------------------------------------------


class _Block:
    def __init__(self, kind: Kind, lines: list[str], before: str, level: int) -> None:
        self.kind = kind
        self.lines = lines
        self.before = before
        self.level = level

    @property
    def text(self) -> str:
        return "\n".join(self.lines).rstrip()


def _blocks(lines: Sequence[str]) -> Iterator[_Block]:
    """Yield blocks; fenced code is one, closed or not, and a list item has what is indented below it."""
    block: _Block | None = None
    fence, blank = "", False
    for line in lines:
        if fence and block:
            block.lines.append(line)
            fence = "" if line.strip(" \t>").startswith(fence) and not line.strip(f" \t>{fence[0]}") else fence
            continue
        if not line.strip():
            blank = True
            continue
        kind, level = _kind(line, block, blank=blank)
        opened = re.match(_FENCE, line)
        if block and kind is None:
            block.lines += [*[""] * blank, line]
        else:
            if block and block.text:
                yield block
            block = _Block(kind or "text", [line], "\n\n" if blank or block is None else "\n", level)
        if block.kind == "text" and len(block.lines) == 2 and re.fullmatch(_UNDERLINE, line):
            block.kind, block.level = "heading", 1 if "=" in line else 2
        elif re.fullmatch(_RULE, line) and len(block.lines) == 1:
            block.lines.clear()
        fence, blank = opened[1] if opened and "`" not in line[opened.end() :] else "", False
    if block and block.text:
        yield block


def _kind(line: str, block: _Block | None, *, blank: bool) -> tuple[Kind | None, int]:
    """Return what a line begins, or None where it goes on with the block that is open."""
    indented = line[0] in " \t"
    within = block.kind if block and block.lines else None
    heading = re.match(_ATX, line)
    same: Kind | None = None
    if within == "item" and indented and (not blank or line.startswith(("  ", "\t"))):
        return None, 0
    if heading:
        return "heading", len(heading[1])
    if re.match(_FENCE, line) and not re.match(_ITEM, line):
        same = "code"
    elif re.match(_ITEM, line) and not re.fullmatch(_RULE, line):
        same = "item"
    elif line.lstrip().startswith("|"):
        same = None if within == "table" and not blank else "table"
    elif blank and line.startswith(("    ", "\t")):
        same = None if within == "code" else "code"
    elif blank or within not in ("text", "item", "code" if indented else "text"):
        same = "text"
    return same, 0


def _glued(blocks: Iterable[_Block]) -> Iterator[_Block]:
    """Join what must not stand alone: code with the line that leads in, a paragraph with the one that takes it back."""
    last: _Block | None = None
    for block in blocks:
        if (
            last
            and last.kind in ("text", "item", "code")
            and (
                (block.kind in ("code", "table") and last.kind != "code" and not re.search(_FINISHED, last.text))
                or (block.kind == "text" and last.kind != "code" and re.match(_TAKES_BACK, block.text))
            )
        ):
            last.lines += [*[""] * (len(block.before) - 1), *block.lines]
            last.kind = block.kind if last.kind == "text" else last.kind
        else:
            if last:
                yield last
            last = block
    if last:
        yield last


def _lead(found: Sequence[Part], kind: Kind) -> tuple[int, ...]:
    """Return the position of the line that leads into a list; its items share it."""
    if kind != "item" or not found:
        return ()
    last = found[-1]
    if last.kind == "text" and not re.search(_FINISHED, last.text):
        return (len(found) - 1,)
    return tuple(i for i in last.needs if found[i].kind == "text") if last.kind == "item" else ()


def _sentences(text: str) -> list[str]:
    """Cut a long paragraph between sentences; one that takes back what was said stays with it."""
    if size(text) <= _LONG or "```" in text or "~~~" in text:
        return [text]
    found: list[str] = []
    at = 0
    for gap in re.finditer(_SENTENCE, text):
        said = text[at : gap.start()]
        whole = not re.search(_ABBREVIATED, said) and said.count("`") % 2 == 0 and said.count("(") == said.count(")")
        whole = whole and not re.search(_ASKED, said)  # a question stays with its answer
        if whole and gap[0].count("\n") < 2 and not re.compile(_TAKES_BACK).match(text, gap.end()):
            found.append(text[at : gap.end()].rstrip())
            at = gap.end()
    return [*found, text[at:]]


# -- choosing ---------------------------------------------------------------------------------------------------------


def _worth(text: str, weights: Mapping[str, float]) -> dict[str, float]:
    """Return what a text has of the weights. A stem and its words begin alike: only what begins so is taken apart."""
    plain = fold(text)
    begin = {beginning for token in weights if (beginning := token[: min(4, max(1, len(token) - 1))]) in plain}
    if not begin:
        return {}
    chunks = [chunk for chunk in text.split() if any(map(fold(chunk).__contains__, begin))]
    return {token: weights[token] for chunk in chunks for token in stems_of(chunk) if token in weights}


def _priors(given: Sequence[Part], total: float) -> list[float]:
    """Return what parts are worth whatever the task: notes begin with what matters, or stress it."""
    place = 0
    found = []
    for part in given:
        running = part.kind in ("text", "item")
        stress = _STRESS if re.search(_STRESSED, part.text) else 0.0
        found.append(total * ((_PLACE[min(place, 2)] if running else 0.0) + stress))
        place += running
    return found


def _gain(worth: Mapping[str, float], have: set[str]) -> float:
    return sum(value * (_FADED if token in have else 1.0) for token, value in worth.items())


def _with(given: Sequence[Part], chosen: set[int], position: int, room: int) -> set[int]:
    """Return what is chosen with one part more and what that needs, or as before where this does not fit."""
    more = chosen | {position}
    waiting = [position]
    while waiting:
        new = [i for i in given[waiting.pop()].needs if i not in more]
        more.update(new)
        waiting += new
    return more if size(_joined(given, more)) <= room else chosen


def _joined(given: Sequence[Part], chosen: Iterable[int]) -> str:
    """Put parts together again, with a mark for each gap."""
    text, last = "", -1
    for i in sorted(chosen):
        between = given[i].before if i == last + 1 else f" {GAP} " if _same(given, last, i) else f"\n\n{GAP}\n\n"
        text += (between if text else f"{GAP}\n\n" if i else "") + given[i].text
        last = i
    if text and last + 1 < len(given):
        text += f" {GAP}" if given[last + 1].before == " " else f"\n\n{GAP}"
    return text


def _same(given: Sequence[Part], first: int, last: int) -> bool:
    """Whether two parts are sentences of one paragraph."""
    return first >= 0 and all(given[i].before == " " for i in range(first + 1, last + 1))
