"""Where the store of a working directory is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent_memory.errors import InvalidInput, NotFound

PLACE = Path(".claude") / "agents-memory"
"""Where a project keeps its store."""


def store_in(folder: Path) -> Path | None:
    """Return the store of a project folder, or None if it has none."""
    for place in (folder / PLACE, folder / "agents-memory" if folder.name == ".claude" else folder / PLACE):
        if place.is_dir():
            return place
    return None


def check_named(root: str | None) -> None:
    """Refuse a name that names nothing, such as that of an unset variable: another store would be taken instead.

    Raises:
        InvalidInput: It is blank.
    """
    if root is not None and not root.strip():
        raise InvalidInput("--root is empty", hint="name a store, or a project that has one, or leave it out")


def find(start: Path, environ: Mapping[str, str], *, root: str | None = None) -> Path:
    """Return the store root for a working directory.

    Asked in this order: `root` (the option), `MEMORY_ROOT`, `CLAUDE_PROJECT_DIR`, `start` and the folders above it. A
    folder in a linked git worktree stands for its main checkout first: all worktrees share one memory.

    Args:
        root: A store root, or a project folder that has one.

    Raises:
        InvalidInput: `root` is blank.
        NotFound: No place has a store; a place that was named but has none is an error at once.
    """
    check_named(root)
    for name, value in (("--root", root), ("MEMORY_ROOT", environ.get("MEMORY_ROOT"))):
        if value:
            path = _expanded(value)
            if not path.is_dir():
                raise NotFound(
                    f"no memory store at {value} ({name})", hint=f"create it with: memory init --root {value}"
                )
            return store_in(path) or path
    for folder in _candidates(start.absolute(), environ):
        if (found := store_in(folder)) is not None:
            return found
    raise NotFound(
        f"no {PLACE}/ in {start.absolute()} or above", hint="create one with: memory init, or name one with --root"
    )


def place_for_new(start: Path, environ: Mapping[str, str], *, root: str | None = None) -> Path:
    """Return where `init` creates a store: the named root, else in the main checkout, else in `start`."""
    check_named(root)
    if named := root or environ.get("MEMORY_ROOT"):
        return _expanded(named)
    return next(_candidates(start.absolute(), environ), start.absolute()) / PLACE


def _expanded(path: str) -> Path:
    """Return a path with its `~` read as the shell reads it: that of nobody stays as it is."""
    return Path(os.path.expanduser(path))  # Path.expanduser raises for a user there is not


def _candidates(start: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    project = environ.get("CLAUDE_PROJECT_DIR")
    for folder in (Path(project).absolute() if project else None, start):
        if folder is not None:
            if (main := main_checkout(folder)) is not None:
                yield main
            yield folder
    yield from start.parents


def main_checkout(start: Path) -> Path | None:
    """Return the folder of the main checkout if `start` lies in a linked worktree, without running git.

    In a linked worktree `.git` is a file that names its git directory; `commondir` in there leads to the shared one.
    """
    for folder in (start, *start.parents):
        git = folder / ".git"
        if git.is_dir():
            return None
        if git.is_file():
            try:
                text = git.read_text(encoding="utf-8").strip()
                own = folder / text.removeprefix("gitdir:").strip()
                common = (own / (own / "commondir").read_text(encoding="utf-8").strip()).resolve()
            except (OSError, ValueError, RuntimeError):
                return None  # a submodule, or not what git writes: no UTF-8, a NUL, a link that leads to itself
            return common.parent if common.name == ".git" else None
    return None
