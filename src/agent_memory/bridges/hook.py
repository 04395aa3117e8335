"""`memory hook`: one event of an agent runner in, one answer out, for Claude Code, Codex and what speaks like them.

| event | answer |
|---|---|
| `PreToolUse` of the tool that starts an agent | its task with the briefing for it below |
| `UserPromptSubmit` of a session that is an agent's (`--agent`) | the briefing for its first prompt, once |
| `SubagentStart` | where this agent's memories are and how one is written |
| `SubagentStop`, only if asked for | one reminder, where the agent wrote nothing |

Anything else, and everything that goes wrong, is answered with silence: a hook must never keep an agent from its work.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from agent_memory.bridges import watchdog
from agent_memory.errors import InvalidInput, MemoryStoreError, NotFound, StorageFailed

if TYPE_CHECKING:
    from agent_memory.bridges.watchdog import Speaker
    from agent_memory.files.folder import Folder
    from agent_memory.model import Briefing
    from agent_memory.store import Clock, MemoryStore

LIMIT = 5.0
"""Seconds that an answer may take."""

LONGEST = 9000
"""Characters that are added at most; Claude Code replaces what has more than 10,000 by the path of a file."""

BUDGET = 2000
"""Tokens of a briefing; at four bytes each they are fewer characters than `LONGEST`."""

LARGEST_EVENT = 16 * 1024 * 1024
"""Bytes of the largest event that is read."""

_STARTERS = ("Agent", "Task")
_SPAWN = "spawn_agent"  # Codex puts the name of a group of tools before it
_TASK_KEYS = ("prompt", "message")
_AGENT_KEYS = ("subagent_type", "subagentType", "agent_type", "agentType")
_LOCK_TIMEOUT = 1.0


class Malformed(Exception):
    """What came in is no event."""


class Setting(NamedTuple):
    """What a call of the hook knows beside the event.

    Attributes:
        environ: The environment; it may name the store.
        clock: Tells the day and the time of notes; None is the clock of the store.
        root: The store, where the call names one.
        limit: Seconds that an answer may take.
        remind: Remind an agent that ends without having written a memory.
    """

    environ: Mapping[str, str]
    clock: Clock | None = None
    root: str | None = None
    limit: float = LIMIT
    remind: bool = False

    def now(self) -> Any:
        """Return the time."""
        from agent_memory.store.opened import local_time  # noqa: PLC0415  not for an event that is none of ours

        return (self.clock or local_time)()


class Event:
    """One event, in either spelling of its fields (`session_id`, `sessionId`); what has another type is absent."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self.name = self.text("hook_event_name")
        self.session = self.text("session_id")
        self.cwd = self.text("cwd")
        self.agent = self.text("agent_type")
        self.agent_id = self.text("agent_id")
        self.tool = self.text("tool_name")

    def text(self, name: str) -> str:
        """Return a field that is a text, "" where there is none."""
        value = self.field(name)
        return value if isinstance(value, str) else ""

    def field(self, name: str) -> Any:
        """Return a field by its name with underscores, however it is spelled."""
        first, *rest = name.split("_")
        camel = first + "".join(map(str.capitalize, rest))
        return self._fields.get(name, self._fields.get(camel))

    @property
    def spawns(self) -> bool:
        """Whether it is Codex's tool that starts an agent."""
        return self.tool.endswith(_SPAWN)

    @property
    def delegation(self) -> tuple[dict[str, Any], str, str] | None:
        """Input of the tool, key of the task in it, and the agent, where the event starts an agent; else None."""
        given = self.field("tool_input")
        if not (self.tool in _STARTERS or self.spawns) or not isinstance(given, dict):
            return None
        key = next((key for key in _TASK_KEYS if isinstance(given.get(key), str)), None)
        agent = next((given[key] for key in _AGENT_KEYS if isinstance(given.get(key), str)), "")
        return (given, key, agent) if key and agent and not (self.spawns and _is_sealed(given[key])) else None


def _is_sealed(task: str) -> bool:
    """Whether a task is a cipher, which Codex can pass between agents: nothing is known of it, nothing may be added."""
    return len(task) > 80 and task.isascii() and len(task.split(maxsplit=1)) == 1


def run(read: Callable[[], bytes], setting: Setting) -> tuple[bytes, tuple[str, ...]]:
    """Answer one event in time; return a line of JSON or nothing, and what went wrong, which is noted in the store too.

    Args:
        read: Returns the event; it is called in another process.
    """
    heard = watchdog.in_time(lambda speaker: _work(read, setting, speaker), limit=setting.limit)
    if heard.remarks and heard.place:
        _note(heard.place, heard.remarks, setting)
    return heard.answer, heard.remarks


def stdin() -> bytes:
    """Read an event from the standard input of this process, whatever has become of it, and let go of that."""
    chunks, size = [], 0
    try:
        if os.isatty(0):
            raise Malformed("stdin is a terminal: a runner writes its event there, see memory hook --help")
        while size <= LARGEST_EVENT and (chunk := os.read(0, 1 << 20)):
            chunks.append(chunk)
            size += len(chunk)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    except OSError as error:
        raise Malformed(f"stdin cannot be read: {error.strerror}") from error
    return b"".join(chunks)


# -- in the child ---------------------------------------------------------------------------------------------------


def _work(read: Callable[[], bytes], setting: Setting, speaker: Speaker) -> None:
    try:
        event = parse(read())
        reply = _reply(event, setting, speaker)
        if reply is not None and not speaker.late:
            said = {"hookSpecificOutput": {"hookEventName": event.name, **reply}} if "decision" not in reply else reply
            speaker.answer(json.dumps(said, allow_nan=False).encode("ascii"))
    except (Malformed, MemoryStoreError) as error:
        speaker.remark(str(error))
    except OSError as error:
        speaker.remark(f"{error.filename or 'the system'}: {error.strerror or error}")


def parse(data: bytes) -> Event:
    """Read an event.

    Raises:
        Malformed: It is no JSON object, or too large.
    """
    if len(data) > LARGEST_EVENT:
        raise Malformed(f"the event is larger than {LARGEST_EVENT >> 20} MB")
    try:
        fields = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise Malformed(f"the event is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise Malformed("the event is not a JSON object")
    return Event(fields)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _reply(event: Event, setting: Setting, speaker: Speaker) -> dict[str, Any] | None:
    """Return what the answer holds, or None for silence."""
    if event.name == "PreToolUse" and (found := event.delegation):
        given, key, agent = found
        text = _handed(event, setting, speaker, agent=agent, task=_asked(given[key]), once="task")
        if not text:
            return None
        allowed = {"permissionDecision": "allow"} if event.spawns else {}  # Codex takes no other input without it
        return {**allowed, "updatedInput": {**given, key: f"{given[key]}\n\n{text}"}}
    if event.name == "UserPromptSubmit" and event.agent and event.session:
        text = _handed(event, setting, speaker, agent=event.agent, task=event.text("prompt"), once="session")
        return {"additionalContext": text} if text else None
    if event.name == "SubagentStart" and event.agent:
        return _started(event, setting, speaker)
    if event.name == "SubagentStop" and event.agent and setting.remind and event.field("stop_hook_active") is not True:
        return _stopped(event, setting, speaker)
    return None


def _asked(prompt: str) -> str:
    """Return a task without the briefing below it, where it was passed on with that."""
    if not prompt.rstrip().endswith(">"):
        return prompt
    from agent_memory.recall.marks import BEGIN, END  # noqa: PLC0415

    task, begun, briefing = prompt.rpartition(f"\n\n{BEGIN}")
    return task if begun and briefing.rstrip().endswith(END.strip()) else prompt


def _folder(event: Event, setting: Setting, speaker: Speaker) -> Folder | None:
    """Return the store that the event belongs to, or None where there is none, which is no failure."""
    from pathlib import Path  # noqa: PLC0415  all of it not for an event that is none of ours

    from agent_memory.files import discover  # noqa: PLC0415
    from agent_memory.files.folder import Folder  # noqa: PLC0415

    try:
        root = discover.find(Path(event.cwd or "."), setting.environ, root=setting.root)
    except NotFound:
        if setting.root or setting.environ.get("MEMORY_ROOT"):
            raise
        return None
    speaker.place(os.fspath(root))
    return Folder(root)


def _handed(event: Event, setting: Setting, speaker: Speaker, *, agent: str, task: str, once: str) -> str:
    """Return the briefing for a task, or "" where nothing is relevant or it was handed over before.

    Args:
        once: "task": each task of a session is answered once; "session": the first one alone is.
    """
    from agent_memory.files import hooked  # noqa: PLC0415

    if not task.strip() or (folder := _folder(event, setting, speaker)) is None:
        return ""
    key = _key(event.session, once, agent, " ".join(task.split()) if once == "task" else "")
    if event.session and hooked.claimed(folder, key) is not None:
        return ""
    from agent_memory.store import MemoryStore  # noqa: PLC0415

    with MemoryStore(folder.root, clock=setting.now, lock_timeout=_LOCK_TIMEOUT) as store:
        made = _briefing(store, agent, task)
        if made is not None and made.fallback:
            speaker.remark(made.fallback)
        if speaker.late or (made is None and once == "task"):  # what was not handed over may be later
            return ""
        if event.session and not _claim(folder, key, setting, speaker, needed=once == "session"):
            return ""
        if made is None:
            return ""
        store.leave_receipt(made, task=task, budget=BUDGET, at=setting.now(), arms=made.arms)
        return made.markdown


def _briefing(store: MemoryStore, agent: str, task: str) -> Briefing | None:
    """Return the briefing for a task, or None where it has nothing to say or nobody knows the agent."""
    from agent_memory.store.first_step import LONGEST_TASK  # noqa: PLC0415

    known = task[:LONGEST_TASK]
    try:
        made = store.first_step(agent=agent, task=known, budget=BUDGET, budget_bytes=LONGEST, receipt=False)
    except (NotFound, InvalidInput):  # one of the runner's own agents, or a task of nothing but blanks
        return None
    return None if made.nothing_relevant and not made.consultations and not made.answers else made


def _claim(folder: Folder, key: str, setting: Setting, speaker: Speaker, *, needed: bool) -> bool:
    """Whether this process is the first to hand something over.

    Args:
        needed: Where that cannot be noted, say no; else yes, because being silent for ever would be worse.
    """
    from agent_memory.files import hooked  # noqa: PLC0415

    try:
        return hooked.claim(folder, key, at=setting.now().timestamp()) is None
    except StorageFailed as error:
        speaker.remark(f"what was handed over cannot be noted: {error}")
        return not needed


def _key(*parts: str) -> str:
    """Return a name for what was handed over; nothing of a task can be read from it."""
    import hashlib  # noqa: PLC0415

    return hashlib.blake2b("\0".join(parts).encode("utf-8", "backslashreplace"), digest_size=10).hexdigest()


# -- saving ---------------------------------------------------------------------------------------------------------


def _started(event: Event, setting: Setting, speaker: Speaker) -> dict[str, Any] | None:
    """Return where the agent's memories are and how one is written."""
    folder = _folder(event, setting, speaker)
    if folder is None or not _is_known(event.agent, folder):
        return None
    if event.session and event.agent_id:
        key = _key(event.session, "start", event.agent_id)
        if not _claim(folder, key, setting, speaker, needed=False):
            return None
    from agent_memory.files.discover import PLACE  # noqa: PLC0415

    root = folder.root
    place = PLACE if root.parts[-2:] == PLACE.parts else root
    return {"additionalContext": _how_to_save(event.agent, f"{place}/{event.agent}/")}


def _how_to_save(agent: str, place: str) -> str:
    return (
        f"This team keeps what it learns as memories; those of {agent} are in {place}. File tools are not allowed to"
        " write there; this command is the way, with the text on its stdin:\n\n"
        f"    memory add --agent {agent} --topic \"What it is about\" - <<'EOF'\n"
        "    What was learned, why, and which files it concerns.\n    EOF\n\n"
        "`--type decision` (or convention, gotcha, procedure, incident) says what kind it is, `--supersedes ID` which"
        f" earlier memory it replaces. `memory search WORDS --as {agent}` finds what is there."
    )


def _stopped(event: Event, setting: Setting, speaker: Speaker) -> dict[str, Any] | None:
    """Return one reminder, unless the agent wrote a memory since it started."""
    folder = _folder(event, setting, speaker)
    if folder is None or not event.session or not _is_known(event.agent, folder):
        return None
    from agent_memory.files import hooked  # noqa: PLC0415

    run = event.agent_id or event.agent
    started = hooked.claimed(folder, _key(event.session, "start", event.agent_id)) if event.agent_id else None
    if started is not None and _newest(folder, event.agent) >= started:
        return None
    if not _claim(folder, _key(event.session, "stop", run), setting, speaker, needed=True):
        return None
    reason = (
        f"Nothing was saved to the memory of {event.agent} in this task. What a later task would have to find out again"
        f' can be kept with: memory add --agent {event.agent} --topic "…" - (the text on stdin). If there is nothing of'
        " that kind, the task is done. This is said once."
    )
    return {"decision": "block", "reason": reason}


def _is_known(agent: str, folder: Folder) -> bool:
    """Whether an agent has a card or a memory; a runner's own agents and names of one task have neither."""
    from agent_memory.files import naming  # noqa: PLC0415
    from agent_memory.files.listing import ARCHIVE  # noqa: PLC0415
    from agent_memory.team import cards  # noqa: PLC0415

    try:
        agent = naming.check_agent(agent)
    except InvalidInput:
        return False
    project = cards.project_of(folder.root)
    owns = any((folder.root / place / agent).is_dir() for place in ("", ARCHIVE))
    if owns or (project and cards.card_of(project, agent)):
        return True
    return project is not None and agent in cards.read_cards(project)


def _newest(folder: Folder, agent: str) -> float:
    """Return when the newest file of an agent was written, in seconds since the epoch; 0 where there is none."""
    try:
        with os.scandir(folder.root / agent) as entries:
            notes = [entry for entry in entries if entry.name.endswith(".md") and entry.is_file(follow_symlinks=False)]
            return max((entry.stat(follow_symlinks=False).st_mtime for entry in notes), default=0.0)
    except OSError:
        return 0.0


def _note(place: str, remarks: tuple[str, ...], setting: Setting) -> None:
    """Note what went wrong in the store; where that cannot be, stderr has it alone."""
    from pathlib import Path  # noqa: PLC0415

    from agent_memory.files import hooked  # noqa: PLC0415
    from agent_memory.files.folder import Folder  # noqa: PLC0415

    try:
        folder = Folder(Path(place))
        for remark in remarks:
            hooked.note_failure(folder, remark, at=setting.now())
    except (MemoryStoreError, OSError):
        return
