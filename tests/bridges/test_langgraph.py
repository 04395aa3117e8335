"""LangGraph's store over memories: equal to SqliteStore operation by operation on what both agree upon, and no more."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchItem,
    SearchOp,
)
from langgraph.store.sqlite import SqliteStore

from agent_memory import Conflict, InvalidInput, MemoryStore
from agent_memory.bridges.langgraph import AgentMemoryStore

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
API, WEB = ("agents-memory", "api"), ("agents-memory", "web")
KEY = "2026-07-01-retries"


def value(key: str, content: str, **more: Any) -> dict[str, Any]:
    """A value with every key, as it comes back."""
    return {
        "content": content, "topic": "T", "date": key[:10], "type": "note", "description": "", "status": "active",
        "visibility": "team", "valid_until": None, "tags": [], "files": [], "supersedes": [],
    } | more  # fmt: skip


@pytest.fixture
def memories(tmp_path: Path) -> Iterator[MemoryStore]:
    with MemoryStore.init(tmp_path / "agents-memory", clock=lambda: NOW) as store:
        yield store


@pytest.fixture
def store(memories: MemoryStore) -> AgentMemoryStore:
    return AgentMemoryStore(memories)


def plain(result: Any) -> Any:
    """A result without its times and scores; what is found has no agreed order."""
    if isinstance(result, Item):
        return (result.namespace, result.key, result.value)
    if isinstance(result, list):
        return sorted(map(plain, result), key=repr)
    return result


KEYS = st.sampled_from([KEY, "2026-07-02-limits", "2026-06-30-café"])
SPACES = st.sampled_from([API, WEB])
CONTENTS = st.text(st.sampled_from("ab\n \r#-:é"), max_size=10)
VALUES = st.tuples(CONTENTS, st.sampled_from(["note", "decision"]), st.lists(st.sampled_from(["x", "y"]), unique=True))
FILTERS = st.sampled_from([
    None, {"type": "note"}, {"type": {"$eq": "decision"}}, {"type": {"$ne": "note"}},
    {"status": "active", "type": "note"}, {"valid_until": None}, {"valid_until": {"$gt": "2026", "$lte": "2027"}},
    {"valid_until": {"$ne": "2027"}},
    {"type": {"$eq": "note", "$ne": "decision"}}, {"status": "gone"},
])  # fmt: skip
PREFIXES = st.sampled_from([(), ("agents-memory",), API, WEB])
MATCHES = st.sampled_from([
    None, (MatchCondition("prefix", ("agents-memory",)),), (MatchCondition("suffix", ("api",)),),
    (MatchCondition("prefix", ("*", "web")),), (MatchCondition("prefix", ("other",)),),
])  # fmt: skip


def put(namespace: tuple[str, str], key: str, words: tuple[str, str, list[str]] | None) -> PutOp:
    made = words and value(key, words[0], type=words[1], tags=sorted(words[2]))
    return PutOp(namespace, key, made or None)


OPS: st.SearchStrategy[Op] = st.one_of(
    st.builds(put, SPACES, KEYS, st.one_of(st.none(), VALUES, VALUES, VALUES)),
    st.builds(GetOp, SPACES, KEYS),
    st.builds(lambda prefix, chosen: SearchOp(prefix, chosen, limit=50), PREFIXES, FILTERS),
    st.builds(lambda match, depth: ListNamespacesOp(match, depth, limit=50), MATCHES, st.sampled_from([None, 1, 2])),
)


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(OPS, min_size=1, max_size=6), min_size=1, max_size=6))
def test_batches_have_the_results_of_the_sqlite_store(batches: list[list[Op]]):
    with tempfile.TemporaryDirectory() as folder, MemoryStore.init(Path(folder, "store")) as memories:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        theirs = SqliteStore(connection)
        theirs.setup()
        ours = AgentMemoryStore(memories)
        for batch in batches:
            assert [plain(r) for r in ours.batch(batch)] == [plain(r) for r in theirs.batch(batch)], batch
        everything: list[Op] = [SearchOp((), limit=100)]
        assert plain(ours.batch(everything)) == plain(theirs.batch(everything))
        assert memories.doctor().healthy
        connection.close()


@settings(max_examples=80, deadline=None)
@given(content=st.text(max_size=60), topic=st.text(st.characters(categories=["L", "N", "Zs"]), min_size=1, max_size=20))
def test_what_is_put_comes_back(content: str, topic: str):
    with tempfile.TemporaryDirectory() as folder, MemoryStore.init(Path(folder, "store")) as memories:
        store = AgentMemoryStore(memories)
        wanted = value(KEY, content, topic=topic.strip() or "T")
        try:
            store.put(API, KEY, wanted)
            store.put(API, KEY, wanted)  # once new, once changed
        except InvalidInput:
            assert "\0" in content or any(ord(c) in range(0xD800, 0xE000) for c in content)
            return
        item = store.get(API, KEY)
        assert item is not None
        assert item.value == wanted


ODD = st.characters(exclude_categories=[]) | st.sampled_from(" .-\t\u200b\u0301\u202e[]#|%a")


@settings(max_examples=150, deadline=None)
@given(name=st.text(ODD, max_size=8))
def test_what_is_put_is_found_or_refused(name: str):
    with tempfile.TemporaryDirectory() as folder, MemoryStore.init(Path(folder, "store")) as memories:
        store = AgentMemoryStore(memories)
        key = f"2026-07-01-{name}"
        try:
            store.put(API, key, {"content": "x"})
        except InvalidInput:
            assert not list(memories.root.rglob("*.md"))
            return
        assert store.get(API, key) is not None
        assert [item.key for item in store.search(API)] == [key]
        store.put(API, key, {"content": "y"})
        assert memories.doctor().healthy


def test_a_value_may_be_short_and_what_it_leaves_out_is_filled_in(store: AgentMemoryStore, memories: MemoryStore):
    store.put(API, KEY, {"content": "Webhooks retry five times.", "tags": ["jobs"], "valid_until": "2099-01-01"})
    assert memories.show(f"api/{KEY}").tags == ("jobs",)
    item = store.get(API, KEY)
    assert item is not None
    assert (item.value["topic"], item.value["date"], item.value["valid_until"]) == (
        "retries",
        "2026-07-01",
        "2099-01-01",
    )
    assert (item.created_at, item.updated_at > item.created_at) == (datetime(2026, 7, 1, tzinfo=UTC), True)
    store.put(API, KEY, {"content": "Nine times."})
    again = store.get(API, KEY)
    assert again is not None
    assert (again.value["tags"], again.value["valid_until"]) == ([], None)
    store.delete(API, KEY)
    assert store.get(API, KEY) is None
    memories.restore(f"api/{KEY}")
    assert store.get(API, KEY) is not None


def test_a_query_ranks_and_nothing_in_it_is_syntax(store: AgentMemoryStore):
    store.put(API, KEY, {"content": "Webhooks retry five times.", "topic": "Webhooks"})
    store.put(API, "2026-07-02-limits", {"content": "The rate limit is ten, also for webhooks.", "type": "decision"})
    store.put(WEB, "2026-07-02-colours", {"content": "Blue."})
    found = store.search(API, query='How OR often: do "webhooks (retry')
    assert [item.key for item in found] == [KEY, "2026-07-02-limits"]
    assert found[0].score is not None
    assert found[1].score is not None
    assert found[0].score > found[1].score
    assert [item.key for item in store.search(API, query="webhooks", filter={"type": "decision"})] == [
        "2026-07-02-limits"
    ]
    assert [item.key for item in store.search(API, query="webhooks", limit=1, offset=1)] == [found[1].key]
    assert store.search(API, query="?!") == []
    assert [item.namespace for item in store.search(("agents-memory",), query="blue")] == [WEB]


def test_private_items_are_for_their_namespace_alone(store: AgentMemoryStore):
    store.put(API, KEY, {"content": "Salaries.", "visibility": "private"})
    assert store.get(API, KEY) is not None
    assert [item.key for item in store.search(API)] == [KEY]
    assert store.search(API, query="salaries") != []
    assert store.search(("agents-memory",)) == []
    assert store.search((), query="salaries") == []
    assert store.list_namespaces() == []


REFUSED: list[tuple[Op, str]] = [
    (PutOp(("users", "me"), KEY, {"content": "x"}), "only"),
    (PutOp(("agents-memory",), KEY, {"content": "x"}), "only"),
    (PutOp(("agents-memory", "api", "x"), KEY, {"content": "x"}), "only"),
    (GetOp(("users", "me"), KEY), "only"),
    (SearchOp(("users",)), "only"),
    (SearchOp(("agents-memory", "api", "x")), "only"),
    (PutOp(("agents-memory", "../x"), KEY, {"content": "x"}), "Namespace"),
    (PutOp(("agents-memory", "-x"), KEY, {"content": "x"}), "agent name"),
    (PutOp(API, "key", {"content": "x"}), "YYYY-MM-DD"),
    (PutOp(API, "2026-13-01-x", {"content": "x"}), "YYYY-MM-DD"),
    (PutOp(API, "../2026-01-01-x", {"content": "x"}), "YYYY-MM-DD"),
    (PutOp(API, "2026-01-01-x/y", {"content": "x"}), "YYYY-MM-DD"),
    (PutOp(API, "2026-01-01-a\0", {"content": "x"}), "control"),
    (PutOp(API, f"{KEY} ", {"content": "x"}), "YYYY-MM-DD"),
    (PutOp(API, f"{KEY}\u200b", {"content": "x"}), "YYYY-MM-DD"),
    (PutOp(API, f"2026-01-01-{'é' * 121}", {"content": "x"}), "YYYY-MM-DD"),
    (PutOp(API, KEY, {"content": "x", "tags": ["a", " "]}), "list of texts"),
    (PutOp(API, KEY, {"content": "x", "user": "me"}), "no 'user'"),
    (PutOp(API, KEY, {"text": "x"}), "no 'text'"),
    (PutOp(API, KEY, {}), "content"),
    (PutOp(API, KEY, {"content": {"a": 1}}), "dict"),
    (PutOp(API, KEY, {"content": "x", "tags": "a"}), "list of texts"),
    (PutOp(API, KEY, {"content": "x", "date": "2026-01-01"}), "leave it out"),
    (PutOp(API, KEY, {"content": "x", "valid_until": "soon"}), "no day"),
    (PutOp(API, KEY, {"content": "a\0b"}), "NUL"),
    (PutOp(API, KEY, {"content": "x" * 9_000_000}), "bytes"),
]


@pytest.mark.parametrize(("op", "said"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_what_does_not_fit_is_refused_before_anything_is_written(
    store: AgentMemoryStore, memories: MemoryStore, op: Op, said: str
):
    with pytest.raises((InvalidNamespaceError, InvalidInput), match=said):
        store.batch([PutOp(WEB, KEY, {"content": "first"}), op])
    assert memories.list() == ()


def test_a_key_written_another_way_is_another_key(store: AgentMemoryStore):
    store.put(API, KEY, {"content": "x"})
    for key in (f"{KEY}.md", f"./{KEY}", f"[[{KEY}]]", f"api/{KEY}", "", "../x", "x" * 5000):
        assert store.get(API, key) is None
        store.delete(API, key)
    assert store.get(API, KEY) is not None


def test_filters_and_times_to_live_say_what_they_cannot(store: AgentMemoryStore):
    store.put(API, KEY, {"content": "x"})
    for chosen in ({"type": {"$in": ["note"]}}, {"type": {"$gt": 1}}):
        with pytest.raises(InvalidInput):
            store.search(API, filter=chosen)
    assert [item.key for item in store.search(API, filter={"date": {"$gte": "2026-07-01", "$lt": "2026-08-01"}})] == [
        KEY
    ]
    with pytest.raises(NotImplementedError):
        store.put(API, KEY, {"content": "x"}, ttl=5)
    with pytest.raises(NotImplementedError):
        store.batch([PutOp(API, KEY, {"content": "x"}, ttl=5)])


def test_the_asynchronous_half_and_what_others_wrote(store: AgentMemoryStore, memories: MemoryStore):
    async def main() -> list[SearchItem]:
        puts = (store.aput(API, f"2026-07-01-note-{n}", {"content": f"note {n}"}) for n in range(40))
        await asyncio.gather(*puts)
        memories.add(agent="api", topic="By another door", body="x")
        (memories.root / "api" / "2026-01-01-by-hand.md").write_text("# By hand\n")
        return await store.asearch(API, limit=100)

    found = asyncio.run(main())
    assert len(found) == 42
    assert {"2026-01-01-by-hand", "2026-07-15-by-another-door"} < {item.key for item in found}
    memories.archive("api/2026-01-01-by-hand")
    with pytest.raises(Conflict, match="archive"):
        store.batch([PutOp(WEB, KEY, {"content": "x"}), PutOp(API, "2026-01-01-by-hand", {"content": "x"})])
    assert store.get(WEB, KEY) is None
    assert store.get(API, "2026-01-01-by-hand") is None
    assert len(store.search(API, limit=100)) == 41
