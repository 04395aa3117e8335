"""Nobody but its owner gets a word of a private memory out of any verb."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.promises.support import DAY, clock, plant

from agent_memory import MemoryStore, MemoryStoreError, NotFound
from agent_memory.cli.options import Call
from agent_memory.cli.program import SHORT_HELP, program

MARK = "zirkonium"
OWNER, OTHER = "api", "worker"
PRIVATE = f"{OWNER}/2026-03-02-plan-{MARK}"
OPEN = f"{OTHER}/2026-02-01-plan"


@dataclass(frozen=True)
class Scene:
    """How the private memory stands in its store.

    Attributes:
        visibility: As written; anything but team and public is private.
        place: In the agent's folder, the archive or the trash.
        supersedes: The private memory replaces the open one.
        broken: Its front matter has a key that cannot be read.
        copied: The other agent has written the same, but for the mark.
        handed: Its owner was handed it, a receipt says so; `gone` afterwards.
    """

    visibility: str = "private"
    place: str = ""
    supersedes: bool = False
    broken: bool = False
    valid_until: str = ""
    copied: bool = False
    handed: bool = False
    gone: bool = False


scenes = st.builds(
    Scene,
    visibility=st.sampled_from(("private", "Private ", "privat", "[team, x]", "me")),
    place=st.sampled_from(("", "", "", ".store/archive/", ".store/trash/")),
    supersedes=st.booleans(),
    broken=st.booleans(),
    valid_until=st.sampled_from(("", "2026-03-10", "2025-01-01")),
    copied=st.booleans(),
    handed=st.booleans(),
    gone=st.booleans(),
)


def text_of(scene: Scene, mark: str) -> str:
    keys = [
        f"name: Plan for {mark}",
        f"description: What {mark} costs, and webhook retries",
        f"tags: [{mark}, jobs]",
        f"visibility: {scene.visibility}",
        f"supersedes: [{OPEN}]" if scene.supersedes else "",
        f"date: [{mark}]" if scene.broken else "",
        f"valid_until: {scene.valid_until}" if scene.valid_until else "",
    ]
    head = "\n".join(key for key in keys if key)
    return (
        f"---\n{head}\n---\n\n# {mark} first\n\nWebhook retries of the queue are {mark}, {mark}s and `src/{mark}.py`.\n"
    )


def build(scene: Scene, root: Path) -> None:
    plant(
        root,
        {
            f"{OPEN}.md": "---\nname: Plan\n---\n\nWebhook retries of the queue, five times within an hour.\n",
            f"{OWNER}/2026-01-05-limits.md": "# Limits\n\nThe queue has a rate limit, see the plan for retries.\n",
            f"{scene.place}{PRIVATE}.md": text_of(scene, MARK),
        },
    )
    if scene.copied:
        plant(root, {f"{OTHER}/2026-03-03-copy.md": text_of(replace(scene, visibility="team"), "webhook")})
    if scene.handed:
        with MemoryStore.open(root, clock=clock) as store:
            for n in range(5):
                store.first_step(agent=OWNER, task=f"webhook retries of the queue {MARK} {n}")
            if scene.gone and not scene.place:
                store.trash(PRIVATE, agent=OWNER)


def said(store: MemoryStore, name: str, *args: Any, **options: Any) -> str:
    """What a verb answers, or why it does not, without what was asked for."""
    try:
        found = getattr(store, name)(*args, **options)
    except MemoryStoreError as error:
        return str(error)
    return repr(found._replace(query="") if name == "search" else found)


QUERIES = (
    "webhook retries", "zirkonum", "zirk*", "plan queue~", "type:note", "tag:jobs", "status:superseded", "agent:api",
    "", "limits zirkoniun", "status:expired OR status:archived", f"file:src/{MARK}.py",
)  # fmt: skip


def answers(store: MemoryStore, reader: str | None, word: str) -> Iterator[str]:
    """What every verb of the library says to somebody who is not the owner, and is named by `agent=` or `reader=`."""
    reads: dict[str, Any] = {word: reader}
    for query in QUERIES:
        for archived in (False, True):
            if query:
                yield said(store, "search", query, **reads, archived=archived, explain=True)
            yield said(store, "list", query, **reads, archived=archived)
    for reference in (OPEN, f"{OWNER}/2026-03-02-plan-zirkoniu", "2026-03-02-plan", f"{OWNER}/2026-01-05-limits"):
        for verb in ("show", "record", "why", "suggestions"):
            yield said(store, verb, reference, **reads)
    yield said(store, "receipts", **reads)
    yield said(store, "doctor", **reads)
    yield said(store, "stats")
    yield said(store, "sync", full=True)
    yield said(store, "agents")
    yield repr(store.report)
    for judged in store.receipts(**reads).items:
        yield said(store, "feedback", judged.receipt.id, used=["nobody/nothing"])
    if reader is not None:
        yield said(store, "first_step", agent=reader, task=f"webhook retries plan {MARK}", receipt=False)
        yield said(store, "rank", reader, f"webhook retries plan {MARK}")
        yield said(store, "open_consultations", reader)
        yield said(store, "add", agent=reader, topic="Plan", body="Webhook retries of the queue, five times.")


def named_right(store: MemoryStore, reader: str | None) -> Iterator[None]:
    """Each verb that takes a reference, given the right one: as if there were no such memory."""
    for reference in (PRIVATE, f"{PRIVATE}.md", f".store/archive/{PRIVATE}.md", PRIVATE.partition("/")[2]):
        for verb in ("show", "record", "why", "archive", "restore", "trash", "suggestions"):
            with pytest.raises(NotFound) as failure:
                getattr(store, verb)(reference, agent=reader)
            unknown = reference.replace("plan", "none")
            with pytest.raises(NotFound) as other:
                getattr(store, verb)(unknown, agent=reader)
            assert failure.value.message == other.value.message.replace("none", "plan")
            yield
        with pytest.raises(NotFound):
            store.edit(reference, body="mine", agent=reader)
        for new, old in ((reference, OPEN), (OPEN, reference)):
            with pytest.raises(NotFound):
                store.supersede(new, old, agent=reader)
        with pytest.raises(NotFound):
            store.add(agent=OTHER, topic="x", body="y", supersedes=[reference])
        with pytest.raises(NotFound):
            store.answer(reference, agent=OTHER, text="mine")
        yield


@settings(deadline=None, max_examples=25)
@given(scenes, st.sampled_from((None, OTHER, "quality", "API")), st.sampled_from(("agent", "reader")))
def test_no_verb_says_a_word_of_a_private_memory(scene: Scene, reader: str | None, word: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "agents-memory"
        build(scene, root)
        before = (root / f"{scene.place}{PRIVATE}.md").exists()
        with MemoryStore.open(root, clock=clock) as store:
            for answer in answers(store, reader, word):
                assert MARK not in answer
            for _ in named_right(store, reader):
                pass
        assert (root / f"{scene.place}{PRIVATE}.md").exists() is before


@pytest.mark.parametrize("query", ["walrus", "walrus OR harbour", "walr*", "walrs~"])
def test_no_score_tells_how_many_private_memories_have_a_word(tmp_path: Path, query: str) -> None:
    """Whoever writes a word down could else read off a search whether others keep it to themselves."""
    texts = {f"{OTHER}/2026-03-0{n}-note.md": f"# Note {n}\n\n{word} and more\n" for n, word in
             enumerate(("walrus", "harbour", "harbour", "ferry"), 1)}  # fmt: skip
    secret = {f"{OWNER}/2026-03-0{n}-mine.md": "---\nvisibility: private\n---\nwalrus walrus\n" for n in range(1, 7)}
    hits, of_owner = [], 0
    for more in ({}, secret):
        root = tmp_path / f"store-{len(more)}"
        plant(root, texts | more)
        with MemoryStore.open(root, clock=clock) as store:
            found = store.search(query, reader=OTHER, explain=True).hits
            hits.append([(hit.record.id, hit.score, hit.terms) for hit in found])
            of_owner = store.search(query, reader=OWNER).total
    assert hits[0] == hits[1] != []
    assert of_owner > len(hits[0])


@settings(deadline=None, max_examples=25)
@given(scenes)
def test_the_owner_has_it(scene: Scene) -> None:
    """The test above would hold as well if nothing were ever found."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "agents-memory"
        build(scene, root)
        with MemoryStore.open(root, clock=clock) as store:
            if scene.place == ".store/trash/" or (scene.handed and scene.gone and not scene.place):
                assert store.restore(PRIVATE, agent=OWNER).id == PRIVATE
                return
            assert MARK in store.show(PRIVATE, agent=OWNER).body
            found = store.search(MARK, agent=OWNER, archived=True)
            assert [hit.record.id for hit in found.hits] == [PRIVATE]
            assert PRIVATE in {record.id for record in store.list(agent=OWNER, archived=True)}
            assert not scene.broken or MARK in repr(store.doctor(agent=OWNER).problems)
            if scene.handed and not scene.place:
                assert MARK in repr(store.receipts(agent=OWNER))
                assert len(store.why(PRIVATE, agent=OWNER).items) == 5


CALLS = {
    "search": [
        "search the and",
        "search webhook retries",
        "search zirkonum",
        "search --archived queue",
        "search plan --explain",
    ],
    "list": ["list", "list --archived", "list type:note"],
    "show": [f"show {OPEN}", f"show {OPEN} --raw", "show 2026-03-02-plan"],
    "first-step": ["first-step --agent worker --task webhooks", f"first-step --agent worker --task {MARK[:-2]}"],
    "receipts": ["receipts"],
    "why": [f"why {OPEN}", f"why {OWNER}/2026-03-02-plan-x"],
    "add": ["add --agent worker --topic Plan README"],
    "edit": [f"edit {OPEN} --set tags=a"],
    "supersede": [f"supersede {OWNER}/2026-01-05-limits {OPEN}"],
    "archive": ["archive 2026-03-02-plan"],
    "restore": ["restore 2026-03-02-plan"],
    "trash": ["trash 2026-03-02-plan"],
    "feedback": ["feedback 00 --used x"],
    "consult": ["consult --from worker --to api Why?"],
    "answer": ["answer 2026-03-02-plan --agent worker x"],
    "sync": ["sync --full"],
    "doctor": ["doctor", "doctor --fix"],
    "stats": ["stats"],
    "eval": ["eval --self"],
    "compact": ["compact", "compact --apply --force", "compact --budget 1"],
    "undo": ["undo"],
    "timeline": ["timeline"],
    "export": ["export --to claude-native --out out", "export --to claude-native --out out --agent worker --dry-run"],
    "import": ["import --from day-logs . --agent worker"],
    "mcp": [],  # does not end; its tests are in tests/bridges
    "init": [],  # makes a store
    "watch": [],  # counts, and does not end
    "completion": [],  # see the test below
    "hook": [],  # the same
    "install": ["install claude-code --dry-run"],
    "uninstall": ["uninstall codex --dry-run"],
}


@pytest.mark.parametrize("scene", [
    Scene(copied=True, supersedes=True, broken=True, handed=True, valid_until="2026-03-10"),
    Scene(copied=True, place=".store/archive/", visibility="privat"),
    Scene(handed=True, gone=True),
])  # fmt: skip
def test_no_command_prints_a_word_of_a_private_memory(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(CALLS) == [name for name in CALLS if name in SHORT_HELP]
    assert set(SHORT_HELP) == set(CALLS), "say here what the new command does with a private memory"
    root = tmp_path / "agents-memory"
    build(scene, root)
    monkeypatch.chdir(tmp_path)
    Path("README").write_text("Webhook retries of the queue, five times.")
    for calls in CALLS.values():
        for words in calls:
            for more in ([], ["--json"]):
                call = ["--root", str(root), *words.split(), *more]
                result = CliRunner().invoke(program, call, obj=Call(clock=clock), prog_name="memory")
                assert "internal error" not in result.output, words
                assert MARK not in result.output, words
    assert not any(MARK in path.read_text() for path in Path("out").rglob("*.md"))


@pytest.mark.parametrize(("reader", "handed"), [(OTHER, False), (OWNER, True)])
def test_the_hook_hands_a_private_memory_to_its_owner_only(reader: str, handed: bool, tmp_path: Path) -> None:
    build(Scene(), tmp_path / "agents-memory")
    given = {"prompt": "The plan for webhooks", "subagent_type": reader}
    event = json.dumps({"hook_event_name": "PreToolUse", "tool_name": "Agent", "tool_input": given})
    call = ["--root", str(tmp_path / "agents-memory"), "hook"]
    result = CliRunner().invoke(program, call, obj=Call(clock=clock), input=event, prog_name="memory")
    assert "recorded-notes" in result.stdout
    assert (MARK in result.stdout) is handed


@pytest.mark.parametrize(("reader", "offered"), [(None, False), (OTHER, False), (OWNER, True)])
def test_a_shell_completes_a_private_memory_for_its_owner_only(
    reader: str | None,
    offered: bool,
    tmp_path: Path,
) -> None:
    build(Scene(), tmp_path / "agents-memory")
    words = ["--root", str(tmp_path / "agents-memory"), "show", *(["--agent", reader] if reader else [])]
    environment = {"_MEMORY_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["memory", *words, ""])}
    environment["COMP_CWORD"] = str(len(words) + 1)
    result = CliRunner().invoke(program, [], env=environment, prog_name="memory", obj=Call(clock=clock))
    assert OPEN in result.output
    assert (MARK in result.output) is offered


def test_doctor_tells_a_difference_without_a_name(tmp_path: Path) -> None:
    build(Scene(), tmp_path)
    with MemoryStore.open(tmp_path, clock=clock) as store:
        store.sync()
        with closing(sqlite3.connect(tmp_path / ".store" / "index.sqlite3")) as index, index:
            index.execute("UPDATE memories SET description = 'other' WHERE id = ?", (PRIVATE,))
        told, owned = store.doctor(), store.doctor(agent=OWNER)
        assert not told.healthy
        assert told.differences == (f"{OWNER}/ (private): the index does not say what the file says",)
        assert owned.differences == (f"{PRIVATE}.md: the index does not say what the file says",)


def test_a_memory_expires_after_its_last_day(tmp_path: Path) -> None:
    assert DAY.date().isoformat() == "2026-03-15"
    lines = {"today": "2026-03-15", "yesterday": "2026-03-14"}
    plant(tmp_path, {f"api/2026-01-01-{n}.md": f"---\nvalid_until: {day}\n---\nqueue\n" for n, day in lines.items()})
    plant(tmp_path, {".store/archive/api/2026-01-01-old.md": "---\nvalid_until: 2026-01-02\n---\nqueue\n"})
    with MemoryStore.open(tmp_path, clock=clock) as store:
        states = {record.name: record.status for record in store.list(archived=True)}
        assert states == {"today": "active", "yesterday": "expired", "old": "archived"}
        assert [record.name for record in store.list("status:expired")] == ["yesterday"]
        assert [hit.record.name for hit in store.search("queue status:expired").hits] == ["yesterday"]
        assert store.show("2026-01-01-yesterday").status == "expired"
