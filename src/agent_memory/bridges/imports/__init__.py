"""Notes of other programs as memories: planned first, then written, each with where it is from in `sources`.

A second run writes nothing; a note that changed since becomes a new memory that supersedes the one of the earlier run.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent_memory.bridges.imports.readers import READERS, Note, Unfit
from agent_memory.errors import Conflict, InvalidInput, MemoryStoreError, NotFound
from agent_memory.files import naming
from agent_memory.files.folder import Folder

if TYPE_CHECKING:
    from agent_memory.model import Memory
    from agent_memory.store import MemoryStore

_PATIENCE = 60.0  # seconds to wait for another import


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an import does with one note.

    Attributes:
        known: Id of the memory that an earlier run made of it, or "".
        action: `add`; `revise`: add, and supersede `known`; `keep`: it is there already, as it is or edited.
    """

    note: Note
    action: str
    known: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an import would do.

    Attributes:
        unfit: Files that stay behind, and why.
    """

    steps: tuple[Step, ...]
    unfit: tuple[Unfit, ...]

    @property
    def todo(self) -> tuple[Step, ...]:
        """The steps that write something."""
        return tuple(step for step in self.steps if step.action != "keep")


def plan(store: MemoryStore, kind: str, folder: Path, *, agent: str | None = None) -> Plan:
    """Return what importing a folder would do; nothing is written.

    Args:
        kind: One of `READERS`.
        agent: Whose the notes become; needed where the folder does not say.

    Raises:
        NotFound: There is no such folder, or nothing of this kind in it.
        InvalidInput: The agent has no name of an agent, or the folder cannot be listed.
    """
    if agent is not None:
        naming.check_agent(agent)
    if not folder.is_dir():
        raise NotFound(f"no folder {folder}", hint="name the folder that holds the notes")
    try:
        found = list(READERS[kind](folder, agent))
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be listed: {error.strerror}") from error
    if not found:
        raise NotFound(f"nothing to import from {folder}", hint=f"it holds no Markdown in the form of {kind}")
    notes = [one for one in found if isinstance(one, Note)]
    known = _known(store, {note.agent for note in notes})
    steps = tuple(_step(note, known.get((note.agent, note.source))) for note in notes)
    return Plan(steps=steps, unfit=tuple(one for one in found if isinstance(one, Unfit)))


def apply(store: MemoryStore, planned: Plan) -> tuple[tuple[Step, Memory | MemoryStoreError], ...]:
    """Write what a plan says, one durable memory after the other; one that fails does not stop the others.

    What another import wrote since the plan was made is not written again.

    Raises:
        Busy: Another import is going on.
    """
    if not planned.todo:
        return ()
    folder = Folder(store.root)
    folder.prepare()
    done: list[tuple[Step, Memory | MemoryStoreError]] = []
    with folder.lock(timeout=_PATIENCE, name="import"):
        known = _known(store, {step.note.agent for step in planned.todo})
        for note in (step.note for step in planned.todo):
            step = _step(note, known.get((note.agent, note.source)))
            if step.action == "keep":
                continue
            try:
                done.append((step, _write(store, step)))
            except (InvalidInput, NotFound, Conflict) as error:
                done.append((step, error))
    return tuple(done)


def _write(store: MemoryStore, step: Step) -> Memory:
    note = step.note
    return store.add(
        agent=note.agent, topic=_topic(note.topic), body=note.body, type=note.type, description=note.description,
        tags=note.tags, date=note.day, visibility=note.visibility, sources=(note.source, _mark(note)),
        supersedes=(step.known,) if step.known else (),
    )  # fmt: skip


def _mark(note: Note) -> str:
    """Return what stands for the text of a note in `sources`, because the text of a memory may be edited."""
    return f"sha256: {hashlib.sha256(note.body.rstrip().encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _topic(text: str) -> str:
    """Return a title on one line, of characters that show."""
    plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return re.sub(r" +", " ", plain).strip()[:200] or "Imported note"


def _known(store: MemoryStore, agents: set[str]) -> dict[tuple[str, str], Memory]:
    """Return (agent, source) -> the last memory that earlier runs made of it, archived or not."""
    made: dict[tuple[str, str], list[Memory]] = {}
    for agent in sorted(agents):
        for record in store.list(agent=agent, archived=True):
            memory = store.show(record.id, agent=agent)
            for source in memory.sources:
                made.setdefault((agent, source), []).append(memory)
    return {key: _last(memories) for key, memories in made.items()}


def _last(memories: list[Memory]) -> Memory:
    """Return the one that none of the others replaces."""
    replaced = {old for memory in memories for old in memory.supersedes}
    return next((memory for memory in memories if memory.id not in replaced), memories[0])


def _step(note: Note, known: Memory | None) -> Step:
    if known is None:
        return Step(note=note, action="add")
    same = _mark(note) in known.sources or known.body.rstrip("\n") == note.body.rstrip("\n")
    return Step(note=note, action="keep" if same else "revise", known=known.id)
