"""What became of the files that memories name, as far as git knows; one question to git for all of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from agent_memory.index.sqlite import Index
from agent_memory.model import Changed, Record

PATIENCE = 0.3
"""Seconds that git may take; a First Step does not wait longer for it."""

MOST = 20
"""Files of one memory that are looked up; those of the front matter come first."""


def files_named(index: Index, records: Sequence[Record]) -> dict[int, list[tuple[str, bool]]]:
    """Return number -> files that a memory names, each with whether its front matter does (else its text does)."""
    rows = index.connection.execute(
        "SELECT memory, file, declared FROM files WHERE memory IN (SELECT value FROM json_each(?))"
        " ORDER BY memory, declared DESC, file",
        (str([record.number for record in records]),),
    )
    found: dict[int, list[tuple[str, bool]]] = {}
    for number, file, declared in rows:
        found.setdefault(number, []).append((file, bool(declared)))
    return found


def changed_since(
    project: Path, records: Sequence[Record], named: dict[int, list[tuple[str, bool]]], *, until: date
) -> tuple[dict[int, dict[str, Changed]], str]:
    """Return number -> file -> what happened to it since the day of the memory, and why git says nothing, or "".

    Only files of which something may be known are looked up: those of the front matter, and those of the text that
    exist or whose first folder does. Where there are none, or no repository, nothing is run.

    Args:
        until: The last day that counts.
    """
    top = _repository(project)
    likely = {record: _likely(named.get(record.number, ()), project, top or project)[:MOST] for record in records}
    asked = [(record, path) for record, paths in likely.items() for path in paths]
    if top is None or not asked:
        return {}, ""
    from agent_memory.files import history  # noqa: PLC0415  it loads what runs programs

    days = sorted({record.date for record, _ in asked})
    spelled = {(record, path): "./" * days.index(record.date) + path for record, path in asked}  # one path, many days
    told = history.changes(
        project, {spelled[record, path]: record.date for record, path in asked}, until=until, timeout=PATIENCE
    )
    found: dict[int, dict[str, Changed]] = {}
    for record, path in asked:
        changed = told.changed.get(spelled[record, path])
        if changed and (changed.commits or changed.vanished):
            found.setdefault(record.number, {})[path] = changed
    return found, told.problem and f"whether files that memories name have changed is not told: {told.problem}"


def _repository(project: Path) -> Path | None:
    """Return the folder of the checkout that a project lies in."""
    return next((folder for folder in (project, *project.parents) if os.path.lexists(folder / ".git")), None)


def _likely(named: Sequence[tuple[str, bool]], *homes: Path) -> list[str]:
    """Return those of the named paths of which git may know something."""
    return [path for path, declared in named if declared or _is_near(path, homes)]


def _is_near(path: str, homes: Sequence[Path]) -> bool:
    """Whether a path, or the first folder of it, is there."""
    first = path.partition("/")[0]
    if not path.isprintable() or first in ("", ".", "..", "~"):
        return False
    return any(os.path.lexists(home / first) for home in homes)
