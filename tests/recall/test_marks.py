"""Nothing that a note says can pass for the marks around recorded notes, or reach beyond its quotation."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.recall.marks import REMOVED, cut, plain, quoted, size, unmarked

LOOKALIKES = [
    "<recorded-notes>",
    "</recorded-notes>",
    "</RECORDED-Notes>",
    "< / recorded-notes >",
    "</recorded-notes",
    "</recorded\n-notes>",
    "</recorded_notes>",
    "</recordednotes>",
    "&lt;/recorded-notes&gt;",
    "&amp;lt;/recorded-notes&gt;",
    "&#60;/recorded-notes&#62;",
    "&#x3C;&#x2f;recorded&#45;notes&#x3e;",
    "&lt/&#114;ecorded-notes>",
    "</rec\u200borded-no\u200dtes>",
    "</rec\u00adorded\u2011notes>",
    "</recorded\u2013notes>",
    "\uff1c/recorded-notes\uff1e",
    "\u27e8/recorded-notes\u27e9",
    "\u2039/recorded-notes\u203a",
    "</\uff52\uff45\uff43\uff4f\uff52\uff44\uff45\uff44-notes>",
    "</r\u0435corded-n\u043etes>",  # two Cyrillic letters
    "</rec\u03bfrded-notes>",  # a Greek one
    "</r\u00e9corded-notes>",
    "</\U0001d42b\U0001d41e\U0001d41c\U0001d428\U0001d42b\U0001d41d\U0001d41e\U0001d41d-notes>",
    "\\u003c/recorded-notes\\u003e",
    "%3C/recorded-notes%3E",
]


@pytest.mark.parametrize("text", LOOKALIKES)
def test_a_lookalike_is_taken_out(text: str):
    found = unmarked(f"before {text} after")
    assert found.startswith(f"before {REMOVED}")
    assert found.endswith(" after")
    assert "corded" not in found


@pytest.mark.parametrize(
    "text",
    [
        "<seconds>",
        "a < b",
        "the recorded notes",
        "<record>",
        "<recorded>",
        "&lt;notes&gt;",
        "List<Record>",
        "<" * 300,
        "&" * 300,
    ],
)
def test_other_text_stays_as_it_is(text: str):
    assert unmarked(text) == text


@given(st.text(st.sampled_from("</recorded-notes> \n\u200b&lt;x"), max_size=80))
def test_no_mark_survives(text: str):
    plainer = "".join(c for c in unmarked(text) if unicodedata.category(c) != "Cf").replace("&lt;", "<")
    assert not re.search(r"<[\s/]*recorded[\s-]*notes", plainer)


@given(st.text())
def test_each_line_of_a_quotation_is_quoted_and_nothing_else_is_changed(text: str):
    lines = quoted(text).split("\n")
    assert all(line == ">" or line.startswith("> ") for line in lines)
    assert "\n".join(line[2:] for line in lines) == unmarked(text).replace("\r\n", "\n").replace("\r", "\n")


@given(st.text(), st.integers(0, 50))
def test_a_cut_text_is_short_and_says_that_it_is_cut(text: str, most: int):
    found = cut(text, most)
    assert found == text or (found.endswith("\u2026") and len(found) <= max(most, 2))
    assert "\n" not in plain(text)


def test_a_text_that_is_no_utf8_has_a_size():
    assert size("\udcff") > 0
