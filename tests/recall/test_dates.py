"""Times as people write them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_memory.errors import InvalidQuery
from agent_memory.recall.dates import Days, parse

TODAY = date(2026, 7, 15)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "query.md"
ROWS = re.findall(r"^\| `([^`]+)` \| ([0-9-]*) ?\| ([0-9-]*) ?\|$", PAGE.read_text("utf-8"), re.MULTILINE)

days = st.dates(date(1990, 1, 1), date(2090, 12, 31))
words = st.sampled_from(
    "last this 3 a weeks days month year ago since before between and to [ ] { } TO * march spring q3 2026 2026-03 "
    "2026-03-02 2026-02-31 99999999999 .. >= < 0000 9999-12-31 today winter in on up".split()
)


def test_the_page_has_examples():
    """The table of the documentation is found."""
    assert len(ROWS) > 30


@pytest.mark.parametrize(("written", "first", "last"), ROWS)
def test_what_the_documentation_says(written, first, last):
    """Each time of the documentation means the days written beside it, also with dashes for spaces."""
    expected = Days(date.fromisoformat(first) if first else None, date.fromisoformat(last) if last else None)
    assert parse(written, today=TODAY) == expected
    assert parse(written.replace(" ", "-").upper(), today=TODAY) == expected
    assert parse(written.replace(" ", "_"), today=TODAY) == expected


@pytest.mark.parametrize(
    ("written", "today", "first", "last"),
    [
        ("last month", date(2026, 1, 31), date(2025, 12, 1), date(2025, 12, 31)),
        ("last 1 month", date(2026, 3, 31), date(2026, 2, 28), date(2026, 3, 31)),
        ("last quarter", date(2026, 2, 1), date(2025, 10, 1), date(2025, 12, 31)),
        ("last spring", date(2026, 4, 1), date(2025, 3, 1), date(2025, 5, 31)),
        ("this spring", date(2026, 1, 1), date(2026, 3, 1), date(2026, 5, 31)),
        ("this winter", date(2026, 1, 1), date(2025, 12, 1), date(2026, 2, 28)),
        ("winter", date(2026, 11, 30), date(2025, 12, 1), date(2026, 2, 28)),
        ("winter", date(2026, 12, 1), date(2026, 12, 1), date(2027, 2, 28)),
        ("winter 2023", date(2026, 1, 1), date(2023, 12, 1), date(2024, 2, 29)),
        ("this week", date(2026, 1, 1), date(2025, 12, 29), date(2026, 1, 4)),
        ("a year ago", date(2024, 2, 29), date(2023, 1, 1), date(2023, 12, 31)),
    ],
)
def test_turns_of_the_year(written, today, first, last):
    """Periods reach over the turn of a year, and short months and leap years count."""
    assert parse(written, today=today) == Days(first, last)


@pytest.mark.parametrize(
    "written",
    [
        "", "soon", "last", "last fortnight", "2026-13", "2026-02-30", "20260302", "2026001", "2026-3", "0000",
        "[2026-03 TO 2026-01]", "{2026-01 TO 2026-02}", "[TO]", "[* TO *]", "[2026", "TO", "since", "between 2026",
        "between 2026-03 and 2026-01", "after 9999-12-31", "last 99999999999 days", "99999999 months ago", "9" * 5000,
        "march march", "2026-w60", ">", "٢٠٢٦", "3 weeks", "..", "from", "spring 20", "2026-03-02T10:00",
    ],
)  # fmt: skip
def test_what_is_no_time(written):
    """Anything else is refused with its position and the list of forms."""
    with pytest.raises(InvalidQuery) as refused:
        parse(written, today=TODAY, position=7)
    assert refused.value.position == 7
    assert refused.value.hint


@settings(deadline=None, max_examples=200)
@given(text=st.one_of(st.text(max_size=30), st.lists(words, max_size=6).map(" ".join)), today=days)
def test_any_text(text, today):
    """Any text is a time with its first day not after its last, or is refused."""
    try:
        found = parse(text, today=today)
    except InvalidQuery:
        return
    assert found.first or found.last
    assert not (found.first and found.last) or found.first <= found.last


@settings(deadline=None, max_examples=100)
@given(today=days, unit=st.sampled_from(["day", "week", "month", "quarter", "year"]), count=st.integers(0, 30))
def test_periods_are_whole_and_in_order(today, unit, count):
    """The period that holds today, the one before it and the ones further back lie side by side."""
    near = parse(f"{count} {unit}s ago", today=today)
    far = parse(f"{count + 1} {unit}s ago", today=today)
    assert near.first
    assert far.last
    assert far.last + timedelta(1) == near.first
    if unit != "day":
        assert parse(f"this {unit}", today=today) == parse(f"0 {unit}s ago", today=today)
        assert parse(f"last {unit}", today=today) == parse(f"1 {unit} ago", today=today)
