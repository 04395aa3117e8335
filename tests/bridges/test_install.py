"""Settings with us and without us: nothing else in them changes, not by a byte."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bridges.conftest import Project

from agent_memory.bridges import claude_code, registration
from agent_memory.bridges.json_text import JsonText
from agent_memory.bridges.registration import EMPTY, Wish, is_ours, with_hooks, without_hooks
from agent_memory.cli import registering
from agent_memory.cli.program import SHORT_HELP
from agent_memory.errors import InvalidInput, NotFound, Stale, StorageFailed

ROOT = Path(__file__).resolve().parents[2]
OURS = claude_code.hooks(Wish(remind=True))

# -- settings as people and programs write them ----------------------------------------------------------------------

WORDS = st.text(max_size=8) | st.sampled_from(["hooks", "PreToolUse", "SubagentStart", "model", "ünï ✓", "\r\n", '"'])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
HANDLERS = st.fixed_dictionaries({"type": st.just("command"), "command": st.sampled_from(["./lint.sh", "memory list"])})
GROUPS = st.fixed_dictionaries({"hooks": st.lists(HANDLERS, max_size=2)}, optional={"matcher": WORDS})
HOOKS = st.dictionaries(
    st.sampled_from([*OURS, "Stop", "PostToolUse"]), st.lists(GROUPS | VALUES.filter(lambda v: v != {}), max_size=2)
)
SETTINGS = st.builds(
    lambda before, hooks, after: {**before, **hooks, **after},
    st.dictionaries(WORDS.filter(lambda w: w != "hooks"), VALUES, max_size=3),
    st.just({}) | HOOKS.map(lambda hooks: {"hooks": hooks}),
    st.dictionaries(WORDS.filter(lambda w: w != "hooks"), VALUES, max_size=2),
)
INDENTS: list[int | str] = [0, 2, 4, "\t"]
BLANKS = st.text(" \t\n", max_size=3)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A JSON object in one of many layouts; blanks stand wherever they may."""
    value = draw(SETTINGS)
    layout = draw(st.sampled_from(["indented", "compact", "wild"]))
    ascii_only = draw(st.booleans())
    if layout == "indented":
        text = json.dumps(value, indent=draw(st.sampled_from(INDENTS)), ensure_ascii=ascii_only)
    elif layout == "compact":
        text = json.dumps(value, separators=draw(st.sampled_from([None, (",", ":")])), ensure_ascii=ascii_only)
    else:
        text = "".join(draw(BLANKS) + piece + draw(BLANKS) for piece in pieces(value))
    text = draw(st.sampled_from(["", "", "\ufeff"])) + text + draw(st.sampled_from(["", "\n", "\n\n"]))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def pieces(value: object) -> list[str]:
    """The parts of a JSON text between which blanks may stand."""
    if not isinstance(value, dict | list):
        return [json.dumps(value)]
    found = ["{" if isinstance(value, dict) else "["]
    for n, item in enumerate(value):
        found += [","] if n else []
        found += [json.dumps(item), ":", *pieces(value[item])] if isinstance(value, dict) else pieces(item)
    return [*found, "}" if isinstance(value, dict) else "]"]


@given(text=texts())
def test_install_then_uninstall_is_as_before_to_the_byte(text: str):
    after = with_hooks(text, OURS)
    assert without_hooks(after) == text
    assert with_hooks(after, OURS) == after


@given(text=texts())
def test_install_adds_our_groups_and_nothing_else(text: str):
    before, after = (json.loads(t.removeprefix("\ufeff")) for t in (text, with_hooks(text, OURS)))
    expected = copy.deepcopy(before)
    for event, group in OURS.items():
        expected.setdefault("hooks", {}).setdefault(event, []).append(group)
    assert after == expected
    lines = with_hooks(text, OURS).replace("\r\n", "")
    assert "\r\n" not in text or "\n" not in lines  # line ends are those of the file
    assert list(after) == [*before, *(["hooks"] if "hooks" not in before else [])]


@given(text=texts())
def test_another_wish_takes_the_place_of_the_first(text: str):
    other = claude_code.hooks(Wish(command=("/opt/bin/agent-memory-store",)))
    assert with_hooks(with_hooks(text, OURS), other) == with_hooks(text, other)


@given(text=texts(), name=st.sampled_from(["mcpServers", "hooks"]) | WORDS, value=VALUES)
def test_a_member_goes_in_and_comes_out_again(text: str, name: str, value: object):
    try:
        after = JsonText(text).put((name, "agent-memory"), value)
    except InvalidInput:
        return
    assert after.value[name]["agent-memory"] == value
    assert after.drop((name, "agent-memory"), lambda _: True).text == text


# -- what others do with what we wrote --------------------------------------------------------------------------------


def test_a_hook_that_somebody_put_into_our_group_stays():
    settings = json.loads(with_hooks(EMPTY, OURS))
    theirs = {"type": "command", "command": "./lint.sh"}
    settings["hooks"]["PreToolUse"][0]["hooks"].append(theirs)
    text = without_hooks(json.dumps(settings, indent=2))
    assert json.loads(text) == {"hooks": {"PreToolUse": [{"matcher": "Agent|Task", "hooks": [theirs]}]}}


def test_after_another_program_wrote_the_file_anew_ours_still_go():
    settings = {"model": "x", "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "./lint.sh"}]}]}}
    for indent in (1, 4):
        written = json.dumps(json.loads(with_hooks(json.dumps(settings, indent=2), OURS)), indent=indent)
        assert json.loads(without_hooks(written)) == settings
    written = json.dumps(json.loads(with_hooks(json.dumps(settings), OURS)))  # whose empty lists these are is lost
    left = json.loads(without_hooks(written))["hooks"]
    assert left == {"Stop": json.loads(json.dumps(settings))["hooks"]["Stop"], **{event: [] for event in OURS}}


@pytest.mark.parametrize(
    ("handler", "ours"),
    [
        ({"command": "memory", "args": ["hook"]}, True),
        ({"command": "/x/bin/memory", "args": ["hook", "--remind"]}, True),
        ({"command": "uvx", "args": ["--from", "agent-memory-store", "memory", "hook"]}, True),
        ({"command": "python -m agent_memory hook"}, True),
        ({"command": "'/a b/memory' hook"}, True),
        ({"command": "memory --root /x hook --remind"}, True),
        ({"command": "memory", "args": ["--json", "--root", "hook", "hook"]}, True),
        ({"command": "uvx", "args": ["agent-memory-store[mcp]@latest", "hook"]}, True),
        ({"command": "memory --root hook"}, False),
        ({"command": "memory list"}, False),
        ({"command": "memory", "args": ["list", "hook"]}, False),
        ({"command": "git hook"}, False),
        ({"command": "memory 'hook"}, False),
        ({"command": ["memory", "hook"]}, False),
        ("memory hook", False),
    ],
    ids=str,
)
def test_our_handlers_are_known_however_the_program_is_named(handler: object, ours: bool):
    assert is_ours(handler) is ours


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"hooks": []}', 'has "hooks" that is no object'),
        ('{"hooks": {"PreToolUse": {}}}', 'has "PreToolUse" that is no array'),
        ("{\n  // a comment\n}", "is not JSON: line 2"),
        ("[]", "is not a JSON object"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"n": ' + "1" * 5000 + "}", "is not JSON"),
    ],
    ids=lambda value: value[:20],
)
def test_settings_that_are_not_as_they_should_be_stay_as_they_are(tmp_path: Path, text: str, said: str):
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"settings\.json") as caught:
        registration.edit(path, lambda found: with_hooks(found, OURS))
    assert said in caught.value.message
    assert path.read_text() == text


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_link_and_permissions_stay(tmp_path: Path):
    real, link = tmp_path / "dotfiles.json", tmp_path / "settings.json"
    real.write_text("{}")
    real.chmod(0o600)
    link.symlink_to(real)
    registration.edit(link, lambda text: with_hooks(text, OURS)).write()
    assert link.is_symlink()
    assert "memory" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path)) == ["dotfiles.json", "settings.json"]


def test_a_file_that_is_read_only_stays_as_it_is(tmp_path: Path):
    path = tmp_path / "settings.json"
    path.write_text("{}")
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("root may write every file")
    with pytest.raises(StorageFailed, match="is read-only"):
        registration.edit(path, lambda text: with_hooks(text, OURS)).write()
    assert path.read_text() == "{}"


def test_a_link_that_leads_to_itself_is_an_error_that_names_it(tmp_path: Path):
    path = tmp_path / "settings.json"
    path.symlink_to(path)
    with pytest.raises(StorageFailed, match=r"settings\.json is a symbolic link that leads nowhere"):
        registration.edit(path, lambda text: with_hooks(text, OURS)).write()
    assert os.listdir(tmp_path) == ["settings.json"]


@pytest.mark.parametrize("before", [None, '{"model": "x"}', "{}\n"])
def test_of_two_that_want_the_same_both_have_it(tmp_path: Path, before: str | None):
    path = tmp_path / "new" / "settings.json"
    if before is not None:
        path.parent.mkdir()
        path.write_text(before)
    first, second = (registration.edit(path, lambda text: with_hooks(text, OURS)) for _ in range(2))
    first.write()
    second.write()
    assert path.read_text() == first.after
    first, second = (registration.edit(path, without_hooks) for _ in range(2))
    first.write()
    second.write()
    assert os.listdir(path.parent) == ([] if first.after is None else ["settings.json"])


def test_a_file_that_changed_meanwhile_is_not_written(tmp_path: Path):
    path = tmp_path / "settings.json"
    path.write_text("{}")
    edit = registration.edit(path, lambda text: with_hooks(text, OURS))
    path.write_text('{"model": "x"}')
    with pytest.raises(Stale):
        edit.write()
    assert path.read_text() == '{"model": "x"}'


# -- an MCP server of our name --------------------------------------------------------------------------------------


def test_a_server_of_our_name_that_is_another_program_is_left_alone(tmp_path: Path):
    theirs = '{"mcpServers": {"agent-memory": {"type": "http", "url": "https://example.org"}}}'
    (tmp_path / ".mcp.json").write_text(theirs)
    with pytest.raises(InvalidInput, match="is not this program"):
        claude_code.install(Wish(mcp=True), "project", project=tmp_path, home=tmp_path)
    assert not any(edit.changed for edit in claude_code.uninstall("project", project=tmp_path, home=tmp_path))


def test_what_somebody_added_to_our_server_stays(tmp_path: Path):
    text = json.dumps({"mcpServers": {"agent-memory": {**claude_code.server(Wish()), "env": {"A": "b"}}}})
    (tmp_path / ".mcp.json").write_text(text)
    hooks, server = claude_code.install(Wish(mcp=True), "project", project=tmp_path, home=tmp_path)
    assert (hooks.changed, server.changed) == (True, False)


# -- the commands -----------------------------------------------------------------------------------------------------


def test_a_project_is_as_before_after_install_and_uninstall(project: Project):
    def content() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in project.folder.rglob("*") if p.is_file() and ".store" not in p.parts}

    (project.folder / ".mcp.json").write_text('{"mcpServers": {}}')
    (project.folder / ".claude" / "settings.json").write_text('{"hooks": {"Stop": []}, "model": "x"}')
    before = content()
    for runner in ("claude-code", "codex"):
        done = project.memory("install", runner, "--mcp", "--remind", "--yes")
        assert done.returncode == 0, done.stderr
    assert len(content()) == len(before) + 2
    for runner in ("claude-code", "codex"):
        assert project.memory("uninstall", runner, "--yes").returncode == 0
    assert content() == before


def test_what_install_writes_is_what_a_runner_can_call(project: Project):
    project.memory("install", "claude-code", "--mcp", "--yes")
    settings = json.loads((project.folder / ".claude" / "settings.json").read_text())
    assert settings == {"hooks": {event: [group] for event, group in claude_code.hooks(Wish()).items()}}
    server = json.loads((project.folder / ".mcp.json").read_text())["mcpServers"]["agent-memory"]
    assert server == {"type": "stdio", "command": "memory", "args": ["mcp"]}


def test_without_the_command_on_the_path_settings_get_its_full_path(project: Project):
    environ = {**project.environ, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "agent_memory", "install", "claude-code", "--dry-run"],
        cwd=project.folder, env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.dumps(sys.executable) in done.stdout
    assert "not on PATH" in done.stderr


def test_each_scope_has_its_file(project: Project):
    home = project.home
    for words, path in (
        (("claude-code",), project.folder / ".claude" / "settings.json"),
        (("claude-code", "--scope", "local"), project.folder / ".claude" / "settings.local.json"),
        (("claude-code", "--scope", "user"), home / ".claude" / "settings.json"),
        (("codex",), project.folder / ".codex" / "hooks.json"),
        (("codex", "--scope", "user"), home / ".codex" / "hooks.json"),
    ):
        assert not path.exists()
        assert project.memory("install", *words, "--yes").returncode == 0
        assert "hook" in path.read_text()
        assert project.memory("uninstall", *words, "--yes").returncode == 0
        assert not path.exists()
    assert project.memory("install", "codex", "--scope", "local").returncode == 2
    assert project.memory("install", "claude-code", "--scope", "user", "--mcp").returncode == 2


@pytest.mark.parametrize("words", ["./run.sh", "memory list"])
def test_a_command_that_could_not_be_found_again_is_refused(project: Project, words: str):
    done = project.memory("install", "claude-code", "--yes", "--command", words)
    assert (done.returncode, "does not call this program" in done.stderr) == (2, True)
    assert not (project.folder / ".claude" / "settings.json").exists()


@pytest.mark.parametrize("words", ["uvx agent-memory-store[mcp]", "memory --root /x", "python3 -m agent_memory", ""])
def test_however_it_is_called_a_second_call_changes_nothing(project: Project, words: str):
    call = ("install", "claude-code", "--yes", "--mcp", "--command", words)
    assert project.memory(*call).stderr.startswith("written:")
    assert project.memory(*call).stderr.startswith("nothing to change:")
    project.memory("uninstall", "claude-code", "--yes")
    assert not (project.folder / ".claude" / "settings.json").exists()
    assert not (project.folder / ".mcp.json").exists()


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)  # nobody's
    with pytest.raises(NotFound, match="set HOME"):
        registering._home()


def test_nobody_there_to_ask_means_nothing_written(project: Project):
    done = project.memory("install", "claude-code")
    assert (done.returncode, done.stdout[:13]) == (2, "--- /dev/null")
    assert not (project.folder / ".claude" / "settings.json").exists()


def test_a_store_elsewhere_is_named_in_the_hook(project: Project, tmp_path: Path):
    elsewhere = tmp_path / "notes"
    elsewhere.mkdir()
    project.memory("--root", str(elsewhere), "install", "claude-code", "--yes")
    settings = json.loads((project.folder / ".claude" / "settings.json").read_text())
    handler = settings["hooks"]["PreToolUse"][0]["hooks"][0]
    assert handler["args"] == ["hook", "--root", str(elsewhere)]


# -- the plugin -------------------------------------------------------------------------------------------------------

PLUGIN = ROOT / "plugins" / "claude-code"


def test_the_plugin_has_the_hooks_that_install_writes():
    hooks = json.loads((PLUGIN / "hooks" / "hooks.json").read_text())["hooks"]
    assert hooks == {event: [group] for event, group in claude_code.hooks(Wish()).items()}
    servers = json.loads((PLUGIN / ".mcp.json").read_text())["mcpServers"]
    assert servers == {registration.SERVER: claude_code.server(Wish())}


def test_the_plugin_has_the_version_of_the_package():
    version = json.loads((PLUGIN / ".claude-plugin" / "plugin.json").read_text())["version"]
    assert version == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_skill_uses_commands_that_there_are():
    text = (PLUGIN / "skills" / "first-step" / "SKILL.md").read_text()
    used = set(re.findall(r"(?:^|`)memory ([a-z-]+)", text, re.MULTILINE))
    assert {"first-step", "add", "supersede"} < used <= {*SHORT_HELP}
    assert text.startswith("---\nname: first-step\n")
