"""Copies and topics, without comparing each with each."""

from __future__ import annotations

import random

from agent_memory.upkeep import similarity


def words(chance: random.Random, count: int) -> list[str]:
    return [f"w{chance.randrange(5000)}" for _ in range(count)]


def copies(texts: list[str], least: float = 0.85) -> list[tuple[int, int]]:
    found = similarity.copies(texts, least=least, may_go=lambda i, j: True)
    return sorted((i, j) for i, j, _ in found.pairs)


def test_copies_are_those_that_a_comparison_of_all_pairs_finds():
    chance = random.Random(7)
    texts = [" ".join(words(chance, 120)) for _ in range(60)]
    for i in range(0, 60, 3):
        changed = texts[i].split()
        for place in chance.sample(range(120), i % 7):
            changed[place] = "changed"
        texts.append(" ".join(changed))
    runs = [similarity.shingles(text) for text in texts]
    close = {(i, j) for i in range(len(texts)) for j in range(i) if similarity.overlap(runs[i], runs[j]) >= 0.85}
    assert set(copies(texts)) == close
    assert len(close) > 5


def test_white_space_makes_no_difference_and_short_texts_are_compared_too():
    assert copies(["a b c", "a  b\nc", "", "", "x"]) == [(1, 0), (3, 2)]


def test_ten_thousand_alike_texts_are_not_compared_with_each_other():
    texts = [f"{'same words again and again in every one of them ' * 5} {n}" for n in range(3000)]
    compared = []

    def may_go(i: int, j: int) -> bool:
        compared.append((i, j))
        return False

    found = similarity.copies(texts, least=0.5, may_go=may_go)
    assert not found.pairs
    assert not found.complete
    assert len(compared) <= 16 * len(texts)


def test_texts_on_one_topic_come_together_within_the_limits():
    counts = [{"queue": 3, "worker": 2, f"a{n}": 1} for n in range(4)] + [
        {"label": 3, "printer": 2, f"b{n}": 1} for n in range(4)
    ]
    vectors = similarity.topics(counts)
    texts = [similarity.Group((i,), 10, 100 + i, 100 + i, v) for i, v in enumerate(vectors)]
    limits = similarity.Limits(most=4, room=100, span=50)
    assert [g.members for g in similarity.grouped(texts, limits)] == [(0, 1, 2, 3), (4, 5, 6, 7)]
    for tight in (
        similarity.Limits(most=2, room=100, span=50),
        similarity.Limits(most=4, room=20, span=50),
        similarity.Limits(most=4, room=100, span=1),
    ):
        found = similarity.grouped(texts, tight)
        assert sorted(i for g in found for i in g.members) == list(range(8))
        assert all(len(g.members) <= 2 for g in found)
