"""Words out: nothing is lost in wrapping, nothing steers the terminal, what is shown adds up."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.cli import render, search
from agent_memory.model import Problem, Term

LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200)


@given(LINE, st.integers(4, 60))
def test_wrapping_keeps_every_word_and_the_width(text: str, room: int):
    pieces = [text[start:end] for start, end in render._lines(text, room)]
    assert re.sub(r"\s", "", "".join(pieces)) == re.sub(r"\s", "", text)
    assert all(render.width_of(piece) <= room for piece in pieces)


@given(st.text())
def test_what_is_visible_is_one_line_without_control_characters(text: str):
    shown = render.visible(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    shown.encode()


@given(st.text(), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5))
def test_marks_change_nothing_but_the_style(text: str, spans: list[tuple[int, int]]):
    assert click.unstyle(render.marked(text, sorted(spans))) == click.unstyle(render.visible_piece(text))


@given(st.lists(st.floats(0, 30), min_size=1, max_size=12))
def test_the_terms_that_are_shown_add_up_to_the_score_that_is_shown(values: list[float]):
    terms = [Term(name="word", field="text", value=value) for value in values]
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "put", lambda text: lines.append(click.unstyle(text)))
        search._print_terms(terms, sum(values), "")
    *addends, total = [float(line.split()[0]) for line in lines]
    assert round(sum(addends), 2) == total


def test_wide_and_combining_characters_have_their_width():
    assert [render.width_of(text) for text in ("abc", "数据", "e\u0301")] == [3, 4, 1]
    assert render.cut("数据库的约束与索引", 9) == "数据库的…"


@pytest.mark.parametrize(
    ("problems", "said"),
    [
        ([], ""),
        ([Problem(path="a.md", message="x")], "note: 1 file has problems; see: memory doctor\n"),
        (
            [
                Problem(path="a.md", message="x"),
                Problem(path="a.md", message="y"),
                Problem(path="b.md", message="z", indexed=False),
            ],
            "note: 2 files have problems, 1 of them not indexed; see: memory doctor\n",
        ),
    ],
)
def test_problems_are_one_line(problems: list[Problem], said: str, capsys: Any):
    render.note("", problems)
    assert capsys.readouterr().err == said
