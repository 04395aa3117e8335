"""What a compaction would do, as a plan: memories, policy and the day in, actions out. Pure; nothing is moved here.

In this order, for each agent by itself:

1. *duplicate*: a memory that says what a newer one of the same agent says, fact for fact;
2. *superseded*, *expired*, *answered*: what somebody has declared over, some days ago;
3. *noise*: small old status notes without a decision, an identifier or a quotation;
4. *digest*: while the folder is larger than its budget, its oldest notes go into digests, topic by topic.

A plan is complete: applied to what it leaves, planning again gives no action.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, NamedTuple, Protocol

from agent_memory.errors import InvalidInput
from agent_memory.files import naming
from agent_memory.index.postings import OPEN
from agent_memory.model import Memory, Record
from agent_memory.upkeep import digest as digests
from agent_memory.upkeep import grouping, similarity
from agent_memory.upkeep.digest import Digest
from agent_memory.upkeep.plan import Action, Folder, Kind, Original, Plan, identity, tokens

if TYPE_CHECKING:
    from agent_memory.upkeep.policy import Policy


class Over(Protocol):
    """What `map` does, perhaps in several processes."""

    def __call__(self, work: Callable[[_Room], _Planned], rooms: Sequence[_Room], /) -> Iterable[_Planned]:
        """Return what the work gives for each room, in order."""


_STATUS = re.compile(
    r"(?:(?:daily|week(?:ly)?|session|status|standup|sprint)-)?(?:logs?|notes?|status|numbers|standup|journal|diary|progress"
    r"|updates?|report)(?:-(?:week|day|sprint))?(?:-\d+)*|(?:week|day|daily|session|sprint)(?:-\d+)*"
)
_SAYS_MORE = re.compile(
    r"`|[\"“„«]|://|\b(?:must|never|always|decided|agreed|user wants|because|root cause)\b", re.IGNORECASE
)


def plan(
    originals: Iterable[Original],
    policy: Policy,
    now: date,
    *,
    archived: Iterable[Record] = (),
    stale: Mapping[str, Original] | None = None,
    over: Over = map,
) -> Plan:
    """Return what a compaction would do on the day `now`.

    Args:
        originals: Every active memory that may be touched.
        archived: What lies in the archive: its names are taken, and what it supersedes stays superseded.
        over: Plans the folders, each by itself; where there are many memories, several processes can.
        stale: By id, the archived sources of those digests of which a source was superseded since.
    """
    memories = sorted(originals, key=lambda o: (o.memory.agent, o.memory.date, o.memory.id))
    put_away = list(archived)
    taken = {o.memory.id for o in memories} | {record.id for record in put_away}
    newer = _successors(memories, put_away)
    answers = {s: o for o in memories if o.memory.type == "consultation" for s in reference_ids(o.memory)}
    by_agent: dict[str, list[Original]] = {}
    for original in memories:
        by_agent.setdefault(original.memory.agent, []).append(original)
    rooms = [
        _Room(
            agent=agent, own=own, policy=policy, now=now, newer=newer, answers=answers, taken=taken, stale=stale or {}
        )
        for agent, own in by_agent.items()
    ]
    planned = list(over(_planned, rooms))
    actions = tuple(action for room in planned for action in room.actions)
    return Plan(
        id=identity(actions, now), made=now, actions=actions, folders=tuple(room.folder for room in planned),
        archive_share=policy.archive_share,
        refused=tuple(why for room in planned for why in room.refused),
    )  # fmt: skip


def _successors(memories: Sequence[Original], archived: Sequence[Record]) -> dict[str, tuple[date, str]]:
    """Return what is superseded -> day and id of its newest successor; another agent's private one is none."""
    found: dict[str, tuple[date, str]] = {}
    every: list[Memory | Record] = [*(original.memory for original in memories), *archived]
    for newer in every:
        for name in newer.supersedes:
            open_to_owner = newer.visibility in OPEN or name.startswith(f"{newer.agent}/")
            if open_to_owner and name != newer.id and (newer.date, newer.id) > found.get(name, (date.min, "")):
                found[name] = (newer.date, newer.id)
    return found


def reference_ids(memory: Memory) -> Iterator[str]:
    """Yield the ids that the `sources` of a memory mean; what means nothing is left out."""
    for source in memory.sources:
        try:
            yield naming.reference(source, agent=memory.agent)
        except InvalidInput:
            continue


class _Planned(NamedTuple):
    """What was planned for one agent's folder."""

    actions: list[Action]
    folder: Folder
    refused: list[str]


def _planned(room: _Room) -> _Planned:
    """Plan one agent's folder."""
    room.run()
    return _Planned(room.actions, room.folder(), room.refused)


@dataclass(kw_only=True)
class _Room:
    """The planning of one agent's folder; collects as it goes."""

    agent: str
    own: list[Original]
    policy: Policy
    now: date
    newer: dict[str, tuple[date, str]]
    answers: dict[str, Original]
    taken: set[str]
    stale: Mapping[str, Original]
    actions: list[Action] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    sections: dict[str, digests.Section] = field(default_factory=dict)
    written: int = 0
    compared: bool = False

    def run(self) -> None:
        """Plan until nothing is left to do."""
        self._declared()
        self._refresh()
        done = -1
        while done < len(self.gone):
            done = len(self.gone)
            if not self.compared:
                self._duplicates()
            self._noise()
            self._digests()

    def folder(self) -> Folder:
        """Return what becomes of the folder."""
        before = sum(o.tokens for o in self.own)
        moved = sum(o.tokens for o in self.own if o.memory.id in self.gone)
        after = before - moved + self.written
        return Folder(agent=self.agent, before=before, after=after, moved=moved, budget=self.policy.budget)

    # -- what is over -------------------------------------------------------------------------------------------

    def _left(self) -> list[Original]:
        return [o for o in self.own if o.memory.id not in self.gone]

    def _age(self, day: date) -> int:
        return (self.now - day).days

    def _kept(self, memory: Memory) -> bool:
        """Whether a memory is never moved for its age."""
        waiting = memory.type == "consultation" and memory.status == "open"
        return waiting or memory.type in self.policy.keep_types or self._pinned(memory)

    def _pinned(self, memory: Memory) -> bool:
        return not set(self.policy.keep_tags).isdisjoint(memory.tags)

    def _move(
        self, kind: Kind, original: Original, target: str | None, why: str, *, kept: Original | None = None
    ) -> None:
        self.gone.add(original.memory.id)
        self.actions.append(
            Action(
                kind=kind, agent=self.agent, sources=(original,), target=target, why=why,
                tokens_before=original.tokens, kept=kept,
            )
        )  # fmt: skip

    def _declared(self) -> None:
        """Move what somebody has declared over: superseded, expired, answered."""
        policy = self.policy
        for original in self._left():
            memory = original.memory
            if self._pinned(memory):
                continue
            day, successor = self._successor(memory)
            until = memory.valid_until
            answer = self.answers.get(memory.id)
            if day and successor and self._age(max(day, memory.date)) >= policy.superseded_after:
                self._move("superseded", original, successor, f"superseded by {successor} on {day}")
            elif memory.status == "superseded" and self._age(memory.date) >= policy.superseded_after:
                self._move("superseded", original, successor, "its status is superseded")
            elif until and self._age(until) > policy.expired_after:
                self._move("expired", original, None, f"valid until {until}")
            elif memory.type == "consultation" and memory.status == "answered" and answer and memory.to:
                given = answer.memory
                if self._age(given.date) >= policy.answered_after:
                    self._move("answered", original, given.id, f"answered by {given.id} on {given.date}")

    def _successor(self, memory: Memory) -> tuple[date | None, str | None]:
        """Return day and id of what supersedes a memory; nothing does where they supersede one another in a circle."""
        seen, at = {memory.id}, memory.id
        while at in self.newer:
            at = self.newer[at][1]
            if at == memory.id:
                return None, None
            if at in seen:
                break
            seen.add(at)
        return self.newer.get(memory.id, (None, None))

    # -- what says nothing of its own ---------------------------------------------------------------------------

    def _duplicates(self) -> None:
        """Move copies: of two memories that say the same the newer stays, or the one that says more."""
        fit = [o for o in self._left() if not self._kept(o.memory) and o.memory.type != "digest"]
        fit.sort(key=lambda o: (-o.memory.date.toordinal(), -o.size, o.memory.id))
        texts = [o.memory.body for o in fit]
        found: dict[tuple[int, bool], set[str]] = {}

        def facts(i: int, *, same: bool) -> set[str]:
            """With those that only the name of the file has, unless the text is the same."""
            if (i, same) not in found:
                memory = digests.unnamed(fit[i].memory) if same else fit[i].memory
                found[i, same] = set(digests.facts_of(memory))
            return found[i, same]

        def may_go(i: int, kept: int) -> bool:
            one, other = fit[i].memory, fit[kept].memory
            fits = one.visibility == other.visibility and one.type in (other.type, "note")
            fits = fits and one.to == other.to and set(one.supersedes) <= {*other.supersedes, other.id}
            same = texts[i].split() == texts[kept].split()
            return fits and one.valid_until == other.valid_until and facts(i, same=same) <= facts(kept, same=same)

        result = similarity.copies(texts, least=self.policy.duplicate_overlap, may_go=may_go)
        self.compared = result.complete
        for i, kept, share in result.pairs:
            of = fit[kept].memory.id
            said = "the same text as" if share == 1 else f"{share:.0%} the text of, and no fact that is not in,"
            self._move("duplicate", fit[i], of, f"{said} {of}", kept=fit[kept])

    def _noise(self) -> None:
        """Move small old status notes."""
        for original in self._left():
            memory = original.memory
            old = self._age(memory.date) >= self.policy.noise_after
            if old and not self._kept(memory) and is_noise(original, most=self.policy.noise_tokens):
                why = f"status note of {memory.date} without a decision, identifier or quotation"
                self._move("noise", original, None, why)

    # -- digests that are no longer true ------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Make digests anew, from the originals in the archive, where a part of them is superseded."""
        for original in self._left():
            if original.memory.type != "digest":
                continue
            sources = list(reference_ids(original.memory))
            over = {id_: self.newer[id_] for id_ in sources if id_ in self.newer}
            over = {id_: new for id_, new in over.items() if self._age(new[0]) >= self.policy.superseded_after}
            rest = [self.stale[id_] for id_ in sources if id_ not in over and id_ in self.stale]
            if over and len(rest) == len(sources) - len(over):
                self._renew(original, rest, over)

    def _renew(self, old: Original, rest: Sequence[Original], over: Mapping[str, tuple[date, str]]) -> None:
        first = next(iter(over))
        why = f"{first}, which it holds, is superseded by {over[first][1]}"
        if not rest:
            self._move("superseded", old, over[first][1], why)
            return
        try:
            made = digests.compose([o.memory for o in rest], [self._section(o.memory) for o in rest], topic=())
            action = replace(self._action([old], replace(made, replaces=old.memory.id)), why=why)
        except InvalidInput as error:
            self._refuse([old], str(error))
            return
        self.actions.append(action)
        self.gone.add(old.memory.id)
        self.taken.add(naming.id_of(action.path))
        self.written += action.tokens_after

    # -- digests ------------------------------------------------------------------------------------------------

    def _digests(self) -> None:
        """Put the oldest notes into digests until the folder meets its budget."""
        size = sum(o.tokens for o in self._left()) + self.written
        if size <= self.policy.budget:
            return
        fit = [o for o in self._left() if self._fits(o)]
        for group, topic in grouping.grouped(fit, self.policy):
            if size <= self.policy.budget:
                return
            size -= self._digest(group, topic)

    def _fits(self, original: Original) -> bool:
        memory = original.memory
        if memory.type == "digest" or memory.valid_until or memory.id in self.newer or self._kept(memory):
            return False
        odd = memory.status in ("superseded", "archived", "draft", "open")
        if odd or self._age(memory.date) < self.policy.digest_after:
            return False
        saved = 1 - tokens(len(self._section(memory).text.encode("utf-8", "surrogatepass"))) / original.tokens
        return saved >= self.policy.saving

    def _section(self, memory: Memory) -> digests.Section:
        if memory.id not in self.sections:
            self.sections[memory.id] = digests.section(memory, ratio=self.policy.digest_ratio)
        return self.sections[memory.id]

    def _digest(self, group: Sequence[Original], topic: Sequence[str]) -> int:
        """Plan one digest and return the tokens that it saves; 0 where it is not made."""
        try:
            naming.check_agent(self.agent)
            made = digests.compose([o.memory for o in group], [self._section(o.memory) for o in group], topic=topic)
            action = self._action(group, made)
        except InvalidInput as error:
            self._refuse(group, str(error))
            return 0
        if wrong := objection(action, self.policy):
            self._refuse(group, wrong)
            return 0
        self.actions.append(action)
        self.gone |= {o.memory.id for o in group}
        self.taken.add(naming.id_of(action.path))
        self.written += action.tokens_after
        return action.tokens_before - action.tokens_after

    def _action(self, group: Sequence[Original], made: Digest) -> Action:
        before = sum(o.tokens for o in group)
        path = self._free(made)
        ordered = tuple(sorted(group, key=lambda o: (o.memory.date, o.memory.id)))
        many = f"{len(group)} notes" if len(group) > 1 else "a long note"
        why = f"{many} older than {self.policy.digest_after} days, in a folder over its budget"
        return Action(
            kind="digest", agent=self.agent, sources=ordered, target=naming.id_of(path), why=why, tokens_before=before,
            tokens_after=tokens(len(digests.file_of(made))), digest=made, path=path,
        )  # fmt: skip

    def _free(self, made: Digest) -> str:
        """Return the first path for a digest whose id nobody has."""
        slug, attempt = digests.slug(made), 1
        while True:
            path = f"{self.agent}/{naming.file_name(made.sources[-1].date, slug, attempt)}"
            if naming.id_of(path) not in self.taken:
                return path
            attempt += 1

    def _refuse(self, group: Sequence[Original], why: str) -> None:
        named = ", ".join(o.memory.id for o in group)
        if any(o.memory.visibility not in OPEN for o in group):
            named, why = f"{self.agent}/ (private)", "its digest does not pass the guards"
        text = f"{named}: {why}"
        if text not in self.refused:
            self.refused.append(text)


def objection(action: Action, policy: Policy) -> str:
    """Say why a digest must not be made, or ""."""
    if action.digest is None:
        return ""
    made = action.digest
    if made.retention < policy.retention:
        lost = ", ".join(made.lost[:3])
        return f"only {made.retention:.0%} of {len(made.facts)} facts would stand in the digest (lost: {lost})"
    saved = 1 - action.tokens_after / max(action.tokens_before, 1)
    if saved <= 0:
        return "the digest would not be smaller"
    return f"the digest would save only {saved:.0%}" if saved < policy.saving else ""


def is_noise(original: Original, *, most: int) -> bool:
    """Whether a memory is a status note without lasting value, by its name and by what is not in it."""
    memory = original.memory
    if original.tokens > most or memory.type not in ("note", "status", "log") or memory.supersedes or memory.files:
        return False
    slug = memory.id.rpartition("/")[2]
    slug = re.sub(r"^\d{4}-?\d{2}-?\d{2}-?", "", slug).lower()
    return bool(_STATUS.fullmatch(slug)) and not _SAYS_MORE.search(memory.body)
