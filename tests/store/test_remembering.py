"""The verbs about receipts, over a store on disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent_memory import Conflict, InvalidInput, MemoryStore, NotFound, StorageFailed
from agent_memory.recall.receipts import Outcome

NOW = datetime(2026, 7, 31, 12, tzinfo=UTC)
TASK = "webhooks retry"
POLICY, SIGNATURE = "api/2026-03-02-retry-policy", "worker/2026-03-03-webhook-signature"


class Clock:
    """A clock that a test moves."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[MemoryStore]:
    with MemoryStore.init(tmp_path / "agents-memory", clock=clock) as store:
        for agent, topic, day, body in (
            ("api", "Retry policy", 2, "Webhooks retry five times."),
            ("worker", "Webhook signature", 3, "Webhooks are signed; retry after a bad signature."),
        ):
            store.add(agent=agent, topic=topic, body=body, date=NOW.date().replace(month=3, day=day))
        yield store


def brief(store: MemoryStore, agent: str = "api", task: str = TASK, *, hours: int = 0) -> str:
    briefing = store.first_step(receipt=False, agent=agent, task=task)
    return store.leave_receipt(briefing, task=task, budget=2000, at=NOW + timedelta(hours=hours))


def read_only(call: Callable[..., Any]) -> Callable[..., Any]:
    """Let a call read and nothing else."""

    def refusing(path: Any, flags: int = os.O_CREAT, *rest: Any, **more: Any) -> Any:
        if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return call(path, flags, *rest, **more)

    return refusing


def shelf(store: MemoryStore) -> Path:
    return store.root / ".store" / "receipts"


def test_a_briefing_leaves_one_line(store: MemoryStore):
    id_ = brief(store)
    assert (shelf(store) / "2026-07.jsonl").read_text().count("\n") == 1
    (found,) = store.receipts().items
    assert found.receipt.id == id_
    assert {handed.id for handed in found.receipt.memories} == {POLICY, SIGNATURE}
    assert found.receipt.memories[0].fingerprint == store.record(found.receipt.memories[0].id).fingerprint
    assert (found.used, found.wrong) == ((), ())


def test_receipts_are_newest_first_limited_and_by_agent(store: MemoryStore):
    ids = [brief(store, agent, hours=n) for n, agent in enumerate(("api", "worker", "api"))]
    ids.append(brief(store, "api", hours=24 * 3))
    assert [j.receipt.id for j in store.receipts().items] == ids[::-1]
    assert [j.receipt.id for j in store.receipts(limit=2).items] == [ids[3], ids[2]]
    assert [j.receipt.id for j in store.receipts(agent="worker").items] == [ids[1]]
    assert store.receipts(agent="nobody").items == ()
    with pytest.raises(InvalidInput):
        store.receipts(limit=0)


def test_feedback_is_found_with_its_receipt_and_its_memory(store: MemoryStore, clock: Clock):
    first, second = brief(store), brief(store, hours=1)
    clock.now = NOW + timedelta(days=40)
    said = store.feedback(first[:6], used=[POLICY], wrong=["2026-03-03-webhook-signature"])
    assert (said.receipt, said.used, said.wrong) == (first, (POLICY,), (SIGNATURE,))
    assert [(j.receipt.id, j.used, j.wrong) for j in store.receipts().items] == [
        (second, (), ()),
        (first, (POLICY,), (SIGNATURE,)),
    ]
    assert [(h.receipt.id, h.outcome) for h in store.why("2026-03-02-retry-policy").items] == [
        (second, None),
        (first, "used"),
    ]
    assert store.outcomes() == {POLICY: Outcome(2, 1, 0), SIGNATURE: Outcome(2, 0, 1)}
    assert store.outcomes(shown=False) == {POLICY: Outcome(0, 1, 0), SIGNATURE: Outcome(0, 0, 1)}


def test_the_last_word_counts(store: MemoryStore, clock: Clock):
    id_ = brief(store)
    store.feedback(id_, used=[POLICY, POLICY])
    clock.now += timedelta(days=1)
    store.feedback(id_, wrong=[POLICY])
    assert store.outcomes()[POLICY] == Outcome(1, 0, 1)


def test_a_memory_that_is_gone_still_has_its_receipts(store: MemoryStore):
    id_ = brief(store)
    store.trash(POLICY)
    assert [h.receipt.id for h in store.why(POLICY).items] == [id_]
    assert store.why(SIGNATURE).memory == SIGNATURE
    with pytest.raises(NotFound):
        store.why("api/2026-01-01-nothing")


def test_a_memory_that_nobody_was_handed_has_none(store: MemoryStore):
    assert store.why(POLICY).items == ()


def test_what_feedback_cannot_mean_is_refused_and_nothing_is_noted(store: MemoryStore):
    id_ = brief(store)
    for receipt, words, error in (
        (id_, {}, InvalidInput),
        (id_, {"used": ["api/2026-01-01-nothing"]}, InvalidInput),
        (id_, {"used": [""]}, InvalidInput),
        (id_, {"used": [POLICY], "wrong": [POLICY]}, InvalidInput),
        ("", {"used": [POLICY]}, InvalidInput),
        ("zzz", {"used": [POLICY]}, NotFound),
        ('"', {"used": [POLICY]}, NotFound),
        (f"{id_}0", {"used": [POLICY]}, NotFound),
    ):
        with pytest.raises(error):
            store.feedback(receipt, **words)
    assert not (shelf(store) / "feedback").exists()


def test_the_beginning_of_two_receipts_is_a_conflict(store: MemoryStore):
    ids = [brief(store, hours=n) for n in range(17)]  # there are 16 first digits
    first = next(digit for digit in "0123456789abcdef" if sum(id_.startswith(digit) for id_ in ids) > 1)
    with pytest.raises(Conflict, match="begins"):
        store.feedback(first, used=[POLICY])


def test_a_left_out_memory_may_have_helped(store: MemoryStore):
    made = store.first_step(receipt=False, agent="api", task=TASK)
    briefing = made._replace(memories=(), left_out=(store.record(POLICY),))
    id_ = store.leave_receipt(briefing, task=TASK, budget=160, at=NOW)
    assert store.feedback(id_, used=[POLICY]).used == (POLICY,)


def test_a_name_that_two_memories_of_a_receipt_have_needs_its_agent(store: MemoryStore):
    date = NOW.date().replace(month=3, day=2)
    store.add(agent="worker", topic="Retry policy", body="Webhooks retry never.", type="handoff", date=date)
    id_ = brief(store)
    with pytest.raises(InvalidInput, match="names 2 memories"):
        store.feedback(id_, used=["2026-03-02-retry-policy"])


def test_a_torn_line_is_reported_and_stops_nothing(store: MemoryStore):
    first = brief(store)
    file = shelf(store) / "2026-07.jsonl"
    with file.open("ab") as ledger:
        ledger.write(b'{"version":1,"id":"torn","at":"20')
    second = brief(store, hours=1)
    found = store.receipts()
    assert [j.receipt.id for j in found.items] == [second, first]
    assert [str(problem) for problem in found.problems] == [
        ".store/receipts/2026-07.jsonl:2: skipped, this line is not whole: a crash may have torn it"
    ]
    store.feedback(first, used=[POLICY])
    assert [h.receipt.id for h in store.why(POLICY).items] == [second, first]
    assert store.outcomes()[POLICY].shown == 2


def test_nothing_of_the_task_or_of_a_memory_is_in_a_receipt(store: MemoryStore):
    brief(store, task="webhooks retry XYZZY")
    text = (shelf(store) / "2026-07.jsonl").read_text()
    assert "XYZZY" not in text
    assert "five times" not in text


def test_a_store_that_cannot_be_written_briefs_without_a_receipt(store: MemoryStore, monkeypatch: pytest.MonkeyPatch):
    id_ = brief(store)
    monkeypatch.setattr(os, "open", read_only(os.open))
    monkeypatch.setattr(Path, "mkdir", read_only(Path.mkdir))
    assert brief(store, hours=1) == ""
    with pytest.raises(StorageFailed, match="Read-only file system"):
        store.feedback(id_, used=[POLICY])
    assert [j.receipt.id for j in store.receipts().items] == [id_]


def test_a_shelf_that_leads_elsewhere_stops_no_briefing(store: MemoryStore, tmp_path: Path):
    shelf(store).symlink_to(tmp_path)
    assert brief(store) == ""
    assert len(store.receipts().problems) == 2
    assert store.outcomes() == {}
