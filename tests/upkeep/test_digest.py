"""Units of a text, extracts of a memory, and digests."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.files import format as formats
from agent_memory.model import Memory, Stat
from agent_memory.upkeep import digest
from agent_memory.upkeep.facts import facts, lost
from agent_memory.upkeep.units import units

TALK = "Nobody needs to know about the weather and the lunch and the long way home on that day, really. " * 4


def memory(text: str, path: str = "api/2026-01-02-topic.md") -> Memory:
    return formats.parse(Stat(path, len(text), 0, 0, 0), text.encode()).memory


def kinds(text: str) -> list[tuple[str, str]]:
    return [(unit.kind, unit.text) for unit in units(text)]


def test_a_text_is_taken_apart_into_sentences_items_rows_and_code():
    text = (
        "# Title\n\nOne sentence. Another, e.g. this one! And 3.5 more.\n\n- item a\n  goes on\n- item b\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode. Not a sentence.\n```\n\n**Actions**\n\n---\n"
    )
    assert kinds(text) == [
        ("heading", "Title"),
        ("sentence", "One sentence."),
        ("sentence", "Another, e.g. this one!"),
        ("sentence", "And 3.5 more."),
        ("item", "- item a\n  goes on"),
        ("item", "- item b"),
        ("row", "| a | b |"),
        ("row", "|---|---|"),
        ("row", "| 1 | 2 |"),
        ("code", "```\ncode. Not a sentence.\n```"),
        ("heading", "Actions"),
    ]


def test_a_quotation_is_not_cut():
    assert kinds('He said "No. Never. Not here." and left. Then silence.') == [
        ("sentence", 'He said "No. Never. Not here." and left.'),
        ("sentence", "Then silence."),
    ]


@given(st.text(alphabet='ab .!?"`*-|#\n12\r', max_size=300))
def test_every_unit_is_a_piece_of_the_text_and_no_fact_is_dropped_between_them(text: str):
    found = units(text)
    flat = text.replace("\r\n", "\n")
    assert all(unit.text in flat for unit in found)
    said = "".join(unit.text for unit in found)
    assert sorted(c for c in flat if c in "12") == sorted(c for c in said if c in "12")


def test_an_extract_keeps_decisions_and_facts_and_names_its_source():
    made = digest.section(
        memory(
            f"# Retries\n\nWe looked at it.\n\n{TALK}\n\nWe must never retry more than 5 times.\n\n{TALK} See `a_b`.\n"
        ),
        ratio=0.1,
    )
    assert made.text.startswith("## Retries\n\nFrom [[2026-01-02-topic]]\n\nWe looked at it.")
    assert "We must never retry more than 5 times." in made.text
    assert "weather" not in made.text
    assert "a_b" in made.text
    assert lost(facts(f"{TALK} 5 `a_b`"), made.text) == []
    assert [piece.line for piece in made.kept] == [3, 7, 9]


def test_a_note_that_an_extract_cannot_shorten_is_taken_over_whole():
    made = digest.section(memory("# T\n\n- `a` is 1\n- `b` is 2\n"), ratio=0.1)
    assert made.text == "## T\n\nFrom [[2026-01-02-topic]]\n\n- `a` is 1\n- `b` is 2"
    assert made.listed == ()


def compose(*texts: tuple[str, str]) -> digest.Digest:
    memories = [memory(text, path) for path, text in texts]
    return digest.compose(memories, [digest.section(m, ratio=0.12) for m in memories], topic=("queue",))


def test_a_digest_is_dated_by_its_newest_source_and_keeps_what_belongs_to_them():
    made = compose(
        ("api/2026-03-05-b.md", f"---\ntags: [x]\nsupersedes: [2026-01-01-old]\n---\n\n# B\n\n{TALK} `b_b`\n"),
        ("api/2026-01-02-a.md", f"---\ntags: [y]\nfiles: [app/a.py]\n---\n\n# A\n\n{TALK} `a_a`\n"),
    )
    data = digest.file_of(made)
    again = formats.parse(Stat("api/x.md", len(data), 0, 0, 0), data).memory
    assert (again.type, again.date, again.agent) == ("digest", date(2026, 3, 5), "api")
    assert again.sources == ("api/2026-01-02-a", "api/2026-03-05-b")
    assert again.supersedes == ("api/2026-01-01-old",)
    assert (set(again.tags), again.files) == ({"x", "y"}, ("app/a.py",))
    assert again.name == "queue: notes of January 2026 to March 2026"
    assert again.description == "A; B"
    assert made.retention == 1.0


def test_what_another_program_writes_is_measured():
    made = compose(("api/2026-01-02-a.md", f"# A\n\n{TALK} `a_a` and `c_c`\n"))
    told = digest.measured(replace(made, body="Only `a_a`.\n", sections=()))
    assert told.lost == ("c_c",)
    assert told.retention == 0.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We agreed on five.", True),
        ("Это нельзя менять.", True),
        ("**It must be like this.**", True),
        ("**Moved** it was", False),
        ("Five attempts.", False),
        ("Do not touch it.", True),
    ],
)
def test_what_decides_is_known_by_its_words(text: str, expected: Any):
    assert digest.decides(text) is expected
