"""The verbs about receipts: what was handed over, why, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from agent_memory.errors import Conflict, InvalidInput, NotFound, StorageFailed
from agent_memory.files import ledger, naming
from agent_memory.index import lookup, view
from agent_memory.model import Briefing, Problem
from agent_memory.store.reading import Reading
from agent_memory.team import scopes

if TYPE_CHECKING:
    from agent_memory.recall.receipts import Feedback, Handover, Judged, Outcome, Receipt

T = TypeVar("T")

RECENT = 2000
"""Feedback that ranking listens to at most, so that years of it do not slow a First Step down."""


class Receipts(NamedTuple):
    """What the receipts say, newest first.

    Attributes:
        problems: Lines that are no receipts, such as one that a crash has torn; everything else was read.
    """

    items: tuple[Judged, ...]
    problems: tuple[Problem, ...] = ()


class Handovers(NamedTuple):
    """In which briefings a memory was handed over, newest first.

    Attributes:
        memory: Its id; the memory may be gone.
        problems: As in `Receipts`.
    """

    memory: str
    items: tuple[Handover, ...]
    problems: tuple[Problem, ...] = ()


class Remembering(Reading):
    """Verbs that write and read receipts; a memory file is never touched.

    What is, or was when it was handed over, private to another than the reader is not named.
    """

    def leave_receipt(
        self, briefing: Briefing, *, task: str, budget: int, at: datetime, arms: Sequence[str] = ()
    ) -> str:
        """Note what a briefing handed over, and return the id of the receipt; "" where the store cannot be written.

        Args:
            task: Only its hash is kept.
            at: When the briefing was made.
        """
        from agent_memory.recall import receipts  # noqa: PLC0415  not for a search

        receipt = receipts.receipt_for(briefing, task=task, budget=budget, at=at, arms=arms)
        month = receipts.month_of(receipt.at)
        try:
            ledger.append(self._folder, receipts.line_of(receipt), shelf=ledger.RECEIPTS, month=month)
        except StorageFailed:
            return ""
        return receipt.id

    def receipts(self, *, limit: int = 20, agent: str | None = None, reader: str | None = None) -> Receipts:
        """Return the newest receipts and what came of them.

        Args:
            agent: Only briefings of this agent.
            reader: Who reads; the agent by default.
        """
        from agent_memory.recall import receipts  # noqa: PLC0415

        if limit < 1:
            raise InvalidInput(f"limit {limit} is not a positive number")
        problems: list[Problem] = []
        found = (r for r in self._receipts(problems) if agent is None or r.agent == agent)
        newest = list(islice(found, limit))
        since = min((receipts.month_of(receipt.at) for receipt in newest), default="9999")
        concealed = self._concealed(newest, agent if reader is None else reader)
        items = receipts.judged(newest, self._feedback(problems, since=since), concealed)
        return Receipts(items=items, problems=tuple(problems))

    def why(self, reference: str, *, agent: str | None = None, reader: str | None = None) -> Handovers:
        """Return the briefings in which a memory was handed over, in which form, and what came of it.

        Args:
            agent: Whose memory is meant where the stem alone is given.
            reader: Who reads; the agent by default.

        Raises:
            NotFound: There is no such memory, and no receipt of one that is gone; or it is private to another.
        """
        from agent_memory.recall import receipts  # noqa: PLC0415

        problems: list[Problem] = []
        reader = agent if reader is None else reader
        id_, unknown = self._meant(reference, agent, reader)
        mark = receipts.quoted(id_)
        shown = list(self._receipts(problems, containing=mark))
        concealed = self._concealed(shown, reader)
        told = [receipts.without(receipt, concealed[receipt.id]) for receipt in shown]
        items = receipts.handovers(id_, told, self._feedback(problems, containing=mark))
        if unknown is not None and not items:
            raise unknown
        return Handovers(memory=id_, items=items, problems=tuple(problems))

    def feedback(self, receipt: str, *, used: Sequence[str] = (), wrong: Sequence[str] = ()) -> Feedback:
        """Note which memories of a briefing helped and which were wrong; the last word on each counts.

        Args:
            receipt: Id of the receipt, or the beginning of it.
            used: Ids of memories in that briefing, or their names without the agent.
            wrong: The same.

        Raises:
            NotFound: There is no such receipt.
            Conflict: Several receipts begin like this.
            InvalidInput: The briefing had no such memory, nothing is said, or one memory is said to be both.
            StorageFailed: The disk refused; nothing was noted.
        """
        from agent_memory.recall import receipts  # noqa: PLC0415

        if not used and not wrong:
            raise InvalidInput("nothing is said about any memory", hint="name what was used, or what was wrong")
        found = self._receipt(receipt)
        concealed = self._concealed([found], None)[found.id]
        said = receipts.Feedback(
            receipt=found.id,
            used=_chosen(found, used, concealed),
            wrong=_chosen(found, wrong, concealed),
            at=receipts.iso_time(self._clock()),
        )
        if both := sorted({*said.used} & {*said.wrong}):
            raise InvalidInput(f"{both[0]} cannot be both used and wrong")
        month = receipts.month_of(said.at)
        ledger.append(self._folder, receipts.line_of(said), shelf=ledger.FEEDBACK, month=month)
        return said

    def outcomes(self, *, shown: bool = True) -> dict[str, Outcome]:
        """Return, for each memory, how often it was handed over and what came of it.

        Args:
            shown: Count the briefings as well, for which every receipt is read; False for ranking, which needs only
                the newest feedback and gets it in no time.
        """
        from agent_memory.recall import receipts  # noqa: PLC0415

        said = self._feedback([])
        return receipts.counts(self._receipts([]), said) if shown else receipts.counts((), islice(said, RECENT))

    def was_handed(self, memory: str, agent: str) -> bool:
        """Whether a receipt says that an agent was handed a memory, or an answer to a question of its own."""
        from agent_memory.recall import receipts  # noqa: PLC0415

        shown = self._receipts([], containing=receipts.quoted(memory))
        return any(r.agent == agent and (memory in r.answers or memory in {h.id for h in r.memories}) for r in shown)

    def _unused(self, reader: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the ids of what was often handed over and never of use, and what is wrong with the lines that tell.

        Where nobody ever said what was of use, nothing is known to be of none.
        """
        from agent_memory.recall import receipts  # noqa: PLC0415

        problems: list[Problem] = []
        said = list(self._feedback(problems))
        idle = receipts.never_used(receipts.counts(self._receipts(problems), said))
        if not (idle and said):
            return (), tuple(map(str, problems))
        shown = self._index.read(lambda index: lookup.records(index, self._view(reader), "NOT memories.archived"))
        there = {record.id for record in shown}
        return tuple(id_ for id_ in idle if id_ in there), tuple(map(str, problems))

    # -- the ledger -----------------------------------------------------------------------------------------------

    def _receipts(self, problems: list[Problem], *, containing: bytes = b"") -> Iterator[Receipt]:
        from agent_memory.recall import receipts  # noqa: PLC0415

        lines = ledger.lines(self._folder, shelf=ledger.RECEIPTS)
        return self._read(lines, receipts.receipt_of, problems, containing)

    def _feedback(self, problems: list[Problem], *, containing: bytes = b"", since: str = "") -> Iterator[Feedback]:
        from agent_memory.recall import receipts  # noqa: PLC0415

        lines = ledger.lines(self._folder, shelf=ledger.FEEDBACK, since=since)
        return self._read(lines, receipts.feedback_of, problems, containing)

    def _read(
        self,
        lines: Iterator[ledger.Line | Problem],
        read: Callable[[bytes], T],
        problems: list[Problem],
        containing: bytes,
    ) -> Iterator[T]:
        """Yield what the lines say; what says nothing goes to `problems`."""
        for line in lines:
            if isinstance(line, Problem):
                problems.append(line)
            elif containing in line.text:
                try:
                    yield read(line.text)
                except ValueError as error:
                    number = ledger.number(self._folder, line)
                    message = f"skipped, this line {error}"
                    problems.append(Problem(path=line.path, line=number, message=message, indexed=False))

    def _receipt(self, prefix: str) -> Receipt:
        """Return the receipt whose id begins with `prefix`."""
        from agent_memory.recall import receipts  # noqa: PLC0415

        prefix = prefix.strip()
        if not prefix:
            raise InvalidInput("the id of the receipt is empty", hint="see: memory receipts")
        mark = b'"id":' + receipts.quoted(prefix)[:-1]
        found = {r.id: r for r in self._receipts([], containing=mark) if r.id.startswith(prefix)}
        if prefix in found:
            return found[prefix]
        if not found:
            raise NotFound(f"no receipt {prefix!r}", hint="see: memory receipts")
        if len(found) > 1:
            names = ", ".join(sorted(found)[:5])
            raise Conflict(f"{prefix!r} begins {len(found)} receipts: {names}", hint="give more of it")
        return next(iter(found.values()))

    def _concealed(self, shown: Sequence[Receipt], reader: str | None) -> dict[str, set[str]]:
        """Return receipt -> ids of memories in it that are private to another than `reader`.

        What is there counts as it is now, what is gone as it was.
        """
        ids = {id_ for receipt in shown for id_ in (*(h.id for h in receipt.memories), *receipt.left_out)}
        now = self._index.read(lambda index: view.private_among(index, ids)) if ids else {}
        found = {}
        for receipt in shown:
            named = {*(handed.id for handed in receipt.memories), *receipt.left_out, *receipt.private}
            private = {id_ for id_ in named if now.get(id_, id_ in receipt.private)}
            found[receipt.id] = {id_ for id_ in private if not scopes.may_read("private", naming.agent_of(id_), reader)}
        return found

    def _meant(self, reference: str, agent: str | None, reader: str | None) -> tuple[str, NotFound | None]:
        """Return the id of a memory; for one that is gone, what its id would be, and the error if nobody knows it."""
        try:
            return self.record(reference, agent=agent, reader=reader).id, None
        except NotFound as error:
            return naming.reference(reference), error


def _chosen(receipt: Receipt, references: Sequence[str], concealed: set[str]) -> tuple[str, ...]:
    """Return the ids that references mean among the memories of a receipt; errors do not name the concealed ones."""
    ids = [*(handed.id for handed in receipt.memories), *receipt.left_out]
    return tuple(dict.fromkeys(_one(receipt.id, ids, reference, concealed) for reference in references))


def _one(receipt: str, ids: Sequence[str], reference: str, concealed: set[str]) -> str:
    wanted = naming.reference(reference)
    if wanted in ids:
        return wanted
    named = sorted({id_ for id_ in ids if id_.partition("/")[2] == wanted})
    if len(named) == 1:
        return named[0]
    if named:
        raise InvalidInput(
            f"{wanted!r} names {len(named)} memories of receipt {receipt}", hint="give the agent as well"
        )
    shown = [id_ for id_ in ids if id_ not in concealed]
    known = f"it has {', '.join(shown)}" if shown else "nothing was relevant to that task"
    raise InvalidInput(f"receipt {receipt} has no memory {wanted!r}", hint=known)
