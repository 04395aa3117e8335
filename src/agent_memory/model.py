"""The words of the product as frozen values; they hold no behaviour beyond small derived properties."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal, NamedTuple

DateSource = Literal["front_matter", "name", "text", "file_time"]
"""Where the date of a memory came from, in the order in which the places are asked."""

TYPES = (
    "decision", "convention", "gotcha", "procedure", "reference", "preference",
    "incident", "handoff", "consultation", "digest", "note",
)  # fmt: skip
"""Types we write; reading accepts any word."""

STATUSES = ("active", "superseded", "archived", "expired", "open", "answered")
"""Statuses with a meaning; reading accepts any word. `expired` is derived and never written, `open` and `answered` are
those of a consultation."""


class Section(NamedTuple):
    """A passage before it is indexed: one section of a memory's body.

    Attributes:
        heading: Heading path from the outermost heading inwards, joined by " > "; "" before the first heading.
        start: Offset of its first character in `Memory.body`.
        end: Offset after its last character in `Memory.body`.
        line: Line of its first character in the file, from 1.
    """

    heading: str
    start: int
    end: int
    line: int


class Memory(NamedTuple):
    """One Markdown file, read.

    Attributes:
        id: `<agent>/<path below the agent's folder without .md>`.
        path: Relative to the store root, with "/" (archived ones lie below `.store/archive/`).
        name: The topic: front matter `name`, else the first heading, else the words of the file name.
        status: What the front matter says ("active" if it is silent); see `Record.status` for what holds.
        supersedes: Ids of the memories this one replaces, normalised to `<agent>/<stem>`.
        files: Paths the front matter says the memory speaks about.
        links: Targets of `[[wiki]]` and relative Markdown links in the body, as written.
        mentions: Paths named in the body's inline code, as written.
        body: Text after the front matter, line endings as on disk.
        fingerprint: sha256 of the file's bytes, hex.
        notes: What the store has to say about the call that returned this memory; not part of the file.
    """

    id: str
    path: str
    agent: str
    name: str
    date: dt.date
    date_source: DateSource
    body: str
    fingerprint: str
    type: str = "note"
    description: str = ""
    tags: tuple[str, ...] = ()
    status: str = "active"
    visibility: str = "team"
    supersedes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    valid_until: dt.date | None = None
    to: str | None = None
    sources: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    links: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def archived(self) -> bool:
        """Whether the file lies in the archive."""
        return self.path.startswith(".store/archive/")


class Record(NamedTuple):
    """What the index knows of one memory, without its text.

    Attributes:
        number: Key inside one index; it has no meaning outside.
        status: What holds now: "archived", "superseded" (another memory supersedes it), "expired" (`valid_until` has
            passed), else what the file says.
        to: Whom a consultation is addressed to.
        size: Bytes of the file.
        body_start: Characters of the file before the body.
        supersedes: Ids, also of memories that do not exist.
        superseded_by: Ids; those that are private to others are left out.
    """

    number: int
    path: str
    id: str
    agent: str
    name: str
    date: dt.date
    date_source: DateSource
    type: str
    description: str
    status: str
    visibility: str
    valid_until: dt.date | None
    to: str | None
    fingerprint: str
    size: int
    body_start: int
    tags: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()
    superseded_by: tuple[str, ...] = ()


class Suggestion(NamedTuple):
    """Two memories that say the same, or of which the later one probably replaces the earlier; nothing acts on it.

    Attributes:
        new: Id of the later memory.
        old: Id of the earlier one.
        date: The day of the earlier one.
        likeness: From 0 to 1.
        agent: Who has to be named because one of them is private, or "".
    """

    kind: Literal["revision", "duplicate"]
    new: str
    old: str
    date: dt.date
    likeness: float
    agent: str = ""

    def __str__(self) -> str:
        ids = f"{self.new} {self.old}" + (f" --agent {self.agent}" if self.agent else "")
        if self.kind == "revision":
            return f"looks like a revision of {self.old} ({self.date}): memory supersede {ids}"
        return f"repeats {self.old} ({self.date}): memory show {ids}"


class Problem(NamedTuple):
    """Something about a file that a person should know.

    Attributes:
        path: Relative to the store root.
        line: Line in the file from 1, or None where no line applies.
        indexed: False where the file could not be read as a memory at all.
    """

    path: str
    message: str
    line: int | None = None
    indexed: bool = True

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.message}"


class Stat(NamedTuple):
    """A file as a folder listing sees it: a hint for skipping, never proof that content is the same.

    Attributes:
        path: Relative to the store root, with "/".
        size: Bytes.
        mtime_ns: Nanoseconds since the epoch; anybody can set it.
        ctime_ns: Nanoseconds since the epoch; only the kernel sets it.
        inode: File serial number.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @property
    def modified(self) -> dt.datetime:
        """Modification time in UTC."""
        return dt.datetime.fromtimestamp(self.mtime_ns / 1e9, tz=dt.UTC)


class SyncReport(NamedTuple):
    """What a sync found and did.

    Attributes:
        unchanged: Files whose stat said that nothing changed, or whose content proved to be the same.
        folders: Folders that were listed, relative to the root, each with a trailing "/" but the root itself ("").
        seconds: Wall time.
        rebuilt: Why the index was built anew, or "".
    """

    added: int = 0
    changed: int = 0
    renamed: int = 0
    removed: int = 0
    unchanged: int = 0
    problems: tuple[Problem, ...] = ()
    folders: tuple[str, ...] = ()
    seconds: float = 0.0
    rebuilt: str = ""


class Term(NamedTuple):
    """One addend of a score.

    Attributes:
        name: What matched: a token, or the name of a rule.
        field: Where: "memory", "passage", "beside" (a neighbouring passage), "exact", "feedback", or "rule".
        value: Points it added.
        note: Numbers behind it, for people.
    """

    name: str
    field: str
    value: float
    note: str = ""


class Hit(NamedTuple):
    """One memory found by a search, with its best passage.

    Attributes:
        score: Comparable within one result only.
        snippet: Part of the best passage, on one line.
        highlights: (start, end) offsets into `snippet` of the words that matched.
        heading: Heading path of the best passage.
        line: Line of that passage in the file, from 1.
        terms: Every addend of the score, largest first; empty unless asked for.
        also: Memories that say the same and therefore have no place of their own; only in the answer to a task.
    """

    record: Record
    score: float
    snippet: str
    highlights: tuple[tuple[int, int], ...] = ()
    heading: str = ""
    line: int = 1
    terms: tuple[Term, ...] = ()
    also: tuple[Record, ...] = ()


class SearchResult(NamedTuple):
    """The answer to a search.

    Attributes:
        total: Memories that were ranked, of which `hits` are the best.
        complete: False where more memories match than are ranked in full.
        fallback: What did not work as usual and how the answer was made instead, or "".
        suggestion: A query that would find something, where this one did not, or "".
        arms: The ways of ranking that ran.
    """

    query: str
    hits: tuple[Hit, ...]
    total: int
    complete: bool = True
    fallback: str = ""
    suggestion: str = ""
    arms: tuple[str, ...] = ("bm25",)
    problems: tuple[Problem, ...] = ()


Form = Literal["full", "summary", "line"]
"""How much of a memory is handed over: the whole text, the parts of it that matter for the task, or one line."""


class Changed(NamedTuple):
    """What happened to a file or folder after a day.

    Attributes:
        commits: Commits that touched it, under its later names too.
        vanished: It is not there any more, and git does not say where it went.
        last: Day of the last of those commits.
        moved_to: Where it is now, relative to what the given path was relative to; "" where it did not move.
    """

    commits: int = 0
    vanished: bool = False
    last: dt.date | None = None
    moved_to: str = ""


class Briefed(NamedTuple):
    """One memory in a briefing.

    Attributes:
        why: What spoke for it, in words.
        score: 0 for what is handed over for another reason than the task.
        age: Days from its date to the day of the briefing.
        status: What held on that day: as in `Record`, or "expired".
        also: Ids of memories that say the same and have no place of their own.
        changed: Files it names -> what happened to them since; those that did not change are missing.
    """

    record: Record
    form: Form
    why: str
    score: float = 0.0
    age: int = 0
    status: str = "active"
    also: tuple[str, ...] = ()
    changed: Mapping[str, Changed] = {}


class Named(NamedTuple):
    """A shared document that a card names, and one phrase about what is wrong with it, or ""."""

    path: str
    problem: str = ""


class Briefing(NamedTuple):
    """What an agent is handed at its First Step.

    Attributes:
        markdown: The text to hand over; never larger than the budget.
        memories: Those that matter for the task, best first.
        left_out: What did not fit: answers and questions, then memories, best first.
        consultations: Open questions that are addressed to the agent.
        answers: What others answered to the agent's own questions and no earlier briefing had.
        tokens: Size of `markdown`, four bytes of UTF-8 counted as one token.
        arms: As in `SearchResult`.
        receipt: Id of the receipt; "" where none was left.
        fallback: As in `SearchResult`.
    """

    agent: str
    markdown: str
    memories: tuple[Briefed, ...]
    left_out: tuple[Record, ...]
    nothing_relevant: bool
    tokens: int
    consultations: tuple[Briefed, ...] = ()
    answers: tuple[Briefed, ...] = ()
    documents: tuple[Named, ...] = ()
    arms: tuple[str, ...] = ()
    receipt: str = ""
    fallback: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of `markdown` in UTF-8."""
        return len(self.markdown.encode("utf-8", "backslashreplace"))
