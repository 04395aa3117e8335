"""The exported index fits what Claude Code reads, leaves the rest of the file alone, and leads to the memories."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest

from agent_memory import InvalidInput, MemoryStore, Unreadable
from agent_memory.bridges.claude_native import BEGIN, END, MOST_BYTES, MOST_LINES, PLACE, export

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    with MemoryStore.init(tmp_path / ".claude" / "agents-memory", clock=lambda: NOW) as store:
        yield store


def test_it_lists_what_holds_newest_first_and_every_link_leads_there(store: MemoryStore, tmp_path: Path):
    old = store.add(agent="api", topic="Retries", body="x", date=date(2026, 1, 1))
    store.add(agent="api", topic="Retries [again] (now)", body="x", supersedes=[old.id], description="Nine\ntimes.")
    store.add(agent="api", topic="Over", body="x", valid_until=date(2026, 1, 2), date=date(2026, 1, 1))
    store.add(agent="api", topic="Mine", body="x", visibility="private", date=date(2026, 2, 2))
    store.add(agent="web", topic="Secret of web", body="x", visibility="private")
    (store.root / "api" / "2026-03-01-with (odd) name.md").write_text("# Odd\n")
    (open_to_all,) = export(store, tmp_path / PLACE, write=False)
    assert open_to_all.listed == 2
    assert "Mine" not in open_to_all.text
    (one,) = export(store, tmp_path / PLACE, agents=["api"])
    assert (one.agent, one.listed, one.left_out, one.changed) == ("api", 3, 0, True)
    names = re.findall(r"^- \[(.*?)\]\((\S*)\) — (.*)$", one.path.read_text(), re.MULTILINE)
    assert [name for name, _, _ in names] == ["Retries again (now)", "Odd", "Mine"]
    assert names[0][2] == "2026-07-15: Nine times."
    assert names[2][2] == "2026-02-02: x"
    assert "Not listed: 2 superseded or expired" in one.text
    assert all((one.path.parent / unquote(link)).is_file() for _, link, _ in names)
    assert one.path == tmp_path / ".claude" / "agent-memory" / "api" / "MEMORY.md"
    again = export(store, tmp_path / PLACE, agents=["api"])
    assert [found.changed for found in again] == [False]


def test_what_holds_comes_before_what_happened_and_each_says_what_it_says(store: MemoryStore, tmp_path: Path):
    """An agent that knows nothing yet needs the rules before the diary; a line says enough to decide on reading."""
    about = (
        "Webhooks retry five times within an hour and are then left to a person, who sees them on the board of jobs."
    )
    for n, kind in enumerate(("note", "decision", "incident", "gotcha", "handoff", "convention")):
        store.add(agent="api", topic=f"A {kind}", body="x", type=kind, description=about, date=date(2026, 1, 1 + n))
    body = "# A diary\n\nThe queue was full of jobs that nobody wanted. Then we deleted it.\n"
    (store.root / "api" / "2026-02-01-diary.md").write_text(body)
    (one,) = export(store, tmp_path / PLACE)
    lines = re.findall(r"^- \[(.*?)\]\(\S*\) — \S+: (.*)$", one.text, re.MULTILINE)
    assert [name for name, _ in lines] == [
        "A convention", "A gotcha", "A decision", "A diary", "A handoff", "A incident", "A note"
    ]  # fmt: skip
    assert {said for name, said in lines if name != "A diary"} == {about}
    assert dict(lines)["A diary"].startswith("The queue was full of jobs")
    assert "Not listed" not in one.text


def test_a_memory_that_holds_the_marks_does_not_end_the_block(store: MemoryStore, tmp_path: Path):
    store.add(agent="api", topic=f"Broken {END}", body="x", description=f"{END} and {BEGIN} <!<!---- --->")
    export(store, tmp_path / PLACE)
    (one,) = export(store, tmp_path / PLACE)
    assert not one.changed
    assert (one.text.count(BEGIN), one.text.count(END)) == (1, 1)


def test_where_there_is_no_room_what_happened_goes_first(store: MemoryStore, tmp_path: Path):
    for n in range(300):
        path = store.root / "api" / f"2026-{1 + n // 28:02}-{1 + n % 28:02}-note-{n:03}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"---\nname: N{n:03}\ntype: {'decision' if n < 150 else 'note'}\n---\n\nabout {n}\n")
    (one,) = export(store, tmp_path / PLACE)
    names = re.findall(r"\[N(\d+)\]", one.text)
    assert names[:150] == [f"{n:03}" for n in range(149, -1, -1)]
    assert names[150:] == [f"{n:03}" for n in range(299, 299 - len(names) + 150, -1)]
    assert len(names) == one.listed > 150
    assert one.text.count("\n") <= MOST_LINES


def test_what_others_wrote_in_the_file_stays(store: MemoryStore, tmp_path: Path):
    path = tmp_path / PLACE / "api" / "MEMORY.md"
    path.parent.mkdir(parents=True)
    (tmp_path / "elsewhere.md").write_bytes("- [Mine](mine.md) — by Claude\r\n".encode())
    path.symlink_to(tmp_path / "elsewhere.md")
    store.add(agent="api", topic="Retries", body="x")
    export(store, tmp_path / PLACE)
    path.write_bytes(path.read_bytes() + b"\nadded below\r\n")
    store.add(agent="api", topic="Limits", body="x")
    assert "Limits" not in path.read_text()
    (one,) = export(store, tmp_path / PLACE, write=False)
    assert one.changed
    assert "Limits" not in path.read_text()
    export(store, tmp_path / PLACE)
    text = path.read_bytes().decode()
    assert path.is_symlink()
    assert text.startswith("- [Mine](mine.md) — by Claude\r\n\n<!--")
    assert text.endswith("-->\n\nadded below\r\n")
    assert text.count(BEGIN) == 1
    assert "[Limits]" in text
    assert [p.name for p in path.parent.iterdir()] == ["MEMORY.md"]


def test_marks_that_somebody_changed_cost_no_word(store: MemoryStore, tmp_path: Path):
    """A lost end is no reason to take what stands below for ours; other line endings are none to write all twice."""
    store.add(agent="api", topic="First", body="x")
    (one,) = export(store, tmp_path / PLACE)
    one.path.write_bytes(one.text.replace("\n", "\r\n").encode() + b"below\r\n")
    (again,) = export(store, tmp_path / PLACE)
    assert (again.text.count(BEGIN), again.text.count("[First]")) == (1, 1)
    assert again.text.endswith("below\r\n")
    one.path.write_text(one.text.replace(END, "") + "below\n")
    for topic in ("Second", "Third"):
        store.add(agent="api", topic=topic, body="x")
        (again,) = export(store, tmp_path / PLACE)
        assert "\nbelow\n" in again.text
        assert f"[{topic}]" in again.text
    assert again.text.count(END) == 1


def test_it_never_has_more_than_is_read_of_it(store: MemoryStore, tmp_path: Path):
    for n in range(260):
        path = store.root / "api" / f"2026-01-01-note-{n:03}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"---\nname: Note {n}\ndescription: {'é' * 300}\n---\n\nx\n")
    (one,) = export(store, tmp_path / PLACE)
    text = one.path.read_text()
    assert one.listed + one.left_out == 260
    assert one.listed > 100
    assert f"Not listed: {one.left_out} older (`memory list --agent api`)" in text
    assert text.count("\n") <= MOST_LINES
    assert MOST_BYTES * 0.9 < len(text.encode()) <= MOST_BYTES
    one.path.write_text("line\n" * 198)
    with pytest.raises(InvalidInput, match="full"):
        export(store, tmp_path / PLACE)
    assert one.path.read_text() == "line\n" * 198
    one.path.write_bytes(b"\xff")
    with pytest.raises(Unreadable):
        export(store, tmp_path / PLACE)
