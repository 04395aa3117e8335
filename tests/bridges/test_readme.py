"""What README.md tells the users of each runner to copy does what it says.

Real programs run the sections on Claude Code, Codex and MCP clients in test_claude_code.py and test_codex.py, and the
one on claude-agent-sdk in test_sdk_example.py; here is what needs no program but ours.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.bridges import readme
from tests.bridges.conftest import TASK, Project, delegation
from tests.bridges.loopback import Request
from tests.bridges.mock_messages import serving, texts
from tests.bridges.readme import block, sections
from tests.bridges.runners import in_shell

ROOT = Path(__file__).resolve().parents[2]
FACT = "fourteen times within a day"
EXTRAS = {*tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]}
PAGES = [readme.README, *(ROOT / "docs").glob("*.md"), ROOT / "plugins" / "claude-code" / "README.md"]


def script(project: Project, section: str, **more: str) -> str:
    """Run the Python of a section as a program in the project and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block(section, "python")],
        cwd=project.folder, env={**project.environ, **more}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def lines(section: str, word: str) -> str:
    """The lines of a section's shell block that call a program."""
    found = [line for line in block(section, "sh").splitlines() if line.startswith(f"{word} ")]
    assert found
    return "\n".join(found)


# -- packages ---------------------------------------------------------------------------------------------------------


def test_the_readme_has_a_section_for_each_runner_and_no_other():
    assert [*sections()] == [
        "Claude Code", "Codex", "Any MCP client", "Anthropic's memory tool", "asyncio", "claude-agent-sdk",
        "LangGraph", "Notes that are there already",
    ]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_documents_and_the_readme_name_extras_that_there_are(page: Path):
    named = re.findall(r"(?:agent-memory-store|'\.)\[([\w,-]+)\]", page.read_text(encoding="utf-8"))
    assert {extra for names in named for extra in names.split(",")} <= EXTRAS
    assert named or page != readme.README


BRIDGES = [("Any MCP client", "mcp"), ("Anthropic's memory tool", "memory-tool"), ("LangGraph", "langgraph")]


@pytest.mark.parametrize(("section", "extra"), BRIDGES)
def test_a_section_of_the_readme_installs_the_extra_that_it_needs(section: str, extra: str):
    assert re.search(rf"^(uv tool|pip) install 'agent-memory-store\[{extra}\]'$", sections()[section], re.MULTILINE)


# -- runners ----------------------------------------------------------------------------------------------------------


def test_the_readme_puts_our_hook_into_claude_code(project: Project):
    done = in_shell(project, lines("Claude Code", "memory"))
    assert done.returncode == 0, done.stderr
    settings = json.loads((project.folder / ".claude" / "settings.json").read_text())
    (group,) = settings["hooks"]["PreToolUse"]
    (handler,) = group["hooks"]
    assert [handler["command"], *handler["args"]] == ["memory", "hook"]
    given = project.hook(delegation(project))["hookSpecificOutput"]["updatedInput"]
    assert FACT in given["prompt"]


def test_the_readme_puts_our_hook_into_codex(project: Project):
    done = in_shell(project, lines("Codex", "memory"))
    assert done.returncode == 0, done.stderr
    assert "memory hook" in (project.folder / ".codex" / "hooks.json").read_text()


def test_any_client_that_reads_the_file_of_the_readme_has_our_server(project: Project):
    from mcp import ClientSession, StdioServerParameters  # noqa: PLC0415
    from mcp.client.stdio import stdio_client  # noqa: PLC0415

    (server,) = json.loads(block("Any MCP client", "json"))["mcpServers"].values()
    assert server.pop("type") == "stdio"

    async def ask() -> tuple[set[str], str]:
        parameters = StdioServerParameters(**server, cwd=project.folder, env=project.environ)
        async with stdio_client(parameters) as streams, ClientSession(*streams) as session:
            with anyio.fail_after(60):
                await session.initialize()
                tools = {tool.name for tool in (await session.list_tools()).tools}
                words = {"agent": "worker-engineer", "task": TASK}
                result: Any = await session.call_tool("memory_first_step", words)
                return tools, result.content[0].text

    tools, answer = anyio.run(ask)
    assert {"memory_first_step", "memory_search", "memory_add"} <= tools
    assert FACT in answer


# -- Python -----------------------------------------------------------------------------------------------------------


def remember(request: Request) -> tuple[dict[str, Any], str]:
    """A model that writes one memory and then says so."""
    if any(text.startswith("RESULT ") for text in texts(request)):
        return {"type": "text", "text": "I wrote that down."}, "end_turn"
    create = {"command": "create", "path": "/memories/2026-03-09-proxy.md", "file_text": "The proxy ends webhooks."}
    return {"type": "tool_use", "id": "toolu_1", "name": "memory", "input": create}, "tool_use"


def test_the_memory_tool_of_the_readme_is_briefed_and_writes(project: Project):
    with serving(remember) as (address, requests):
        said = script(project, "Anthropic's memory tool", ANTHROPIC_BASE_URL=address, ANTHROPIC_API_KEY="none")
    assert said == "I wrote that down.\n"
    assert FACT in requests[0]["system"]
    assert requests[0]["tools"] == [{"type": "memory_20250818", "name": "memory"}]
    assert "2026-03-09-proxy" in project.memory("search", "proxy").stdout


def test_the_asyncio_of_the_readme_prints_a_briefing_and_writes(project: Project):
    assert FACT in script(project, "asyncio")
    assert "webhook-timeouts" in project.memory("search", "proxy").stdout


def test_the_langgraph_of_the_readme_writes_and_finds(project: Project):
    said = script(project, "LangGraph")
    assert "2026-03-09-rate-limit The gateway lets ten webhooks a second through.\n" in said
    assert FACT in said
    assert "minor units" not in said


# -- notes of others --------------------------------------------------------------------------------------------------


def test_the_readme_takes_over_native_notes_and_gives_them_back(project: Project):
    note = project.folder / ".claude" / "agent-memory" / "worker-engineer" / "flaky-ci.md"
    note.parent.mkdir(parents=True)
    note.write_text("---\nname: flaky-ci\ndescription: Retry twice; the runners lose DNS\n---\n\nThey lose DNS.\n")
    first, *rest = block("Notes that are there already", "sh").splitlines()
    done = in_shell(project, first)
    assert (done.returncode, "flaky-ci" in done.stdout) == (0, True), done.stderr
    assert not list(project.root.rglob("*flaky*"))
    done = in_shell(project, "\n".join(rest))
    assert done.returncode == 0, done.stderr
    assert "DNS" in project.memory("search", "flaky").stdout
    index = (note.parent / "MEMORY.md").read_text()
    assert "Webhook retries" in index
    assert "Retry twice; the runners lose DNS" in index
