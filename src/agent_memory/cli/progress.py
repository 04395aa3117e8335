"""A bar while an index is built, for people who wait."""

from __future__ import annotations

import atexit
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 0.5
"""Seconds that pass without a bar: most builds are over by then."""


def progress() -> Callable[[int, int], None] | None:
    """Return what a store calls while it builds its index, or None where nobody watches."""
    return _Bar() if sys.stderr is not None and sys.stderr.isatty() else None


class _Bar:
    """Appears on stderr when a build takes longer than `PATIENCE`, and leaves no trace."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, done: int, todo: int) -> None:
        now = time.monotonic()
        if self._begun is None:
            self._begun = now
        if done >= todo:
            self._stop()
        elif self._bar is None and now - self._begun > PATIENCE:
            self._start(todo)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=todo)

    def _start(self, todo: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("building the index"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=todo)
        atexit.register(self._stop)  # also where the build is interrupted: the bar hides the cursor
        self._bar.start()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar = None
        self._begun = None
