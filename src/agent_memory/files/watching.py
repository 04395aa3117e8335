"""Waiting for files to change, for `memory watch`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import watchfiles

from agent_memory.files.listing import ARCHIVE, STORE

if TYPE_CHECKING:
    import threading


def changes(root: Path, *, stop: threading.Event | None) -> Iterator[None]:
    """Yield once for each burst of changes to memory files below `root`, until `stop` is set or Ctrl-C."""
    ours, archive = str(root / STORE), str(root / ARCHIVE)

    def concerns_us(_: watchfiles.Change, path: str) -> bool:
        return path.endswith(".md") and (not path.startswith(ours) or path.startswith(archive))

    for _ in watchfiles.watch(root, stop_event=stop, watch_filter=concerns_us):
        yield
