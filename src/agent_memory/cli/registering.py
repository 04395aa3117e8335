"""What `memory install` and `memory uninstall` share: where the settings are, and showing before writing."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent_memory.cli.failure import Usage
from agent_memory.cli.options import Call, F
from agent_memory.cli.render import put, say, visible
from agent_memory.errors import NotFound

if TYPE_CHECKING:
    from agent_memory.bridges.registration import Edit

RUNNERS = ("claude-code", "codex")
SCOPES = ("project", "local", "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where settings are.

    Attributes:
        project: The folder whose settings count for all who work on it.
        home: The runner's own folder in the user's home.
        store: The store that was named; "" where the hook finds it by itself.
    """

    project: Path
    home: Path
    store: str = ""


def runner_options(function: F) -> F:
    """Add what both commands take."""
    from agent_memory.cli.options import OneOf

    for add in (
        click.option("--yes", is_flag=True, help="Write without asking."),
        click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing."),
        click.option("--scope", type=OneOf(SCOPES), default="project", show_default=True, metavar="SCOPE",
                     help="Whose settings: project (shared), local (yours, here) or user (yours, everywhere)."),
        click.argument("runner", type=OneOf(RUNNERS), metavar="RUNNER"),
    ):  # fmt: skip
        function = add(function)
    return function


def bridge_of(runner: str, scope: str) -> Any:
    """Return the module that knows a runner.

    Raises:
        Usage: It has no such scope.
    """
    from agent_memory.bridges import claude_code, codex

    module = claude_code if runner == "claude-code" else codex
    if scope not in module.SCOPES:
        raise Usage(f"{runner} has no scope {scope!r}", hint=f"it is one of {', '.join(module.SCOPES)}")
    return module


def places(call: Call, runner: str) -> Places:
    """Return where the settings of a runner are, seen from the working directory."""
    from agent_memory.files import discover
    from agent_memory.team.cards import project_of

    name, folder = {"claude-code": ("CLAUDE_CONFIG_DIR", ".claude"), "codex": ("CODEX_HOME", ".codex")}[runner]
    home = Path(os.environ[name]) if os.environ.get(name) else _home() / folder
    here = Path.cwd()
    try:
        store = discover.find(here, os.environ, root=call.root)
    except NotFound:
        if call.root:
            raise
        say("note: there is no memory store here yet; create one with: memory init")
        return Places(project=_project(here), home=home)
    project = project_of(store)
    if project and here.is_relative_to(project):
        return Places(project=project, home=home)
    return Places(project=_project(here), home=home, store=str(store.absolute()) if call.root else "")


def _project(here: Path) -> Path:
    """Return the nearest folder that is a project by its looks, else the working directory itself."""
    looks = (folder for folder in (here, *here.parents) if any((folder / n).exists() for n in (".git", ".claude")))
    found = next(looks, here)
    return here if found == _home() else found


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise NotFound("nobody knows your home folder", hint="set HOME") from error


def carry_out(call: Call, edits: Sequence[Edit], *, project: Path, dry_run: bool, yes: bool) -> bool:
    """Show the changes, and write them where that is wanted; return whether the files are as they were to be.

    Raises:
        Usage: Nobody is there to ask.
    """
    changed = [edit for edit in edits if edit.changed]
    names = {edit.path: _name(edit.path, project) for edit in edits}
    if not call.json:
        for edit in changed:
            put(edit.diff(visible(names[edit.path])).rstrip("\n"))
    write = bool(changed) and not dry_run and (yes or _wanted(call))
    if write:
        for edit in changed:
            edit.write()
    if call.json:
        from agent_memory.cli.json_output import print_json

        files = [
            {"path": names[e.path], "changed": e.changed, "diff": e.diff(names[e.path]), "removed": e.after is None}
            for e in edits
        ]
        print_json({"written": write, "files": files})
    else:
        for edit in changed if write else ():
            say(f"{'removed' if edit.after is None else 'written'}: {visible(names[edit.path])}")
        if not changed:
            say("nothing to change: " + ", ".join(visible(name) for name in names.values()))
        elif not write:
            say("nothing was written")
    return write or not changed


def _wanted(call: Call) -> bool:
    """Ask whether to write."""
    if call.json or not sys.stdin or not sys.stdin.isatty():
        raise Usage("nothing was written, because nobody is there to ask", hint="say --yes to write, or --dry-run")
    return click.confirm("Write this?", err=True)


def _name(path: Path, project: Path) -> str:
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)
