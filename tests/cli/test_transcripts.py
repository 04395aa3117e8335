"""Each transcript reads like a page of a manual, and is one: what stands below a command is what it says.

Lines that begin with "$ " are commands, lines that begin with "-- " are remarks, all others are output, stdout and
stderr as they come. `pytest --update-transcripts` writes the output anew; then read the difference.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_memory.cli.program import SHORT_HELP

FOLDER = Path(__file__).parent / "transcripts"
PATHS = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_transcript_is_what_happens(path: Path, make_session: Callable[[], Any], update: bool):
    expected = path.read_text(encoding="utf-8")
    actual = "".join(replayed(expected, make_session()))
    assert "internal error" not in actual
    if update:
        path.write_text(actual, encoding="utf-8")
    assert actual == expected or update


def replayed(transcript: str, session: Any) -> Iterator[str]:
    """Yield the remarks and commands of a transcript, each command with what it says now."""
    after_remark = True
    for line in transcript.splitlines():
        if line.startswith("-- "):
            yield f"{line}\n" if after_remark else f"\n{line}\n"
            after_remark = True
        elif line.startswith("$ "):
            yield f"{line}\n" if after_remark else f"\n{line}\n"
            yield session.steady(outcome(line[2:], session))
            after_remark = False


def outcome(line: str, session: Any) -> str:
    """Run `memory …`, `echo TEXT | memory …`, `echo TEXT > FILE`, `cat FILE` `rm FILE` or `rm -r FOLDER`."""
    words = shlex.split(line)
    stdin = ""
    if words[0] == "echo":
        stdin = f"{words[1]}\n".replace("\\n", "\n")
        if words[2] == ">":
            Path(words[3]).parent.mkdir(parents=True, exist_ok=True)
            Path(words[3]).write_text(stdin)
            return ""
        words = words[3:]
    if words[0] == "cat":
        return Path(words[1]).read_text()
    if words[0] == "rm":
        shutil.rmtree(words[2]) if words[1] == "-r" else Path(words[1]).unlink()
        return ""
    assert words[0] == "memory", f"a transcript knows no {words[0]}"
    result = session.run(*words[1:], stdin=stdin)
    said = result.output if result.output.endswith("\n") or not result.output else f"{result.output}\n"
    return said + (f"[exit {result.exit_code}]\n" if result.exit_code else "")


def test_every_command_has_a_transcript():
    assert {path.stem for path in PATHS} >= set(SHORT_HELP)
