"""A plan on disk, and back: every step is a durable one of `files.atomic`, and the journal is written before the first.

A digest is written before its sources are moved, and taken away after they are back, so at no moment does a fact stand
in no file. Each action holds the store's lock by itself; agents read and write between two of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent_memory.errors import Conflict, MemoryStoreError, Stale, StorageFailed, Unreadable
from agent_memory.files.folder import Busy, Folder
from agent_memory.files.listing import ARCHIVE
from agent_memory.upkeep import digest as digests
from agent_memory.upkeep import journal as journals
from agent_memory.upkeep.journal import Done, Journal, Left, Move
from agent_memory.upkeep.plan import Action, Original, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an apply or an undo did.

    Attributes:
        id: Of the journal; "" where nothing was done.
        done: The actions that were carried out, or taken back.
        left: What was left alone, and why.
    """

    id: str
    done: tuple[Done, ...]
    left: tuple[Left, ...]

    @property
    def files(self) -> int:
        """Number of memories that were moved, or brought back."""
        alone = {left.path for left in self.left}
        return sum(alone.isdisjoint((move.path, move.to)) for action in self.done for move in action.moves)


def apply(folder: Folder, plan: Plan, *, at: datetime, timeout: float) -> Outcome:
    """Do what a plan says; what changed since it was made is left alone.

    If the disk refuses a step, everything is taken back and the error tells it. The caller is `journal.exclusive`.

    Args:
        timeout: Seconds to wait for another writer, for each action.

    Raises:
        StorageFailed: The disk refused; the store is as it was before.
        Busy: Another process kept writing; the store is as it was before.
    """
    intended = _journal(folder, plan, at)
    if not intended.actions:
        return Outcome(id="", done=(), left=())
    journals.begin(folder, intended)
    done: list[Done] = []
    left: list[Left] = []
    try:
        for action in intended.actions:
            with folder.lock(timeout=timeout):
                wrong = _carry_out(folder, action)
            left += wrong
            if not wrong:
                done.append(action)
        if not done:
            journals.forget(folder)
            return Outcome(id="", done=(), left=tuple(left))
        saved = sum(a.tokens_before - a.tokens_after for a in done)
        after = intended.tokens_before - saved
        journals.finish(
            folder,
            intended.model_copy(
                update={"state": "applied", "actions": tuple(done), "left": tuple(left), "tokens_after": after}
            ),
        )
    except MemoryStoreError as error:
        raise _taken_back(folder, intended, error, timeout) from error
    return Outcome(id=intended.id, done=tuple(done), left=tuple(left))


def undo(folder: Folder, journal: Journal, *, at: datetime, timeout: float) -> Outcome:
    """Bring back what a compaction moved, and take away what it wrote; what was changed since is kept beside it."""
    undoing = journal.model_copy(update={"state": "undoing", "undone": at, "left": ()})
    journals.begin(folder, undoing)
    left = _undo(folder, undoing, timeout)
    journals.finish(folder, undoing.model_copy(update={"state": "undone", "left": tuple(left)}))
    return Outcome(id=journal.id, done=journal.actions, left=tuple(left))


def recover(folder: Folder, *, timeout: float) -> str:
    """Bring to an end what a crash cut short, and say what was done; "" where nothing was to be done.

    A compaction is taken back, an undo is finished. Where a compaction is going on in another process nothing is done.
    """
    try:
        with journals.exclusive(folder):
            found = journals.pending(folder)
            if found is None:
                return ""
            left = _recovered(folder, found, timeout)
    except Busy:
        return ""
    except (StorageFailed, Unreadable) as error:
        return f"a compaction was cut short and cannot be repaired now: {error}"
    undoing = found.state == "undoing"
    what = "an undo that was cut short was finished" if undoing else "a compaction that was cut short was taken back"
    kept = f"; left alone: {', '.join(f'{item.path} ({item.why})' for item in left)}" if left else ""
    return f"{what}{kept}"


def _recovered(folder: Folder, found: Journal, timeout: float) -> list[Left]:
    if _is_over(folder, found):
        journals.forget(folder)
        return []
    left = _undo(folder, found, timeout)
    if found.state == "undoing" or left:
        journals.finish(folder, found.model_copy(update={"state": "undone", "left": tuple(left)}))
    else:
        journals.forget(folder)
    return left


def _is_over(folder: Folder, found: Journal) -> bool:
    """Whether only the last step was missing: the journal is kept already, in the state that was to be reached."""
    kept, _ = journals.kept(folder)
    wanted = "undone" if found.state == "undoing" else "applied"
    return any(journal.id == found.id and journal.state == wanted for journal in kept)


def _taken_back(folder: Folder, journal: Journal, error: MemoryStoreError, timeout: float) -> MemoryStoreError:
    """Take back an apply that failed and return the error to raise."""
    try:
        left = _undo(folder, journal, timeout)
        if left:
            journals.finish(folder, journal.model_copy(update={"state": "undone", "left": tuple(left)}))
        else:
            journals.forget(folder)
    except MemoryStoreError as second:
        hint = f"{second.message}; the next command that opens the store takes back what was done"
        return type(error)(f"the compaction stopped: {error.message}", hint=hint)
    return type(error)(f"the compaction stopped and was taken back: {error.message}", hint=error.hint)


# -- one action -------------------------------------------------------------------------------------------------------


def _journal(folder: Folder, plan: Plan, at: datetime) -> Journal:
    """Return what the journal of a plan says before the first step."""
    kept, _ = journals.kept(folder)
    known = {journal.id for journal in kept}
    id_, n = plan.id, 1
    while id_ in known:
        n += 1
        id_ = f"{plan.id}-{n}"
    taken: set[str] = set()
    actions = tuple(_intended(folder, action, taken) for action in plan.actions)
    return Journal(
        id=id_, state="applying", at=at, number=len(kept) + 1, tokens_before=plan.tokens_before,
        tokens_after=plan.tokens_after, actions=actions,
    )  # fmt: skip


def _intended(folder: Folder, action: Action, taken: set[str]) -> Done:
    return Done(
        kind=action.kind, agent=action.agent, sources=tuple(o.memory.id for o in action.sources), target=action.target,
        why=action.why, tokens_before=action.tokens_before, tokens_after=action.tokens_after,
        moves=tuple(_move(folder, o, taken) for o in action.sources),
        write=journals.write_of(action.path, digests.file_of(action.digest)) if action.digest else None,
        guard=_place(action.kept) if action.kept else None,
    )  # fmt: skip


def _place(original: Original) -> Move:
    path = original.memory.path
    return Move(path=path, to=f"{ARCHIVE}/{path}", sha256=original.memory.fingerprint)


def _move(folder: Folder, original: Original, taken: set[str]) -> Move:
    """Return where a memory goes: into the archive, beside a file that has its name there."""
    move = _place(original)
    base, target, n = move.to.removesuffix(".md"), move.to, 1
    while target in taken or os.path.lexists(folder.root / target):
        n += 1
        target = f"{base}-{n}.md"
    taken.add(target)
    return move.model_copy(update={"to": target})


def _carry_out(folder: Folder, action: Done) -> list[Left]:
    """Do one action, or leave it alone as a whole and say why; the caller holds the lock."""
    if wrong := [left for move in action.moves if (left := _changed(folder, move.path, move.sha256))]:
        return wrong
    guard = action.guard
    if guard and _changed(folder, guard.path, guard.sha256) and _changed(folder, guard.to, guard.sha256):
        return [Left(path=move.path, why=f"{guard.path}, which says the same, changed") for move in action.moves]
    try:
        if action.write:
            folder.place(action.write.path, action.write.text.encode())
        for move in action.moves:
            folder.move_to(move.path, move.to, expected=move.sha256)
    except (Stale, Conflict) as error:
        if isinstance(error, Busy):
            raise
        _undone(folder, action)
        return [Left(path=move.path, why=error.message) for move in action.moves]
    return []


def _changed(folder: Folder, path: str, sha256: str) -> Left | None:
    try:
        data, _ = folder.read(path)
    except FileNotFoundError:
        return Left(path=path, why="gone since the plan was made")
    except Unreadable as error:
        return Left(path=path, why=error.reason)
    same = hashlib.sha256(data).hexdigest() == sha256
    return None if same else Left(path=path, why="changed since the plan was made")


# -- and back ---------------------------------------------------------------------------------------------------------


def _undo(folder: Folder, journal: Journal, timeout: float) -> list[Left]:
    """Take every action back, the last one first; return what was left alone."""
    left: list[Left] = []
    for action in reversed(journal.actions):
        with folder.lock(timeout=timeout):
            left += _undone(folder, action)
    return left


def _undone(folder: Folder, action: Done) -> list[Left]:
    """Take one action back as far as it was done; the caller holds the lock."""
    left = [wrong for move in reversed(action.moves) if (wrong := _brought_back(folder, move))]
    write = action.write
    if write is None:
        return left
    if left and _changed(folder, write.path, write.sha256) is None:
        return [*left, Left(path=write.path, why="kept, because not all of its sources could be brought back")]
    for path in (write.path, f"{ARCHIVE}/{write.path}"):
        wrong = _changed(folder, path, write.sha256)
        if wrong is None:
            folder.remove(path, expected=write.sha256)
        elif not wrong.why.startswith("gone"):
            left.append(Left(path=path, why="edited since; kept beside the originals"))
    return left


def _brought_back(folder: Folder, move: Move) -> Left | None:
    """Bring one file back, or say why it stays in the archive."""
    there, here = folder.root / move.to, folder.root / move.path
    if not os.path.lexists(there):
        missing = not os.path.lexists(here)
        return Left(path=move.path, why="neither here nor in the archive any more") if missing else None
    if wrong := _changed(folder, move.to, move.sha256):
        return Left(path=move.to, why=wrong.why.replace("since the plan was made", "in the archive; it stays there"))
    try:
        folder.move_to(move.to, move.path, expected=move.sha256)
    except Conflict:  # Stale is one, too
        return Left(path=move.path, why=f"another file has this name now; the original stays in {move.to}")
    return None


def later(journals_of: Sequence[Journal], journal: Journal) -> Journal | None:
    """Return a later compaction that moved what this one wrote, and that has to be undone first."""
    wrote = {action.write.path for action in journal.actions if action.write}
    for other in reversed(journals_of):
        if other.id == journal.id:
            return None
        if other.state == "applied" and any(move.path in wrote for a in other.actions for move in a.moves):
            return other
    return None
