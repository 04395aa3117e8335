"""docs/cli.md and docs/output.md say what the program does: their blocks are run here.

`pytest --update-transcripts` writes the blocks anew; the words around them are written by hand.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agent_memory.cli.program import SHORT_HELP, program

DOCS = Path(__file__).resolve().parents[2] / "docs"
HELP = re.compile(r"```console\n\$ (memory(?: [\w-]+)? --help)\n(.*?)```", re.DOTALL)
EXAMPLE = re.compile(
    r"```console\n\$ (?:echo \"(?P<stdin>[^\"]*)\" \| )?(?P<call>memory [^\n]*)\n```\n\n```json\n(?P<json>.*?)\n```",
    re.DOTALL,
)
SECTION = re.compile(r"^## `memory ([\w-]+)`\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


# -- docs/cli.md ------------------------------------------------------------------------------------------------------


def test_docs_the_reference_holds_the_help_of_every_command(session: Any, update: bool):
    def fresh(found: re.Match[str]) -> str:
        return f"```console\n$ {found[1]}\n{session.run(*found[1].split()[1:]).output}```"

    text = page("cli.md")
    actual = HELP.sub(fresh, text)
    if update:
        (DOCS / "cli.md").write_text(actual, encoding="utf-8")
    assert actual == text or update
    assert [found[1] for found in HELP.finditer(text)] == ["memory --help", *(f"memory {n} --help" for n in SHORT_HELP)]


def test_docs_every_command_has_a_section_and_every_option_a_word():
    text = page("cli.md")
    sections = dict(SECTION.findall(text))
    assert list(sections) == list(SHORT_HELP)
    with program.make_context("memory", [], resilient_parsing=True) as ctx:
        for name, section in sections.items():
            command = program.get_command(ctx, name)
            assert command is not None
            options = [name for param in command.params for name in param.opts if name.startswith("--")]
            assert [option for option in options if option not in section] == []


# -- docs/output.md ---------------------------------------------------------------------------------------------------


def shape(value: object) -> object:
    """The keys of an object and the kinds of its values; a list is like its first element."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def plant(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("# Old queue\n", encoding="utf-8")


def answer(found: re.Match[str], session: Any) -> dict[str, Any]:
    """Run an example; an error is read from stderr."""
    words = shlex.split(found["call"])[1:]
    if words[0] == "restore":
        plant(session.root / ".store" / "archive" / f"{words[1]}.md")
    if words[0] in ("undo", "timeline"):
        session.run("compact", "--apply", "--quiet")
    result = session.run(*words, stdin=found["stdin"] or "")
    value: dict[str, Any] = json.loads(session.steady(result.stdout or result.stderr))
    assert "internal error" not in result.output
    return value


def test_docs_every_example_of_the_output_is_what_comes_out(make_session: Callable[[], Any], update: bool):
    text = page("output.md")

    def fresh(found: re.Match[str]) -> str:
        actual = answer(found, make_session())
        if not update:
            assert shape(actual) == shape(json.loads(found["json"])), found["call"]
        start, end = (at - found.start() for at in found.span("json"))
        return found[0][:start] + json.dumps(actual, indent=2, ensure_ascii=False) + found[0][end:]

    actual = EXAMPLE.sub(fresh, text)
    if update:
        (DOCS / "output.md").write_text(actual, encoding="utf-8")


def keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


def test_docs_every_field_of_every_answer_is_described(make_session: Callable[[], Any]):
    sections = dict(SECTION.findall(page("output.md")))
    shared = set(re.findall(r"^\| `(\w+)` \|", page("output.md").split("\n## `memory")[0], re.MULTILINE))
    for name, section in sections.items():
        described = shared | set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        for found in EXAMPLE.finditer(section):
            actual = answer(found, make_session())
            actual.pop("types", None)  # its keys are types, not fields
            assert set(keys(actual)) <= described, name


def test_docs_the_output_of_every_command_is_described():
    assert [name for name, _ in SECTION.findall(page("output.md"))] == list(SHORT_HELP)
    without = [name for name, text in SECTION.findall(page("output.md")) if not EXAMPLE.search(text)]
    assert without == ["watch", "completion", "hook", "mcp"]


def test_a_changed_shape_is_seen():
    assert shape({"a": [{"b": 1}, 2]}) == {"a": [{"b": "int"}]}
    assert shape({"a": None}) != shape({"a": ""})
    assert list(keys({"a": [{"b": 1}]})) == ["a", "b"]
