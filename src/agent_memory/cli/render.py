"""Words out: text that is safe to print, cut to the width of the terminal, with its marks."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from agent_memory.model import Problem, Record
    from agent_memory.store import MemoryStore

WIDEST = 120
"""Columns that text is wrapped to at most: longer lines are hard to read."""

# Patterns are compiled where they are needed: most texts are printable, and a search should start in no time.
_CONTROL = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"

_LEAD = r"\s*(?:(?:[-*+>]|[0-9]+[.)]|hint:|note:) +)?"
"""What later lines of a paragraph are indented by: blanks, the mark of a list item."""

Span = tuple[int, int]


def visible(text: str) -> str:
    """Return `text` on one line; control characters, which could steer a terminal, become visible."""
    return readable(" ".join(text.split()))


def readable(text: str) -> str:
    """Return `text` with its lines; control characters, which could steer a terminal, become visible."""
    if text.isprintable():
        return text
    return re.sub(_CONTROL, lambda found: _named(ord(found.group())), text.replace("\r\n", "\n"))


def _named(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def on_terminal() -> bool:
    """Whether a person looks at stdout."""
    return sys.stdout is not None and sys.stdout.isatty()  # None where stdout was closed


def columns() -> int:
    """Width for text on a terminal."""
    import shutil  # a search that is read by a program need not load it

    return max(20, min(shutil.get_terminal_size().columns, WIDEST))


def put(text: str = "") -> None:
    """Write a line of the answer."""
    click.echo(text)


def say(text: str) -> None:
    """Write a line about the answer, to stderr."""
    click.echo(text, err=True)


def bold(text: str) -> str:
    """Mark what counts."""
    return click.style(text, bold=True)


def dim(text: str) -> str:
    """Mark what does not."""
    return click.style(text, dim=True)


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 memory`, `2,000 memories`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def mention(store: MemoryStore, *, problems: bool = False) -> None:
    """Say on stderr what did not work as usual in the last call, and whether files have problems."""
    note(store.fallback, store.report.problems if problems else ())


def note(fallback: str, problems: Sequence[Problem] = (), notes: Iterable[str] = ()) -> None:
    """Say on stderr what a person should know beside the answer, a line each."""
    for text in (fallback, *notes):
        if text:
            _say_note(visible(text))
    if problems:
        lost = sum(not problem.indexed for problem in problems)
        unread = f", {lost} of them not indexed" if lost else ""
        files = plural(len({problem.path for problem in problems}), "file has", "files have")
        _say_note(f"{files} problems{unread}; see: memory doctor")


def say_strangers(store: MemoryStore, agents: Iterable[str | None], *, seen: Iterable[Record] = ()) -> None:
    """Say on stderr which of the agents that a call names nobody knows: a misspelt name looks like an answer.

    Args:
        seen: Memories that were found; whoever has one of them is known.
    """
    named = {agent for agent in agents if agent is not None} - {record.agent for record in seen}
    if not named:
        return
    from agent_memory.team import scopes

    known = store.agents()
    note("", notes=(scopes.stranger(agent, known) for agent in sorted(named)))


def _say_note(text: str) -> None:
    lines = flowed(f"note: {text}", sys.stderr)
    say(click.style("note:", fg="yellow") + lines.removeprefix("note:"))


def standing(record: Record) -> str:
    """Say in words where a memory stands: "" for an active one."""
    words = [] if record.status in ("active", "superseded") else [visible(record.status)]
    if record.status == "expired":
        words = [f"expired after {record.valid_until}"]
    if record.superseded_by:
        words.append(f"superseded by {', '.join(map(visible, record.superseded_by))}")
    elif record.status == "superseded":
        words.append("superseded")
    return ", ".join(words)


# -- wrapping ---------------------------------------------------------------------------------------------------------


def width_of(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(character) for character in text)


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def match(text: str) -> str:
    """Mark a word that was searched for."""
    return click.style(text, fg="red", bold=True)


def cut(text: str, room: int) -> str:
    """Return `text`, or its beginning and an ellipsis, in at most `room` columns; "" where that says nothing."""
    if width_of(text) <= room:
        return text
    return f"{text[: _fitting(text, 0, room - 1)]}…" if room > 8 else ""


def marked(
    text: str, spans: Sequence[Span], start: int = 0, end: int | None = None, *, mark: Callable[[str], str] = match
) -> str:
    """Return a piece of `text` with the spans marked.

    Args:
        spans: (start, end) offsets into `text`, in order.
    """
    end = len(text) if end is None else end
    parts, at = [], start
    for first, last in spans:
        low, high = max(first, at), min(last, end)
        if low < high:
            parts += [visible_piece(text[at:low]), mark(visible_piece(text[low:high]))]
            at = high
    return "".join([*parts, visible_piece(text[at:end])])


def visible_piece(text: str) -> str:
    """Return a piece of a line; unlike `visible` it keeps blanks at its ends."""
    return readable(text.replace("\n", " "))


def wrapped(text: str, spans: Sequence[Span], *, indent: str = "", mark: Callable[[str], str] = match) -> str:
    """Return `text` with its spans marked, as lines that fit the terminal; as one line where there is no terminal."""
    if not on_terminal():
        return indent + marked(text, spans, mark=mark)
    room = columns() - len(indent)
    return "\n".join(indent + marked(text, spans, start, end, mark=mark) for start, end in _lines(text, room))


def flowed(text: str, stream: TextIO | None) -> str:
    """Return lines that fit the terminal behind a stream, list items with a hanging indent; unchanged without one."""
    if stream is None or not stream.isatty():
        return text
    return "\n".join(_hanging(line) for line in text.split("\n"))


def _hanging(line: str) -> str:
    if width_of(line) <= columns():
        return line
    found = re.match(_LEAD, line)
    lead = found.group() if found else ""
    rest, indent = line[len(lead) :], " " * min(width_of(lead), 20)
    return lead + f"\n{indent}".join(rest[start:end] for start, end in _lines(rest, columns() - len(indent)))


def _lines(text: str, room: int) -> Iterator[Span]:
    """Cut a line at blanks, and inside of words that are wider than a line."""
    start = end = 0
    for found in re.finditer(r"\S+", text):
        first, last = found.span()
        if width_of(text[start:last]) <= room:
            end = last
            continue
        if end > start:
            yield start, end
        start = first
        while width_of(text[start:last]) > room:
            cut = _fitting(text, start, room)
            yield start, cut
            start = cut
        end = last
    if end > start:
        yield start, end


def _fitting(text: str, start: int, room: int) -> int:
    """Offset of the first character that no longer fits."""
    used = 0
    for at in range(start, len(text)):
        used += _columns_of(text[at])
        if used > room:
            return max(at, start + 1)
    return len(text)
