"""What each part of the task ranking is worth: one part switched off at a time, over the development sets.

Usage: python -m benchmarks.quality DATA, the folder that holds team-world, locomo-dev and the other sets.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from unittest import mock

from agent_memory.recall import ranking, task
from agent_memory.store import MemoryStore
from benchmarks.data import EXAMPLE

PARTS = {
    "everything": {},
    "without the passage": {"ranking.PASSAGE": 0.0},
    "without feedback": {"task.FEEDBACK": 0.0},
    "generic words count in full": {"task.GENERIC_WEIGHT": 1.0},
    "without the day's other notes": {"task.SAME_DAY": ()},
    "identifiers count in full": {"task.COMPOUND": 1.0},
    "plain idf": {"task.POWER": 1.0},
    "without the floor": {"task.FLOOR": 0.0},
}
FAR_AHEAD = date(9999, 1, 1)


def module(path: Path) -> ModuleType:
    """Import a script of the data folder."""
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    loaded = importlib.util.module_from_spec(found)
    found.loader.exec_module(loaded)
    return loaded


def team(data: Path, store: MemoryStore) -> Iterator[tuple[str, float]]:
    """Must-have recall@5, nDCG@5, stale above fresh and empty negatives of `team-world`."""
    scorer = module(data / "team-world/evaluate.py")
    tasks, grades, new = scorer.load()
    rows, empty = [], 0
    for asked in tasks:
        ranked = store.rank(asked["agent"], asked["task"], now=date.fromisoformat(asked["date"]), limit=60)
        wanted = grades.get(asked["id"], {})
        if 2 not in wanted.values():
            empty += not ranked
        else:
            rows.append(scorer.score(asked, list(ranked), wanted, new))
    yield "must@5", sum(r["must5"] for r in rows) / len(rows)
    yield "nDCG@5", sum(r["ndcg5"] for r in rows) / len(rows)
    yield "stale", sum(r["above"] for r in rows) / sum(r["pairs"] for r in rows)
    yield "empty", float(empty)


def recall_at_5(folder: Path, store: MemoryStore, sets: ModuleType) -> list[float]:
    """R@5 of each query of a JSON lines set that has relevant documents."""
    names = {sets.name(folder, d["id"]): d["id"] for d in sets.lines(folder / "corpus.jsonl")}
    wanted: dict[str, set[str]] = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines():
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            wanted.setdefault(query, set()).add(document)
    found = []
    for query in sets.lines(folder / "queries.jsonl"):
        if relevant := wanted.get(query["id"]):
            ranked = {names[path] for path in store.rank(None, query["text"], now=FAR_AHEAD, limit=5)}
            found.append(len(ranked & relevant) / len(relevant))
    return found


def main(data: Path) -> None:
    """Print a row for each part."""
    sets = module(data / "sets.py")
    groups = {
        "precision": [data / "precision-mem-bench"],
        "openclaw medium": [data / "openclaw-bm-bench/medium"],
        "devbench": [data / "mcp-devbench"],
        "locomo sessions": sorted((data / "locomo-dev/session").iterdir()),
        "locomo observations": sorted((data / "locomo-dev/observation").iterdir()),
    }
    with tempfile.TemporaryDirectory(prefix="memory-quality-") as scratch:
        example = MemoryStore.open(shutil.copytree(EXAMPLE, Path(scratch) / "osier"))
        stores = {}
        for folder in [folder for group in groups.values() for folder in group]:
            root = Path(scratch) / folder.relative_to(data).as_posix().replace("/", "-")
            root.mkdir()
            sets.store(folder, root)
            stores[folder] = MemoryStore.open(root)
        for number, (part, changes) in enumerate(PARTS.items()):
            places = {"ranking": ranking, "task": task}
            patches = [mock.patch.object(places[n.split(".")[0]], n.split(".")[1], v) for n, v in changes.items()]
            for patch in patches:
                patch.start()
            figures = dict(team(data, example))
            for name, folders in groups.items():
                scores = [score for folder in folders for score in recall_at_5(folder, stores[folder], sets)]
                figures[name] = sum(scores) / len(scores)
            for patch in patches:
                patch.stop()
            if not number:
                print("| part | " + " | ".join(figures) + " |\n|" + "---|" * (len(figures) + 1))
            cells = [f"{v:.0f} of 12" if k == "empty" else f"{v:.3f}" for k, v in figures.items()]
            print(f"| {part} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
