"""From a task to its memories, over real stores."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_memory.index.sqlite import Index
from agent_memory.recall import task as tasks
from agent_memory.store import MemoryStore

EXAMPLE = Path(__file__).parents[2] / "examples/osier/.claude/agents-memory"
TODAY = date(2026, 11, 20)
WORDS = "webhook retry timeout invoice label depot courier sensor queue migration index cache token photo".split()


@contextmanager
def opened(files: Mapping[str, str]) -> Iterator[MemoryStore]:
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            target = Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        with MemoryStore.open(folder) as store:
            yield store


def answer(store: MemoryStore, task: str, *, agent: str | None = "api", today: date = TODAY) -> list[tuple[str, float]]:
    """Paths and scores."""

    def rank(index: Index) -> tasks.Ranked:
        return tasks.rank(index, task, agent=agent, today=today, limit=100)

    return [(s.path, round(s.score, 9)) for s in store._index.read(rank).scored]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryStore]:
    root = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("example") / "store")
    with MemoryStore.open(root) as store:
        yield store


# --- what is found -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("Schedule the new job `logger_drift` monthly.", "pipeline-engineer/2026-07-14-cronjobs.md"),
        ("`canceling statement due to lock timeout`", "database-engineer/2026-02-12-lock-timeout-in-migrations.md"),
        ("What did we decide last spring about squashing migrations?", "database-engineer/2026-04-16-never-squash.md"),
    ],
)
def test_the_memory_in_force_is_among_the_first(example: MemoryStore, task: str, wanted: str):
    assert wanted in [path for path, _ in answer(example, task)][:5]


@pytest.mark.parametrize(
    ("task", "day"),
    [
        ("Lobby television: welcome page with company news and weather.", date(2026, 3, 16)),
        ("Eye tracking study: vendors, price, lab room.", date(2026, 4, 8)),
        ("Plan a hackathon day with students of the local university: topics, rooms, prizes.", date(2026, 10, 21)),
        ("please do what you should do", TODAY),
        ("the and of", TODAY),
        ("!!! ??? ...", TODAY),
    ],
)
def test_of_what_nobody_noted_there_is_nothing(example: MemoryStore, task: str, day: date):
    assert answer(example, task, today=day) == []


@pytest.mark.parametrize("today", [date(1, 1, 1), date(1969, 12, 31), date(2300, 1, 1), date(9999, 12, 31)])
def test_any_day_can_be_asked_about(example: MemoryStore, today: date):
    assert bool(answer(example, "Schedule the new job `logger_drift` monthly.", today=today)) is (today.year > 2000)


def test_a_path_in_the_front_matter_is_found():
    head = "---\nfiles: [src/payments/webhook.py]\n---\n"
    files = {"api/2026-01-02-a.md": f"{head}# Careful here\n\nIt bites.\n"}
    files |= {f"api/2026-01-03-{word}.md": f"# About {word}\n\nOnly {word}.\n" for word in WORDS}
    with opened(files) as store:
        assert answer(store, "Refactor src/payments/webhook.py")[0][0] == "api/2026-01-02-a.md"


def test_a_task_of_a_million_characters_is_answered(example: MemoryStore):
    long = "Schedule the job `logger_drift` monthly. " + " ".join(f"word{n}" for n in range(110_000))
    assert len(long) > 1_000_000
    answer(example, long[:1_000_000])


# --- what is hidden leaves no trace --------------------------------------------------------------------------------

note = st.tuples(st.sampled_from(["api", "web"]), st.lists(st.sampled_from(WORDS), min_size=3, max_size=12))
notes = st.lists(note, min_size=1, max_size=12)


def written(found: list[tuple[str, list[str]]], *, day: str, head: str = "", label: str = "seen") -> dict[str, str]:
    return {
        f"{agent}/{day}-{label}-{n}.md": f"{head}# {words[0]} {words[1]}\n\n{' '.join(words)}.\n"
        for n, (agent, words) in enumerate(found)
    }


@settings(max_examples=25, deadline=None)
@given(notes, notes, st.sampled_from(["later", "archived", "private"]), st.lists(st.sampled_from(WORDS), min_size=1))
def test_a_ranking_is_the_same_whether_hidden_memories_exist_or_not(
    seen: list[tuple[str, list[str]]], hidden: list[tuple[str, list[str]]], why: str, task: list[str]
):
    files = written(seen, day="2026-03-01")
    if why == "later":
        more = written(hidden, day="2026-11-21", label="hidden")
    elif why == "archived":
        more = {f".store/archive/{p}": t for p, t in written(hidden, day="2026-03-01", label="hidden").items()}
    else:
        others = [("other", words) for _, words in hidden]
        more = written(others, day="2026-03-01", head="---\nvisibility: private\n---\n", label="hidden")
    today = TODAY if why == "later" else date(2100, 1, 1)  # archived by then: the files are moved while this runs
    with opened(files) as one, opened(files | more) as two:
        assert answer(one, " ".join(task), today=today) == answer(two, " ".join(task), today=today)


def test_what_was_archived_after_a_day_is_there_on_that_day_and_its_digest_is_not():
    """Asked about a day that is over, the store is as it was then."""
    files = {
        f"api/2026-01-{n:02}-{word}.md": f"# About {word}\n\nThe {word} fails.\n" for n, word in enumerate(WORDS, 1)
    }
    with opened(files) as store:
        before = answer(store, "why the invoice fails")
        source = store.archive("api/2026-01-04-invoice")
        store.add(
            agent="api", topic="Digest", type="digest", body="The invoice fails.", date=source.date, sources=[source.id]
        )
        assert [path.removeprefix(".store/archive/") for path, _ in answer(store, "why the invoice fails")] == [
            path for path, _ in before
        ]
        assert store.rank("api", "why the invoice fails", now=TODAY) == tuple(path for path, _ in before)
        later = [path for path, _ in answer(store, "why the invoice fails", today=date(2100, 1, 1))]
        assert later[0] == "api/2026-01-04-digest.md"
        assert ".store/archive/api/2026-01-04-invoice.md" not in later
        (found, *_) = store.first_step(agent="api", task="why the invoice fails", now=TODAY).memories
        assert (found.record.id, found.status) == (source.id, "active")


@settings(max_examples=25, deadline=None)
@given(notes, st.lists(st.sampled_from(WORDS), min_size=1), st.data())
def test_a_superseded_memory_never_outranks_its_successor(
    found: list[tuple[str, list[str]]], task: list[str], data: st.DataObject
):
    files = written(found, day="2026-03-01")
    paths = sorted(files)
    links: dict[str, str] = {}
    for at, path in enumerate(paths[1:], 1):
        if data.draw(st.booleans()):
            links[path] = data.draw(st.sampled_from(paths[:at]))
            day = data.draw(st.sampled_from(["2026-01-01", "2026-03-01", "2026-06-01"]))
            files[path] = f"---\ndate: {day}\nsupersedes: [{links[path]}]\n---\n{files[path]}"
    with opened(files) as store:
        place = {path: at for at, (path, _) in enumerate(answer(store, " ".join(task)))}
    for new, old in links.items():
        if old in place:
            assert place[new] < place[old]


@settings(max_examples=15, deadline=None)
@given(notes, st.lists(st.sampled_from(WORDS), min_size=1), st.randoms(use_true_random=False))
def test_a_ranking_does_not_depend_on_the_order_in_which_memories_came(
    found: list[tuple[str, list[str]]], task: list[str], chance
):
    files = written(found, day="2026-03-01")
    shuffled = list(files)
    chance.shuffle(shuffled)
    with opened(files) as one, opened({}) as two:
        for path in shuffled:
            target = two.root / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(files[path])
            two.sync()
        assert answer(one, " ".join(task)) == answer(two, " ".join(task))


def test_equally_good_candidates_are_chosen_by_path():
    words = " ".join(f"w{n}" for n in range(12))
    files = {f"api/2026-{1 + n // 9:02}-{1 + n % 9:02}-same-{n}.md": f"{words}\n" for n in range(90)}
    with opened(files) as store:
        found = [path for path, _ in answer(store, words)]
    assert found == sorted(files)[: len(found)]
    assert len(found) >= tasks.CANDIDATES
