"""The verbs by which agents ask each other: a question waits in the asker's folder, the answer lies in the answerer's.

Nobody writes into another agent's folder but for one key: whoever answers sets the question's `status` to `answered`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

from agent_memory.errors import Conflict, InvalidInput, MemoryStoreError
from agent_memory.files import naming
from agent_memory.index import lookup
from agent_memory.model import Memory, Record
from agent_memory.store.writing import Writing
from agent_memory.team import scopes

if TYPE_CHECKING:
    from agent_memory.index.sqlite import Index
    from agent_memory.team.card import Card

OPEN, ANSWERED = "open", "answered"

_LONGEST_TOPIC = 72
_LONGEST_DESCRIPTION = 200


class Consulting(Writing):
    """Verbs for deferred consultations; all of them respect `visibility: private`."""

    def agents(self) -> tuple[str, ...]:
        """Return who is known here, by name: every agent with a card, and every agent with a memory."""
        return tuple(sorted({*self._cards(), *self._owners()}))

    def consult(self, *, sender: str, to: str, question: str, topic: str | None = None) -> Memory:
        """Write a question for another agent, who finds it at its next First Step.

        Args:
            to: The addressee, or several with commas between them; the first answer closes the question.
            question: Markdown: what is asked, what was assumed meanwhile, what changes if the assumption is wrong.
            topic: The title; the first words of the question by default.

        Raises:
            InvalidInput: The question is blank, a name is not usable, or somebody asks itself.
            NotFound: There are cards, and no card or memory of one of the names; the error offers the nearest.
        """
        asker = self._known(sender)
        asked = tuple(self._known(name) for name in scopes.addressees(to))
        if not asked or asker in asked:
            raise InvalidInput(
                f"{asker} cannot ask itself" if asked else "nobody is asked", hint="name another agent with --to"
            )
        if not question.strip():
            raise InvalidInput("the question is empty", hint="say what you want to know and what you assume meanwhile")
        title = topic or _shortened(question, _LONGEST_TOPIC)
        return self.add(
            agent=asker, topic=title, body=question, type="consultation", to=", ".join(asked), status=OPEN,
            description=_unless(title, _shortened(question, _LONGEST_DESCRIPTION)),
        )  # fmt: skip

    def answer(self, reference: str, *, agent: str, text: str) -> Memory:
        """Write the answer to a question into the answerer's own folder, then close the question.

        A crash between the two leaves the question open and the answer there; answering again with the same text then
        only closes the question. Another text for a question that is (again) open becomes a new answer that supersedes
        the earlier one.

        Args:
            reference: The question.
            agent: Who answers; one of the addressees.

        Raises:
            Conflict: The agent was not asked, or has answered already; the question is an answer itself, archived or
                superseded.
            InvalidInput: It is no consultation, or the text is blank.
            NotFound: There is no such memory that the agent may see.
            Unreadable: The question's front matter cannot be edited safely; nothing was written.
        """
        name = naming.check_agent(agent)
        if not text.strip():
            raise InvalidInput("the answer is empty", hint="say what you know, or that you do not know")
        with self._index.mutex:
            question = self._question(reference, name)
            earlier = self._answer_by(name, question)
            if question.status == ANSWERED and earlier:
                hint = f"add to it with: memory edit {earlier.id}"
                raise Conflict(f"{name} has answered {question.id} already: {earlier.id}", hint=hint)
            self._check_editable(question)
            given = self._answered(question, earlier, name, text)
            if question.status != ANSWERED:
                self.edit(question.id, changes={"status": ANSWERED}, agent=question.agent)
            return given

    def open_consultations(self, agent: str) -> tuple[Record, ...]:
        """Return the questions that wait for an agent's answer, oldest first."""
        return self._addressed(agent, OPEN, date.min)

    def answers_for(self, agent: str, *, since: date | None = None) -> tuple[Record, ...]:
        """Return the answers that an agent's questions got, oldest first.

        Args:
            since: Only answers of this day or later.
        """
        found = self._addressed(agent, ANSWERED, since or date.min)
        return tuple(record for record in found if self._sources(record))

    # -- inside -------------------------------------------------------------------------------------------------

    def _cards(self) -> dict[str, Card]:
        from agent_memory.team import cards  # noqa: PLC0415  a search starts without the patterns of cards

        project = cards.project_of(self.root)
        return cards.read_cards(project) if project else {}

    def _owners(self) -> list[str]:
        rows = "SELECT DISTINCT agent FROM memories WHERE agent <> ''"
        return self._index.read(lambda index: [agent for (agent,) in index.connection.execute(rows)])

    def _known(self, agent: str, team: dict[str, Card] | None = None) -> str:
        """Return a usable name; where there are cards, it must be known. Without cards, nobody can tell who exists.

        Args:
            team: The cards, where the caller has read them already.
        """
        name = naming.check_agent(agent)
        team = self._cards() if team is None else team
        return name if not team or name in team else scopes.check_known(name, {*team, *self._owners()})

    def _question(self, reference: str, agent: str) -> Record:
        """Return the question that `agent` may answer."""
        wanted = naming.reference(reference)
        record = self._index.read(lambda index: lookup.resolve(index, self._view(agent), wanted, agent=None))
        asked = scopes.addressees(record.to)
        if record.type != "consultation" or not asked:
            raise InvalidInput(f"{record.id} is no consultation", hint="see: memory list type:consultation")
        if agent not in asked:
            self._known(agent)
            raise Conflict(f"{record.id} is addressed to {', '.join(asked)}, not to {agent}", hint="leave it to them")
        if record.status in ("archived", "superseded"):
            raise Conflict(f"{record.id} is {record.status}", hint=f"see: memory show {record.id}")
        if record.status == ANSWERED and self._sources(record):
            raise Conflict(f"{record.id} is itself an answer", hint="ask back with: memory consult")
        return record

    def _answer_by(self, agent: str, question: Record) -> Record | None:
        """Return the newest answer that an agent has given to a question, archived or not."""
        given = self._consultations(question.agent, ANSWERED, date.min, reader=agent)
        own = (record for record in reversed(given) if record.agent == agent)
        return next((record for record in own if question.id in self._sources(record)), None)

    def _check_editable(self, question: Record) -> None:
        """Find out before anything is written whether the question can be closed."""
        from agent_memory.files import format as formats  # noqa: PLC0415  pydantic and yaml: not for readers

        data, _ = self._folder.read_known(question.path)
        formats.edit(question.path, data, changes={"status": ANSWERED})

    def _answered(self, question: Record, earlier: Record | None, agent: str, text: str) -> Memory:
        """Write the answer, unless it is there already."""
        if earlier and (there := self.show(earlier.id, agent=agent)).body.strip() == text.strip():
            return there._replace(notes=(f"the answer was there already; {question.id} is closed now",))
        title = f"Answer: {question.name}"
        return self.add(
            agent=agent, topic=title, body=text, type="consultation", to=question.agent, status=ANSWERED,
            sources=(question.id,), supersedes=(earlier.id,) if earlier else (),
            description=_unless(title, _shortened(text, _LONGEST_DESCRIPTION)),
        )  # fmt: skip

    def _addressed(self, agent: str, status: str, since: date) -> tuple[Record, ...]:
        """Return the consultations to an agent that hold a status and that it may read, by date and id."""
        name = naming.check_agent(agent)
        found = self._consultations(name, status, since, reader=name)
        return tuple(record for record in found if record.status == status)

    def _consultations(self, agent: str, status: str, since: date, *, reader: str) -> list[Record]:
        """Return the consultations to an agent whose files say a status, archived and superseded ones as well."""

        def found(index: Index) -> list[Record]:
            rows = index.connection.execute(
                "SELECT number, recipient FROM memories WHERE type = 'consultation' AND status = ? AND date >= ?",
                (status, since.isoformat()),
            )
            numbers = [number for number, to in rows if agent in scopes.addressees(to)]
            return list(lookup.numbered(index, self._view(reader), numbers).values()) if numbers else []

        return self._index.read(found)

    def _sources(self, record: Record) -> tuple[str, ...]:
        """Return the ids that the file names as `sources`; a First Step may not wait for YAML, so it is asked last."""
        from agent_memory.files import simple_yaml  # noqa: PLC0415  a search starts without its patterns

        with suppress(MemoryStoreError):
            data, stat = self._folder.read_known(record.path)
            text = data.decode("utf-8", "replace")[: record.body_start]
            head = re.fullmatch(r"\ufeff?---[ \t]*\r?\n(.*\n|)(?:---|\.\.\.)\s*", text, re.DOTALL)
            values = simple_yaml.read(head[1]) if head else None
            if values is None:
                from agent_memory.files import format as formats  # noqa: PLC0415

                return _ids(formats.parse(stat, data).memory.sources, record.agent)
            return _ids(values.get("sources"), record.agent)
        return ()


def _ids(sources: object, agent: str) -> tuple[str, ...]:
    """Return the ids that references mean; those that mean nothing are left out."""
    found = []
    for item in sources if isinstance(sources, list | tuple) else str(sources or "").split(","):
        with suppress(InvalidInput):
            found.append(naming.reference(str(item), agent=agent))
    return tuple(found)


def _shortened(text: str, longest: int) -> str:
    """Return the first line that says something, without marks of Markdown, cut at a word."""
    lines = (" ".join(line.strip("#>*_`-+= \t\r").split()) for line in text.split("\n"))
    line = next((line for line in lines if re.search(r"\w", line)), "Question")
    if len(line) <= longest:
        return line
    cut = line[: longest + 1].rpartition(" ")[0] or line[:longest]
    return f"{cut.rstrip(' ,;:.')} \u2026"


def _unless(title: str, text: str) -> str:
    """Return the text where it says more than the title."""
    return "" if text == title else text
