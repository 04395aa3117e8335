"""Compaction over generated stores: no fact is lost, undo is the way back, a second run has nothing to do."""

from __future__ import annotations

import random
import tempfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.promises.compacting import NOW, assert_nothing_lost, tree
from tests.promises.support import IN_MEMORY, assert_true_to_files, clock, memory_files, plant

from agent_memory.files.naming import reference
from agent_memory.store import MemoryStore
from agent_memory.upkeep import digest
from agent_memory.upkeep.facts import facts
from agent_memory.upkeep.policy import Policy

SENTENCES = (
    'We agreed on {a} because {b} failed with "{c} not found".',
    "The limit is {n} per minute, see `{a}` in {p}.",
    "Run `{a} --{b} {n}` and wait.",
    "Nobody knows why this was so, and it was a long day with little to show for it in the end.",
    "- {a}: {n} ms, was {m} ms before the change of {p}",
    "| {a} | {n} | {m} |",
    "The rest is talk that nobody needs again, about lunch and the weather and the long way home.",
    "## Part {n}\n\nIt must never be {a} again, {b} instead.",
    "```\n{a} --{b}\n{c}: error {n}\n```",
    "Обсудили `{a}`, решили оставить {n}.",
)  # fmt: skip
WORDS = "queue worker retry header token limit price stock label scan route index cache shard batch".split()


def sentence(chance: random.Random) -> str:
    words = {key: f"{chance.choice(WORDS)}_{chance.choice(WORDS)}{chance.randrange(50)}" for key in "abc"}
    path = f"{chance.choice(WORDS)}/{chance.choice(WORDS)}.py"
    return chance.choice(SENTENCES).format(**words, n=chance.randrange(9999), m=chance.randrange(99) / 10, p=path)


def note(chance: random.Random, others: list[str]) -> str:
    keys = []
    if chance.random() < 0.3:
        keys.append(f"type: {chance.choice(['decision', 'convention', 'consultation', 'gotcha', 'digest'])}")
    if chance.random() < 0.2:
        keys.append(f"visibility: {chance.choice(['private', 'public'])}")
    if chance.random() < 0.2 and others:
        keys.append(f"supersedes: [{chance.choice(others)}]")
    if chance.random() < 0.1:
        keys.append(f"valid_until: {date(2026, 1, 1) + timedelta(days=chance.randrange(100))}")
    if chance.random() < 0.1:
        keys.append(f"status: {chance.choice(['open', 'answered', 'superseded', 'accepted'])}")
    if chance.random() < 0.1:
        keys.append("description: 'What was said about `max_retries=4` in app/jobs.py'")
    head = f"---\n{chr(10).join(keys)}\n---\n\n" if keys else ""
    body = "\n\n".join(sentence(chance) for _ in range(chance.randrange(1, 25)))
    title = f"# {chance.choice(WORDS).title()} {chance.choice(WORDS)}\n\n" if chance.random() < 0.8 else ""
    return head + title + body + ("\n" if chance.random() < 0.9 else "")


def generated(seed: int, count: int) -> dict[str, str | bytes]:
    chance = random.Random(seed)
    files: dict[str, str | bytes] = {}
    for number in range(count):
        agent = chance.choice(["api", "web", "ops"])
        day = date(2026, 1, 1) + timedelta(days=chance.randrange(74))
        stem = chance.choice([f"topic-{number}", "log", "status", f"week-notes-{number}"])
        path = f"{agent}/{day}-{stem}.md"
        if path in files:
            continue
        others = [other.removesuffix(".md") for other in files if other.startswith(f"{agent}/")]
        text = chance.choice(list(files.values())) if files and chance.random() < 0.1 else note(chance, others)
        if chance.random() < 0.05 and isinstance(text, str):
            text = text.replace("\n", "\r\n")
        files[path] = text
    return files


POLICIES = st.builds(
    Policy,
    budget=st.sampled_from([0, 300, 2000]),
    digest_after=st.sampled_from([0, 20, 45]),
    digest_ratio=st.sampled_from([0.0, 0.12, 0.5]),
    digest_sources=st.sampled_from([1, 3, 8]),
    superseded_after=st.sampled_from([0, 14]),
    saving=st.sampled_from([0.0, 0.15]),
    archive_share=st.just(1.0),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), count=st.integers(0, 40), policy=POLICIES)
def test_no_fact_is_lost_undo_is_identity_and_twice_is_once(seed: int, count: int, policy: Policy):
    """Over generated stores and policies."""
    in_a_folder(seed, count, policy)


def in_a_folder(seed: int, count: int, policy: Policy) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        round_trip(Path(folder) / "store", generated(seed, count), policy)


def round_trip(root: Path, files: dict[str, str | bytes], policy: Policy) -> None:
    root.mkdir()
    plant(root, files)
    before = memory_files(root)
    with MemoryStore.init(root, clock=clock) as store:
        plan = store.plan_compaction(policy=policy)
        assert store.plan_compaction(policy=policy) == plan, "a plan is the same each time"
        assert tree(root) == tree_of(before), "a plan changes nothing"
        outcome = store.compact(plan)
        assert outcome.left == ()
        assert_nothing_lost(before, root)
        assert_digests_are_true(store, before)
        assert_true_to_files(store)
        assert store.stats().tokens == plan.tokens_after + left_out(store, plan.tokens_before, before)
        once = memory_files(root)
        again = store.plan_compaction(policy=policy)
        assert again.actions == ()
        assert store.compact(again).id == ""
        assert memory_files(root) == once
        if outcome.id:
            assert store.undo(plan.id).left == ()
        assert memory_files(root) == before
        assert_true_to_files(store)


def tree_of(files: dict[str, bytes]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        plant(Path(folder), dict(files))
        return tree(Path(folder))


def left_out(store: MemoryStore, planned: int, before: dict[str, bytes]) -> int:
    """Tokens of files with problems, which no plan touches or counts."""
    return sum((len(data) + 3) // 4 for data in before.values()) - planned


def assert_digests_are_true(store: MemoryStore, before: dict[str, bytes]) -> None:
    """A digest is of one agent and one visibility, and every piece of it stands in one of its sources."""
    for record in store.list("type:digest"):
        if f"{record.id}.md" in before:
            continue
        made = store.show(record.id)
        sources = [store.show(reference(source, agent=made.agent)) for source in made.sources]
        assert {source.agent for source in sources} == {made.agent}
        assert {source.visibility for source in sources} == {made.visibility}
        assert made.date == max(source.date for source in sources)
        said = digest.compose(sources, [digest.section(s, ratio=0.12) for s in sources], topic=())
        for section in said.sections:
            source = next(s for s in sources if s.id == section.source)
            text = source.body.replace("\r\n", "\n")
            assert all(piece.text in text for piece in section.kept)
        told = {fact for source in sources for fact in facts(source.body)}
        there = " ".join(made.body.split())
        missing = [f for f in told if f not in facts(made.body) and f not in there]
        assert len(missing) <= 0.05 * len(told) + 1, missing


@pytest.mark.campaign
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**9), count=st.integers(0, 120), policy=POLICIES)
def test_four_hundred_generated_stores(seed: int, count: int, policy: Policy):
    """The same, at full length."""
    in_a_folder(seed, count, policy)


def test_the_generator_makes_something_of_every_kind():
    """The stores of these tests are no empty exercise: every kind of action comes up in them."""
    kinds: set[str] = set()
    for seed in range(40):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "store"
            root.mkdir()
            plant(root, generated(seed, 40))
            with MemoryStore.init(root, clock=clock) as store:
                plan = store.plan_compaction(policy=Policy(budget=0, digest_after=20), now=NOW)
                kinds |= {action.kind for action in plan.actions}
        if kinds >= {"duplicate", "superseded", "expired", "noise", "digest"}:
            return
    pytest.fail(f"only {kinds}")
