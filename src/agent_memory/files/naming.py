"""Names: of agents, of files, of memories, and what people write when they mean one."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import date, datetime

from agent_memory.errors import InvalidInput

LONGEST_SLUG = 80
LONGEST_TOPIC = 10_000
"""Characters of a topic; nobody loses a memory for a long title, but a whole text is none."""
LONGEST_AGENT = 64

_STORE = "agents-memory"
_ARCHIVE = ".store/archive/"
_CONTROL = r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]"
_RESERVED = r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\..*)?"
# Letters and marks that show nothing: two names that look alike must not be two agents.
_INVISIBLE = "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
_DATE = r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])"
_ISO_TIME = r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt \t][0-9:., \t+Zz-]*)?"
# Eight digits are a date only where they stand alone and name a day somebody could have written a memory on.
_COMPACT_DATE = r"((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})(?=[-_. ]|$)"


def topic_slug(topic: str) -> str:
    """Return the part of a file name that is made of a topic: ASCII words joined by "-", at most 80 characters.

    Raises:
        InvalidInput: The topic is blank or holds a NUL.
    """
    # Writing is the only place that needs the transliteration tables; reading and searching start without them.
    from slugify import slugify  # noqa: PLC0415

    if "\0" in topic or not topic.strip():
        raise InvalidInput("the topic is blank or holds a NUL character", hint="say in a few words what it is about")
    slug = slugify(
        topic, max_length=LONGEST_SLUG, word_boundary=True, save_order=True, entities=False, decimal=False,
        hexadecimal=False,
    ).strip("-")  # fmt: skip
    if not slug:
        return f"memory-{hashlib.sha256(topic.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return f"{slug}-memory" if re.fullmatch(_RESERVED, slug) else slug


def check_topic(topic: str) -> str:
    """Return a topic that somebody gives a memory, if it is short enough for a title.

    Raises:
        InvalidInput: It is not.
    """
    if len(topic) > LONGEST_TOPIC:
        raise InvalidInput(
            f"the topic has {len(topic):,} characters, more than {LONGEST_TOPIC:,}",
            hint="say in a few words what it is about; the rest belongs into the text",
        )
    return topic


def check_agent(agent: str) -> str:
    """Return the name of an agent that is to write, NFC-normalised, if it can be the name of a folder anywhere.

    Raises:
        InvalidInput: It is not usable.
    """
    name = unicodedata.normalize("NFC", agent)
    if not name:
        raise InvalidInput("the agent's name is empty", hint="use a name such as backend-engineer")
    wrong = ""
    if len(name) > LONGEST_AGENT or len(name.encode("utf-8", "surrogatepass")) > 255:
        wrong = f"is longer than {LONGEST_AGENT} characters"
    elif not _is_letter_or_digit(name[0]):
        wrong = "does not start with a letter or digit"
    elif any(not _may_follow(c) for c in name) or re.search(_INVISIBLE, name):
        wrong = "has characters other than letters, digits, '.', '_' and '-'"
    elif name.endswith("."):
        wrong = "ends in '.'"
    elif re.fullmatch(_RESERVED, name) or name == _STORE:
        wrong = "is reserved by Windows" if name != _STORE else "is the name of the store"
    if wrong:
        shown = ascii(name[:LONGEST_AGENT])
        raise InvalidInput(f"the agent name {shown} {wrong}", hint="use a name such as backend-engineer")
    return name


def _is_letter_or_digit(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "L" or category == "Nd"


def _may_follow(character: str) -> bool:
    # Vowel signs and the like are part of a word in many scripts, although they are no letters.
    return character in "._-" or _is_letter_or_digit(character) or unicodedata.category(character) in ("Mn", "Mc")


def file_name(day: date, slug: str, attempt: int = 1) -> str:
    """Return the name of the file for a new memory; later attempts avoid a name that is taken.

    >>> file_name(date(2026, 3, 2), "retry-policy", 2)
    '2026-03-02-retry-policy-2.md'
    """
    number = "" if attempt == 1 else f"-{attempt}"
    return f"{day.isoformat()[:10]}-{slug}{number}.md"


def id_of(path: str) -> str:
    """Return the id of the memory in the file at `path`, which is relative to the store root.

    >>> id_of(".store/archive/api-engineer/2026-03-02-retries.md")
    'api-engineer/2026-03-02-retries'
    """
    return path.removeprefix(_ARCHIVE).removesuffix(".md")


def agent_of(path: str) -> str:
    """Return the owner of the file at `path`: its first folder, or "" for a file beside the agents' folders."""
    return path.removeprefix(_ARCHIVE).rpartition("/")[0].partition("/")[0]


def reference(text: str, *, agent: str | None = None) -> str:
    """Return the id that a person or a front matter means, without looking whether there is such a memory.

    A stem alone gets `agent` as its folder where one is given. Whatever has a "/" begins with an agent.

    >>> reference("[[2026-03-02-retries]]", agent="api-engineer")
    'api-engineer/2026-03-02-retries'
    >>> reference("./.claude/agents-memory/api-engineer/2026-03-02-retries.md")
    'api-engineer/2026-03-02-retries'

    Raises:
        InvalidInput: It is empty, a folder, or leads out of the store.
    """
    target = _unwrapped(text.strip(" \t\r\n"))
    if not target or re.search(_CONTROL, target):
        raise _unusable(text, "is empty" if not target else "holds control characters")
    if "\\" in target:
        raise _unusable(text, "has a backslash")
    if target[0] == "/" or re.match("[A-Za-z]:", target):
        raise _unusable(text, "is an absolute path")
    parts = target.split("/")
    if ".." in parts:
        raise _unusable(text, "has '..'")
    if parts[-1] in ("", "."):
        raise _unusable(text, "names a folder")
    parts = _below_the_root([part for part in parts if part not in ("", ".")])
    parts[-1] = parts[-1].removesuffix(".md")
    if not parts[-1]:
        raise _unusable(text, "has no name")
    return f"{agent}/{parts[0]}" if agent and len(parts) == 1 else "/".join(parts)


def _unwrapped(text: str) -> str:
    """Take off the brackets of a wiki link, its label, and the fragment after either form."""
    if text.startswith("[[") and text.endswith("]]"):
        return re.split(r"[|#]", text[2:-2], maxsplit=1)[0].strip(" \t")
    path, found, _ = text.partition(".md#")
    return f"{path}.md" if found else text


def _below_the_root(parts: list[str]) -> list[str]:
    """Drop the folders that lead to the store and to its archive."""
    if _STORE in parts[:-1]:
        parts = parts[len(parts) - parts[::-1].index(_STORE, 1) :]
    return parts[2:] if parts[:2] == [".store", "archive"] and len(parts) > 2 else parts


def _unusable(text: str, why: str) -> InvalidInput:
    shown = ascii(text if len(text) <= 100 else f"{text[:100]}…")
    return InvalidInput(f"{shown} cannot name a memory: it {why}", hint="write <agent>/<YYYY-MM-DD>-<topic>")


def words_of(stem: str) -> str:
    """Return a file's stem as words, without the date in front.

    >>> words_of("2026-03-02-retry-policy")
    'retry policy'
    """
    rest = stem[_dated(stem)[1] :]
    return " ".join(re.split(r"[-_\s]+", rest)).strip() or stem


def date_in(stem: str) -> date | None:
    """Return the day that a file's stem begins with, as `2026-03-02` or `20260302`; None where it is no valid date."""
    return _dated(stem)[0]


def _dated(stem: str) -> tuple[date | None, int]:
    """Return the leading date and its length."""
    match = re.match(_DATE, stem) or re.match(_COMPACT_DATE, stem)
    if match is None:
        return None, 0
    year, month, day = match.groups()
    try:
        return date(int(year), int(month), int(day)), match.end()
    except ValueError:
        return None, 0


def iso_day(text: str) -> date | None:
    """Return the day of an ISO date or time, as forgiving as YAML: `2026-3-2` and `2026-03-02 10:00 +2` are fine."""
    try:
        if match := re.fullmatch(_ISO_TIME, text.strip()):
            return date(*map(int, match.groups()))
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        return None
