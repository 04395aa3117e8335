"""Plans: what goes, what stays, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from agent_memory.errors import Conflict
from agent_memory.files import format as formats
from agent_memory.model import Stat
from agent_memory.upkeep import digest as digests
from agent_memory.upkeep import guard
from agent_memory.upkeep.compaction import plan
from agent_memory.upkeep.plan import Original, Plan
from agent_memory.upkeep.policy import Policy

NOW = date(2026, 6, 30)
TALK = "Nobody needs to know about the weather and the lunch and the long way home on that day, really. " * 6


def original(name: str, text: str = "", *, agent: str = "api", days: int = 90, **keys: Any) -> Original:
    day = NOW - timedelta(days=days)
    head = "".join(f"{key}: {value}\n" for key, value in keys.items())
    data = (f"---\n{head}---\n\n" if head else "") + (
        text or f"# {name}\n\nThe limit of `{name}_limit` is {days}.\n\n{TALK}\n"
    )
    path = f"{agent}/{day}-{name}.md"
    memory = formats.parse(Stat(path, len(data), 0, 0, 0), data.encode()).memory
    return Original(memory=memory, size=len(data.encode()))


def planned(*originals: Original, **settings: Any) -> Plan:
    return plan(originals, Policy(**settings), NOW)


def told(found: Plan) -> list[tuple[str, list[str]]]:
    return [(a.kind, [o.memory.id.partition("/")[2][11:] for o in a.sources]) for a in found.actions]


def test_a_small_folder_with_nothing_over_is_left_alone():
    found = planned(original("a"), original("b"))
    assert found.actions == ()
    assert found.tokens_before == found.tokens_after


def test_the_superseded_goes_after_its_days_whoever_wrote_the_successor():
    old = original("old")
    new = original("new", agent="web", days=10, supersedes=f"[{old.memory.id}]", type="decision")
    assert told(planned(old, new)) == []
    assert told(planned(old, new, superseded_after=10)) == [("superseded", ["old"])]
    action = planned(old, new, superseded_after=10).actions[0]
    assert (action.target, action.agent) == (new.memory.id, "api")


def test_memories_that_supersede_one_another_in_a_circle_stay():
    one = original("one", supersedes=f"[api/{NOW - timedelta(days=80)}-two]")
    two = original("two", days=80, supersedes=f"[{one.memory.id}]")
    assert planned(one, two).actions == ()


def test_what_the_team_may_read_is_not_made_public():
    found = planned(original("a", visibility="public"), original("b", days=80), budget=0)
    assert sorted(a.digest.sources[0].visibility for a in found.actions if a.digest) == ["public", "team"]
    assert all(len({o.memory.visibility for o in a.sources}) == 1 for a in found.actions)


def test_what_is_kept_stays_whatever_its_age():
    keep = [original("a", type="convention"), original("b", tags="[keep]"), original("c", type="preference"),
            original("q", type="consultation", status="open", to="web"),
            original("log", "Quiet.\n", tags="[keep]")]  # fmt: skip
    assert planned(*keep, budget=0).actions == ()


def test_expired_answered_and_noise():
    question = original("question", type="consultation", status="answered", to="web")
    keys = {"type": "consultation", "status": "answered", "sources": f"[{question.memory.id}]"}
    answer = original("answer", agent="web", days=40, **keys)
    gone = original("gone", valid_until="2026-05-01")
    soon = original("soon", valid_until="2026-06-29")
    noise = original("log", "# Log\n\nQuiet. Two reviews.\n")
    found = planned(question, answer, gone, soon, noise, original("status", "We must use `x`.\n"))
    assert sorted(told(found)) == [("answered", ["question"]), ("expired", ["gone"]), ("noise", ["log"])]


def test_a_copy_goes_only_if_no_fact_goes_with_it():
    text = f"# T\n\nThe limit is 40. {TALK}\n"
    same = planned(original("old", text), original("new", text, days=50))
    assert told(same) == [("duplicate", ["old"])]
    assert same.actions[0].kept is not None
    other = planned(original("old", text), original("new", text.replace("40", "50"), days=50))
    assert told(other) == []
    private = planned(original("old", text, visibility="private"), original("new", text, days=50))
    assert told(private) == []
    agents = planned(original("old", text), original("new", text, agent="web", days=50))
    assert told(agents) == []


def test_the_same_text_is_a_copy_whatever_its_file_is_called():
    """A number in a file name tells files apart, not texts; one that somebody wrote into the file does."""
    text = f"The limit is forty. {TALK}\n"
    words = " ".join(f"{chr(97 + n // 26)}{chr(97 + n % 26)}ly" for n in range(200))
    numbered = [original(name, text) for name in ("retry-policy", "retry-policy-2", "retry-policy-3")]
    assert told(planned(*numbered)) == [("duplicate", ["retry-policy-2"]), ("duplicate", ["retry-policy-3"])]
    assert {action.target for action in planned(*numbered).actions} == {numbered[0].memory.id}
    renamed = planned(original("adr-12", text, days=95), original("limits", text))
    assert told(renamed) == [("duplicate", ["adr-12"])]
    for kept in (
        [original("plan-2", text, title="Plan 2"), original("plan-3", text, title="Plan 3")],
        [original("a", text, description="of 12 March"), original("b", text, description="of 13 March")],
        [original("incident-41", f"{words} Anna"), original("incident-42", f"{words} Bruno")],
    ):
        assert told(planned(*kept)) == []
    near = [original("one", f"{words} Anna"), original("two", f"{words} Bruno")]
    assert len(told(planned(*near))) == 1, "but for the numbers they would be near copies"


def test_digests_begin_with_the_oldest_and_end_when_the_budget_is_met():
    notes = [original(f"n{k}", days=200 - k) for k in range(20)]
    size = sum(o.tokens for o in notes)
    found = planned(*notes, budget=size // 2, digest_sources=4)
    moved = [o for a in found.actions for o in a.sources]
    assert 0 < len(moved) < len(notes)
    assert {o.memory.id for o in moved} == {o.memory.id for o in notes[: len(moved)]}
    assert found.tokens_after <= size // 2
    everything = planned(*notes, budget=0)
    assert sum(len(a.sources) for a in everything.actions) == len(notes)


def test_a_digest_is_of_one_agent_one_visibility_and_old_notes():
    notes = [
        *(original(f"a{k}") for k in range(3)),
        *(original(f"p{k}", visibility="private") for k in range(3)),
        *(original(f"w{k}", agent="web") for k in range(3)),
        original("fresh", days=3),
    ]
    found = planned(*notes, budget=0)
    groups = {frozenset(o.memory.id.partition("/")[2][11:] for o in a.sources) for a in found.actions}
    assert groups == {frozenset({"a0", "a1", "a2"}), frozenset({"p0", "p1", "p2"}), frozenset({"w0", "w1", "w2"})}
    private = next(a for a in found.actions if a.sources[0].memory.visibility == "private")
    assert private.digest is not None
    assert {m.visibility for m in private.digest.sources} == {"private"}


def test_a_digest_with_a_superseded_source_is_made_anew_from_the_rest():
    sources = [original(f"n{k}") for k in range(3)]
    first = planned(*sources, budget=0).actions[0]
    assert first.digest is not None
    data = digests.file_of(first.digest)
    made = Original(memory=formats.parse(Stat(first.path, len(data), 0, 0, 0), data).memory, size=len(data))
    new = original("new", days=20, supersedes=f"[{sources[1].memory.id}]", type="convention")
    stale = {o.memory.id: o for o in sources}
    found = plan([made, new], Policy(), NOW, stale=stale)
    [action] = found.actions
    assert [o.memory.id for o in action.sources] == [made.memory.id]
    assert action.digest is not None
    assert [m.id for m in action.digest.sources] == [sources[0].memory.id, sources[2].memory.id]
    assert "n1_limit" not in action.digest.body
    assert action.target != made.memory.id
    assert "superseded by" in action.why
    without = plan([made, new], Policy(), NOW, stale={})
    assert without.actions == (), "originals that are gone cannot be read again"


def test_a_digest_under_the_bar_is_not_made_and_it_is_told():
    found = planned(original("a"), original("b"), budget=0, saving=0.9)
    assert found.actions == ()
    strict = planned(original("a"), original("b"), budget=0, retention=1.0)
    assert told(strict) == [("digest", ["a", "b"])]


def test_a_plan_has_the_same_id_for_the_same_memories_and_another_for_others():
    notes = [original("a"), original("b")]
    assert planned(*notes, budget=0) == planned(*reversed(notes), budget=0)
    changed = replace(notes[0], memory=notes[0].memory._replace(fingerprint="other"))
    assert planned(changed, notes[1], budget=0).id != planned(*notes, budget=0).id


def test_the_guard_names_the_agent_and_lets_a_few_go():
    few = planned(*(original(f"n{k}", valid_until="2026-01-01") for k in range(3)))
    guard.check(few)
    many = planned(*(original(f"n{k}", valid_until="2026-01-01") for k in range(4)))
    with pytest.raises(Conflict, match="100% of the active text of api"):
        guard.check(many)
