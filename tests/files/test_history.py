"""What git says of files: every repository here is a real one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from agent_memory.files.history import History, changes, sentence
from agent_memory.model import Changed

BEFORE, DAY, AFTER, LATER = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3), date(2026, 4, 1)
TEXT = "".join(f"line {n} of a file that is long enough to be known again\n" for n in range(20))


class Repository:
    """A git repository whose commits carry the day that a test says."""

    def __init__(self, top: Path) -> None:
        self.top = top
        top.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str, day: date = BEFORE, zone: str = "+0000", cwd: Path | None = None) -> str:
        at = f"{day}T12:00:00 {zone}"
        environ = os.environ | {
            "GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at, "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
        }  # fmt: skip
        return subprocess.run(
            ["git", *words], cwd=cwd or self.top, env=environ, check=True, capture_output=True, text=True
        ).stdout

    def write(self, path: str, text: str = TEXT) -> None:
        (self.top / path).parent.mkdir(parents=True, exist_ok=True)
        (self.top / path).write_text(text)

    def commit(self, day: date, *, zone: str = "+0000") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x", day=day, zone=zone)

    def touch(self, paths: str | list[str], *days: date) -> None:
        """Change files in a commit on each of the days."""
        for day in days:
            for path in [paths] if isinstance(paths, str) else paths:
                old = (self.top / path).read_text() if (self.top / path).exists() else TEXT
                self.write(path, f"{old}touched on {day}\n")
            self.commit(day)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Repository]:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return lambda name="shop": Repository(tmp_path / name)


@pytest.fixture
def shop(make: Callable[..., Repository]) -> Repository:
    return make()


def told(project: Path, *paths: str, day: date = DAY, until: date | None = None) -> dict[str, Changed]:
    history = changes(project, dict.fromkeys(paths, day), until=until, timeout=20)
    assert history.problem == ""
    return history.changed


def test_commits_after_the_day_count_and_those_on_it_do_not(shop: Repository):
    shop.touch("src/a.py", BEFORE, DAY, AFTER, LATER)
    assert told(shop.top, "src/a.py") == {"src/a.py": Changed(commits=2, last=LATER)}
    assert told(shop.top, "src/a.py", until=AFTER) == {"src/a.py": Changed(commits=1, last=AFTER)}
    assert told(shop.top, "src/a.py", day=LATER) == {"src/a.py": Changed()}


def test_each_path_has_its_own_day(shop: Repository):
    shop.touch(["a.py", "b.py"], BEFORE, AFTER)
    shop.touch("b.py", LATER)
    found = changes(shop.top, {"a.py": AFTER, "b.py": BEFORE, "./b.py": AFTER}, timeout=20).changed
    assert {path: one.commits for path, one in found.items()} == {"a.py": 0, "b.py": 2, "./b.py": 1}
    assert list(found) == ["a.py", "b.py", "./b.py"]


@pytest.mark.parametrize("zone", ["+1400", "-1200", "+0000"])
def test_the_day_of_a_commit_is_the_committers(shop: Repository, zone: str):
    shop.touch("a.py", BEFORE)
    shop.write("a.py", "new\n")
    shop.commit(DAY, zone=zone)
    shop.write("a.py", "newer\n")
    shop.commit(AFTER, zone=zone)
    assert told(shop.top, "a.py")["a.py"].commits == 1


@pytest.mark.parametrize("path", ["src", "src/", "./src/", "./src/deep/..", "src//a.py", "./src/a.py"])
def test_a_path_may_be_a_folder_and_may_be_written_in_many_ways(shop: Repository, path: str):
    shop.touch("src/a.py", BEFORE, AFTER)
    assert told(shop.top, path) == {path: Changed(commits=1, last=AFTER)}


def test_a_commit_that_touches_two_files_of_a_folder_counts_once(shop: Repository):
    shop.write("src/a.py")
    shop.write("src/b.py")
    shop.commit(AFTER)
    shop.touch("srcs/c.py", AFTER)
    assert told(shop.top, "src")["src"].commits == 1


def test_the_case_of_a_name_counts(shop: Repository):
    shop.touch("src/A.py", BEFORE, AFTER)
    assert told(shop.top, "src/a.py") == {} or (shop.top / "src/a.py").exists()


@pytest.mark.parametrize(
    "name",
    ["a file.py", "ünïcode/文.py", 'quo"te.py', "tab\there.py", "-dash.py", ":(top)magic", "st*r.py", "new\nline"],
)
def test_a_name_may_hold_anything(shop: Repository, name: str):
    shop.touch([name, "star.py"], BEFORE)
    shop.touch(name, AFTER)
    shop.touch("star.py", LATER)
    assert told(shop.top, name) == {name: Changed(commits=1, last=AFTER)}


def test_a_name_that_is_no_utf8(shop: Repository):
    name = os.fsdecode(b"caf\xe9.py")
    shop.touch(name, BEFORE, AFTER)
    assert told(shop.top, name) == {name: Changed(commits=1, last=AFTER)}


@pytest.mark.parametrize(
    "path", ["", ".", "..", "../x", "/etc/passwd", "a\0b", "x" * 5000, "\ud800", "nowhere.py", "*.py"]
)
def test_what_neither_git_nor_the_disk_knows_is_not_reported(shop: Repository, path: str):
    shop.touch("a.py", BEFORE, AFTER)
    assert told(shop.top, path, "a.py") == {"a.py": Changed(commits=1, last=AFTER)}


def test_a_file_that_git_does_not_know_is_unchanged(shop: Repository):
    shop.commit(BEFORE)
    shop.write("notes.txt")
    assert told(shop.top, "notes.txt") == {"notes.txt": Changed()}


# -- gone and moved ---------------------------------------------------------------------------------------------------


def test_a_removed_file_or_folder_vanished(shop: Repository):
    shop.touch("src/a.py", BEFORE)
    shop.touch("src/b.py", BEFORE, AFTER)
    shop.git("rm", "-rq", "src")
    shop.commit(LATER)
    assert told(shop.top, "src/a.py", "src/b.py", "src/") == {
        "src/a.py": Changed(commits=1, vanished=True, last=LATER),
        "src/b.py": Changed(commits=2, vanished=True, last=LATER),
        "src/": Changed(commits=2, vanished=True, last=LATER),
    }


def test_what_was_removed_before_the_memory_was_written_is_not_news(shop: Repository):
    shop.touch("a.py", BEFORE)
    shop.git("rm", "-q", "a.py")
    shop.commit(DAY)
    assert told(shop.top, "a.py") == {}
    assert told(shop.top, "a.py", day=BEFORE)["a.py"].vanished
    assert told(shop.top, "a.py", day=BEFORE, until=BEFORE) == {}


def test_what_came_back_is_there(shop: Repository):
    shop.touch("a.py", BEFORE)
    shop.git("rm", "-q", "a.py")
    shop.commit(AFTER)
    shop.touch("a.py", LATER)
    assert told(shop.top, "a.py") == {"a.py": Changed(commits=2, last=LATER)}


def test_a_sparse_checkout_has_removed_nothing(shop: Repository):
    shop.touch(["src/a.py", "docs/b.md"], BEFORE, AFTER)
    shop.git("sparse-checkout", "set", "docs")
    assert not (shop.top / "src").exists()
    assert told(shop.top, "src/a.py") == {"src/a.py": Changed(commits=1, last=AFTER)}


def test_a_renamed_file_is_followed_to_where_it_is(shop: Repository):
    shop.touch("src/a.py", BEFORE)
    shop.git("mv", "src/a.py", "src/b.py")
    shop.commit(AFTER)
    shop.touch("src/b.py", AFTER)
    (shop.top / "lib").mkdir()
    shop.git("mv", "src/b.py", "lib/c.py")
    shop.commit(LATER)
    assert told(shop.top, "src/a.py") == {"src/a.py": Changed(commits=3, last=LATER, moved_to="lib/c.py")}


def test_a_file_that_was_renamed_and_then_removed_is_gone(shop: Repository):
    shop.touch("a.py", BEFORE)
    shop.git("mv", "a.py", "b.py")
    shop.commit(AFTER)
    shop.git("rm", "-q", "b.py")
    shop.commit(LATER)
    assert told(shop.top, "a.py") == {"a.py": Changed(commits=2, vanished=True, last=LATER)}


def test_a_renamed_folder_is_followed(shop: Repository):
    shop.touch(["src/a.py", "src/deep/b.py"], BEFORE)
    shop.write("src/dropped.py", "nothing like the others\n")
    shop.commit(BEFORE)
    shop.git("rm", "-q", "src/dropped.py")
    shop.git("mv", "src", "lib")
    shop.commit(AFTER)
    assert told(shop.top, "src/")["src/"] == Changed(commits=1, last=AFTER, moved_to="lib")


def test_a_folder_that_was_scattered_is_gone(shop: Repository):
    for number, name in enumerate("ab"):
        shop.write(f"src/{name}.py", TEXT * (number + 1) + f"own {name}\n" * 30)
    shop.commit(BEFORE)
    for name in "ab":
        (shop.top / f"to-{name}").mkdir()
        shop.git("mv", f"src/{name}.py", f"to-{name}/{name}.py")
    shop.commit(AFTER)
    assert told(shop.top, "src")["src"].vanished
    assert told(shop.top, "src/a.py")["src/a.py"].moved_to == "to-a/a.py"


def test_of_two_equal_targets_the_one_of_the_same_name_counts(shop: Repository):
    shop.touch("src/a.py", BEFORE)
    text = (shop.top / "src/a.py").read_text()
    shop.git("rm", "-q", "src/a.py")
    shop.write("one/a.py", text)
    shop.write("two/b.py", text)
    shop.commit(AFTER)
    assert told(shop.top, "src/a.py")["src/a.py"].moved_to == "one/a.py"


def test_a_file_that_may_have_gone_to_two_places_is_gone(shop: Repository):
    shop.touch("src/a.py", BEFORE)
    text = (shop.top / "src/a.py").read_text()
    shop.git("rm", "-q", "src/a.py")
    shop.write("one/a.py", text)
    shop.write("two/a.py", text)
    shop.commit(AFTER)
    assert told(shop.top, "src/a.py")["src/a.py"] == Changed(commits=1, vanished=True, last=AFTER)


def test_moves_in_a_circle_end(shop: Repository):
    shop.touch("a.py", BEFORE)
    days = [AFTER + timedelta(days=n) for n in range(8)]
    for number, day in enumerate(days):
        shop.git("mv", *(("a.py", "b.py") if number % 2 == 0 else ("b.py", "a.py")))
        shop.commit(day)
    shop.git("rm", "-q", "a.py")
    shop.commit(days[-1])
    assert told(shop.top, "a.py")["a.py"].vanished


# -- where the project is ---------------------------------------------------------------------------------------------


def test_a_path_is_the_projects_or_else_the_repositorys(shop: Repository):
    shop.touch(["README.md", "apps/web/README.md", "apps/web/src/a.py", "shared/b.py"], BEFORE, AFTER)
    shop.touch("apps/web/README.md", LATER)
    project = shop.top / "apps/web"
    found = told(project, "README.md", "src/a.py", "shared/b.py", "apps/web/src/a.py", "../../shared/b.py")
    assert {path: one.commits for path, one in found.items()} == {
        "README.md": 2, "src/a.py": 1, "shared/b.py": 1, "apps/web/src/a.py": 1, "../../shared/b.py": 1,
    }  # fmt: skip
    shop.git("mv", "apps/web/src/a.py", "apps/web/src/c.py")
    shop.commit(LATER)
    found = told(project, "src/a.py", "apps/web/src/a.py")
    assert [one.moved_to for one in found.values()] == ["src/c.py", "apps/web/src/c.py"]


def test_a_linked_worktree_has_a_history_of_its_own(shop: Repository, tmp_path: Path):
    shop.touch("a.py", BEFORE, AFTER)
    shop.git("worktree", "add", "-q", "-b", "topic", str(tmp_path / "tree"))
    (tmp_path / "tree" / "a.py").write_text("in the worktree\n")
    shop.git("commit", "-qam", "x", day=LATER, cwd=tmp_path / "tree")
    assert told(tmp_path / "tree", "a.py")["a.py"].commits == 2
    assert told(shop.top, "a.py")["a.py"].commits == 1


def test_a_project_behind_a_symbolic_link(shop: Repository, tmp_path: Path):
    shop.touch("a.py", BEFORE, AFTER)
    (tmp_path / "link").symlink_to(shop.top)
    assert told(tmp_path / "link", "a.py")["a.py"].commits == 1


def test_what_a_hook_has_set_leads_nowhere_else(
    shop: Repository, make: Callable[..., Repository], monkeypatch: pytest.MonkeyPatch
):
    shop.touch("a.py", BEFORE, AFTER)
    other = make("other")
    other.touch("a.py", BEFORE, AFTER, LATER)
    monkeypatch.setenv("GIT_DIR", str(other.top / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.top))
    assert told(shop.top, "a.py")["a.py"].commits == 1


def test_settings_of_the_user_change_nothing(shop: Repository):
    shop.touch("src/ä.py", BEFORE, AFTER)
    shop.git("mv", "src/ä.py", "src/b.py")
    shop.commit(LATER)
    for key, value in {
        "log.showSignature": "true", "log.follow": "true", "diff.renames": "copies", "diff.relative": "true",
        "color.ui": "always", "format.pretty": "fuller", "core.quotePath": "true", "log.showRoot": "false",
        "log.diffMerges": "first-parent", "diff.noprefix": "true",
    }.items():  # fmt: skip
        shop.git("config", key, value)
    assert told(shop.top / "src", "ä.py", "b.py") == {
        "ä.py": Changed(commits=2, last=LATER, moved_to="b.py"),
        "b.py": Changed(commits=1, last=LATER),
    }


def test_both_sides_of_a_merge_count(shop: Repository):
    shop.touch("a.py", BEFORE)
    shop.git("checkout", "-qb", "topic")
    shop.touch("a.py", AFTER)
    shop.git("checkout", "-q", "main")
    shop.touch("b.py", AFTER)
    shop.git("merge", "-q", "--no-ff", "-m", "merge", "topic", day=LATER)
    assert told(shop.top, "a.py")["a.py"] == Changed(commits=1, last=AFTER)


def test_the_days_may_be_any(shop: Repository):
    shop.touch("a.py", BEFORE, AFTER)
    assert told(shop.top, "a.py", day=date.min)["a.py"].commits == 2
    assert told(shop.top, "a.py", day=date.max)["a.py"].commits == 0


def test_nothing_is_written(shop: Repository):
    shop.touch("a.py", BEFORE, AFTER)
    (shop.top / "a.py").touch()
    before = {path: path.lstat().st_mtime_ns for path in (shop.top / ".git").rglob("*")}
    told(shop.top, "a.py")
    assert {path: path.lstat().st_mtime_ns for path in (shop.top / ".git").rglob("*")} == before


# -- no answer --------------------------------------------------------------------------------------------------------


def test_nothing_wanted_asks_nothing(tmp_path: Path):
    assert changes(tmp_path / "nowhere", {}) == History(changed={})


def test_without_a_repository_there_is_a_reason(tmp_path: Path):
    assert changes(tmp_path, {"a.py": DAY}) == History(changed={}, problem="the project is in no git repository")


def test_without_git_there_is_a_reason(shop: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    shop.touch("a.py", BEFORE, AFTER)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert changes(shop.top, {"a.py": DAY}).problem.startswith("git cannot be run")
    (tmp_path / "env").symlink_to("/usr/bin/env")
    assert changes(shop.top, {"a.py": DAY}) == History(changed={}, problem="git is not installed")


def test_git_that_takes_too_long_is_not_waited_for(shop: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = changes(shop.top, {"a.py": DAY}, timeout=0.1)
    assert found == History(changed={}, problem="git took longer than 0.1 s")


def test_a_shallow_clone_is_not_believed(shop: Repository, tmp_path: Path):
    shop.touch("a.py", BEFORE, AFTER)
    shop.git("clone", "-q", "--depth", "1", shop.top.as_uri(), str(tmp_path / "clone"))
    shop.git("worktree", "add", "-q", "-b", "topic", str(tmp_path / "tree"), cwd=tmp_path / "clone")
    for project in (tmp_path / "clone", tmp_path / "tree"):
        found = changes(project, {"a.py": DAY}, timeout=20)
        assert found.changed == {}
        assert "shallow" in found.problem


def test_a_repository_without_commits_or_with_damage_has_a_reason(shop: Repository):
    shop.write("a.py")
    assert changes(shop.top, {"a.py": DAY}, timeout=20).problem.startswith("git failed: fatal: ")
    (shop.top / ".git" / "HEAD").write_text("rubbish")
    assert changes(shop.top, {"a.py": DAY}, timeout=20).problem.startswith("git failed: fatal: ")


def test_a_git_file_that_git_did_not_write_has_a_reason(tmp_path: Path):
    (tmp_path / ".git").write_bytes(b"gitdir: nowhere\n")
    assert changes(tmp_path, {"a.py": DAY}, timeout=20).problem.startswith("git failed")
    (tmp_path / ".git").unlink()
    (tmp_path / ".git").symlink_to("nothing")
    assert changes(tmp_path, {"a.py": DAY}).problem == "the project's .git is not what git writes"


# -- words ------------------------------------------------------------------------------------------------------------


def test_the_sentence_says_what_happened():
    assert sentence({}) == sentence({"a.py": Changed()}) == ""
    assert sentence({"a.py": Changed(commits=1)}) == "files changed since: 1 commit in a.py"
    assert sentence({"src/b.py": Changed(commits=3, vanished=True)}) == "src/b.py is gone"
    moved = {"a.py": Changed(commits=2, moved_to="lib/a.py")}
    assert sentence(moved) == "files changed since: 2 commits in a.py (now lib/a.py)"


def test_the_sentence_is_short_and_steers_no_terminal():
    many = {f"{n}.py": Changed(commits=n) for n in range(1, 8)}
    assert sentence(many).endswith("3 commits in 3.py, 4 more")
    assert sentence({"a\x1b\n": Changed(vanished=True)}) == "a\\x1b\\n is gone"
