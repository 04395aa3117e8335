"""`memory hook` as a runner calls it: without click, whose import takes longer than the answer, and without failing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agent_memory.bridges import hook as bridge
from agent_memory.bridges.hook import LIMIT, Setting

if TYPE_CHECKING:
    from agent_memory.store import Clock

Read = Callable[[], bytes]

SAYS = "memory: hook: "
"""What stands before what went wrong."""


def hook(words: Sequence[str]) -> None:
    """Read an event from stdin, write the answer to stdout and what went wrong to stderr; nothing is raised.

    Args:
        words: Those of the process: `hook` and its options.
    """
    answer, remarks = answered(words, bridge.stdin)
    with contextlib.suppress(OSError):  # stdout or stderr is closed: then nobody wants to know
        for remark in remarks:
            _write(2, f"{SAYS}{remark}\n".encode("utf-8", "backslashreplace"))
        if answer:
            _write(1, answer + b"\n")


def answered(words: Sequence[str], read: Read, clock: Clock | None = None) -> tuple[bytes, tuple[str, ...]]:
    """Return the answer to an event, b"" for silence, and what went wrong."""
    try:
        return bridge.run(read, setting_of(words, clock))
    except Exception as error:  # noqa: BLE001  the outermost handler: a hook may not fail
        return b"", (str(error),)


def setting_of(words: Sequence[str], clock: Clock | None) -> Setting:
    """Return what the words of a call say.

    Raises:
        ValueError: An option is unknown, or the limit is no number of seconds.
    """
    root, limit, remind = None, LIMIT, False
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name == "--root":
            root = value if equals else next(rest, "")
        elif name == "--limit":
            limit = seconds(value if equals else next(rest, ""))
        elif word == "--remind":
            remind = True
        elif word not in ("hook", "--json"):  # its answer is JSON anyway
            raise ValueError(f"hook knows no {word!r}; see: memory hook --help")
    return Setting(environ=os.environ, clock=clock, root=root, limit=limit, remind=remind)


def seconds(text: str) -> float:
    """Read a limit.

    Raises:
        ValueError: It is no number of seconds above 0 and up to 600.
    """
    if text.replace(".", "", 1).isdecimal() and 0 < float(text) <= 600:
        return float(text)
    raise ValueError(f"the limit {text!r} is no number of seconds; such as 5")


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
