"""Waiting for files to change, for `memory watch`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import watchfiles

from agent_memory.files.listing import ARCHIVE, STORE

if TYPE_CHECKING:
    import threading


_TICK = 100
"""Milliseconds after which a watch without events says that it goes on; it looks for `stop` more often anyway."""


def changes(root: Path, *, stop: threading.Event | None) -> Iterator[None]:
    """Yield as soon as somebody watches, then once for each burst of changes below `root`, our own files left out.

    Folders count: of what one brings or takes that is moved, nothing else is told. What changed before is nobody's
    event: whoever calls this looks for himself at the first yield. It ends where `stop` is set, or with Ctrl-C.
    """
    ours, archive = str(root / STORE), str(root / ARCHIVE)

    def concerns_us(_: watchfiles.Change, path: str) -> bool:
        return not path.startswith(ours) or path.startswith(archive)

    begun = False
    for found in watchfiles.watch(
        root, stop_event=stop, watch_filter=concerns_us, rust_timeout=_TICK, yield_on_timeout=True
    ):
        if found or not begun:
            begun = True
            yield
