"""How the task ranking holds when the memories that matter stand among thousands of others.

Usage: python -m benchmarks.among DATA [COUNT …], where DATA holds team-world (10,000 other notes if no count is given).

The other notes are the example's own words, shuffled with a fixed seed, each as long as one of the example's. They have
the words of the tasks without meaning anything, so they are harder to tell apart than notes of other work would be.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from agent_memory.store import MemoryStore
from benchmarks import data
from benchmarks.quality import Sets, mean, module, team


def scatter(root: Path, count: int) -> None:
    """Write notes of shuffled words into a store."""
    texts = [path.read_text(encoding="utf-8-sig") for path in data.texts(data.EXAMPLE)]
    lengths = [len(text.split()) for text in texts]
    pool = data.words()
    chance = random.Random(20261123)
    for number in range(count):
        words = chance.choices(pool, k=chance.choice(lengths))
        day = date(2025, number // 28 % 12 + 1, number % 28 + 1)
        path = root / f"other-{number % data.AGENTS:02}" / f"{day}-note-{number}.md"
        path.parent.mkdir(exist_ok=True)
        half = len(words) // 2
        title = " ".join(chance.choices(pool, k=6))
        path.write_text(f"# {title}\n\n{' '.join(words[:half])}\n\n{' '.join(words[half:])}\n", encoding="utf-8")


def row(folder: Path, count: int) -> str:
    """Measure one size and return its line of the table."""
    with tempfile.TemporaryDirectory(prefix="memory-among-") as scratch:
        root = shutil.copytree(data.EXAMPLE, Path(scratch) / "store", ignore=shutil.ignore_patterns(".store"))
        scatter(root, count)
        with MemoryStore.open(root) as store:
            store.sync()
            scorer = module(folder / "team-world/evaluate.py")
            started = time.process_time()
            found = team(Sets(folder, scorer, scorer, store, {}))
            taken = (time.process_time() - started) / 120 * 1000
    figures = " | ".join(f"{mean(values):.3f}" for values in found.values())
    return f"| {count:,} | {figures} | {taken:.0f} ms |"


def main(folder: Path, counts: list[int]) -> None:
    """Print the table."""
    measures = ("must-have recall@5", "nDCG@5", "stale above fresh", "negatives empty", "wrongly empty", "a task")
    print(f"| other notes | {' | '.join(measures)} |", "---".join("|" * (len(measures) + 2)), sep="\n")
    for count in counts:
        print(row(folder, count), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), [int(word.replace(",", "")) for word in sys.argv[2:]] or [10_000])
