"""The MCP server in memory, over stdio and over HTTP; `python3 dev.py mcp1` runs this on the first line of the SDK."""

from __future__ import annotations

import importlib.metadata
import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from click.testing import CliRunner
from tests.bridges.mcp_clients import MEMORY, Caller, clean, in_memory, over_http, over_stdio, run, serving

from agent_memory import MemoryStore
from agent_memory.bridges.mcp.building import Building
from agent_memory.bridges.mcp.sdk import LINE, PromptReference, ResourceTemplateReference
from agent_memory.cli.options import Call
from agent_memory.cli.program import program
from agent_memory.model import TYPES

TOKEN = "a-token-of-some-length"
MODES = ("auto", "legacy") if LINE > 1 else ("auto",)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with an open note, a private one, and one that was replaced."""
    with MemoryStore.init(tmp_path / "agents-memory") as store:
        for n in range(8):
            store.add(agent="web", topic=f"Subject{n}", body=f"Subject{n} needs thing{n} and part{n}.")
        old = store.add(agent="api", topic="Retries", body="Webhooks retry twice, says the deliverer.")
        store.add(agent="api", topic="Retries now", body="Webhooks retry five times.", supersedes=[old.id])
        store.add(agent="api", topic="Salary", body="Salaries are a secret of mine.", visibility="private")
    return tmp_path / "agents-memory"


def ids(root: Path, agent: str | None = None) -> dict[str, str]:
    with MemoryStore.open(root) as store:
        return {record.name: record.id for record in store.list(agent=agent)}


Connect = Callable[[Path], AbstractAsyncContextManager[Caller]]
CONNECTED: list[tuple[str, Any]] = [
    *((f"memory-{mode}", lambda root, mode=mode: in_memory(root, mode=mode)) for mode in MODES),
    *((f"stdio-{mode}", lambda root, mode=mode: over_stdio(root, mode=mode)) for mode in MODES),
    *(
        (f"http-{mode}", lambda root, mode=mode: (serving(root), lambda url: over_http(url, mode=mode)))
        for mode in MODES
    ),
]


@pytest.mark.parametrize("connect", [way for _, way in CONNECTED], ids=[name for name, _ in CONNECTED])
def test_the_round_of_an_agent_on_every_way_in(root: Path, connect: Any):
    """Brief, write, find, replace, ask, answer, read: the same answers whichever transport and protocol."""

    async def main(caller: Caller) -> None:
        made = await caller.done("memory_first_step", agent="api", task="How often do webhooks retry?")
        assert "retry five times" in made["markdown"]
        assert made["memories"][0]["id"] == ids(root)["Retries now"]
        assert not made["nothing_relevant"]
        assert made["receipt"]
        new = await caller.done(
            "memory_add", agent="api", topic="Retries last", body="Webhooks retry nine times.", type="decision",
            tags=["jobs"], files=["app/hooks.py"], valid_until="2099-01-01",
        )  # fmt: skip
        replaced = await caller.done("memory_supersede", new=new["id"], old=ids(root)["Retries now"])
        assert replaced["fingerprint"] != new["fingerprint"]
        shown = await caller.done("memory_show", id=new["id"])
        assert shown["body"] == "Webhooks retry nine times.\n"
        assert (shown["type"], shown["tags"], shown["files"]) == ("decision", ["jobs"], ["app/hooks.py"])
        assert len(shown["supersedes"]) == 1
        found = await caller.done("memory_search", query="webhooks retry", limit=2)
        assert found["hits"][0]["id"] == new["id"]
        asked = await caller.done("memory_consult", agent="web", to="api", question="May a webhook retry?")
        waiting = await caller.done("memory_first_step", agent="api", task="Subject3")
        assert waiting["consultations"] == [asked["id"]]
        answered = await caller.done("memory_answer", agent="api", id=asked["id"], text="Nine times.")
        told = await caller.done("memory_first_step", agent="web", task="Subject3")
        assert told["answers"] == [answered["id"]]
        assert (await caller.read(f"memory://{new['id']}")) == "Webhooks retry nine times.\n"

    def connected() -> None:
        way = connect(root)
        server, join = way if isinstance(way, tuple) else (nullcontext(""), lambda _: way)
        with server as url:

            async def all_of_it() -> None:
                async with join(url) as caller:
                    await main(caller)

            run(all_of_it)

    connected()


def test_what_a_client_is_told_of_the_tools(root: Path):
    async def main() -> None:
        async with in_memory(root) as caller:
            tools = {tool.name: tool for tool in (await caller.session.list_tools()).tools}
            assert set(tools) == {f"memory_{verb}" for verb in (
                "first_step", "search", "show", "add", "supersede", "consult", "answer")}  # fmt: skip
            for name, tool in tools.items():
                wire = tool.model_dump(by_alias=True, exclude_none=True)
                assert wire["inputSchema"]["additionalProperties"] is False
                assert wire["outputSchema"]["type"] == "object"
                assert "ctx" not in wire["inputSchema"]["properties"]
                assert len(wire["description"]) < 2000
                reads = name in ("memory_first_step", "memory_search", "memory_show")
                assert wire["annotations"]["readOnlyHint"] is reads
                assert wire["annotations"]["openWorldHint"] is False
                assert reads or wire["annotations"]["destructiveHint"] is False
            loaded = [name for name, tool in tools.items() if (tool.meta or {}).get("anthropic/alwaysLoad")]
            assert loaded == ["memory_first_step"]
            schema = tools["memory_add"].model_dump(by_alias=True)["inputSchema"]
            assert schema["properties"]["type"]["enum"] == list(TYPES)

    run(main)


REFUSED = [
    ("memory_show", {"id": "api/2026-01-01-nothing"}, "no memory"),
    ("memory_show", {"id": "../../etc/passwd"}, "'..'"),
    ("memory_show", {"id": "/etc/passwd"}, "absolute"),
    ("memory_show", {"id": "api/\x00"}, "control characters"),
    ("memory_show", {"id": 7}, "id"),
    ("memory_show", {}, "id"),
    ("memory_search", {"query": '"open'}, "quot"),
    ("memory_search", {"query": "x", "limit": 0}, "limit"),
    ("memory_search", {"query": "x" * 10_001}, "query"),
    ("memory_add", {"agent": "../web", "topic": "T", "body": "b"}, "agent name"),
    ("memory_add", {"agent": "api", "topic": " ", "body": "b"}, "topic"),
    ("memory_add", {"agent": "api", "topic": "T", "body": "x" * 9_000_000}, "MB"),
    ("memory_add", {"agent": "api", "topic": "T", "body": "b", "supersedes": ["api/gone"]}, "no memory"),
    ("memory_add", {"agent": "api", "topic": "T", "body": "b", "supersede": ["api/gone"]}, "supersede"),
    ("memory_add", {"agent": "api", "topic": "T", "body": "b", "type": "poem"}, "type"),
    ("memory_add", {"agent": "api", "topic": "T", "body": "b", "date": "yesterday"}, "date"),
    ("memory_add", {"agent": "api", "topic": "T", "body": "a\x00b"}, "NUL"),
    ("memory_first_step", {"agent": "api", "task": "  "}, "task is empty"),
    ("memory_first_step", {"agent": "api", "task": "x " * 600_000}, "1,000,000"),
    ("memory_consult", {"agent": "api", "to": "api", "question": "?"}, "cannot ask itself"),
    ("memory_answer", {"agent": "api", "id": "web/gone", "text": "x"}, "no memory"),
    ("memory_forget", {}, "memory_forget"),
]


@pytest.mark.parametrize(
    ("tool", "words", "said"), REFUSED, ids=[f"{tool}-{n}" for n, (tool, _, _) in enumerate(REFUSED)]
)
def test_a_call_that_makes_no_sense_is_refused_in_words_and_changes_nothing(
    root: Path, tool: str, words: dict[str, Any], said: str
):
    before = sorted(str(path) for path in root.rglob("*.md"))

    async def main() -> None:
        async with in_memory(root) as caller:
            text = await caller.refused(tool, **words)
            assert said in text
            assert "Traceback" not in text
            assert str(root) not in text

    run(main)
    assert sorted(str(path) for path in root.rglob("*.md")) == before


def test_an_unforeseen_failure_tells_nothing_of_the_machine(root: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "I/O error", "/secret/place")

    async def main() -> None:
        async with in_memory(root) as caller:
            text = await caller.refused("memory_search", query="retry")
            assert "internal error (OSError)" in text
            assert "secret" not in text

    monkeypatch.setattr("agent_memory.recall.search.search", broken)
    run(main)


@pytest.mark.parametrize("uri", [
    "memory://api/..%2f..%2fetc%2fpasswd", "memory://api/../../etc/passwd", "memory://%2e%2e/x", "memory://api/",
    "memory://api/2026-01-01-nothing", "memory://api/a%00b", "file:///etc/passwd", "memory://.store/lock",
    "memory://api/x/../../../etc/passwd", "memory://api/x%2f..%2f..%2f..%2fetc%2fpasswd", "memory://api//etc/passwd",
    "memory://api/x/%2e%2e/%2e%2e/.store/lock", "memory://api/..%5c..%5cetc", "memory://api/x/", "memory://api",
    "memory:///etc/passwd", "memory://api/.store/archive/api/2026-01-01-nothing",
])  # fmt: skip
def test_a_resource_that_leads_elsewhere_does_not_exist(root: Path, uri: str):
    async def main() -> None:
        async with in_memory(root) as caller:
            with pytest.raises(Exception, match=r"(?i)memory|resource|cannot|uri|url"):
                await caller.read(uri)

    run(main)


ODD = (
    "2026/2026-01-01-nested", "2026/03/deep/2026-03-01-deeper", "no-date", "2026-01-02-with blanks ",
    "2026-01-03-what?", "2026-01-04-a#b", "2026-01-05-100%", "2026-01-06-%41", "2026-01-07-größe", "2026-01-08-x.md",
    "sub folder/a+b&c=d",
)  # fmt: skip


def test_every_memory_is_a_resource_whatever_its_folder_and_name(root: Path):
    """The slashes of an id as they are, or percent-encoded, which is how a client fills in the template."""
    for name in ODD:
        (root / "api" / f"{name}.md").parent.mkdir(parents=True, exist_ok=True)
        (root / "api" / f"{name}.md").write_text(f"# Odd\n\n{name!r} is its name.\n")
    (root / ".store" / "archive" / "api" / "old").mkdir(parents=True)
    (root / ".store" / "archive" / "api" / "old" / "2025-01-01-gone.md").write_text("It was once.\n")
    with MemoryStore.open(root) as store:
        known = {record.id: store.show(record.path).body for record in store.list(archived=True)}
    assert {f"api/{name}" for name in ODD} | {"api/old/2025-01-01-gone"} <= set(known)

    async def main() -> None:
        async with in_memory(root) as caller:
            for id_, body in known.items():
                agent, _, name = id_.partition("/")
                assert await caller.read(f"memory://{agent}/{quote(name, safe='')}") == body
                assert await caller.read(f"memory://{agent}/{quote(name)}") == body
            assert await caller.read("memory://api/2026/2026-01-01-nested.md") == known["api/2026/2026-01-01-nested"]
            template = ResourceTemplateReference(type="ref/resource", uri="memory://{agent}/{name}")
            assert await caller.complete(template, "name", "2026/", agent="api") == [
                "2026/03/deep/2026-03-01-deeper", "2026/2026-01-01-nested"
            ]  # fmt: skip
            offered = await caller.complete(template, "name", "", agent="api")
            assert {f"api/{name}" for name in offered} == {id_ for id_ in known if id_.startswith("api/")}
            assert offered[-1] == "old/2025-01-01-gone"

    run(main)


def test_who_names_no_agent_sees_nothing_private(root: Path):
    secret = ids(root, "api")["Salary"]

    async def main() -> None:
        async with in_memory(root) as caller:
            assert "no memory" in await caller.refused("memory_show", id=secret)
            assert (await caller.done("memory_show", id=secret, agent="api"))["body"].startswith("Salaries")
            assert not (await caller.done("memory_search", query="salaries secret"))["hits"]
            assert (await caller.done("memory_search", query="salaries secret", agent="api"))["hits"]
            with pytest.raises(Exception, match=r"no memory|not found|Error"):
                await caller.read(f"memory://{secret}")
            made = await caller.done("memory_first_step", agent="web", task="Salaries are a secret")
            assert "Salaries" not in made["markdown"]

    run(main)


def test_who_reads_searches_the_team_and_what_is_its_own(root: Path):
    """`agent` says whose memories; without it, `reader` still finds its private ones among all the others."""
    with MemoryStore.open(root) as store:
        store.add(agent="web", topic="Pay", body="Salaries are paid by web.", visibility="private")
        store.add(agent="web", topic="Rules", body="Salaries have rules.")

    async def names(caller: Caller, **words: str) -> set[str]:
        return {hit["name"] for hit in (await caller.done("memory_search", query="salaries", **words))["hits"]}

    async def main() -> None:
        async with in_memory(root) as caller:
            assert await names(caller) == {"Rules"}
            assert await names(caller, reader="api") == {"Rules", "Salary"}
            assert await names(caller, reader="web", agent="api") == set()
            assert await names(caller, agent="web") == {"Rules", "Pay"}
            shown = await caller.done("memory_show", id=ids(root, "api")["Salary"], reader="api")
            assert shown["name"] == "Salary"
        async with in_memory(root, agent="api") as caller:
            assert await names(caller) == {"Rules", "Salary"}
            assert await names(caller, agent="web") == {"Rules"}
            assert "speaks for api" in await caller.refused("memory_search", query="salaries", reader="web")

    run(main)


def test_a_server_for_one_agent_reads_and_writes_as_that_agent_alone(root: Path):
    secret = ids(root, "api")["Salary"]

    async def main() -> None:
        async with in_memory(root, agent="api") as caller:
            assert (await caller.read(f"memory://{secret}")).startswith("Salaries")
            assert (await caller.done("memory_show", id=secret))["agent"] == "api"
            for tool, words in (
                ("memory_add", {"topic": "T", "body": "b"}), ("memory_first_step", {"task": "t"}),
                ("memory_consult", {"to": "api", "question": "q"}), ("memory_show", {"id": secret}),
            ):  # fmt: skip
                assert "speaks for api, not for web" in await caller.refused(tool, agent="web", **words)
            hits = (await caller.done("memory_search", query="subject3", agent="web"))["hits"]
            assert [hit["name"] for hit in hits] == ["Subject3"]
        async with in_memory(root, agent="web") as caller:
            assert "no memory" in await caller.refused("memory_show", id=secret)
            assert not (await caller.done("memory_search", query="salaries secret", agent="api"))["hits"]
            with pytest.raises(Exception, match=r"no memory|not found|Error"):
                await caller.read(f"memory://{secret}")

    run(main)


def test_the_prompt_is_a_first_step_and_agents_are_completed(root: Path):
    async def main() -> None:
        async with in_memory(root) as caller:
            prompt = await caller.session.get_prompt("first_step", {"agent": "api", "task": "webhooks retry"})
            assert "retry five times" in prompt.messages[0].content.text
            ref = PromptReference(type="ref/prompt", name="first_step")
            assert await caller.complete(ref, "agent", "") == ["api", "web"]
            assert await caller.complete(ref, "agent", "w") == ["web"]
            assert await caller.complete(ref, "task", "w") == []
            template = ResourceTemplateReference(type="ref/resource", uri="memory://{agent}/{name}")
            names = await caller.complete(template, "name", "20", agent="api")
            assert sorted(f"api/{name}" for name in names) == sorted(ids(root)[n] for n in ("Retries", "Retries now"))
            assert await caller.complete(template, "agent", "a") == ["api"]
            templates = await caller.session.list_resource_templates()
            assert len(templates.resource_templates if LINE > 1 else templates.resourceTemplates) == 1

    run(main)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"agent": "api", "task": " "}, "the task is empty"),
        ({"agent": "../x", "task": "t"}, "does not start with a letter"),
        ({"agent": "api"}, "Missing required arguments"),
        ({"agent": "web", "task": "t"}, "speaks for api"),
    ],
)
def test_a_prompt_that_cannot_be_had_says_why(root: Path, words: dict[str, str], told: str):
    async def main() -> None:
        async with in_memory(root, agent="api" if "web" in words.values() else None) as caller:
            with pytest.raises(Exception, match=told):
                await caller.session.get_prompt("first_step", words)
            with pytest.raises(Exception, match="Unknown prompt"):
                await caller.session.get_prompt("second_step", words)

    run(main)


def test_a_build_tells_its_progress(tmp_path: Path):
    root = tmp_path / "store"
    for n in range(300):
        path = root / "api" / f"2026-01-01-note-{n}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# Note {n}\n\nabout thing{n}\n")
    seen: list[tuple[float, float | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        assert message == "building the index"
        seen.append((done, total))

    async def main() -> None:
        async with in_memory(root) as caller:
            answer = await caller.call("memory_search", progress=progress, query="thing7")
            assert answer.value["total"] == 1

    run(main)
    steps = [done for done, _ in seen]
    assert steps == sorted(set(steps))
    assert len(steps) >= 3
    assert {seen[-1]} == {(300, 300)}


def test_what_is_no_build_is_not_told():
    seen: list[float] = []

    async def tell(done: float, total: float | None, message: str | None) -> None:
        seen.append(done)
        raise ConnectionError("the client went away")

    async def main() -> None:
        building = Building()
        building(1, 2)  # nobody waits
        async with building.told(tell):
            building(0, 0)
            await anyio.sleep(0.01)
            assert len(seen) == 0
            for done in range(1, 5):
                building(done, 4)
        assert seen[:] == [1]  # and the failure costs nobody an answer

    run(main)


def test_a_hundred_calls_at_once_lose_no_write(root: Path):
    """Half of them over HTTP, half by two processes over stdio, at the same moment."""
    written: list[str] = []

    async def write(caller: Caller, name: str) -> None:
        done = await caller.done("memory_add", agent="api", topic="The same topic", body=f"body of {name}")
        written.append(done["id"])

    async def main(url: str) -> None:
        clients = over_http(url), over_stdio(root), over_stdio(root)
        async with clients[0] as http, clients[1] as one, clients[2] as two, anyio.create_task_group() as group:
            for n in range(50):
                group.start_soon(write, http, f"http-{n}")
            for n in range(25):
                group.start_soon(write, one, f"one-{n}")
                group.start_soon(write, two, f"two-{n}")

    with serving(root) as url:
        run(lambda: main(url), seconds=120)
    assert len(set(written)) == 100
    with MemoryStore.open(root) as store:
        bodies = {store.show(id_).body.strip() for id_ in written}
        assert len(bodies) == 100
        assert store.doctor().healthy


def post(url: str, body: bytes, **headers: str) -> tuple[int, str]:
    """Send a request as somebody who does not use the SDK."""
    sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} | headers
    request = urllib.request.Request(url, data=body, headers=sent)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except urllib.error.URLError as error:  # it hung up before it had read all of an oversized body
        return (413 if isinstance(error.reason, ConnectionError) else 0), ""


INITIALIZE = json.dumps({
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}).encode()  # fmt: skip


def test_http_without_the_token_is_refused(root: Path):
    with serving(root, "--host", "127.0.0.1", env={"MEMORY_MCP_TOKEN": TOKEN}) as url:
        for headers in ({}, {"Authorization": "Bearer wrong-token-of-len"}, {"Authorization": f"Basic {TOKEN}"}):
            status, text = post(url, INITIALIZE, **headers)
            assert status == 401
            assert "Bearer" in text
        for scheme in ("Bearer", "bearer"):  # RFC 9110: no case
            assert post(url, INITIALIZE, Authorization=f"{scheme} {TOKEN}")[0] == 200
        assert post(url, INITIALIZE, Authorization=f"Bearer {TOKEN.upper()}")[0] == 401

        async def main() -> None:
            async with over_http(url, token=TOKEN) as caller:
                assert (await caller.done("memory_search", query="retry"))["hits"]

        run(main)


def test_http_refuses_strange_hosts_and_what_is_no_message(root: Path):
    with serving(root) as url:
        assert post(url, INITIALIZE)[0] == 200
        assert post(url, INITIALIZE, Host="evil.example")[0] in (403, 421)
        assert post(url, INITIALIZE, Origin="http://evil.example")[0] == 403
        assert post(url, b"{")[0] == 400
        deep = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + b"[" * 5000 + b"}"
        assert post(url, deep)[0] in (400, 500)
        assert post(url, b'"' + b"x" * 8_000_000 + b'"')[0] == 413
        assert post(url, INITIALIZE)[0] == 200  # and lives on


def test_stdio_survives_what_is_no_message(root: Path):
    lines = [b"", b"{", b"\xff\xfe", b'{"jsonrpc":"2.0","id":9,"method":"no/such"}', b"[]", INITIALIZE]
    done = subprocess.run(
        [*MEMORY, "--root", str(root), "mcp"], input=b"\n".join(lines) + b"\n", capture_output=True, timeout=60,
        env=clean(), check=False,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(answer.get("id") == 1 and "serverInfo" in answer.get("result", {}) for answer in answers)
    assert done.returncode == 0


def told(*words: str, **env: str) -> tuple[int, str]:
    """Exit code and message of a call that fails."""
    nothing = dict.fromkeys(("MEMORY_ROOT", "CLAUDE_PROJECT_DIR", "MEMORY_MCP_TOKEN"))
    done = CliRunner(env={**nothing, **env}).invoke(program, words, obj=Call(), prog_name="memory")
    assert done.stdout == ""
    return done.exit_code, done.stderr


def test_what_cannot_be_served_says_so_in_one_line(root: Path, tmp_path: Path):
    there = ("--root", str(root), "mcp")
    assert told("--root", str(tmp_path / "gone"), "mcp")[0] == 3
    code, text = told(*there, "--http", "--host", "0.0.0.0")
    assert (code, "MEMORY_MCP_TOKEN" in text) == (2, True)
    assert told(*there, "--http", "--host", "example.org")[0] == 2
    assert told(*there, "--http", "--host", "127.0.0.2")[0] == 2  # nothing there keeps web pages of other hosts away
    assert told(*there, "--http", "--host", "0.0.0.0", MEMORY_MCP_TOKEN="short")[0] == 2
    assert told(*there, "--http", MEMORY_MCP_TOKEN="as long as it is but\nnot printable")[0] == 2
    assert told(*there, "--port", "80")[0] == 2
    assert told(*there, "--http", "--port", "x")[0] == 2
    assert told(*there, "--http", "--port", "65536")[0] == 2
    assert told(*there, "--agent", "../x")[0] == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, text = told(*there, "--http", "--port", str(taken.getsockname()[1]))
        assert (code, "cannot listen" in text) == (1, True)


def test_without_the_extra_one_line_says_which(root: Path, tmp_path: Path):
    (tmp_path / "mcp").mkdir()
    (tmp_path / "mcp" / "__init__.py").write_text("raise ModuleNotFoundError('No module named mcp', name='mcp')")
    done = subprocess.run(
        [*MEMORY, "--root", str(root), "mcp"], capture_output=True, text=True, timeout=60, check=False,
        env=clean(PYTHONPATH=str(tmp_path)),
    )  # fmt: skip
    text = done.stderr
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs the extra 'mcp'" in text
    assert "pip install 'agent-memory-store[mcp]'" in text
    assert "Traceback" not in text


def test_the_line_of_the_sdk_is_the_installed_one():
    assert importlib.metadata.version("mcp").startswith(f"{LINE}.")
