"""Who is near, who may read, who was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.errors import NotFound
from agent_memory.team.card import Card
from agent_memory.team.cards import read_cards
from agent_memory.team.scopes import addressees, check_known, may_read, nearest_agent, nearness

AGENTS = ("api-engineer", "backend-architect", "client-lead", "worker-engineer")


def test_nearness_in_the_example_team():
    cards = read_cards(Path(__file__).resolve().parents[2] / "examples" / "osier")
    found = nearness(cards, "quality-lead")
    assert set(found) == set(cards)
    assert {agent: weight for agent, weight in found.items() if weight} == {
        "quality-lead": 1.0, "engineering-lead": 0.5, "backend-architect": 0.5, "client-lead": 0.5,
        "security-reviewer": 0.5,
    }  # fmt: skip


def test_one_of_two_cards_is_enough():
    cards = {
        "a": Card(agent="a", path="", peers=("b",), reports=("c",), lead="d"),
        **{name: Card(agent=name, path="") for name in "bcde"},
    }
    assert nearness(cards, "a") == {"a": 1.0, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.0}
    assert all(nearness(cards, name)["a"] == 0.5 for name in "bcd")
    assert nearness(cards, "e")["a"] == 0.0


def test_an_agent_without_a_card_has_its_own_folder_and_whoever_names_it():
    assert nearness({}, "a") == {"a": 1.0}
    assert nearness({"b": Card(agent="b", path="", lead="a")}, "a") == {"b": 0.5, "a": 1.0}


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
