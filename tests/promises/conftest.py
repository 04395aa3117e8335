"""Fixtures of the tests that prove the promises."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.support import IN_MEMORY, time_limit


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder where fsync costs nothing, for tests that play hundreds of crashes.

    A killed process takes nothing out of the kernel's memory, so such a test says the same there as on a disk.
    """
    if not IN_MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="promises-", dir=IN_MEMORY) as folder:
        yield Path(folder)


@pytest.fixture
def limit() -> Iterator[None]:
    """A minute for a test of what could hang."""
    with time_limit(60):
        yield
