"""What other memories say of those that are renamed: `supersedes` and `sources` follow to the new ids.

A crash must not bring back what was replaced. So each list first gets the new id beside the old one, then the files
move, then the old ids go: at every moment the name that there is, is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping

from agent_memory.errors import InvalidInput, Stale, Unreadable
from agent_memory.files import format as formats
from agent_memory.files import front_matter, naming
from agent_memory.files.folder import LARGEST, Folder

_KEYS = ("supersedes", "sources")
_TRIES = 3


class Links:
    """The lists of a store that name memories which get other ids; the caller holds the store's lock.

    Args:
        renamed: Old id -> new id.

    Raises:
        Unreadable: A file that names one of them cannot be edited safely; nothing was written.
    """

    def __init__(self, folder: Folder, renamed: Mapping[str, str]) -> None:
        self._folder = folder
        self._renamed = dict(renamed)
        self._paths = [path for path, data in self._suspects() if self._names_one(path, data)]

    def add(self) -> None:
        """Name the new ids beside the old ones."""
        for path in self._paths:
            self._rewrite(path, keep=True)

    def drop(self, moved: Mapping[str, str]) -> None:
        """Name the new ids alone.

        Args:
            moved: Old path -> new path of the files that were moved.
        """
        for path in self._paths:
            self._rewrite(moved.get(path, path), keep=False)

    def _suspects(self) -> Iterator[tuple[str, bytes]]:
        for path, *_ in self._folder.listing().stats:
            try:
                data, _ = self._folder.read(path)
            except (FileNotFoundError, Unreadable):  # the store does not know it, so it names nothing
                continue
            if any(key.encode() in data for key in _KEYS):
                yield path, data

    def _names_one(self, path: str, data: bytes) -> bool:
        if self._followed(path, data, keep=False) == data:
            return False
        if len(self._followed(path, data, keep=True)) > LARGEST:
            raise Unreadable(path, "has no room for a longer name")
        return True

    def _rewrite(self, path: str, *, keep: bool) -> None:
        """Change one file, again where an editor was faster."""
        for attempt in range(1, _TRIES + 1):
            data, _ = self._folder.read_known(path)
            new = self._followed(path, data, keep=keep)
            try:
                if new != data:
                    self._folder.replace(path, new, expected=hashlib.sha256(data).hexdigest())
            except Stale:
                if attempt == _TRIES:
                    raise
            else:
                return

    def _followed(self, path: str, data: bytes, *, keep: bool) -> bytes:
        """Return a file with the new ids in its lists; every other byte stays.

        Args:
            keep: Leave the old ids beside them.
        """
        front = front_matter.read(data.decode("utf-8", "surrogateescape"), path).front
        become = self._becomes(naming.agent_of(path), keep=keep)
        changes: dict[str, object] = {}
        for key, given in zip(_KEYS, (front.supersedes, front.sources), strict=True):
            new = list(dict.fromkeys(item for one in given for item in become(one)))
            if new != list(given):
                changes[key] = new
        return formats.edit(path, data, changes=changes) if changes else data

    def _becomes(self, agent: str, *, keep: bool) -> Callable[[str], tuple[str, ...]]:
        def become(reference: str) -> tuple[str, ...]:
            try:
                new = self._renamed.get(naming.reference(reference, agent=agent or None))
            except InvalidInput:
                return (reference,)
            return (reference,) if new is None else (reference, new) if keep else (new,)

        return become
