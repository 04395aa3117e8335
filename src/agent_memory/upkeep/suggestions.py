"""Which memories probably revise or repeat others; found through the index, judged by `recall.likeness`.

No two memories are compared that do not share one of their weightiest words, so the work grows with the store and not
with its square. What the links say already is not suggested again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from agent_memory.index import lookup, postings
from agent_memory.index.sqlite import Index
from agent_memory.index.view import View
from agent_memory.model import Record, Suggestion
from agent_memory.recall import likeness
from agent_memory.recall.likeness import Traits, Verdict
from agent_memory.recall.ranking import Candidate, Statistics

TOKENS = 12
"""Of a memory, this many of its weightiest tokens choose what it is compared with."""
COMPARED = 16
"""Memories that one memory is compared with at most."""
FREQUENT = 64
"""Memories that have a token, from which on it chooses nothing any more when the whole store is looked at."""

FEW = 3
"""Different tokens of a text; a memory that has fewer is compared with nothing."""

_OUT = ("archived", "superseded", "expired")


def of_one(index: Index, view: View, id_: str) -> tuple[Suggestion, ...]:
    """Return what a memory probably revises or repeats, the surest first; one full-text query.

    Args:
        id_: Its id; nothing is suggested for a memory that is archived, superseded or expired.
    """
    own = [record for record in lookup.records(index, view, "memories.id = ?", (id_,)) if record.status not in _OUT]
    if not own:
        return ()
    memory = own[0]
    texts = {memory.number: _candidate(index, memory)}
    statistics = _statistics(index, texts.values())
    wanted = _wanted(_traits(memory, texts[memory.number], statistics), statistics.having)
    if not wanted:  # no word of it is rare, as in a store that has no other memory
        return ()
    seen, values = view.condition
    condition = f"memories.number <> ? AND NOT memories.archived AND {seen}"
    found, _ = postings.candidates(index, wanted, condition, (memory.number, *values), COMPARED)
    others = [r for r in lookup.numbered(index, view, list(found)).values() if r.status not in _OUT]
    texts |= {record.number: _candidate(index, record) for record in others}
    statistics = _statistics(index, texts.values())
    here = _traits(memory, texts[memory.number], statistics)
    verdicts = (_judge(_traits(r, texts[r.number], statistics), here, texts) for r in others)
    records = {record.number: record for record in (memory, *others)}
    mine = [v for v in verdicts if v is not None and (v.kind == "duplicate" or v.later == memory.number)]
    return _told(mine, records, _chains(index))


def of_all(index: Index, view: View) -> tuple[Suggestion, ...]:
    """Return what every memory probably revises or repeats: of each the surest revision, and all repetitions."""
    records = {record.number: record for record in lookup.records(index, view) if record.status not in _OUT}
    texts = {number: _candidate(index, record) for number, record in records.items()}
    statistics = Statistics(*postings.totals(index), dict(_having(index)))
    traits = {number: _traits(record, texts[number], statistics) for number, record in records.items()}
    verdicts = (_judge(traits[a], traits[b], texts) for a, b in pairs(traits, statistics.having))
    told = _told([verdict for verdict in verdicts if verdict is not None], records, _chains(index))
    revised: set[str] = set()
    kept = []
    for suggestion in told:
        if suggestion.kind == "duplicate" or suggestion.new not in revised:
            kept.append(suggestion)
            revised |= {suggestion.new} if suggestion.kind == "revision" else set()
    return tuple(kept)


def pairs(traits: Mapping[int, Traits], having: Mapping[str, int]) -> list[tuple[int, int]]:
    """Return the pairs worth comparing: each memory with the `COMPARED` that share the most weight of its rare tokens.

    Args:
        traits: By number of the memory.
        having: Token -> memories that have it.
    """
    holders: dict[str, list[int]] = {}
    for number, own in traits.items():
        for token in _wanted(own, having, at_most=FREQUENT):
            holders.setdefault(token, []).append(number)
    found = set()
    for number, own in traits.items():
        shared: dict[int, float] = {}
        for token in _wanted(own, having, at_most=FREQUENT):
            for other in holders[token]:
                shared[other] = shared.get(other, 0.0) + own.whole[token]
        shared.pop(number, None)
        best = sorted(shared, key=lambda other: (-shared[other], other))[:COMPARED]
        found |= {(min(number, other), max(number, other)) for other in best}
    return sorted(found)


def _judge(a: Traits, b: Traits, texts: Mapping[int, Candidate]) -> Verdict | None:
    """Say what two memories are to each other: the same text repeats, and a word or two say nothing."""
    first, second = texts[a.number], texts[b.number]
    if min(_length(first), _length(second)) < FEW:
        return None
    if first.passages == second.passages:
        earlier, later = (b, a) if b.day < a.day else (a, b)
        return Verdict("duplicate", 1.0, 1.0, earlier.number, later.number)
    return likeness.judge(a, b)


def _length(candidate: Candidate) -> int:
    """Count the different tokens of a text; the title has the day as well."""
    return len({*" ".join(candidate.passages).split()})


def _wanted(own: Traits, having: Mapping[str, int], *, at_most: int | None = None) -> list[str]:
    """The weightiest tokens of a memory that another one has as well."""
    shared = (token for token in own.whole if 2 <= having.get(token, 0) <= (at_most or having.get(token, 0)))
    return [token for token, _ in zip(shared, range(TOKENS), strict=False)]


def _told(
    verdicts: Sequence[Verdict], records: Mapping[int, Record], chains: Mapping[str, set[str]]
) -> tuple[Suggestion, ...]:
    """Put verdicts into words, the surest first, without those that the links say already."""
    found = []
    for verdict in sorted(verdicts, key=lambda v: (-v.margin, records[v.later].id, records[v.earlier].id)):
        old, new = records[verdict.earlier], records[verdict.later]
        if new.id in chains.get(old.id, ()) or old.id in chains.get(new.id, ()) or new.id == old.id:
            continue
        alike = round(verdict.likeness, 3)
        private = next((r.agent for r in (new, old) if r.visibility not in postings.OPEN), "")
        found.append(
            Suggestion(kind=verdict.kind, new=new.id, old=old.id, date=old.date, likeness=alike, agent=private)
        )
    return tuple(found)


def _chains(index: Index) -> dict[str, set[str]]:
    """Return id -> ids of everything it supersedes, directly or through others."""
    direct: dict[str, set[str]] = {}
    rows = "SELECT memories.id, old FROM supersessions JOIN memories ON memories.number = supersessions.memory"
    for new, old in index.connection.execute(rows):
        direct.setdefault(new, set()).add(old)
    chains = {}
    for new in direct:
        older, todo = set(), [new]
        while todo:
            for old in direct.get(todo.pop(), ()):
                if old not in older:
                    older.add(old)
                    todo.append(old)
        chains[new] = older
    return chains


def _candidate(index: Index, record: Record) -> Candidate:
    return Candidate(record.number, record.path, *postings.token_texts(index, record.number))


def _traits(record: Record, candidate: Candidate, statistics: Statistics) -> Traits:
    return likeness.traits(candidate, statistics, agent=record.agent, day=record.date)


def _having(index: Index) -> Iterable[tuple[str, int]]:
    return index.connection.execute("SELECT term, doc FROM vocabulary")


def _statistics(index: Index, candidates: Iterable[Candidate]) -> Statistics:
    tokens = {token for candidate in candidates for token in likeness.words(candidate)}
    return Statistics(*postings.totals(index), postings.having(index, tokens))
