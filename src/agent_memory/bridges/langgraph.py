"""The store as a `BaseStore` of LangGraph: the namespace `("agents-memory", <agent>)`, whose items are memories.

A key is the name of the file, `<YYYY-MM-DD>-<topic>`; a value has the keys of `FIELDS` and no others. Any other
namespace is refused. Each operation reads and writes as the agent it names; one that names none sees nothing private.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agent_memory.aio import on_thread
from agent_memory.bridges.extras import extra
from agent_memory.errors import Conflict, InvalidInput, NotFound
from agent_memory.files import format as formats
from agent_memory.files import listing, naming
from agent_memory.files.folder import LARGEST, Folder
from agent_memory.files.listing import ARCHIVE

with extra("langgraph", packages=("langgraph",)):
    from langgraph.store.base import (
        BaseStore,
        GetOp,
        InvalidNamespaceError,
        Item,
        ListNamespacesOp,
        MatchCondition,
        Op,
        PutOp,
        Result,
        SearchItem,
        SearchOp,
        validate_op_namespace,
    )

if TYPE_CHECKING:
    from agent_memory.model import Memory, Record
    from agent_memory.store import MemoryStore

TOP: Final = "agents-memory"
LISTS: Final = ("tags", "files", "supersedes")
FIELDS: Final = ("content", "topic", "date", "type", "description", "status", "visibility", "valid_until", *LISTS)
"""Keys of a value; on writing, those that are missing or None have their default, and `date` is the key's."""

MANY = 100_000
"""Hits that are looked at where a filter still has to choose."""

Value: TypeAlias = dict[str, Any]
_LONGEST_KEY = 252  # bytes; a file name may have 255, with ".md"
_KEY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[^/]*\w[^/]*")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda have, want: have == want,
    "$ne": lambda have, want: have != want,
    "$gt": lambda have, want: have > want,
    "$gte": lambda have, want: have >= want,
    "$lt": lambda have, want: have < want,
    "$lte": lambda have, want: have <= want,
}


class AgentMemoryStore(BaseStore):
    """Memories as items of LangGraph, for `graph.compile(store=…)`.

    Args:
        store: The team's store; it stays open and is not closed here.
    """

    __slots__ = ("_folder", "_pool", "_store")

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._folder = Folder(store.root)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="agent-memory-langgraph")

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Answer all operations: first everything that reads, then the writes, of each key the last one.

        Raises:
            InvalidNamespaceError: A namespace is not `("agents-memory", <agent>)`; nothing was written.
            InvalidInput: A key or a value is no memory's; nothing was written.
            Conflict: A key is that of an archived memory; nothing was written.
        """
        wanted = list(ops)
        for op in wanted:
            _check(op)
        puts = {(op.namespace, op.key): op for op in wanted if isinstance(op, PutOp)}
        written = [self._prepared(op) for op in puts.values()]
        results = [self._answer(op) for op in wanted]
        for write in written:
            write()
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`, on a thread; one that has begun ends before its cancellation does."""
        return await on_thread(self._pool, functools.partial(self.batch, list(ops)), finish=True)

    # -- reading ------------------------------------------------------------------------------------------------

    def _answer(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            return self._get(op.namespace[1], op.key)
        if isinstance(op, SearchOp):
            return self._search(op)
        if isinstance(op, ListNamespacesOp):
            return self._namespaces(op)
        return None

    def _get(self, agent: str, key: str) -> Item | None:
        try:
            if naming.reference(key, agent=agent) != f"{agent}/{key}":
                return None  # another way of writing a name
            memory = self._store.show(f"{agent}/{key}", agent=agent)
        except (NotFound, InvalidInput, Conflict):
            return None
        return None if memory.archived else Item(**self._item(memory))

    def _search(self, op: SearchOp) -> list[SearchItem]:
        agent = op.namespace_prefix[1] if len(op.namespace_prefix) > 1 else None
        reader = agent if agent is None else naming.check_agent(agent)
        scored = self._ranked(op, reader)
        if not op.filter:
            scored = scored[op.offset : op.offset + op.limit]
        found = []
        for record, score in scored:
            try:
                item = self._item(self._store.show(record.id, agent=reader))
            except NotFound:  # it went away a moment ago
                continue
            if all(_fits(item["value"].get(key), wanted) for key, wanted in (op.filter or {}).items()):
                found.append(SearchItem(**item, score=score))
        return found[op.offset : op.offset + op.limit] if op.filter else found

    def _ranked(self, op: SearchOp, reader: str | None) -> list[tuple[Record, float | None]]:
        """Return what a query finds, best first; without one everything, newest first."""
        if op.query is None:
            return [(record, None) for record in self._store.list(agent=reader)]
        words = " ".join(re.findall(r"\w+", op.query.lower()))  # nothing in it is syntax: operators are in capitals
        if not words or op.limit < 1:
            return []
        limit = MANY if op.filter else op.offset + op.limit
        return [(hit.record, hit.score) for hit in self._store.search(words, agent=reader, limit=limit).hits]

    def _namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        agents = {record.agent for record in self._store.list()}
        spaces: list[tuple[str, ...]] = sorted(
            (TOP, agent) for agent in agents if "." not in agent
        )  # a label of LangGraph has no "."
        chosen = [space for space in spaces if all(_matches(space, one) for one in op.match_conditions or ())]
        if op.max_depth is not None:
            chosen = list(dict.fromkeys(space[: op.max_depth] for space in chosen))
        return [tuple(space) for space in chosen[op.offset : op.offset + op.limit]]

    def _item(self, memory: Memory) -> dict[str, Any]:
        changed = self._folder.stat(memory.path).modified
        return {
            "namespace": (TOP, memory.agent),
            "key": memory.id.removeprefix(f"{memory.agent}/"),
            "value": _value(memory),
            "created_at": datetime.combine(memory.date, time(tzinfo=UTC)),
            "updated_at": changed,
        }

    # -- writing ------------------------------------------------------------------------------------------------

    def _prepared(self, op: PutOp) -> Callable[[], None]:
        """Return what an operation will do; whatever is wrong with it is found before anything is written."""
        agent = naming.check_agent(op.namespace[1])
        if op.value is None:
            return functools.partial(self._trash, agent, op.key)
        if not _is_key(op.key, agent):
            raise InvalidInput(f"{op.key!r} is no key of a memory", hint="keys are <YYYY-MM-DD>-<topic>")
        words = _checked(op.key, op.value)
        day = date.fromisoformat(words.pop("date"))
        data = formats.new_file(agent=agent, day=day, **words)
        if len(data) > LARGEST:
            raise InvalidInput(f"the item has {len(data):,} bytes", hint=f"at most {LARGEST:,}")
        if os.path.lexists(self._folder.root / ARCHIVE / f"{agent}/{op.key}.md"):
            raise Conflict(f"{op.key!r} is in the archive of {agent}", hint="choose another key")
        return functools.partial(self._put, agent, op.key, data, words)

    def _put(self, agent: str, key: str, data: bytes, words: Value) -> None:
        if self._get(agent, key) is None:
            self._folder.create(functools.partial(_one_name, f"{agent}/{key}.md"), data)
            return
        front = {("name" if name == "topic" else name): value for name, value in words.items() if name != "body"}
        changes = {name: value if value and value != "team" else None for name, value in front.items()}
        self._store.edit(f"{agent}/{key}", body=words["body"], changes=changes, agent=agent)

    def _trash(self, agent: str, key: str) -> None:
        if self._get(agent, key) is not None:
            self._store.trash(f"{agent}/{key}", agent=agent)


def _check(op: Op) -> None:
    """Refuse namespaces that are not ours."""
    validate_op_namespace(op)
    if isinstance(op, GetOp | PutOp):
        if len(op.namespace) != 2 or op.namespace[0] != TOP:
            _refuse_namespace(op.namespace)
        if isinstance(op, PutOp) and op.ttl is not None:
            raise NotImplementedError("memories have no time to live; say valid_until in the value")
    elif isinstance(op, SearchOp) and (len(op.namespace_prefix) > 2 or op.namespace_prefix[:1] not in ((), (TOP,))):
        _refuse_namespace(op.namespace_prefix)


def _is_key(key: str, agent: str) -> bool:
    """Whether a file of this name would be found by it again."""
    named = _KEY.fullmatch(key) is not None and naming.date_in(key) is not None and not key.endswith(".md")
    short = len(key.encode("utf-8", "surrogatepass")) <= _LONGEST_KEY
    return named and short and naming.reference(key, agent=agent) == f"{agent}/{key}" and listing.is_text(key)


def _refuse_namespace(namespace: Sequence[str]) -> None:
    raise InvalidNamespaceError(f'no namespace {tuple(namespace)!r} here: this store has ("{TOP}", <agent>) only')


def _checked(key: str, value: Mapping[str, Any]) -> Value:
    """Return the words of a new file.

    Raises:
        InvalidInput: The value is not one of a memory.
    """
    if strange := [name for name in value if name not in FIELDS]:
        raise InvalidInput(f"a memory has no {strange[0]!r}", hint=f"its keys are {', '.join(FIELDS)}")
    given = {name: item for name, item in value.items() if item is not None}
    for name, item in given.items():
        if name in LISTS and not _is_list(item):
            raise InvalidInput(f"{name!r} is no list of texts, or one of them is empty", hint="such as ['a', 'b']")
        if name not in LISTS and not isinstance(item, str):
            raise InvalidInput(f"{name!r} is {type(item).__name__}", hint="a text")
    if "content" not in given:
        raise InvalidInput("a memory needs its 'content'", hint="the text, as Markdown")
    if given.setdefault("date", key[:10]) != key[:10]:
        raise InvalidInput(f"the date {given['date']!r} is not that of the key {key!r}", hint="leave it out")
    until = naming.iso_day(given["valid_until"]) if "valid_until" in given else None
    if "valid_until" in given and until is None:
        raise InvalidInput(f"valid_until {given['valid_until']!r} is no day", hint="write YYYY-MM-DD")
    return {
        "date": given["date"],
        "topic": naming.check_topic(given.get("topic") or naming.words_of(key)),
        "body": f"{given['content']}\n",
        "type": given.get("type") or "note",
        "description": given.get("description", ""),
        "status": given.get("status") or "active",
        "visibility": given.get("visibility") or "team",
        "valid_until": until,
        **{name: given.get(name, []) for name in LISTS},
    }


def _is_list(item: object) -> bool:
    return isinstance(item, list) and all(isinstance(one, str) and one.strip() for one in item)


def _value(memory: Memory) -> Value:
    """Return a memory as a value; its text without the line break that ends every file."""
    return {
        "content": memory.body.removesuffix("\n"),
        "topic": memory.name,
        "date": memory.date.isoformat(),
        "type": memory.type,
        "description": memory.description,
        "status": memory.status,
        "visibility": memory.visibility,
        "valid_until": memory.valid_until.isoformat() if memory.valid_until else None,
        "tags": list(memory.tags),
        "files": list(memory.files),
        "supersedes": list(memory.supersedes),
    }


def _fits(have: Any, wanted: Any) -> bool:
    """Whether a part of a value is as a filter wants it.

    Raises:
        InvalidInput: The filter has an operator that does not exist, or compares what cannot be compared.
    """
    if not (isinstance(wanted, dict) and any(str(name).startswith("$") for name in wanted)):
        return bool(have == wanted)
    for name, operand in wanted.items():
        if name not in _OPERATORS:
            raise InvalidInput(f"no operator {name!r} for filters", hint=f"there are {', '.join(_OPERATORS)}")
        try:
            absent = have is None and name != "$eq"  # what is not there is neither before, after nor beside anything
            if absent or not _OPERATORS[name](have, operand):
                return False
        except TypeError as error:
            raise InvalidInput(f"{name} cannot compare {have!r} with {operand!r}") from error
    return True


def _matches(space: Sequence[str], condition: MatchCondition) -> bool:
    path = condition.path
    part = space[: len(path)] if condition.match_type == "prefix" else space[len(space) - len(path) :]
    return len(path) <= len(space) and all(want in ("*", have) for have, want in zip(part, path, strict=True))


def _one_name(path: str, attempt: int) -> str:
    if attempt > 1:
        raise Conflict(f"{path} is taken", hint="somebody else wrote it a moment ago, or it is in the archive")
    return path
