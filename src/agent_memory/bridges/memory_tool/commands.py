"""The commands of the memory tool over one agent's folder."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from agent_memory.bridges.extras import extra
from agent_memory.bridges.memory_tool.links import Links
from agent_memory.errors import MemoryStoreError, Unreadable
from agent_memory.files import atomic, naming
from agent_memory.files import format as formats
from agent_memory.files.folder import LARGEST, TRASH, Folder
from agent_memory.files.listing import ARCHIVE, printable
from agent_memory.model import Stat
from agent_memory.store import local_time

with extra("memory-tool", packages=("anthropic",)):
    from anthropic.lib.tools import ToolError

if TYPE_CHECKING:
    from agent_memory.store import Clock, MemoryStore

TOP = "/memories"
MAX_LINES = 999_999


class Memories:
    """The six commands over the folder of one agent; every failure is a `ToolError`.

    Args:
        store: Where; nothing else of it is used, and its next read finds what was written here.
        agent: Whose folder it is; it is made if it is not there.
        clock: Tells the day that a refused name is answered with.
    """

    def __init__(
        self, store: MemoryStore, agent: str, *, clock: Clock = local_time, lock_timeout: float = 10.0
    ) -> None:
        self._agent = naming.check_agent(agent)
        self._folder = Folder(store.root)
        self._timeout = lock_timeout
        self._clock = clock
        self._folder.prepare()
        atomic.make_folder(self._folder.root / self._agent, below=self._folder.root)

    # -- reading ------------------------------------------------------------------------------------------------

    def view(self, path: str, view_range: object = None) -> str:
        """Show a file with line numbers, or a folder two levels deep."""
        place = self._place(path)
        if place.is_dir():
            return self._listed(place, path.rstrip("/"))
        if not os.path.lexists(place):
            refuse(f"The path {path} does not exist. Please provide a valid path.")
        lines = self._read(path).split("\n")
        if len(lines) > MAX_LINES:
            refuse(f"File {path} exceeds maximum line limit of 999,999 lines.")
        first, end = 0, len(lines)
        if isinstance(view_range, list | tuple) and len(view_range) == 2:
            if not all(type(number) is int for number in view_range):
                refuse("Invalid `view_range` parameter: it should be two whole numbers.")
            first = max(1, view_range[0]) - 1
            end = end if view_range[1] == -1 else view_range[1]
        shown = "\n".join(_numbered(n, line) for n, line in enumerate(lines[first:end], first + 1))
        return f"Here's the content of {path} with line numbers:\n{shown}"

    def _listed(self, place: Path, path: str) -> str:
        header = f"Here're the files and directories up to 2 levels deep in {path}, excluding hidden items:"
        with self._failures(path):
            lines = [f"{_size(place.stat().st_size)}\t{path}", *_entries(place, path, 2)]
        return "\n".join([header, *lines])

    # -- writing ------------------------------------------------------------------------------------------------

    def create(self, path: str, file_text: str) -> str:
        """Write a new file; one that is there is never overwritten."""
        target = self._target(path)
        data = self._checked(path, file_text)

        def name(attempt: int) -> str:
            if attempt > 1:
                refuse(f"File {path} already exists")
            return target

        with self._failures(path):
            if os.path.lexists(self._folder.locate(target)):
                refuse(f"File {path} already exists")
            self._folder.create(name, data)
        return f"File created successfully at: {path}"

    def str_replace(self, path: str, old_str: str, new_str: str) -> str:
        """Replace a text that stands in a file once."""
        if not old_str:
            refuse("No replacement was performed, old_str is empty.")
        with self._edited(path) as edit:
            content = edit.text
            if (count := content.count(old_str)) != 1:
                refuse(_not_once(path, content, old_str, count))
            at = content[: content.find(old_str)].count("\n")
            edit.text = content.replace(old_str, new_str)
        lines = edit.text.split("\n")
        first, end = max(0, at - 2), min(len(lines), at + 3)
        snippet = "\n".join(_numbered(n + 1, lines[n]) for n in range(first, end))
        return (
            f"The memory file has been edited. Here is the snippet showing the change (with line numbers):\n{snippet}"
        )

    def insert(self, path: str, insert_line: int, insert_text: str) -> str:
        """Insert lines after a line; 0 is the top."""
        with self._edited(path) as edit:
            lines = edit.text.split("\n")
            if not lines[-1]:
                lines.pop()
            if not 0 <= insert_line <= len(lines):
                refuse(
                    f"Invalid `insert_line` parameter: {insert_line}. It should be within the range [0, {len(lines)}]."
                )
            lines.insert(insert_line, insert_text.rstrip("\n"))
            text = "\n".join(lines)
            edit.text = text if text.endswith("\n") else f"{text}\n"
        return f"The file {path} has been edited."

    def delete(self, path: str) -> str:
        """Move a file, or all of a folder, to the trash."""
        place = self._place(path)
        if place == self._top:
            refuse("Cannot delete the /memories directory itself")
        with self._failures(path), self._folder.lock(timeout=self._timeout):
            if not os.path.lexists(place):
                refuse(f"The path {path} does not exist")
            self._empty(place, path)
        return f"Successfully deleted {path}"

    def rename(self, old_path: str, new_path: str) -> str:
        """Move a file or a folder; ids change with it, and what other memories say of the old ones changes, too."""
        old, new = self._place(old_path), self._place(new_path)
        if old == self._top:
            refuse("Cannot rename the /memories directory itself")
        with self._failures(old_path), self._folder.lock(timeout=self._timeout):
            if os.path.lexists(new) and not _is_one_file(old, new):
                refuse(f"The destination {new_path} already exists")
            if not os.path.lexists(old):
                refuse(f"The path {old_path} does not exist")
            if new.is_relative_to(old) or any(parent.is_file() for parent in new.parents):
                refuse(f"The path {old_path} cannot be moved to {new_path}")
            self._move(old, new, old_path, new_path)
        return f"Successfully renamed {old_path} to {new_path}"

    def clear(self) -> str:
        """Move everything to the trash."""
        with self._failures(TOP), self._folder.lock(timeout=self._timeout):
            self._empty(self._top, TOP)
            atomic.make_folder(self._top, below=self._folder.root)
        return "All memory cleared"

    # -- inside -------------------------------------------------------------------------------------------------

    @property
    def _top(self) -> Path:
        return self._folder.root / self._agent

    def _place(self, path: str) -> Path:
        """Return where a path of the model's leads; nothing on the way may be a symbolic link or hidden."""
        if path != TOP and not path.startswith(f"{TOP}/"):
            refuse(f"Path must start with /memories, got: {path}")
        plain = posixpath.normpath(path)
        if plain != TOP and not plain.startswith(f"{TOP}/"):
            refuse(f"Path {path} would escape /memories directory")
        below = plain[len(TOP) :].strip("/")
        if below and any(part.startswith(".") or printable(part) != part for part in below.split("/")):
            refuse(f"Path {printable(path)} has a hidden name, or one with characters that do not show")
        with self._failures(path):
            place = self._folder.locate(f"{self._agent}/{below}" if below else self._agent)
        if place.is_symlink():
            refuse(f"Unsupported file type for {path}")
        return place

    def _relative(self, place: Path) -> str:
        return place.relative_to(self._folder.root).as_posix()

    def _target(self, path: str) -> str:
        """Return the place of a new memory, relative to the store: its name is dated."""
        place = self._place(path)
        stem = place.name.removesuffix(".md")
        if place.suffix != ".md" or naming.date_in(stem) is None or not re.fullmatch(r"[0-9-]{10}-.*\w.*", stem):
            today = self._clock().date()
            refuse(f"{path}: memories are named {TOP}/<YYYY-MM-DD>-<topic>.md, such as {TOP}/{today}-retry-policy.md")
        if place.parent.exists() and not place.parent.is_dir():
            refuse(f"The path {posixpath.dirname(path)} is not a directory")
        return self._relative(place)

    def _read(self, path: str) -> str:
        with self._failures(path):
            data, _ = self._folder.read(self._relative(self._place(path)))
            return data.decode()

    def _checked(self, path: str, text: str) -> bytes:
        """Return the bytes of a text that can be read back as a memory."""
        with self._failures(path):
            data = text.encode()
            if len(data) > LARGEST:
                refuse(f"{path} would have {len(data):,} bytes; a memory may have {LARGEST:,}")
            formats.parse(Stat(path, len(data), 0, 0, 0), data)
        return data

    @contextmanager
    def _edited(self, path: str) -> Iterator[_Text]:
        """Hand over the text of a memory and write it back, unless somebody else was faster."""
        place = self._place(path)
        with self._failures(path), self._folder.lock(timeout=self._timeout):
            if not os.path.lexists(place):
                refuse(f"The path {path} does not exist. Please provide a valid path.")
            if not place.is_file() or place.suffix != ".md":
                refuse(f"The path {path} is not a file.")
            data, _ = self._folder.read(self._relative(place))
            edit = _Text(data.decode())
            yield edit
            new = self._checked(path, edit.text)
            self._folder.replace(self._relative(place), new, expected=hashlib.sha256(data).hexdigest())

    def _empty(self, place: Path, path: str) -> None:
        """Move the memories at and below a place to the trash, and remove the folders; the caller holds the lock."""
        for file in self._files(place, path):
            relative = self._relative(file)
            base = f"{TRASH}/{relative}".removesuffix(".md")
            self._folder.move(relative, lambda n, base=base: f"{base}.md" if n == 1 else f"{base}-{n}.md")  # type: ignore[misc]
        _remove_folders(place)

    def _move(self, old: Path, new: Path, old_path: str, new_path: str) -> None:
        pairs = [(file, new / file.relative_to(old) if file != old else new) for file in self._files(old, old_path)]
        folders = [Path(folder) for folder, _, _ in os.walk(old)]
        for _, target in pairs:
            self._target(new_path if target == new else f"{TOP}/{target.relative_to(self._top).as_posix()}")
        moved = {self._relative(file): self._relative(target) for file, target in pairs}
        if any(os.path.lexists(self._folder.root / ARCHIVE / goal) for goal in moved.values()):  # one id, two memories
            refuse(f"The destination {new_path} already exists")
        with _anonymous(f"The path {old_path} cannot be renamed"):
            links = Links(self._folder, {naming.id_of(file): naming.id_of(goal) for file, goal in moved.items()})
            links.add()
        for folder in folders:
            atomic.make_folder(new / folder.relative_to(old), below=self._folder.root)
        for path, goal in moved.items():
            if _is_one_file(self._folder.locate(path), self._folder.locate(goal)):
                atomic.take_back(self._folder.locate(path))
            else:
                self._folder.move(path, _only(goal, new_path))
        _remove_folders(old)
        with _anonymous(f"The path {old_path} was renamed to {new_path}, but its old name stays where it was named"):
            links.drop(moved)

    def _files(self, place: Path, path: str) -> list[Path]:
        """Return the memories at or below a place, which holds nothing else."""
        if not place.is_dir():
            found = [place]
        else:
            found = [Path(folder, name) for folder, _, names in os.walk(place) for name in names]
        if strange := [f for f in found if f.suffix != ".md" or f.is_symlink() or not f.is_file()]:
            refuse(f"The path {path} holds what is no memory: {printable(strange[0].name)}")
        return sorted(found)

    @contextmanager
    def _failures(self, path: str) -> Iterator[None]:
        """Turn what may go wrong into words for the model, without a path of the machine."""
        try:
            yield
        except ToolError:
            raise
        except FileNotFoundError as error:
            message = f"The file {path} no longer exists (may have been deleted or renamed concurrently)."
            raise ToolError(message) from error
        except UnicodeError as error:
            raise ToolError(f"{printable(path)}: not UTF-8 text") from error
        except Unreadable as error:
            raise ToolError(f"{path}: {error.reason}") from error
        except MemoryStoreError as error:
            raise ToolError(str(error).replace(str(self._folder.root), "the store")) from error
        except OSError as error:
            raise ToolError(f"{printable(path)}: {error.strerror}") from error


class _Text:
    """The text of a file while it is edited."""

    def __init__(self, text: str) -> None:
        self.text = text


def refuse(message: str) -> NoReturn:
    """Fail with words for the model."""
    raise ToolError(message)


def _only(target: str, path: str) -> Callable[[int], str]:
    """Return a namer for a move that takes one name or none."""

    def name(attempt: int) -> str:
        if attempt > 1:
            refuse(f"The destination {path} already exists")
        return target

    return name


@contextmanager
def _anonymous(what: str) -> Iterator[None]:
    """Say what happened, not which memory cannot be edited that names a renamed one: it may be private."""
    try:
        yield
    except MemoryStoreError as error:
        why = f" ({error.reason})" if isinstance(error, Unreadable) else ""
        refuse(f"{what}: a memory names it that cannot be edited{why}")


def _is_one_file(old: Path, new: Path) -> bool:
    """Whether a file has both names: a crash cut its renaming short."""
    return old != new and old.is_file() and new.is_file() and old.samefile(new)


def _not_once(path: str, content: str, old: str, count: int) -> str:
    if not count:
        return f"No replacement was performed, old_str `{old}` did not appear verbatim in {path}."
    lines, at = [], content.find(old)
    while at >= 0:
        lines.append(content[:at].count("\n") + 1)
        at = content.find(old, at + 1)
    return (
        f"No replacement was performed. Multiple occurrences of old_str `{old}` in lines: "
        f"{', '.join(map(str, lines))}. Please ensure it is unique"
    )


def _numbered(number: int, line: str) -> str:
    return f"{number:>6}\t{line}"


def _entries(folder: Path, path: str, levels: int) -> Iterator[str]:
    """Yield what is not hidden in a folder, by name; links are left out."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield f"{_size(entry.stat().st_size)}\t{path}/{entry.name}/"
            if levels > 1:
                yield from _entries(Path(entry.path), f"{path}/{entry.name}", levels - 1)
        elif entry.is_file():
            yield f"{_size(entry.stat().st_size)}\t{path}/{entry.name}"


def _size(size: int) -> str:
    """Return a size as `0B`, `10B`, `4K` or `1.5M`."""
    power = min(max(size.bit_length() - 1, 0) // 10, 3)
    value = size / 1024**power
    return f"{int(value)}{'BKMG'[power]}" if value == int(value) else f"{value:.1f}{'BKMG'[power]}"


def _remove_folders(place: Path) -> None:
    """Remove folders that hold nothing but folders; there may be none."""
    for folder, _, _ in os.walk(place, topdown=False):
        os.rmdir(folder)
