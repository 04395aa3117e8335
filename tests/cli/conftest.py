"""A small store with a fixed clock, and the command line in this process."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent_memory.cli.options import Call
from agent_memory.cli.program import program

STORE = Path(__file__).parent / "agents-memory"
RECEIPTS = Path(__file__).parent / "receipts.jsonl"  # git ignores `.store/`, so they lie here
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Session:
    """A project folder with a store, in which commands run.

    Attributes:
        folder: The project; the working directory.
    """

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / ".claude" / "agents-memory"

    def run(self, *words: str, stdin: str | bytes = "") -> Result:
        return CliRunner().invoke(program, words, input=stdin, obj=Call(clock=lambda: NOW), prog_name="memory")

    def steady(self, text: str) -> str:
        """What a command said, without what differs between two runs."""
        text = text.replace(str(self.folder), "…")
        text = re.sub(r"\([0-9.]+ s\)", "(0.01 s)", text)
        text = re.sub(r'"seconds": [0-9.e-]+', '"seconds": 0.01', text)
        text = re.sub(r'("seconds_p\d+": {"value": )[0-9.e-]+', r"\g<1>0.01", text)
        text = re.sub(r"(latency p\d+\t)[0-9.]+ ms", r"\g<1>1.0 ms", text)
        return re.sub(r'"index_bytes": \d+', '"index_bytes": 98304', text)


@pytest.fixture
def make_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Session]:
    """Make a project with a fresh copy of the store, and go there."""
    for name in ("MEMORY_ROOT", "CLAUDE_PROJECT_DIR", "NO_COLOR", "MEMORY_DEBUG", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEMORY_SEMANTIC", "0")  # what is shown is what a plain installation says

    def make() -> Session:
        session = Session(tmp_path / f"shop-{len(list(tmp_path.iterdir()))}")
        shutil.copytree(STORE, session.root)
        receipts = session.root / ".store" / "receipts" / "2026-06.jsonl"
        receipts.parent.mkdir(parents=True)
        shutil.copyfile(RECEIPTS, receipts)
        monkeypatch.chdir(session.folder)
        return session

    return make


@pytest.fixture
def session(make_session: Callable[[], Session]) -> Session:
    return make_session()


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-transcripts"))
