"""Who reads (`reader=`, `--as`) is one thing, whose memories are asked for (`agent=`, `--agent`) another."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.promises.support import clock, plant

from agent_memory import MemoryStore, NotFound
from agent_memory.cli.options import Call
from agent_memory.cli.program import program

FILES = {
    "api/2026-01-01-queue.md": "# Queue\n\nThe queue is open.\n",
    "api/2026-01-02-mine.md": "---\nvisibility: private\n---\n\n# Mine\n\nThe queue of api.\n",
    "web/2026-01-03-queue.md": "# Page\n\nThe queue on a page.\n",
    "web/2026-01-04-theirs.md": "---\nvisibility: private\n---\n\n# Theirs\n\nThe queue of web.\n",
    ".store/archive/api/2026-01-05-old.md": "---\nvisibility: private\n---\n\n# Old\n\nThe old queue.\n",
}
OPEN = {"Queue", "Page"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    plant(tmp_path / "agents-memory", FILES)
    return tmp_path / "agents-memory"


@pytest.mark.parametrize(("agent", "reader", "names"), [
    (None, None, OPEN),
    (None, "api", OPEN | {"Mine"}),
    (None, "web", OPEN | {"Theirs"}),
    (None, "nobody", OPEN),
    ("api", None, {"Queue", "Mine"}),
    ("api", "api", {"Queue", "Mine"}),
    ("api", "web", {"Queue"}),
    ("web", "api", {"Page"}),
    ("api", "nobody", {"Queue"}),
])  # fmt: skip
def test_the_reader_sees_the_team_and_what_is_its_own(
    root: Path, agent: str | None, reader: str | None, names: set[str]
):
    with MemoryStore.open(root, clock=clock) as store:
        for query in ("queue", "queue -nothing", "date:2026"):
            found = store.search(query, agent=agent, reader=reader)
            assert {hit.record.name for hit in found.hits} == names
            assert found.total == len(names)
            assert {record.name for record in store.list(query, agent=agent, reader=reader)} == names
        assert {record.name for record in store.list(agent=agent, reader=reader)} == names
        archived = {hit.record.name for hit in store.search("queue", agent=agent, reader=reader, archived=True).hits}
        assert archived - names == ({"Old"} if agent != "web" and (reader or agent) == "api" else set())


def test_one_memory_is_named_by_its_owner_and_read_by_the_reader(root: Path):
    with MemoryStore.open(root, clock=clock) as store:
        assert store.show("2026-01-01-queue", agent="api", reader="web").id == "api/2026-01-01-queue"
        assert store.show("api/2026-01-02-mine", reader="api").name == "Mine"
        for verb in (store.show, store.record, store.why, store.suggestions):
            with pytest.raises(NotFound):
                verb("2026-01-02-mine", agent="api", reader="web")
        made = store.first_step(agent="api", task="The queue of api")
        assert "Mine" in {one.record.name for one in made.memories}
        handed = {reader: store.receipts(agent="api", reader=reader).items[0] for reader in ("api", "web")}
        assert handed["api"].receipt.memories
        assert len(handed["web"].receipt.memories) < len(handed["api"].receipt.memories)
        assert store.receipts(reader="web").items == store.receipts(agent="api", reader="web").items


def call(root: Path, *words: str) -> tuple[str, str]:
    result = CliRunner().invoke(program, ["--root", str(root), *words], obj=Call(clock=clock), prog_name="memory")
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_the_commands_have_the_same_words(root: Path):
    for verb in ("search", "list"):
        out, err = call(root, verb, "queue", "--as", "api")
        assert ("mine" in out, "theirs" in out, "page" in out.lower(), err) == (True, False, True, "")
        out, err = call(root, verb, "queue", "--as", "web", "--agent", "api")
        assert ("mine" in out, "page" in out.lower(), "api/2026-01-01-queue" in out) == (False, False, True)
    assert "The queue of api" in call(root, "show", "2026-01-02-mine", "--as", "api")[0]
    assert "no receipt" in call(root, "why", "2026-01-02-mine", "--as", "api")[1]
    call(root, "receipts", "--as", "api")
    call(root, "doctor", "--as", "api")


@pytest.mark.parametrize(("words", "said"), [
    (("list", "--agent", "wb"), "no memories\nnote: no agent wb; did you mean web?\n"),
    (("list", "--agent", "wb", "--json"), "note: no agent wb; did you mean web?\n"),
    (("list", "--as", "wb"), "note: no agent wb; did you mean web?\n"),
    (("search", "queue", "--as", "Web"), "note: no agent Web; did you mean web?\n"),
    (("search", "queue", "--agent", "zzz"), "note: no agent zzz; there are: api, web\n"),
    (("search", "queue", "--agent", "zzz", "--json"), "note: no agent zzz; there are: api, web\n"),
    (("receipts", "--agent", "zzz"), "note: no agent zzz; there are: api, web\n"),
    (("list", "--agent", "api", "type:incident"), "no memories\n"),
    (("list", "--as", "api"), ""),
])  # fmt: skip
def test_an_agent_that_nobody_knows_is_said_to_be_so(root: Path, words: tuple[str, ...], said: str):
    """A misspelt name finds nothing, or nothing private, and looks like an answer."""
    err = call(root, *words)[1]
    assert err.endswith(said)
    assert said or not err


def test_an_agent_with_a_card_and_no_memory_is_known(root: Path):
    project = root.parent / "project"
    plant(project / ".claude" / "agents-memory", FILES)
    (project / ".claude" / "agents").mkdir()
    (project / ".claude" / "agents" / "quality.md").write_text("---\nname: quality\ndescription: Q.\n---\n")
    assert call(project, "list", "--agent", "quality")[1] == "no memories\n"


def test_what_is_suggested_finds_something(tmp_path: Path):
    """A word that only the archive or another agent has would be no help."""
    with MemoryStore.init(tmp_path / "agents-memory") as store:
        store.add(agent="api", topic="Rods", body="zirconium rods")
        past = store.add(agent="api", topic="Past", body="hafnium rods")
        store.archive(past.id, agent="api")
        assert store.search("zirconum").suggestion == "zirconium"
        assert store.search("zirconum", agent="web").suggestion == ""
        assert store.search("hafnum").suggestion == ""
        assert store.search("hafnum", archived=True).suggestion == "hafnium"
