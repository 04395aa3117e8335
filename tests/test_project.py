"""The project's own papers: versions, dependencies, links, and nothing of the machine it was written on."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import agent_memory

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
PUBLIC_INDEX = {"https://pypi.org/simple"}
PUBLIC_FILES = {"files.pythonhosted.org"}
NOT_OURS = {".git", ".venv", ".store", "__pycache__", "build", "dist", "node_modules"}


def tracked() -> list[Path]:
    """What git would hand to somebody else; without git, everything but caches."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        paths = (p for p in ROOT.rglob("*") if not (set(p.relative_to(ROOT).parts) & NOT_OURS or "_cache" in str(p)))
    else:
        paths = (ROOT / name for name in listed if name)
    return sorted(p for p in paths if p.is_file() and not p.is_symlink())


def name_of(requirement: str) -> str:
    """The distribution's name without extras, bounds and markers."""
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return found[0]


MACHINE = re.compile(r"(?<![\w.~*)\]}-])/(?:root|work|home|opt/pypi|opt/wheels|tmp/[a-z])/?\w")
PRIVATE = re.compile(
    r"(?:index[-_]url|find[-_]links|trusted[-_]host)\s*[=:]|https?://[\w.-]*(?:artifactory|nexus|devpi|mirror)[\w.-]*/",
    re.IGNORECASE,
)


def faults(text: str) -> Iterator[tuple[int, str]]:
    """Lines that hold a path of a machine or the address of a private package index."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := MACHINE.search(line) or PRIVATE.search(line):
            yield number, found[0]


def test_the_version_is_the_same_everywhere():
    version = PYPROJECT["project"]["version"]
    assert importlib.metadata.version("agent-memory-store") == version
    assert agent_memory.__version__ == version
    assert [p["version"] for p in LOCK["package"] if p["name"] == "agent-memory-store"] == [version]


def test_the_changelog_has_a_place_for_what_comes_next():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_python_we_name_is_one_we_support():
    named = {c.rsplit(" ", 1)[1] for c in PYPROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", c)}
    assert named == {"3.11", "3.12", "3.13", "3.14"}
    assert PYPROJECT["project"]["requires-python"] == ">=3.11"


EXTRAS = [requirement for extra in PYPROJECT["project"]["optional-dependencies"].values() for requirement in extra]


@pytest.mark.parametrize("requirement", [*PYPROJECT["project"]["dependencies"], *EXTRAS], ids=name_of)
def test_every_dependency_is_bounded_and_explained_in_the_readme(requirement: str):
    assert re.search(r">=\d", requirement)
    assert re.search(r"<\d", requirement)
    rows = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert any(re.search(rf"\b{re.escape(name_of(requirement))}\b", row, re.IGNORECASE) for row in rows)


def test_the_lock_file_knows_the_public_index_only():
    urls = [f["url"] for p in LOCK["package"] for f in [*p.get("wheels", []), *([p["sdist"]] if "sdist" in p else [])]]
    assert urls
    assert {urlsplit(url).hostname for url in urls} == PUBLIC_FILES
    sources = [p["source"] for p in LOCK["package"] if p["name"] != "agent-memory-store"]
    assert {source["registry"] for source in sources} == PUBLIC_INDEX


def test_a_machine_path_and_a_private_index_are_seen():
    slash = "/"
    setting, host = "--index-" + "url=https://x", "https://nexus" + ".example/simple/"
    for bad in (f"see {slash}work/main/x.py", f'"{slash}home/me"', setting, host):
        assert [line for line, _ in faults(f"first\n{bad}\n")] == [2]
    for good in (f"network{slash}work/x", f"https://example.org{slash}home/x", f"~{slash}work/x", f"docs{slash}root/x"):
        assert not list(faults(good))


def test_nothing_names_the_machine_it_was_made_on():
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data:
            found += [f"{path.relative_to(ROOT)}:{line} {what}" for line, what in faults(data.decode(errors="replace"))]
    assert not found


def slug(heading: str) -> str:
    """The anchor that a forge makes of a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.replace("`", "").strip().lower()).replace(" ", "-")


def prose(path: Path) -> str:
    """A document without its code."""
    text = re.sub(r"^(```|~~~).*?^\1", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "``", text)


def anchors(path: Path) -> set[str]:
    """Where a link into a document may point."""
    text = re.sub(r"^(```|~~~).*?^\1", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {slug(found) for found in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def broken_links(path: Path) -> list[str]:
    """Relative links of a document that lead nowhere."""
    broken = []
    for target in re.findall(r"\]\(<?([^)>\s]+)>?(?: \"[^\"]*\")?\)", prose(path)):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        inside = file.is_relative_to(path.parents[0]) or file.is_relative_to(ROOT)
        if not (inside and file.exists()) or (parts.fragment and parts.fragment not in anchors(file)):
            broken.append(target)
    return broken


def test_broken_links_are_seen(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` c\n[1](#a-b-c) [2](gone.md) `[3](gone.md)`\n```\n[4](gone.md)\n```\n[5](page.md#x) [6](https://x.y)\n"
    )
    assert broken_links(page) == ["gone.md", "page.md#x"]


DOCUMENTS = [p for p in tracked() if p.suffix == ".md" and "osier" not in p.parts]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_in_the_documents_resolve(path: Path):
    assert not broken_links(path)


def test_the_two_commands_of_the_readme_are_there():
    done = subprocess.run([sys.executable, ROOT / "dev.py", "--help"], capture_output=True, text=True, check=True)
    assert "demo" in done.stdout
    assert "test" in done.stdout
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "python3 dev.py demo" in readme
    assert "python3 dev.py test" in readme
    assert "python3 dev.py test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_bundled_example_is_complete():
    store = ROOT / "examples" / "osier" / ".claude" / "agents-memory"
    memories = [p for p in store.rglob("*.md") if ".store" not in p.parts]
    assert len(memories) == 335
    assert len({p.parent for p in memories}) == 12
