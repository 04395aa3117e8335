"""From a query, or a task, to ranked hits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from agent_memory.errors import InvalidQuery, NotFound, Unreadable
from agent_memory.index import lookup, postings
from agent_memory.index.analysis import stem, stems_of
from agent_memory.index.sqlite import Index
from agent_memory.index.view import View, vocabulary
from agent_memory.index.where import Where
from agent_memory.model import Hit, Record, SearchResult, Term
from agent_memory.recall import query as queries
from agent_memory.recall import ranking
from agent_memory.recall.bare import Clause
from agent_memory.recall.query import Query
from agent_memory.recall.snippet import snippet, without_heading

if TYPE_CHECKING:
    from agent_memory.index.vectors import Vectors

_MARKS = ".,;:!?()[]{}\"'`*<>"

Reader = Callable[[Record], str]
"""Gives the body of a memory."""


class Request(NamedTuple):
    """What a search is asked for; the arguments of `MemoryStore.search`.

    Attributes:
        agent: Whose memories.
        reader: Who sees its own private memories as well; `agent` where nobody is named.
    """

    text: str
    agent: str | None = None
    reader: str | None = None
    limit: int = 10
    archived: bool = False
    explain: bool = False


def search(index: Index, request: Request, *, today: date, read: Reader) -> SearchResult:
    """Answer a query of the query language.

    Args:
        read: Gives the body of a memory, for the snippets.

    Raises:
        InvalidQuery: The query does not parse.
    """
    query = queries.parse(request.text, today=today)
    view = _view(request, today)
    condition, parameters = _condition(index, query, request, view)
    sql = Where(index.connection, today=today)
    stems = query.ranking_tokens(sql.expand) if query.patterns else query.tokens
    if not stems:
        found = _newest(index, condition, parameters)
        hits = _hits(index, view, found[: request.limit], (), read)
        return SearchResult(query=request.text, hits=hits, total=len(found))
    ranked, complete = _rank(
        index, view, stems, query.exact, condition, parameters, limit=request.limit, explain=request.explain
    )
    ranked = _with_successors(index, view, ranked, _filters(query, request))
    hits = _hits(index, view, ranked[: request.limit], (*stems, *query.exact), read)
    suggestion = "" if ranked else _suggestion(index, request, query, view, read)
    return SearchResult(query=request.text, hits=hits, total=len(ranked), complete=complete, suggestion=suggestion)


def select(index: Index, request: Request, *, today: date) -> list[Record]:
    """Return every memory that a query selects, by date and id."""
    query = queries.parse(request.text, today=today)
    sql = Where(index.connection, today=today)
    where = " AND ".join(clause.where(sql) for clause in (*_of_agent(request), query.where))
    if not (request.archived or query.wants_archived):
        where = f"({where}) AND NOT memories.archived"
    return lookup.records(index, _view(request, today), where, sql.parameters)


def _view(request: Request, today: date) -> View:
    return View(request.agent if request.reader is None else request.reader, today)


class TaskRequest(NamedTuple):
    """A task, by whom, as of which day.

    Attributes:
        boosts: Path -> what feedback multiplies its score by.
    """

    text: str
    agent: str
    today: date
    limit: int
    boosts: Mapping[str, float]


def for_task(index: Index, request: TaskRequest, *, read: Reader, vectors: Vectors | None = None) -> SearchResult:
    """Return the memories that matter for a task; those that say the same as another are named by it.

    Args:
        read: Gives the body of a memory.
        vectors: Compare meaning as well.
    """
    from agent_memory.recall import task  # noqa: PLC0415  not for a search

    text = request.text
    found = task.rank(
        index, text, agent=request.agent, today=request.today, limit=request.limit,
        vectors=vectors, boosts=request.boosts, explain=True,
    )  # fmt: skip
    ranked = [s for s in found.scored if s.score >= task.WORTH * found.scored[0].score]
    view = View(request.agent, request.today)
    numbers = {s.number for s in ranked}
    same = {low: high for low, high in found.twins.items() if low in numbers}
    records = lookup.numbered(index, view, list(same))
    written = {token: word.strip(_MARKS) for word in reversed(text.split()) for token in stems_of(word)}
    hits = [
        hit._replace(
            terms=tuple(_as_written(term, written) for term in hit.terms),
            also=tuple(records[low] for low, high in same.items() if high == hit.record.number),
        )
        for hit, _, _ in _readable(index, view, [s for s in ranked if s.number not in same], read)
    ]
    return SearchResult(query=text, hits=tuple(hits), total=len(ranked), arms=found.arms)


def _as_written(term: Term, written: Mapping[str, str]) -> Term:
    """Name a term by the task's own word; one that the task does not have came by feedback."""
    if term.name in written:
        return term._replace(name=written[term.name])
    return term._replace(field="feedback") if term.field == "memory" else term


# -- conditions -------------------------------------------------------------------------------------------------------


def _condition(index: Index, query: Query, request: Request, view: View) -> tuple[str, list[object]]:
    """SQL over `memories` beyond "some word occurs", which the ranking sees to itself; "" for the plain case."""
    archived = request.archived or query.wants_archived
    if query.plain and request.agent is None and view.reader is None and not archived:
        return "", []
    sql = Where(index.connection, today=view.today)
    wanted = [clause.where(sql) for clause in _of_agent(request)]
    wanted += [] if query.plain else [query.where.where(sql)]
    seen, values = view.condition
    return " AND ".join([*wanted, "1" if archived else "NOT memories.archived", seen]), [*sql.parameters, *values]


def _of_agent(request: Request) -> list[Clause]:
    if request.agent is None:
        return []
    from agent_memory.recall.clauses import Field  # noqa: PLC0415  not for bare words

    return [Field("agent", request.agent)]


def _filters(query: Query, request: Request) -> list[Clause]:
    """The part of a query that a successor must fulfil as well: everything but words."""
    if query.plain:
        return _of_agent(request)
    from agent_memory.recall.clauses import only_filters  # noqa: PLC0415  not for bare words

    return [*only_filters(query.where), *_of_agent(request)]


def _newest(index: Index, condition: str, parameters: Sequence[object]) -> list[ranking.Scored]:
    """Everything that fits, newest first, for a query without words."""
    keep = condition or f"NOT ({postings.kept_out(index)})"
    rows = index.connection.execute(
        f"SELECT number, path FROM memories WHERE {keep} ORDER BY date DESC, id, path",
        tuple(parameters),
    )
    return [ranking.Scored(number, path, 0.0, 0) for number, path in rows]


# -- ranking ----------------------------------------------------------------------------------------------------------


def _statistics(index: Index, view: View, stems: Mapping[str, None]) -> ranking.Statistics:
    """Return what words weigh; what is private to others counts for nothing."""
    having = postings.having(index, stems)
    if not postings.any_private(index):
        return ranking.Statistics(*postings.totals(index), having)
    seen, values = view.condition
    rows = index.connection.execute(f"SELECT number FROM memories WHERE NOT {seen}", values)
    hidden = postings.having_among(index, stems, [number for (number,) in rows])
    sizes = postings.sizes(index, seen, values)
    return ranking.Statistics(*sizes, {token: count - hidden[token] for token, count in having.items()})


def _rank(
    index: Index,
    view: View,
    stems: Sequence[str],
    exact: Sequence[str],
    condition: str,
    parameters: Sequence[object],
    *,
    limit: int,
    explain: bool,
) -> tuple[list[ranking.Scored], bool]:
    """Score the candidates; also say whether they are all that match."""
    statistics = _statistics(index, view, dict.fromkeys(stems))
    weights = {token: statistics.weight(token) for token in stems}
    exact_weights = {word: weights.get(stem(word), 0.0) for word in exact}
    scored = []
    most = max(postings.CANDIDATES, limit)
    found, complete = postings.candidates(index, [*stems, *exact], condition, parameters, most)
    for number, path in found.items():
        title, about, passages, written = postings.token_texts(index, number)
        candidate = ranking.Candidate(number, path, title, about, passages, written)
        scored.append(ranking.score(candidate, weights, exact_weights, statistics, explain=explain))
    return sorted(scored, key=lambda s: (-s.score, s.path)), complete


def _with_successors(
    index: Index, view: View, ranked: list[ranking.Scored], keep: list[Clause]
) -> list[ranking.Scored]:
    """Apply the rank rule; a successor comes in even where it lacks the words, but never against a filter."""
    ordered = ranking.supersede(ranked, *postings.supersessions(index, view.seen("newer")))
    matched = {s.number for s in ranked}
    new = [s.number for s in ordered if s.number not in matched]
    if not new:
        return ordered
    sql = Where(index.connection, today=view.today)
    condition = " AND ".join(clause.where(sql) for clause in keep) or "1"
    seen, values = view.condition
    allowed = postings.among(
        index, new, f"({condition}) AND NOT memories.archived AND {seen}", [*sql.parameters, *values]
    )
    return [s for s in ordered if s.number in matched or s.number in allowed]


def _hits(
    index: Index, view: View, ranked: Sequence[ranking.Scored], tokens: Sequence[str], read: Reader
) -> tuple[Hit, ...]:
    """Turn the best into hits with snippets."""
    hits = []
    for hit, scored, body in _readable(index, view, ranked, read):
        heading, start, end, line = postings.passage(index, scored.number, scored.passage)
        cut, highlights = snippet(without_heading(body[start:end]) or hit.record.description, tokens)
        hits.append(hit._replace(snippet=cut, highlights=highlights, heading=heading, line=line))
    return tuple(hits)


def _readable(
    index: Index, view: View, ranked: Sequence[ranking.Scored], read: Reader
) -> Iterator[tuple[Hit, ranking.Scored, str]]:
    """Yield hits and bodies; a memory whose file vanished this moment, or cannot be read now, is left out."""
    records = lookup.numbered(index, view, [s.number for s in ranked])
    for scored in ranked:
        record = records[scored.number]
        try:
            body = read(record)
        except (NotFound, Unreadable):
            continue
        yield Hit(record=record, score=round(scored.score, 4), snippet="", terms=scored.terms), scored, body


def _suggestion(index: Index, request: Request, query: Query, view: View, read: Reader) -> str:
    """Return the query in words that the reader's memories have, if it then finds something."""
    from agent_memory.recall import spelling  # noqa: PLC0415  only where nothing was found

    better = spelling.suggest(query, vocabulary(index, view.reader)) or ""
    with suppress(InvalidQuery):  # a word of a memory may be syntax
        if better and search(index, request._replace(text=better, limit=1), today=view.today, read=read).total:
            return better
    return ""
