"""What a briefing says of a memory beside its own text: who recorded it, when, what became of it, why it is here.

Always in the past tense of a historian, and never as an instruction of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from agent_memory.index.analysis import STOP_WORDS, analyse, stem
from agent_memory.model import Changed, Hit, Record
from agent_memory.recall.marks import plain
from agent_memory.recall.task import GENERIC

WORDS = 5
"""Words of the task that a reason names at most."""

_WEAK = 0.2  # share of the weightiest word's points under which a word is no reason
_LONGEST_WORD = 60
_COLOURLESS = (
    GENERIC
    | STOP_WORDS
    | {
        stem(word)
        for word in "before after since until while without within between across during whether still yet always never"
        " only well back off per via again because either like let set".split()
    }
)  # no reason to hand something over


def age(then: date, today: date) -> str:
    """Say how old something is: `today`, `3 days ago`, `5 weeks ago`, `7 months ago`, `2 years ago`."""
    days = (today - then).days
    for limit, size, unit in ((1, 1, ""), (14, 1, "day"), (70, 7, "week"), (730, 30, "month")):
        if days < limit:
            return "today" if not unit else _ago(max(1, days // size), unit)
    return _ago(days // 365, "year")


def _ago(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'} ago"


def status_on(record: Record, today: date) -> str:
    """Return what held of a memory on a day: its status, or "expired" where it was valid until an earlier day."""
    expired = record.valid_until is not None and record.valid_until < today
    return "expired" if expired and record.status == "active" else record.status


def recorded(record: Record, today: date) -> str:
    """Say who recorded a memory and when."""
    kind = "" if record.type == "note" else f" {plain(record.type, 30)}"
    unsure = " (the date of its file)" if record.date_source == "file_time" else ""
    return f"{record.agent} recorded this{kind} on {record.date}, {age(record.date, today)}{unsure}"


def fate(record: Record, today: date, changed: Mapping[str, Changed]) -> str:
    """Say what became of a memory since: replaced, expired, answered, the files it names changed; "" where nothing."""
    said = []
    status = status_on(record, today)
    if status == "superseded":
        said.append(f"superseded by {', '.join(record.superseded_by)}" if record.superseded_by else "superseded")
    elif status == "expired":
        said.append(f"expired: it was valid until {record.valid_until}")
    elif status != "active":
        said.append(f"status: {plain(status, 30)}")
    if record.valid_until and status != "expired":
        said.append(f"valid until {record.valid_until}")
    if changed:
        from agent_memory.files.history import sentence  # noqa: PLC0415  most memories name no file that changed

        said.append(plain(sentence(changed)))
    return "; ".join(filter(None, said))


def why(hit: Hit, most: int = WORDS) -> str:
    """Say in the task's own words what spoke for a memory.

    Args:
        most: Words to name.
    """
    words = _weighty(hit, "memory", most)
    if not words:
        near = _weighty(hit, "feedback", most)
        if near:
            return f"shares {', '.join(near)} with the best matches"
        by_meaning = any(term.field == "semantic" for term in hit.terms)
        return "is near in meaning" if by_meaning else "stands in for a note that matches"
    stems = set(analyse(hit.record.name).stems)
    title = [word for word in words if stems.intersection(analyse(word).stems)]
    text = [word for word in words if word not in title]
    told = [f"its {place} of {', '.join(some)}" for place, some in (("title", title), ("text", text)) if some]
    return ", ".join(told).replace(" of ", " speaks of ", 1)


def also(hit: Hit) -> str:
    """Name the memories that say the same and have no place of their own; "" for none."""
    told = [f"{record.agent} on {record.date} ({record.path})" for record in hit.also]
    return f"the same was recorded by {', '.join(told)}" if told else ""


def weights(hit: Hit) -> dict[str, float]:
    """Return what each stem that speaks for a memory is worth."""
    found: dict[str, float] = {}
    for term in hit.terms:
        if term.field in ("memory", "exact", "feedback"):
            for token in analyse(term.name).stems:
                if token not in GENERIC:
                    found[token] = max(found.get(token, 0.0), term.value)
    return found


def _weighty(hit: Hit, field: str, most: int) -> list[str]:
    """Return the words that carried a hit, weightiest first, each once in whatever form it stood in the task."""
    terms = [term for term in hit.terms if term.field == field]
    strongest = max((term.value for term in terms), default=0.0)
    found: dict[tuple[str, ...], str] = {}
    for term in terms:
        if len(found) == most or term.value < _WEAK * strongest:
            break  # the largest come first
        stems = tuple(analyse(term.name).stems)
        if _means_something(term.name, stems):
            found.setdefault(stems, plain(term.name, _LONGEST_WORD))
    return list(found.values())


def _means_something(word: str, stems: Sequence[str]) -> bool:
    return bool(set(stems) - _COLOURLESS) and (len(word) > 1 or not word.isascii())
