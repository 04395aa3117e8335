"""The verb this product is about: what an agent is handed at its First Step."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from agent_memory.errors import InvalidInput
from agent_memory.files import naming
from agent_memory.files.listing import ARCHIVE
from agent_memory.index import lookup
from agent_memory.index.view import View
from agent_memory.model import Briefing, Named
from agent_memory.store.consulting import Consulting
from agent_memory.store.remembering import Remembering

if TYPE_CHECKING:
    from agent_memory.model import Changed, Hit, Record, SearchResult
    from agent_memory.team.card import Card

LONGEST_TASK = 1_000_000
"""Characters of the longest task that is read."""

ANSWERS = timedelta(days=90)
"""An answer that is older than this comes back no more, whether a receipt says that it was handed over or not."""

_DOCUMENT_BYTES = 1_000_000
_BRANCH_WORD = r"[A-Z][A-Z0-9]*-[0-9]+|[^\W_]+"  # a ticket stays whole
_BRANCH_KINDS = frozenset(
    "fix bugfix hotfix feat feature chore refactor docs test release task wip user users dev main master develop trunk"
    " head dependabot renovate claude codex cursor".split()
)


class FirstStep(Consulting, Remembering):
    """Verbs that answer a task."""

    def first_step(
        self,
        *,
        agent: str,
        task: str,
        budget: int = 2000,
        budget_bytes: int | None = None,
        files: Sequence[str] = (),
        branch: str = "",
        limit: int = 10,
        now: date | None = None,
        git: bool = True,
        receipt: bool = True,
    ) -> Briefing:
        """Return what the team already learned that matters for a task, inside a budget, or that there is nothing.

        Args:
            agent: Who starts the task; its card says what else to read.
            task: What the agent was told, as it is; nothing in it is syntax.
            budget: Tokens the briefing may have (four bytes of UTF-8 are counted as one).
            budget_bytes: Bytes it may have, where that is less.
            files: Paths that the task touches, absolute or relative to the project; they need not exist.
            branch: The branch the work is done on; its words count as words of the task.
            now: The day of the task, today by default; memories after it do not exist.
            git: Ask git whether the files changed that the memories name.
            receipt: Note what was handed over; `memory receipts` shows it.

        Raises:
            InvalidInput: The task is blank or far too long, or the budget holds no briefing.
            NotFound: There are cards, and neither a card nor a memory of this agent.
        """
        from agent_memory.recall import briefing  # noqa: PLC0415  not for a search

        with self._index.steady():
            agent, card, project = self._who(agent)
            today = now or self._clock().date()
            text = _text_of(task, files, branch, project)
            found = self._found(text, agent, today, limit)
            changed, silent = self._changed(project, found.hits, today) if git and project else ({}, "")
            around = briefing.Around(
                documents=_documents(card, project),
                answers=self._new_answers(agent, today),
                questions=tuple(q for q in self.open_consultations(agent) if q.date <= today),
                changed=changed,
            )
            found = found._replace(
                fallback="; ".join(filter(None, (self._index.fallback, silent))),
                problems=(*self._index.report.problems, *(card.problems if card else ())),
            )
            request = briefing.Request(agent=agent, today=today, budget=budget, budget_bytes=budget_bytes)
            made = briefing.briefing(found, self._body, request, around)
        if not receipt:
            return made
        return made._replace(
            receipt=self.leave_receipt(made, task=task, budget=budget, at=self._clock(), arms=made.arms)
        )

    def rank(self, agent: str | None, task: str, *, now: date | None = None, limit: int = 20) -> tuple[str, ...]:
        """Return the paths of the memories nearest to a task, best first, as `first_step` ranks them.

        What was archived after the day has the path that it had then.

        Args:
            agent: Who starts the task; None sees what everybody may see.
            now: The day of the task, today by default; memories after it do not exist.
        """
        from agent_memory.recall import task as tasks  # noqa: PLC0415  not for a search

        reader = naming.check_agent(agent) if agent else None
        today = now or self._clock().date()
        boosts = self._boosts()
        found = self._index.read_by_meaning(
            lambda index, vectors: tasks.rank(
                index, task, agent=reader, today=today, limit=limit, vectors=vectors, boosts=boosts
            )
        )
        return tuple(scored.path.removeprefix(f"{ARCHIVE}/") for scored in found.scored)

    # -- inside -------------------------------------------------------------------------------------------------

    def _who(self, agent: str) -> tuple[str, Card | None, Path | None]:
        """Return an agent that is known, its card, and the project."""
        from agent_memory.team import cards  # noqa: PLC0415  not for a search

        project = cards.project_of(self.root)
        card = cards.card_of(project, naming.check_agent(agent)) if project else None
        if card is None:  # its card has another name, or it has none, or nobody knows it: then say who there is
            team = self._cards()
            agent = self._known(agent, team)
            card = team.get(agent)
        return card.agent if card else agent, card, project

    def _found(self, text: str, agent: str, today: date, limit: int) -> SearchResult:
        """Return the memories that matter, as they were on a day: what came later had not replaced them."""
        from agent_memory.recall import search  # noqa: PLC0415  not for a search

        asked = search.TaskRequest(text=text, agent=agent, today=today, limit=limit, boosts=self._boosts())
        found = self._index.read_by_meaning(
            lambda index, vectors: search.for_task(index, asked, read=self._body, vectors=vectors)
        )
        newer = [id_ for hit in found.hits for id_ in hit.record.superseded_by]
        if not newer and not any(hit.record.status == "archived" for hit in found.hits):
            return found
        marks = ",".join("?" * len(newer))
        view = View(agent, today)
        known = self._index.read(lambda index: lookup.records(index, view, f"memories.id IN ({marks})", newer))
        seen = {record.id for record in known if record.date <= today}
        return found._replace(hits=tuple(hit._replace(record=_as_seen(hit.record, seen)) for hit in found.hits))

    def _boosts(self) -> dict[str, float]:
        """Return path -> what feedback multiplies a score by, for the memories that agents spoke of."""
        said = self.outcomes(shown=False)
        if not said:
            return {}
        from agent_memory.recall import receipts  # noqa: PLC0415  only where there is feedback

        return {f"{id_}.md": receipts.boost(outcome) for id_, outcome in said.items()}

    def _changed(self, project: Path, hits: Sequence[Hit], today: date) -> tuple[dict[int, dict[str, Changed]], str]:
        """Return what happened to the files that memories name, and why git says nothing, or ""."""
        from agent_memory.store import anchors  # noqa: PLC0415  not for a search

        records = [hit.record for hit in hits]
        named = self._index.read(lambda index: anchors.files_named(index, records))
        return anchors.changed_since(project, records, named, until=today)

    def _new_answers(self, agent: str, today: date) -> tuple[Record, ...]:
        """Return the answers to an agent's questions that no earlier briefing of it had, oldest first."""
        answers = [
            a
            for a in self.answers_for(agent, since=date.fromordinal(max(1, today.toordinal() - ANSWERS.days)))
            if a.date <= today
        ]
        return tuple(answer for answer in answers if not self.was_handed(answer.id, agent))


def _as_seen(record: Record, seen: Collection[str]) -> Record:
    """Return a record as it was, without successors that are not among those that are there yet."""
    by = tuple(id_ for id_ in record.superseded_by if id_ in seen)
    status = record.status
    if status == "archived":  # since that day, or it would not have been found
        status = "superseded" if by else "active"
    elif status == "superseded" and record.superseded_by and not by:
        status = "active"
    return record._replace(status=status, superseded_by=by)


def _text_of(task: str, files: Sequence[str], branch: str, project: Path | None) -> str:
    """Return what is searched for: the task, the paths as memories name them, and the words of the branch.

    Raises:
        InvalidInput: The task is blank, or all of it far too long.
    """
    if not task.strip():
        raise InvalidInput("the task is empty", hint="say what the agent is going to do")
    words = [word for word in re.findall(_BRANCH_WORD, branch) if word.lower() not in _BRANCH_KINDS]
    text = " ".join((task, *(_path_of(file, project) for file in files), *words))
    if len(text) > LONGEST_TASK:
        raise InvalidInput(f"the task has {len(text):,} characters", hint=f"at most {LONGEST_TASK:,}")
    return text.encode("utf-8", "replace").decode()  # what is no text in the words of a call


def _path_of(file: str, project: Path | None) -> str:
    """Return a path relative to the project, where it lies there; of others the last two parts."""
    home = "" if project is None else str(project)
    path = os.path.normpath(f"{home}/{file}" if home and not file.startswith("/") else file) if file.strip() else ""
    if home and path.startswith(f"{home}/"):
        return path[len(home) + 1 :]
    return "/".join([part for part in path.split("/") if part not in ("", ".", "..")][-2:])


def _documents(card: Card | None, project: Path | None) -> tuple[Named, ...]:
    """Return the shared documents that a card names, with what is wrong with them."""
    from agent_memory.team import cards  # noqa: PLC0415  not for a search

    if card is None or project is None:
        return ()
    return tuple(Named(d.path, d.problem) for d in cards.documents(card, project, limit_bytes=_DOCUMENT_BYTES))
