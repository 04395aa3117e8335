"""Proving that the index equals the files, and telling what is not as it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent_memory.files import hooked
from agent_memory.files.folder import Folder
from agent_memory.files.listing import MISPLACED, printable
from agent_memory.files.naming import date_in
from agent_memory.index import lookup
from agent_memory.index import view as views
from agent_memory.index.content import content
from agent_memory.index.sqlite import Index
from agent_memory.index.sync import sync
from agent_memory.index.view import View
from agent_memory.model import Problem, Suggestion
from agent_memory.upkeep import suggestions


class Diagnosis(NamedTuple):
    """What a doctor found.

    Attributes:
        checked: Files compared, byte for byte.
        differences: Where the index does not say what the files say; a sync or `--fix` mends them.
        problems: Files that could not be read in part or at all.
        notes: Things worth knowing that are no fault of the store: links to nowhere or in circles, torn lines of
            receipts, traces of a crash, failures of the hook.
        suggestions: What probably revises or repeats what; nothing acts on it.
        unused: Ids of memories that were often handed over and never of use, the most shown first.
    """

    checked: int
    differences: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    suggestions: tuple[Suggestion, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether the index equals the files and every file could be read."""
        return not self.differences and not self.problems


def examine(index: Index, folder: Folder, view: View, *, fallback: str, now_ns: int) -> Diagnosis:
    """Compare `index` with one that is built from the files alone.

    Args:
        view: Who reads: what is private to others is counted and not named.
        fallback: Why the index is not the one on disk, or "".
        now_ns: The wall clock.
    """
    fresh = Index.in_memory()
    try:
        report = sync(fresh, folder, now_ns=now_ns, timeout=0, force=True)
        differences = tuple(f"the index file: {fault}" for fault in index.faults())
        hidden = views.hidden_paths(index, view.reader) | views.hidden_paths(fresh, view.reader)
        differences += _unnamed(compare(content(index), content(fresh)), hidden)
        problems = _problems(fresh, report.problems, view)
        notes = _contradictions(fresh, view)
        likely = suggestions.of_all(fresh, view)
    finally:
        fresh.close()
    if fallback:
        differences = (fallback, *differences)
    strays = folder.strays()
    if strays:
        notes += (f"{strays} temporary files were left by a crash; --fix removes those older than an hour",)
    notes += tuple(f"{name}: it is {MISPLACED}" for name in _beside(folder))
    if failures := hooked.failures(folder):
        times = "once" if len(failures) == 1 else f"{len(failures)} times"
        notes += (f"the hook went wrong {times}, last at {failures[-1]}; --fix begins a new list",)
    return Diagnosis(checked=report.added, differences=differences, problems=problems, notes=notes, suggestions=likely)


def _beside(folder: Folder) -> list[str]:
    """Return the Markdown files beside the agents' folders that nobody took for memories, README.md left out."""
    files = (path for path in folder.root.glob("[!.]*.md") if path.is_file() and date_in(path.stem) is None)
    return sorted(printable(path.name) for path in files if path.stem.lower() != "readme")


def compare(index: dict[str, str], files: dict[str, str]) -> dict[str, str]:
    """Say where two contents differ: path -> difference, "" standing for the words of all."""
    found = {}
    for path in sorted({*index, *files}):
        if index.get(path) == files.get(path):
            continue
        if path not in files:
            found[path] = "in the index, but there is no such file"
        elif path not in index:
            found[path] = "not in the index"
        else:
            found[path] = "the index does not say what the file says"
    return found


def _unnamed(differences: Mapping[str, str], hidden: Mapping[str, str]) -> tuple[str, ...]:
    """Return a line for each difference; a private memory of another stands as its agent's folder."""
    return tuple(
        f"{hidden[path]}/ (private): {said}" if path in hidden else f"{path or 'full-text table'}: {said}"
        for path, said in differences.items()
    )


def _problems(fresh: Index, reported: Sequence[Problem], view: View) -> tuple[Problem, ...]:
    """Return what was reported, with the names that the reader may see."""
    told = set(views.problems(fresh, None))
    return (*(problem for problem in reported if problem not in told), *views.problems(fresh, view.reader))


def _contradictions(index: Index, view: View) -> tuple[str, ...]:
    """What memories say of each other, or of themselves, that cannot be."""
    records = lookup.records(index, view)
    days = {record.id: record.date for record in records}
    known = {id_ for (id_,) in index.connection.execute("SELECT id FROM memories")}
    replaced = {old for (old,) in index.connection.execute("SELECT old FROM supersessions")}
    found = []
    for record in records:
        for old in record.supersedes:
            if old not in known:
                found.append(f"{record.path}: supersedes {old}, which does not exist")
            elif old in days and days[old] > record.date:
                found.append(f"{record.path}: supersedes {old}, which is later ({days[old]})")
        if any(record.id in lookup.superseded_by(index, old) for old in record.supersedes):
            found.append(f"{record.path}: supersedes itself, through others")
        if record.valid_until and record.valid_until < record.date:
            found.append(f"{record.path}: valid_until {record.valid_until} lies before its date {record.date}")
        if record.status == "superseded" and record.id not in replaced:
            found.append(f"{record.path}: its status is superseded, but no memory supersedes it")
    return tuple(found)
