"""How words and meaning add up; pure.

A score of words does not say how good the best match is: even the best of a bad lot leads. So meaning is added on the
scale of the task, not on that of its best match: for each standard deviation by which a memory is nearer than the mean
of all, it gains `WEIGHT` of what the task's tokens are worth together. Where words match well this decides between
near equals; where no word matches it decides alone. A cosine means something else in every model and every store; its
standing among all memories does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from agent_memory.model import Term
from agent_memory.recall.ranking import Scored

WEIGHT = 0.2
"""What one standard deviation is worth, as a share of the weight of all the task's tokens."""

CANDIDATES = 48
"""Memories that only their meaning brings in, at most."""


def standing(near: Mapping[int, float]) -> dict[int, float]:
    """Return by how many standard deviations each memory is nearer than their mean; those that are not are left out."""
    if not near:
        return {}
    mean = math.fsum(near.values()) / len(near)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in near.values()) / len(near))
    if deviation < 1e-6:  # all are equally near
        return {}
    return {number: (value - mean) / deviation for number, value in near.items() if value > mean}


def chosen(stands: Mapping[int, float]) -> list[int]:
    """Return the memories that meaning may bring in, those that stand out most; of equals at the end all or none."""
    least = sorted(stands.values(), reverse=True)[CANDIDATES - 1 : CANDIDATES + 1]
    if len(least) < 2:
        return list(stands)
    return [n for n, value in stands.items() if value >= least[0] > least[1] or value > least[0]]


def fuse(lexical: Sequence[Scored], stands: Mapping[int, float], *, unit: float) -> list[Scored]:
    """Add meaning to the scores of words and return both best first.

    Args:
        lexical: With a score of 0 where no word matches.
        stands: See `standing`.
        unit: The weight of all tokens of the task.
    """
    fused = [_raised(scored, stands.get(scored.number, 0.0), unit) for scored in lexical]
    return sorted(fused, key=lambda s: (-s.score, s.path))


def _raised(scored: Scored, stands: float, unit: float) -> Scored:
    gain = WEIGHT * unit * stands
    if not gain:
        return scored
    note = f"{stands:.1f} standard deviations nearer in meaning than the mean of all memories"
    terms = (Term(name="meaning", field="semantic", value=gain, note=note), *scored.terms)
    return scored._replace(score=scored.score + gain, terms=terms)
