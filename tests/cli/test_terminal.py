"""What only a person at a terminal sees: colours, widths, the editor."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def typed(session: Any, *words: str, columns: int = 80, **environment: str) -> tuple[str, int]:
    """Run a command on a terminal of its own; return what it shows and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    child = subprocess.Popen(
        [sys.executable, "-m", "agent_memory", *words], cwd=session.folder, env=env | {"TERM": "xterm"} | environment,
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError as error:
        if error.errno != errno.EIO:  # Linux says so when the last process has closed its side
            raise
    finally:
        os.close(ours)
    return shown.decode().replace("\r\n", "\n"), child.wait()


def editor(session: Any, program: str) -> str:
    """An editor that is a Python program: it finds the file in `path`."""
    script = session.folder / "editor.py"
    script.write_text(f"import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{program}\n")
    return f"{sys.executable} {script}"


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_search_fits_the_terminal_and_marks_what_matched(session: Any, columns: int):
    session.run("sync")
    shown, code = typed(session, "search", "webhook", "header", columns=columns)
    assert code == 0
    text = re.compile(r"\x1b\[31m\x1b\[1mHeader\x1b\[0m")
    assert text.search(shown)
    lines = ANSI.sub("", shown).splitlines()
    assert max(len(line) for line in lines if ".md:" not in line) <= columns


@pytest.mark.parametrize("words", [("search", "webhook"), ("list",), ("stats",), ("doctor",), ("show", "nothing")])
def test_no_color_is_honoured(session: Any, words: tuple[str, ...]):
    session.run("sync")
    shown, _ = typed(session, *words, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", shown)


def test_tables_show_ids_whole_and_cut_names(session: Any):
    session.run("sync")
    shown, _ = typed(session, "list", columns=70)
    plain = ANSI.sub("", shown)
    assert "api-engineer/2026-04-30-money-in-minor-units " in plain
    assert "Money is an…" in plain or "Money is an " in plain
    assert max(map(len, plain.splitlines())) <= 70


def test_control_characters_do_not_reach_the_terminal(session: Any):
    evil = session.root / "api-engineer" / "2026-07-01-evil.md"
    evil.write_text("# Title \x1b]0;owned\x07\n\nText \x1b[2J gone \u202e reversed\n")
    for words in (["search", "title"], ["list"], ["show", "2026-07-01-evil"], ["show", "--raw", "2026-07-01-evil"],
                  ["first-step", "--agent", "x", "--task", "title text"]):  # fmt: skip
        shown, code = typed(session, *words)
        assert code == 0
        assert "\x1b]0" not in shown
        assert "\x1b[2J" not in shown
        assert "\u202e" not in shown
    assert session.run("show", "--raw", "2026-07-01-evil").stdout_bytes == evil.read_bytes()


def test_add_takes_what_is_written_in_the_editor(session: Any):
    session.run("sync")
    write = editor(session, "path.write_text('Written by hand.\\n' + path.read_text())")
    shown, code = typed(
        session, "add", "--agent", "api-engineer", "--topic", "By hand", "--date", "2026-07-01", EDITOR=write
    )
    assert (shown, code) == ("api-engineer/2026-07-01-by-hand\n", 0)
    text = (session.root / "api-engineer" / "2026-07-01-by-hand.md").read_text()
    assert text.endswith("---\n\nWritten by hand.\n")


@pytest.mark.parametrize("program", ["", "path.write_text('')", "path.write_text(path.read_text())"])
def test_add_writes_nothing_when_nothing_was_written(session: Any, program: str):
    before = sorted(session.root.rglob("*.md"))
    shown, code = typed(session, "add", "--agent", "x", "--topic", "y", EDITOR=editor(session, program))
    assert code == 2
    assert "nothing was written in the editor" in shown
    assert sorted(session.root.rglob("*.md")) == before


def test_edit_opens_the_body_and_keeps_its_line_ends(session: Any):
    file = session.root / "api-engineer" / "2026-07-01-dos.md"
    file.write_bytes(b"---\r\nname: Dos\r\n---\r\n\r\nOne.\r\nTwo.\r\n")
    change = editor(session, "path.write_text(path.read_text().replace('Two', 'Three'))")
    assert typed(session, "edit", "2026-07-01-dos", EDITOR=change) == ("api-engineer/2026-07-01-dos\n", 0)
    assert file.read_bytes() == b"---\r\nname: Dos\r\n---\r\n\r\nOne.\r\nThree.\r\n"
    assert typed(session, "edit", "2026-07-01-dos", EDITOR=editor(session, "")) == (
        "nothing changed\napi-engineer/2026-07-01-dos\n",
        0,
    )


def test_edit_keeps_the_text_where_somebody_else_was_faster(session: Any, tmp_path: Path):
    file = session.root / "worker-engineer" / "2026-06-10-known-flakes.md"
    both = f"path.write_text('Mine.\\n'); pathlib.Path({str(file)!r}).write_text('Theirs.\\n')"
    shown, code = typed(
        session, "edit", "2026-06-10-known-flakes", columns=400, EDITOR=editor(session, both), TMPDIR=str(tmp_path)
    )
    assert code == 4
    assert file.read_text() == "Theirs.\n"
    kept = re.search(r"your text is in (\S+)", shown)
    assert kept
    assert Path(kept[1]).read_text() == "Mine.\n"


def test_a_failing_editor_is_one_line(session: Any):
    shown, code = typed(session, "edit", "2026-06-10-known-flakes", EDITOR="/nonexistent-editor")
    assert code == 1
    assert "nonexistent-editor" in shown
    assert "Traceback" not in shown
