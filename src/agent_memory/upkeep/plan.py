"""The words of compaction: what planning sees, what it says. Values with small derived properties and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from agent_memory.model import Memory
from agent_memory.upkeep.digest import Digest

Kind = Literal["duplicate", "superseded", "expired", "answered", "noise", "digest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A memory as planning sees it.

    Attributes:
        size: Bytes of its file.
    """

    memory: Memory
    size: int

    @property
    def tokens(self) -> int:
        """Size, four bytes counted as one token."""
        return tokens(self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing a compaction does: it moves memories to the archive because something else holds.

    Attributes:
        sources: The memories that are moved, oldest first.
        target: Id of what stays in their place, or None.
        why: In words.
        tokens_before: Of the sources.
        tokens_after: Of the digest, else 0.
        digest: What is written in their place, if anything is.
        path: Where it is written, or "".
        kept: The memory that must still be as it was for the action to make sense, if there is one.
    """

    kind: Kind
    agent: str
    sources: tuple[Original, ...]
    target: str | None
    why: str
    tokens_before: int
    tokens_after: int = 0
    digest: Digest | None = None
    path: str = ""
    kept: Original | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What a plan does to one agent's folder, in tokens.

    Attributes:
        moved: Tokens of the memories that are moved.
    """

    agent: str
    before: int
    after: int
    moved: int
    budget: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a compaction would do.

    Attributes:
        id: The same for the same memories, policy and day.
        made: The day of the plan.
        folders: One for each agent.
        archive_share: Share of an agent's active text that may leave its folder without being forced.
        refused: Digests that were not made, and why.
    """

    id: str
    made: date
    actions: tuple[Action, ...]
    folders: tuple[Folder, ...]
    archive_share: float
    refused: tuple[str, ...] = ()

    @property
    def tokens_before(self) -> int:
        """Tokens of all active memories before it."""
        return sum(folder.before for folder in self.folders)

    @property
    def tokens_after(self) -> int:
        """Tokens of all active memories after it."""
        return sum(folder.after for folder in self.folders)


def tokens(size: int) -> int:
    """Return bytes as tokens."""
    return (size + 3) // 4


def identity(actions: Sequence[Action], now: date) -> str:
    """Return the id of a plan: the same for the same actions on the same day."""
    content = hashlib.sha256()
    for action in actions:
        parts = [action.kind, action.path, *(f"{o.memory.path} {o.memory.fingerprint}" for o in action.sources)]
        content.update("\0".join(parts).encode("utf-8", "surrogatepass"))
        content.update(action.digest.body.encode("utf-8", "surrogatepass") if action.digest else b"")
    return f"{now.isoformat()}-{content.hexdigest()[:8]}"
