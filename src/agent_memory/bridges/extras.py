"""What to say where a bridge lacks the package that it speaks through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from agent_memory.errors import MemoryStoreError


class MissingExtra(MemoryStoreError):
    """The packages of an optional extra are not installed."""


@contextmanager
def extra(name: str, *, packages: tuple[str, ...]) -> Iterator[None]:
    """Turn a failing import of the named packages into one line that says what to install.

    Raises:
        MissingExtra: One of them is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in packages:
            raise
        raise MissingExtra(
            f"this needs the extra {name!r}, which is not installed",
            hint=f"pip install 'agent-memory-store[{name}]', or uv tool install where the command came from there",
        ) from error
