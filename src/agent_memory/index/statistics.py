"""Numbers about a store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from agent_memory.index.sqlite import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatistics:
    """Numbers about one agent.

    Attributes:
        memories: Active ones.
        tokens: Size of the active files, four bytes counted as one token.
        first, last: Dates of the oldest and the newest memory, archived ones included.
    """

    agent: str
    memories: int
    archived: int
    tokens: int
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Numbers about a store.

    Attributes:
        tokens: Size of the active files, four bytes counted as one token: what reading every file would cost.
        types: Type -> number of active memories.
        index_bytes: Size of the index; 0 where it lives in memory.
    """

    agents: tuple[AgentStatistics, ...]
    types: dict[str, int]
    memories: int
    archived: int
    tokens: int
    index_bytes: int


def statistics(index: Index) -> Statistics:
    """Count what the index knows."""
    rows = index.connection.execute(
        "SELECT agent, sum(NOT archived), sum(archived), sum(iif(archived, 0, (size + 3) / 4)), min(date), max(date)"
        " FROM memories GROUP BY agent ORDER BY agent"
    )
    agents = tuple(
        AgentStatistics(
            agent=agent,
            memories=active,
            archived=archived,
            tokens=tokens,
            first=date.fromisoformat(first),
            last=date.fromisoformat(last),
        )
        for agent, active, archived, tokens, first, last in rows
    )
    types = index.connection.execute(
        "SELECT type, count(*) FROM memories WHERE NOT archived GROUP BY type ORDER BY 2 DESC, 1"
    )
    return Statistics(
        agents=agents,
        types=dict(types),
        memories=sum(a.memories for a in agents),
        archived=sum(a.archived for a in agents),
        tokens=sum(a.tokens for a in agents),
        index_bytes=index.path.stat().st_size if index.path else 0,
    )
