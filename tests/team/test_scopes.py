"""Who may read, who was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.errors import NotFound
from agent_memory.team.scopes import addressees, check_known, may_read, nearest_agent

AGENTS = ("api-engineer", "backend-architect", "client-lead", "worker-engineer")


@given(st.text(), st.text(), st.one_of(st.none(), st.text()))
def test_only_open_words_open_and_the_owner_reads_everything(visibility: str, owner: str, reader: str | None):
    assert may_read(visibility, owner, owner)
    assert may_read("team", owner, reader)
    if visibility not in ("team", "public") and reader is None:
        assert not may_read(visibility, owner, reader)


@pytest.mark.parametrize("visibility", ["private", "secret", "privat", ""])
def test_any_other_word_is_private(visibility: str):
    assert not may_read(visibility, "api", "web")
    assert not may_read(visibility, "api", None)
    assert may_read(visibility, "caf\u00e9", "cafe\u0301")


@pytest.mark.parametrize(
    ("to", "names"),
    [(None, ()), ("", ()), ("a", ("a",)), ("a, b,@c , a,", ("a", "b", "c")), ("cafe\u0301", ("caf\u00e9",))],
)
def test_addressees(to: str | None, names: tuple[str, ...]):
    assert addressees(to) == names


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("backend-architcet", "backend-architect"),
        ("Backend Architect", "backend-architect"),
        ("API_ENGINEER", "api-engineer"),
        ("architect", "backend-architect"),
        ("worker", "worker-engineer"),
        ("engineer", None),
        ("zebra", None),
        ("", None),
        ("x" * 1_000_000, None),
    ],
)
def test_did_you_mean(name: str, meant: str | None):
    assert nearest_agent(name, AGENTS) == meant


def test_an_unknown_agent_is_told_who_exists():
    assert check_known("client-lead", AGENTS) == "client-lead"
    with pytest.raises(NotFound, match=r"no agent client-laed; there are: api-engineer, .*did you mean client-lead"):
        check_known("client-laed", AGENTS)
    with pytest.raises(NotFound, match="neither a card nor a memory"):
        check_known("client-lead", ())
    with pytest.raises(NotFound, match="agent-11 and 8 more"):
        check_known("zebra", [f"agent-{n:02}" for n in range(20)])
    with pytest.raises(NotFound) as caught:
        check_known("\x1b[31m" + "x" * 10_000, AGENTS)
    assert len(caught.value.message) < 200
    assert caught.value.message.isprintable()
