"""The times that a task speaks of."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.recall.times import spoken

TODAY = date(2026, 11, 20)  # a Friday


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("In July we rehearsed the loss of the database.", "2026-07-01", "2026-07-31"),
        ("what has to land before the December freeze", "2025-12-01", "2025-12-31"),
        ("the rule of 22 January", "2026-01-22", "2026-01-22"),
        ("the rule of January 22nd, 2025", "2025-01-22", "2025-01-22"),
        ("the meeting on the 3rd of March 2024", "2024-03-03", "2024-03-03"),
        ("what did we decide last spring about migrations?", "2026-03-01", "2026-05-31"),
        ("what went wrong in spring", "2026-03-01", "2026-05-31"),
        ("yesterday's backlog", "2026-11-19", "2026-11-19"),
        ("since last week", "2026-11-09", "2026-11-15"),
        ("we changed it three weeks ago", "2026-10-26", "2026-11-01"),
        ("see 2026-03-02-retry-policy.md", "2026-03-02", "2026-03-02"),
        ("figures of 2026-03 only", "2026-03-01", "2026-03-31"),
        ("Report for Sept. please", "2026-09-01", "2026-09-30"),
        ("what was decided in May", "2026-05-01", "2026-05-31"),
    ],
)
def test_a_named_time_is_found(text: str, first: str, last: str):
    assert spoken(text, TODAY) == ((date.fromisoformat(first), date.fromisoformat(last)),)


@pytest.mark.parametrize(
    "text",
    [
        "May this go out on a Friday?",
        "march the logs off to the archive",
        "on 31 February",
        "the Mayor of Augsburg decided",
        "version 2026.41 and port 20263",
        "it may august well be spring-loaded",
        "",
    ],
)
def test_other_words_are_no_time(text: str):
    assert spoken(text, TODAY) == ()


def test_several_times_come_in_their_order_once():
    found = spoken("In July, in March, and again in July.", TODAY)
    assert [first.month for first, _ in found] == [7, 3]


@given(st.text(max_size=80), st.dates(min_value=date(2, 1, 1), max_value=date(9999, 12, 31)))
def test_any_text_is_read_without_an_error(text: str, today: date):
    assert all(first <= last for first, last in spoken(text, today))


@given(
    st.sampled_from(["last", "this", "in", "3", "march", "May", "yesterday", "ago", "weeks", "February 30", "2026-13"]),
    st.lists(st.sampled_from(["last week", "10 years ago", "Feb 29", "31 April 2025", "999 months ago", "0 days ago"])),
)
def test_words_of_time_in_any_order_are_read_without_an_error(word: str, words: list[str]):
    spoken(" ".join([word, *words]), date(2, 3, 31))
