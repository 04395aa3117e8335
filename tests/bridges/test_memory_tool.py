"""The memory tool answers as the SDK's own does over a local folder, without its path bugs, and writes memories."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic
from anthropic.lib.tools import ToolError
from anthropic.tools.memory import BetaLocalFilesystemMemoryTool
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.promises.steps import Steps
from tests.promises.support import Child

from agent_memory import MemoryStore
from agent_memory.bridges.memory_tool import AgentMemoryTool, AsyncAgentMemoryTool
from agent_memory.files.folder import LARGEST

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
A, B, C = "/memories/2026-01-01-a.md", "/memories/2026-01-02-b.md", "/memories/sub/2026-01-03-c.md"
Command = Mapping[str, Any]


def outcome(tool: Any, command: Command) -> tuple[str, str]:
    """What a tool answers, sizes of folders left out; whatever Python raised counts as some error."""
    try:
        answer = tool.call(dict(command))
    except ToolError as error:
        return "error", str(error)
    except (OSError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        return "crash", type(error).__name__
    return "done", re.sub(r"^[0-9.]+[BKMG]\t(/memories|.*/)$", r"DIR\t\1", str(answer), flags=re.MULTILINE)


class Pair:
    """The same commands on both tools; whatever they answer must be equal."""

    def __init__(self, folder: Path) -> None:
        self.theirs = BetaLocalFilesystemMemoryTool(str(folder / "theirs"))
        self.store = MemoryStore.init(folder / "ours", clock=lambda: NOW)
        self.ours = AgentMemoryTool(self.store, "api")

    def run(self, command: Command) -> tuple[str, str]:
        theirs = outcome(self.theirs, command)
        if theirs[0] != "done":
            self._tidy()
        ours = outcome(self.ours, command)
        assert ours == theirs or (theirs[0] == "crash" and ours[0] == "error"), command
        return ours

    def _tidy(self) -> None:
        """Remove the folders that their tool leaves behind when a rename fails."""
        kept = {p.relative_to(self.store.root / "api") for p in (self.store.root / "api").rglob("*")}
        for folder in sorted(self.theirs.memory_root.rglob("*"), reverse=True):
            if folder.is_dir() and folder.relative_to(self.theirs.memory_root) not in kept:
                folder.rmdir()

    def files(self) -> None:
        """The bytes of all files are equal."""
        theirs, ours = self.theirs.memory_root, self.store.root / "api"
        assert contents(theirs) == contents(ours)


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def command(name: str, **words: Any) -> Command:
    return {"command": name, **words}


SCRIPT = [
    command("view", path="/memories"),
    command("view", path=A),
    command("create", path=A, file_text="# Retries\n\nfive times\nthen stop\n\nfive, says the log\n"),
    command("create", path=A, file_text="again"),
    command("create", path=C, file_text=""),
    command("create", path=B, file_text="no line break at its end"),
    command("view", path="/memories"),
    command("view", path="/memories/sub"),
    command("view", path=A),
    command("view", path=A, view_range=[2, 3]),
    command("view", path=A, view_range=[4, -1]),
    command("view", path=A, view_range=[0, 99]),
    command("view", path=A, view_range=[3]),
    command("view", path=C),
    command("view", path="/memories/gone"),
    command("view", path=f"{A}/below"),
    command("str_replace", path=A, old_str="five", new_str="six"),
    command("str_replace", path=A, old_str="five times", new_str="six\ntimes"),
    command("str_replace", path=A, old_str="seven", new_str="six"),
    command("str_replace", path="/memories/sub", old_str="a", new_str="b"),
    command("str_replace", path="/memories/2026-01-09-gone.md", old_str="a", new_str="b"),
    command("str_replace", path=B, old_str="no line break at its end", new_str=""),
    command("insert", path=A, insert_line=0, insert_text="top\n\n"),
    command("insert", path=A, insert_line=99, insert_text="x"),
    command("insert", path=A, insert_line=-1, insert_text="x"),
    command("insert", path=C, insert_line=0, insert_text="first"),
    command("insert", path="/memories/sub", insert_line=0, insert_text="first"),
    command("view", path=A),
    command("view", path=C),
    command("rename", old_path=B, new_path=A),
    command("rename", old_path="/memories", new_path="/memories/x"),
    command("rename", old_path="/memories/2026-01-09-gone.md", new_path="/memories/deep/2026-01-09-x.md"),
    command("rename", old_path=B, new_path="/memories/deep/er/2026-01-02-b.md"),
    command("rename", old_path="/memories/deep", new_path="/memories/moved"),
    command("view", path="/memories"),
    command("view", path="/memories/moved/er"),
    command("delete", path="/memories/moved"),
    command("delete", path="/memories/moved"),
    command("delete", path="/memories"),
    command("delete", path=A),
    command("view", path="/memories"),
]  # fmt: skip


def test_a_list_of_commands_has_the_answers_of_the_sdk(tmp_path: Path):
    pair = Pair(tmp_path)
    kinds = [pair.run(step)[0] for step in SCRIPT]
    assert kinds.count("done") > 20
    assert kinds.count("error") > 14
    pair.files()
    pair.store.close()


PATHS = st.sampled_from([A, B, C, "/memories/sub/deep/2026-01-04-d.md", "/memories/2026-01-05-é.md"])
PLACES = st.one_of(
    PATHS, st.sampled_from(["/memories", "/memories/sub", "/memories/sub/deep", f"{A}/x", "/memories/no"])
)
TEXTS = st.text(st.sampled_from("ab\n \r-:#\té"), max_size=12)
LINES = st.integers(-1, 5)
COMMANDS = st.one_of(
    st.builds(lambda path, text: command("create", path=path, file_text=text), PATHS, TEXTS),
    st.builds(lambda path: command("view", path=path), PLACES),
    st.builds(lambda path, a, b: command("view", path=path, view_range=[a, b]), PATHS, LINES, LINES),
    st.builds(lambda path, old, new: command("str_replace", path=path, old_str=old, new_str=new),
              PLACES, TEXTS.filter(bool), TEXTS),
    st.builds(lambda path, n, text: command("insert", path=path, insert_line=n, insert_text=text),
              PLACES, LINES, TEXTS),
    st.builds(lambda path: command("delete", path=path), PLACES),
    st.builds(lambda old, new: command("rename", old_path=old, new_path=new), PLACES, PATHS),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(COMMANDS, min_size=4, max_size=14))
def test_any_sequence_of_commands_has_the_answers_of_the_sdk(steps: list[Command]):
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(Path(folder))
        pair.run(command("create", path=A, file_text="a b\nb\n"))
        pair.run(command("create", path=C, file_text="a\r\n"))
        for step in steps:
            pair.run(step)
        pair.files()
        assert not pair.store.doctor().differences
        pair.store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    with MemoryStore.init(tmp_path / "project" / ".claude" / "agents-memory", clock=lambda: NOW) as store:
        store.add(agent="web", topic="Colours", body="The web is blue.", visibility="private")
        yield store


BAD_PATHS = [
    "/memoriesX/2026-01-01-a.md", "memories/2026-01-01-a.md", "/etc/passwd", "/memories/../../x", "/memories/../web",
    "/memories/sub/../../../x", "/memories/.hidden/2026-01-01-a.md", "/memories/a\nb", "/memories/link/x", "", "/",
    "/memories/x\x00y", "/memories/\ud800", "/memories/link", "/memories/file-link.md", "/memories/%2e%2e/x\x07",
]  # fmt: skip


@pytest.mark.parametrize("path", BAD_PATHS)
@pytest.mark.parametrize("name", ["view", "create", "str_replace", "insert", "delete", "rename-from", "rename-to"])
def test_no_path_leads_out_and_every_refusal_is_words(store: MemoryStore, path: str, name: str):
    tool = AgentMemoryTool(store, "api")
    secret = store.root.parent / "secret"
    secret.mkdir()
    (secret / "x").write_text("secret")
    (store.root / "api" / "link").symlink_to(secret)
    (store.root / "api" / "file-link.md").symlink_to(secret / "x")
    tool.call(command("create", path=A, file_text="a"))
    before = contents(store.root.parent)
    more: dict[str, dict[str, Any]] = {
        "create": {"file_text": "x"}, "str_replace": {"old_str": "s", "new_str": "x"},
        "insert": {"insert_line": 0, "insert_text": "x"},
    }  # fmt: skip
    words = more.get(name, {})
    where: dict[str, dict[str, Any]] = {
        "rename-from": {"old_path": path, "new_path": B},
        "rename-to": {"old_path": A, "new_path": path},
    }
    with pytest.raises(ToolError) as refused:
        tool.call(command(name.split("-", maxsplit=1)[0], **where.get(name, {"path": path}), **words))
    assert str(store.root) not in str(refused.value)
    assert "secret" not in str(refused.value)
    assert contents(store.root.parent) == before


MALFORMED: list[Any] = [
    {"command": "view"}, {"command": "fly", "path": A}, {"path": A}, {}, None, 7, "view", {"command": None},
    {"command": "view", "path": 7}, {"command": "view", "path": A, "view_range": ["a", "b"]},
    {"command": "view", "path": A, "view_range": [1, None]},
    {"command": "create", "path": B}, {"command": "create", "path": B, "file_text": 7},
    {"command": "create", "path": B, "file_text": "half a \ud800"}, {"command": "create", "path": B, "file_text": "\0"},
    {"command": "create", "path": B, "file_text": "x" * 9_000_000},
    {"command": "create", "path": "/memories", "file_text": ""},
    {"command": "create", "path": f"{A}/{B}", "file_text": ""},
    {"command": "str_replace", "path": A, "old_str": "a"}, {"command": "str_replace", "path": A, "new_str": "a"},
    {"command": "str_replace", "path": A, "old_str": "", "new_str": "b"},
    {"command": "insert", "path": A, "insert_text": "x"},
    {"command": "insert", "path": A, "insert_line": "one", "insert_text": "x"},
    {"command": "insert", "path": A, "insert_line": [1], "insert_text": "x"},
    {"command": "rename", "old_path": A}, {"command": "delete"},
]  # fmt: skip


@pytest.mark.parametrize("call", MALFORMED, ids=[str(n) for n in range(len(MALFORMED))])
def test_a_malformed_call_is_an_error_that_a_model_can_read(store: MemoryStore, call: Any):
    tool = AgentMemoryTool(store, "api")
    tool.call(command("create", path=A, file_text="abc\n"))
    before = contents(store.root)
    with pytest.raises(ToolError):
        tool.call(call)
    assert contents(store.root) == before


@pytest.mark.parametrize(
    "name", ["notes.md", "notes.txt", "2026-01-01-a.txt", "2026-13-01-a.md", "2026-01-01.md", "2026-01-01-.md"]
)
def test_a_name_without_a_date_is_refused_with_the_form_it_should_have(store: MemoryStore, name: str):
    tool = AgentMemoryTool(store, "api", clock=lambda: NOW)
    with pytest.raises(ToolError, match=r"/memories/2026-07-15-retry-policy\.md"):
        tool.call(command("create", path=f"/memories/{name}", file_text="x"))
    tool.call(command("create", path=A, file_text="x"))
    with pytest.raises(ToolError, match="YYYY-MM-DD"):
        tool.call(command("rename", old_path=A, new_path=f"/memories/{name}"))


def test_what_it_writes_is_found_by_the_next_first_step(store: MemoryStore):
    tool = AgentMemoryTool(store, "api")
    store.first_step(agent="api", task="anything")  # the index is there already
    tool.call(
        command("create", path="/memories/2026-07-01-retries.md", file_text="# Retries\n\nWebhooks retry five times.\n")
    )
    briefing = store.first_step(agent="api", task="How often do webhooks retry?")
    assert briefing.memories[0].record.id == "api/2026-07-01-retries"
    assert str(briefing.memories[0].record.date) == "2026-07-01"
    tool.call(command("str_replace", path="/memories/2026-07-01-retries.md", old_str="five", new_str="nine"))
    assert "nine times" in store.first_step(agent="api", task="How often do webhooks retry?").markdown
    tool.call(
        command("rename", old_path="/memories/2026-07-01-retries.md", new_path="/memories/jobs/2026-07-01-retries.md")
    )
    assert store.search("webhooks").hits[0].record.id == "api/jobs/2026-07-01-retries"
    assert store.doctor().healthy


CLAIM = "api/2026-01-01-a"
FOLLOWERS = {
    "api/2026-02-01-own.md": "---\nsupersedes: [2026-01-01-a, ../odd]  # both\nkept: yes\n---\nown\n",
    "web/2026-02-02-open.md": f"---\nsupersedes:\n  - '[[{CLAIM}]]'\n  - web/2026-01-01-other\n---\nopen\n",
    "web/2026-02-03-private.md": f"---\nvisibility: private\nsupersedes: {CLAIM}.md\n---\nprivate\n",
    "web/2026-02-04-answer.md": f"---\nsources: [{CLAIM}, web/x]\n---\nanswer\n",
    ".store/archive/web/2026-02-05-past.md": f"---\nsupersedes: [{CLAIM}]\n---\npast\n",
    "web/2026-02-06-none.md": f"---\nsupersedes: [web/2026-01-01-a]\n---\n{CLAIM} supersedes\n",
    "web/2026-02-07-broken.md": f"---\nsupersedes: [{CLAIM}\n---\nbroken\n",
    "api/2026-01-01-a.md": "# A\n\nThe old claim.\n",
}


def followed(root: Path) -> None:
    for path, text in FOLLOWERS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@pytest.mark.parametrize(("old", "new"), [(A, B), (A, "/memories/deep/2026-03-01-c.md")])
def test_what_was_replaced_stays_replaced_under_its_new_name(store: MemoryStore, old: str, new: str):
    """Whoever named the old id names the new one, in every form, also what is private; all else stays as it was."""
    followed(store.root)
    before = contents(store.root)
    tool = AgentMemoryTool(store, "api")
    assert tool.call(command("rename", old_path=old, new_path=new)) == f"Successfully renamed {old} to {new}"
    id_ = f"api{new.removeprefix('/memories').removesuffix('.md')}"
    assert store.record(id_).superseded_by == ("api/2026-02-01-own", "web/2026-02-02-open", "web/2026-02-05-past")
    assert "web/2026-02-03-private" in store.record(id_, reader="web").superseded_by
    assert store.show("web/2026-02-04-answer").sources == (id_, "web/x")
    text = contents(store.root)
    assert text["api/2026-02-01-own.md"].endswith(b"kept: yes\n---\nown\n")
    assert b"../odd" in text["api/2026-02-01-own.md"]
    for path in ("web/2026-02-06-none.md", "web/2026-02-07-broken.md"):
        assert text[path] == before[path]
    assert not any(b"2026-01-01-a" in data for path, data in text.items() if "own" in path or "answer" in path)
    assert tool.call(command("rename", old_path=new, new_path=old)) == f"Successfully renamed {new} to {old}"
    assert store.record(CLAIM).status == "superseded"


def test_a_folder_takes_the_links_of_all_its_memories_along(store: MemoryStore):
    for n in (1, 2, 3):
        path = store.root / "api" / "sub" / f"2026-01-0{n}-x.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"---\nsupersedes: [api/sub/2026-01-0{n - 1}-x]\n---\n{n}\n" if n > 1 else "1\n")
    AgentMemoryTool(store, "api").call(command("rename", old_path="/memories/sub", new_path="/memories/to"))
    assert store.record("api/to/2026-01-01-x").superseded_by == ("api/to/2026-01-02-x",)
    assert store.record("api/to/2026-01-02-x").superseded_by == ("api/to/2026-01-03-x",)
    assert not any("does not exist" in note for note in store.doctor().notes)


def test_nothing_is_renamed_where_a_link_cannot_follow(store: MemoryStore):
    """Who has the memory that cannot be edited is not told: it may be private."""
    followed(store.root)
    odd = store.root / "web" / "2026-02-08-odd.md"
    odd.write_text(f"---\na: &x 1\nsupersedes: &y [{CLAIM}]\nb: *y\nvisibility: private\n---\nodd\n")
    before = contents(store.root)
    answer = outcome(AgentMemoryTool(store, "api"), command("rename", old_path=A, new_path=B))
    assert answer[0] == "error"
    assert "cannot be renamed: a memory names it that cannot be edited" in answer[1]
    assert "odd" not in answer[1]
    assert "web" not in answer[1]
    assert contents(store.root) == before


def test_a_link_that_would_make_a_memory_too_large_stops_the_renaming(store: MemoryStore):
    """The memory would be read no more, and it is somebody else's."""
    followed(store.root)
    head = f"---\nsupersedes: [{CLAIM}]\nvisibility: private\n---\n# Huge\n\n"
    huge = store.root / "web" / "2026-02-08-huge.md"
    huge.write_text(head + "x " * ((LARGEST - len(head)) // 2))
    before = contents(store.root)
    answer = outcome(AgentMemoryTool(store, "api"), command("rename", old_path=A, new_path=B))
    assert answer[0] == "error"
    assert "cannot be renamed: a memory names it that cannot be edited" in answer[1]
    assert "web" not in answer[1]
    assert contents(store.root) == before


def test_nothing_is_renamed_to_what_the_archive_has(store: MemoryStore):
    """Two memories must not share an id; `create` refuses such a name, too."""
    tool = AgentMemoryTool(store, "api")
    for path in (A, B):
        tool.call(command("create", path=path, file_text=path))
    store.archive("api/2026-01-02-b", agent="api")
    before = contents(store.root)
    refused = outcome(tool, command("rename", old_path=A, new_path=B))
    assert refused == ("error", f"The destination {B} already exists")
    assert contents(store.root) == before
    assert outcome(tool, command("create", path=B, file_text="new"))[0] == "error"


def test_a_kill_while_it_renames_never_brings_back_what_was_replaced(tmp_path: Path):
    def stage(name: str, steps: Steps) -> tuple[MemoryStore, Child]:
        root = tmp_path / name
        MemoryStore.init(root, clock=lambda: NOW).close()
        followed(root)

        def work() -> list[tuple[str, str]]:
            tool = AgentMemoryTool(MemoryStore.open(root, clock=lambda: NOW), "api")
            steps.arm()
            tool.call(command("rename", old_path=A, new_path=B))
            return steps.taken

        return MemoryStore.open(root, clock=lambda: NOW), Child(work)

    steps = stage("whole", Steps())[1].result()
    assert len(steps) > 20
    for kill in range(len(steps)):
        store, child = stage(f"kill-{kill}", Steps(die_at=kill))
        assert child.wait() == -signal.SIGKILL
        with store:
            there = {record.id: record for record in store.list("claim", reader="web") if record.name == "A"}
            assert set(there) <= {CLAIM, "api/2026-01-02-b"}
            assert [len(record.superseded_by) for record in there.values()] == [4] * len(there) != [], steps[kill]
            if CLAIM in there:  # try again
                AgentMemoryTool(store, "api").call(command("rename", old_path=A, new_path=B))
            assert len(store.record("api/2026-01-02-b", reader="web").superseded_by) == 4
            assert not (store.root / "api" / "2026-01-01-a.md").exists()
            if CLAIM in there:  # and nothing of the first try is left
                left = [
                    path
                    for path, text in contents(store.root).items()
                    if path.endswith(".md") and b"2026-01-01-a" in text
                ]
                assert sorted(left) == ["web/2026-02-06-none.md", "web/2026-02-07-broken.md"]


def test_what_it_deletes_comes_back(store: MemoryStore):
    tool = AgentMemoryTool(store, "api")
    for path in (A, C):
        tool.call(command("create", path=path, file_text=f"text of {path}\n"))
    tool.call(command("delete", path="/memories/sub"))
    assert not (store.root / "api" / "sub").exists()
    store.restore("api/sub/2026-01-03-c")
    assert (store.root / "api" / "sub" / "2026-01-03-c.md").read_text() == f"text of {C}\n"
    assert tool.clear_all_memory() == "All memory cleared"
    assert store.list(agent="api") == ()
    store.restore("api/2026-01-01-a")
    assert [record.id for record in store.list(agent="api")] == ["api/2026-01-01-a"]
    assert [record.agent for record in store.list(agent="web")] == ["web"]


def test_a_folder_that_holds_something_else_is_not_deleted(store: MemoryStore):
    tool = AgentMemoryTool(store, "api")
    tool.call(command("create", path=C, file_text="c"))
    (store.root / "api" / "sub" / "data.csv").write_text("1,2")
    assert "data.csv" in outcome(tool, command("delete", path="/memories/sub"))[1]
    assert "data.csv" in outcome(tool, command("rename", old_path="/memories/sub", new_path="/memories/to"))[1]
    assert "data.csv" in outcome(tool, command("view", path="/memories/sub"))[1]
    assert contents(store.root / "api") == {"sub/2026-01-03-c.md": b"c", "sub/data.csv": b"1,2"}
    (store.root / "api" / "bad.md").write_bytes(b"\xff\xfe")
    assert outcome(tool, command("view", path="/memories/bad.md")) == ("error", "/memories/bad.md: not UTF-8 text")


def test_a_hundred_edits_at_once_lose_none(store: MemoryStore):
    tool, other = AsyncAgentMemoryTool(store, "api"), AsyncAgentMemoryTool(store, "api")

    async def main() -> None:
        await tool.call(command("create", path=A, file_text=""))
        edits = (command("insert", path=A, insert_line=0, insert_text=f"line {n}") for n in range(100))
        await asyncio.gather(
            *(which.call(edit) for edit, which in zip(edits, itertools.cycle((tool, other)), strict=False))
        )
        made = [tool.call(command("create", path=B, file_text=f"{n}")) for n in range(20)]
        answers = await asyncio.gather(*made, return_exceptions=True)
        assert sum(isinstance(answer, str) for answer in answers) == 1

    asyncio.run(main())
    lines = (store.root / "api" / "2026-01-01-a.md").read_text().splitlines()
    assert sorted(lines) == sorted(f"line {n}" for n in range(100))


def test_the_async_twin_answers_the_same(store: MemoryStore):
    theirs, twin = AgentMemoryTool(store, "one"), AsyncAgentMemoryTool(store, "two")

    async def both(step: Command) -> None:
        expected = outcome(theirs, step)
        try:
            answer = ("done", str(await twin.call(dict(step))))
        except ToolError as error:
            answer = ("error", str(error))
        assert outcome(type("Said", (), {"call": lambda _, __: answer[1]})(), {})[1] == expected[1]
        assert answer[0] == expected[0]

    async def main() -> None:
        for step in SCRIPT:
            await both(step)
        assert await twin.clear_all_memory() == "All memory cleared"

    asyncio.run(main())


class Scripted(BaseHTTPRequestHandler):
    """A messages API on loopback that plays a model: it creates, views and stops."""

    calls: list[dict[str, Any]]
    steps = (
        command("create", path="/memories/notes.md", file_text="x"),
        command("create", path="/memories/2026-07-01-retries.md", file_text="Webhooks retry five times.\n"),
        command("view", path="/memories/2026-07-01-retries.md"),
    )

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.calls.append(request)
        turn = len(self.calls) - 1
        content: list[dict[str, Any]] = [{"type": "text", "text": "done"}]
        if turn < len(self.steps):
            content = [{"type": "tool_use", "id": f"t{turn}", "name": "memory", "input": self.steps[turn]}]
        body = json.dumps({
            "id": "m", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_sequence": None,
            "stop_reason": "tool_use" if turn < len(self.steps) else "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_the_runner_of_the_sdk_drives_it(store: MemoryStore):
    Scripted.calls = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = Anthropic(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}", max_retries=0)
        runner = client.beta.messages.tool_runner(
            model="claude-sonnet-5-5", max_tokens=100, tools=[AgentMemoryTool(store, "api")],
            messages=[{"role": "user", "content": "Remember that webhooks retry five times"}],
        )  # fmt: skip
        assert runner.until_done().stop_reason == "end_turn"
        server.shutdown()
    assert Scripted.calls[0]["tools"] == [{"type": "memory_20250818", "name": "memory"}]
    results = [call["messages"][-1]["content"][0] for call in Scripted.calls[1:]]
    assert [bool(result.get("is_error")) for result in results] == [True, False, False]
    assert "     1\tWebhooks retry five times." in json.dumps(results[2]["content"]).replace("\\t", "\t")
    assert store.search("webhooks").hits[0].record.agent == "api"
