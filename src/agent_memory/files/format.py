"""Memory files as bytes: read into values, written anew, changed with every other byte kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from agent_memory.errors import InvalidInput, Unreadable
from agent_memory.files import front_matter, markdown, naming
from agent_memory.model import DateSource, Memory, Problem, Stat

VERSION = 1
"""Version of what we write; `migrations_notes/file-format-<n>.md` says what changed."""

_BY_HAND = "change the file by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A memory, and what a person should know about its file."""

    memory: Memory
    problems: tuple[Problem, ...]


def parse(stat: Stat, data: bytes) -> Parsed:
    """Read the bytes of a memory file.

    Args:
        stat: Gives the path; its modification time is the last resort for the date.
        data: The whole file.

    Raises:
        Unreadable: There is a NUL byte in it, so it is no text.
    """
    path = stat.path
    problems: list[Problem] = []
    text = _decoded(path, data, problems)
    head = front_matter.read(text, path)
    problems += head.problems
    front = head.front
    body = text[head.start :] if head.start else text
    first_line = 1 + text.count("\n", 0, head.start)
    stem = path.rpartition("/")[2].removesuffix(".md")
    day, source = _dated(front.date, stem, body, stat)
    agent = naming.agent_of(path)
    memory = Memory(
        id=naming.id_of(path),
        path=path,
        agent=agent,
        name=_given(front.name) or _given(front.title) or markdown.first_heading(body) or naming.words_of(stem),
        date=day,
        date_source=source,
        body=body,
        fingerprint=hashlib.sha256(data).hexdigest(),
        type=front.type,
        description=front.description,
        tags=front.tags,
        status=front.status,
        visibility=front.visibility,
        supersedes=_supersedes(front.supersedes, agent, path, text, head, problems) if front.supersedes else (),
        files=front.files,
        valid_until=front.valid_until,
        to=front.to,
        sources=front.sources,
        sections=markdown.sections(body, first_line),
        links=markdown.links(body),
        mentions=markdown.mentions(body),
    )
    return Parsed(memory=memory, problems=tuple(problems))


def _given(text: str) -> str:
    return "" if text.isspace() else text


def _decoded(path: str, data: bytes, problems: list[Problem]) -> str:
    """Decode as UTF-8; note the first byte that is not.

    Raises:
        Unreadable: There is a NUL byte.
    """
    nul = data.find(b"\0")
    if nul >= 0:
        hint = "save it as UTF-8" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "only text can be a memory"
        raise Unreadable(path, "binary: there is a NUL byte", line=1 + data.count(b"\n", 0, nul), hint=hint)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        message = f"not UTF-8: byte 0x{data[error.start]:02x} is shown as a replacement character"
        problems.append(Problem(path=path, line=line, message=message))
        return data.decode(errors="replace")


def _dated(given: date | None, stem: str, body: str, stat: Stat) -> tuple[date, DateSource]:
    """Return the day of a memory and where it was found."""
    if given is not None:
        return given, "front_matter"
    if (day := naming.date_in(stem)) is not None:
        return day, "name"
    if (day := markdown.date_in_text(body)) is not None:
        return day, "text"
    try:
        return stat.modified.date(), "file_time"
    except (ValueError, OverflowError, OSError):  # a clock far off is no reason to lose the memory
        return datetime.fromtimestamp(0, tz=UTC).date(), "file_time"


def _supersedes(
    given: tuple[str, ...], agent: str, path: str, text: str, head: front_matter.Head, problems: list[Problem]
) -> tuple[str, ...]:
    """Return the ids that references mean; note those that mean nothing."""
    found: dict[str, None] = {}
    for reference in given:
        try:
            old = naming.reference(reference, agent=agent or None)
            if old == naming.id_of(path):
                raise InvalidInput("a memory cannot supersede itself")
            found[old] = None
        except InvalidInput as error:
            line = front_matter.line_of(text[slice(*head.block)], "supersedes") if head.block else None
            problems.append(Problem(path=path, line=line, message=f"supersedes: {error.message}"))
    return tuple(found)


def new_file(  # noqa: PLR0913  one argument for each key of the front matter
    *,
    agent: str,
    topic: str,
    body: str,
    day: date,
    type: str = "note",  # noqa: A002  the front matter's word
    description: str = "",
    tags: Sequence[str] = (),
    supersedes: Sequence[str] = (),
    files: Sequence[str] = (),
    valid_until: date | None = None,
    to: str | None = None,
    sources: Sequence[str] = (),
    visibility: str = "team",
    status: str = "active",
) -> bytes:
    """Return the file of a new memory; keys without a value, and a visibility of "team", are left out.

    The body is written as it is; it gets a line break at its end if it has none.

    Raises:
        InvalidInput: What would be read back is not what was given.
    """
    naming.topic_slug(topic)
    pairs: list[tuple[str, object]] = [
        ("type", type), ("name", topic), ("description", description), ("agent", agent), ("date", day),
        ("tags", list(tags)), ("status", status), ("supersedes", list(supersedes)), ("files", list(files)),
        ("valid_until", valid_until), ("to", to), ("sources", list(sources)),
        ("visibility", "" if visibility == "team" else visibility),
    ]  # fmt: skip
    body = body if not body or body.endswith("\n") else f"{body}\n"
    block = front_matter.render((key, value) for key, value in pairs if value)
    head = front_matter.read(f"{block}\n{body}", "the new memory")
    if head.problems or head.block is None:
        wrong = head.problems[0].message if head.problems else "it has no front matter"
        raise InvalidInput(f"the new memory could not be read back: {wrong}")
    return _encoded(f"{block}\n{body}")


def replace_body(data: bytes, body: str, *, path: str = "memory") -> bytes:
    """Return the file with another body; front matter and BOM stay byte for byte.

    Args:
        path: Names the file in errors.

    Raises:
        InvalidInput: The body cannot be written, or would be read as front matter.
        Unreadable: The front matter is broken, so where the body begins is a guess.
    """
    text = data.decode("utf-8", "surrogateescape")
    head = _sound(text, path)
    before = data[: len(text[: head.start].encode("utf-8", "surrogateescape"))]
    new = _encoded(body)
    eol = b"\r\n" if b"\r\n" in before else b"\n"
    # The closing fence may end the file without a line break, and an empty line after it is not part of the body:
    # a body that begins with one needs another before it.
    for count in range(3 if head.block else 1):
        result = before + count * eol + new
        again = result.decode("utf-8", "surrogateescape")
        if again[front_matter.read(again, path).start :] == body:
            return result
    raise InvalidInput("the body would be read as front matter", hint="do not begin it with --- or a byte order mark")


def edit(
    path: str, data: bytes, *, changes: Mapping[str, object | None] | None = None, body: str | None = None
) -> bytes:
    """Set top-level keys of the front matter, or remove those whose new value is None, and replace the body if given.

    Every other byte stays: unknown keys, their order, comments, line endings, a BOM. Keys that have their value already
    are not touched. The result is read again before it is returned.

    Args:
        path: Names the file in errors.

    Raises:
        InvalidInput: A value is no scalar or list of scalars, or the body cannot be written.
        Unreadable: The front matter is broken or cannot be edited safely.
    """
    if changes:
        data = _with_keys(path, data, changes)
    return data if body is None else replace_body(data, body, path=path)


def _with_keys(path: str, data: bytes, changes: Mapping[str, object | None]) -> bytes:
    text = data.decode("utf-8", "surrogateescape")
    head = _sound(text, path)
    try:
        old = _values(text, head)
        todo = {key: value for key, value in changes.items() if _differs(old, key, value)}
        if not todo:
            return data
        result = _rewritten(text, head, todo)
        new = old | {key: front_matter.texts_of(value) for key, value in todo.items() if value is not None}
        expected = [(key, value) for key, value in new.items() if todo.get(key, ...) is not None]
        again = front_matter.read(result, path)
        if list(_values(result, again).items()) != expected or result[again.start :] != text[head.start :]:
            raise front_matter.BadYaml("the front matter is written in a way that cannot be edited safely", -1)
    except (front_matter.BadYaml, RecursionError) as error:
        line = error.line + 2 if isinstance(error, front_matter.BadYaml) else 1
        raise Unreadable(path, str(error), line=line, hint=_BY_HAND) from error
    return result.encode("utf-8", "surrogateescape")


def _differs(old: dict[str, object], key: str, value: object | None) -> bool:
    return key in old if value is None else old.get(key) != front_matter.texts_of(value)


def _rewritten(text: str, head: front_matter.Head, changes: Mapping[str, object | None]) -> str:
    """Change the front matter, or put one before a text that has none."""
    eol = "\r\n" if "\r\n" in text[: text.find("\n") + 1] else "\n"
    begin, end = head.block or (head.start, head.start)
    block = front_matter.rewrite(text[begin:end], changes, eol)
    if head.block is None:
        block = f"---{eol}{block}---{eol}{eol}"
    return text[:begin] + block + text[end:]


def _values(text: str, head: front_matter.Head) -> dict[str, object]:
    """Return all keys of the front matter, scalars as the text that was written."""
    return (front_matter.load(text[slice(*head.block)]) or {}) if head.block else {}


def _sound(text: str, path: str) -> front_matter.Head:
    """Return what stands before the body, if it can be read.

    Raises:
        Unreadable: It is broken.
    """
    head = front_matter.read(text, path)
    if head.broken:
        raise Unreadable(path, head.problems[0].message, line=head.problems[0].line, hint=_BY_HAND)
    return head


def _encoded(text: str) -> bytes:
    if "\0" in text:
        raise InvalidInput("the text holds a NUL character", hint="only text can be a memory")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("the text holds half a character (a lone surrogate)", hint="pass valid Unicode") from None
