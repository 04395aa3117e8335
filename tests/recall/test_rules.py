"""The rules that move memories after scoring: bounded, told, and never stronger than they say."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.model import Term
from agent_memory.recall import rules
from agent_memory.recall.likeness import Traits
from agent_memory.recall.ranking import Scored
from agent_memory.recall.receipts import BOUND, Outcome, boost

TOLD = (Term(name="word", field="memory", value=1.0),)


def scored(number: int, score: float) -> Scored:
    return Scored(number, f"a/{number:03}.md", score, 0, TOLD)


def about(number: int, topic: str, day: int, *, words: int = 35) -> Traits:
    """A memory whose whole text is its topic."""
    vector = {f"{topic}{i}": words**-0.5 for i in range(words)}
    return Traits(number=number, agent="a", day=day, whole=vector, head=vector, turns=0, report=False)


lists = st.lists(st.floats(0.1, 100), min_size=1, max_size=30).map(
    lambda values: [scored(n, value) for n, value in enumerate(sorted(values, reverse=True))]
)


def test_notes_of_one_day_lend_to_those_beside_them():
    found = rules.lend([scored(1, 10.0), scored(2, 8.0), scored(3, 1.0)], [[1, 9, 2]])
    assert {s.number: s.score for s in found} == pytest.approx({1: 10.8, 2: 9.0, 3: 1.0})
    assert [t.name for t in found[0].terms] == ["word", "same day"]


def test_own_memories_and_those_of_the_time_gain():
    written = {1: ("me", date(2026, 7, 3)), 2: ("other", date(2026, 7, 3)), 3: ("other", date(2026, 1, 1))}
    july = [(date(2026, 7, 1), date(2026, 7, 31))]
    found = rules.prefer([scored(n, 10.0) for n in (1, 2, 3)], written, agent="me", times=july)
    assert {s.number: s.score for s in found} == pytest.approx({1: 14.85, 2: 13.5, 3: 10.0})
    assert rules.prefer([scored(3, 1.0)], written, agent=None, times=[]) == [scored(3, 1.0)]


def test_a_note_written_some_days_after_the_time_counts():
    late = {1: ("a", date(2026, 8, 7)), 2: ("a", date(2026, 8, 8))}
    july = [(date(2026, 7, 1), date(2026, 7, 31))]
    found = rules.prefer([scored(1, 1.0), scored(2, 1.0)], late, agent=None, times=july)
    assert {s.number: s.score for s in found} == pytest.approx({1: 1.35, 2: 1.0})


def test_of_two_on_one_topic_with_close_scores_the_later_goes_first():
    known = {1: about(1, "x", 10), 2: about(2, "x", 90), 3: about(3, "y", 200)}
    found = rules.later_first([scored(1, 10.0), scored(3, 9.0), scored(2, 8.0)], known)
    assert [(s.number, s.score) for s in found] == [(2, 10.0), (3, 9.0), (1, 8.0)]
    assert found[0].terms[-1].name == "later on the topic"


@pytest.mark.parametrize("change", ["far apart", "too short", "the other way round"])
def test_otherwise_they_keep_their_places(change: str):
    words = rules.WORDS - 1 if change == "too short" else 35
    days = (90, 10) if change == "the other way round" else (10, 90)
    known = {1: about(1, "x", days[0], words=words), 2: about(2, "x", days[1], words=words)}
    before = [scored(1, 10.0), scored(2, 6.9 if change == "far apart" else 8.0)]
    assert rules.later_first(before, known) == before


@given(lists, st.lists(st.tuples(st.sampled_from("xyz"), st.integers(1, 300)), min_size=30, max_size=30))
def test_changing_places_keeps_the_scores_and_the_memories(before: list[Scored], kinds: list[tuple[str, int]]):
    known = {n: about(n, *kind) for n, kind in enumerate(kinds)}
    after = rules.later_first(before, known)
    assert [s.score for s in after] == pytest.approx([s.score for s in before])
    assert {s.number for s in after} == {s.number for s in before}


@given(lists, st.lists(st.integers(0, 29), unique=True))
def test_lending_never_takes_and_is_bounded(before: list[Scored], day: list[int]):
    most = 2 * sum(rules.SAME_DAY) * max(s.score for s in before)
    own = {s.number: s.score for s in before}
    for s in rules.lend(before, [day]):
        assert 0 <= s.score - own[s.number] <= most + 1e-9


def test_of_two_that_say_the_same_the_lower_points_to_the_higher():
    known = {1: about(1, "x", 10), 2: about(2, "x", 10), 3: about(3, "y", 10), 4: about(4, "x", 10)}
    assert rules.twins([scored(n, 5.0 - n) for n in (1, 3, 2, 4)], known, {}, {}) == {2: 1, 4: 1}
    assert rules.twins([scored(n, 5.0 - n) for n in (1, 3, 2, 4)], known, {}, {1: [2], 4: [1]}) == {4: 2}
    assert rules.twins([scored(1, 2.0), scored(9, 1.0)], known, {}, {}) == {}
    assert rules.twins([scored(7, 2.0), scored(9, 1.0)], {}, {7: ("the same",), 9: ("the same",)}, {}) == {9: 7}


@given(lists, st.dictionaries(st.integers(0, 29), st.integers(-1000, 1000), max_size=30))
def test_feedback_breaks_ties_and_never_more(before: list[Scored], said: dict[int, int]):
    boosts = {f"a/{n:03}.md": boost(Outcome(used=max(0, v), wrong=max(0, -v))) for n, v in said.items()}
    after = {s.number: s.score for s in rules.heed(before, boosts)}
    for one in before:
        assert abs(after[one.number] - one.score) <= BOUND * one.score
        for other in before:
            if one.score * (1 - BOUND) > other.score * (1 + BOUND):
                assert after[one.number] > after[other.number]


def test_without_feedback_nothing_moves():
    assert rules.heed([scored(1, 1.0)], {}) == [scored(1, 1.0)]
