"""Promise 4: whatever lies in the folder is reported by path and line, never fatal, and never waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.promises.support import (
    as_nobody,
    assert_true_to_files,
    clock,
    from_files,
    indexed,
    open_to_nobody,
    plant,
)  # fmt: skip

from agent_memory.errors import InvalidInput
from agent_memory.files.folder import LARGEST
from agent_memory.model import Problem, SyncReport
from agent_memory.store import MemoryStore

GOOD = "api/2026-03-01-good.md"
LONG = "x" * 252 + ".md"
EVIL = "---\nname: !!python/object/apply:os.system [true]\n---\nbeta\n"
MANY_TAGS = f"---\ntags: [{', '.join(f't{n}' for n in range(10_000))}]\n---\nbeta\n"

pytestmark = pytest.mark.usefixtures("limit")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    plant(root, {GOOD: "# Good\n\nalpha\n"})
    return root


@pytest.fixture(autouse=True)
def gone_at_the_end(root: Path) -> Iterator[None]:
    """Remove what is too deep for others to remove."""
    yield
    subprocess.run(["rm", "-rf", root], check=True)


def bad(path: str, data: bytes | str) -> Callable[[Path], None]:
    return lambda root: plant(root, {path: data})


def huge(root: Path) -> None:
    plant(root, {"api/huge.md": ""})
    os.truncate(root / "api/huge.md", 50_000_000)


def link(path: str, target: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).symlink_to(target)

    return make


def deep(root: Path, *, levels: int, name: str, file: str = "") -> None:
    """Folders in folders, also deeper than a path may be long."""
    here = os.open(root / "api", os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    if file:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT, dir_fd=here), "w") as memory:
            memory.write("beta at the bottom")
    os.close(here)


def undecodable(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/api/caf\xe9.md")).write_text("# Latin\n\nbeta\n")


CASES: dict[str, tuple[Callable[[Path], object], str, int | None, bool]] = {
    # name: (what lies there, a part of the problem's path, its line, whether it can still be found)
    "truncated YAML": (bad("api/cut.md", "---\nname: Cut\ntags: [a, b\n---\n\nbeta\n"), "api/cut.md", 4, True),
    "YAML that never ends": (bad("api/cut.md", "---\nname: Cut\ntags: [a,\n\nbeta\n"), "api/cut.md", 1, True),
    "a tag that is a list of lists": (bad("api/tags.md", "---\ntags: [[a]]\n---\nbeta\n"), "api/tags.md", 2, True),
    "YAML that asks for objects": (bad("api/evil.md", EVIL), "api/evil.md", 2, True),
    "binary": (bad("api/image.md", b"\x89PNG\n\0\0beta"), "api/image.md", 2, False),
    "UTF-16": (bad("api/wide.md", "beta\n".encode("utf-16")), "api/wide.md", 1, False),
    "fifty megabytes": (huge, "api/huge.md", None, False),
    "invalid UTF-8": (bad("api/latin.md", b"# Caf\xe9\n\nbeta\n"), "api/latin.md", 1, True),
    "ten thousand tags": (bad("api/tags.md", MANY_TAGS), "api/tags.md", 2, True),
    "a folder named like a memory": (lambda root: (root / "api/x.md").mkdir(), "api/x.md", None, False),
    "a FIFO": (lambda root: os.mkfifo(root / "api/pipe.md"), "api/pipe.md", None, False),
    "a dangling link": (link("api/gone.md", "nowhere.md"), "api/gone.md", None, False),
    "a looping link": (link("api/loop.md", "loop.md"), "api/loop.md", None, False),
    "a link to a memory": (link("api/twin.md", "2026-03-01-good.md"), "api/twin.md", None, False),
    "a link to the passwords": (link("api/passwd.md", "/etc/passwd"), "api/passwd.md", None, False),
    "a link to a folder": (link("api/etc", "/etc"), "api/etc", None, False),
    "a link to the folder it is in": (link("api/again", "."), "api/again", None, False),
    "an agent that is a link": (link("web", "/etc"), "web", None, False),
    "control characters": (bad("api/a\nb\x1b[31m.md", "beta"), "api/a\\nb\\x1b[31m.md", None, False),
    "control characters in a folder": (bad("a\tb/c.md", "beta"), "a\\tb/c.md", None, False),
    "letters in the other direction": (bad("api/x\u202edm.exe.md", "beta"), "api/x\\u202edm.exe.md", None, False),
    "an undecodable name": (undecodable, "api/caf\\udce9.md", None, False),
    "a folder that is too deep": (lambda root: deep(root, levels=25, name="d" * 200), "api/ddd", None, False),
}  # fmt: skip


def sync(store: MemoryStore) -> SyncReport:
    report = store.sync()
    assert store.fallback == ""
    return report


def others_are_found(store: MemoryStore) -> None:
    """The good memory is found, shown and listed, and the index equals a rebuild."""
    assert [hit.record.path for hit in store.search("alpha").hits] == [GOOD]
    assert store.show(GOOD).name == "Good"
    assert GOOD in {record.path for record in store.list()}
    assert indexed(store.root) == from_files(store.root)


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_memory_is_reported_and_stops_nothing(root: Path, name: str):
    """The problem names path and line, the other memories are found, and a second look says the same."""
    make, path, line, findable = CASES[name]
    with MemoryStore.open(root, clock=clock) as store:
        sync(store)
        make(root)
        problems = sync(store).problems
        assert [p.line for p in problems if path in p.path] == [line], problems
        assert all(p.message.isprintable() and p.path.isprintable() for p in problems)
        others_are_found(store)
        found = {hit.record.path for hit in store.search("beta").hits}
        assert bool(found) == findable
        assert not found or all(p.indexed for p in problems)
        assert sync(store).problems == problems
        assert sorted(p.path for p in store.doctor().problems) == sorted(p.path for p in problems)
    with MemoryStore.open(root, clock=clock) as store:
        store._index.rebuild()
        assert sync(store).problems == problems
        others_are_found(store)


def test_links_that_lead_nowhere_and_are_no_memories_are_left_alone(root: Path):
    """A dangling or looping link that is not named like a memory is nobody's business, and stops nothing."""
    link("api/loop", "loop")(root)
    link("api/a", "b")(root)
    link("api/b", "a")(root)
    link("api/gone", "nowhere")(root)
    link("api/far", "x" * 300)(root)
    with MemoryStore.open(root, clock=clock) as store:
        assert sync(store).problems == ()
        others_are_found(store)


@pytest.mark.parametrize(
    "text", ["", "\n", "---\nname: Only\n---\n", "---\n---\n", "---", "\ufeff", "# \n", "\r\n\r\n"]
)
def test_a_memory_may_be_empty(root: Path, text: str):
    """An empty file, or only front matter, is a memory without text."""
    plant(root, {"api/2026-01-01-empty.md": text.encode()})
    with MemoryStore.open(root, clock=clock) as store:
        assert sync(store).problems == ()
        assert len(store.list()) == 2
        assert store.show("api/2026-01-01-empty").body.strip("\ufeff\r\n -#") == ""
        others_are_found(store)


def test_a_memory_may_lie_deeper_than_python_recurses(root: Path):
    """A thousand folders deep is a place like any other."""
    deep(root, levels=1100, name="d", file="x.md")
    with MemoryStore.open(root, clock=clock) as store:
        assert sync(store).problems == ()
        assert [hit.record.path for hit in store.search("beta").hits] == [f"api/{'d/' * 1100}x.md"]


def test_names_in_both_unicode_forms_are_two_memories(root: Path):
    """Two names that look alike are two files, and each is found under its own."""
    names = [unicodedata.normalize(form, "api/2026-01-01-café.md") for form in ("NFC", "NFD")]
    plant(root, {names[0]: "beta composed", names[1]: "beta decomposed"})
    with MemoryStore.open(root, clock=clock) as store:
        assert sync(store).problems == ()
        assert {hit.record.path for hit in store.search("beta").hits} == set(names)
        assert [store.show(name).body for name in names] == ["beta composed", "beta decomposed"]
        assert_true_to_files(store)


@pytest.mark.parametrize(
    "name",
    ["見出し\u3000一", "a\u00a0b", "👩\u200d💻 notes", "\u0645\u06cc\u200c\u062e", "naïve", "a'b\"c", "$(x)", "%41"],
)
def test_names_of_any_script_are_names(root: Path, name: str):
    """Wide and unbreakable spaces, joiners and signs are no control characters."""
    plant(root, {f"api/{name}.md": "beta"})
    with MemoryStore.open(root, clock=clock) as store:
        assert sync(store).problems == ()
        assert store.show(f"api/{name}").body == "beta"
        store.archive(f"api/{name}")
        assert_true_to_files(store)


def test_names_may_be_as_long_as_the_file_system_takes_them(root: Path):
    """A very long name is a name; a long topic gets a file."""
    plant(root, {f"api/{LONG}": "beta"})
    with MemoryStore.open(root, clock=clock) as store:
        assert sync(store).problems == ()
        assert [hit.record.path for hit in store.search("beta").hits] == [f"api/{LONG}"]
        store.archive(f"api/{LONG}")
        store.restore(f"api/{LONG}")
        store.add(agent="api", topic="word " * 500, body="gamma")
        assert_true_to_files(store)


def without_rights(root: Path, work: Callable[[], object]) -> object:
    if os.getuid() != 0 and os.access("/root", os.R_OK):
        pytest.skip("cannot give up the rights to read everything")
    open_to_nobody(root.parent)
    for folder, _, files in os.walk(root):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            if os.getuid() == 0:
                os.chown(path, 65534, 65534)
    return as_nobody(work)


def test_what_may_not_be_read_is_reported_and_found_again_later(root: Path):
    """A file or folder without permission is a problem with its path; what the index knew of the folder stays."""
    plant(root, {"api/closed.md": "beta closed", "web/2026-01-01-a.md": "beta a", "web/2026-01-02-b.md": "beta b"})

    def work() -> None:
        with MemoryStore.open(root, clock=clock) as store:
            assert sync(store).problems == ()
            (root / "api/closed.md").chmod(0)
            (root / "web").chmod(0)
            problems = {(p.path, p.indexed) for p in sync(store).problems}
            assert problems == {("api/closed.md", False), ("web/", False)}
            assert len(store.list("agent:web")) == 2, "what cannot be seen is not gone"
            assert [hit.record.path for hit in store.search("alpha").hits] == [GOOD]
            (root / "api/closed.md").chmod(0o644)
            (root / "web").chmod(0o755)
            assert sync(store).problems == ()
            assert len(store.search("beta").hits) == 3
            assert_true_to_files(store)

    without_rights(root, work)


def test_a_file_that_vanishes_while_it_is_looked_at_is_not_missed(root: Path):
    """Between listing and reading anybody may remove a file; whoever reads goes on with the others."""
    if sys.platform != "linux":
        pytest.skip("the race is arranged with the help of a hook that sees files being opened")
    plant(root, {f"api/{n}.md": "beta" for n in range(20)})
    doomed = {f"{root}/api/{n}.md" for n in range(0, 20, 2)}
    armed = [True]

    def remove(event: str, args: tuple[object, ...]) -> None:
        if armed[0] and event == "open" and str(args[0]) in doomed and os.path.exists(str(args[0])):
            os.unlink(str(args[0]))

    sys.addaudithook(remove)
    try:
        with MemoryStore.open(root, clock=clock) as store:
            assert sync(store).problems == ()
            assert len(store.search("beta", limit=30).hits) == 10
            assert_true_to_files(store)
    finally:
        armed[0] = False


def test_no_edit_makes_a_memory_larger_than_what_is_read(root: Path):
    """It would be gone from the index, and the verb would say that all is well."""
    note = root / "api" / "2026-03-02-huge.md"
    note.parent.mkdir(exist_ok=True)
    note.write_text("# Huge\n\n" + "x " * ((LARGEST - 10) // 2))
    before = note.read_bytes()
    with MemoryStore.open(root) as store:
        old = store.add(agent="api", topic="Old", body="old").id
        for refused in (
            lambda: store.supersede("api/2026-03-02-huge", old, agent="api"),
            lambda: store.edit("api/2026-03-02-huge", changes={"tags": ["x"]}, agent="api"),
        ):
            with pytest.raises(InvalidInput, match="the limit is 8 MB"):
                refused()
        assert store.record("api/2026-03-02-huge").status == "active"
    assert note.read_bytes() == before


def test_a_problem_shows_where_it_is():
    """Path, line, message: as an editor can open it."""
    assert str(Problem(path="api/x.md", message="broken", line=3)) == "api/x.md:3: broken"
