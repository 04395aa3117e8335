"""The cards of a project and the documents they name, read from disk.

Whatever is read lies below the project, links followed: a card names what an agent is shown, and a project that
somebody cloned may not show files of the machine it was cloned to. What lies in the memory is not read here either,
because only the store knows who may see it.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agent_memory.files.discover import PLACE
from agent_memory.files.listing import printable
from agent_memory.model import Problem
from agent_memory.team.card import Card, parse

__all__ = ["Card", "SharedDocument", "Team", "card_of", "documents", "parse", "project_of", "read_cards", "read_team"]

LARGEST = 256 * 1024
"""Bytes of the largest card that is read."""

CARDS = ".claude/agents"


class Team(NamedTuple):
    """The agents of a project.

    Attributes:
        cards: By agent. A card that could not be read is there under its file's name, with nothing but its problems.
        problems: Those of all cards, and what else is wrong with their folder; paths are relative to the project.
    """

    cards: dict[str, Card]
    problems: tuple[Problem, ...]


class SharedDocument(NamedTuple):
    """A document that a card's First Step names.

    Attributes:
        path: As in `Card.reads`.
        text: None where `problem` says why, and for a folder that is there.
        problem: One phrase about the path, or "".
    """

    path: str
    text: str | None = None
    problem: str = ""


def project_of(root: Path) -> Path | None:
    """Return the project that a store root belongs to: the folder above `.claude/agents-memory`, else None."""
    return root.parent.parent if root.parts[-2:] == PLACE.parts else None


def read_cards(project: Path) -> dict[str, Card]:
    """Return the cards below `.claude/agents/` by agent; see `Team.cards`."""
    return read_team(project).cards


def card_of(project: Path, agent: str) -> Card | None:
    """Return the card of an agent that lies where one looks first, `<agent>.md`; None says nothing about the others."""
    path = f"{CARDS}/{agent}.md"
    text, _ = _read(_resolved(project), path, LARGEST)
    card = parse(path, text) if text is not None else None
    return card if card and card.agent == agent else None


def read_team(project: Path) -> Team:
    """Return the cards below `.claude/agents/` and what is wrong with them.

    Of two cards that name the same agent the first one counts, by path.
    """
    home = _resolved(project)
    problems: list[Problem] = []
    cards: dict[str, Card] = {}
    unread: list[Card] = []
    for path in _paths(home, problems):
        text, wrong = _read(home, path, LARGEST)
        shown = printable(path)
        if text is None:
            problem = Problem(path=shown, message=wrong or "is a folder", indexed=False)
            unread.append(Card(agent=shown.rpartition("/")[2].removesuffix(".md"), path=shown, problems=(problem,)))
            continue
        card = parse(shown, text)
        if (first := cards.setdefault(card.agent, card)) is not card:
            message = f"names the agent {card.agent}, as {first.path} does; this one is not used"
            problems.append(Problem(path=shown, message=message, indexed=False))
    problems += [problem for card in (*cards.values(), *unread) for problem in card.problems]
    for card in unread:
        cards.setdefault(card.agent, card)
    return Team(cards=cards, problems=tuple(sorted(problems, key=lambda p: (p.path, p.line or 0, p.message))))


def documents(card: Card, project: Path, *, limit_bytes: int) -> tuple[SharedDocument, ...]:
    """Read what a card's First Step names, in its order; a folder is named, not read.

    Args:
        limit_bytes: Size of the largest document that is read; a larger one is reported.
    """
    home = _resolved(project)
    found = []
    for path in card.reads:
        text, wrong = (None, "lies outside the project") if path[0] == "~" else _read(home, path, limit_bytes)
        found.append(SharedDocument(path=path, text=text, problem=wrong))
    return tuple(found)


def _resolved(project: Path) -> Path:
    try:
        return project.resolve()
    except (OSError, RuntimeError):  # a loop of links; there is nothing below it
        return project.absolute()


def _paths(home: Path, problems: list[Problem]) -> Iterator[str]:
    """Yield the paths of the cards, relative to the project, sorted within each folder."""

    def unlisted(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            path = printable(os.fspath(error.filename)).removeprefix(f"{home}/")
            message = f"folder cannot be listed: {error.strerror}"
            problems.append(Problem(path=path, message=message, indexed=False))

    start = home / CARDS
    if not _resolved(start).is_relative_to(home):
        problems.append(Problem(path=CARDS, message="lies outside the project", indexed=False))
        return
    for folder, below, names in os.walk(start, onerror=unlisted):
        relative = folder.removeprefix(f"{home}/".replace("//", "/"))
        for name in below:
            if Path(folder, name).is_symlink():
                path = printable(f"{relative}/{name}")
                problems.append(Problem(path=path, message="symbolic link to a folder, not followed", indexed=False))
        below[:] = sorted(name for name in below if name[0] != ".")
        yield from (f"{relative}/{name}" for name in sorted(names) if _is_card(name))


def _is_card(name: str) -> bool:
    return name.endswith(".md") and name[0] != "." and name.lower() != "readme.md"


def _read(home: Path, path: str, limit: int) -> tuple[str | None, str]:
    """Return the text of a file below the project, None for a folder, and what is wrong."""
    try:
        target = (home / path).resolve()
        if not target.is_relative_to(home):
            return None, "lies outside the project"
        if target.is_relative_to(home / PLACE):
            return None, "lies in the memory, which is not a document"
        fd = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            data, wrong = _bytes(fd, limit)
        finally:
            os.close(fd)
    except (FileNotFoundError, NotADirectoryError):
        return None, "there is no such file"
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"
    except (RuntimeError, ValueError):  # links that lead to each other; a name that no file can have
        return None, "cannot be read: no usable path"
    return (None, wrong) if data is None else _decoded(data)


def _bytes(fd: int, limit: int) -> tuple[bytes | None, str]:
    """Return what is in an open file, unless it is a folder, too large or something that may never end."""
    found = os.fstat(fd)
    if modes.S_ISDIR(found.st_mode):
        return None, ""
    if not modes.S_ISREG(found.st_mode):
        return None, "is not a regular file"
    chunks, size = [], 0
    while size <= limit and (chunk := os.read(fd, limit + 1 - size)):
        chunks.append(chunk)
        size += len(chunk)
    if size > limit:
        return None, f"is larger than {limit:,} bytes ({found.st_size:,})"
    return b"".join(chunks), ""


def _decoded(data: bytes) -> tuple[str | None, str]:
    if b"\0" in data:
        return None, "is not text: there is a NUL byte"
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        return data.decode("utf-8-sig", "replace"), f"is not UTF-8 (line {line})"
