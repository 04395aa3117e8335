"""The real programs that the tests run where they are installed, and how they are called without a network.

Claude Code is found as `CLAUDE_CODE` names it, on PATH, or in the package claude-agent-sdk;
Codex as `CODEX` names it or on PATH.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.bridges.conftest import Project


def _claude() -> str | None:
    if found := os.environ.get("CLAUDE_CODE") or shutil.which("claude"):
        return found
    package = importlib.util.find_spec("claude_agent_sdk")
    bundled = Path(package.origin).parent / "_bundled" / "claude" if package and package.origin else None
    return str(bundled) if bundled and bundled.exists() else None


CLAUDE = _claude()
CODEX = os.environ.get("CODEX") or shutil.which("codex")
needs_claude = pytest.mark.skipif(
    CLAUDE is None, reason="NOT PROVED HERE: Claude Code is not installed (CLAUDE_CODE=/path/to/claude names it)"
)
needs_codex = pytest.mark.skipif(
    CODEX is None, reason="NOT PROVED HERE: Codex is not installed (CODEX=/path/to/codex names it)"
)


def with_api(project: Project, address: str) -> dict[str, str]:
    """The environment in which Claude Code asks the stand-in at an address, and nobody else."""
    return {
        **{name: value for name, value in project.environ.items() if not name.startswith("CLAUDE")},
        "ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": "none", "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }  # fmt: skip


def put_on_path(project: Project, name: str, script: str) -> None:
    """Let a name mean a shell script in whatever the project's shell runs."""
    path = project.folder.parent / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def in_shell(
    project: Project, block: str, *, environ: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a block as somebody does who pastes it into a shell; the first line that fails ends it."""
    return subprocess.run(
        ["sh", "-euc", block], cwd=cwd or project.folder, env=environ or project.environ, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
