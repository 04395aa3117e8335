"""Our table in Codex's `config.toml`: it goes in and comes out, and nothing else changes."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.bridges import codex
from agent_memory.bridges.registration import Wish
from agent_memory.errors import InvalidInput

TOML = st.lists(
    st.sampled_from(["model = 'x'", "# a comment", "", "[features]", "[mcp_servers.other]", "command = 'y'", "[[a]]"]),
    max_size=6,
).flatmap(lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda end: end.join(lines)))


def is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


@given(text=TOML.filter(is_toml), end=st.sampled_from(["", "\n", "\n\n"]))
def test_the_table_of_codex_goes_in_and_comes_out_again(text: str, end: str):
    text += end if "\r" not in text else end.replace("\n", "\r\n")
    after = codex.with_server(text, Wish(command=("uvx", "memory")))
    expected = tomllib.loads(text)
    expected.setdefault("mcp_servers", {})["agent-memory"] = {"command": "uvx", "args": ["memory", "mcp"]}
    assert tomllib.loads(after) == expected
    assert codex.without_server(after) == text
    assert codex.with_server(after, Wish(command=("uvx", "memory"))) == after


@pytest.mark.parametrize(
    "more", ["required=true\n", "# a comment\n\n  env = {A='b'}\n", "[mcp_servers.agent-memory.env]\nA = 'b'\n"]
)
@pytest.mark.parametrize("behind", ["", "\n# of the next\n[features]\nhooks = true\n"])
def test_a_table_that_somebody_added_to_stays_until_it_goes(more: str, behind: str):
    text = codex.with_server("model = 'x'\n", Wish()) + more + behind
    assert codex.with_server(text, Wish()) == text
    assert codex.without_server(text) == "model = 'x'\n" + behind
    other = codex.with_server(text, Wish(command=("uvx", "memory")))
    assert tomllib.loads(other)["mcp_servers"]["agent-memory"] == {"command": "uvx", "args": ["memory", "mcp"]}


def test_a_server_of_our_name_that_is_another_program_is_left_alone():
    text = "[mcp_servers.agent-memory]\ncommand = 'other'\n"
    with pytest.raises(InvalidInput, match="is not this program"):
        codex.with_server(text, Wish())
    assert codex.without_server(text) == text


def test_a_server_in_another_form_is_left_to_people():
    with pytest.raises(InvalidInput, match="in another form"):
        codex.without_server("mcp_servers.agent-memory = {command = 'memory', args = ['mcp']}\n")
    with pytest.raises(InvalidInput, match="no table can be added"):
        codex.with_server("mcp_servers = {}\n", Wish())
    with pytest.raises(InvalidInput, match="is not TOML"):
        codex.with_server("model =", Wish())
