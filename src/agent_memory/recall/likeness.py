"""How alike two memories are, and what that says: they repeat each other, or the later one revises the earlier.

Pure functions over the token texts of the index; no engine, no clock. Nothing here is ever applied on its own.

    likeness.words(candidate)                                    # what statistics are needed for, some 70 tokens
    a = likeness.traits(candidate, statistics, agent=..., day=...)   # once a memory, 0.1 ms
    likeness.judge(a, b)                                         # a Verdict, or None; 3 us a pair

*Likeness* is 0 to 1: .7 of the cosine of the 40 weightiest tokens of title, about and the first 80 tokens of the body,
and .3 of the cosine of title and about alone. Copies have 1. The beginning of a memory serves as well as its whole.

Both verdicts are likeness plus what the circumstances add, with g = ln(1 + days between them), 90 days at most:

    duplicate  = likeness - .07 g - .30 if one agent wrote both                               at least DUPLICATE
    revision   = likeness + .07 g + .14 if one agent wrote both + .06 for each of two turns   at least REVISION

because agents note the same finding within days and change a decision after weeks, mostly their own. A *turn* is a word
in the later memory's beginning that says that something changed (replaces, instead, no longer, from now on). Logs,
handoffs and consultations report: they revise nothing, and repeat only what they copy. Of two memories of one day
neither revises the other.

Measured over all 55,945 pairs of the example team (26 repeated findings, 52 steps from a decision to the next); a step
over two links of a chain counts as neither right nor wrong, a repetition not as a wrong revision nor the reverse.
Recall and precision at thresholds; those in force stand in brackets:

    revision   .60 .85 .34   (.62) .83 .51   .66 .71 .70   (.70) .69 .86   .74 .67 .92   .78 .63 .94   .85 .38 1.0
    duplicate  .12 .88 .51    .18  .77 .62   .22 .77 .69   (.25) .73 .73   .30 .42 .69   .35 .31 .73

Of 34 steps that say what they replace 29 are named, of 18 silent ones 7. Most pairs that count as wrong duplicates are
an incident's review beside the note of whoever mended it. `.62` (`TOPIC`) is for an order between close scores only.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import date
from itertools import chain, islice
from typing import Literal, NamedTuple

from agent_memory.recall.ranking import Candidate, Statistics

DUPLICATE = 0.25
REVISION = 0.70
TOPIC = 0.50
"""Revision points from which two memories are on one topic: where their scores are close, the later is the better."""
COPY = 0.9
"""Likeness from which two memories repeat each other, whoever wrote them and whenever."""

READ = 80
"""Tokens of the body that are read."""
KEPT = 40
"""Tokens, the weightiest, that stand for a memory."""

_TITLE = 3
_ABOUT = 2
_HEAD = 0.3
_GAP = 0.07
_LONGEST_GAP = 90
_SAME_AGENT_REPEATS = 0.30
_SAME_AGENT_REVISES = 0.14
_TURN = 0.06
_MOST_TURNS = 2

_TURNS = tuple(
    f" {stems} "
    for stems in (
        "replac", "supersed", "instead", "longer", "anymor", "from now", "from today", "second version", "second decis",
        "gone", "given up", "withdrawn", "abandon", "obsolet", "retir", "revis", "chang mind",
    )
)  # fmt: skip
"""Stems as they stand in the index, where function words are dropped: `no longer` is `longer`."""

_REPORT = (
    r"(?:\d{4}-\d\d-\d\d-)?(?:(?:(?:day|week|work|session)-)?(?:logs?|notes|numbers|status|standup|diary|minutes)(?:-\d+)*$"
    r"|(?:session-log|status|standup|handoff|handover|question|answer)-)"
)
"""File names of reports: `2026-04-01-log.md`, `2026-10-15-handoff-queues.md`; not `log-rotation.md`."""
_REPORT_TYPES = frozenset(("handoff", "consult", "digest"))


class Traits(NamedTuple):
    """What is compared of one memory.

    Attributes:
        day: Its date as an ordinal.
        whole: Token -> weight, of length 1 as a vector.
        head: The same for title and about.
        turns: How many words of change its beginning has.
        report: Whether it reports (a log, a handoff) rather than holds.
    """

    number: int
    agent: str
    day: int
    whole: dict[str, float]
    head: dict[str, float]
    turns: int
    report: bool


class Verdict(NamedTuple):
    """What two memories are to each other.

    Attributes:
        kind: They repeat each other, or the later revises the earlier.
        likeness: 0 to 1.
        points: What the threshold of the kind is held against.
        earlier: Number of the earlier memory; of two of one day, that of the first argument.
        later: Number of the other.
    """

    kind: Literal["duplicate", "revision"]
    likeness: float
    points: float
    earlier: int
    later: int

    @property
    def margin(self) -> float:
        """By how much the threshold is exceeded: how sure it is, whatever the kind."""
        return self.points - (DUPLICATE if self.kind == "duplicate" else REVISION)


def words(candidate: Candidate) -> set[str]:
    """Return the tokens whose statistics `traits` asks for."""
    return {*candidate.title.split(), *candidate.about.split(), *_beginning(candidate)}


def traits(candidate: Candidate, statistics: Statistics, *, agent: str, day: date) -> Traits:
    """Return what is compared of a memory.

    Args:
        statistics: With `having` for at least `words(candidate)`.
        agent: Its owner.
    """
    title, about, body = candidate.title.split(), candidate.about.split(), _beginning(candidate)
    head = Counter(title)
    head.update(about)
    whole = Counter(body)
    for token in title:
        whole[token] += _TITLE
    for token in about:
        whole[token] += _ABOUT
    worth = {token: max(0.0, statistics.weight(token)) for token in whole}
    text = f" {' '.join(chain(title, about, body))} "
    return Traits(
        number=candidate.number,
        agent=agent,
        day=day.toordinal(),
        whole=_direction(whole, worth),
        head=_direction(head, worth),
        turns=min(_MOST_TURNS, sum(turn in text for turn in _TURNS)),
        report=_is_report(candidate.path, about[-1:]),
    )


def likeness(a: Traits, b: Traits) -> float:
    """Return how alike two memories are, from 0 to 1."""
    return min(1.0, (1 - _HEAD) * _cosine(a.whole, b.whole) + _HEAD * _cosine(a.head, b.head))


def judge(a: Traits, b: Traits) -> Verdict | None:
    """Say what two memories are to each other; None if it is nothing to speak of.

    A copy repeats; where otherwise both verdicts hold, it is the one whose threshold is exceeded by more.
    """
    alike = likeness(a, b)
    earlier, later = (b, a) if b.day < a.day else (a, b)
    repeats = _repeats(alike, earlier, later)
    revises = _revises(alike, earlier, later)
    if repeats < DUPLICATE and revises < REVISION:
        return None
    if alike >= COPY or repeats - DUPLICATE >= revises - REVISION:
        return Verdict("duplicate", alike, repeats, earlier.number, later.number)
    return Verdict("revision", alike, revises, earlier.number, later.number)


def one_topic(a: Traits, b: Traits) -> bool:
    """Whether the later of two memories may well be the state of what the earlier one speaks of.

    Weaker than the verdict "revision": for an order between close scores, not for words to a user.
    """
    earlier, later = (b, a) if b.day < a.day else (a, b)
    return _revises(likeness(a, b), earlier, later) >= TOPIC


def _repeats(alike: float, earlier: Traits, later: Traits) -> float:
    if alike >= COPY:
        return alike
    if earlier.report or later.report:
        return 0.0
    return alike - _GAP * _gap(earlier, later) - _SAME_AGENT_REPEATS * (earlier.agent == later.agent)


def _revises(alike: float, earlier: Traits, later: Traits) -> float:
    if earlier.day == later.day or earlier.report or later.report:
        return 0.0
    same = _SAME_AGENT_REVISES * (earlier.agent == later.agent)
    return alike + _GAP * _gap(earlier, later) + same + _TURN * later.turns


def _gap(earlier: Traits, later: Traits) -> float:
    return math.log1p(min(later.day - earlier.day, _LONGEST_GAP))


def _is_report(path: str, type_: list[str]) -> bool:
    stem = path.rpartition("/")[2].removesuffix(".md")
    return not _REPORT_TYPES.isdisjoint(type_) or re.match(_REPORT, stem) is not None


def _beginning(candidate: Candidate) -> list[str]:
    return list(islice(chain.from_iterable(map(str.split, candidate.passages)), READ))


def _direction(counts: Counter[str], worth: dict[str, float]) -> dict[str, float]:
    """Return the weightiest tokens as a vector of length 1."""
    weights = {token: (1 + math.log(n)) * worth[token] for token, n in counts.items()}
    kept = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:KEPT]
    length = math.hypot(*(weight for _, weight in kept)) or 1.0
    return {token: weight / length for token, weight in kept}


def _cosine(a: dict[str, float], b: dict[str, float]) -> float:
    return math.fsum([a[token] * b[token] for token in a.keys() & b.keys()])  # fsum: in whatever order they come
