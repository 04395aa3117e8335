"""Proving that the index equals the files, and telling what is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass

from agent_memory.files.folder import Folder
from agent_memory.index import lookup
from agent_memory.index.content import content
from agent_memory.index.sqlite import Index
from agent_memory.index.sync import sync
from agent_memory.model import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a doctor found.

    Attributes:
        checked: Files compared, byte for byte.
        differences: Where the index does not say what the files say; a sync or `--fix` mends them.
        problems: Files that could not be read in part or at all.
        notes: Things worth knowing that are no fault of the store: links to nowhere, traces of a crash.
    """

    checked: int
    differences: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether the index equals the files and every file could be read."""
        return not self.differences and not self.problems


def examine(index: Index, folder: Folder, *, fallback: str, now_ns: int) -> Diagnosis:
    """Compare `index` with one that is built from the files alone.

    Args:
        fallback: Why the index is not the one on disk, or "".
        now_ns: The wall clock.
    """
    fresh = Index.in_memory()
    try:
        report = sync(fresh, folder, now_ns=now_ns, timeout=0, force=True)
        differences = tuple(f"the index file: {fault}" for fault in index.faults())
        differences += compare(content(index), content(fresh))
        notes = _loose_ends(fresh)
    finally:
        fresh.close()
    if fallback:
        differences = (fallback, *differences)
    strays = folder.strays()
    if strays:
        notes += (f"{strays} temporary files were left by a crash; --fix removes those older than an hour",)
    return Diagnosis(checked=report.added, differences=differences, problems=report.problems, notes=notes)


def compare(index: dict[str, str], files: dict[str, str]) -> tuple[str, ...]:
    """Say where two contents differ, by path."""
    found = []
    for path in sorted({*index, *files}):
        if index.get(path) == files.get(path):
            continue
        if path not in files:
            found.append(f"{path}: in the index, but there is no such file")
        elif path not in index:
            found.append(f"{path}: not in the index")
        else:
            found.append(f"{path or 'full-text table'}: the index does not say what the file says")
    return tuple(found)


def _loose_ends(index: Index) -> tuple[str, ...]:
    """Supersessions of memories that do not exist."""
    records = lookup.records(index)
    known = {record.id for record in records}
    return tuple(
        f"{record.path}: supersedes {old}, which does not exist"
        for record in records
        for old in record.supersedes
        if old not in known
    )
