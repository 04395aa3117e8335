"""Everything that can go wrong, as one tree; each class carries the exit code of the command line.

MemoryStoreError                exit 1  the root of the tree
├── Unreadable                  exit 1  a file cannot be read; names path and line
├── StorageFailed               exit 1  the disk refused a write; nothing was changed
├── FolderVanished              exit 1  a folder the index knows is gone; nothing was dropped
├── InvalidInput                exit 2  a value from the caller is not usable
│   └── InvalidQuery            exit 2  the search query does not parse; carries position and hint
├── NotFound                    exit 3  no such store, memory or agent
└── Conflict                    exit 4  somebody else was faster, or the reference is ambiguous
    └── Stale                   exit 4  the file is no longer the one the caller has seen
"""

from __future__ import annotations


class MemoryStoreError(Exception):
    """Base of all errors this package raises on purpose.

    Args:
        message: One line that names the thing.
        hint: The next step for the reader, or an empty string.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class Unreadable(MemoryStoreError):
    """A memory file cannot be read or parsed."""

    def __init__(self, path: str, message: str, *, line: int | None = None, hint: str = "") -> None:
        place = path if line is None else f"{path}:{line}"
        super().__init__(f"{place}: {message}", hint=hint)
        self.path = path
        self.line = line
        self.reason = message


class StorageFailed(MemoryStoreError):
    """The file system refused a write; the store is as it was before."""


class FolderVanished(MemoryStoreError):
    """Most of what the index knows is suddenly not on disk; the index was left alone."""


class InvalidInput(MemoryStoreError):
    """A value from the caller is not usable."""

    exit_code = 2


class InvalidQuery(InvalidInput):
    """A search query does not parse.

    Args:
        position: Offset into the query, in characters from 0.
    """

    def __init__(self, message: str, *, position: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.position = position


class NotFound(MemoryStoreError):
    """There is no such store, memory or agent."""

    exit_code = 3


class Conflict(MemoryStoreError):
    """The request collides with what is there."""

    exit_code = 4


class Stale(Conflict):
    """The file changed since the caller read it; nothing was written."""
