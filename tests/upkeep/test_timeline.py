"""How folders grew and shrank, and the picture of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from pathlib import Path

from agent_memory.cli import chart
from agent_memory.store import MemoryStore
from agent_memory.upkeep.policy import Policy

POLICY = Policy(budget=0, digest_after=20, archive_share=1.0)


def store(tmp_path: Path, month: int) -> MemoryStore:
    return MemoryStore.init(tmp_path / "store", clock=lambda: datetime(2026, month, 15, 12, tzinfo=UTC))


def filled(tmp_path: Path) -> None:
    with store(tmp_path, 1) as opened:
        for number in range(6):
            body = f"We agreed on `limit_{number}`.\n\n{'Long talk about little things all day. ' * 20}"
            opened.add(agent="api <&>"[:3], topic=f"Topic {number}", body=body)
        opened.add(agent="web", topic="Keep", body="x", date=date(2026, 3, 1))


def test_a_compaction_shows_as_a_fall_in_its_month_and_an_undo_as_a_rise(tmp_path: Path):
    filled(tmp_path)
    with store(tmp_path, 4) as opened:
        before = opened.timeline()
        outcome = opened.compact(opened.plan_compaction(policy=POLICY))
        after = opened.timeline()
    assert [f"{m:%m}" for m in before.months] == ["01", "02", "03", "04"]
    assert [p.memories for p in before.total] == [6, 6, 7, 7]
    assert [p.memories for p in after.total][:3] == [6, 6, 7]
    assert after.total[3].tokens < before.total[3].tokens
    assert [(m.id, m.undone) for m in after.compactions] == [(outcome.id, None)]
    with store(tmp_path, 6) as opened:
        opened.undo()
        again = opened.timeline()
    assert [p.memories for p in again.total] == [6, 6, 7, after.total[3].memories, after.total[3].memories, 7]
    assert again.total[-1] == before.total[-1]
    assert again.compactions[0].undone == date(2026, 6, 15)


def test_the_picture_stands_alone_and_is_well_formed(tmp_path: Path):
    filled(tmp_path)
    with store(tmp_path, 4) as opened:
        opened.compact(opened.plan_compaction(policy=POLICY))
        found = opened.timeline()
    picture = chart.svg(found)
    root = ET.fromstring(picture)
    texts = "".join(root.itertext())
    assert "api" in texts
    assert "2026-04-15" in texts
    page = chart.html(found)
    assert page.count("<svg") == 1
    assert "http" not in (picture + page).replace("http://www.w3.org/2000/svg", "")


def test_an_empty_store_and_one_of_a_single_month_have_a_picture(tmp_path: Path):
    with store(tmp_path, 1) as opened:
        ET.fromstring(chart.svg(opened.timeline()))
        opened.add(agent="api", topic="One", body="x")
        ET.fromstring(chart.svg(opened.timeline()))
