"""Values as JSON for programs; `docs/output.md` describes every field, and a test compares."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

from agent_memory.cli.render import on_terminal

if TYPE_CHECKING:
    from agent_memory.model import Briefed, Briefing, Hit, Memory, Problem, Record, SearchResult, Suggestion, SyncReport

VERSION = 1
"""Raised when a field goes away or changes its meaning; new fields may come at any time."""


def print_json(value: Mapping[str, object], *, line: bool = False) -> None:
    """Print one object: on one line, unless a person looks at it.

    Args:
        line: On one line in any case, for a stream of objects.
    """
    click.echo(_bytes({"version": VERSION, **value}, indent=2 if on_terminal() and not line else None))


def error_line(kind: str, message: str, hint: str, exit_code: int, position: int | None) -> str:
    """Return the one line that a failed call leaves on stderr."""
    error = {"kind": kind, "message": message, "hint": hint or None, "exit_code": exit_code}
    if position is not None:
        error["position"] = position
    return _bytes({"version": VERSION, "error": error}, indent=None).decode()


def _bytes(value: Mapping[str, object], *, indent: int | None) -> bytes:
    # A file name that is no UTF-8 reaches us as lone surrogates; escaped as \udcxx they are valid JSON.
    return json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "backslashreplace")


def of_problem(problem: Problem) -> dict[str, object]:
    """Something about a file that a person should know."""
    return {"path": problem.path, "line": problem.line, "message": problem.message, "indexed": problem.indexed}


def of_problems(problems: Iterable[Problem]) -> list[dict[str, object]]:
    """The same for many."""
    return [of_problem(problem) for problem in problems]


def of_record(record: Record) -> dict[str, object]:
    """What is known of a memory without its text."""
    return {
        "id": record.id,
        "path": record.path,
        "agent": record.agent,
        "date": record.date.isoformat(),
        "name": record.name,
        "type": record.type,
        "description": record.description,
        "status": record.status,
        "tags": list(record.tags),
        "valid_until": record.valid_until.isoformat() if record.valid_until else None,
        "supersedes": list(record.supersedes),
        "superseded_by": list(record.superseded_by),
    }


def of_memory(memory: Memory, record: Record) -> dict[str, object]:
    """A memory with its text, and its place in a chain of supersessions."""
    return {
        **of_record(record),
        "date_source": memory.date_source,
        "visibility": memory.visibility,
        "files": list(memory.files),
        "to": memory.to,
        "sources": list(memory.sources),
        "links": list(memory.links),
        "fingerprint": memory.fingerprint,
        "body": memory.body,
    }


def of_written(memory: Memory) -> dict[str, object]:
    """What a call that wrote a file gives back."""
    return {
        "id": memory.id,
        "path": memory.path,
        "fingerprint": memory.fingerprint,
        "notes": list(memory.notes),
    }


def of_suggestion(suggestion: Suggestion) -> dict[str, object]:
    """What probably revises or repeats what."""
    return {
        "kind": suggestion.kind,
        "new": suggestion.new,
        "old": suggestion.old,
        "date": suggestion.date.isoformat(),
        "likeness": suggestion.likeness,
    }


def of_hit(hit: Hit, *, explain: bool) -> dict[str, object]:
    """One memory that a search found."""
    found = {
        **of_record(hit.record),
        "score": hit.score,
        "snippet": hit.snippet,
        "highlights": [list(span) for span in hit.highlights],
        "heading": hit.heading,
        "line": hit.line,
    }
    if explain:
        found["terms"] = [{"name": t.name, "field": t.field, "value": t.value, "note": t.note} for t in hit.terms]
    return found


def of_search(result: SearchResult, *, explain: bool) -> dict[str, object]:
    """The answer to a search."""
    return {
        "query": result.query,
        "hits": [of_hit(hit, explain=explain) for hit in result.hits],
        "total": result.total,
        "complete": result.complete,
        "fallback": result.fallback or None,
        "suggestion": result.suggestion or None,
        "problems": of_problems(result.problems),
    }


def of_briefing(briefing: Briefing) -> dict[str, object]:
    """What an agent is handed at its First Step."""
    return {
        "agent": briefing.agent,
        "markdown": briefing.markdown,
        "memories": [_of_briefed(one) for one in briefing.memories],
        "left_out": [{"id": record.id, "path": record.path} for record in briefing.left_out],
        "nothing_relevant": briefing.nothing_relevant,
        "tokens": briefing.tokens,
        "bytes": briefing.bytes,
        "consultations": [_of_briefed(one) for one in briefing.consultations],
        "answers": [_of_briefed(one) for one in briefing.answers],
        "documents": [{"path": path, "problem": problem or None} for path, problem in briefing.documents],
        "arms": list(briefing.arms),
        "receipt": briefing.receipt or None,
        "fallback": briefing.fallback or None,
        "problems": of_problems(briefing.problems),
    }


def _of_briefed(one: Briefed) -> dict[str, object]:
    record = one.record
    return {
        "id": record.id,
        "path": record.path,
        "form": one.form,
        "why": one.why,
        "score": one.score,
        "agent": record.agent,
        "date": record.date.isoformat(),
        "age_days": one.age,
        "status": one.status,
        "superseded_by": list(record.superseded_by),
        "also": list(one.also),
        "changed_since": [
            {"file": file, "commits": c.commits, "vanished": c.vanished, "last": c.last.isoformat() if c.last else None,
             "moved_to": c.moved_to or None}
            for file, c in one.changed.items()
        ],
    }  # fmt: skip


def of_report(report: SyncReport) -> dict[str, object]:
    """What a sync did."""
    return {
        "added": report.added,
        "changed": report.changed,
        "renamed": report.renamed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "problems": of_problems(report.problems),
        "seconds": round(report.seconds, 3),
        "rebuilt": report.rebuilt or None,
    }
