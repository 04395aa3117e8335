"""Promise 8: same files, same query, same clock, same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.promises.support import clock, memory_files, plant

from agent_memory.store import MemoryStore

QUERIES = (
    "alpha", "retry webhook", '"alpha beta"', "alph*", "webhok~", "agent:api alpha", "type:note", "-gamma alpha",
    "tag:jobs", "date:[2026-01 TO 2026-02]", "alpha OR gamma", "status:superseded", "file:src/app.py", "nothing",
)  # fmt: skip

_TELL = """
import json, sys
from tests.promises.support import clock
from agent_memory.store import MemoryStore

def told(value):
    if hasattr(value, "_asdict"):
        return {name: told(field) for name, field in value._asdict().items() if name != "number"}
    if isinstance(value, (list, tuple)):
        return [told(item) for item in value]
    return value if isinstance(value, (int, float, bool, str, type(None))) else str(value)

with MemoryStore.open(sys.argv[1], clock=clock) as store:
    for query in sys.argv[2:]:
        for archived in (False, True):
            print(json.dumps(told(store.search(query, limit=300, archived=archived, explain=True))))
            print(json.dumps(told(store.search(query, limit=5, archived=archived))))
        print(json.dumps(told(store.list(query))))
    print(json.dumps(told(store.first_step(agent="api", task="alpha webhook retries of src/app.py"))))
    print(json.dumps(told(store.list(archived=True))))
    print(json.dumps(told(store.sync().problems)))
    print(json.dumps(told(store.doctor())))
"""


def files() -> dict[str, str]:
    """Memories with equal scores, more of them than are ranked in full, with supersessions and with problems."""
    found = {
        f"{agent}/2026-01-{1 + n % 28:02d}-same-{n}.md": "alpha beta\n" for agent in ("api", "web") for n in range(100)
    }
    found |= {
        "api/2026-02-01-retry.md": "---\ntags: [jobs, http]\n---\nalpha webhook retry in `src/app.py`\n\n## Why\n\nx\n",
        "web/2026-02-02-retry.md": "---\nsupersedes: api/2026-02-01-retry\n---\nwebhook, newer\n",
        "web/2026-02-03-broken.md": "---\ntags: [\n---\nalpha gamma\n",
        ".store/archive/api/2025-01-01-old.md": "alpha archived\n",
    }
    return found


def lay(root: Path, order: list[str]) -> Path:
    """Lay the files down in one order, some at a time, so that the index numbers them in that order."""
    text = files()
    with MemoryStore.init(root, clock=clock) as store:
        for start in range(0, len(order), 20):
            plant(root, {path: text[path] for path in order[start : start + 20]})
            for path in order[start : start + 20]:
                os.utime(root / path, (1_700_000_000, 1_700_000_000))
            store.sync()
    return root


def tell(root: Path, seed: str) -> str:
    """What a process of its own says about a store."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", _TELL, str(root), *QUERIES],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.mark.parametrize("how", ["the other way round", "edited meanwhile", "rebuilt"])
def test_the_same_files_give_the_same_bytes(tmp_path: Path, how: str):
    """However the index came to be, in whatever process: every answer is the same to the byte."""
    order = sorted(files())
    first = lay(tmp_path / "first" / "store", order)
    if how == "the other way round":
        second = lay(tmp_path / "second" / "store", order[::-1])
    elif how == "rebuilt":
        second = tmp_path / "second" / "store"
        shutil.copytree(first, second, ignore=shutil.ignore_patterns("index.sqlite3*"))
    else:
        second = lay(tmp_path / "second" / "store", order[50:] + order[:50])
        with MemoryStore.open(second, clock=clock) as store:
            texts = {path: (second / path).read_text() for path in order[60:80]}
            plant(second, {path: f"other words {path}\n" for path in texts})
            store.sync()
            plant(second, texts)
            store.sync()
    assert memory_files(first) == memory_files(second)
    one, two = tell(first, "1"), tell(second, "2")
    for line, other in zip(one.splitlines(), two.splitlines(), strict=True):
        assert line == other
