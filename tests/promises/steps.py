"""Every step by which a process changes the disk, made visible, counted, and used as a place to die."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LATER_NS = 3_600_000_000_000
"""The traced verbs run an hour later, so that every time stamp is settled and the steps are the same in every run."""

_CALLS = ("write", "fsync", "link", "rename", "replace", "unlink", "rmdir", "mkdir", "chmod", "truncate", "ftruncate")


@dataclass
class Steps:
    """Counts the steps of this process from `arm` on and kills it at one of them.

    Attributes:
        die_at: Number of the step at which the process dies, from 0; -1: never.
        when: "before" the step, "after" it, or "during" it: only half of a write arrives.
        taken: (call, what it was about) for each step so far.
    """

    die_at: int = -1
    when: str = "before"
    taken: list[tuple[str, str]] = field(default_factory=list)

    def arm(self) -> None:
        """Begin; there is no way back, so this is for a process of its own."""
        for call in _CALLS:
            setattr(os, call, self._wrapped(call, getattr(os, call)))
        os.open = self._wrapped_open(os.open)
        plain = sqlite3.connect
        steps = self

        class Connection(sqlite3.Connection):
            """Counts what makes SQLite write."""

            seen = 0

            def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
                def act() -> sqlite3.Cursor:
                    return sqlite3.Connection.execute(self, sql, *rest)

                wrote = sql.startswith("COMMIT") and self.total_changes > self.seen
                if not wrote and not sql.startswith("PRAGMA journal_mode"):
                    return act()
                self.seen = self.total_changes
                cursor: sqlite3.Cursor = steps.take("commit" if wrote else "wal", "", act)
                return cursor

            def backup(self, target: sqlite3.Connection, **rest: Any) -> None:
                steps.take("backup", "", lambda: sqlite3.Connection.backup(self, target, **rest))

            def close(self) -> None:
                steps.take("close", "", lambda: sqlite3.Connection.close(self))

        sqlite3.connect = lambda *a, **k: plain(*a, **{"factory": Connection, **k})
        later = time.time_ns() + LATER_NS
        time.time_ns = lambda: later

    def take(self, call: str, about: str, act: Callable[[], Any], *, half: Callable[[], Any] | None = None) -> Any:
        """One step: perhaps the last."""
        last = len(self.taken) == self.die_at
        self.taken.append((call, about))
        if last and self.when == "before":
            _die()
        if last and self.when == "during" and half is not None:
            half()
            _die()
        try:
            return act()
        finally:
            if last:
                _die()

    def _wrapped(self, call: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            about = " ".join(_name(arg) for arg in args[: 1 + (call in ("link", "rename", "replace"))])
            half = (lambda: plain(args[0], args[1][: len(args[1]) // 2])) if call == "write" else None
            return self.take(call, about, lambda: plain(*args, **kwargs), half=half)

        return step

    def _wrapped_open(self, plain: Callable[..., int]) -> Callable[..., int]:
        def step(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if not flags & os.O_CREAT:
                return plain(path, flags, *args, **kwargs)
            return int(self.take("open", _name(path), lambda: plain(path, flags, *args, **kwargs)))

        return step

    def short(self) -> str:
        """The calls alone."""
        return " ".join(call for call, _ in self.taken)


def _name(thing: Any) -> str:
    return os.readlink(f"/proc/self/fd/{thing}") if isinstance(thing, int) else os.fspath(thing)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    while True:  # SIGKILL cannot be waited for, but nothing may happen until it arrives
        time.sleep(1)
