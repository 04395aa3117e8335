"""Words and meaning add up in one way, whatever the scale of either."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.model import Term
from agent_memory.recall.fusion import CANDIDATES, WEIGHT, chosen, fuse, standing
from agent_memory.recall.ranking import Scored

NEAR = st.dictionaries(st.integers(0, 40), st.floats(-1, 1).map(lambda x: round(x, 6)), max_size=30)
SCORES = st.dictionaries(st.integers(0, 40), st.floats(0.01, 50), max_size=20)
PATHS = {number: f"agent/2026-01-01-{number:02}.md" for number in range(400)}


def words(scores: dict[int, float]) -> list[Scored]:
    return sorted((Scored(n, PATHS[n], s, 0) for n, s in scores.items()), key=lambda s: (-s.score, s.path))


def test_only_what_is_nearer_than_the_mean_stands_out():
    assert standing({1: 0.1, 2: 0.3}) == {2: pytest.approx(1.0)}
    assert standing({1: 0.2, 2: 0.2}) == {}
    assert standing({}) == {}


@given(SCORES, NEAR)
def test_nothing_is_lost_and_the_order_is_that_of_the_scores(scores: dict[int, float], near: dict[int, float]):
    fused = fuse(words(scores), standing(near), unit=10.0)
    assert {s.number for s in fused} == scores.keys()
    assert fused == sorted(fused, key=lambda s: (-s.score, s.path))
    assert all(s.score >= scores.get(s.number, 0.0) for s in fused)


@given(SCORES, NEAR)
def test_the_order_in_which_things_come_does_not_matter(scores: dict[int, float], near: dict[int, float]):
    back = dict(reversed(near.items()))
    assert fuse(words(scores), standing(near), unit=1.0) == fuse(words(scores)[::-1], standing(back), unit=1.0)


@given(SCORES)
def test_without_meaning_the_words_decide_alone(scores: dict[int, float]):
    assert fuse(words(scores), standing({}), unit=10.0) == words(scores)
    assert fuse(words(scores), standing(dict.fromkeys(range(40), 0.5)), unit=10.0) == words(scores)


@given(st.dictionaries(st.integers(0, 40), st.integers(-100, 100), max_size=30), st.integers(1, 9), st.integers(-9, 9))
def test_the_scale_of_a_model_does_not_matter(near: dict[int, int], factor: int, shift: int):
    one = standing({n: float(v) for n, v in near.items()})
    other = standing({n: float(v * factor + shift) for n, v in near.items()})
    assert other == pytest.approx(one)


def test_where_words_match_well_meaning_decides_between_near_equals_only():
    near = {1: 0.2, 2: 0.3, 3: 0.1, 4: 0.1}
    assert [s.number for s in fuse(words({1: 10.0, 2: 9.9}), standing(near), unit=5.0)][:2] == [2, 1]
    assert [s.number for s in fuse(words({1: 10.0, 2: 6.0}), standing(near), unit=5.0)][:2] == [1, 2]


def test_each_addend_is_told():
    lexical = [Scored(1, PATHS[1], 2.0, 3, (Term(name="ice", field="memory", value=2.0),))]
    (first, *_) = fuse(lexical, standing({1: 0.5, 2: 0.1, 3: 0.1}), unit=10.0)
    assert (first.number, first.passage) == (1, 3)
    assert sum(term.value for term in first.terms) == pytest.approx(first.score)
    (added,) = [term for term in first.terms if term.field == "semantic"]
    assert added.value == pytest.approx(WEIGHT * 10.0 * 2**0.5)
    assert added.note == "1.4 standard deviations nearer in meaning than the mean of all memories"


def test_meaning_brings_in_the_nearest_and_not_everything():
    near = {n: n / 400 for n in range(400)}
    assert sorted(chosen(standing(near))) == list(range(400 - CANDIDATES, 400))


def test_of_equals_at_the_end_all_are_brought_in_or_none():
    """Numbers differ between two builds of an index, so they must not decide."""
    near = {n: float(n < CANDIDATES + 1) for n in range(400)} | {0: 2.0}
    assert set(chosen(standing(near))) == {0}
    near = {n: float(n < CANDIDATES) for n in range(400)}
    assert set(chosen(standing(near))) == set(range(CANDIDATES))
