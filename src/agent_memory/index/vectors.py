"""The vectors of the memories: derived from the files, kept in the index, compared by brute force.

A memory has one row: a vector for each of its passages of about 500 characters, which are embedded with the title
before them, so that each says what it is about. Vectors are kept as signed bytes, because only their direction counts.
A changed memory loses its row with its other rows, and rows of another model are dropped; what is missing is made
before the next answer that needs it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from agent_memory.errors import InvalidInput, Unreadable
from agent_memory.files.folder import Folder
from agent_memory.index.embedding import Embedder
from agent_memory.index.sqlite import Index
from agent_memory.model import Memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agent_memory.index.sync import Progress

PASSAGE = 500
"""Characters of a passage; smaller sections are joined, larger ones cut at a paragraph, line, sentence or word."""

PASSAGES = 64
"""Of a longer memory, only so many passages are compared."""

LAZILY = 1000
"""An answer waits for the vectors of so many memories (half a minute); more are left to `sync`."""

_BATCH = 32
_BREAKS = ("\n\n", "\n", ". ", " ")
_LACKING = (
    "SELECT memories.number, memories.path, memories.fingerprint FROM memories"
    " LEFT JOIN vectors ON vectors.memory = memories.number AND length(directions) > 0 AND length(directions) % ? = 0"
    " WHERE vectors.memory IS NULL ORDER BY memories.path"
)


class NotReady(Exception):
    """Too many memories have no vectors yet."""


class _Loaded(NamedTuple):
    """All vectors: a row for each passage, and where the passages of each memory begin."""

    matrix: NDArray[np.float32]
    numbers: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]


def passages(memory: Memory) -> list[str]:
    """Return what is embedded of a memory: at least one text, each with the title and the description before it."""
    title = ". ".join(filter(None, (memory.name, memory.description)))
    joined: list[str] = []
    for section in memory.sections or ():
        text = memory.body[section.start : section.end].strip()
        if joined and len(joined[-1]) + len(text) <= PASSAGE:
            joined[-1] = f"{joined[-1]}\n\n{text}".strip()
        else:
            joined.append(text)
    found = islice((piece for text in joined for piece in _pieces(text)), PASSAGES)
    return [f"{title}\n{piece}" for piece in found] or [title]


def _pieces(text: str) -> Iterator[str]:
    """Cut a text where it breaks best."""
    while len(text) > PASSAGE:
        places = ((text.rfind(sign, PASSAGE // 3, PASSAGE), sign) for sign in _BREAKS)
        cut = next((at + len(sign) for at, sign in places if at > 0), PASSAGE)
        yield text[:cut].strip()
        text = text[cut:].strip()
    if text:
        yield text


class Vectors:
    """The vectors of one store; those of the index that was asked last stay loaded until it changes.

    Args:
        embedder: What makes them.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._index: Index | None = None
        self._at = (0, 0)
        self._loaded: _Loaded | None = None
        self._complete: tuple[Index, tuple[int, int]] | None = None

    # -- making -------------------------------------------------------------------------------------------------

    def complete(
        self,
        index: Index,
        folder: Folder,
        *,
        timeout: float,
        most: int | None = LAZILY,
        progress: Progress | None = None,
    ) -> int:
        """Make the vectors that are missing, a batch at a time, and return for how many memories.

        Args:
            timeout: Seconds to wait for another writer.
            most: Refuse to make more than this; None makes all.
            progress: Called with (memories done, memories to do).

        Raises:
            NotReady: More than `most` are missing; none was made.
            EmbedderFailed: The model does not answer; what was made before stays.
            Busy: Another process kept writing.
        """
        now = _state(index)
        if self._complete is not None and self._complete[0] is index and self._complete[1] == now:
            return 0
        if index.fact("vectors") != self.embedder.name:
            with _locked(index, folder, timeout), index.write():
                index.connection.execute("DELETE FROM vectors")
                index.set_fact("vectors", self.embedder.name)
        lacking = index.connection.execute(_LACKING, (self.embedder.dimensions,)).fetchall()
        if most is not None and len(lacking) > most:
            raise NotReady(f"{len(lacking)} memories have no vectors yet; make them with: memory sync")
        for start in range(0, len(lacking), _BATCH):
            if progress:
                progress(start, len(lacking))
            batch = lacking[start : start + _BATCH]
            made = self._made(folder, [path for _, path, _ in batch])
            with _locked(index, folder, timeout):
                self._put(index, batch, made)
        if progress and lacking:
            progress(len(lacking), len(lacking))
        if not lacking:
            self._complete = index, now
        return len(lacking)

    def _made(self, folder: Folder, paths: Sequence[str]) -> list[bytes]:
        """The vectors of some memories; b"" for a file that cannot be read now."""
        texts = [_texts(folder, path) for path in paths]
        rows = iter(self._bytes([text for found in texts for text in found]))
        return [b"".join(islice(rows, len(found))) for found in texts]

    def _bytes(self, texts: Sequence[str]) -> list[bytes]:
        import numpy as np  # noqa: PLC0415

        if not texts:
            return []
        found = self.embedder.embed(texts)
        largest = np.abs(found).max(axis=1, keepdims=True)
        whole = np.rint(found / np.where(largest == 0, 1, largest) * 127).astype(np.int8)
        return [row.tobytes() for row in whole]

    def _put(self, index: Index, batch: Sequence[tuple[int, str, str]], made: Sequence[bytes]) -> None:
        """Store vectors, except those of files that changed while they were made; the caller holds the lock."""
        with index.write():
            if index.fact("vectors") != self.embedder.name:
                return  # another process has begun with another model
            index.connection.executemany(
                "INSERT OR REPLACE INTO vectors (memory, directions)"
                " SELECT number, ? FROM memories WHERE number = ? AND fingerprint = ?",
                [(row, number, fingerprint) for (number, _, fingerprint), row in zip(batch, made, strict=True) if row],
            )

    # -- comparing ----------------------------------------------------------------------------------------------

    def nearest(self, index: Index, text: str, condition: str, parameters: Sequence[object]) -> dict[int, float]:
        """Return number -> nearness to a text: half the cosine of the best passage, half the mean of all passages.

        Args:
            condition: SQL over `memories`: which of them exist for the one who asks.

        Raises:
            EmbedderFailed: The model does not answer.
        """
        import numpy as np  # noqa: PLC0415

        loaded = self._load(index)
        if not len(loaded.numbers):
            return {}
        (asked,) = self.embedder.embed([text])
        cosines = loaded.matrix @ (asked / (float(np.linalg.norm(asked)) or 1.0))
        best = np.maximum.reduceat(cosines, loaded.starts)
        mean = np.add.reduceat(cosines, loaded.starts) / loaded.counts
        near = dict(zip(loaded.numbers.tolist(), np.round((best + mean) / 2, 6).tolist(), strict=True))
        seen = index.connection.execute(f"SELECT number FROM memories WHERE {condition}", tuple(parameters))
        return {number: near[number] for (number,) in seen if number in near}

    def _load(self, index: Index) -> _Loaded:
        now = _state(index)
        if self._loaded is None or self._index is not index or self._at != now:
            self._loaded = self._read(index)
            self._index, self._at = index, now
        return self._loaded

    def _read(self, index: Index) -> _Loaded:
        import numpy as np  # noqa: PLC0415

        wide = self.embedder.dimensions
        rows = index.connection.execute(
            "SELECT memory, directions FROM vectors WHERE length(directions) > 0 AND length(directions) % ? = 0"
            " ORDER BY memory",
            (wide,),
        ).fetchall()
        matrix = np.frombuffer(b"".join(row for _, row in rows), dtype=np.int8).reshape(-1, wide).astype(np.float32)
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        matrix /= np.where(lengths == 0, 1, lengths)
        counts = np.array([len(row) // wide for _, row in rows], dtype=np.int64)
        numbers = np.array([number for number, _ in rows], dtype=np.int64)
        return _Loaded(matrix, numbers, np.cumsum(counts) - counts, counts)


def _state(index: Index) -> tuple[int, int]:
    """What is another after every change to an index, by this connection or any other."""
    (version,) = index.connection.execute("PRAGMA data_version").fetchone()
    return version, index.connection.total_changes


def _texts(folder: Folder, path: str) -> list[str]:
    """What is embedded of a file; nothing where it cannot be read now, the next sync sees that."""
    from agent_memory.files import format as formats  # noqa: PLC0415  pydantic and yaml, only where something changed

    try:
        data, stat = folder.read(path)
        return passages(formats.parse(stat, data).memory)
    except (FileNotFoundError, InvalidInput, Unreadable):
        return []


def _locked(index: Index, folder: Folder, timeout: float) -> contextlib.AbstractContextManager[None]:
    """Hold the store's lock, except for an index that only this process sees."""
    return contextlib.nullcontext() if index.path is None else folder.lock(timeout=timeout)
