"""The verbs that keep the folders small: plan, compact, undo; and how the folders grew."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

from agent_memory.errors import Conflict, InvalidInput, NotFound, Unreadable
from agent_memory.files.listing import ARCHIVE
from agent_memory.index import lookup
from agent_memory.index.view import View
from agent_memory.model import Record
from agent_memory.store.writing import Writing
from agent_memory.team import scopes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent_memory.upkeep.applying import Outcome
    from agent_memory.upkeep.journal import Journal
    from agent_memory.upkeep.plan import Original, Plan
    from agent_memory.upkeep.policy import Policy
    from agent_memory.upkeep.timeline import Timeline


_MANY = 1500
"""Memories from which several processes plan faster than one."""


class Compacting(Writing):
    """Verbs of the periodic upkeep; none of them deletes a memory."""

    def plan_compaction(
        self, *, policy: Policy | None = None, now: date | None = None, summarize: Callable[[str], str] | None = None
    ) -> Plan:
        """Return what a compaction would do; nothing is changed.

        Memories whose files have problems are not part of it.

        Args:
            policy: Ages, sizes and what is never touched; see `upkeep.policy`.
            now: The day, today by default.
            summarize: Writes the body of a digest from the text of its sources, instead of the extract; what it
                writes has to pass the same guards, and where it fails the extract stands in.
        """
        from agent_memory.upkeep import compaction, rewriting, sharing  # noqa: PLC0415  not for a search
        from agent_memory.upkeep.policy import Policy  # noqa: PLC0415  pydantic

        chosen = policy or Policy()
        records = self._every_record()
        archived = [record for record in records if record.path.startswith(ARCHIVE)]
        active = [record for record in records if not record.path.startswith(ARCHIVE)]
        plan = compaction.plan(
            self._originals(active), chosen, now or self._clock().date(), archived=archived,
            stale=self._stale_digests(active, archived), over=sharing.shared if len(active) >= _MANY else map,
        )  # fmt: skip
        return rewriting.rewritten(plan, summarize, chosen) if summarize else plan

    def compact(self, plan: Plan, *, force: bool = False) -> Outcome:
        """Do what a plan says, and keep a journal of it; memories that changed meanwhile are left alone.

        Args:
            force: Let more of an agent's text go than the policy allows.

        Raises:
            Conflict: Too much of an agent's active text would go; nothing was done.
            Busy: Another compaction is going on.
            StorageFailed: The disk refused; the store is as it was before.
        """
        from agent_memory.upkeep import applying, guard, journal  # noqa: PLC0415  pydantic

        if not force:
            guard.check(plan)
        self._index.read(lambda _: None)  # an index that has to be built takes the lock that the steps will hold
        with journal.exclusive(self._folder):
            outcome = applying.apply(self._folder, plan, at=self._clock(), timeout=self._timeout)
        self._index.sync()
        return outcome

    def undo(self, reference: str | None = None) -> Outcome:
        """Bring back everything that a compaction moved, to the byte, and take away its digests.

        What was edited since is kept beside it, and told.

        Args:
            reference: Id of the compaction or its beginning; the newest that is not undone by default.

        Raises:
            NotFound: There is no such compaction.
            Conflict: It is undone already, or a later one has to be undone first.
        """
        from agent_memory.upkeep import applying, journal  # noqa: PLC0415  pydantic

        self._index.read(lambda _: None)
        with journal.exclusive(self._folder):
            journals = self.compactions()
            found = _meant(journals, reference)
            if other := applying.later(journals, found):
                raise Conflict(
                    f"compaction {other.id} moved what {found.id} wrote", hint=f"first: memory undo {other.id}"
                )
            outcome = applying.undo(self._folder, found, at=self._clock(), timeout=self._timeout)
        self._index.sync()
        return outcome

    def compactions(self) -> tuple[Journal, ...]:
        """Return the journals of all compactions, oldest first.

        Raises:
            Unreadable: One of them cannot be read.
        """
        from agent_memory.upkeep import journal  # noqa: PLC0415  pydantic

        found, odd = journal.kept(self._folder)
        if odd:
            raise Unreadable(odd[0].path, odd[0].why, hint="bring it back from version control, or move it away")
        return tuple(found)

    def private_paths(self) -> frozenset[str]:
        """Return the paths of the memories, archived ones too, that are for their owner alone."""
        return frozenset(r.path for r in self._every_record() if not scopes.may_read(r.visibility, r.agent, None))

    def timeline(self) -> Timeline:
        """Return how the agents' folders grew and shrank, month by month, with the compactions."""
        from agent_memory.upkeep import timeline  # noqa: PLC0415

        def moved(record: Record) -> date | None:
            with suppress(OSError):
                return date.fromtimestamp(self._folder.stat(record.path).ctime_ns / 1e9)  # noqa: DTZ012  a local day
            return None

        records = self._every_record()
        return timeline.timeline(records, self.compactions(), moved=moved, today=self._clock().date())

    # -- inside -------------------------------------------------------------------------------------------------

    def _every_record(self) -> list[Record]:
        view = View(None, self._clock().date(), everything=True)
        return self._index.read(lambda index: lookup.records(index, view))

    def _originals(self, records: Sequence[Record]) -> Iterator[Original]:
        """Read the memories that may be compacted: those whose files have no problem."""
        from agent_memory.files import format as formats  # noqa: PLC0415  pydantic and yaml
        from agent_memory.upkeep.plan import Original  # noqa: PLC0415

        odd = {problem.path for problem in self._index.report.problems}
        for record in records:
            if record.path in odd or not record.agent:
                continue
            try:
                data, stat = self._folder.read(record.path)
                parsed = formats.parse(stat, data)
            except (FileNotFoundError, Unreadable):
                continue
            if not parsed.problems:
                yield Original(memory=parsed.memory, size=len(data))

    def _stale_digests(self, active: Sequence[Record], archived: Sequence[Record]) -> dict[str, Original]:
        """Return the archived sources of digests of which a part is superseded, by id."""
        from agent_memory.upkeep.compaction import reference_ids  # noqa: PLC0415

        put_away = {record.id: record for record in archived}
        superseded = {old for record in (*active, *archived) for old in record.supersedes} & put_away.keys()
        if not superseded:
            return {}
        wanted: dict[str, Record] = {}
        for original in self._originals([record for record in active if record.type == "digest"]):
            sources = set(reference_ids(original.memory))
            if sources & superseded:
                wanted |= {id_: put_away[id_] for id_ in sources & put_away.keys()}
        return {original.memory.id: original for original in self._originals(list(wanted.values()))}


def _meant(journals: Sequence[Journal], reference: str | None) -> Journal:
    """Return the compaction that is to be undone."""
    applied = [journal for journal in journals if journal.state == "applied"]
    if reference is None:
        if not applied:
            raise NotFound("there is no compaction to undo", hint="see: memory timeline")
        return applied[-1]
    wanted = reference.strip()
    if not wanted:
        raise InvalidInput("the id of the compaction is empty", hint="without one the newest is meant")
    found = [j for j in applied if j.id == wanted] or [j for j in applied if j.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(journal.id for journal in found[:5])
        raise Conflict(f"{wanted!r} begins {len(found)} compactions: {names}", hint="give more of it")
    if any(journal.id.startswith(wanted) for journal in journals):
        raise Conflict(f"compaction {wanted} is undone already", hint="nothing to do")
    raise NotFound(
        f"no compaction {wanted!r}", hint=f"the newest is {applied[-1].id}" if applied else "there is none to undo"
    )
