"""Work on many folders, with the help of other processes where that is safe."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from agent_memory.index.preparing import begin_helping, may_fork

T = TypeVar("T")
R = TypeVar("R")


def shared(work: Callable[[T], R], rooms: Sequence[T]) -> Iterable[R]:
    """As `map`, by as many processes as there are processors; in this one alone where copying it is not safe."""
    processors = min(os.cpu_count() or 1, len(rooms))
    if processors < 2 or not may_fork():
        yield from map(work, rooms)
        return
    import multiprocessing  # noqa: PLC0415  only large stores need it

    with multiprocessing.get_context("fork").Pool(processors, begin_helping) as pool:
        yield from pool.imap(work, rooms)
