"""An id names one file, whatever happens at the same moment."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent_memory import MemoryStore


def test_a_name_that_came_free_by_archiving_is_not_taken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A memory archived between our look into the archive and our link keeps its id for itself."""
    day = date(2026, 3, 15)
    archived = tmp_path / ".store/archive/api/2026-03-15-rate-limit.md"
    link = os.link
    planted: list[Path] = []

    def late(source: Any, target: Any, **options: Any) -> None:
        if not planted:
            planted.append(archived)
            archived.parent.mkdir(parents=True)
            archived.write_text("# Rate limit\n\nthe first\n", encoding="utf-8")
        link(source, target, **options)

    with MemoryStore.init(tmp_path) as store:
        monkeypatch.setattr(os, "link", late)
        memory = store.add(agent="api", topic="Rate limit", body="the second", date=day)
        assert planted
        assert memory.id == "api/2026-03-15-rate-limit-2"
        ids = [record.id for record in store.list(archived=True)]
    assert sorted(ids) == ["api/2026-03-15-rate-limit", "api/2026-03-15-rate-limit-2"]
    assert not (tmp_path / "api/2026-03-15-rate-limit.md").exists()
