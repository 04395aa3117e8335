"""Rules that move memories of a task's ranking after they were scored; pure, bounded, and told in the terms.

`ranking.supersede` comes last, so that none of these puts a superseded memory above its successor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta

from agent_memory.model import Term
from agent_memory.recall.likeness import Traits, judge, one_topic
from agent_memory.recall.ranking import Scored

SAME_DAY = (0.2, 0.1)
"""What the notes one and two places away in the same agent's day lend, as a share of their scores."""

OWN = 0.1
"""What an agent's own memory gains, as a share of its score."""

SPOKEN = 0.35
"""What a memory of a time that the task names gains, as a share of its score."""

SLACK = timedelta(7)
"""Days around such a time that count as well: a note is often written some days after what it tells of."""

CLOSE = 0.7
"""Scores are close where the lower is at least this share of the higher."""

PLACES = 20
"""First places among which the later of two memories on one topic goes first."""


WORDS = 30
"""Different tokens that both must have, of those that are compared: a sentence says too little of its topic."""


def lend(scored: Sequence[Scored], days: Sequence[Sequence[int]]) -> list[Scored]:
    """Add what the notes of the same agent's day lend each other.

    Args:
        days: For each agent and day the numbers of its memories, in order.
    """
    own = {s.number: s.score for s in scored}
    lent: dict[int, float] = {}
    for day in days:
        for i, number in enumerate(day):
            if number not in own:
                continue
            for away, share in enumerate(SAME_DAY, 1):
                for j in (i - away, i + away):
                    if 0 <= j < len(day):
                        lent[number] = lent.get(number, 0.0) + share * own.get(day[j], 0.0)
    return _sorted(_raised(s, lent.get(s.number, 0.0), "same day") for s in scored)


def prefer(
    scored: Sequence[Scored],
    written: Mapping[int, tuple[str, date]],
    *,
    agent: str | None,
    times: Collection[tuple[date, date]],
) -> list[Scored]:
    """Raise the agent's own memories a little, and those of a time that the task speaks of.

    Args:
        written: Memory -> its agent and day.
    """
    raised = []
    for s in scored:
        owner, day = written[s.number]
        own = _raised(s, OWN * s.score if owner == agent else 0.0, "own memory")
        then = any(first - SLACK <= day <= last + SLACK for first, last in times)
        raised.append(_raised(own, SPOKEN * own.score if then else 0.0, "time of the task"))
    return _sorted(raised)


def heed(scored: Sequence[Scored], boosts: Mapping[str, float]) -> list[Scored]:
    """Apply what agents said of the memories they were handed: enough to break a tie.

    Args:
        boosts: Path -> what to multiply the score by; see `receipts.boost`.
    """
    if not boosts:
        return list(scored)
    return _sorted(_raised(s, (boosts.get(s.path, 1.0) - 1.0) * s.score, "feedback of agents") for s in scored)


def later_first(scored: Sequence[Scored], known: Mapping[int, Traits]) -> list[Scored]:
    """Let two memories on one topic with close scores change places where the earlier one stands above the later.

    Args:
        known: What is compared of the first `PLACES` memories.
    """
    ordered = list(scored)
    first = min(PLACES, len(ordered))
    for at in range(first):
        for below in range(at + 1, first):
            higher, lower = ordered[at], ordered[below]
            if lower.score < CLOSE * higher.score:
                break
            earlier, later = known[higher.number], known[lower.number]
            if (
                earlier.day < later.day
                and min(len(earlier.whole), len(later.whole)) >= WORDS
                and one_topic(earlier, later)
            ):
                gain = higher.score - lower.score
                ordered[at] = _raised(lower, gain, "later on the topic")
                ordered[below] = _raised(higher, -gain, "earlier on the topic")
    return ordered


def twins(
    ordered: Sequence[Scored],
    known: Mapping[int, Traits],
    texts: Mapping[int, tuple[str, ...]],
    old_of: Mapping[int, Collection[int]],
) -> dict[int, int]:
    """Return memory -> one above it that says the same, and that neither replaces it nor is replaced by it.

    Args:
        known: What is compared of some of them.
        texts: Their texts; what has the same text says the same, whatever its title.
        old_of: Memory -> the memories it supersedes.
    """
    found: dict[int, int] = {}
    for at, lower in enumerate(ordered):
        for higher in ordered[:at]:
            a, b = higher.number, lower.number
            if a in found or b in old_of.get(a, ()) or a in old_of.get(b, ()):
                continue
            if (a in texts and texts[a] == texts.get(b)) or (a in known and b in known and _same(known[a], known[b])):
                found[b] = a
                break
    return found


def _same(one: Traits, other: Traits) -> bool:
    verdict = judge(one, other)
    return verdict is not None and verdict.kind == "duplicate"


def _raised(scored: Scored, gain: float, rule: str) -> Scored:
    if not gain:
        return scored
    terms = (*scored.terms, Term(name=rule, field="rule", value=gain))
    return scored._replace(score=scored.score + gain, terms=terms)


def _sorted(scored: Iterable[Scored]) -> list[Scored]:
    return sorted(scored, key=lambda s: (-s.score, s.path))
