"""What an agent's card says: who it is, what it reads at its First Step, whom it works with. Text in, value out.

A card is written by people for a runner, not for us: whatever is missing or broken leaves its field empty, and what a
person should know about becomes a problem.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from agent_memory.errors import InvalidInput
from agent_memory.files import markdown, naming, simple_yaml
from agent_memory.model import Problem

MOST_READS = 100
"""Files that a First Step may name; a list longer than that is no reading list."""

_STORE = "agents-memory"
_NOBODY = frozenset({"none", "nobody", "everybody", "everyone", "anyone", "all", "user", "human", "you", "me", "na"})
_OPEN = r"---[ \t]*\n"
_CLOSE = r"\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
_KEY_LINE = r"(?m)^(name|description|tools|model|lead|tier|peers)[ \t]*:(.*)$"
_MARKS = "()[]{}<>*_,;:\"'!?"
_NAMED = r"`([^`\n]+)`|\]\(<?([^()\s<>#]++)[^()\s<>]*+>?\)|([^\s`\[\]()]+)"
_OUR_COMMAND = r"\s*(?:\$\s*)?memory\s.*--"
_PROJECT = r"\A@?(?:\$CLAUDE_PROJECT_DIR/|\$\{CLAUDE_PROJECT_DIR\}/|(?:\./)+)?"
_ROLE = (
    r"(?i)[\s>*+_`-]*+(?:[0-9]{1,9}[.)]\s++[*_`]*+)?"
    r"(?P<key>reports to you|direct reports|reports to|team lead|lead|peers?|tier)\b"
    r"[\s*_`]*+(?:[:=\uff1a\u2013\u2014]|-(?=\s))[\s*_]*(?P<value>\S.*)"
)
_KEYS = {"reports to": "lead", "team lead": "lead", "direct reports": "reports", "reports to you": "reports"}
_TIER = r"(?i)(?:tier[\s:#-]{0,3})?([0-9]{1,2})\b"
_TIER_IN_HEADING = r"(?i)(?:^|[(\[,:|\u2013\u2014-]\s*)tier[\s:#-]{0,3}([0-9]{1,2})\b"
_REMARK = r"\([^()]*\)|\s[\u2013\u2014-]\s.*"


class Card(NamedTuple):
    """One agent's definition file, read.

    Attributes:
        agent: Front matter `name`, as Claude Code has it, else the file's name.
        path: Relative to the project, with "/"; so are the paths of its problems.
        tools: What the front matter lists; empty means that it does not restrict them.
        reads: Paths its First Step names, in order, relative to the project; those with a "/" at the end are folders.
            What lies in the memory is left out: the briefing brings it.
        lead: The agent it reports to; None where that is a person, or nobody.
        peers: Agents it names as such; a phrase ("all specialists") is none.
        reports: Agents it names as reporting to it.
    """

    agent: str
    path: str
    description: str = ""
    tools: tuple[str, ...] = ()
    model: str = ""
    reads: tuple[str, ...] = ()
    lead: str | None = None
    tier: int | None = None
    peers: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def parse(path: str, text: str) -> Card:
    """Read a card; it never fails.

    Args:
        path: Relative to the project, with "/": gives the name where the text has none, and names the file in problems.
    """
    problems: list[Problem] = []
    values, body = _front(path, text.removeprefix("\ufeff").replace("\r\n", "\n"), problems)
    sections = markdown.sections(body, 1)
    agent = _agent(path, values.get("name"), problems)
    lines = list(_role_lines(body))
    role = _role(values, lines)
    first_step = (body[s.start : s.end] for s in sections if any(map(_is_first_step, s.heading.split(" > "))))
    reads = tuple(dict.fromkeys(_reads(path, first_step)))
    if len(reads) > MOST_READS:
        message = f"its First Step names {len(reads)} files, only the first {MOST_READS} count"
        problems.append(Problem(path=path, message=message))
    return Card(
        agent=agent,
        path=path,
        description=_text(values.get("description")),
        tools=_tools(values.get("tools")),
        model=_text(values.get("model")),
        reads=reads[:MOST_READS],
        lead=next((name for name in role["lead"] if name != agent), None),
        tier=_tier(values.get("tier"), lines, (heading for s in sections for heading in s.heading.split(" > "))),
        peers=tuple(name for name in role["peers"] if name != agent),
        reports=tuple(name for name in role["reports"] if name != agent),
        problems=tuple(problems),
    )


# --- front matter -------------------------------------------------------------------------------------------------


def _front(path: str, text: str, problems: list[Problem]) -> tuple[Mapping[Any, object], str]:
    """Return the keys of the front matter and the text after it."""
    opened = re.match(_OPEN, text)
    closed = re.compile(_CLOSE).search(text, opened.end() - 1) if opened else None
    if opened and closed:
        block = text[opened.end() : max(opened.end(), closed.start() + 1)]
        values, wrong, line = _values(block)
        body = text[closed.end() :]
    elif opened:
        block, _, body = text[opened.end() :].partition("\n\n")
        values, wrong, line = None, "front matter has no closing ---", 1
    else:
        block, body, values, wrong, line = "", text, None, "", 1
    if values is None and wrong:
        values = _line_by_line(block)
    if not values:
        problems.append(Problem(path=path, line=1, message="has no front matter that names the agent"))
        return {}, text if values is None else body
    if wrong:
        problems.append(Problem(path=path, line=line, message=wrong))
    return values, body


def _values(block: str) -> tuple[Mapping[Any, object] | None, str, int]:
    """Read a block as YAML: its keys (None if it is no mapping), what is wrong with it, and the line of that."""
    if (values := simple_yaml.read(block)) is not None:
        return values, "", 1
    from agent_memory.files import front_matter  # noqa: PLC0415  pydantic and yaml: only for cards that need them

    try:
        return front_matter.load(block), "", 1
    except front_matter.BadYaml as error:
        return None, str(error), max(1, error.line + 2)


def _line_by_line(block: str) -> dict[str, object] | None:
    """Take from YAML that does not parse what stands plainly on a line of its own."""
    found: dict[str, object] = {}
    for match in re.finditer(_KEY_LINE, block):
        found.setdefault(match[1], match[2].strip().strip("\"'"))
    return found or None


def _text(value: object) -> str:
    """Take a scalar as text; whatever else as none."""
    return "" if value is None or isinstance(value, list | dict) else str(value).strip()


def _agent(path: str, name: object, problems: list[Problem]) -> str:
    """Return the name of the agent; one that cannot own a folder gives way to the file's."""
    given = _text(name)
    stem = path.rpartition("/")[2].removesuffix(".md")
    try:
        return naming.check_agent(given or stem)
    except InvalidInput as error:
        problems.append(Problem(path=path, line=1, message=error.message))
    return unicodedata.normalize("NFC", stem)


def _tools(value: object) -> tuple[str, ...]:
    """Split a list of tools at its commas, but not inside the parentheses of `Bash(git add, git commit)`."""
    if isinstance(value, list):
        return tuple(dict.fromkeys(filter(None, map(_text, value))))
    parts: list[str] = []
    depth = 0
    for piece in _text(value).split(","):
        if depth:
            parts[-1] = f"{parts[-1]},{piece}"
        else:
            parts.append(piece)
        depth = max(0, depth + piece.count("(") - piece.count(")"))
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


# --- First Step ---------------------------------------------------------------------------------------------------


def _is_first_step(heading: str) -> bool:
    """Whether a heading is `First Step`, with at most one word before it (`Your first step:`)."""
    words = re.findall(r"[^\W\d_]+", heading.casefold())[:3]
    return any(pair in (("first", "step"), ("first", "steps")) for pair in pairwise(words))


def _reads(path: str, texts: Iterable[str]) -> Iterator[str]:
    """Yield the paths that the texts name, relative to the project, without what lies in the memory."""
    for text in texts:
        for line in text.split("\n"):
            if not ("`" in line or "/" in line or ".md" in line) or re.match(_OUR_COMMAND, line):
                continue
            for named in _named(line):
                target = _below_the_project(path, named)
                if target not in ("", ".", "./", "/") and _STORE not in target.split("/"):
                    yield target


def _named(line: str) -> Iterator[str]:
    """Yield what is written as a path: in inline code, as the target of a link, or as a word that is plainly a file."""
    for code, link, word in re.findall(_NAMED, line):
        whole = markdown.mentions(f"`{code or link}`") if code or link else ()
        if whole or re.match(_OUR_COMMAND, code):
            yield from whole
        else:
            for part in (code or word).split():
                yield from _file(part)


def _file(word: str) -> tuple[str, ...]:
    """Return a word of running text as a path: it needs a folder or `.md`, and an ending that files have."""
    if "/" not in word and ".md" not in word:
        return ()
    bare = word.strip(_MARKS).rstrip(f"{_MARKS}.")
    if "/" not in bare and not bare.endswith(".md"):
        return ()
    return markdown.mentions(f"`{bare}`") if markdown.mentions(f"`{bare.rpartition('/')[2]}`") else ()


def _below_the_project(path: str, named: str) -> str:
    """Return a named path relative to the project; one that begins with `../` is relative to the card."""
    target = re.sub(_PROJECT, "", named, count=1)
    if target.startswith("../"):
        target = f"{posixpath.dirname(path)}/{target}"
    folder = "/" if target.endswith("/") else ""
    return f"{posixpath.normpath(target).rstrip('/')}{folder}" if target else ""


# --- role ---------------------------------------------------------------------------------------------------------


def _role(values: Mapping[Any, object], lines: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return who is named as lead, peers and reports: by the front matter, else by the first line that names any."""
    found: dict[str, tuple[str, ...]] = {key: _names(values.get(key)) for key in ("lead", "peers", "reports")}
    for key, value in lines:
        if key in found and not found[key]:
            found[key] = _names(value)
    return found


def _role_lines(body: str) -> Iterator[tuple[str, str]]:
    """Yield (key, value) of the lines outside fenced code that say something about the role."""
    fence = ""
    for line in body.split("\n"):
        mark = line.lstrip()[:3]
        if mark in ("```", "~~~") and fence in ("", mark):
            fence = "" if fence else mark
        elif not fence and (match := re.match(_ROLE, line)):
            key = match["key"].lower()
            yield _KEYS.get(key, "peers" if key == "peer" else key), match["value"]


def _names(value: object) -> tuple[str, ...]:
    """Return the names of agents in a text or list."""
    if isinstance(value, list):
        return tuple(dict.fromkeys(name for item in value for name in _names(_text(item))))
    text = _text(value)
    parts = re.findall("`([^`]+)`", text) or re.split(r"[,;&]|\band\b|\bor\b", re.sub(_REMARK, "", text))
    return tuple(dict.fromkeys(filter(None, map(_name, parts))))


def _name(text: str) -> str:
    """Return the agent that words name, or "": `Backend Architect` is one, `the user` and `all of them` are not."""
    words = text.strip(" \t*_`'\"[].@:").split()
    words = words[1:] if words and words[0].lower() == "the" else words
    titled = len(words) in (2, 3, 4) and all(word[0].isupper() for word in words)
    name = "-".join(words).lower() if titled else "".join(words[:1]) if len(words) == 1 else ""
    if name.casefold() in _NOBODY:
        return ""
    try:
        return naming.check_agent(name)
    except InvalidInput:
        return ""


def _tier(given: object, lines: Iterable[tuple[str, str]], headings: Iterable[str]) -> int | None:
    """Return the tier: by the front matter, a line `Tier: 3`, or a heading `Role: API Engineer (Tier 3)`."""
    matches = [re.match(_TIER, text) for text in (_text(given), *(value for key, value in lines if key == "tier"))]
    found = [*matches, *(re.search(_TIER_IN_HEADING, heading) for heading in headings)]
    return next((int(match[1]) for match in found if match), None)
