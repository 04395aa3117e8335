"""A store of synthetic memories: words of the example store, shuffled with a fixed seed."""

from __future__ import annotations

import random
import re
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "examples/osier/.claude/agents-memory"
AGENTS = 12


def words() -> list[str]:
    """Return every word of the example memories, in order."""
    texts = [path.read_text(encoding="utf-8-sig") for path in sorted(EXAMPLE.glob("*/*.md"))]
    return [word for text in texts for word in re.findall(r"\S+", text)]


def memory(chance: random.Random, pool: list[str], number: int) -> str:
    """Return a memory of about 2 kB: a title, three sections, every second one with front matter."""
    picked = chance.choices(pool, k=330)
    title = " ".join(picked[:6])
    head = ""
    if number % 5 < 2:
        tags = re.sub(r"[^a-z ]", "", " ".join(picked[6:9]).lower()).split() or ["none"]
        head = f"---\ntype: decision\nname: note {number}\ntags: [{', '.join(tags)}]\n---\n\n"
    parts = [" ".join(picked[9:110]), " ".join(picked[110:220]), " ".join(picked[220:])]
    return (
        f"{head}# {title}\n\n{parts[0]}\n\n## {picked[7]} {picked[8]}\n\n{parts[1]}\n\n## {picked[9]}\n\n{parts[2]}\n"
    )


def make(root: Path, count: int) -> Path:
    """Write `count` memories below `root`, which must not exist yet."""
    chance = random.Random(20261122)
    pool = words()
    for agent in range(AGENTS):
        (root / f"agent-{agent:02}").mkdir(parents=True)
    for number in range(count):
        month, day = number // 28 % 12 + 1, number % 28 + 1
        path = root / f"agent-{number % AGENTS:02}" / f"2025-{month:02}-{day:02}-note-{number}.md"
        path.write_text(memory(chance, pool, number), encoding="utf-8")
    return root


def texts(root: Path) -> list[Path]:
    """Return the files of a store in order."""
    return sorted(root.glob("*/*.md"))
