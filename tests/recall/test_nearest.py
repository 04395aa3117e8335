"""What is chosen for ranking, over real stores."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_memory.index.population import Population
from agent_memory.index.sqlite import Index
from agent_memory.index.view import View
from agent_memory.recall import nearest as choosing
from agent_memory.recall import ranking, task
from agent_memory.store import MemoryStore

WORDS = "alpha beta gamma delta omega".split()
TODAY = date(2026, 11, 20)


def planted(root: Path, texts: dict[str, str]) -> MemoryStore:
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return MemoryStore.open(root)


NOTE = st.tuples(
    st.lists(st.sampled_from(WORDS), max_size=3),
    st.lists(st.sampled_from(WORDS), max_size=3, unique=True),
    st.lists(st.sampled_from(WORDS), max_size=12),
)


@settings(max_examples=30, deadline=None)
@given(
    notes=st.lists(NOTE, min_size=1, max_size=8),
    weights=st.dictionaries(st.sampled_from(WORDS), st.floats(0.1, 9), min_size=1),
)
def test_points_are_the_memory_part_of_the_score(
    tmp_path_factory: pytest.TempPathFactory,
    notes: list[tuple[list[str], list[str], list[str]]],
    weights: dict[str, float],
):
    """Once all occurrences are looked at, candidates are ordered by what the score says of whole memories."""
    texts = {
        f"api/2026-01-{day:02}-n.md": f"---\ntags: [{', '.join(tags)}]\n---\n"
        f"# Note {' '.join(title)}\n\n{' '.join(text)}.\n"
        for day, (title, tags, text) in enumerate(notes, 1)
    }
    with planted(tmp_path_factory.mktemp("store"), texts) as store:

        def compare(index: Index) -> None:
            population = Population(index, View("api", TODAY))
            statistics = ranking.Statistics(
                population.memories, population.tokens, population.passage_tokens, population.having(weights)
            )
            points = choosing._points(population, weights)
            everything = {number: "" for (number,) in index.connection.execute("SELECT number FROM memories")}
            for candidate in task._candidates(index, everything):
                scored = ranking.score(candidate, weights, {}, statistics, explain=True)
                whole = sum(term.value for term in scored.terms if term.field == "memory")
                assert math.isclose(points.get(candidate.number, 0.0), whole, abs_tol=1e-9)

        store._index.read(compare)


def test_a_short_note_with_the_word_in_its_title_comes_before_long_ones_that_have_it_once(tmp_path: Path):
    """More memories have the words than are ranked: presence alone would take the first by their paths."""
    padding = " ".join(f"filler{n}" for n in range(300))
    texts = {f"api/2026-01-01-long-{n:03}.md": f"# Note {n}\n\nwebhook {padding} backoff\n" for n in range(200)}
    texts["api/2026-01-02-zz.md"] = "# Webhook backoff\n\nThe webhook backoff doubles.\n"
    with planted(tmp_path, texts) as store:
        found = store._index.read(
            lambda index: choosing.nearest(Population(index, View("api", TODAY)), {"webhook": 2.0, "backoff": 2.0}, 3)
        )
    assert len(found) == 3
    assert "api/2026-01-02-zz.md" in found.values()


EQUAL = {f"api/2026-01-01-{n:02}.md": "alpha beta gamma\n" for n in range(9, -1, -1)} | {
    "api/2026-01-02-rare.md": "omega\n"
}
WEIGHTS = {"alpha": 1.0, "beta": 1.0, "gamma": 1.0, "omega": 5.0}


def test_of_equal_ones_the_first_by_path_are_taken(tmp_path: Path):
    with planted(tmp_path, EQUAL) as store:
        found = store._index.read(lambda index: choosing.nearest(Population(index, View("api", TODAY)), WEIGHTS, 4))
    assert sorted(found.values()) == [*(f"api/2026-01-01-{n:02}.md" for n in range(3)), "api/2026-01-02-rare.md"]


def test_common_words_are_left_out_once_enough_was_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Eleven memories allow 22 occurrences: the rare word and two of the three common ones."""
    points = lambda index: choosing._points(Population(index, View("api", TODAY)), WEIGHTS)  # noqa: E731
    with planted(tmp_path, EQUAL) as store:
        whole = store._index.read(points)
        monkeypatch.setattr(choosing, "POSTINGS", 0)
        part = store._index.read(points)
    assert part.keys() == whole.keys()
    assert sum(part[number] == whole[number] for number in part) == 1
    assert all(math.isclose(3 * part[number], 2 * whole[number]) for number in part if part[number] != whole[number])


def test_readers_in_turn_get_what_each_would_get_alone(tmp_path: Path):
    """What was counted for one is another's only where both see the same."""
    private = "---\nvisibility: private\n---\nalpha alpha gamma\n"
    texts = {f"api/2026-01-{n:02}-n.md": f"# Note {n}\n\nalpha {'beta ' * n}\n" for n in range(1, 9)}
    texts |= {"web/2026-02-01-mine.md": private, "ops/2026-02-02-open.md": "gamma delta\n"}

    def points(store: MemoryStore, agent: str, day: date) -> dict[int, float]:
        return store._index.read(lambda index: choosing._points(Population(index, View(agent, day)), WEIGHTS))

    asked = [(agent, day) for day in (TODAY, date(2026, 1, 4)) for agent in ("api", "ops", "web")]
    with planted(tmp_path, texts) as shared:
        together = [points(shared, *one) for one in (*asked, *asked[::-1])]
    alone = []
    for one in asked:
        with MemoryStore.open(tmp_path) as store:
            alone.append(points(store, *one))
    assert together == [*alone, *alone[::-1]]
    assert alone[0] == alone[1] != alone[2]
