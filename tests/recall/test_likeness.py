"""Likeness of two memories, and what is concluded from it."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent_memory.index.analysis import analyse_joined
from agent_memory.recall import likeness
from agent_memory.recall.likeness import Traits, Verdict
from agent_memory.recall.ranking import Candidate, Statistics

DAY = date(2026, 3, 2)
RETRIES = "Webhooks retry five times within one hour, at 0, 1, 5, 15 and 60 minutes, by deliver_webhook."
POOL = "PgBouncer in transaction mode cannot keep prepared statements apart, so statement_cache_size is 0."


def traits(
    number: int,
    title: str,
    body: str,
    *,
    agent: str = "api-engineer",
    days: int = 0,
    stem: str = "note",
    type_: str = "",
) -> Traits:
    """Traits of a memory in a store of a thousand, where every word is in three of them."""
    candidate = Candidate(
        number, f"{agent}/{stem}.md", analyse_joined(title)[0], analyse_joined(type_)[0], (analyse_joined(body)[0],), ""
    )
    statistics = Statistics(1000, 100.0, 50.0, dict.fromkeys(likeness.words(candidate), 3))
    return likeness.traits(candidate, statistics, agent=agent, day=DAY + timedelta(days=days))


def verdict(a: Traits, b: Traits) -> Verdict:
    found = likeness.judge(a, b)
    assert found is not None
    return found


def test_a_copy_repeats_whoever_wrote_it_and_whenever() -> None:
    a = traits(1, "Retries", RETRIES)
    for b in (
        traits(2, "Retries", RETRIES, days=200),
        traits(2, "Retries", RETRIES, agent="worker-engineer"),
        traits(2, "Retries", RETRIES, stem="2026-03-02-log"),
    ):
        found = verdict(a, b)
        assert (found.kind, round(found.likeness, 6)) == ("duplicate", 1.0)


def test_the_same_finding_of_two_agents_within_days_repeats() -> None:
    a = traits(1, "Prepared statements off", POOL)
    body = "asyncpg: statement_cache_size must be 0 behind PgBouncer in transaction mode, prepared statements clash."
    b = traits(2, "Prepared statement exists", body, agent="database-engineer", days=2)
    assert verdict(a, b).kind == "duplicate"


def test_the_later_of_one_agents_memories_on_a_topic_revises_the_earlier() -> None:
    old = traits(1, "Retries for webhooks", RETRIES)
    body = "Webhooks retry for one day now, twelve times. This replaces five times within one hour of deliver_webhook."
    new = traits(2, "Retries for webhooks: one day", body, days=120)
    assert verdict(new, old)[0:1] + verdict(new, old)[3:] == ("revision", 1, 2)
    assert likeness.one_topic(old, new)


def test_words_of_change_speak_for_a_revision() -> None:
    old = traits(1, "Retries for webhooks", RETRIES)
    silent = traits(2, "Retries for webhooks", "Webhooks retry twelve times.", days=60)
    said = traits(2, "Retries for webhooks", "Instead, webhooks retry twelve times. This supersedes it.", days=60)
    assert (silent.turns, said.turns) == (0, 2)
    assert verdict(old, said).points > verdict(old, silent).points - 0.1


def test_other_topics_are_nothing_to_each_other() -> None:
    a, b = traits(1, "Retries", RETRIES), traits(2, "Pooler", POOL, days=40)
    assert likeness.judge(a, b) is None
    assert not likeness.one_topic(a, b)


def test_reports_revise_nothing_and_memories_of_one_day_neither() -> None:
    """What is as alike as these and of one day repeats."""
    old = traits(1, "Retries for webhooks", RETRIES)
    body = f"{RETRIES} Nothing new, but for the numbers of last week, which were good, and the weather."
    handoff = traits(2, "Webhooks", body, days=90, type_="handoff")
    log = traits(2, "Webhooks", body, days=90, stem="2026-05-01-session-log-webhooks")
    today = traits(2, "Webhooks", body)
    assert [found.kind for b in (handoff, log, today) if (found := likeness.judge(old, b))] == ["duplicate"]
    assert verdict(old, traits(2, "Webhooks", body, days=90, stem="2026-05-01-log-rotation")).kind == "revision"


_WORDS = st.sampled_from("retry pool cache zone map token build queue".split())
words = st.lists(_WORDS, max_size=12).map(" ".join)
titles = st.lists(_WORDS, min_size=1, max_size=4).map(" ".join)


@given(titles, words, titles, words, st.integers(-200, 200), st.booleans())
def test_likeness_is_symmetric_and_between_0_and_1(
    title_a: str, body_a: str, title_b: str, body_b: str, days: int, same: bool
) -> None:
    """Which of two is named first changes nothing, but for two of one day, which have no order of their own."""
    a = traits(1, title_a, body_a)
    b = traits(2, title_b, body_b, days=days, agent="api-engineer" if same else "worker-engineer")
    assert 0 <= likeness.likeness(a, b) == likeness.likeness(b, a) <= 1
    if days:
        assert likeness.judge(a, b) == likeness.judge(b, a)
        assert likeness.one_topic(a, b) == likeness.one_topic(b, a)
    found = likeness.judge(a, b)
    if found is not None:
        assert {found.earlier, found.later} == {1, 2}
        assert days == 0 or (found.later == 2) == (days > 0)


@given(titles, words)
def test_a_memory_is_like_itself(title: str, body: str) -> None:
    a = traits(1, title, body)
    assert likeness.likeness(a, a) > 0.999
