"""Which notes go into one digest: those on one topic, and what has no topic in common by its date. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from agent_memory.index.analysis import STOP_WORDS, analyse, stems_of
from agent_memory.model import Memory
from agent_memory.upkeep import similarity
from agent_memory.upkeep.plan import Original

if TYPE_CHECKING:
    from agent_memory.upkeep.policy import Policy

_TOPIC_CHARACTERS = 2000


def grouped(fit: Sequence[Original], policy: Policy) -> list[tuple[list[Original], list[str]]]:
    """Return groups of notes for digests, those with the oldest notes first, each with the words of its topic."""
    found: list[tuple[list[Original], list[str]]] = []
    for visibility in sorted({o.memory.visibility for o in fit}):
        found += _topics([o for o in fit if o.memory.visibility == visibility], policy)
    return sorted(found, key=lambda pair: (max(o.memory.date for o in pair[0]), pair[0][0].memory.id))


def _topics(fit: Sequence[Original], policy: Policy) -> Iterator[tuple[list[Original], list[str]]]:
    """Yield groups on one topic; what has no topic in common with anything goes together by its date."""
    limits = similarity.Limits(most=policy.digest_sources, room=2 * policy.digest_tokens, span=policy.digest_span)
    vectors = similarity.topics([_words(o.memory) for o in fit])
    texts = [
        similarity.Group((i,), o.tokens, day, day, vectors[i])
        for i, o in enumerate(fit)
        for day in [o.memory.date.toordinal()]
    ]
    found = similarity.grouped(texts, limits)
    small = [group for group in found if group.size * 2 <= limits.room]
    for group in (*(group for group in found if group.size * 2 > limits.room), *_by_date(small, limits)):
        some = [fit[i] for i in group.members]
        yield some, _topic_words(some, [vectors[i] for i in group.members])


def _by_date(groups: Sequence[similarity.Group], limits: similarity.Limits) -> Iterator[similarity.Group]:
    """Join groups that follow each other, as far as the limits allow."""
    now: similarity.Group | None = None
    for group in sorted(groups, key=lambda g: (g.first, g.members)):
        if now is not None and now.fits(group, limits):
            now = now.joined(group)
            continue
        if now is not None:
            yield now
        now = group
    if now is not None:
        yield now


def _words(memory: Memory) -> Counter[str]:
    text = f"{memory.name} {memory.name} {memory.description} {' '.join(memory.tags)} {memory.body[:_TOPIC_CHARACTERS]}"
    counts = Counter(analyse(text).stems)
    return Counter({stem: n for stem, n in counts.items() if len(stem) > 2 and not stem[0].isdigit()})


def _topic_words(group: Sequence[Original], vectors: Sequence[dict[str, float]]) -> list[str]:
    """Return up to three words that most of a group shares, as they are written most often."""
    points: Counter[str] = Counter()
    for vector in vectors:
        points.update(vector)
    shared = [w for w in points if sum(w in v for v in vectors) > 1 and w.isalpha()]
    best = sorted(shared, key=lambda w: (-points[w], w))[:3]
    written: dict[str, Counter[str]] = {word: Counter() for word in best}
    for original in group:
        for chunk in f"{original.memory.name} {original.memory.body[:600]}".split():
            bare = chunk.strip("`*.,:;()[]\"'!?")
            if bare.isalpha() and bare.lower() not in STOP_WORDS:
                for stem in stems_of(bare):
                    if stem in written:
                        written[stem][bare] += 1
    return [written[w].most_common(1)[0][0] if written[w] else w for w in best]
