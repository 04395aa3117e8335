"""The program around the commands: its table, its cold start, and how a call ends."""

from __future__ import annotations

import importlib
import json
import re
import select
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import agent_memory
from agent_memory.cli.options import Call
from agent_memory.cli.program import COMMANDS, SHORT_HELP, program

ROOM = Path(agent_memory.__file__).parent / "cli"
SLOW = {"sqlalchemy", "pydantic", "whoosh", "yaml", "rich", "slugify", "json", "watchfiles", "asyncio"}


def commands() -> dict[str, click.Command]:
    """Every module of the room that has a command."""
    names = [path.stem for path in ROOM.glob("*.py") if path.stem != "__init__"]
    modules = [importlib.import_module(f"agent_memory.cli.{name}") for name in names]
    return {module.command.name: module.command for module in modules if hasattr(module, "command")}


def test_the_table_is_what_the_modules_say():
    assert {name: command.short_help for name, command in commands().items()} == SHORT_HELP


def test_every_command_takes_the_shared_options():
    for command in commands().values():
        assert {"--root", "--json"} <= {name for param in command.params for name in param.opts}


@pytest.mark.parametrize("name", SHORT_HELP)
def test_every_option_and_command_has_a_help(name: str):
    command = commands()[name]
    assert command.help
    assert not [param for param in command.params if isinstance(param, click.Option) and not param.help]


@pytest.mark.parametrize("name", SHORT_HELP)
def test_the_examples_of_a_help_parse(name: str):
    command = commands()[name]
    for example in command.examples:  # type: ignore[attr-defined]
        words = shlex.split(re.sub(r"[<>].*", "", example), comments=True)
        calls = " ".join(words).split("memory ", 1)[1] if "eval" in example else None
        words = shlex.split(calls.rstrip(")")) if calls else words[words.index("memory") + 1 :]
        if "|" in words:
            words = words[: words.index("|")]
        with program.make_context("memory", words, obj=Call()) as ctx:
            arguments = [*ctx._protected_args, *ctx.args]
            _, found, rest = program.resolve_command(ctx, arguments)
            assert found is command
            command.make_context(name, rest, parent=ctx).close()


def imported(*words: str, cwd: Path) -> set[str]:
    """The modules that a fresh process imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words], cwd=cwd, capture_output=True, text=True, check=True
    )
    return set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", done.stderr, re.MULTILINE))


def test_a_cold_search_imports_nothing_slow(session: Any):
    session.run("sync")
    found = imported(
        "-m", "agent_memory", "--root", str(session.root), "search", "three plain words", cwd=session.folder
    )
    assert "agent_memory.recall.search" in found
    assert not {name.split(".")[0] for name in found} & SLOW


def test_the_help_and_the_front_door_import_next_to_nothing(session: Any):
    found = imported("-m", "agent_memory", "--help", cwd=session.folder)
    assert "agent_memory.cli.program" in found
    assert not {"agent_memory.store", "agent_memory.model", "agent_memory.cli.search"} & found
    assert {name for name in imported("-c", "import agent_memory", cwd=session.folder) if "agent_memory" in name} == {
        "agent_memory"
    }


def test_the_front_door_hands_out_every_name():
    for name in agent_memory.__all__:
        assert getattr(agent_memory, name) is not None
    assert set(agent_memory.__all__) <= set(dir(agent_memory))
    with pytest.raises(AttributeError, match="no attribute 'Memry'"):
        _ = agent_memory.Memry  # type: ignore[attr-defined]


def test_the_version_is_printed(session: Any):
    assert session.run("--version").output == f"memory {agent_memory.__version__}\n"


def test_an_unexpected_error_is_one_line_and_a_traceback_on_request(session: Any, monkeypatch: pytest.MonkeyPatch):
    broken = Call(clock=lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    said = CliRunner().invoke(program, ["list"], obj=broken)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.splitlines() == [
        "memory: internal error: ZeroDivisionError: integer division or modulo by zero",
        "  hint: please report this; MEMORY_DEBUG=1 shows where it happened",
    ]
    monkeypatch.setenv("MEMORY_DEBUG", "1")
    assert "Traceback" in CliRunner().invoke(program, ["list"], obj=broken).stderr


def test_an_error_of_the_system_is_one_line(session: Any, monkeypatch: pytest.MonkeyPatch):
    gone = session.folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = session.run("list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "memory: No such file or directory\n"


def test_with_json_an_error_is_one_object_on_stderr(session: Any):
    for words in (["show", "x", "--json"], ["--json", "show", "x"], ["show", "--json", "--nope"], ["shw", "--json"]):
        result = session.run(*words)
        assert result.stdout == ""
        error = json.loads(result.stderr)
        assert error["version"] == 1
        assert error["error"]["exit_code"] == result.exit_code
    assert "memory:" in session.run("search", "(", "--", "--json").stderr


def test_a_reader_that_goes_away_is_no_error_message(session: Any):
    session.run("sync")
    for n in range(300):
        (session.root / "api-engineer" / f"2026-01-01-note-{n}.md").write_text(f"# Note {n} {'long ' * 60}\n")
    command = [sys.executable, "-m", "agent_memory", "list"]
    with subprocess.Popen(command, cwd=session.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_watch_tells_each_change_and_ends_well_on_ctrl_c(session: Any):
    session.run("sync")
    command = [sys.executable, "-m", "agent_memory", "watch", "--json"]
    with subprocess.Popen(
        command, cwd=session.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert json.loads(child.stdout.readline())["unchanged"] == 5
        (session.root / "api-engineer" / "2026-07-01-note.md").write_text("# Note\n")
        assert select.select([child.stdout], [], [], 30)[0]
        assert json.loads(child.stdout.readline())["added"] == 1
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0
        assert child.stderr.read() == ""


def test_root_and_environment_name_the_store(session: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert session.run("list").exit_code == 3
    assert session.run("list", "--root", str(session.folder)).exit_code == 0
    assert session.run("--root", "/nowhere", "list", "--root", str(session.root)).exit_code == 0
    for name, value in (("MEMORY_ROOT", session.root), ("CLAUDE_PROJECT_DIR", session.folder)):
        with monkeypatch.context() as patched:
            patched.setenv(name, str(value))
            assert session.run("list").exit_code == 0
    monkeypatch.setenv("MEMORY_ROOT", "~nobody-of-this-name/notes")
    done = session.run("list")
    assert (done.exit_code, "no memory store at ~nobody-of-this-name/notes" in done.stderr) == (3, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(session: Any, shell: str):
    assert "_MEMORY_COMPLETE" in session.run("completion", shell).output


@pytest.mark.parametrize(
    ("line", "cursor", "expected"),
    [
        ("memory se", 1, ["search"]),
        ("memory show worker-engineer/2026-03", 2, ["worker-engineer/2026-03-02-retry-policy"]),
        ("memory search --agent wor", 3, ["worker-engineer"]),
        ("memory add --type dec", 3, ["decision"]),
        ("memory search --exp", 2, ["--explain"]),
    ],
)
def test_completion_knows_commands_ids_agents_and_words(
    session: Any, line: str, cursor: int, expected: list[str], monkeypatch
):
    monkeypatch.setenv("_MEMORY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(cursor))
    assert [said.split(",", 1)[1] for said in session.run().output.splitlines()] == expected


def test_groups_hold_every_command_once():
    assert len(SHORT_HELP) == sum(len(group) for group in COMMANDS.values())
