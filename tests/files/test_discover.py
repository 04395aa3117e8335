"""The store of a folder is found, whatever lies about there."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_memory.files import discover


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / discover.PLACE).mkdir(parents=True)
    (tmp_path / "sub").mkdir()
    return tmp_path


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"gitdir: a\0b", b"gitdir: " + b"../" * 5000, b"gitdir: loop"])
def test_a_git_file_that_git_did_not_write_leads_nowhere(project: Path, content: bytes):
    (project / "sub" / ".git").write_bytes(content)
    (project / "sub" / "loop").mkdir()
    (project / "sub" / "loop" / "commondir").write_text("self")
    (project / "sub" / "loop" / "self").symlink_to("self")
    assert discover.main_checkout(project / "sub") is None
    assert discover.find(project / "sub", {}) == project / discover.PLACE
