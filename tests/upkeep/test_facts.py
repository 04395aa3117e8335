"""Facts by their form, and whether they stand in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.upkeep.facts import facts, lost


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("Only words, and more words.", ()),
        ("It failed with `KeyError: 'x'` in `run()`.", ("KeyError: 'x'", "run()")),
        ('The user said "never on a Friday".', ("never on a Friday",)),
        ("Siehe „nie freitags“ und «jamais».", ("nie freitags", "jamais")),
        ("retry_policy and uploadFile in app/jobs.py", ("retry_policy", "uploadFile", "app/jobs.py")),
        ("Run it with --no-cache -v, please", ("--no-cache", "-v")),
        ("60 s, 1.8 ms, 95 %, 10:30, 2026-03-02.", ("60", "1.8", "95", "10:30", "2026-03-02")),
        ("1. first\n2. second", ()),
        ("```sh\njust up\n\nmake  all\n```", ("just up", "make  all")),
        ("osier.errors.Conflict and user@host.example", ("osier.errors.Conflict", "user@host.example")),
        ("A well-known word; an e-mail", ()),
        ("GET over HTTP", ("GET", "HTTP")),
        ("of 3,100 and 41,200 calls, 3,5", ("3,100", "41,200", "3", "5")),
        ("```\nfoo(\n)\n  url,\nmake all\n```", ("make all",)),
        ("`a` `a`", ("a",)),
        ('unclosed ` tick and " quote 7', ("7",)),
    ],
)
def test_facts_are_known_by_their_form(text: str, expected: tuple[str, ...]):
    assert facts(text) == expected


@given(st.text(max_size=400))
def test_every_fact_of_a_text_stands_in_it(text: str):
    assert lost(facts(text), text) == []


def test_a_short_fact_must_stand_there_as_a_fact():
    assert lost(["12"], "there were 120 of them") == ["12"]
    assert lost(["a/b"], "grab/bag") == ["a/b"]
    assert lost(["queue stalled"], 'it said: "the queue stalled again"') == []
