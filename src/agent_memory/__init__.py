"""Dated Markdown memories for teams of AI coding agents; `MemoryStore` is the door.

Names are imported when they are asked for, so that `import agent_memory` itself costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent_memory.errors import (
        Conflict,
        FolderVanished,
        InvalidInput,
        InvalidQuery,
        MemoryStoreError,
        NotFound,
        Stale,
        StorageFailed,
        Unreadable,
    )
    from agent_memory.model import Briefing, Hit, Memory, Problem, Record, SearchResult, SyncReport
    from agent_memory.store import MemoryStore

    __version__: str

__all__ = [
    "Briefing", "Conflict", "FolderVanished", "Hit", "InvalidInput", "InvalidQuery", "Memory", "MemoryStore",
    "MemoryStoreError", "NotFound", "Problem", "Record", "SearchResult", "Stale", "StorageFailed", "SyncReport",
    "Unreadable", "__version__",
]  # fmt: skip

_VALUES = ("Briefing", "Hit", "Memory", "Problem", "Record", "SearchResult", "SyncReport")


if not TYPE_CHECKING:  # a type checker shall see the names above and complain about any other

    def __getattr__(name: str) -> object:
        """Import a public name the first time somebody asks for it."""
        value: object
        if name == "__version__":
            value = _version()
        elif name == "MemoryStore":
            from agent_memory.store import MemoryStore as value  # noqa: N813, PLC0415
        elif name in _VALUES:
            from agent_memory import model  # noqa: PLC0415

            value = getattr(model, name)
        elif name in __all__:
            from agent_memory import errors  # noqa: PLC0415

            value = getattr(errors, name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib import metadata  # noqa: PLC0415  its import costs more than the rest of this package's front

    try:
        return metadata.version("agent-memory-store")
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"
