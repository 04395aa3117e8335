"""How the agents' folders grew and shrank: memories and tokens at the end of each month, and the compactions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from agent_memory.files.listing import ARCHIVE
from agent_memory.model import Record

if TYPE_CHECKING:
    from agent_memory.upkeep.journal import Done, Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A folder at the end of a month.

    Attributes:
        memories: Active ones.
        tokens: Their size, four bytes counted as one token.
    """

    memories: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A compaction on the line of time.

    Attributes:
        undone: The day it was undone, or None.
        tokens_before, tokens_after: Of all active memories.
    """

    id: str
    day: date
    undone: date | None
    moved: int
    tokens_before: int
    tokens_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """How the folders grew and shrank.

    Attributes:
        months: First days of the months, in order, without a gap.
        agents: Agent -> its folder at the end of each month, those of the largest folders first.
        total: All folders together.
        ahead: Memories of a day after today, which are counted nowhere yet.
    """

    months: tuple[date, ...]
    agents: dict[str, tuple[Point, ...]]
    total: tuple[Point, ...]
    compactions: tuple[Mark, ...]
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class _Change:
    """Something that makes a folder larger or smaller."""

    day: date
    agent: str
    memories: int
    tokens: int


def timeline(
    records: Sequence[Record], journals: Sequence[Journal], *, moved: Callable[[Record], date | None], today: date
) -> Timeline:
    """Return the line of time of a store.

    A memory is there from its date on, one of a day to come not yet; a digest from the day of its compaction. An
    archived one is gone from the day of its compaction, or else from when its file was moved. What a person deleted has
    left no trace.

    Args:
        journals: Of all compactions, oldest first.
        moved: Tells when the file of an archived memory was moved.
    """
    there = [record for record in records if record.date <= today]
    ahead = sum(1 for record in records if record.agent) - sum(1 for record in there if record.agent)
    changes = sorted(_changes(there, journals, moved, today), key=lambda change: change.day)
    months = tuple(_months(changes[0].day, max(today, changes[-1].day))) if changes else ()
    agents = {change.agent for change in changes}
    lines = {agent: _line([c for c in changes if c.agent == agent], months) for agent in sorted(agents)}
    largest = sorted(lines, key=lambda agent: (-max(point.tokens for point in lines[agent]), agent))
    return Timeline(
        months=months, agents={agent: lines[agent] for agent in largest}, total=_line(changes, months),
        compactions=tuple(_mark(journal) for journal in journals if journal.state in ("applied", "undone")),
        ahead=ahead,
    )  # fmt: skip


def _mark(journal: Journal) -> Mark:
    return Mark(
        id=journal.id, day=journal.at.date(), undone=journal.undone.date() if journal.undone else None,
        moved=sum(len(action.moves) for action in journal.actions),
        tokens_before=journal.tokens_before, tokens_after=journal.tokens_after,
    )  # fmt: skip


def _changes(
    records: Iterable[Record], journals: Sequence[Journal], moved: Callable[[Record], date | None], today: date
) -> Iterator[_Change]:
    gone: dict[str, date] = {}
    came: dict[str, date] = {}
    for journal in journals:
        day = journal.at.date()
        for action in journal.actions:
            if journal.state == "applied":
                gone |= {move.to: day for move in action.moves}
                came |= {action.write.path: day} if action.write else {}
            elif journal.undone:  # it was away for a while
                yield from _away(action, day, journal.undone.date())
    for record in records:
        if not record.agent:
            continue
        size = (record.size + 3) // 4
        active = record.path.removeprefix(f"{ARCHIVE}/")
        begun = came.get(active, record.date)
        yield _Change(begun, record.agent, 1, size)
        if record.path != active:
            end = gone.get(record.path) or moved(record) or today
            yield _Change(max(end, begun), record.agent, -1, -size)


def _away(action: Done, start: date, end: date) -> Iterator[_Change]:
    """Yield what an action that was undone took away and gave back."""
    memories, tokens = len(action.moves) - bool(action.write), action.tokens_before - action.tokens_after
    yield _Change(start, action.agent, -memories, -tokens)
    yield _Change(end, action.agent, memories, tokens)


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = following(month)


def following(month: date) -> date:
    """Return the first day of the next month."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _line(changes: Sequence[_Change], months: Sequence[date]) -> tuple[Point, ...]:
    points: list[Point] = []
    memories = tokens = at = 0
    for month in months:
        end = following(month)
        while at < len(changes) and changes[at].day < end:
            memories += changes[at].memories
            tokens += changes[at].tokens
            at += 1
        points.append(Point(memories=memories, tokens=tokens))
    return tuple(points)
