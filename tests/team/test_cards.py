"""Cards and documents on disk: nothing outside the project, nothing from the memory, nothing in silence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_memory.team.card import Card
from agent_memory.team.cards import LARGEST, SharedDocument, documents, project_of, read_cards, read_team

API = "---\nname: api-engineer\ndescription: x\n---\n\n# First Step\n\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    home = tmp_path / "project"
    (home / ".claude/agents").mkdir(parents=True)
    (home / ".claude/agents-memory/web").mkdir(parents=True)
    return home


def put(project: Path, path: str, text: str | bytes) -> None:
    target = project / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(text.encode() if isinstance(text, str) else text)


def told(project: Path) -> list[str]:
    return [str(problem) for problem in read_team(project).problems]


def test_cards_are_read_from_folders_below_too_but_not_from_hidden_ones_or_a_readme(project: Path):
    put(project, ".claude/agents/a.md", API)
    put(project, ".claude/agents/team/b.md", "---\nname: web\n---\n")
    for path in (".hidden.md", ".git/c.md", "README.md", "notes.txt"):
        put(project, f".claude/agents/{path}", "---\nname: nobody\n---\n")
    cards = read_cards(project)
    assert {agent: card.path for agent, card in cards.items()} == {
        "api-engineer": ".claude/agents/a.md", "web": ".claude/agents/team/b.md",
    }  # fmt: skip
    assert told(project) == []


def test_no_cards_are_no_problem(tmp_path: Path):
    assert read_cards(tmp_path) == {}
    assert told(tmp_path / "not there") == []


def test_of_two_cards_for_one_agent_the_first_counts(project: Path):
    put(project, ".claude/agents/a.md", API)
    put(project, ".claude/agents/b.md", API)
    assert read_cards(project)["api-engineer"].path == ".claude/agents/a.md"
    assert told(project) == [
        ".claude/agents/b.md: names the agent api-engineer, as .claude/agents/a.md does; this one is not used"
    ]


def test_what_cannot_be_read_is_reported_and_stops_nobody(project: Path, tmp_path: Path):
    agents = project / ".claude/agents"
    put(tmp_path, "outside/evil.md", "---\nname: evil\n---\n")
    put(project, "docs/linked.md", "---\nname: linked\n---\n")
    put(project, ".claude/agents/good.md", API)
    put(project, ".claude/agents/large.md", "x" * (LARGEST + 1))
    put(project, ".claude/agents/nul.md", b"a\0b")
    put(project, ".claude/agents/latin.md", b"---\nname: latin\n---\ncaf\xe9\n")
    put(project, ".claude/agents/broken.md", "---\nname: broken\ntools: [\n---\n")
    (agents / "escape.md").symlink_to(tmp_path / "outside/evil.md")
    (agents / "inside.md").symlink_to(project / "docs/linked.md")
    (agents / "loop.md").symlink_to("loop.md")
    (agents / "gone.md").symlink_to("nowhere.md")
    (agents / "folder").symlink_to(project / "docs")
    os.mkfifo(agents / "pipe.md")
    cards = read_cards(project)
    assert set(cards) == {
        "api-engineer", "broken", "linked", "latin", "escape", "large", "loop", "gone", "nul", "pipe"
    }  # fmt: skip
    assert cards["escape"] == Card(agent="escape", path=".claude/agents/escape.md", problems=cards["escape"].problems)
    problems = {problem.path.rpartition("/")[2]: problem.message for problem in read_team(project).problems}
    assert "not valid YAML" in problems.pop("broken.md")
    assert problems.pop("loop.md").startswith("cannot be read")
    assert problems == {
        "escape.md": "lies outside the project",
        "folder": "symbolic link to a folder, not followed",
        "gone.md": "there is no such file",
        "large.md": "is larger than 262,144 bytes (262,145)",
        "nul.md": "is not text: there is a NUL byte",
        "pipe.md": "is not a regular file",
    }


def test_a_linked_folder_of_cards_must_lie_in_the_project(tmp_path: Path):
    put(tmp_path, "outside/a.md", API)
    project = tmp_path / "project"
    (project / ".claude").mkdir(parents=True)
    (project / ".claude/agents").symlink_to(tmp_path / "outside")
    assert read_cards(project) == {}
    assert told(project) == [".claude/agents: lies outside the project"]
    (project / ".claude/agents").unlink()
    put(project, "team/a.md", API)
    (project / ".claude/agents").symlink_to("../team")
    assert list(read_cards(project)) == ["api-engineer"]


def test_a_name_that_cannot_be_printed_is_shown_as_it_can(project: Path):
    os.close(os.open(os.fsencode(project / ".claude/agents") + b"/a\xff.md", os.O_CREAT | os.O_WRONLY))
    (card,) = read_cards(project).values()
    assert card.path.isprintable()
    card.path.encode()


def test_documents_come_in_order_and_say_what_is_wrong(project: Path, tmp_path: Path):
    put(tmp_path, "secret.md", "secret")
    put(project, "docs/a.md", "\ufeff# A\r\n")
    put(project, "docs/large.md", "x" * 101)
    put(project, "docs/latin.md", b"caf\xe9")
    put(project, ".claude/agents-memory/web/2026-03-02-private.md", "secret")
    (project / "docs/out.md").symlink_to(tmp_path / "secret.md")
    (project / "docs/memory.md").symlink_to(project / ".claude/agents-memory/web/2026-03-02-private.md")
    outside, missing = "lies outside the project", "there is no such file"
    expected: list[tuple[str, str | None, str]] = [
        ("docs/a.md", "# A\r\n", ""),
        ("docs/", None, ""),
        ("docs/missing.md", None, missing),
        ("docs/*.md", None, missing),
        ("docs/a.md/x", None, missing),
        ("docs/large.md", None, "is larger than 100 bytes (101)"),
        ("docs/latin.md", "caf\ufffd", "is not UTF-8 (line 1)"),
        ("docs/out.md", None, outside),
        ("docs/memory.md", None, "lies in the memory, which is not a document"),
        ("../../secret.md", None, outside),
        (str(tmp_path / "secret.md"), None, outside),
        ("~/secret.md", None, outside),
        ("x" * 5000, None, "cannot be read: File name too long"),
        ("a\0b", None, "cannot be read: no usable path"),
        (str(project / "docs/a.md"), "# A\r\n", ""),
    ]
    card = Card(agent="api-engineer", path="x", reads=tuple(path for path, _, _ in expected))
    found = documents(card, project, limit_bytes=100)
    assert [(document.path, document.text, document.problem) for document in found] == expected
    assert all("secret" not in (document.text or "") for document in found)


def test_the_example_documents_are_there():
    project = Path(__file__).resolve().parents[2] / "examples" / "osier"
    cards = read_cards(project)
    found = [document for card in cards.values() for document in documents(card, project, limit_bytes=2**16)]
    assert {document.path for document in found if not document.text} == {"deploy/"}  # a folder
    assert not [document for document in found if document.problem]
    (protocol, *_) = documents(cards["api-engineer"], project, limit_bytes=2**16)
    assert isinstance(protocol, SharedDocument)
    assert protocol.text is not None
    assert protocol.text.startswith("# Team protocol\n")


@pytest.mark.parametrize(
    ("root", "project"),
    [("/p/.claude/agents-memory", "/p"), ("/.claude/agents-memory", "/"), ("/p/agents-memory", None), ("/", None)],
)
def test_the_project_of_a_store(root: str, project: str | None):
    assert project_of(Path(root)) == (Path(project) if project else None)
