"""What `add` and `doctor` suggest, and that nothing comes of it by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent_memory import MemoryStore, NotFound
from agent_memory.cli.options import Call
from agent_memory.cli.program import program
from agent_memory.model import Suggestion
from agent_memory.recall import likeness
from agent_memory.recall.ranking import Candidate, Statistics
from agent_memory.upkeep import suggestions

NOW = datetime(2026, 7, 31, 12, tzinfo=UTC)
OLD = "Webhooks retry five times within one hour, at 0, 1, 5, 15 and 60 minutes, by `deliver_webhook`."
NEW = "Webhooks retry twelve times within a day by `deliver_webhook`. This replaces the five times within one hour."
POOL = "PgBouncer in transaction mode cannot keep prepared statements apart, so `statement_cache_size` is 0."
POOL_TOO = "asyncpg needs `statement_cache_size` 0 behind PgBouncer in transaction mode: prepared statements clash."
REVISION = ("api/2026-07-21-retries-for-webhooks-one-day", "api/2026-02-12-retries-for-webhooks")
REPETITION = ("worker/2026-03-06-prepared-statements", "database/2026-03-04-prepared-statements-off")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    """A store with two findings, forty notes on other things, and a filler that makes words rare."""
    with MemoryStore.init(tmp_path / "agents-memory", clock=lambda: NOW) as store:
        store.add(agent="api", topic="Retries for webhooks", body=OLD, date=date(2026, 2, 12))
        store.add(agent="database", topic="Prepared statements off", body=POOL, date=date(2026, 3, 4))
        for n in range(20):
            body = f"Subject{n} of area{n % 7} needs thing{n}, detail{n} and part{n} in one of the modes, times two."
            store.add(agent="web", topic=f"Subject{n} area{n % 7}", body=body, date=date(2026, 1, 1 + n))
        yield store


def add_revision(store: MemoryStore, **more: object) -> str:
    topic, day = "Retries for webhooks: one day", date(2026, 7, 21)
    return store.add(agent="api", topic=topic, body=NEW, date=day, **more).id  # type: ignore[arg-type]


def add_repetition(store: MemoryStore) -> str:
    return store.add(agent="worker", topic="Prepared statements", body=POOL_TOO, date=date(2026, 3, 6)).id


def pairs(found: tuple[Suggestion, ...]) -> list[tuple[str, str, str]]:
    return [(s.kind, s.new, s.old) for s in found]


def test_a_revision_and_a_repetition_are_told_by_the_memory_and_by_the_doctor(store: MemoryStore) -> None:
    new, twin = add_revision(store), add_repetition(store)
    assert pairs(store.suggestions(new)) == [("revision", *REVISION)]
    assert pairs(store.suggestions(twin)) == [("duplicate", *REPETITION)]
    found = store.doctor()
    assert sorted(pairs(found.suggestions)) == [("duplicate", *REPETITION), ("revision", *REVISION)]
    assert found.healthy
    assert store.record(REVISION[1]).status == "active"


def test_the_earlier_memory_does_not_revise_the_later(store: MemoryStore) -> None:
    add_revision(store)
    assert store.suggestions(REVISION[1]) == ()


def test_what_is_said_already_is_not_suggested(store: MemoryStore) -> None:
    new = add_revision(store, supersedes=[REVISION[1]])
    twin = add_repetition(store)
    store.archive(REPETITION[1])
    assert store.suggestions(new) == store.suggestions(twin) == store.doctor().suggestions == ()


def test_an_expired_memory_is_not_revised(store: MemoryStore) -> None:
    store.edit(REVISION[1], changes={"valid_until": date(2026, 3, 1)})
    assert store.suggestions(add_revision(store)) == ()


def test_a_private_memory_is_suggested_to_its_owner_only(store: MemoryStore) -> None:
    store.edit(REVISION[1], changes={"visibility": "private"})
    new = add_revision(store)
    assert store.suggestions(new) == store.doctor().suggestions == ()
    found = store.suggestions(new, agent="api")
    assert pairs(found) == [("revision", *REVISION)]
    assert str(found[0]).endswith(f": memory supersede {REVISION[0]} {REVISION[1]} --agent api")
    assert pairs(store.doctor(agent="api").suggestions) == [("revision", *REVISION)]


def test_suggestions_for_nothing(store: MemoryStore) -> None:
    with pytest.raises(NotFound):
        store.suggestions("api/2026-01-01-nothing")


@pytest.mark.parametrize("shared", [2, 10, suggestions.FREQUENT, 300])
def test_few_pairs_are_looked_at_however_much_memories_share(shared: int) -> None:
    """The number of comparisons grows with the store and not with its square."""
    names = [f"queue{n // shared}" for n in range(300)]
    texts = {n: Candidate(n, f"web/{n}.md", name, "", (f"mode{n} {name}",), "") for n, name in enumerate(names)}
    having = Counter(token for text in texts.values() for token in likeness.words(text))
    statistics = Statistics(300, 2.0, 2.0, having)
    traits = {n: likeness.traits(text, statistics, agent="web", day=NOW.date()) for n, text in texts.items()}
    found = suggestions.pairs(traits, having)
    assert len(found) == len(set(found)) <= 300 * suggestions.COMPARED
    assert bool(found) is (shared <= suggestions.FREQUENT)


def run(store: MemoryStore, *words: str, stdin: str = "") -> str:
    call = Call(clock=lambda: NOW)
    found = CliRunner().invoke(program, ["--root", str(store.root), *words], input=stdin, obj=call, prog_name="memory")
    assert found.exit_code == 0, found.output
    return found.output


def test_add_says_what_to_do(store: MemoryStore) -> None:
    words = ["add", "--agent", "api", "--topic", "Retries for webhooks: one day", "--date", "2026-07-21"]
    assert f"looks like a revision of {REVISION[1]} (2026-02-12): memory supersede {REVISION[0]} {REVISION[1]}" in run(
        store, *words, stdin=NEW
    )
    assert '"suggestions": [{"kind": "duplicate", "new": "api/2026-07-21-retries-for-webhooks-one-day-2"' in run(
        store, *words, "--json", stdin=NEW
    )


def test_a_failure_to_suggest_does_not_fail_add(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestions, "of_one", lambda *_: 1 / 0)
    said = run(store, "add", "--agent", "api", "--topic", "Freeze", stdin="No deploys in August.")
    assert "api/2026-07-31-freeze\n" in said
    assert "could not look for what it revises (division by zero)" in said


def test_doctor_names_what_contradicts_itself(store: MemoryStore) -> None:
    new = add_revision(store)
    store.edit(new, changes={"status": "superseded"})
    store.edit(REVISION[1], changes={"supersedes": [REPETITION[1]], "valid_until": date(2026, 1, 1)})
    store.edit("web/2026-01-01-subject0-area0", changes={"supersedes": ["web/2026-01-02-subject1-area1"]})
    store.edit("web/2026-01-02-subject1-area1", changes={"supersedes": ["web/2026-01-01-subject0-area0"]})
    assert store.doctor().notes == (
        "web/2026-01-01-subject0-area0.md: supersedes web/2026-01-02-subject1-area1, which is later (2026-01-02)",
        "web/2026-01-01-subject0-area0.md: supersedes itself, through others",
        "web/2026-01-02-subject1-area1.md: supersedes itself, through others",
        f"{REVISION[1]}.md: supersedes {REPETITION[1]}, which is later (2026-03-04)",
        f"{REVISION[1]}.md: valid_until 2026-01-01 lies before its date 2026-02-12",
        f"{new}.md: its status is superseded, but no memory supersedes it",
    )


def test_doctor_names_what_is_often_shown_and_never_used(store: MemoryStore) -> None:
    receipts = [store.first_step(agent="api", task=f"webhook retries of deliver_webhook {n}").receipt for n in range(5)]
    assert store.doctor().unused == (), "nobody ever said what was of use"
    other = store.first_step(agent="web", task="Subject3 of area3 needs thing3").receipt
    store.feedback(other, used=["web/2026-01-04-subject3-area3"])
    assert store.doctor().unused[:1] == (REVISION[1],)
    store.feedback(receipts[0], used=[REVISION[1]])
    assert REVISION[1] not in store.doctor().unused


def test_a_word_or_two_revise_and_repeat_nothing(store: MemoryStore) -> None:
    for n, body in enumerate(("Green.", "Red.", "It is green.", "Red")):
        store.add(agent="api", topic="Build", body=body, date=date(2026, 1 + n, 1))
    assert store.doctor().suggestions == store.suggestions("api/2026-04-01-build") == ()


@pytest.mark.parametrize("agent", ["api", "worker"])
def test_the_same_text_under_another_name_repeats(store: MemoryStore, agent: str) -> None:
    """It says nothing new, however late it is and whatever its file is called."""
    text = "Imports of customers are slow on Mondays because of the list of the warehouse.\n"
    for path in ("api/2026-01-06-import.md", f"{agent}/2026-06-06-warehouse-mondays.md"):
        (store.root / path).parent.mkdir(exist_ok=True)
        (store.root / path).write_text(text)
    told = ("duplicate", f"{agent}/2026-06-06-warehouse-mondays", "api/2026-01-06-import")
    assert pairs(store.doctor().suggestions) == [told]
    assert pairs(store.suggestions(told[1])) == [told]


def test_doctor_names_torn_lines_of_receipts(store: MemoryStore) -> None:
    store.first_step(agent="api", task="webhook retries")
    (ledger,) = (store.root / ".store" / "receipts").glob("2*.jsonl")
    ledger.write_bytes(ledger.read_bytes()[:-20] + b"\n")
    found = store.doctor()
    assert found.healthy
    assert [note for note in found.notes if "torn" in note] == [
        ".store/receipts/2026-07.jsonl:1: skipped, this line is not whole: a crash may have torn it"
    ]


def test_a_memory_without_a_rare_word_is_compared_with_nothing(tmp_path: Path):
    with MemoryStore.init(tmp_path / "store") as store:
        memory = store.add(agent="api", topic="Retry", body="five times")
        assert store.suggestions(memory.id) == ()
        assert store.fallback == ""
