"""What the tools give back: one object each, whose schema a client sees. `docs/mcp.md` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from agent_memory.model import Briefed, Briefing, Hit, Memory, Record, SearchResult, Suggestion


class Handed(BaseModel):
    """One memory that a briefing hands over."""

    id: str
    form: str = Field(description="full, summary or line: how much of it the Markdown holds")
    why: str
    status: str
    age_days: int


class FirstStep(BaseModel):
    """What the team knows that matters for a task."""

    markdown: str = Field(description="The briefing: read this")
    nothing_relevant: bool
    memories: list[Handed]
    consultations: list[str] = Field(description="Ids of open questions to you; answer them with memory_answer")
    answers: list[str] = Field(description="Ids of answers to your own questions")
    left_out: list[str] = Field(description="Ids of what did not fit; read them with memory_show")
    receipt: str | None
    notes: list[str] = Field(description="What did not work as usual")


class Found(BaseModel):
    """One memory that a search found."""

    id: str
    name: str
    agent: str
    date: str
    type: str
    status: str
    description: str
    superseded_by: list[str] = Field(description="Ids of what replaced it: read those instead")
    snippet: str


class Search(BaseModel):
    """The answer to a search, best first."""

    hits: list[Found]
    total: int
    suggestion: str | None = Field(description="A query that would find something, where this one did not")
    notes: list[str] = Field(description="What did not work as usual")


class Shown(BaseModel):
    """A memory in full."""

    id: str
    name: str
    agent: str
    date: str
    type: str
    status: str
    description: str
    tags: list[str]
    files: list[str]
    supersedes: list[str]
    superseded_by: list[str] = Field(description="Ids of what replaced it: read those instead")
    sources: list[str]
    body: str


class Written(BaseModel):
    """A memory that was written and will survive a crash."""

    id: str
    path: str = Field(description="Relative to the store")
    fingerprint: str = Field(description="sha256 of the file")
    notes: list[str] = Field(description="What else there is to say, such as memories that this one probably replaces")


def of_briefing(briefing: Briefing) -> FirstStep:
    """What an agent is handed at its First Step."""
    return FirstStep(
        markdown=briefing.markdown,
        nothing_relevant=briefing.nothing_relevant,
        memories=[_of_briefed(one) for one in briefing.memories],
        consultations=[one.record.id for one in briefing.consultations],
        answers=[one.record.id for one in briefing.answers],
        left_out=[record.id for record in briefing.left_out],
        receipt=briefing.receipt or None,
        notes=_notes(briefing.fallback, briefing.problems),
    )


def _of_briefed(one: Briefed) -> Handed:
    return Handed(id=one.record.id, form=one.form, why=one.why, status=one.status, age_days=one.age)


def of_search(result: SearchResult) -> Search:
    """The answer to a search."""
    return Search(
        hits=[_of_hit(hit) for hit in result.hits],
        total=result.total,
        suggestion=result.suggestion or None,
        notes=_notes(result.fallback, result.problems),
    )


def _of_hit(hit: Hit) -> Found:
    record = hit.record
    return Found(
        id=record.id, name=record.name, agent=record.agent, date=record.date.isoformat(), type=record.type,
        status=record.status, description=record.description, superseded_by=list(record.superseded_by),
        snippet=hit.snippet,
    )  # fmt: skip


def of_memory(memory: Memory, record: Record) -> Shown:
    """A memory in full, with its place in a chain of supersessions."""
    return Shown(
        id=memory.id, name=memory.name, agent=memory.agent, date=memory.date.isoformat(), type=memory.type,
        status=record.status, description=memory.description, tags=list(memory.tags), files=list(memory.files),
        supersedes=list(record.supersedes), superseded_by=list(record.superseded_by), sources=list(memory.sources),
        body=memory.body,
    )  # fmt: skip


def of_written(memory: Memory, suggestions: Sequence[Suggestion] = (), problem: str = "") -> Written:
    """What a call that wrote a file gives back; suggestions name the tool, not the command."""
    notes = [*memory.notes, *filter(None, [problem])]
    for one in suggestions:
        what = "probably replaces" if one.kind == "revision" else "repeats"
        step = f": memory_supersede with new {one.new}, old {one.old}, if so" if one.kind == "revision" else ""
        notes.append(f"it {what} {one.old} ({one.date}){step}")
    return Written(id=memory.id, path=memory.path, fingerprint=memory.fingerprint, notes=notes)


def _notes(fallback: str, problems: Sequence[object]) -> list[str]:
    """What a client should know; a store with many odd files shall not fill a context."""
    shown = [str(problem) for problem in problems[:5]]
    more = [f"and {len(problems) - 5} more files have problems: memory doctor"] if len(problems) > 5 else []
    return [*filter(None, [fallback]), *shown, *more]
