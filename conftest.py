"""What the examples in docstrings and documents find around them; the tests' own fixtures stand in tests/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from _pytest.doctest import DoctestItem


@pytest.fixture(autouse=True)
def example_folder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every example run in an empty folder of its own, which it knows as `tmp`, and without the user's settings."""
    if not isinstance(request.node, DoctestItem):
        return
    folder: Path = request.getfixturevalue("tmp_path")
    names: dict[str, Any] = request.getfixturevalue("doctest_namespace")
    names["tmp"] = folder
    monkeypatch.chdir(folder)
    for variable in ("MEMORY_ROOT", "CLAUDE_PROJECT_DIR"):
        monkeypatch.delenv(variable, raising=False)
