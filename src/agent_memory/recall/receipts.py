"""Receipts: what a briefing handed over, what came of it, and what that says about a memory.

A receipt never holds a word of the task or of a memory, only ids and hashes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from agent_memory.index.postings import OPEN
from agent_memory.model import Briefing

VERSION = 1
"""Of a line; raised when a field changes its meaning, so that an older program leaves the line alone."""

BOUND = 0.02
"""How far feedback moves a score at most, as a share of it: enough to break a tie, never to make up for a word."""

_DOUBT = 2
"""Verdicts that nobody gave, half of them for a memory and half against it: one voice alone moves little."""

Verdict = Literal["used", "wrong"]


class Handed(NamedTuple):
    """One memory of a briefing: its id, the version that was handed over, and how much of it."""

    id: str
    fingerprint: str
    form: str


class Receipt(NamedTuple):
    """The record of a briefing.

    Attributes:
        id: Hash of everything else, 12 hex digits.
        at: When, as an ISO time with its offset.
        task_hash: First 16 hex digits of the sha256 of the task.
        left_out: Ids of relevant memories that did not fit.
        answers: Ids of answers to the agent's questions, which come back once.
        private: Ids among both that were private when they were handed over, also where the memory is gone since.
        arms: Ways of ranking that ran.
    """

    id: str
    at: str
    agent: str
    task_hash: str = ""
    budget: int = 0
    tokens: int = 0
    memories: tuple[Handed, ...] = ()
    left_out: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    nothing_relevant: bool = False
    arms: tuple[str, ...] = ()


class Feedback(NamedTuple):
    """What an agent says of the memories it was handed.

    Attributes:
        receipt: Id of the receipt.
        at: When, as an ISO time with its offset.
        used: Ids of memories that helped.
        wrong: Ids of memories that were not true or not fit for the task.
    """

    receipt: str
    at: str
    used: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


class Judged(NamedTuple):
    """A receipt and what came of it; the last word on each memory counts.

    Attributes:
        hidden: Memories of the receipt that are private to another than the reader; they are named nowhere else in it.
    """

    receipt: Receipt
    used: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    hidden: int = 0


class Handover(NamedTuple):
    """One briefing in which a memory was handed over.

    Attributes:
        outcome: What came of it; None where nobody said.
    """

    receipt: Receipt
    handed: Handed
    outcome: Verdict | None = None


class Outcome(NamedTuple):
    """What became of a memory over all receipts: briefings that had it, in which it helped, in which it was wrong."""

    shown: int = 0
    used: int = 0
    wrong: int = 0


# -- making -----------------------------------------------------------------------------------------------------------


def receipt_for(briefing: Briefing, *, task: str, budget: int, at: datetime, arms: Collection[str] = ()) -> Receipt:
    """Return the receipt of a briefing.

    Args:
        task: Only its hash is kept.
        at: When the briefing was made.
    """
    records = [*(briefed.record for briefed in briefing.memories), *briefing.left_out]
    receipt = Receipt(
        id="",
        at=iso_time(at),
        agent=briefing.agent,
        task_hash=hashlib.sha256(task.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        budget=budget,
        tokens=briefing.tokens,
        memories=tuple(Handed(b.record.id, b.record.fingerprint, b.form) for b in briefing.memories),
        left_out=tuple(record.id for record in briefing.left_out),
        answers=tuple(briefed.record.id for briefed in briefing.answers),
        private=tuple(record.id for record in records if record.visibility not in OPEN),
        nothing_relevant=briefing.nothing_relevant,
        arms=tuple(arms),
    )
    content = line_of(receipt).encode("utf-8", "backslashreplace")
    return receipt._replace(id=hashlib.sha256(content).hexdigest()[:12])


def iso_time(at: datetime) -> str:
    """Return a time as it stands in a receipt.

    >>> iso_time(datetime(2026, 7, 15, 12, tzinfo=UTC))
    '2026-07-15T12:00:00.000+00:00'
    """
    return (at if at.tzinfo else at.astimezone()).isoformat(timespec="milliseconds")


def month_of(at: str) -> str:
    """Return the month of a time in UTC, in which all hosts agree about the file that a line goes to.

    >>> month_of("2026-08-01T00:30:00.000+02:00")
    '2026-07'

    Raises:
        ValueError: It is no time.
    """
    return datetime.fromisoformat(at).astimezone(UTC).isoformat()[:7]


# -- lines ------------------------------------------------------------------------------------------------------------


def line_of(value: Receipt | Feedback) -> str:
    """Return a receipt or feedback as one line of JSON."""
    return json.dumps({"version": VERSION, **value._asdict()}, ensure_ascii=False, separators=(",", ":"))


def quoted(text: str) -> bytes:
    """Return a text as it stands in a line: a line without it need not be read.

    >>> quoted('api/a "quoted" name') in line_of(Feedback(receipt="x", used=('api/a "quoted" name',), at="")).encode()
    True
    """
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace")


def receipt_of(line: bytes) -> Receipt:
    """Read a receipt; unknown fields are ignored.

    Raises:
        ValueError: It is torn, of a newer version, or no receipt.
    """
    fields = _Fields(line)
    return Receipt(
        id=fields.text("id"),
        at=fields.time("at"),
        agent=fields.text("agent"),
        task_hash=fields.text("task_hash", ""),
        budget=fields.count("budget"),
        tokens=fields.count("tokens"),
        memories=tuple(Handed(*handed) for handed in fields.triples("memories")),
        left_out=fields.texts("left_out"),
        answers=fields.texts("answers"),
        private=fields.texts("private"),
        nothing_relevant=fields.values.get("nothing_relevant") is True,
        arms=fields.texts("arms"),
    )


def feedback_of(line: bytes) -> Feedback:
    """Read feedback; unknown fields are ignored.

    Raises:
        ValueError: It is torn, of a newer version, or no feedback.
    """
    fields = _Fields(line)
    return Feedback(
        receipt=fields.text("receipt"), used=fields.texts("used"), wrong=fields.texts("wrong"), at=fields.time("at")
    )


class _Fields:
    """The fields of a line, each of the kind it should be."""

    def __init__(self, line: bytes) -> None:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise ValueError("is not whole: a crash may have torn it") from None
        if not isinstance(found, dict):
            raise ValueError("is no receipt")  # noqa: TRY004  it is the line that is wrong, not our use of it
        self.values: Mapping[str, object] = found
        if not isinstance(version := found.get("version", VERSION), int) or version > VERSION:
            raise ValueError("was written by a newer version of this program")

    def text(self, name: str, missing: str | None = None) -> str:
        value = self.values.get(name, missing)
        if not isinstance(value, str):
            raise ValueError(f"has no usable {name!r}")  # noqa: TRY004  as above
        return value

    def time(self, name: str) -> str:
        value = self.text(name)
        month_of(value)
        return value

    def count(self, name: str) -> int:
        value = self.values.get(name, 0)
        return value if isinstance(value, int) else 0

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"has no usable {name!r}")
        return tuple(value)

    def triples(self, name: str) -> list[list[str]]:
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(map(_is_triple, value)):
            raise ValueError(f"has no usable {name!r}")
        return [item[:3] for item in value]


def _is_triple(value: object) -> bool:
    return isinstance(value, list) and len(value) >= 3 and all(isinstance(item, str) for item in value[:3])


# -- what they say ----------------------------------------------------------------------------------------------------


def verdicts(feedback: Iterable[Feedback]) -> dict[tuple[str, str], Verdict]:
    """Return the last word on each (receipt, memory), so that saying it twice counts once.

    Args:
        feedback: Newest first.
    """
    last: dict[tuple[str, str], Verdict] = {}
    for said in feedback:
        for id_ in said.wrong:
            last.setdefault((said.receipt, id_), "wrong")
        for id_ in said.used:
            last.setdefault((said.receipt, id_), "used")
    return last


def once(receipts: Iterable[Receipt]) -> tuple[Receipt, ...]:
    """Return each receipt once, although files that were put together may hold it twice."""
    return tuple({receipt.id: receipt for receipt in receipts}.values())


def judged(
    receipts: Iterable[Receipt], feedback: Iterable[Feedback], hidden: Mapping[str, Collection[str]]
) -> tuple[Judged, ...]:
    """Put together what was handed over and what came of it.

    Args:
        hidden: Receipt -> ids of memories in it that are not to be named.
    """
    said: dict[str, dict[Verdict, list[str]]] = {}
    for (receipt, id_), verdict in verdicts(feedback).items():
        said.setdefault(receipt, {"used": [], "wrong": []})[verdict].append(id_)
    nothing: dict[Verdict, list[str]] = {"used": [], "wrong": []}
    return tuple(
        Judged(
            receipt=without(receipt, unnamed),
            used=tuple(sorted({*said.get(receipt.id, nothing)["used"]}.difference(unnamed))),
            wrong=tuple(sorted({*said.get(receipt.id, nothing)["wrong"]}.difference(unnamed))),
            hidden=len(unnamed),
        )
        for receipt in once(receipts)
        for unnamed in (hidden.get(receipt.id, ()),)
    )


def without(receipt: Receipt, hidden: Collection[str]) -> Receipt:
    """Return a receipt without the names of some memories."""
    return receipt._replace(
        memories=tuple(handed for handed in receipt.memories if handed.id not in hidden),
        left_out=tuple(id_ for id_ in receipt.left_out if id_ not in hidden),
        private=tuple(id_ for id_ in receipt.private if id_ not in hidden),
    )


def handovers(memory: str, receipts: Iterable[Receipt], feedback: Iterable[Feedback]) -> tuple[Handover, ...]:
    """Return the briefings in which a memory was handed over."""
    last = verdicts(feedback)
    return tuple(
        Handover(receipt=receipt, handed=handed, outcome=last.get((receipt.id, memory)))
        for receipt in once(receipts)
        for handed in receipt.memories
        if handed.id == memory
    )


def counts(receipts: Iterable[Receipt], feedback: Iterable[Feedback]) -> dict[str, Outcome]:
    """Count, for each memory, the briefings that had it and what came of them.

    Args:
        feedback: Newest first; it counts also where its receipt is not among `receipts`.
    """
    found: dict[str, list[int]] = {}
    for receipt in once(receipts):
        for id_ in {handed.id for handed in receipt.memories}:
            found.setdefault(id_, [0, 0, 0])[0] += 1
    for (_, id_), verdict in verdicts(feedback).items():
        found.setdefault(id_, [0, 0, 0])[1 if verdict == "used" else 2] += 1
    return {id_: Outcome(*numbers) for id_, numbers in sorted(found.items())}


def boost(outcome: Outcome) -> float:
    """Return what to multiply a score by: within 1 ± `BOUND`, and 1 where nobody said anything.

    How often a memory was shown has no part in it, or what is shown would be shown the more for it.

    >>> boost(Outcome(shown=9)), boost(Outcome(used=2)), boost(Outcome(wrong=2))
    (1.0, 1.01, 0.99)
    """
    said = outcome.used + outcome.wrong
    return 1.0 + BOUND * (outcome.used - outcome.wrong) / (said + _DOUBT)


def never_used(outcomes: Mapping[str, Outcome], *, at_least: int = 5) -> tuple[str, ...]:
    """Return the ids of memories that were shown `at_least` times and never used, the most shown first."""
    idle = [(-o.shown, id_) for id_, o in outcomes.items() if o.shown >= at_least and not o.used]
    return tuple(id_ for _, id_ in sorted(idle))
