"""The verbs as scenes: a store with a history, one verb, and what may be there after a crash inside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.promises.support import clock, plant

from agent_memory.index.sync import INDEX
from agent_memory.store import MemoryStore

RETRY, LIMIT, OLD = "api/2026-03-01-retry-policy", "api/2026-03-02-rate-limit", "web/2026-02-01-old-header"
AWAY, NEW = "web/2026-02-02-put-away", "web/2026-03-15-queue-depth"
ARCHIVE, TRASH = ".store/archive/", ".store/trash/"
BODY = "Workers take ten jobs at once.\n" * 40


def base(root: Path) -> None:
    """Make a store in which every memory was acknowledged and indexed."""
    plant(
        root,
        {
            f"{RETRY}.md": "---\nname: Retry policy\ndate: 2026-03-01\n---\n\nWebhooks retry five times.\n",
            f"{LIMIT}.md": "# Rate limit\n\nOne hundred calls a minute.\n",
            f"{OLD}.md": "# Old header\n\nThe signature header is X-Old.\n",
            f"{ARCHIVE}{AWAY}.md": "# Put away\n\nWe once polled.\n",
        },
    )
    with MemoryStore.init(root, clock=clock) as store:
        store.sync()


@dataclass(frozen=True)
class Scene:
    """One verb.

    Attributes:
        run: The verb, called in the process that dies.
        touched: The memory whose file the verb may change; every other file must stay as it is.
        before: Changes the base before the verb runs.
    """

    run: Callable[[MemoryStore], object]
    touched: str = ""
    before: Callable[[Path], None] = lambda root: None


def _write_by_hand(root: Path) -> None:
    plant(root, {f"{LIMIT}.md": "# Rate limit\n\nTwo hundred calls a minute since March.\n"})


def _drop_index(root: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{root / INDEX}{suffix}").unlink(missing_ok=True)


SCENES = {
    "add": Scene(lambda s: s.add(agent="web", topic="Queue depth", body=BODY), NEW),
    "add for a new agent": Scene(
        lambda s: s.add(agent="ops", topic="Queue depth", body=BODY), "ops/2026-03-15-queue-depth"
    ),
    "edit": Scene(lambda s: s.edit(RETRY, body=BODY, changes={"tags": ["jobs"]}), RETRY),
    "supersede": Scene(lambda s: s.supersede(RETRY, OLD), RETRY),
    "archive": Scene(lambda s: s.archive(RETRY), RETRY),
    "restore": Scene(lambda s: s.restore(AWAY), AWAY),
    "trash": Scene(lambda s: s.trash(RETRY), RETRY),
    "sync of a changed file": Scene(lambda s: s.sync(), before=_write_by_hand),
    "first index": Scene(lambda s: s.sync(), before=_drop_index),
    "rebuild": Scene(lambda s: s._index.rebuild()),
}
"""Verb -> its scene. `store._index.rebuild` is what `doctor(fix=True)` calls for an index that differs."""
