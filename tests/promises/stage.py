"""Copies of a base store, and processes that play a verb on one and die."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.promises.steps import Steps
from tests.promises.support import Child, clock, memory_files

from agent_memory.store import MemoryStore


class Stage:
    """Where verbs are played.

    Args:
        folder: Where the copies are made.
        before: Makes a store at a path in which the verb of this name has something to do.
        run: Plays the verb of this name on an open store.
    """

    def __init__(
        self, folder: Path, before: Callable[[str, Path], object], run: Callable[[str, MemoryStore], object]
    ) -> None:
        self.folder = folder
        self.number = 0
        self._before = before
        self._run = run

    def set(self, name: str) -> Path:
        """Make a store in which the verb has something to do, and return its root."""
        self.number += 1
        root = self.folder / f"store-{self.number}"
        self._before(name, root)
        return root

    def play(self, name: str, root: Path, steps: Steps) -> Child:
        """Run the verb in a process that dies where `steps` says."""

        def verb() -> list[tuple[str, str]]:
            steps.arm()
            with MemoryStore.open(root, clock=clock) as store:
                self._run(name, store)
            return steps.taken

        return Child(verb)

    def ends(self, name: str) -> tuple[dict[str, bytes], dict[str, bytes], list[tuple[str, str]]]:
        """The files before the verb, after it, and the steps in between."""
        root = self.set(name)
        before = memory_files(root)
        steps = self.play(name, root, Steps()).result()
        return before, memory_files(root), steps
