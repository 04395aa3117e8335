"""Measure what the product does against the least that has to be done, in one run, and print the ratios.

Usage: python -m benchmarks [--memories 10000] [--rounds 15] [--only NAME] [--large]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import cases, data


def main() -> int:
    """Run the cases and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", choices=sorted(cases.CASES), action="append")
    parser.add_argument("--large", action="store_true", help="also build 100,000 memories and watch the memory held")
    arguments = parser.parse_args()
    chosen = arguments.only or [name for name in cases.CASES if name != "memory"]
    if arguments.large:
        chosen.append("memory")
    print(f"{arguments.memories:,} memories; median of {arguments.rounds} rounds\n")
    print("| what | ours | the bound | bound takes | ratio | reach |\n|---|---|---|---|---|---|")
    missed = 0
    with tempfile.TemporaryDirectory(prefix="memory-bench-") as folder:
        root = data.make(Path(folder) / "store", arguments.memories)
        for name in chosen:
            for row in cases.CASES[name](root, Path(folder), arguments.rounds):
                missed += not row.reached
                print(row, flush=True)
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
