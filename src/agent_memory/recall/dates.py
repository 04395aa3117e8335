"""What people write for a time, and the first and last day they mean by it.

Weeks run from Monday to Sunday. Seasons are those of the northern hemisphere in whole months: spring March to May,
summer June to August, autumn September to November, winter December to February, named by the year it begins in.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, date, timedelta
from typing import NamedTuple

from agent_memory.errors import InvalidQuery

FORMS = (
    "write 2026, 2026-03, 2026-03-02, [2026-01 TO 2026-06], >=2026-03, today, yesterday, last week, this quarter,"
    " last 30 days, 3 weeks ago, march 2026, 3 march 2026, last spring, since 2026-03, before june,"
    " between 2026-01 and 2026-03; quote several words or join them by dashes"
)


class Days(NamedTuple):
    """First and last day, both included; None is open."""

    first: date | None
    last: date | None


_LEXEME = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])|[0-9]{4}-?q[1-4](?![0-9])|[0-9]{4}-?w[0-9]{2}(?![0-9])"
    r"|[0-9]{4}-[0-9]{2}(?![0-9])|[0-9]+|[a-z][a-z0-9]*|[<>]=?|=|\.\.|[\[\]{}*]"
)
_NUMBERED = (
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?|-?(?P<quarter>q[1-4])|-?w(?P<week>[0-9]{2}))?"
)
_GAP = r"[\s_,-]*"
_MONTHS = "january february march april may june july august september october november december".split()
_NAMED = {
    **{name: (i, 1) for i, name in enumerate(_MONTHS, 1)},
    **{name[:3]: (i, 1) for i, name in enumerate(_MONTHS, 1)},
    "sept": (9, 1),
    **{f"q{i}": (3 * i - 2, 3) for i in (1, 2, 3, 4)},
    "spring": (3, 3),
    "summer": (6, 3),
    "autumn": (9, 3),
    "fall": (9, 3),
    "winter": (12, 3),
}
"""Name -> its first month and its number of months."""

_MONTHS_BY_NAME = {name: first for name, (first, months) in _NAMED.items() if months == 1}

_NUMBERS = {
    "a": 1, "an": 1, **{name: i for i, name in enumerate("one two three four five six seven eight nine ten".split(), 1)}
}  # fmt: skip
_MONTHS_IN = {"month": 1, "quarter": 3, "year": 12}
_DAYS_IN = {"day": 1, "week": 7}
_LAST = ("last", "past", "previous")
_THIS = ("this", "current")
_SINCE = {"since": "since", "from": "since", ">=": "since", "after": "after", ">": "after"}
_UNTIL = {"until": "until", "till": "until", "<=": "until", "before": "before", "<": "before"}
_FILLERS = ("in", "on", "during", "the", "=")


def parse(text: str, *, today: date, position: int = 0) -> Days:
    """Return the first and last day that `text` means.

    Args:
        text: A form of `FORMS`; its words may also be joined by dashes or underscores.
        today: The day that "last month" and the like are counted from.
        position: Offset of `text` in the query, for the error.

    >>> parse("last month", today=date(2026, 3, 15))
    Days(first=datetime.date(2026, 2, 1), last=datetime.date(2026, 2, 28))

    Raises:
        InvalidQuery: The text is none of the forms, or means no day at all.
    """
    try:
        days = _range(_split(text), today)
    except (ValueError, OverflowError):  # no such day, or one outside the calendar
        raise InvalidQuery(f"not a date: {text}", position=position, hint=FORMS) from None
    if days.first and days.last and days.first > days.last:
        raise InvalidQuery(f"the range {text} holds no day", position=position, hint="the earlier day goes first")
    return days


def _split(text: str) -> list[str]:
    lowered = text.lower()
    words: list[str] = []
    at = _end_of_gap(lowered, 0)
    while at < len(lowered):
        match = re.compile(_LEXEME).match(lowered, at)
        if not match:
            raise ValueError(text)
        words.append(match.group())
        at = _end_of_gap(lowered, match.end())
    return words


def _end_of_gap(text: str, at: int) -> int:
    match = re.compile(_GAP).match(text, at)
    return match.end() if match else at


def _range(words: list[str], today: date) -> Days:
    """A period, or something open or closed made of periods."""
    joint = next((joint for joint in ("to", "..") if joint in words), "")
    match words:
        case ["[" | "{" as opening, *inner, "]" | "}" as closing]:
            return _bracketed(opening, inner, closing, today)
        case [str(word), *rest] if word in _SINCE and not joint:
            days = _period(rest, today)
            return Days(days.first if _SINCE[word] == "since" else _after(days), None)
        case [str(word), *rest] if word in _UNTIL:
            days = _period(rest, today)
            return Days(None, days.last if _UNTIL[word] == "until" else _before(days))
        case ["between", *rest]:
            return _joined(rest, "and", today)
    if joint:
        return _joined(words[1:] if words[0] == "from" else words, joint, today)
    return Days(*_period(words, today))


def _joined(words: list[str], joint: str, today: date) -> Days:
    at = words.index(joint)
    return Days(_period(words[:at], today).first, _period(words[at + 1 :], today).last)


def _bracketed(opening: str, inner: list[str], closing: str, today: date) -> Days:
    """`[from TO to]`, where a curly bracket leaves its end out and an end that is not named is open."""
    at = inner.index("to")
    start, end = inner[:at], inner[at + 1 :]
    first = last = None
    if start not in ([], ["*"]):
        days = _period(start, today)
        first = days.first if opening == "[" else _after(days)
    if end not in ([], ["*"]):
        days = _period(end, today)
        last = days.last if closing == "]" else _before(days)
    if first is last is None:
        raise ValueError(inner)
    return Days(first, last)


class _Span(NamedTuple):
    first: date
    last: date


def _after(days: _Span) -> date:
    return days.last + timedelta(1)


def _before(days: _Span) -> date:
    return days.first - timedelta(1)


def _period(words: list[str], today: date) -> _Span:
    """One stretch of days: a day, week, month, quarter, season or year, by number, name or distance."""
    while words and words[0] in _FILLERS:
        words = words[1:]
    match words:
        case [str(number)] if number[0].isdigit():
            return _numbered(number)
        case [str(name)]:
            return _latest(name, today)
        case [str(number), str(unit), "ago"]:
            return _around(_back(today, _count(number), _unit(unit)), _unit(unit))
        case [str(word), str(number), str(unit)] if word in _LAST:
            return _Span(_back(today, _count(number), _unit(unit)), today)
        case [str(word), str(name)] if word in _LAST or word in _THIS:
            return _relative(name, today, last=word in _LAST)
        case [*names] if len(names) > 1:
            return _spelt(names, today)
    raise ValueError(words)


def _spelt(words: list[str], today: date) -> _Span:
    """`march 2026`, `3 march 2026`, or the latest third of March that has begun: `3 march`."""
    if words[0] in _NAMED and len(words) == 2 and len(words[1]) == 4:
        return _months(int(words[1]), *_named(words[0]))
    day, name, *year = words
    if name not in _MONTHS_BY_NAME or len(day) > 2 or len(year) > 1:
        raise ValueError(words)
    return _day(int(day), _MONTHS_BY_NAME[name], year, today)


def _day(day: int, month: int, year: list[str], today: date) -> _Span:
    if year:
        return _around(date(int(year[0]), month, day), "day")
    this = date(today.year, month, day)
    return _around(this if this <= today else date(today.year - 1, month, day), "day")


def _numbered(text: str) -> _Span:
    """`2026`, `2026-03`, `2026-03-02`, `2026-q1` or `2026-w10`."""
    match = re.fullmatch(_NUMBERED, text)
    if not match:
        raise ValueError(text)
    year = int(match["year"])
    if match["quarter"]:
        return _months(year, *_NAMED[match["quarter"]])
    if match["week"]:
        monday = date.fromisocalendar(year, int(match["week"]), 1)
        return _Span(monday, monday + timedelta(6))
    if not match["month"]:
        return _months(year, 1, 12)
    if not match["day"]:
        return _months(year, int(match["month"]), 1)
    return _around(date(year, int(match["month"]), int(match["day"])), "day")


def _relative(name: str, today: date, *, last: bool) -> _Span:
    """`this march`, `last spring`, `last week`: the last one is the latest that is over."""
    if name not in _NAMED:
        unit = _unit(name)
        return _around(_back(_around(today, unit).first, 1, unit) if last else today, unit)
    latest = _latest(name, today)
    if last:
        return latest if latest.last < today else _months(latest.first.year - 1, *_NAMED[name])
    return latest if today <= latest.last else _months(today.year, *_NAMED[name])


def _latest(name: str, today: date) -> _Span:
    """Today, yesterday, or the latest month, quarter or season of that name that has begun."""
    if name in ("today", "yesterday"):
        return _around(today - timedelta(name == "yesterday"), "day")
    span = _months(today.year, *_named(name))
    return span if span.first <= today else _months(today.year - 1, *_named(name))


def _named(name: str) -> tuple[int, int]:
    if name not in _NAMED:
        raise ValueError(name)
    return _NAMED[name]


def _count(word: str) -> int:
    return _NUMBERS[word] if word in _NUMBERS else int(word)


def _unit(word: str) -> str:
    unit = word.removesuffix("s")
    if unit not in _MONTHS_IN and unit not in _DAYS_IN:
        raise ValueError(word)
    return unit


def _months(year: int, month: int, count: int) -> _Span:
    """Whole months from the first day of `month` on."""
    years, end = divmod(month - 1 + count - 1, 12)
    return _Span(date(year, month, 1), date(year + years, end + 1, _days(year + years, end + 1)))


def _days(year: int, month: int) -> int:
    """The days of a month; `calendar` knows them too, at the price of the locale."""
    return 31 if month == 12 else (date(year, month + 1, 1) - timedelta(1)).day


def _around(day: date, unit: str) -> _Span:
    """The day, week, month, quarter or year that holds a day."""
    if unit == "day":
        return _Span(day, day)
    if unit == "week":
        monday = day - timedelta(day.weekday())
        return _Span(monday, monday + timedelta(6))
    length = _MONTHS_IN[unit]
    return _months(day.year, (day.month - 1) // length * length + 1, length)


def _back(day: date, count: int, unit: str) -> date:
    """The day `count` units earlier; the 31st becomes the last day of a shorter month."""
    if unit in _DAYS_IN:
        return day - timedelta(count * _DAYS_IN[unit])
    year, month = divmod(day.year * 12 + day.month - 1 - count * _MONTHS_IN[unit], 12)
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError(count)
    return date(year, month + 1, min(day.day, _days(year, month + 1)))
