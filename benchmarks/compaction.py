"""What compaction saves and what it does to recall, on a development set of tasks with grades.

Usage: python -m benchmarks.compaction DATA

DATA has `repo/.claude/agents-memory`, `tasks.jsonl` and `qrels.tsv`, as team-world has.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import mean

from agent_memory.store import MemoryStore
from agent_memory.upkeep import verifying

TODAY = date(2026, 11, 23)


@dataclass(frozen=True)
class Task:
    id: str
    agent: str
    text: str
    day: date
    must: frozenset[str]


def tasks_of(data: Path) -> list[Task]:
    must: dict[str, set[str]] = {}
    for line in (data / "qrels.tsv").read_text(encoding="utf-8").splitlines():
        task, path, grade = line.split("\t")
        if grade == "2":
            must.setdefault(task, set()).add(path)
    found = [json.loads(line) for line in (data / "tasks.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        Task(t["id"], t["agent"], t["task"], date.fromisoformat(t["date"]), frozenset(must[t["id"]]))
        for t in found
        if t["id"] in must
    ]


def store(data: Path, folder: Path, until: date) -> Path:
    """Copy the memories that existed on a day."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in sorted((data / "repo/.claude/agents-memory").glob("*/*.md")):
        if path.name[:10] <= until.isoformat():
            (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / path.parent.name / path.name)
    return folder


def compacted(root: Path, day: date) -> tuple[float, dict[str, str]]:
    """Compact a store; return the share that was saved, and what stands for what."""
    with MemoryStore.open(root, clock=lambda: datetime(day.year, day.month, day.day, 12, tzinfo=UTC)) as opened:
        plan = opened.plan_compaction()
        outcome = opened.compact(plan)
        return 1 - plan.tokens_after / (plan.tokens_before or 1), verifying.holds(outcome.done)


def recalls(root: Path, tasks: Sequence[Task], now: date | None, holds: Mapping[str, str]) -> dict[str, float]:
    """Return must-have recall@5 of each task; `now` None asks as of the task's day."""
    found = {}
    with MemoryStore.open(root) as opened:
        for task in tasks:
            ranked = opened.rank(task.agent, task.text, now=now or task.day, limit=5)
            there = [path for path in task.must if path in ranked or holds.get(path) in ranked]
            found[task.id] = len(there) / len(task.must)
    return found


def row(name: str, before: Mapping[str, float], after: Mapping[str, float]) -> str:
    return f"| {name} | {len(before)} | {mean(before.values()):.3f} | {mean(after.values()):.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.compaction", description=__doc__)
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    tasks = tasks_of(arguments.data)
    with tempfile.TemporaryDirectory() as scratch:
        old, new = Path(scratch) / "old", Path(scratch) / "new"
        store(arguments.data, old, TODAY)
        saved, holds = compacted(store(arguments.data, new, TODAY), TODAY)
        with MemoryStore.open(old) as opened:
            over = {record.path for record in opened.list() if record.superseded_by}
        print(f"saved {saved:.1%}\n\n| asked | tasks | before | after |\n|---|---|---|---|")
        valid = [Task(t.id, t.agent, t.text, t.day, t.must - over) for t in tasks if t.must - over]
        print(row("as of today, what still holds", recalls(old, valid, TODAY, {}), recalls(new, valid, TODAY, holds)))
        print(row("as of today, everything", recalls(old, tasks, TODAY, {}), recalls(new, tasks, TODAY, holds)))
        print(row("as of the task's day, after a later compaction", recalls(old, tasks, None, {}),
                  recalls(new, tasks, None, holds)))  # fmt: skip


if __name__ == "__main__":
    main()
