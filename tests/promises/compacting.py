"""A store with something for every kind of compaction, and what the tests of compaction share."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

from tests.promises.support import clock, memory_files, plant

from agent_memory.store import MemoryStore
from agent_memory.upkeep.facts import facts
from agent_memory.upkeep.policy import Policy

NOW = date(2026, 3, 15)
POLICY = Policy(budget=0, digest_after=20, archive_share=1.0)
"""Everything that may go goes; the clock of the tests stands at 15 March 2026."""

_TALK = "The weather was fine and everybody was glad that the week was over at last, as far as anyone can tell. " * 6
QUEUE = (
    "# Queue depth\n\nWe agreed on `QUEUE_DEPTH=40` in app/queue.py after the jam of 3 January.\n\n"
    f"{_TALK}\n\nNobody remembers who proposed it first, and it does not matter any more today, does it.\n"
)
WORKERS = (
    "# Workers per queue\n\nEach queue must have two workers, never one. `WORKER_COUNT` is read from app/queue.py.\n\n"
    f"It was a long discussion that came to nothing in the end. {_TALK}\n\n"
    'The log said "queue stalled for 30 s" four times, and we looked at it for a while before lunch.\n'
)
FILES: dict[str, str] = {
    "api/2026-01-03-queue-depth.md": QUEUE,
    "api/2026-01-05-workers.md": WORKERS,
    "api/2026-01-06-old-header.md": "# Old header\n\nThe header is `X-Old`.\n",
    "api/2026-01-20-new-header.md": "---\ntype: convention\nsupersedes: [2026-01-06-old-header]\n---\n\n"
    "# New header\n\nIt is `X-New`.\n",
    "api/2026-01-08-copy.md": "---\ntype: convention\n---\n\n"
    "Rates: one hundred calls a minute for everybody, two hundred for the laboratory.\n",
    "api/2026-01-09-log.md": "# Log\n\nQuiet day. Two reviews. Nothing to report.\n",
    "web/2026-01-10-freeze.md": "---\nvalid_until: 2026-02-01\n---\n\nNo release before February.\n",
    "web/2026-03-14-fresh.md": "# Fresh\n\nStill warm: `fresh_value`.\n",
}


def base(root: Path) -> None:
    """Make a store in which every memory was acknowledged and indexed."""
    plant(root, FILES)
    with MemoryStore.init(root, clock=clock) as store:
        store.sync()


def tree(root: Path) -> str:
    """A hash over the names and bytes of all active memories."""
    active = sorted((path, data) for path, data in memory_files(root).items() if not path.startswith(".store/"))
    return hashlib.sha256(repr(active).encode()).hexdigest()


def state_of(root: Path) -> list[str]:
    """The states of the journals, `pending` first if there is one."""
    folder = root / ".store" / "journal"
    found = ["pending"] if (folder / "pending.json").exists() else []
    names = sorted(path for path in folder.glob("*.json") if path.name != "pending.json")
    return found + [json.loads(path.read_text())["state"] for path in names]


def assert_nothing_lost(before: dict[str, bytes], root: Path) -> None:
    """Every memory that was there is there once, whole, where it was or in the archive, with all its facts."""
    now = memory_files(root)
    for path, data in before.items():
        places = [p for p in (path, f".store/archive/{path}") if now.get(p) == data]
        assert len(places) == 1, f"{path} stands in {places}"
        there = now[places[0]].decode("utf-8", "replace")
        assert set(facts(data.decode("utf-8", "replace"))) <= set(facts(there))
