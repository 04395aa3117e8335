"""The command line compares meaning where the extra is installed, unless somebody says otherwise."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

import pytest

from agent_memory.index import embedding


def vectors(session: Any) -> int:
    with contextlib.closing(sqlite3.connect(session.root / ".store" / "index.sqlite3")) as index:
        (count,) = index.execute("SELECT count(*) FROM vectors").fetchone()
    return int(count)


installed = pytest.mark.skipif(bool(embedding.missing()), reason="the extra `semantic` is not installed")


@installed
@pytest.mark.parametrize(
    ("words", "setting", "made"), [((), "", True), (("--no-semantic",), "", False), ((), "0", False), ((), "1", True)]
)
def test_sync_makes_vectors_unless_told_not_to(
    session: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], setting: str, made: bool
):
    monkeypatch.setenv("MEMORY_SEMANTIC", setting)
    result = session.run("sync", *words)
    assert result.exit_code == 0, result.output
    assert bool(vectors(session)) is made


def test_without_the_extra_words_answer_and_nothing_is_said(session: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MEMORY_SEMANTIC", "")
    monkeypatch.setattr(embedding, "_NEEDED", ("no_such_module",))
    result = session.run("sync")
    assert (result.exit_code, vectors(session)) == (0, 0)
    assert "meaning" not in result.output


@installed
def test_a_model_that_does_not_load_is_said_and_the_sync_is_done(session: Any, monkeypatch: pytest.MonkeyPatch):
    def load() -> Any:
        raise OSError("model.onnx is cut short")

    monkeypatch.setenv("MEMORY_SEMANTIC", "")
    monkeypatch.setattr(embedding, "_load", load)
    result = session.run("sync", "--json")
    assert result.exit_code == 0
    assert "meaning was not compared (all-MiniLM-L6-v2-int8 1: model.onnx is cut short)" in result.output
