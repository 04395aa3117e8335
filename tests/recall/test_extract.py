"""A summary is made of whole parts in the text's own words, and brings what they would mean something else without."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.recall.extract import GAP, parts, sentence, summary
from agent_memory.recall.marks import size

LOG = """\
# Queues

We moved the broker in October. It took three days.

## Considered

Rejected:

- Redis streams, because nobody can restore them
- one queue for each receiver

Accepted:

- quorum queues

## Commands

Run this before:

```sh
rabbitmqctl list_queues

# not a heading
```

The limit was 30 seconds.

But since June the limit is 15 seconds.

| queue | limit |
|---|---|
| mail | 5 |
"""


def texts(body: str) -> list[tuple[str, str]]:
    return [(part.kind, part.text) for part in parts(body)]


def test_a_text_is_taken_apart_into_what_must_stay_whole():
    found = texts(LOG)
    assert ("code", "Run this before:\n\n```sh\nrabbitmqctl list_queues\n\n# not a heading\n```") in found
    assert ("text", "The limit was 30 seconds.\n\nBut since June the limit is 15 seconds.") in found
    assert ("table", "| queue | limit |\n|---|---|\n| mail | 5 |") in found
    assert [text for kind, text in found if kind == "heading"] == ["# Queues", "## Considered", "## Commands"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", []),
        ("a\nb", [("text", "a\nb")]),
        ("Title\n===\na", [("heading", "Title\n==="), ("text", "a")]),
        ("a\n\n---\n\nb", [("text", "a"), ("text", "b")]),
        ("- a\n  - b\n\n  c\n- d", [("item", "- a\n  - b\n\n  c"), ("item", "- d")]),
        ("1. a\n   ```\n   x\n   ```\n2. b", [("item", "1. a\n   ```\n   x\n   ```"), ("item", "2. b")]),
        ("```\nnever\n\n# closed", [("code", "```\nnever\n\n# closed")]),
        ("~~~\n```\n~~~\nb", [("code", "~~~\n```\n~~~"), ("text", "b")]),
        ("Done.\n\n    code\n    more\n\nb", [("text", "Done."), ("code", "    code\n    more"), ("text", "b")]),
        ("a\r\n\r\nb", [("text", "a"), ("text", "b")]),
        ("> a\n> b", [("text", "> a\n> b")]),
    ],
)
def test_what_a_part_is(body: str, expected: list[tuple[str, str]]):
    assert texts(body) == expected


def test_an_item_brings_the_line_that_leads_in_and_its_headings():
    found = summary(LOG, {"redi": 5.0, "stream": 5.0}, 250)
    assert "## Considered\n\nRejected:\n\n- Redis streams" in found
    assert "quorum" not in found


def test_what_is_taken_back_is_not_told_alone():
    found = summary(LOG, {"30": 5.0, "second": 5.0}, 250)
    assert "30 seconds.\n\nBut since June the limit is 15 seconds." in found


def test_a_correction_is_told_although_it_has_no_word_of_the_task():
    body = (
        "The limit is **30 seconds** for mail.\n\n"
        + "Other words here.\n\n" * 9
        + "Correction: it is fifteen.\n\nEnd.\n"
    )
    assert "Correction: it is fifteen." in summary(body, {"mail": 1.0, "limit": 1.0}, 300)


def test_a_long_paragraph_is_cut_between_sentences_only():
    first = "The mail queue has a limit, e.g. of 30 s (see `a. B` and Dr. No). " * 3
    body = f"{first}However, it is gone. Is it? No. {'Nothing here matters at all. ' * 12}"
    found = summary(body, {"limit": 1.0}, 300)
    assert found.endswith(GAP)
    for piece in found.split(GAP):
        assert piece.strip() in body
        assert not piece.strip() or re.search(r"[.?!]$", piece.strip())


def test_a_summary_without_a_word_of_the_task_is_none():
    body = "First sentence here.\n\n" + "filler words\n\n" * 9 + "- mail " + "x" * 300
    assert summary(body, {"mail": 1.0}, 100) == ""
    assert summary(body, {}, 100).startswith("First sentence here.")


def test_the_sentence_that_matters_most():
    assert sentence(LOG, {"broker": 1.0}) == "We moved the broker in October. It took three days."
    assert sentence("```\ncode\n```", {"code": 1.0}) == ""


LINES = st.sampled_from([
    "", "# A heading", "## Webhook", "Some words about a webhook.", "- an item with retries", "  more of it",
    "1. first",
    "```", "~~~", "| a | b |", "But not any more.", "Because:", "---", "===", "    indented", "> quoted", "a" * 150,
    "One sentence. Another one! A third? " * 6, "<!-- comment", "\u041d\u043e \u0438\u043d\u0430\u0447\u0435.",
])  # fmt: skip


@given(st.lists(LINES, max_size=25).map("\n".join), st.integers(0, 900), st.booleans())
def test_a_summary_is_verbatim_in_order_and_within_its_room(body: str, room: int, weighted: bool):
    found = summary(body, {"webhook": 2.0, "retri": 1.0} if weighted else {}, room)
    assert size(found) <= room
    at = 0
    plain = without_rules(body)
    for piece in re.split(rf"\s*{GAP}\s*", found):
        place = plain.find(without_rules(piece), at)
        assert place >= 0, piece
        at = place + len(without_rules(piece))


def without_rules(text: str) -> str:
    """The words of a text, one blank between them; rules and underlines are no words."""
    return " ".join(re.sub(r"(?m)^ *(---|===) *$", "", text).split())


@given(st.lists(LINES, max_size=25).map("\n".join), st.integers(0, 900))
def test_a_summary_never_holds_a_part_of_a_block_of_code(body: str, room: int):
    whole = [part.text for part in parts(body) if part.kind == "code"]
    found = summary(body, {"webhook": 1.0}, room)
    opened = [line for line in found.split("\n") if re.match(r"(```|~~~)", line)]
    inside = "\n".join(text for text in whole if text in found)
    assert all(line in inside or any(line in p.text for p in parts(body) if p.kind != "code") for line in opened)


@given(st.text(max_size=300))
def test_no_text_is_too_odd(body: str):
    words = "".join(part.text for part in parts(body))
    kept = re.sub(r"[\s\-_*=]", "", body)
    assert re.sub(r"[\s\-_*=]", "", words) == kept
    assert size(summary(body, {}, 120)) <= 120
