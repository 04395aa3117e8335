"""The verb this product is about: what an agent is handed at its First Step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from agent_memory.errors import InvalidInput
from agent_memory.files import naming
from agent_memory.model import Briefing
from agent_memory.store.consulting import Consulting
from agent_memory.store.remembering import Remembering

if TYPE_CHECKING:
    from agent_memory.team.card import Card

LONGEST_TASK = 1_000_000
"""Characters of the longest task that is read."""

_DOCUMENT_BYTES = 1_000_000


class FirstStep(Consulting, Remembering):
    """Verbs that answer a task."""

    def first_step(
        self,
        *,
        agent: str,
        task: str,
        budget: int = 2000,
        files: Sequence[str] = (),
        limit: int = 10,
        now: date | None = None,
        receipt: bool = True,
    ) -> Briefing:
        """Return what the team already learned that matters for a task, inside a budget, or that there is nothing.

        Args:
            agent: Who starts the task; its card says what else to read.
            task: What the agent was told, as it is; nothing in it is syntax.
            budget: Tokens the briefing may have (four bytes of UTF-8 are counted as one).
            files: Paths that the task touches.
            now: The day of the task, today by default; memories after it do not exist.
            receipt: Note what was handed over; `memory receipts` shows it.

        Raises:
            InvalidInput: The task is blank or far too long, or the budget holds no briefing.
            NotFound: There are cards, and neither a card nor a memory of this agent.
        """
        from agent_memory.recall import briefing, search  # noqa: PLC0415  not for a search

        team = self._cards()
        agent = self._known(agent, team)
        if not task.strip():
            raise InvalidInput("the task is empty", hint="say what the agent is going to do")
        if len(task) > LONGEST_TASK:
            raise InvalidInput(f"the task has {len(task):,} characters", hint=f"at most {LONGEST_TASK:,}")
        today = now or self._clock().date()
        text = " ".join((task, *files))
        found = self._index.read(
            lambda index: search.for_task(index, text, agent=agent, today=today, limit=limit, read=self._body)
        )
        found = replace(found, fallback=self._index.fallback, problems=self._index.report.problems)
        questions = tuple(q for q in self.open_consultations(agent) if q.date <= today)
        made = briefing.briefing(
            agent=agent, found=found, read=self._body, budget=budget, today=today,
            documents=self._documents(team.get(agent)), consultations=questions,
        )  # fmt: skip
        if not receipt:
            return made
        return replace(
            made, receipt=self.leave_receipt(made, task=task, budget=budget, at=self._clock(), arms=made.arms)
        )

    def rank(self, agent: str | None, task: str, *, now: date | None = None, limit: int = 20) -> tuple[str, ...]:
        """Return the paths of the memories nearest to a task, best first, as `first_step` ranks them.

        Args:
            agent: Who starts the task; None sees what everybody may see.
            now: The day of the task, today by default; memories after it do not exist.
        """
        from agent_memory.recall import task as tasks  # noqa: PLC0415  not for a search

        reader = naming.check_agent(agent) if agent else None
        today = now or self._clock().date()
        ranked, _ = self._index.read(lambda index: tasks.rank(index, task, agent=reader, today=today, limit=limit))
        return tuple(scored.path for scored in ranked)

    def _documents(self, card: Card | None) -> tuple[str, ...]:
        """Shared documents that a card names, with what is wrong with them."""
        from agent_memory.team import cards  # noqa: PLC0415  not for a search

        project = cards.project_of(self.root)
        if card is None or project is None:
            return ()
        found = cards.documents(card, project, limit_bytes=_DOCUMENT_BYTES)
        return tuple(f"{d.path} ({d.problem})" if d.problem else d.path for d in found)
