"""What is on disk: every file that is named like a memory, and what is odd about the rest."""

from __future__ import annotations

import hashlib
import marshal
import os
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from agent_memory.files.naming import date_in
from agent_memory.model import Problem

STORE = ".store"
ARCHIVE = f"{STORE}/archive"
MISPLACED = "in no agent's folder, so it is no memory"

_TYPE, _REGULAR = 0o170000, 0o100000  # the bits of a mode that tell the type of a file, and those of a regular one

Seen = tuple[str, int, int, int, int]
"""The fields of a `Stat` as a plain tuple, of which a walk makes ten thousand without a pause."""


class Listing(NamedTuple):
    """What is on disk now, sorted by path.

    Attributes:
        unread: Folders (with a trailing "/") that could not be listed; what is below them is unknown, not gone.
        folders: Every folder that was listed, relative to the root, "" for the root itself.
    """

    stats: list[Seen]
    problems: tuple[Problem, ...]
    unread: tuple[str, ...]
    folders: tuple[str, ...]

    @property
    def twins(self) -> dict[str, str]:
        """Archived path -> active path of the same file: it is being moved, or its move was cut short."""
        archived = [seen for seen in self.stats if seen[0].startswith(ARCHIVE)]
        if not archived:
            return {}
        active = {seen[4]: seen[0] for seen in self.stats if not seen[0].startswith(ARCHIVE)}
        return {seen[0]: active[seen[4]] for seen in archived if seen[4] in active}

    def once(self) -> Listing:
        """Return the listing with one path for each file: the active one of twins."""
        twins = self.twins
        return self._replace(stats=[seen for seen in self.stats if seen[0] not in twins]) if twins else self

    @property
    def digest(self) -> str:
        """A hash over names and stats: equal digests mean that nothing changed as far as stat can tell."""
        return hashlib.blake2b(marshal.dumps(self.stats, 2)).hexdigest()


def printable(name: str) -> str:
    """Return `name` with control characters and undecodable bytes made visible."""
    return (
        "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogateescape").decode() for c in name)
        if not name.isprintable()
        else name
    )


def is_text(name: str) -> bool:
    """Whether a name is made of characters that show, spaces of any kind, and joiners, which some scripts need."""
    return name.isprintable() or all(
        c.isprintable() or c in "\u200c\u200d" or unicodedata.category(c) == "Zs" for c in name
    )


def walk(root: str, starts: Iterable[str]) -> Listing:
    """List the folders `starts` below `root`, each "" or with a trailing "/", and all folders in them.

    Hidden names are skipped, symbolic links are reported and not followed. The root's own files are no memories.
    """
    found = _Walk(root)
    for start in starts:
        found.tree(start)
    found.stats.sort()
    found.problems.sort(key=lambda problem: (problem.path, problem.message))
    return Listing(
        stats=found.stats, problems=tuple(found.problems), unread=tuple(found.unread), folders=tuple(found.folders)
    )


class _Walk:
    """One walk over the tree; collects as it goes."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.stats: list[Seen] = []
        self.problems: list[Problem] = []
        self.unread: list[str] = []
        self.folders: list[str] = []

    def tree(self, start: str) -> None:
        """List one folder and those below it, however deep."""
        parts = start.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            if os.path.islink(f"{self.root}/{'/'.join(parts[:depth])}"):
                self._problem("/".join(parts[:depth]), "symbolic link, not followed: memories are plain files")
                return
        waiting = [start]
        while waiting:
            waiting += self._folder(waiting.pop())

    def _folder(self, relative: str) -> list[str]:
        """List one folder and return the folders in it."""
        try:
            folder = os.open(f"{self.root}/{relative}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        except OSError as error:
            return self._unlisted(relative, error)
        try:
            with os.scandir(folder) as found:  # by its number, so that no stat has to find the folder again
                entries = list(found)
            self.folders.append(relative)
            return self._entries(entries, relative)
        except OSError as error:
            return self._unlisted(relative, error)
        finally:
            os.close(folder)

    def _unlisted(self, relative: str, error: OSError) -> list[str]:
        self.unread.append(relative)
        self._problem(relative, f"folder cannot be listed: {error.strerror}")
        return []

    def _entries(self, entries: list[os.DirEntry[str]], relative: str) -> list[str]:
        """Note the files of one folder and return the folders in it. This loop is what a sync without changes costs."""
        note = self.stats.append
        below: list[str] = []
        fine = relative.isprintable() and "".join([entry.name for entry in entries]).isprintable()
        for entry in entries:
            name = entry.name
            if name[0] == ".":
                continue
            if not name.endswith(".md") or not relative:
                self._other(entry, relative, below)
                continue
            path = relative + name
            try:
                s = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._problem(path, f"cannot be read: {error.strerror}")
                continue
            if s.st_mode & _TYPE != _REGULAR:
                self._other(entry, relative, below)
            elif fine or is_text(path):
                note((path, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino))
            else:
                self._problem(path, "file name holds control characters or is not UTF-8; rename it to have it indexed")
        return below

    def _other(self, entry: os.DirEntry[str], relative: str, below: list[str]) -> None:
        """Go into folders, and report what is named like a memory but is no regular file, or in no agent's folder."""
        path = relative + entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if is_folder:
            below.append(f"{path}/")
        if entry.name.endswith(".md"):
            if entry.is_symlink():
                self._problem(path, "symbolic link, not read: memories are plain files")
            elif is_folder:
                self._problem(path, "is a folder, although it is named like a memory")
            elif not entry.is_file(follow_symlinks=False):
                self._problem(path, "is not a regular file")
            elif not relative and date_in(entry.name) is not None:
                self._problem(path, f"is {MISPLACED}; move it into the folder of its agent")
        elif entry.is_symlink() and _leads_to_a_folder(entry):
            self._problem(path, "symbolic link to a folder, not followed: memories are plain files")

    def _problem(self, path: str, message: str) -> None:
        self.problems.append(Problem(path=printable(path), message=message, indexed=False))


def _leads_to_a_folder(link: os.DirEntry[str]) -> bool:
    try:
        return link.is_dir()
    except OSError:  # it leads to itself, or to where we may not look
        return False
