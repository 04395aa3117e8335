"""How good the task ranking is, and what each part of it is worth: one part switched off at a time.

Usage: python -m benchmarks.quality DATA [--semantic], where DATA is the folder that holds team-world, locomo-dev and
the other sets. With --semantic there is one row more, for the extra of that name (minutes, for the vectors).

A part's row tells what is lost without it: the difference of the means over the same queries, and in brackets the
interval that holds 95 % of the differences when the queries are drawn again (paired bootstrap).
"""

from __future__ import annotations

import importlib.util
import random
import shutil
import sys
import tempfile
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from unittest import mock

from agent_memory.recall import ranking, rules, task
from agent_memory.store import MemoryStore
from benchmarks.data import EXAMPLE

PLACES = {"ranking": ranking, "rules": rules, "task": task}
PARTS = {
    "the passage": {"ranking.PASSAGE": 0.0},
    "feedback": {"task.FEEDBACK": 0.0},
    "generic words count less": {"task.GENERIC_WEIGHT": 1.0},
    "the title counts more": {"ranking.TITLE": 1.0},
    "the day's other notes": {"rules.SAME_DAY": ()},
    "own memories": {"rules.OWN": 0.0},
    "the time that is named": {"rules.SPOKEN": 0.0},
    "the later first": {"rules.PLACES": 0},
    "the floor": {"task.FLOOR": (0.0, 0.0)},
}
FAR_AHEAD = date(9999, 1, 1)
DRAWS = 1000
TEAM = 5
"""Measures of `team-world`, which come first."""

Figures = dict[str, list[float]]
"""Measure -> one value a query, or a stale pair, or a negative task."""


class Sets(NamedTuple):
    """The development sets as stores."""

    data: Path
    reader: ModuleType
    scorer: ModuleType
    example: MemoryStore
    folders: dict[str, list[tuple[Path, MemoryStore]]]


def module(path: Path) -> ModuleType:
    """Import a script of the data folder."""
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    loaded = importlib.util.module_from_spec(found)
    found.loader.exec_module(loaded)
    return loaded


def prepared(data: Path, scratch: Path, *, semantic: bool) -> Sets:
    """Write every set as a store."""
    embedder = None
    if semantic:
        from agent_memory.index.embedding import MiniLM  # noqa: PLC0415  an extra

        embedder = MiniLM()
    reader = module(data / "sets.py")
    groups = {
        "precision-mem": [data / "precision-mem-bench"],
        "openclaw medium": [data / "openclaw-bm-bench/medium"],
        "devbench": [data / "mcp-devbench"],
        "LoCoMo sessions": sorted((data / "locomo-dev/session").iterdir()),
        "LoCoMo observations": sorted((data / "locomo-dev/observation").iterdir()),
    }
    stores: dict[str, list[tuple[Path, MemoryStore]]] = {}
    for name, folders in groups.items():
        for folder in folders:
            root = scratch / folder.relative_to(data).as_posix().replace("/", "-")
            root.mkdir()
            reader.store(folder, root)
            stores.setdefault(name, []).append((folder, MemoryStore.open(root, embedder=embedder)))
    example = MemoryStore.open(shutil.copytree(EXAMPLE, scratch / "osier"), embedder=embedder)
    for store in (example, *(store for pairs in stores.values() for _, store in pairs)):
        store.sync()
    return Sets(data, reader, module(data / "team-world/evaluate.py"), example, stores)


def team(sets: Sets) -> Figures:
    """`team-world`: must-have recall@5, nDCG@5, stale above fresh, empty negatives and wrongly empty others."""
    found: Figures = {"must@5": [], "nDCG@5": [], "stale": [], "negatives empty": [], "wrongly empty": []}
    tasks, grades, newer = sets.scorer.load()
    for asked in tasks:
        day = date.fromisoformat(asked["date"])
        ranked = sets.example.rank(asked["agent"], asked["task"], now=day, limit=60)
        wanted = grades.get(asked["id"], {})
        if 2 not in wanted.values():
            found["negatives empty"].append(float(not ranked))
            continue
        row = sets.scorer.score(asked, list(ranked), wanted, newer)
        found["must@5"].append(row["must5"])
        found["nDCG@5"].append(row["ndcg5"])
        found["stale"] += [1.0] * row["above"] + [0.0] * (row["pairs"] - row["above"])
        if asked["category"] != "paraphrase":
            found["wrongly empty"].append(float(not ranked))
    return found


def recall_at_5(sets: Sets, folder: Path, store: MemoryStore) -> tuple[list[float], list[float]]:
    """R@5 of each query that has relevant documents, and whether the others are left empty."""
    names = {sets.reader.name(folder, d["id"]): d["id"] for d in sets.reader.lines(folder / "corpus.jsonl")}
    wanted: dict[str, set[str]] = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines():
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            wanted.setdefault(query, set()).add(document)
    found, empty = [], []
    for query in sets.reader.lines(folder / "queries.jsonl"):
        ranked = {names[path] for path in store.rank(None, query["text"], now=FAR_AHEAD, limit=5)}
        relevant = wanted.get(query["id"])
        if relevant:
            found.append(len(ranked & relevant) / len(relevant))
        else:
            empty.append(float(not ranked))
    return found, empty


def measured(sets: Sets) -> Figures:
    """Every figure, query by query."""
    found = team(sets)
    for name, pairs in sets.folders.items():
        answers = [recall_at_5(sets, folder, store) for folder, store in pairs]
        found[name] = [value for hits, _ in answers for value in hits]
        if name == "devbench":
            found["devbench negatives"] = [value for _, empty in answers for value in empty]
    return found


def handed_over(sets: Sets) -> str:
    """What a briefing of the default budget hands over: precision, must-haves, and its size against all files."""
    tasks, grades, _ = sets.scorer.load()
    precise, must, tokens, every = [], [], 0, 0
    for asked in tasks:
        day = date.fromisoformat(asked["date"])
        made = sets.example.first_step(agent=asked["agent"], task=asked["task"], now=day, git=False, receipt=False)
        wanted = grades.get(asked["id"], {})
        paths = [one.record.path for one in made.memories]
        tokens += made.tokens
        every += sum(-(-r.size // 4) for r in sets.example.list() if r.date <= day)
        if 2 in wanted.values():
            precise.append(mean([float(wanted.get(path, 0) > 0) for path in paths]))
            must.append(mean([float(path in paths) for path, grade in wanted.items() if grade == 2]))
    folder, store = sets.folders["precision-mem"][0]
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines():
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            relevant.setdefault(query, set()).add(sets.reader.name(folder, document))
    exact = []
    for query in sets.reader.lines(folder / "queries.jsonl"):
        if known := relevant.get(query["id"]):
            made = store.first_step(agent=folder.name, task=query["text"], now=FAR_AHEAD, git=False, receipt=False)
            exact.append(mean([float(one.record.path in known) for one in made.memories]))
    return (
        f"handed over, team-world: precision {mean(precise):.3f}, must-haves {mean(must):.3f},"
        f" {tokens / len(tasks):.0f} tokens, 1/{every / tokens:.0f} of all files; precision-mem: {mean(exact):.3f}"
    )


def mean(values: list[float]) -> float:
    """Return the mean; 0 for none."""
    return sum(values) / len(values) if values else 0.0


def interval(differences: list[float]) -> tuple[float, float]:
    """Return what holds 95 % of the mean differences when the queries are drawn again."""
    chance = random.Random(20261123)
    drawn = sorted(mean(chance.choices(differences, k=len(differences))) for _ in range(DRAWS))
    return drawn[DRAWS * 25 // 1000], drawn[DRAWS * 975 // 1000 - 1]


def cell(with_it: list[float], without: list[float]) -> str:
    """A part's worth: what is lost without it."""
    differences = [a - b for a, b in zip(with_it, without, strict=True)]
    if not any(differences):
        return "0"
    low, high = interval(differences)
    return f"{mean(differences):+.3f} [{low:+.3f}, {high:+.3f}]"


def table(rows: dict[str, dict[str, str]], measures: list[str]) -> str:
    """Return some columns of the rows as a Markdown table."""
    lines = [["part", *measures], ["---"] * (len(measures) + 1)]
    lines += [[name, *(cells[measure] for measure in measures)] for name, cells in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def parts(sets: Sets, everything: Figures) -> dict[str, dict[str, str]]:
    """The worth of each part."""
    rows = {}
    for part, changes in PARTS.items():
        patches = [mock.patch.object(PLACES[n.split(".")[0]], n.split(".")[1], v) for n, v in changes.items()]
        for patch in patches:
            patch.start()
        without = measured(sets)
        for patch in patches:
            patch.stop()
        rows[part] = {name: cell(everything[name], without[name]) for name in everything}
        print(f"measured: {part}", file=sys.stderr, flush=True)
    return rows


def main(data: Path, *, semantic: bool) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory(prefix="memory-quality-") as scratch:
        sets = prepared(data, Path(scratch), semantic=False)
        everything = measured(sets)
        rows = {"everything": {name: f"{mean(values):.3f}" for name, values in everything.items()}}
        rows |= parts(sets, everything)
        told = [handed_over(sets)]
    if semantic:
        with tempfile.TemporaryDirectory(prefix="memory-quality-") as scratch:
            sets = prepared(data, Path(scratch), semantic=True)
            fused = measured(sets)
            rows["everything and meaning"] = {name: f"{mean(values):.3f}" for name, values in fused.items()}
            rows["meaning"] = {name: cell(fused[name], everything[name]) for name in fused}
            told.append(f"with meaning, {handed_over(sets)}")
    of_team = list(everything)[:TEAM]
    print(table(rows, of_team), table(rows, [name for name in everything if name not in of_team]), *told, sep="\n\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--semantic"]):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), semantic=len(sys.argv) == 3)
