"""Whoever raises a version writes down what that means for people who have files and an index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent_memory.files.format import VERSION
from agent_memory.index.sqlite import SCHEMA

NOTES = Path(__file__).resolve().parents[1] / "migrations_notes"
CURRENT = [("file-format", VERSION), ("index-schema", SCHEMA)]


@pytest.mark.parametrize(("kind", "version"), CURRENT)
def test_every_version_up_to_the_current_one_has_its_note(kind: str, version: int):
    assert version >= 1
    written = {path.name for path in NOTES.glob(f"{kind}-*.md")}
    assert written == {f"{kind}-{number}.md" for number in range(1, version + 1)}


@pytest.mark.parametrize(("kind", "version"), CURRENT)
def test_the_current_note_is_listed_and_says_what_an_upgrade_does(kind: str, version: int):
    name = f"{kind}-{version}.md"
    assert f"]({name})" in (NOTES / "README.md").read_text(encoding="utf-8")
    note = (NOTES / name).read_text(encoding="utf-8")
    assert re.match(rf"# {kind.replace('-', ' ').capitalize()} {version}\n", note)
    assert "upgrade" in note
