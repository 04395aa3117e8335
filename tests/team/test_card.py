"""Cards as people write them: name, First Step, lead, tier and peers."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent_memory.team.card import MOST_READS, Card, parse

quick = settings(deadline=None, max_examples=300)
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "osier" / ".claude"
PATH = ".claude/agents/api-engineer.md"
PROTOCOL = ".claude/agents-shared/team-protocol.md"

PROTOCOL_TEXT = (EXAMPLE / "agents-shared/team-protocol.md").read_text()
CARDS = {path.stem: parse(f".claude/agents/{path.name}", path.read_text()) for path in EXAMPLE.glob("agents/*.md")}
ROWS = re.findall(r"^\| ([0-9]) \| ([\w-]+) \| ([\w -]+) \|", PROTOCOL_TEXT, re.MULTILINE)

# --- the example team ---------------------------------------------------------------------------------------------


def test_every_example_card_is_in_the_protocol():
    assert len(CARDS) == 12
    assert {agent for _, agent, _ in ROWS} == set(CARDS)


@pytest.mark.parametrize(("tier", "agent", "lead"), ROWS, ids=[row[1] for row in ROWS])
def test_an_example_card_says_what_the_protocol_says(tier: str, agent: str, lead: str):
    card = CARDS[agent]
    assert (card.agent, card.tier, card.lead) == (agent, int(tier), None if lead == "the user" else lead)
    assert card.problems == ()
    assert card.model in ("opus", "sonnet")
    assert card.tools[:3] == ("Read", "Grep", "Glob")
    assert card.description
    assert set(card.reports) == {other for _, other, its_lead in ROWS if its_lead == agent}


def test_example_peers_are_the_names_and_not_the_phrases():
    api = ("worker-engineer", "database-engineer", "pipeline-engineer", "platform-engineer")
    assert CARDS["api-engineer"].peers == api
    assert CARDS["frontend-engineer"].peers == ("mobile-engineer",)
    assert CARDS["engineering-lead"].peers == CARDS["security-reviewer"].peers == ()  # "none", "the specialists of …"


def test_example_reads_are_the_documents_in_order_without_the_memory():
    api, clients, pipeline = (f"osier_{part}/CLAUDE.md" for part in ("api", "clients", "pipeline"))
    backend = (PROTOCOL, api)
    assert {agent: card.reads for agent, card in CARDS.items()} == {
        "api-engineer": backend, "backend-architect": backend, "database-engineer": backend, "worker-engineer": backend,
        "client-lead": (PROTOCOL, clients), "frontend-engineer": (PROTOCOL, clients),
        "mobile-engineer": (PROTOCOL, clients), "pipeline-engineer": (PROTOCOL, pipeline, api),
        "platform-engineer": (*backend, "deploy/"), "engineering-lead": (PROTOCOL, api, clients, pipeline),
        "quality-lead": (PROTOCOL, api, clients, pipeline), "security-reviewer": (PROTOCOL, api, clients, pipeline),
    }  # fmt: skip


def test_cards_in_plain_yaml_load_no_yaml():
    code = (
        "import sys; from pathlib import Path; from agent_memory.team.cards import read_cards;"
        f"assert len(read_cards(Path({str(EXAMPLE.parent)!r}))) == 12;"
        "sys.exit(' '.join({'yaml', 'pydantic', 'sqlalchemy', 'difflib'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- whatever people write ----------------------------------------------------------------------------------------

LINES = st.sampled_from(
    ["---", "---", "...", "name: api", "name: [a, b]", "name: ../x", "name:", "description: a: b",
     "tools: Read, Bash(a, b)", "tools:", "  - Read", "- a", "? x", "lead: b", "tier: 3", "# First Step",
     "## First step:", "First Step", "=====", "", "- `docs/a.md`", "1. docs/b.md", "`.claude/agents-memory/api/`",
     "[x](../agents-shared/p.md)", "`../../../../etc/passwd`", "```", "~~~", "- **Lead:** x", "Peers: a, b and c",
     "# Role: X (Tier 3)", "Tier: 99999", "\ufeff", "\0", "\ud800", "é😀", "@a.md"]
)  # fmt: skip
EOLS = st.sampled_from(["\n", "\r\n"])
TEXTS = st.one_of(
    st.text(max_size=100),
    st.lists(LINES, max_size=25).flatmap(lambda lines: EOLS.map(lambda eol: eol.join(lines))),
    st.text(alphabet="-\n: #`[](){}./*&!|>\ud800\0aLe", max_size=60),
)


@quick
@given(TEXTS, st.one_of(st.just(PATH), st.text(max_size=20)))
@example("---\nname: &a [*a]\ntools: *a\n---\n", PATH)
@example("---\n---\n---", "")
def test_a_card_never_fails_and_every_problem_names_it(text: str, path: str):
    card = parse(path, text)
    assert isinstance(card, Card)
    assert all(problem.path == path for problem in card.problems)
    assert all("agents-memory" not in read.split("/") for read in card.reads)
    assert card.agent not in (card.lead, *card.peers, *card.reports)


@quick
@given(TEXTS)
def test_line_endings_and_a_byte_order_mark_do_not_matter(text: str):
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "")
    assert parse(PATH, plain) == parse(PATH, f"\ufeff{plain}") == parse(PATH, plain.replace("\n", "\r\n"))


@pytest.mark.parametrize(
    "text",
    ["Lead:" + " " * 200_000 + "\n", "*" * 200_000, "# First Step\n" + "`a" * 100_000,
     "# First Step\n" + "](a" * 70_000, "---\nname: x\ntools: " + "a(" * 100_000 + "\n---\n",
     "---\nname: [\ndescription:" + " " * 200_000 + "x\n---\n", "Peers: " + "(" * 200_000,
     "Peers: a" + " - " * 60_000, "# First Step\n" + "memory " * 30_000, "---\n" + "\n" * 200_000],
    ids=range(10),
)  # fmt: skip
def test_a_large_hostile_card_takes_no_time(text: str):
    begin = time.process_time()
    parse(PATH, text)
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    ("text", "agent", "message"),
    [
        ("---\nname: reviewer\ndescription: x\n---\nYou review.\n", "reviewer", ""),
        ("You review.\n", "api-engineer", "has no front matter"),
        ("", "api-engineer", "has no front matter"),
        ("---\n\n---\nYou review.\n", "api-engineer", "has no front matter"),
        ("---\nA thematic break, no front matter.\n\n---\n", "api-engineer", "has no front matter"),
        ("---\nname: reviewer\ndescription: Use it when: always\n---\nYou review.\n", "reviewer", "not valid YAML"),
        ('---\nname: "reviewer"\ndescription: [a\n---\nYou review.\n', "reviewer", "not valid YAML"),
        ("---\nname: reviewer\ndescription: x\n\nYou review.\n", "reviewer", "no closing ---"),
        ("---\nname: ../../etc\n---\n", "api-engineer", "does not start with a letter"),
        ("---\nname: Code Reviewer\n---\n", "api-engineer", "has characters other than"),
        ("---\nname: [a]\ndescription: |\n  x\n---\n", "api-engineer", ""),
        ("---\ndescription: x\n---\n", "api-engineer", ""),
    ],
)
def test_the_name_is_that_of_the_front_matter_else_that_of_the_file(text: str, agent: str, message: str):
    card = parse(PATH, text)
    assert card.agent == agent
    assert [message in problem.message for problem in card.problems] == ([True] if message else [])


def test_what_is_wrong_has_its_line():
    card = parse(PATH, "---\nname: a\nmodel: opus\ndescription: [x\n---\nbody\n\n# First Step\n\n`docs/a.md`\n")
    assert card.problems[0].line in (4, 5)
    assert (card.model, card.reads) == ("opus", ("docs/a.md",))


@pytest.mark.parametrize(
    ("front", "tools"),
    [
        ("tools: Read, Grep,Read", ("Read", "Grep")),
        ("tools: Bash(git add *, git log *), Agent(a, b), X", ("Bash(git add *, git log *)", "Agent(a, b)", "X")),
        ("tools: [Read, Grep]", ("Read", "Grep")),
        ("tools:\n  - Read\n  - Bash(git *)", ("Read", "Bash(git *)")),
        ("tools: Bash(a, b", ("Bash(a, b",)),
        ("tools:", ()),
        ("model: opus", ()),
    ],
)
def test_tools(front: str, tools: tuple[str, ...]):
    assert parse(PATH, f"---\nname: x\n{front}\n---\n").tools == tools


def test_a_folded_description_needs_yaml_and_is_read():
    card = parse(PATH, '---\nname: x\ndescription: >\n  Reviews\n  changes.\nhooks:\n  Stop: [{a: "b"}]\n---\n')
    assert (card.description, card.problems) == ("Reviews changes.", ())


# --- First Step ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "heading",
    ["# First Step", "## First step:", "###  FIRST STEP  ###", "# Your first steps", "# 1. First Step",
     "# 🚀 First-Step (mandatory)", "First Step\n=====", "# Role\n\n## First Step", "# **First Step**"],
)  # fmt: skip
def test_forms_of_the_heading(heading: str):
    text = f"`x/before.md`\n\n{heading}\n\n- `docs/a.md`\n\n# Next\n\n`x/after.md`\n"
    assert parse(PATH, text).reads == ("docs/a.md",)


@pytest.mark.parametrize("heading", ["# Second Step", "# What to do after the first step", "# Firstly", "First Step"])
def test_other_headings_are_not_it(heading: str):
    assert parse(PATH, f"{heading}\n\n- `docs/a.md`\n").reads == ()


@pytest.mark.parametrize(
    ("line", "reads"),
    [
        ("- Read `docs/a.md` and `docs/b.md`, then `docs/a.md`.", ("docs/a.md", "docs/b.md")),
        ("1. docs/a.md — who leads whom", ("docs/a.md",)),
        ("* README.md, .claude/rules/x.md.", ("README.md", ".claude/rules/x.md")),
        ("- [the protocol](../agents-shared/team-protocol.md#who)", (PROTOCOL,)),
        ("- [docs/a.md](docs/a.md)", ("docs/a.md",)),
        ("- @docs/a.md", ("docs/a.md",)),
        ("- `@./docs/a.md`, `./docs/b.md`, `$CLAUDE_PROJECT_DIR/docs/c.md`", ("docs/a.md", "docs/b.md", "docs/c.md")),
        ("- `../agents-shared/team-protocol.md`", (PROTOCOL,)),
        ("- `docs/a.md:12` and `docs//b/../c.md`", ("docs/a.md", "docs/c.md")),
        ("- `cat .claude/agents-shared/team-protocol.md`", (PROTOCOL,)),
        ("```\ncat docs/a.md docs/b.toml\n```", ("docs/a.md", "docs/b.toml")),
        ("### Shared\n\n- `docs/a.md`\n\n### Own\n\n- `docs/b.md`", ("docs/a.md", "docs/b.md")),
        ("- list `deploy/`", ("deploy/",)),
        ("- `.claude/agents-memory/api-engineer/`, .claude/agents-memory/x/2026-03-02-a.md", ()),
        ("- `memory first-step --agent api-engineer --task-file task.md`", ()),
        ("- `$ memory search --agent x docs/a.md`", ()),
        ("- read/write, and/or Node.js, `just lint`, `UserId`, https://example.com/a.md", ()),
        ("- `./`, `.`, `/`, `docs/..`", ()),
    ],
)
def test_paths(line: str, reads: tuple[str, ...]):
    assert parse(PATH, f"# First Step\n\n{line}\n").reads == reads


def test_an_endless_reading_list_is_cut_and_reported():
    card = parse(PATH, "---\nname: x\n---\n# First Step\n\n" + "".join(f"- `docs/{n}.md`\n" for n in range(500)))
    assert len(card.reads) == MOST_READS
    assert "500 files" in card.problems[0].message


# --- role ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "lead"),
    [
        ("- **Lead:** backend-architect", "backend-architect"),
        ("Lead: backend-architect", "backend-architect"),
        ("* **Lead**: `backend-architect` for contracts", "backend-architect"),
        ("- Lead — @backend-architect (Tier 2)", "backend-architect"),
        ("1. Reports to: [[backend-architect]].", "backend-architect"),
        ("> __Lead:__ Backend Architect", "backend-architect"),
        ("- Lead: the user", None),
        ("- Lead: by example", None),
        ("- Lead: none", None),
        ("Lead by example, and ask.", None),
        ("```\nLead: backend-architect\n```", None),
        ("- Lead: api-engineer", None),
        ("- Lead: by example\n- Lead: backend-architect", "backend-architect"),
    ],
)
def test_lead(line: str, lead: str | None):
    assert parse(PATH, f"# Role\n\n{line}\n").lead == lead


@pytest.mark.parametrize(
    ("line", "peers"),
    [
        ("- **Peers:** a-b, c-d and e-f", ("a-b", "c-d", "e-f")),
        ("Peer: a-b.", ("a-b",)),
        ("Peers: `a-b`, `c-d` (both Tier 3)", ("a-b", "c-d")),
        ("Peers: a-b (web), c-d (app); api-engineer", ("a-b", "c-d")),
        ("- **Peers:** none", ()),
        ("- **Peers:** the specialists of all parts", ()),
        ("Peers: n/a", ()),
    ],
)
def test_peers(line: str, peers: tuple[str, ...]):
    assert parse(PATH, f"{line}\n").peers == peers


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ("# Role: API Engineer (Tier 3)", 3),
        ("# API Engineer — Tier 2", 2),
        ("## Tier 1", 1),
        ("- **Tier:** 3", 3),
        ("Tier: Tier 2 (lead)", 2),
        ("---\nname: x\ntier: 1\n---\n# Role (Tier 3)", 1),
        ("Prefer a Tier 2 lead over its specialists.", None),
        ("# Working with Tier 1 agents", None),
        ("# Role: Frontier 3", None),
        ("Tier: high", None),
    ],
)
def test_tier(text: str, tier: int | None):
    assert parse(PATH, f"{text}\n").tier == tier


def test_front_matter_goes_before_the_text():
    card = parse(PATH, "---\nname: x\nlead: a\npeers: [b, c]\ntier: 2\n---\nLead: z\nPeers: z\nReports to you: d\n")
    assert (card.lead, card.peers, card.tier, card.reports) == ("a", ("b", "c"), 2, ("d",))
