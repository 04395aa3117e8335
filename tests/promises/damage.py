"""Ways to damage an index, and what must hold for it then."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

from tests.promises.support import assert_true_to_files, clock, plant

from agent_memory.index.sync import INDEX
from agent_memory.store import MemoryStore

HITS = {f"api/2026-01-0{n}-note.md" for n in range(1, 6)}
PAGE = 4096


def answer(store: MemoryStore) -> str:
    """Ask, expect the right hits, and return the fallback."""
    result = store.search("alpha")
    assert {hit.record.path for hit in result.hits} == HITS
    assert all("alpha" in hit.snippet for hit in result.hits)
    assert {record.path for record in store.list()} == HITS
    return result.fallback


def fine_again(root: Path) -> None:
    """The next open is like any other."""
    with MemoryStore.open(root, clock=clock) as store:
        assert answer(store) == ""
        assert_true_to_files(store)
        store.add(agent="web", topic="After", body="beta")
        assert_true_to_files(store)


def mend(root: Path) -> None:
    """What the index could not be helped with before is seen to now."""
    with MemoryStore.open(root, clock=clock) as store:
        answer(store)
        store.doctor(fix=True)


def size(root: Path) -> int:
    return (root / INDEX).stat().st_size


def database(root: Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(root / INDEX, isolation_level=None))


def script(sql: str) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        with database(root) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.executescript(sql)

    return damage


def cut(length: Callable[[int], int]) -> Callable[[Path], None]:
    return lambda root: os.truncate(root / INDEX, length(size(root)))


def cut_to(length: int) -> Callable[[Path], None]:
    return cut(lambda _: length)


def fill(root: Path, *, first: int, last: int | None = None, seed: int = 1) -> None:
    """Overwrite pages in place."""
    with (root / INDEX).open("r+b") as file:
        file.seek(first * PAGE)
        file.write(random.Random(seed).randbytes(((last or size(root) // PAGE) - first) * PAGE))


def foreign(page: int) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        (root / INDEX).unlink()
        with database(root) as connection:
            connection.executescript(
                f"PRAGMA page_size = {page}; CREATE TABLE others (x); INSERT INTO others VALUES (1)"
            )

    return damage


SHADOWS = ("pages_data", "pages_idx", "pages_content", "pages_docsize", "pages_config")
SEARCHED = ("facts", "entries", "memories", "passages", "tags", "supersessions", "problems", "pages", "vocabulary")
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    **{f"cut to {n} bytes": (cut_to(n), "index") for n in (0, 1, 100, 1000, PAGE, PAGE + 1, 2 * PAGE, 5 * PAGE)},
    "cut in half": (cut(lambda length: length // 2), "damaged"),
    "cut by a byte": (cut(lambda length: length - 1), ""),
    "garbage": (lambda root: fill(root, first=0), "damaged"),
    "garbage in the header": (lambda root: fill(root, first=0, last=1), "damaged"),
    "garbage behind the header": (lambda root: fill(root, first=1), "damaged"),
    "text": (lambda root: (root / INDEX).write_text("not a database\n" * 1000), "damaged"),
    "a foreign database": (foreign(4096), "version 0"),
    "a foreign database with small pages": (foreign(1024), "version 0"),
    "a foreign database with large pages": (foreign(65536), "version 0"),
    "a version from the future": (script("PRAGMA user_version = 999999"), "version 999999"),
    "a version from the past": (script("PRAGMA user_version = 1"), "version 1"),
    "garbage in the log": (lambda root: Path(f"{root / INDEX}-wal").write_bytes(os.urandom(8192)), ""),
    **{f"without the table {name}": (script(f"DROP TABLE {name}"), "damaged") for name in SEARCHED},
    **{f"without the table {name}": (script(f"DROP TABLE {name}"), "") for name in ("links", "files")},
    **{
        f"without the table {name}": (script(f"DELETE FROM sqlite_schema WHERE name = '{name}'"), "damaged")
        for name in SHADOWS
    },
}


def store_with_hits(folder: Path) -> Path:
    """A store whose every memory the question of `answer` finds."""
    root = folder / "store"
    plant(root, {path: f"# Note\n\nalpha and {path}\n" + "more words here\n" * 100 for path in HITS})
    with MemoryStore.init(root, clock=clock) as store:
        store.sync()
    return root
