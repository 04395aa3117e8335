"""Watching tells of every change, also of one between two calls, and of none twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_memory import MemoryStore

LONG = 30.0
"""Seconds after which a watch that tells nothing is ended; far more than it takes."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    with MemoryStore.init(tmp_path / "agents-memory") as store:
        (store.root / "api").mkdir()
        yield store


def test_a_folder_that_is_moved_is_told(store: MemoryStore, tmp_path: Path):
    stop = threading.Event()
    timer = threading.Timer(LONG, stop.set)
    timer.start()
    (store.root / "api" / "2026-01-01-note.md").write_text("note\n")
    reports = store.watch(stop=stop)
    next(reports)
    moves = (("api", "web", "renamed"), ("web", "../gone", "removed"), ("../gone", "x.y", "added"))
    for source, target, change in moves:
        (store.root / source).rename(store.root / target)
        report = next(reports, None)
        assert report is not None, "nothing was told"
        assert getattr(report, change) == 1
    timer.cancel()
    stop.set()
    assert next(reports, None) is None


def test_what_changes_between_two_calls_is_told_by_the_second(store: MemoryStore):
    stop = threading.Event()
    timer = threading.Timer(LONG, stop.set)
    timer.start()
    reports = store.watch(stop=stop)
    (store.root / "api" / "2026-01-01-before.md").write_text("before\n")
    assert next(reports).added == 1
    for n in range(3):
        (store.root / "api" / f"2026-01-02-between-{n}.md").write_text("between\n")
        report = next(reports, None)
        assert report is not None, "nothing was told"
        assert report.added == 1
    assert {record.name for record in store.list()} == {"before", "between 0", "between 1", "between 2"}
    timer.cancel()
    stop.set()
    assert next(reports, None) is None
