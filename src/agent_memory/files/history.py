"""What git says of the files that memories speak about: how often they changed since then, and whether they are gone.

Only committed history counts, and the day of a commit is the committer's, so that every clone gives the same answer.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple

from agent_memory.files.listing import printable
from agent_memory.model import Changed

NAMED = 3
"""Files that a sentence names at most."""

_ROUNDS = 4  # moves of one file that are followed
_EARLIEST, _LATEST = date(1971, 1, 1), date(2099, 1, 1)  # days that git understands
_ENVIRONMENT = (  # what a git hook has set would lead elsewhere; never lock, ask, or fetch what is missing
    *("-u", "GIT_DIR", "-u", "GIT_WORK_TREE", "-u", "GIT_INDEX_FILE", "-u", "GIT_COMMON_DIR", "-u", "GIT_PREFIX"),
    *("GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "LC_ALL=C"),
)  # fmt: skip
_LOG = (  # every setting of the user that changes what is printed is set here
    *("git", "--literal-pathspecs", "-c", "log.showSignature=false", "-c", "log.showRoot=true"),
    *("-c", "log.follow=false", "-c", "diff.relative=false"),
    *("log", "-z", "--format=%x01%H %cs", "--name-status", "--no-color", "--no-notes", "--no-merges"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What git says.

    Attributes:
        changed: Path as it was given -> what happened to it; paths that neither git nor the disk knows are missing.
        problem: Why git says nothing, or "".
    """

    changed: dict[str, Changed]
    problem: str = ""


def changes(project: Path, wanted: Mapping[str, date], *, until: date | None = None, timeout: float = 0.5) -> History:
    """Say what happened to files and folders after the end of a day each.

    Args:
        project: The folder that paths are relative to; else they are relative to the top of its repository.
        wanted: Path -> day.
        until: The last day that counts; by default all do.
        timeout: Seconds that git may take in all.
    """
    if not wanted:
        return History(changed={})
    try:
        repository = _Repository.around(os.fspath(project), until, time.monotonic() + timeout, timeout)
        return History(changed=_all_of(repository, wanted))
    except _NoAnswer as error:
        return History(changed={}, problem=str(error))


def sentence(changed: Mapping[str, Changed]) -> str:
    """Say in words what happened, or "" where nothing did.

    >>> sentence({"src/a.py": Changed(commits=12), "src/b.py": Changed(vanished=True), "src/c.py": Changed()})
    'files changed since: 12 commits in src/a.py; src/b.py is gone'
    """
    gone = [f"{printable(path)} is gone" for path, one in changed.items() if one.vanished]
    touched = [(path, one) for path, one in changed.items() if one.commits and not one.vanished]
    told = [
        f"{one.commits} commit{'' if one.commits == 1 else 's'} in {printable(path)}"
        + (f" (now {printable(one.moved_to)})" if one.moved_to else "")
        for path, one in touched
    ]
    words = [f"files changed since: {_some(told)}"] if told else []
    return "; ".join([*words, _some(gone)] if gone else words)


def _some(parts: Sequence[str]) -> str:
    more = len(parts) - NAMED
    return ", ".join([*parts[:NAMED], f"{more} more"] if more > 0 else parts)


# -- asking git -------------------------------------------------------------------------------------------------------


class _NoAnswer(Exception):
    """Git cannot say; the message is the reason."""


class _Touch(NamedTuple):
    """One file of one commit.

    Attributes:
        status: "A", "M", "D", "T", or in a listing of moves "R090", "C090" with the likeness in hundredths.
        source: In a listing of moves, where the file came from.
    """

    commit: str
    day: date
    status: str
    path: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Repository:
    """A checkout.

    Attributes:
        top: Its folder.
        prefix: The project's folder below it, with a trailing "/", or "".
        deadline: On the monotonic clock.
    """

    top: str
    prefix: str
    until: date | None
    deadline: float
    timeout: float

    @classmethod
    def around(cls, project: str, until: date | None, deadline: float, timeout: float) -> _Repository:
        """Find the checkout that a folder is in, without running git."""
        start = top = os.path.realpath(project)
        while not os.path.lexists(f"{top}/.git"):
            if top == os.path.dirname(top):
                raise _NoAnswer("the project is in no git repository")
            top = os.path.dirname(top)
        if os.path.exists(f"{_shared(top)}/shallow"):
            raise _NoAnswer("the repository is a shallow clone, whose history is cut off")
        prefix = "" if start == top else f"{os.path.relpath(start, top)}/"
        return cls(top=top, prefix=prefix, until=until, deadline=deadline, timeout=timeout)

    def has(self, place: str) -> bool:
        """Whether the path is on disk; folders without a file in them are what git leaves behind after a move."""
        path = f"{self.top}/{place}"
        if os.path.isdir(path) and not os.path.islink(path):
            return any(files for _, _, files in os.walk(path))
        return os.path.lexists(path)

    def log(self, *words: str) -> list[_Touch]:
        """Run `git log`, newest commit first."""
        late = f"git took longer than {self.timeout:g} s"
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise _NoAnswer(late)
        try:
            done = subprocess.run(  # noqa: S603  the words are ours, and paths stand behind "--"
                ["env", *_ENVIRONMENT, *_LOG, *words],  # noqa: S607  whichever git the user has
                cwd=self.top, stdin=subprocess.DEVNULL, capture_output=True, timeout=left, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise _NoAnswer(late) from None
        except (OSError, ValueError) as error:
            raise _NoAnswer(f"git cannot be run: {error}") from error
        if done.returncode == 127:
            raise _NoAnswer("git is not installed")
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise _NoAnswer(f"git failed: {printable(said) or f'exit code {done.returncode}'}")
        return list(_touches(done.stdout))


def _shared(top: str) -> str:
    """Return the git folder that all worktrees of a checkout share."""
    git = f"{top}/.git"
    if os.path.isdir(git):
        return git
    try:
        with open(git, encoding="utf-8", errors="surrogateescape") as file:
            own = os.path.join(top, file.read().strip().removeprefix("gitdir:").strip())
        if not os.path.exists(f"{own}/commondir"):
            return own  # a submodule
        with open(f"{own}/commondir", encoding="utf-8", errors="surrogateescape") as file:
            return os.path.join(own, file.read().strip())
    except (OSError, ValueError) as error:
        raise _NoAnswer("the project's .git is not what git writes") from error


def _touches(output: bytes) -> Iterator[_Touch]:
    """Read what `_LOG` prints: a mark with commit and day, then a status and one path, or two for a move."""
    commit, day = "", date.min
    tokens = iter(os.fsdecode(output).split("\0"))
    for token in tokens:
        word = token.lstrip("\n")
        if word.startswith("\x01"):
            commit, _, written = word[1:].partition(" ")
            day = date.fromisoformat(written)
        elif word:
            source = next(tokens) if word[0] in "RC" else ""
            yield _Touch(commit, day, word, next(tokens), source)


# -- what became of a path --------------------------------------------------------------------------------------------

_Question = tuple[str, date]
"""A place in the repository, and the day after which something may have happened to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trail:
    """What happened to a place.

    Attributes:
        removed: Where the place is not there any more: its files, and the commits that removed them.
    """

    commits: frozenset[str] = frozenset()
    last: date | None = None
    removed: Mapping[str, str] = field(default_factory=dict)
    moved_to: str = ""


def _all_of(repository: _Repository, wanted: Mapping[str, date]) -> dict[str, Changed]:
    places = {path: _places(repository, path) for path in wanted}
    trails = _trails(repository, {(place, day) for path, day in wanted.items() for place in places[path]}, _ROUNDS)
    found: dict[str, Changed] = {}
    for path, day in wanted.items():
        for place in places[path]:
            if (trail := trails.get((place, day))) is not None:
                found[path] = _told(path, place, trail, repository.prefix)
                break
    return found


def _places(repository: _Repository, path: str) -> tuple[str, ...]:
    """Return what a path may mean, relative to the top: the project's comes first, and what is on disk decides."""
    found: list[str] = []
    for base in (repository.prefix, ""):
        place = os.path.normpath(f"{base}{path}")
        if _is_usable(path) and place != "." and place.partition("/")[0] != ".." and place not in found:
            found.append(place)
    return tuple([place for place in found if repository.has(place)][:1] or found)


def _is_usable(path: str) -> bool:
    try:
        return bool(path) and not path.startswith("/") and b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def _told(path: str, place: str, trail: _Trail, prefix: str) -> Changed:
    moved = trail.moved_to
    if moved and place != os.path.normpath(path):
        moved = os.path.relpath(moved, prefix)
    return Changed(
        commits=len(trail.commits),
        vanished=bool(trail.removed),
        last=trail.last,
        moved_to="" if trail.removed else moved,
    )


def _trails(repository: _Repository, questions: AbstractSet[_Question], rounds: int) -> dict[_Question, _Trail]:
    """Answer all questions with one call of git, and one for each further step of what was moved away."""
    if not questions:
        return {}
    since = min(max(min(day for _, day in questions), _EARLIEST), _LATEST)
    places = sorted({place for place, _ in questions})
    touches = repository.log("--no-renames", "--full-history", f"--since={since}T00:00:00Z", "--", *places)
    trails: dict[_Question, _Trail] = {}
    for place, day in sorted(questions):
        own = [touch for touch in touches if _after(touch, day, repository.until) and _below(touch.path, place)]
        if own or repository.has(place):
            trails[place, day] = _trail(own, on_disk=repository.has(place))
    return _followed(repository, trails, rounds)


def _after(touch: _Touch, day: date, until: date | None) -> bool:
    return day < touch.day and (until is None or touch.day <= until)


def _below(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _trail(touches: Sequence[_Touch], *, on_disk: bool) -> _Trail:
    newest: dict[str, _Touch] = {}
    for touch in touches:
        newest.setdefault(touch.path, touch)
    gone = not on_disk and all(touch.status == "D" for touch in newest.values())
    return _Trail(
        commits=frozenset(touch.commit for touch in touches),
        last=max((touch.day for touch in touches), default=None),
        removed={path: touch.commit for path, touch in newest.items()} if gone else {},
    )


def _followed(repository: _Repository, trails: dict[_Question, _Trail], rounds: int) -> dict[_Question, _Trail]:
    """Go on where files were moved to."""
    commits = sorted({commit for trail in trails.values() for commit in trail.removed.values()})
    if not commits or not rounds:
        return trails
    moves = repository.log("--no-walk=unsorted", "-C", "--diff-filter=RC", *commits, "--")
    targets = {question: _target(question[0], trail.removed, moves) for question, trail in trails.items()}
    ahead = {question: (target, question[1]) for question, target in targets.items() if target}
    further = _trails(repository, set(ahead.values()), rounds - 1)
    return {
        question: _joined(trail, further.get(ahead[question]), targets[question]) if question in ahead else trail
        for question, trail in trails.items()
    }


def _joined(trail: _Trail, further: _Trail | None, target: str) -> _Trail:
    if further is None:
        return trail
    return _Trail(
        commits=trail.commits | further.commits,
        last=max(filter(None, (trail.last, further.last)), default=None),
        removed=further.removed,
        moved_to=further.moved_to or target,
    )


def _target(place: str, removed: Mapping[str, str], moves: Sequence[_Touch]) -> str:
    """Return the one place that a file, or all moved files of a folder, went to; "" where there is none or several."""
    found: set[str] = set()
    for path, commit in removed.items():
        new = _likest(path, [move for move in moves if (move.commit, move.source) == (commit, path)])
        rest = path[len(place) :]
        if new and new.endswith(rest):
            found.add(new.removesuffix(rest))
        elif new:
            return ""
    return found.pop() if len(found) == 1 else ""


def _likest(path: str, moves: Sequence[_Touch]) -> str:
    """Return where a file went: the most alike, and among equals the one of the same name."""
    best = max((int(move.status[1:]) for move in moves), default=0)
    likest = [move.path for move in moves if int(move.status[1:]) == best]
    same_name = [new for new in likest if os.path.basename(new) == os.path.basename(path)]
    for several in (likest, same_name):
        if len(several) == 1:
            return several[0]
    return ""
