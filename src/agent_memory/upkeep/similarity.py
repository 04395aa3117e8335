"""Which memories say the same, and which speak of one topic, without comparing each with each.

Pure. Copies are looked for with MinHash over runs of four words (`rensa`), in buckets that only likely pairs share, and
then compared in full. Topics are groups that share rare words. Both look at a bounded number of neighbours a memory.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

SHINGLE = 4
"""Words of one run."""
_PERMUTATIONS, _BANDS = 64, 16  # pairs that share 85 % of their runs meet in a bucket in all but one case of a million
_SEED = 20260105
_BATCH = 1024  # the runs of all texts at once would take too much memory
_NEIGHBOURS = 16
"""Likely copies that are compared in full with one memory."""
_COMMON = 64
"""Memories in which a word of a topic may lead to neighbours; a more common one leads nowhere."""
TOPIC_WORDS = 12
"""Words that a memory's topic is made of."""

_WORD = re.compile(r"\w+(?:[.:_/@-]\w+)*")


def shingles(text: str) -> frozenset[str]:
    """Return the runs of four words of a text; a shorter text is one run."""
    words = _WORD.findall(text.casefold())
    if len(words) <= SHINGLE:
        return frozenset([" ".join(words)]) if words else frozenset()
    return frozenset(map(" ".join, zip(*(words[i:] for i in range(SHINGLE)), strict=False)))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of runs that two texts have in common (Jaccard)."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


class Copies(NamedTuple):
    """What was found.

    Attributes:
        pairs: (copy, kept, overlap).
        complete: False where some text had more likely originals than were compared with it.
    """

    pairs: list[tuple[int, int, float]]
    complete: bool


def copies(texts: Sequence[str], *, least: float, may_go: Callable[[int, int], bool]) -> Copies:
    """Find the texts that say what an earlier one says.

    Args:
        texts: In the order in which they are kept: of two that are alike the first stays.
        least: Overlap of near duplicates.
        may_go: Whether the first may go because the second stays.
    """
    exact: dict[str, int] = {}
    left: list[int] = []
    found: list[tuple[int, int, float]] = []
    for i, text in enumerate(texts):
        key = hashlib.sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()
        kept = exact.setdefault(key, i)
        if kept != i and may_go(i, kept):
            found.append((i, kept, 1.0))
        else:
            left.append(i)
    near = _near(texts, left, least, may_go)
    return Copies(found + near.pairs, near.complete)


def _near(texts: Sequence[str], left: Sequence[int], least: float, may_go: Callable[[int, int], bool]) -> Copies:
    buckets: dict[tuple[int, ...], list[int]] = {}
    found: list[tuple[int, int, float]] = []
    complete = True
    for i, own, bands in _sketched(texts, left):
        likely = sorted({j for band in bands for j in buckets.get(band, ())})
        complete = complete and len(likely) <= _NEIGHBOURS
        for j in likely[-_NEIGHBOURS:]:
            share = overlap(own, shingles(texts[j]))
            if share >= least and may_go(i, j):
                found.append((i, j, share))
                break
        else:
            for band in bands:
                own_bucket = buckets.setdefault(band, [])
                own_bucket.append(i)
                if len(own_bucket) > 2 * _NEIGHBOURS:  # however alike they are, looking must not grow with their number
                    del own_bucket[0]
                    complete = False
    return Copies(found, complete)


def _sketched(texts: Sequence[str], left: Sequence[int]) -> Iterator[tuple[int, frozenset[str], list[tuple[int, ...]]]]:
    """Yield each text that has words with its runs and the names of its buckets."""
    from rensa import RMinHash  # noqa: PLC0415  only where compaction runs

    rows = _PERMUTATIONS // _BANDS
    for start in range(0, len(left), _BATCH):
        some = [(i, own) for i in left[start : start + _BATCH] if (own := shingles(texts[i]))]
        sketches = RMinHash.from_token_sets([list(own) for _, own in some], num_perm=_PERMUTATIONS, seed=_SEED)
        for (i, own), sketch in zip(some, sketches, strict=True):
            digest = sketch.digest()
            yield i, own, [(band, *digest[band * rows : (band + 1) * rows]) for band in range(_BANDS)]


def topics(counts: Sequence[Mapping[str, int]]) -> list[dict[str, float]]:
    """Return for each text the words that it is about, with weights of length 1.

    Args:
        counts: Word -> times, for each text.
    """
    having: Counter[str] = Counter()
    for words in counts:
        having.update(words.keys())
    rarity = {word: math.log(1 + len(counts) / n) for word, n in having.items() if n > 1}
    found = []
    for words in counts:
        weights = [((1 + math.log(n)) * rarity[w], w) for w, n in words.items() if w in rarity]
        best = [(w, value) for value, w in heapq.nsmallest(TOPIC_WORDS, ((-value, w) for value, w in weights))]
        length = math.sqrt(sum(value * value for _, value in best)) or 1.0
        found.append({word: -value / length for word, value in best})
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a group may be.

    Attributes:
        most: Texts in a group.
        room: Sum of their sizes.
        span: Days between the first and the last of them.
    """

    most: int
    room: int
    span: int


@dataclass(frozen=True, slots=True)
class Group:
    """Texts on one topic.

    Attributes:
        members: Their places, in order.
        size: Sum of their sizes.
        first, last: The days of the oldest and the newest.
        vector: What they are about.
    """

    members: tuple[int, ...]
    size: int
    first: int
    last: int
    vector: Mapping[str, float]

    def joined(self, other: Group) -> Group:
        """Return both as one group."""
        words = Counter(dict(self.vector))
        words.update(other.vector)
        best = sorted(words.items(), key=lambda item: (-item[1], item[0]))[: 2 * TOPIC_WORDS]
        length = math.sqrt(sum(value * value for _, value in best)) or 1.0
        return Group(
            tuple(sorted(self.members + other.members)), self.size + other.size, min(self.first, other.first),
            max(self.last, other.last), {word: value / length for word, value in best},
        )  # fmt: skip

    def fits(self, other: Group, limits: Limits) -> bool:
        """Whether both together keep to the limits."""
        return (
            len(self.members) + len(other.members) <= limits.most
            and self.size + other.size <= limits.room
            and max(self.last, other.last) - min(self.first, other.first) <= limits.span
        )


def grouped(texts: Sequence[Group], limits: Limits) -> list[Group]:
    """Join groups that are nearest to each other, nearest pairs first, as far as the limits allow.

    Round by round: in each, pairs that share rare words are joined, and every group joins at most one other.
    """
    now = list(texts)
    while True:
        taken: set[int] = set()
        joined: list[Group] = []
        for _, i, j in sorted(_pairs(now, limits)):
            if i not in taken and j not in taken:
                taken |= {i, j}
                joined.append(now[i].joined(now[j]))
        if not joined:
            return now
        now = sorted([g for i, g in enumerate(now) if i not in taken] + joined, key=lambda g: g.members)


def _pairs(groups: Sequence[Group], limits: Limits) -> Iterator[tuple[float, int, int]]:
    """Yield (-nearness, i, j) for pairs that share words and fit together; a bounded number for each group."""
    posts: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        near: dict[int, float] = {}
        for word, value in group.vector.items():
            for j in posts.get(word, ())[-_COMMON:]:
                near[j] = near.get(j, 0.0) + value * groups[j].vector[word]
        best = sorted(((-share, j) for j, share in near.items() if group.fits(groups[j], limits)))[:_NEIGHBOURS]
        yield from ((share, j, i) for share, j in best)
        for word in group.vector:
            posts.setdefault(word, []).append(i)
