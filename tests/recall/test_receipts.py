"""Receipts as values: what they hold, how they are read back, and what they say about a memory."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.model import Briefed, Briefing, Record
from agent_memory.recall.receipts import (
    BOUND,
    Feedback,
    Handed,
    Outcome,
    Receipt,
    boost,
    counts,
    feedback_of,
    handovers,
    judged,
    line_of,
    month_of,
    never_used,
    receipt_for,
    receipt_of,
)

AT = datetime(2026, 7, 15, 12, tzinfo=UTC)
TIME = "2026-07-15T12:00:00.000+00:00"
TEXTS = st.lists(st.text(), max_size=3).map(tuple)


def record(id_: str) -> Record:
    return Record(
        number=1, path=f"{id_}.md", id=id_, agent="a", name="n", date=date(2026, 1, 1), date_source="name", type="note",
        description="", status="active", visibility="team", valid_until=None, to=None, fingerprint=f"print of {id_}",
        size=1, body_start=0,
    )  # fmt: skip


def briefing(*ids: str, left_out: tuple[str, ...] = ()) -> Briefing:
    return Briefing(
        agent="api", markdown="secret text", left_out=tuple(map(record, left_out)), nothing_relevant=not ids, tokens=3,
        memories=tuple(Briefed(record=record(id_), form="full", why="", score=1.0) for id_ in ids),
    )  # fmt: skip


def receipt(id_: str, *memories: str) -> Receipt:
    return Receipt(id=id_, at=TIME, agent="api", memories=tuple(Handed(m, "f", "full") for m in memories))


def said(id_: str, *, used: tuple[str, ...] = (), wrong: tuple[str, ...] = ()) -> Feedback:
    return Feedback(receipt=id_, used=used, wrong=wrong, at=TIME)


def test_a_receipt_holds_ids_and_hashes_and_no_text():
    made = receipt_for(briefing("a/1", left_out=("a/2",)), task="the secret task", budget=900, at=AT, arms=["words"])
    assert made == Receipt(
        id=made.id, at=TIME, agent="api", task_hash="0bfdc5d4f2b557ad", budget=900, tokens=3,
        memories=(Handed("a/1", "print of a/1", "full"),), left_out=("a/2",), nothing_relevant=False, arms=("words",),
    )  # fmt: skip
    assert len(made.id) == 12
    assert "secret" not in line_of(made)


def test_the_id_depends_on_content_and_time_and_nothing_else():
    def made(task: str = "t", at: datetime = AT, *ids: str) -> str:
        return receipt_for(briefing(*ids), task=task, budget=1, at=at).id

    assert made() == made()
    assert len({made(), made("u"), made("t", AT + timedelta(milliseconds=1)), made("t", AT, "a/1")}) == 4
    assert receipt_for(briefing(), task="\ud800", budget=1, at=AT).id


@given(st.text(), st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=3), TEXTS, st.booleans())
def test_a_line_is_read_back_as_it_was(agent: str, memories: list, others: tuple[str, ...], nothing: bool):
    made = Receipt(
        id="x", at=TIME, agent=agent, memories=tuple(Handed(*m) for m in memories), left_out=others,
        nothing_relevant=nothing, arms=others, budget=7, tokens=8,
    )  # fmt: skip
    line = line_of(made)
    assert "\n" not in line
    assert receipt_of(line.encode("utf-8", "backslashreplace")) == made
    spoken = Feedback(receipt=agent, used=others, wrong=others, at=TIME)
    assert feedback_of(line_of(spoken).encode("utf-8", "backslashreplace")) == spoken


def test_unknown_fields_are_ignored_and_missing_ones_are_empty():
    fields = {"version": 1, "id": "x", "at": TIME, "agent": "api", "new": {"deep": [1]}}
    assert receipt_of(json.dumps(fields).encode()) == Receipt(id="x", at=TIME, agent="api")
    longer = fields | {"memories": [["a/1", "f", "full", "something new"]]}
    assert receipt_of(json.dumps(longer).encode()).memories == (Handed("a/1", "f", "full"),)
    spoken = {"receipt": "x", "at": TIME, "mood": "good"}
    assert feedback_of(json.dumps(spoken).encode()) == Feedback(receipt="x", at=TIME)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (line_of(receipt("x", "a/1"))[:-9].encode(), "is not whole"),
        (b"", "is not whole"),
        (b"\xff\xfe", "is not whole"),
        (b"[" * 100_000, "is not whole"),
        (b"[]", "is no receipt"),
        (b"{}", "no usable 'id'"),
        (b'{"version":2}', "a newer version"),
        (b'{"version":"x"}', "a newer version"),
        (b'{"id":"x","at":"yesterday","agent":"a"}', "yesterday"),
        (b'{"id":"x","at":"2026-07-15","agent":"a","memories":[["a"]]}', "no usable 'memories'"),
        (b'{"id":"x","at":"2026-07-15","agent":"a","memories":{}}', "no usable 'memories'"),
        (b'{"id":"x","at":"2026-07-15","agent":"a","left_out":[1]}', "no usable 'left_out'"),
        (b'{"id":"x","at":"2026-07-15","agent":1}', "no usable 'agent'"),
    ],
)
def test_a_line_that_is_no_receipt_is_refused_with_a_reason(line: bytes, message: str):
    with pytest.raises(ValueError, match=message):
        receipt_of(line)


@given(st.binary(max_size=60))
def test_no_line_breaks_the_reader(line: bytes):
    for read in (receipt_of, feedback_of):
        try:
            read(line)
        except ValueError:
            continue


def test_the_month_is_the_same_everywhere():
    at = datetime(2026, 8, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert month_of(receipt_for(briefing(), task="t", budget=1, at=at).at) == "2026-07"
    assert month_of(receipt_for(briefing(), task="t", budget=1, at=at.replace(tzinfo=None)).at)


# -- what they say ----------------------------------------------------------------------------------------------------


def test_counts_know_how_often_a_memory_was_shown_used_and_wrong():
    receipts = [receipt("r1", "a/1", "a/2"), receipt("r2", "a/1"), receipt("r3")]
    feedback = [said("r2", wrong=("a/1",)), said("r1", used=("a/1",))]
    assert counts(receipts, feedback) == {"a/1": Outcome(2, 1, 1), "a/2": Outcome(1, 0, 0)}
    assert counts((), feedback) == {"a/1": Outcome(0, 1, 1)}
    assert counts((), ()) == {}


def test_saying_it_again_counts_once_and_the_last_word_counts():
    receipts = [receipt("r1", "a/1"), receipt("r1", "a/1")]
    again = [said("r1", used=("a/1",))] * 5
    assert counts(receipts, again) == {"a/1": Outcome(1, 1, 0)}
    assert counts(receipts, [said("r1", wrong=("a/1",)), *again]) == {"a/1": Outcome(1, 0, 1)}


def test_receipts_and_feedback_come_together():
    receipts = [receipt("r2", "a/1", "a/2"), receipt("r1", "a/1")]
    feedback = [said("r2", used=("a/2", "a/1")), said("r2", wrong=("a/1",)), said("r9", used=("a/1",))]
    assert [(j.receipt.id, j.used, j.wrong) for j in judged(receipts, feedback, {})] == [
        ("r2", ("a/1", "a/2"), ()),
        ("r1", (), ()),
    ]
    assert [(h.receipt.id, h.handed.form, h.outcome) for h in handovers("a/1", receipts, feedback)] == [
        ("r2", "full", "used"),
        ("r1", "full", None),
    ]
    assert handovers("a/3", receipts, feedback) == ()


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_feedback_moves_a_score_within_its_bound(shown: int, used: int, wrong: int):
    moved = boost(Outcome(shown, used, wrong))
    assert 1 - BOUND <= moved <= 1 + BOUND
    assert (moved > 1) == (used > wrong)
    assert (moved < 1) == (used < wrong)
    assert moved == boost(Outcome(0, used, wrong))
    assert boost(Outcome(shown, used + 1, wrong)) > moved > boost(Outcome(shown, used, wrong + 1)) or used + wrong > 10


def test_the_bound_is_two_in_a_hundred():
    assert BOUND == 0.02


def test_never_used_are_those_shown_often_enough():
    outcomes = {
        "a/few": Outcome(4, 0, 0), "a/five": Outcome(5, 0, 0), "a/nine": Outcome(9, 0, 3), "a/also": Outcome(9, 0, 0),
        "a/used": Outcome(9, 1, 8),
    }  # fmt: skip
    assert never_used(outcomes) == ("a/also", "a/nine", "a/five")
    assert never_used(outcomes, at_least=10) == ()
