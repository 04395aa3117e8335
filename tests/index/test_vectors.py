"""Vectors are derived: whatever happens to the files, they are those of a fresh build, or the answer says so."""

from __future__ import annotations

import contextlib
import hashlib
import math
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_memory.files import format as formats
from agent_memory.files.folder import Folder
from agent_memory.index import vectors
from agent_memory.index.embedding import EmbedderFailed
from agent_memory.index.vectors import PASSAGE, PASSAGES, NotReady, Vectors, passages
from agent_memory.model import Memory, Stat
from agent_memory.store import MemoryStore

np = pytest.importorskip("numpy", reason="the extra `semantic` is not installed")

EVERYTHING = ("1", ())


class Words:
    """An embedder without a model: each word of a text points into a direction of its own."""

    dimensions = 32
    near = 0.5

    def __init__(self, name: str = "words 1", then: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.then = then
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Any:
        self.asked += texts
        self.then()
        return np.array([self._row(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dimensions)

    def _row(self, text: str) -> list[float]:
        row = [0.0] * self.dimensions
        for word in text.lower().split():
            digest = hashlib.sha256(word.encode("utf-8", "replace")).digest()
            row[digest[0] % self.dimensions] += 1 if digest[1] % 2 else -1
        return row


class Broken(Words):
    def embed(self, texts: Sequence[str]) -> Any:
        raise EmbedderFailed(f"no weights for {len(texts)} texts")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "a": "Webhooks retry five times.",
        "b": "Parcels need ice.",
        "c": "# Long\n\n" + "ice cold " * 300,
    }.items():
        path = tmp_path / "store" / "agent" / f"2026-01-0{ord(name) - 96}-{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "store"


def rows(store: MemoryStore) -> dict[str, bytes]:
    """The vectors of an index as bytes, by path."""
    query = "SELECT path, directions FROM vectors JOIN memories ON number = memory"
    return store._index.read(lambda index: dict(index.connection.execute(query)))


def asked(store: MemoryStore, text: str, where: tuple[str, tuple[object, ...]] = EVERYTHING) -> dict[str, float] | None:
    """Path -> nearness, or None where only words were compared."""

    def answer(index: Any, used: Vectors | None) -> dict[str, float] | None:
        paths = dict(index.connection.execute("SELECT number, path FROM memories"))
        return None if used is None else {paths[n]: near for n, near in used.nearest(index, text, *where).items()}

    return store._index.read_by_meaning(answer)


def fresh(root: Path, embedder: Words) -> dict[str, bytes]:
    """The vectors of an index that is built from nothing."""
    with MemoryStore.open(root) as store:
        store._index.rebuild()
    with MemoryStore.open(root, embedder=embedder) as store:
        assert asked(store, "anything") is not None
        return rows(store)


STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "remove", "rename", "ask"]), st.sampled_from("abcdef"), st.integers(0, 3)),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_after_any_changes_the_vectors_are_those_of_a_fresh_build(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]
):
    root = tmp_path_factory.mktemp("store")
    (root / "agent").mkdir()
    with MemoryStore.open(root, embedder=Words()) as store:
        for step, name, variant in steps:
            path = root / "agent" / f"2026-01-01-{name}.md"
            if step == "write":
                path.write_text(f"# Note {name}\n\n" + f"word{variant} " * 40 * variant, encoding="utf-8")
            elif step == "remove":
                path.unlink(missing_ok=True)
            elif step == "rename" and path.exists():
                path.rename(path.with_name(f"2026-02-02-{name}.md"))
            else:
                asked(store, "word1")
        assert asked(store, "word1") is not None
        assert store.fallback == ""
        kept = rows(store)
    assert set(kept) == {f"agent/{path.name}" for path in (root / "agent").iterdir()}
    assert kept == fresh(root, Words())


def test_what_did_not_change_is_not_embedded_again(root: Path):
    embedder = Words()
    with MemoryStore.open(root, embedder=embedder) as store:
        asked(store, "ice")
        embedder.asked.clear()
        (root / "agent" / "2026-01-02-b.md").write_text("Parcels need dry ice.", encoding="utf-8")
        asked(store, "ice")
    assert embedder.asked == ["b\nParcels need dry ice.", "ice"]


def test_a_store_that_stays_open_compares_with_what_the_files_say_now(root: Path):
    with MemoryStore.open(root, embedder=Words()) as store:
        before = asked(store, "lead")
        (root / "agent" / "2026-01-02-b.md").write_text("lead lead lead", encoding="utf-8")
        after = asked(store, "lead")
        assert asked(store, "lead") == after != before
    with MemoryStore.open(root, embedder=Words()) as store:
        assert asked(store, "lead") == after


def test_a_removed_memory_leaves_no_vectors(root: Path):
    with MemoryStore.open(root, embedder=Words()) as store:
        assert len(asked(store, "ice") or {}) == 3
        (root / "agent" / "2026-01-02-b.md").unlink()
        assert "agent/2026-01-02-b.md" not in (asked(store, "ice") or {})
        count = store._index.read(lambda index: index.connection.execute("SELECT count(*) FROM vectors").fetchone())
        assert count == (2,)


def test_vectors_of_another_model_are_made_anew(root: Path):
    with MemoryStore.open(root, embedder=Words()) as store:
        asked(store, "ice")
    other = Words("words 2")
    with MemoryStore.open(root, embedder=other) as store:
        asked(store, "ice")
        assert len(other.asked) > 3
        assert store._index.read(lambda index: index.fact("vectors")) == "words 2"


@pytest.mark.parametrize("damage", ["UPDATE vectors SET directions = x'0102'", "UPDATE vectors SET directions = x''"])
def test_vectors_of_a_wrong_length_are_made_anew(root: Path, damage: str):
    with MemoryStore.open(root, embedder=Words()) as store:
        asked(store, "ice")
        before = rows(store)
        store._index.read(lambda index: index.connection.execute(damage))
        assert rows(store) != before
        asked(store, "ice")
        assert rows(store) == before


def test_without_the_table_the_index_is_rebuilt_and_says_so(root: Path):
    with MemoryStore.open(root, embedder=Words()) as store:
        before = asked(store, "ice")
        with contextlib.closing(sqlite3.connect(root / ".store" / "index.sqlite3")) as another:
            another.execute("DROP TABLE vectors")
        assert asked(store, "ice") == before
        assert "rebuilt" in store.fallback


def test_an_index_that_breaks_under_an_answer_has_its_vectors_when_it_answers_again(root: Path):
    calls: list[dict[int, float]] = []

    def answer(index: Any, used: Vectors | None) -> int:
        assert used is not None
        calls.append(used.nearest(index, "ice", *EVERYTHING))
        return len(
            index.connection.execute("SELECT * FROM no_such_table" if len(calls) == 1 else "SELECT 1").fetchall()
        )

    with MemoryStore.open(root, embedder=Words()) as store:
        assert store._index.read_by_meaning(answer) == 1
        assert "rebuilt" in store.fallback
    assert [len(near) for near in calls] == [3, 3]


def test_a_store_without_an_embedder_does_not_care_for_the_table(root: Path):
    with MemoryStore.open(root, embedder=Words()) as store:
        asked(store, "ice")
        kept = rows(store)
    with MemoryStore.open(root) as store:
        assert asked(store, "ice") is None
        assert store.fallback == ""
        assert rows(store) == kept


def test_a_broken_embedder_leaves_the_answer_to_the_words_and_says_so(root: Path):
    with MemoryStore.open(root, embedder=Broken()) as store:
        assert asked(store, "ice") is None
        assert "meaning was not compared (no weights for" in store.fallback
        assert store.search("ice").hits
        store.sync()
        assert "no weights" in store.fallback


def test_an_embedder_that_breaks_at_the_question_does_the_same(root: Path):
    with MemoryStore.open(root, embedder=Words()) as store:
        asked(store, "ice")
    with MemoryStore.open(root, embedder=Broken()) as store:
        assert asked(store, "ice") is None
        assert "meaning was not compared (no weights for 1 texts)" in store.fallback


def test_what_was_made_before_the_embedder_broke_stays(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vectors, "_BATCH", 1)

    def breaks() -> None:
        if len(embedder.asked) > 2:
            raise EmbedderFailed("out of breath")

    embedder = Words(then=breaks)
    with MemoryStore.open(root, embedder=embedder) as store:
        assert asked(store, "ice") is None
        assert len(rows(store)) == 2


def test_an_index_that_somebody_keeps_locked_is_left_alone_and_the_answer_comes(root: Path):
    with MemoryStore.open(root) as store:
        store.sync()
    with contextlib.closing(sqlite3.connect(root / ".store" / "index.sqlite3")) as another:
        another.execute("BEGIN IMMEDIATE")
        with MemoryStore.open(root, embedder=Words(), lock_timeout=0.1) as store:
            assert len(asked(store, "ice") or {}) == 3
            assert "answered from the files" in store.fallback


def test_too_many_missing_ones_are_left_to_sync(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vectors, "LAZILY", 2)
    embedder = Words()
    with MemoryStore.open(root, embedder=embedder) as store:
        assert asked(store, "ice") is None
        assert "3 memories have no vectors yet; make them with: memory sync" in store.fallback
        assert not embedder.asked
        store.sync()
        assert store.fallback == ""
        assert len(asked(store, "ice") or {}) == 3


def test_a_file_that_changes_while_it_is_embedded_does_not_keep_the_old_vectors(root: Path):
    path = root / "agent" / "2026-01-02-b.md"

    def edit() -> None:
        embedder.then = lambda: None
        with MemoryStore.open(root) as other:
            other.edit("agent/2026-01-02-b", body="Parcels need lead.")

    embedder = Words(then=edit)
    with MemoryStore.open(root, embedder=embedder) as store:
        asked(store, "ice")
        asked(store, "ice")
        assert "lead" in path.read_text(encoding="utf-8")
        assert rows(store) == fresh(root, Words())


def test_only_what_exists_for_the_one_who_asks_is_near(root: Path):
    with MemoryStore.open(root, embedder=Words()) as store:
        found = asked(store, "ice", ("memories.date <= ?", ("2026-01-01",)))
    assert set(found or ()) == {"agent/2026-01-01-a.md"}


def test_nearness_is_half_the_best_passage_and_half_all_of_them(root: Path):
    embedder = Words()
    with MemoryStore.open(root, embedder=embedder) as store:
        found = asked(store, "ice cold")
        kept = rows(store)
    (question,) = embedder.embed(["ice cold"]).tolist()
    for path, data in kept.items():
        parts = np.frombuffer(data, dtype=np.int8).reshape(-1, embedder.dimensions).tolist()
        cosines = [
            sum(x * y for x, y in zip(part, question, strict=True)) / math.hypot(*part) / math.hypot(*question)
            for part in parts
        ]
        assert found is not None
        assert found[path] == pytest.approx((max(cosines) + sum(cosines) / len(cosines)) / 2, abs=1e-5)


def test_an_empty_store_has_nothing_near(tmp_path: Path):
    (tmp_path / "store").mkdir()
    with MemoryStore.open(tmp_path / "store", embedder=Words()) as store:
        assert asked(store, "ice") == {}


def test_refusing_makes_nothing(root: Path):
    with MemoryStore.open(root, embedder=Words()) as store:
        store.sync()
        made = Vectors(Words("words 3"))
        with pytest.raises(NotReady):
            made.complete(store._index._open(), Folder(root), timeout=1, most=1)
        assert rows(store) == {}


TEXT = st.text(st.sampled_from("ab \n.#é漢"), max_size=3000)


def memory_of(body: str, name: str = "Title") -> Memory:
    data = f"---\nname: {name}\n---\n\n{body}".encode()
    return formats.parse(Stat("agent/2026-01-01-x.md", len(data), 0, 0, 0), data).memory


@given(TEXT)
def test_passages_hold_the_whole_text_within_their_size(body: str):
    memory = memory_of(body)
    found = passages(memory)
    assert found
    assert all(text.startswith("Title") and len(text) <= PASSAGE + 6 for text in found)
    if len(found) < PASSAGES:
        assert "".join("".join(t.split("\n", 1)[1] for t in found if "\n" in t).split()) == "".join(memory.body.split())


def test_a_very_long_memory_has_no_more_than_its_share():
    assert len(passages(memory_of("word " * 50_000))) == PASSAGES


def test_a_memory_without_text_is_its_title():
    assert passages(memory_of("")) == ["Title"]
