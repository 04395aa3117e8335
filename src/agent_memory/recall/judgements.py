"""Tasks, and which memories matter for each: read from the files of an evaluation, or made of the memories themselves.

Pure: texts and values in, values out. What does not parse is an `InvalidInput` that names file and line.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from agent_memory.errors import InvalidInput
from agent_memory.index.analysis import analyse, stems_of
from agent_memory.model import Memory, Record
from agent_memory.recall.evaluation import MUST_HAVE, Successors

BEST_GRADE = 9
FEWEST_STEMS = 3
"""Stems that a question needs to be one."""
LONGEST_QUESTION = 40
"""Words of a question made of a memory at most."""

_TASK_HINT = 'a line is an object such as {"id": "T1", "agent": "api-engineer", "task": "…", "date": "2026-03-02"}'
_GRADE_HINT = "a line is: task, path and grade (2 must have, 1 useful, 0 irrelevant, -1 stale), separated by tabs"
_CHAIN_HINT = "the first line names the columns, old and new among them, separated by tabs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing an agent was told to do.

    Attributes:
        date: The day it is asked; memories after it do not exist. None is today.
        place: File and line it was read from, for errors.
    """

    id: str
    agent: str
    task: str
    date: date | None = None
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a file of grades says.

    Attributes:
        grades: Task -> path -> grade.
        unknown_tasks: Ids that no task has, each once.
        unknown_paths: Paths that no memory has, each once; their grades count, nothing can find them.
    """

    grades: dict[str, dict[str, int]]
    unknown_tasks: tuple[str, ...] = ()
    unknown_paths: tuple[str, ...] = ()


# -- files ------------------------------------------------------------------------------------------------------------


def read_tasks(text: str, name: str) -> tuple[Task, ...]:
    """Read tasks, one JSON object a line; keys that mean nothing here are left alone.

    Raises:
        InvalidInput: A line is no task, or there is none.
    """
    tasks: dict[str, Task] = {}
    for place, line in _lines(text, name):
        task = _task(line, place)
        if task.id in tasks:
            raise InvalidInput(f"{place}: a second task {task.id!r}; the first is {tasks[task.id].place}")
        tasks[task.id] = task
    if not tasks:
        raise InvalidInput(f"{name}: there is no task", hint=_TASK_HINT)
    return tuple(tasks.values())


def _task(line: str, place: str) -> Task:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        problem = error.msg if isinstance(error, json.JSONDecodeError) else "nested or numbered beyond measure"
        raise InvalidInput(f"{place}: not JSON: {problem}", hint=_TASK_HINT) from None
    if not isinstance(value, dict):
        raise InvalidInput(f"{place}: not an object", hint=_TASK_HINT)
    for key in ("id", "agent", "task"):
        if not isinstance(value.get(key), str) or not value[key].strip():
            raise InvalidInput(f"{place}: {key!r} is missing or no text", hint=_TASK_HINT)
        if re.search(r"[\ud800-\udfff]", value[key]):
            raise InvalidInput(f"{place}: {key!r} holds half a character (a lone surrogate)", hint="pass valid Unicode")
    return Task(id=value["id"], agent=value["agent"], task=value["task"], date=_day(value, place), place=place)


def _day(value: Mapping[str, object], place: str) -> date | None:
    given = value.get("date")
    if given is None:
        return None
    try:
        if not isinstance(given, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])", given):
            raise ValueError(given)
        return date.fromisoformat(given[:10])
    except ValueError:
        raise InvalidInput(f"{place}: 'date' is not a day", hint="write it as YYYY-MM-DD, such as 2026-03-02") from None


def read_grades(text: str, name: str, tasks: Sequence[Task], paths: Iterable[str]) -> Judged:
    """Read grades: task, path and grade, separated by tabs.

    Args:
        paths: Every path of the store; a path may be shortened as far as it stays clear (see `resolver`).

    Raises:
        InvalidInput: A line has another form, or two lines contradict each other.
    """
    resolve = resolver(paths)
    agents = {task.id: task.agent for task in tasks}
    grades: dict[str, dict[str, int]] = {}
    lost_tasks: dict[str, None] = {}
    lost_paths: dict[str, None] = {}
    for place, line in _lines(text, name):
        task, written, grade = _graded(line, place)
        if task not in agents:
            lost_tasks[task] = None
            continue
        path = resolve(written, agents[task])
        if path is None:
            lost_paths[written] = None
        of_task = grades.setdefault(task, {})
        if of_task.setdefault(path or written, grade) != grade:
            raise InvalidInput(f"{place}: another grade of {written} for {task} than above", hint=_GRADE_HINT)
    return Judged(grades=grades, unknown_tasks=tuple(lost_tasks), unknown_paths=tuple(lost_paths))


def _graded(line: str, place: str) -> tuple[str, str, int]:
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) != 3 or not all(cells):
        raise InvalidInput(f"{place}: not three fields", hint=_GRADE_HINT)
    if not re.fullmatch(r"-1|[0-9]", cells[2]):
        raise InvalidInput(f"{place}: {cells[2]!r} is no grade from -1 to {BEST_GRADE}", hint=_GRADE_HINT)
    return cells[0], cells[1], int(cells[2])


def read_chains(text: str, name: str, paths: Iterable[str]) -> Successors:
    """Read which memory replaces which: a table with the columns old and new, and kind where it has that.

    Raises:
        InvalidInput: The columns are missing, or a line lacks one.
    """
    resolve = resolver(paths)
    rows = list(_lines(text, name))
    columns = [cell.strip() for cell in rows[0][1].split("\t")] if rows else []
    if not {"old", "new"} <= set(columns):
        raise InvalidInput(f"{rows[0][0] if rows else name}: no columns old and new", hint=_CHAIN_HINT)
    steps: dict[str, set[str]] = {}
    kinds: dict[str, str] = {}
    for place, line in rows[1:]:
        cells = dict(zip(columns, (cell.strip() for cell in line.split("\t")), strict=False))
        if not cells.get("old") or not cells.get("new"):
            raise InvalidInput(f"{place}: old or new is missing", hint=_CHAIN_HINT)
        old, new = (resolve(cells[key], "") or cells[key] for key in ("old", "new"))
        steps.setdefault(old, set()).add(new)
        kinds[old] = cells.get("kind", "")
    return Successors(steps=steps, kinds=kinds)


def _lines(text: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the lines that are not empty, each with its place."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"{name}:{number}", line.rstrip("\r")


def resolver(paths: Iterable[str]) -> Callable[[str, str], str | None]:
    """Return a function from what a file writes, and the agent that is asked for, to the path of a memory, or None.

    A path may lack its beginning and its `.md` as long as one memory alone is meant, or one alone of that agent; signs
    that are unusual in file names may stand for a dash.
    """
    known = set(paths)
    ends: dict[str, list[str]] = {}
    for path in sorted(known):
        parts = path.removesuffix(".md").split("/")
        for start in range(len(parts)):
            ends.setdefault("/".join(parts[start:]), []).append(path)

    def resolve(written: str, agent: str) -> str | None:
        text = re.sub(r"^.*\.claude/agents-memory/", "", written.replace("\\", "/"))
        if text in known:
            return text
        bare = text.removesuffix(".md")
        found = ends.get(bare) or ends.get(re.sub(r"[^\w/.-]+", "-", bare), [])
        own = [path for path in found if path.startswith(f"{agent}/")]
        return next((some[0] for some in (found, own) if len(some) == 1), None)

    return resolve


# -- the store's own memories -----------------------------------------------------------------------------------------


def supersessions(records: Iterable[Record]) -> Successors:
    """Return which memory replaces which, as the memories themselves say it."""
    known = {record.id: record.path for record in records}
    steps = {r.path: {known[new] for new in r.superseded_by if new in known} for r in records if r.superseded_by}
    return Successors(steps=steps)


def own_questions(memories: Sequence[Memory]) -> tuple[Task, ...]:
    """Make a task of each memory that says enough: its description, else its most telling sentence.

    The words of its title are left out, so that finding it takes more than its title. The id of the task is the path.
    """
    having = Counter(stem for memory in memories for stem in set(analyse(memory.body).stems))
    rarity = {stem: math.log(1 + len(memories) / count) for stem, count in having.items()}
    asked = ((memory, _question(memory, rarity)) for memory in memories)
    return tuple(Task(id=m.path, agent=m.agent, task=text, place=m.path) for m, text in asked if text)


def own_grades(tasks: Iterable[Task], successors: Successors) -> dict[str, dict[str, int]]:
    """Grade for tasks made of memories: each is the must-have of its own task, what it replaces is stale."""
    grades: dict[str, dict[str, int]] = {task.id: {task.id: MUST_HAVE} for task in tasks}
    for old in successors.steps:
        for new in successors.of(old) & grades.keys() - {old}:
            grades[new][old] = -1
    return grades


def _question(memory: Memory, rarity: Mapping[str, float]) -> str:
    title = set(analyse(memory.name).stems)
    described = _without(memory.description, title)
    if _says_enough(described):
        return described
    candidates = [text for text in (_without(s, title) for s in sentences(memory.body)) if _says_enough(text)]
    return max(candidates, key=lambda text: _telling(text, rarity), default="")


def sentences(body: str) -> list[str]:
    """Return the sentences and list items of a Markdown text, without headings, code and tables."""
    text = re.sub(r"^ *(```|~~~).*?(?:^ *\1[^\n]*$|\Z)", "\n\n", body, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^ *(?:#|\||[-=*_]{3,} *$).*$", "\n\n", text, flags=re.MULTILINE)
    text = re.sub(r"^[ >]*(?:[-*+]|[0-9]+[.)]) +", "\n\n", text, flags=re.MULTILINE)
    parts = re.split(r"\n\s*\n|(?<=[.!?])\s+(?=[^\sa-z])", text)
    return [" ".join(part.split()) for part in parts if part.strip()]


def _without(text: str, stems: set[str]) -> str:
    words = text.split()[:LONGEST_QUESTION]
    return " ".join(word for word in words if not (found := set(stems_of(word))) or not found <= stems)


def _says_enough(text: str) -> bool:
    return len(set(analyse(text).stems)) >= FEWEST_STEMS


def _telling(text: str, rarity: Mapping[str, float]) -> float:
    """Return how rare the words are, in a measure that neither the longest nor the shortest sentence wins by itself."""
    found = set(analyse(text).stems)
    return sum(rarity.get(stem, 0.0) for stem in found) / math.sqrt(len(found))
