"""What the hook answers, and when it is silent."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.bridges.conftest import TASK, Project, delegation

from agent_memory.bridges import hook
from agent_memory.bridges.hook import LONGEST, Event, Setting
from agent_memory.errors import StorageFailed
from agent_memory.files import hooked
from agent_memory.files.folder import Folder
from agent_memory.store import MemoryStore

FACT = "fourteen times within a day"
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)


def prompt_of(answer: dict[str, Any]) -> str:
    text = answer.get("hookSpecificOutput", {}).get("updatedInput", {}).get("prompt", "")
    assert isinstance(text, str)
    return text


def submitted(project: Project, prompt: str = TASK, **more: Any) -> dict[str, Any]:
    """The event of a prompt in a session of an agent."""
    event = {"session_id": "s", "cwd": str(project.folder), "hook_event_name": "UserPromptSubmit", "prompt": prompt}
    return {**event, "agent_type": "worker-engineer", **more}


def receipts(project: Project) -> int:
    with MemoryStore.open(project.root) as store:
        return len(store.receipts().items)


# -- an agent is started ----------------------------------------------------------------------------------------------


def test_a_task_gets_its_briefing_below_it_and_keeps_the_rest(project: Project):
    answer = project.hook(delegation(project))
    given = answer["hookSpecificOutput"]["updatedInput"]
    assert answer["hookSpecificOutput"].keys() == {"hookEventName", "updatedInput"}
    assert given["prompt"].startswith(f"{TASK}\n\n<recorded-notes>\n")
    assert FACT in given["prompt"]
    assert {**given, "prompt": TASK} == delegation(project)["tool_input"]
    assert receipts(project) == 1


def test_codex_gets_it_in_its_own_form(project: Project):
    given = {"message": TASK, "task_name": "fix", "agent_type": "worker-engineer"}
    event = {**delegation(project), "tool_name": "collaborationspawn_agent", "tool_input": given, "turn_id": "1"}
    found = project.hook(event)["hookSpecificOutput"]
    assert found["permissionDecision"] == "allow"
    assert FACT in found["updatedInput"].pop("message")
    assert found["updatedInput"] == {"task_name": "fix", "agent_type": "worker-engineer"}


def test_fields_may_be_spelled_in_camel_case(project: Project):
    event = {
        "sessionId": "s", "cwd": str(project.folder), "hookEventName": "PreToolUse", "toolName": "Task",
        "toolInput": {"prompt": TASK, "subagentType": "worker-engineer"},
    }  # fmt: skip
    assert FACT in prompt_of(project.hook(event))
    assert project.hook(event) == {}


def test_the_same_task_is_answered_once_in_a_session(project: Project):
    assert prompt_of(project.hook(delegation(project)))
    assert project.hook(delegation(project)) == {}
    assert prompt_of(project.hook(delegation(project, task=f"{TASK} again")))
    assert prompt_of(project.hook(delegation(project, agent="api-engineer")))
    assert prompt_of(project.hook(delegation(project, session_id="session-2")))
    assert receipts(project) == 4


def test_a_task_that_is_passed_on_with_its_briefing_is_the_same_task(project: Project):
    briefed = prompt_of(project.hook(delegation(project)))
    for same in (briefed, f" {TASK}\n"):
        assert project.hook(delegation(project, task=same)) == {}
    other = prompt_of(project.hook(delegation(project, task=briefed, agent="api-engineer")))
    assert other.removeprefix(briefed).count("<recorded-notes>") == 1  # found by the task, not by the notes below it
    assert receipts(project) == 2
    with MemoryStore.open(project.root) as store:
        hashes = {item.receipt.task_hash for item in store.receipts().items}
    assert hashes == {hashlib.sha256(TASK.encode()).hexdigest()[:16]}


def test_of_processes_that_hear_of_a_task_together_one_answers(project: Project):
    project.memory("sync")
    event = json.dumps(delegation(project)).encode()
    calls = [
        subprocess.Popen(
            ["memory", "hook"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=project.environ, cwd=project.folder
        )
        for _ in range(4)
    ]
    for call in calls:
        assert call.stdin is not None
        call.stdin.write(event)
        call.stdin.close()
        call.stdin = None
    said = [call.communicate()[0] for call in calls]
    assert sorted(map(bool, said)) == [False, False, False, True]
    assert receipts(project) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"task": "Choose a colour for the curtains"},
        {"task": " \n"},
        {"agent": "general-purpose"},
        {"agent": "Explore"},
        {"agent": "some-plugin:reviewer"},
        {"agent": ""},
        {"tool_name": "Bash"},
        {"tool_input": "no object"},
        {"tool_input": {"prompt": TASK}},
        {"task": "gAAAAABwebhook_retries" * 9, "tool_name": "collaborationspawn_agent"},
        {"tool_input": {"prompt": 3, "subagent_type": "worker-engineer"}},
        {"hook_event_name": "PostToolUse"},
        {"hook_event_name": 7},
        {"cwd": "/"},
    ],
    ids=str,
)
def test_silence_where_there_is_nothing_to_say(project: Project, change: dict[str, Any]):
    done = project.memory("hook", stdin=json.dumps(delegation(project, **change)), cwd=Path("/"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert hooked.failures(Folder(project.root)) == []


@pytest.mark.parametrize(
    "task",
    [f"{TASK}\n{'lorem ' * 200_000}", f"{TASK}, ".replace(" ", "/") * 3],
    ids=["long", "a word"],
)
def test_a_task_is_briefed_however_long_it_is_and_of_however_few_words(project: Project, task: str):
    assert FACT in prompt_of(project.hook(delegation(project, task=task)))


def test_it_never_adds_more_than_its_limit_of_characters(project: Project):
    with MemoryStore.open(project.root) as store:
        for n in range(30):
            store.add(agent="api-engineer", topic=f"Curtains {n}", body=f"Blue, green or grey {n}? Ask the tailor.")
            body = "\n\n".join(f"Payment webhooks {n} — «retries» ✓ 再試行 of w{n}a{m}." for m in range(90))
            if n % 3 == 0:
                store.add(agent="worker-engineer", topic=f"Payment webhooks time out {n}", body=body)
    added = len(prompt_of(project.hook(delegation(project)))) - len(TASK)
    assert LONGEST / 2 < added <= LONGEST


def test_a_linked_worktree_reads_what_is_written_in_the_main_checkout(project: Project):
    other = project.folder.parent / "other"
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"], ["worktree", "add", "-q", str(other)]):
        project.git(*words)
    project.memory(
        "add",
        "--agent",
        "worker-engineer",
        "--topic",
        "Webhook board",
        stdin="Webhook retries are on Board 17.",
        cwd=other,
    )
    environ = {**project.environ, "CLAUDE_PROJECT_DIR": str(other)}  # as Claude Code sets it, for hooks alone
    seen = Project(project.folder, project.home, environ).hook(delegation(project, cwd="/"), cwd=other)
    assert "Board 17" in prompt_of(seen)
    assert not list((other / ".claude/agents-memory/worker-engineer").glob("*board*"))


# -- a session of an agent --------------------------------------------------------------------------------------------


def test_a_session_is_briefed_on_its_first_prompt_alone(project: Project):
    found = project.hook(submitted(project))["hookSpecificOutput"]
    assert found["hookEventName"] == "UserPromptSubmit"
    assert FACT in found["additionalContext"]
    assert project.hook(submitted(project, f"{TASK}, please")) == {}
    assert project.hook(submitted(project, session_id="t"))


def test_where_nobody_has_a_card_anybody_is_briefed_and_nobody_is_reminded(project: Project):
    """A runner's own agents do the work there; where there are cards they are strangers."""
    for agent in ("general-purpose", "Explore"):
        assert project.hook(delegation(project, agent=agent)) == {}
    assert receipts(project) == 0
    shutil.rmtree(project.folder / ".claude" / "agents")
    for agent in ("general-purpose", "Explore"):
        assert "recorded-notes" in prompt_of(project.hook(delegation(project, agent=agent)))
        assert project.hook(lifetime(project, "SubagentStart", agent_type=agent)) == {}
        assert not (project.root / agent).exists()


def test_who_has_memories_in_the_archive_alone_is_told_how_to_save(project: Project):
    shutil.rmtree(project.folder / ".claude" / "agents")
    names = [path.stem for path in (project.root / "worker-engineer").iterdir()]
    project.memory("archive", "--agent", "worker-engineer", *names)
    shutil.rmtree(project.root / "worker-engineer")
    assert project.hook(lifetime(project, "SubagentStart", agent_type="worker-engineer"))


def test_a_first_prompt_that_nothing_is_known_about_was_the_first(project: Project):
    assert project.hook(submitted(project, "Choose a colour for the curtains")) == {}
    assert project.hook(submitted(project)) == {}


def test_a_session_of_nobody_is_left_alone(project: Project):
    assert project.hook(submitted(project, agent_type=None)) == {}
    assert project.hook(submitted(project, session_id=None)) == {}


# -- saving -----------------------------------------------------------------------------------------------------------


def lifetime(project: Project, name: str, **more: Any) -> dict[str, Any]:
    event = {"session_id": "s", "cwd": str(project.folder), "hook_event_name": name, "agent_id": "a1"}
    return {**event, "agent_type": "worker-engineer", **more}


def test_an_agent_that_starts_is_told_how_to_save(project: Project):
    found = project.hook(lifetime(project, "SubagentStart"))["hookSpecificOutput"]
    assert "memory add --agent worker-engineer --topic" in found["additionalContext"]
    assert project.hook(lifetime(project, "SubagentStart")) == {}
    assert project.hook(lifetime(project, "SubagentStart", agent_id="a2"))
    assert project.hook(lifetime(project, "SubagentStart", agent_type="Explore")) == {}


def test_the_command_that_it_is_told_works(project: Project):
    told = project.hook(lifetime(project, "SubagentStart"))["hookSpecificOutput"]["additionalContext"]
    lines = [line.removeprefix("    ") for line in told.splitlines() if line.startswith("    ")]
    subprocess.run(["sh", "-e"], input="\n".join(lines), text=True, check=True, cwd=project.folder, env=project.environ)
    assert len(list((project.root / "worker-engineer").glob("*what-it-is-about.md"))) == 1


def test_an_agent_that_wrote_nothing_is_reminded_once_and_only_if_wanted(project: Project):
    project.hook(lifetime(project, "SubagentStart"))
    for path in (project.root / "worker-engineer").iterdir():
        os.utime(path, (1e9, 1e9))  # written long before the agent started
    assert project.hook(lifetime(project, "SubagentStop")) == {}
    assert project.hook(lifetime(project, "SubagentStop", stop_hook_active=True), "--remind") == {}
    answer = project.hook(lifetime(project, "SubagentStop"), "--remind")
    assert answer["decision"] == "block"
    assert "memory add --agent worker-engineer" in answer["reason"]
    assert project.hook(lifetime(project, "SubagentStop"), "--remind") == {}


def test_an_agent_that_wrote_something_is_not_reminded(project: Project):
    project.hook(lifetime(project, "SubagentStart"))
    project.memory("add", "--agent", "worker-engineer", "--topic", "New", stdin="Something new.")
    assert project.hook(lifetime(project, "SubagentStop"), "--remind") == {}


# -- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000, b"1" * 10_000, b'{"tool_input": 1e999}'],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_event_is_told_on_stderr_alone(project: Project, data: bytes):
    done = project.memory("hook", stdin=data)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("memory: hook: the event is ") or data.startswith(b'{"tool')


def test_a_number_that_json_cannot_hold_is_not_given_back(project: Project):
    data = json.dumps(delegation(project)).replace('"description": "d"', '"description": 1e999')
    done = project.memory("hook", stdin=data)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Out of range float" in done.stderr


@pytest.mark.parametrize(
    "words", [["hook", "--nope"], ["hook", "--limit", "soon"], ["hook", "more"], ["--root", "/no/where", "hook"]]
)
def test_wrong_words_end_with_0_too(project: Project, words: list[str]):
    done = project.memory(*words, stdin=json.dumps(delegation(project)))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("memory: hook: ")
    assert "Traceback" not in done.stderr


def test_closed_streams_are_no_failure(project: Project):
    for closing in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        call = f"memory hook {closing} < event.json" if "<&-" not in closing else f"memory hook {closing}"
        (project.folder / "event.json").write_text(json.dumps(delegation(project, session_id=closing)))
        assert subprocess.run(["sh", "-c", call], cwd=project.folder, env=project.environ, check=False).returncode == 0


def test_a_runner_that_never_ends_its_event_waits_no_longer_than_the_limit(project: Project):
    with subprocess.Popen(
        ["memory", "hook", "--limit", "0.2"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=project.environ, cwd=project.folder,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read() == b""
        assert process.stderr.read() == b"memory: hook: no answer within 0.2 s\n"
        assert process.wait() == 0


def test_an_interrupted_hook_ends_with_0_too(project: Project):
    with subprocess.Popen(
        [sys.executable, "-m", "agent_memory", "hook"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=project.environ, cwd=project.folder,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(b" " * 500_000)  # more than a pipe holds: it reads, and waits for the rest
        process.send_signal(signal.SIGINT)
        said = process.communicate()
        assert (process.returncode, *said) == (0, b"", b"memory: hook: KeyboardInterrupt: \n")


def break_index(root: Path) -> None:
    (root / ".store" / "index.sqlite3").write_bytes(b"no database" * 1000)


def test_a_fallback_is_answered_told_and_noted_for_the_doctor(project: Project):
    project.memory("sync")
    break_index(project.root)
    done = project.memory("hook", stdin=json.dumps(delegation(project)))
    assert FACT in prompt_of(json.loads(done.stdout))
    assert "rebuilt from the files" in done.stderr
    assert "the hook went wrong once" in project.memory("doctor").stdout
    project.memory("doctor", "--fix")
    assert "the hook went wrong" not in project.memory("doctor").stdout


def test_a_store_that_cannot_be_written_briefs_tasks_but_no_prompts(project: Project):
    shutil.rmtree(project.root / ".store")
    (project.root / ".store").write_text("a file")
    done = project.memory("hook", stdin=json.dumps(delegation(project)))
    assert FACT in prompt_of(json.loads(done.stdout))
    assert "what was handed over cannot be noted" in done.stderr
    assert project.hook(submitted(project)) == {}


def test_late_is_noted(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hook, "_briefing", lambda *_: time.sleep(5))
    event = json.dumps(delegation(project)).encode()
    answer, remarks = hook.run(lambda: event, Setting(environ={}, limit=1.0, clock=lambda: NOW))
    assert (answer, remarks) == (b"", ("no answer within 1 s",))
    assert hooked.failures(Folder(project.root)) == ["2026-07-15T12:00:00+00:00 no answer within 1 s"]


# -- random events ----------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    "session_id sessionId cwd hook_event_name hookEventName agent_type agentType agent_id prompt tool_name toolName"
    " tool_input toolInput stop_hook_active".split()
)
INPUTS = st.dictionaries(st.sampled_from(["prompt", "message", "subagent_type", "agent_type", "x"]), VALUES, max_size=5)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "session_id": st.text(max_size=5) | VALUES,
        "cwd": st.just(".") | st.text(max_size=5) | VALUES,
        "hook_event_name": st.sampled_from(["PreToolUse", "UserPromptSubmit", "SubagentStart", "SubagentStop"]),
        "agent_type": st.sampled_from(["worker-engineer", "../..", "a\0b", ""]) | st.text() | VALUES,
        "agent_id": VALUES,
        "prompt": st.just(TASK) | st.text() | VALUES,
        "tool_name": st.sampled_from(["Agent", "Task", "spawn_agent"]) | VALUES,
        "tool_input": INPUTS
        | st.fixed_dictionaries(
            {"prompt": st.just(TASK) | st.text(), "subagent_type": st.just("worker-engineer") | st.text(), "x": VALUES}
        ),
        "stop_hook_active": VALUES,
    },
)


def answered(project: Project, data: bytes, *, named: bool = True) -> bytes:
    environ = {"MEMORY_ROOT": str(project.root)} if named else {}
    setting = Setting(environ=environ, remind=True, limit=60.0, clock=lambda: NOW)
    answer, remarks = hook.run(lambda: data, setting)
    assert all("\n" not in remark for remark in remarks)
    assert not any("Error: " in remark for remark in remarks), remarks  # an exception that nobody foresaw
    return answer


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(event=LIKELY | st.dictionaries(NAMES | st.text(), VALUES, max_size=8), named=st.booleans())
def test_any_event_is_answered_with_one_line_of_json_or_nothing(project: Project, event: dict[str, Any], named: bool):
    answer = answered(project, json.dumps(event).encode(), named=named)
    assert b"\n" not in answer
    if answer:
        found = json.loads(answer, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
        assert found.keys() in ({"hookSpecificOutput"}, {"decision", "reason"})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_any_bytes_are_answered_with_nothing(project: Project, data: bytes):
    assert answered(project, data) == b""


def test_fields_of_another_type_count_as_absent():
    event = Event({"session_id": 3, "sessionId": "x", "cwd": None, "agentType": "a"})
    assert (event.session, event.cwd, event.agent) == ("", "", "a")


# -- its start --------------------------------------------------------------------------------------------------------

SLOW = {"click", "sqlalchemy", "pydantic", "whoosh", "yaml", "rich", "slugify", "watchfiles", "asyncio", "subprocess"}
CHILD = """
import sys
from agent_memory.cli import calls_hook, unattended
from agent_memory.bridges import hook
class Speaker:
    late = False
    def answer(self, line): self.said = line
    def place(self, text): pass
words = ["--root", sys.argv[1], "hook"]
assert calls_hook(words)
speaker = Speaker()
hook._work(hook.stdin, unattended.setting_of(words, None), speaker)
assert not %s or b"recorded-notes" in speaker.said
print(*{name.split(".")[0] for name in sys.modules}, *sys.modules)
"""


@pytest.mark.parametrize("tool", ["Agent", "Bash"])
def test_a_cold_hook_imports_nothing_slow(project: Project, tool: str):
    project.memory("sync")
    event = json.dumps(delegation(project, tool_name=tool))
    command = [sys.executable, "-c", CHILD % (tool == "Agent"), str(project.root)]
    done = subprocess.run(command, input=event, capture_output=True, text=True, check=True, env=project.environ)
    found = {*done.stdout.split()}
    assert not found & {*SLOW, "dataclasses", "inspect"}  # decision 37
    assert ("agent_memory.recall.task" in found) is (tool == "Agent")
    assert tool == "Agent" or not found & {"agent_memory.model", "sqlite3", "dataclasses", "pathlib"}


# -- what it notes ----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_claim_is_the_first_one_only(folder: Folder):
    assert hooked.claimed(folder, "k") is None
    assert hooked.claim(folder, "k", at=5.9) is None  # never later than it was
    assert hooked.claim(folder, "k", at=9) == 5
    assert hooked.claimed(folder, "k") == 5
    assert hooked.claim(folder, "other", at=9) is None
    assert hooked.claim(folder, "before-1970", at=-9) is None
    assert hooked.claim(folder, "before-1970", at=9) == 0


def test_of_many_who_claim_together_one_is_first(folder: Folder):
    keys, together = [f"k{n}" for n in range(300)], Barrier(8)

    def first(_: int) -> list[bool]:
        return [together.wait() >= 0 and hooked.claim(folder, key, at=1) is None for key in keys]

    with ThreadPoolExecutor(8) as pool:
        rounds = list(pool.map(first, range(8)))
    assert [sum(told) for told in zip(*rounds, strict=True)] == [1] * len(keys)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda f, n: hooked.claim(f, f"key{n}", at=1_700_000_000), "handed"),
        (
            lambda f, n: hooked.note_failure(f, f"failure {n} " + "long " * 200, at=NOW + timedelta(seconds=n)),
            "failures",
        ),
    ],
    ids=["claims", "failures"],
)
def test_what_is_noted_is_bounded_and_the_newest_stays(folder: Folder, write: Callable[..., Any], name: str):
    for n in range(4000):
        write(folder, n)
    content = (folder.root / hooked.SHELF / name).read_text()
    assert hooked.LARGEST / 3 < len(content) <= hooked.LARGEST
    assert all(line.startswith(("key", "2026-07-15T")) for line in content.splitlines())
    assert "3999" in content.splitlines()[-1]


def test_a_torn_line_is_no_claim_and_does_not_spoil_the_next(folder: Folder):
    hooked.claim(folder, "whole", at=1)
    path = folder.root / hooked.SHELF / "handed"
    path.write_text(path.read_text() + "torn 12"[:5])
    assert hooked.claim(folder, "next", at=2) is None
    assert hooked.claimed(folder, "torn") is None
    assert (hooked.claimed(folder, "whole"), hooked.claimed(folder, "next")) == (1, 2)


@pytest.mark.parametrize(
    "plant", [partial(os.symlink, "/nowhere"), os.mkfifo, os.mkdir], ids=["link", "fifo", "folder"]
)
def test_what_is_no_file_is_not_used(folder: Folder, plant: Callable[[Path], None]):
    hooked.claim(folder, "k", at=1)
    path = folder.root / hooked.SHELF / "handed"
    path.unlink()
    plant(path)
    assert hooked.claimed(folder, "k") is None
    with pytest.raises(StorageFailed):
        hooked.claim(folder, "k", at=1)


def test_git_does_not_see_it(project: Project):
    project.hook(delegation(project))
    project.git("init", "-q")
    ask = partial(subprocess.run, cwd=project.folder, env=project.environ, capture_output=True, check=False)
    assert ask(["git", "check-ignore", str(project.root / hooked.SHELF / "handed")]).returncode == 0
