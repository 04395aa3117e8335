"""Records of memories: rows of the index as values, and the one that a reference means."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import cast

from agent_memory.errors import Conflict, NotFound
from agent_memory.index.sqlite import Index
from agent_memory.index.view import View
from agent_memory.index.where import state
from agent_memory.model import DateSource, Record

_COLUMNS = (
    "memories.number, memories.path, memories.id, memories.agent, memories.name, memories.date, memories.date_source,"
    " memories.type, memories.description, {state}, memories.visibility, memories.valid_until, memories.recipient,"
    " memories.fingerprint, memories.size, memories.body_start"
)


def records(index: Index, view: View, where: str = "1", parameters: Sequence[object] = ()) -> list[Record]:
    """Return the memories that an SQL condition over `memories` selects and that may be seen, by date and id."""
    seen, values = view.condition
    where, parameters = f"({where}) AND {seen}", [*parameters, *values]
    columns = _COLUMNS.format(state=state(view.today))
    rows = index.connection.execute(
        f"SELECT {columns} FROM memories WHERE {where} ORDER BY memories.date, memories.id, memories.path",
        tuple(parameters),
    ).fetchall()
    chosen = f"(SELECT memories.number FROM memories WHERE {where})"
    tags = _grouped(index, f"SELECT memory, tag FROM tags WHERE memory IN {chosen} ORDER BY 1, 2", parameters)
    old = _grouped(
        index,
        f"SELECT memory, old FROM supersessions WHERE memory IN {chosen} ORDER BY 1, 2",
        parameters,
    )
    shown, readers = view.seen("newer")
    new = _grouped(
        index,
        "SELECT memories.number, newer.id FROM memories JOIN supersessions ON supersessions.old = memories.id"
        " JOIN memories AS newer ON newer.number = supersessions.memory"
        f" WHERE memories.number IN {chosen} AND {shown} ORDER BY 1, 2",
        [*parameters, *readers],
    )
    return [_record(row, tags, old, new) for row in rows]


def numbered(index: Index, view: View, numbers: Sequence[int]) -> dict[int, Record]:
    """Return the records with the given numbers that may be seen."""
    marks = ",".join("?" * len(numbers))
    return {record.number: record for record in records(index, view, f"memories.number IN ({marks})", numbers)}


def by_path(index: Index, view: View, path: str) -> Record:
    """Return the record of the file at `path`."""
    found = records(index, view, "memories.path = ?", (path,))
    if not found:
        raise NotFound(f"no memory at {path}", hint="somebody removed or moved it just now")
    return found[0]


def resolve(index: Index, view: View, reference: str, *, agent: str | None) -> Record:
    """Return the memory that a normalised reference means: an id, or a stem that is `agent`'s or only one agent has.

    Raises:
        NotFound: There is none that may be seen; the message offers the nearest.
        Conflict: Several agents have one of this name.
    """
    if "/" in reference:
        found = records(index, view, "memories.id = ?", (reference,))
    else:
        own = records(index, view, "memories.id = ?", (f"{agent}/{reference}",)) if agent else []
        found = own or records(index, view, "memories.id LIKE ? ESCAPE '\\'", (f"%/{_like(reference)}",))
    if not found:
        found = _by_normal_form(index, view, reference)
    active = [record for record in found if record.status != "archived"] or found
    if len(active) == 1 or len({record.id for record in active}) == 1:
        return active[0] if active else found[0]
    if active:
        names = ", ".join(record.id for record in active[:5])
        raise Conflict(
            f"{reference!r} names {len(active)} memories: {names}", hint="give the agent as well: <agent>/<name>"
        )
    raise NotFound(f"no memory {reference!r}", hint=_nearest(index, view, reference))


def superseded_by(index: Index, reference: str) -> set[str]:
    """Return the ids of all memories that `reference` supersedes, directly or through others."""
    rows = index.connection.execute(
        "WITH RECURSIVE older(id) AS (SELECT ? UNION SELECT supersessions.old FROM older"
        " JOIN memories ON memories.id = older.id JOIN supersessions ON supersessions.memory = memories.number)"
        " SELECT id FROM older",
        (reference,),
    )
    return {id_ for (id_,) in rows} - {reference}


def _by_normal_form(index: Index, view: View, reference: str) -> list[Record]:
    """Names that look the same may be written in different Unicode forms."""
    wanted = unicodedata.normalize("NFC", reference)
    ids = _ids(index, view)
    same = [id_ for id_ in ids if not id_.isascii() and _ends(unicodedata.normalize("NFC", id_), wanted)]
    return [record for id_ in same for record in records(index, view, "memories.id = ?", (id_,))]


def _ids(index: Index, view: View) -> list[str]:
    seen, values = view.condition
    return [id_ for (id_,) in index.connection.execute(f"SELECT id FROM memories WHERE {seen} ORDER BY id", values)]


def _ends(id_: str, wanted: str) -> bool:
    return id_ == wanted or ("/" not in wanted and id_.endswith(f"/{wanted}"))


def _nearest(index: Index, view: View, reference: str) -> str:
    import difflib  # noqa: PLC0415  only where a name was wrong

    ids = _ids(index, view)
    short = {id_.split("/", 1)[1]: id_ for id_ in ids}
    near = difflib.get_close_matches(reference, ids, n=1, cutoff=0.75) or [
        short[stem] for stem in difflib.get_close_matches(reference.rpartition("/")[2], short, n=1, cutoff=0.7)
    ]
    return f"did you mean {near[0]}?" if near else "see: memory list"


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _grouped(index: Index, query: str, parameters: Sequence[object]) -> dict[int, tuple[str, ...]]:
    found: dict[int, list[str]] = {}
    for number, value in index.connection.execute(query, tuple(parameters)):
        found.setdefault(number, []).append(value)
    return {number: tuple(values) for number, values in found.items()}


def _record(
    row: tuple[object, ...],
    tags: dict[int, tuple[str, ...]],
    old: dict[int, tuple[str, ...]],
    new: dict[int, tuple[str, ...]],
) -> Record:
    """Make a record of a row with the columns `_COLUMNS`."""
    (
        number,
        path,
        id_,
        agent,
        name,
        day,
        source,
        type_,
        description,
        state,
        visibility,
        until,
        to,
        fingerprint,
        size,
        start,
    ) = row
    key = cast(int, number)
    return Record(
        number=key,
        path=str(path),
        id=str(id_),
        agent=str(agent),
        name=str(name),
        date=date.fromisoformat(str(day)),
        date_source=cast(DateSource, source),
        type=str(type_),
        description=str(description),
        status=str(state),
        visibility=str(visibility),
        valid_until=date.fromisoformat(str(until)) if until else None,
        to=str(to) if to else None,
        fingerprint=str(fingerprint),
        size=cast(int, size),
        body_start=cast(int, start),
        tags=tags.get(key, ()),
        supersedes=old.get(key, ()),
        superseded_by=new.get(key, ()),
    )
