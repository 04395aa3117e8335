"""The times that a task speaks of: "in July we rehearsed", "since 22 March 2026", "what did we decide last spring"."""

from __future__ import annotations

import re
from datetime import date

from agent_memory.errors import InvalidQuery

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?"
)
_UNIT = r"(?:day|week|month|quarter|year)s?"
_SPOKEN = (
    rf"\b(?P<iso>(?:19|20)[0-9]{{2}}-[0-9]{{2}}(?:-[0-9]{{2}})?)\b"
    rf"|\b(?:(?P<before>[0-9]{{1,2}})(?:st|nd|rd|th)?(?: of)? )?(?P<month>{_MONTH})"
    rf"(?: (?P<behind>[0-9]{{1,2}})(?:st|nd|rd|th)?\b(?![:.][0-9]))?(?:,? (?P<year>(?:19|20)[0-9]{{2}})\b)?"
    rf"|\b(?P<ago>(?:[0-9]{{1,3}}|an?|one|two|three|four|five|six|seven|eight|nine|ten) {_UNIT} ago)\b"
    rf"|\b(?P<relative>(?:last|this|past|previous) (?:spring|summer|autumn|winter|week|month|quarter|year))\b"
    rf"|\b(?P<season>(?<=in )(?:spring|summer|autumn|winter))\b"
    rf"|\b(?P<yesterday>yesterday)\b"
)
_PREPOSITION = r"\b(?:in|of|since|from|until|till|by|during|before|after|early|late|mid|and|to|last|this) $"


def spoken(text: str, today: date) -> tuple[tuple[date, date], ...]:
    """Return the first and last day of each time that a text names, in the order in which it names them.

    A month or season without a year is the latest that has begun; a day or month that does not exist is left out.

    >>> spoken("In July we lost the database; see the note of 3 March.", date(2026, 11, 12))
    ((datetime.date(2026, 7, 1), datetime.date(2026, 7, 31)), (datetime.date(2026, 3, 3), datetime.date(2026, 3, 3)))
    """
    found: dict[tuple[date, date], None] = {}
    for match in re.finditer(_SPOKEN, text):
        from agent_memory.recall import dates  # noqa: PLC0415  most tasks name no time

        phrase = _phrase(match, text)
        if phrase:
            try:
                days = dates.parse(phrase, today=today)
            except InvalidQuery:
                continue
            if days.first and days.last:
                found[days.first, days.last] = None
    return tuple(found)


def _phrase(match: re.Match[str], text: str) -> str:
    """The found words in a form of `dates.FORMS`; "" where they are hardly a time."""
    month = (match["month"] or "").rstrip(".")
    if not month:
        return match.group()
    day = match["before"] or match["behind"]
    if month == "May" and not (day or match["year"]) and not re.search(_PREPOSITION, text[: match.start()]):
        return ""  # a verb at the beginning of a sentence
    return " ".join(filter(None, (day, month, match["year"])))
