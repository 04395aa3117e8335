"""A First Step as a whole: what is handed over as of a day, once or each time, and what wrong input is told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from agent_memory.errors import InvalidInput, NotFound
from agent_memory.store import MemoryStore

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
TASK = "Webhook retries"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    """A project with cards of api and worker, and a worker's note about webhooks."""
    for agent in ("api", "worker"):
        plant(
            tmp_path / f".claude/agents/{agent}.md",
            f"---\nname: {agent}\n---\n\n# First Step\n\n1. `docs/{agent}.md`\n",
        )
    plant(tmp_path / "docs/api.md", "# API\n")
    with MemoryStore.init(tmp_path / ".claude/agents-memory", clock=lambda: NOW) as opened:
        note(opened, "worker/2026-03-02-webhook-retries.md", "# Webhook retries\n\nFive attempts.\n")
        for topic in ("map tiles", "colour of buttons", "paging", "sign-in", "invoices", "time zones", "cache"):
            note(opened, f"old/2026-02-01-{topic.replace(' ', '-')}.md", f"# About {topic}\n\nNothing else, {topic}.\n")
        yield opened


def plant(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def note(store: MemoryStore, path: str, text: str) -> None:
    plant(store.root / path, text)


def ids(found) -> list[str]:
    return [one.record.id for one in found]


# --- as of a day ---------------------------------------------------------------------------------------------------


def test_a_successor_that_is_later_than_the_task_does_not_exist_yet(store: MemoryStore):
    note(
        store,
        "worker/2026-06-01-new.md",
        "---\nsupersedes: [2026-03-02-webhook-retries]\n---\n# Webhook retries now\n\nTen.\n",
    )
    before = store.first_step(agent="api", task=TASK, now=date(2026, 5, 31))
    assert [(m.record.id, m.status, m.record.superseded_by) for m in before.memories] == [
        ("worker/2026-03-02-webhook-retries", "active", ())
    ]
    after = store.first_step(agent="api", task=TASK, now=date(2026, 6, 1))
    assert [(m.status, m.form) for m in after.memories] == [("active", "full"), ("superseded", "line")]
    assert "superseded by worker/2026-06-01-new" in after.markdown


def test_a_private_successor_is_not_named_to_others(store: MemoryStore):
    private = "---\nsupersedes: [2026-03-02-webhook-retries]\nvisibility: private\n---\n# My secret webhook plan\n"
    note(store, "worker/2026-06-01-secret-plan.md", private)
    found = store.first_step(agent="api", task=TASK)
    assert "secret" not in found.markdown
    assert [(m.status, m.record.superseded_by) for m in found.memories] == [("superseded", ())]
    own = store.first_step(agent="worker", task=TASK)
    assert "superseded by worker/2026-06-01-secret-plan" in own.markdown


def test_a_private_link_in_a_chain_moves_nothing_for_others(store: MemoryStore):
    """Else the order of what everybody sees would tell what a private memory replaces."""
    note(store, "worker/2026-06-02-open.md", "---\nsupersedes: [2026-06-01-secret]\n---\n# Lobby\n\nA webhook.\n")
    private = store.root / "worker/2026-06-01-secret.md"
    query = "webhook OR retries"

    def found(reader: str) -> list[object]:
        hits = store.search(query, reader=reader).hits
        return [store.rank(reader, TASK), [hit.record.id for hit in hits]]

    plant(private, "---\nsupersedes: [old/2026-02-01-hooks]\nvisibility: private\n---\n# Plan\n")
    note(store, "old/2026-02-01-hooks.md", "# Webhook retries\n\nWebhook retries.\n")
    others, owner = found("api"), found("worker")
    assert others != owner
    private.unlink()
    assert found("api") == others


def test_before_all_memories_there_is_nothing(store: MemoryStore):
    assert store.first_step(agent="api", task=TASK, now=date(2020, 1, 1)).nothing_relevant


# --- answers -------------------------------------------------------------------------------------------------------


def test_an_answer_comes_back_to_the_asker_once(store: MemoryStore):
    asked = store.consult(sender="api", to="worker", question="May a retry outlive its message?").id
    assert ids(store.first_step(agent="worker", task="Lobby television").consultations) == [asked]
    answer = store.answer(asked, agent="worker", text="No: it is a row then.").id
    first, second = (store.first_step(agent="api", task="Lobby television") for _ in range(2))
    assert ids(first.answers) == [answer]
    assert "> No: it is a row then." in first.markdown
    assert second.answers == ()
    assert store.first_step(agent="worker", task="Lobby television").consultations == ()


def test_an_answer_comes_again_as_long_as_no_receipt_says_that_it_came(store: MemoryStore):
    asked = store.consult(sender="api", to="worker", question="May a retry outlive its message?").id
    store.answer(asked, agent="worker", text="No.")
    for _ in range(2):
        assert store.first_step(agent="api", task="Lobby television", receipt=False).answers


def test_an_answer_that_the_task_brought_is_not_brought_again(store: MemoryStore):
    asked = store.consult(sender="api", to="worker", question="May a retry outlive its message?").id
    store.answer(asked, agent="worker", text="No retry outlives its message.")
    assert store.first_step(agent="api", task="retry message").answers
    assert not store.first_step(agent="api", task="Lobby television").answers


def test_old_answers_do_not_come_back(store: MemoryStore):
    note(store, "api/2026-01-02-q.md", "---\ntype: consultation\nto: worker\nstatus: answered\n---\n# Q\n")
    text = "---\ntype: consultation\nto: api\nstatus: answered\nsources: [api/2026-01-02-q]\n---\n# Answer\n"
    note(store, "worker/2026-01-03-answer.md", text)
    assert store.first_step(agent="api", task="x", now=date(2026, 4, 3), receipt=False).answers
    assert not store.first_step(agent="api", task="x", now=date(2026, 4, 4), receipt=False).answers
    assert not store.first_step(agent="api", task="x", now=date(2026, 1, 2), receipt=False).answers


# --- files and branch ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("branch", ["fix/webhook-retries-OS-123", "feature/webhook_retries", "webhook retries"])
def test_the_words_of_a_branch_count(store: MemoryStore, branch: str):
    note(store, "worker/2026-04-02-fix.md", "# How to fix a feature\n")
    found = store.first_step(agent="api", task="Lobby television", branch=branch, receipt=False)
    assert ids(found.memories)[:1] == ["worker/2026-03-02-webhook-retries"]
    assert store.first_step(agent="api", task="Lobby television", branch="fix/", receipt=False).nothing_relevant


def test_a_file_counts_as_memories_name_it(store: MemoryStore, tmp_path: Path):
    note(store, "worker/2026-04-02-picker.md", "# Picker\n\nIn `src/jobs/picker.py` two may run.\n")
    inside = str(tmp_path / "src/jobs/picker.py")
    for file in ("src/jobs/picker.py", "./src/../src/jobs/picker.py", inside, "/elsewhere/checkout/src/jobs/picker.py"):
        found = store.first_step(agent="api", task="Go on", files=[file], receipt=False)
        assert ids(found.memories)[:1] == ["worker/2026-04-02-picker"], file
    assert store.first_step(agent="api", task="Lobby television", files=["", "..", "/"], receipt=False).nothing_relevant


# --- what git knows ------------------------------------------------------------------------------------------------


def git(project: Path, *words: str, day: str = "2026-04-01") -> None:
    stamp = f"{day}T12:00:00Z"
    dates = {"GIT_COMMITTER_DATE": stamp, "GIT_AUTHOR_DATE": stamp}
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words],
        cwd=project, check=True, capture_output=True, env={**os.environ, "HOME": str(project), **dates},
    )  # fmt: skip


def commit(project: Path, day: str) -> None:
    git(project, "add", "-A", day=day)
    git(project, "commit", "-q", "-m", "x", day=day)


def test_files_that_changed_since_are_told_as_of_the_day(store: MemoryStore, tmp_path: Path):
    note(store, "worker/2026-03-02-webhook-retries.md", "# Webhook retries\n\nSee `src/a.py`, `and/or`.\n")
    note(
        store, "worker/2026-06-02-webhook-again.md", "---\nfiles: [src/a.py, src/b.py]\n---\n# Webhook retries again\n"
    )
    plant(tmp_path / "src/a.py", "1\n")
    plant(tmp_path / "src/b.py", "1\n")
    git(tmp_path, "init", "-q")
    commit(tmp_path, "2026-02-01")
    plant(tmp_path / "src/a.py", "2\n")
    commit(tmp_path, "2026-04-01")
    (tmp_path / "src/b.py").unlink()
    plant(tmp_path / "src/a.py", "3\n")
    commit(tmp_path, "2026-06-20")
    found = store.first_step(agent="api", task=TASK)
    told = {one.record.id: {f: (c.commits, c.vanished) for f, c in one.changed.items()} for one in found.memories}
    assert told == {
        "worker/2026-03-02-webhook-retries": {"src/a.py": (2, False)},
        "worker/2026-06-02-webhook-again": {"src/a.py": (1, False), "src/b.py": (1, True)},
    }
    assert "files changed since: 1 commit in src/a.py; src/b.py is gone" in found.markdown
    assert found.fallback == ""
    earlier = store.first_step(agent="api", task=TASK, now=date(2026, 5, 1))
    assert [c.commits for one in earlier.memories for c in one.changed.values()] == [1]
    assert not any(one.changed for one in store.first_step(agent="api", task=TASK, git=False).memories)


def test_where_git_says_nothing_the_briefing_says_so(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    note(store, "worker/2026-06-02-webhook-again.md", "---\nfiles: [src/a.py]\n---\n# Webhook retries again\n")
    plant(tmp_path / ".git", "no checkout\n")
    found = store.first_step(agent="api", task=TASK)
    assert found.fallback.startswith("whether files that memories name have changed is not told: ")
    assert len(found.memories) == 2
    (tmp_path / ".git").unlink()
    git(tmp_path, "init", "-q")
    monkeypatch.setenv("PATH", "")
    assert store.first_step(agent="api", task=TASK).fallback.startswith("whether files that memories name")


def test_without_a_repository_or_a_named_file_nothing_is_run(store: MemoryStore):
    code = (
        "import sys; from agent_memory import MemoryStore\n"
        f"with MemoryStore.open({str(store.root)!r}) as s: found = s.first_step(agent='api', task={TASK!r})\n"
        "print(found.fallback, len(found.memories), 'subprocess' in sys.modules)"
    )
    note(store, "worker/2026-06-02-webhook-again.md", "---\nfiles: [src/a.py]\n---\n# Webhook retries again\n")
    store.sync()  # an index that is built would load more
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["2", "False"]


# --- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["", " \n\t", "\u3000"])
def test_an_empty_task_is_refused(store: MemoryStore, task: str):
    with pytest.raises(InvalidInput, match="the task is empty"):
        store.first_step(agent="api", task=task)


def test_a_task_of_a_megabyte_is_answered_and_a_larger_one_refused(store: MemoryStore):
    text = "Webhook retries do fail. " * 40_000
    assert len(text) == 1_000_000
    assert ids(store.first_step(agent="api", task=text).memories) == ["worker/2026-03-02-webhook-retries"]
    with pytest.raises(InvalidInput, match=r"the task has 1,000,001 characters"):
        store.first_step(agent="api", task=f"{text}x")


@pytest.mark.parametrize("task", ["\0", "\udcff webhook", "'\"); DROP TABLE pages; --", "AND OR NOT (", "\u202e" * 50])
def test_an_odd_task_is_a_task(store: MemoryStore, task: str):
    assert store.first_step(agent="api", task=task).agent == "api"


def test_an_unknown_agent_is_told_who_there_is(store: MemoryStore):
    with pytest.raises(NotFound, match="no agent apii; there are: api, old, worker") as error:
        store.first_step(agent="apii", task=TASK)
    assert error.value.hint == "did you mean api?"
    with pytest.raises(InvalidInput):
        store.first_step(agent="../api", task=TASK)


def test_a_card_under_another_file_name_is_found(store: MemoryStore, tmp_path: Path):
    plant(tmp_path / ".claude/agents/team/the-web.md", "---\nname: web\n---\n# First Step\n\n1. `docs/api.md`\n")
    assert [d.path for d in store.first_step(agent="web", task=TASK).documents] == ["docs/api.md"]


@pytest.mark.parametrize("text", [b"---\nname: api\ntools: [\n---\n", b"\xff\xfe", b"---\nname: api", b"", b"\0"])
def test_a_broken_card_is_reported_and_stops_nothing(store: MemoryStore, tmp_path: Path, text: bytes):
    (tmp_path / ".claude/agents/api.md").write_bytes(text)
    found = store.first_step(agent="api", task=TASK)
    assert ids(found.memories) == ["worker/2026-03-02-webhook-retries"]
    assert {problem.path for problem in found.problems} == {".claude/agents/api.md"}


def test_a_document_that_is_missing_is_named(store: MemoryStore):
    assert store.first_step(agent="worker", task=TASK).documents == (("docs/worker.md", "there is no such file"),)
    assert store.first_step(agent="api", task=TASK).documents == (("docs/api.md", ""),)


@pytest.mark.parametrize("budget", [-1, 0, 50])
def test_a_budget_that_holds_nothing_is_refused_and_leaves_no_receipt(store: MemoryStore, budget: int):
    with pytest.raises(InvalidInput, match="holds no briefing"):
        store.first_step(agent="api", task=TASK, budget=budget)
    assert store.receipts().items == ()


# --- what is said twice, and what agents said of it ----------------------------------------------------------------

FINDING = (
    "# Gateway refuses chunked bodies\n\nThe pharmacy gateway answers 411 to requests without a length: chunked"
    " transfer encoding is switched off there, so bodies are built in memory and sent with a header that tells"
    " their size.\n"
)


def test_a_finding_that_two_agents_wrote_down_has_one_place_and_the_other_is_named(store: MemoryStore):
    note(store, "worker/2026-05-01-gateway.md", FINDING)
    note(store, "api/2026-05-02-gateway-length.md", FINDING.replace("The pharmacy", "Our pharmacy"))
    found = store.first_step(agent="old", task="The pharmacy gateway answers 411", now=NOW.date())
    (kept,) = [m for m in found.memories if "gateway" in m.record.id]
    (other,) = kept.also
    assert {kept.record.id, other} == {"worker/2026-05-01-gateway", "api/2026-05-02-gateway-length"}
    assert f"the same was recorded by {other.split('/')[0]}" in found.markdown
    assert len(store.rank("old", "The pharmacy gateway answers 411", now=NOW.date())) == 2


def test_feedback_decides_between_equals(store: MemoryStore):
    for agent, colour in (("aa", "red"), ("bb", "blue")):
        note(store, f"{agent}/2026-05-01-{colour}.md", f"# Sensor drift {colour}\n\nThe probe drifts, {colour}.\n")
    task = "Sensor drift of the probe"
    before = store.rank("old", task, now=NOW.date())
    assert before[:2] == ("aa/2026-05-01-red.md", "bb/2026-05-01-blue.md")
    shown = store.first_step(agent="old", task=task, now=NOW.date())
    store.feedback(shown.receipt, used=["bb/2026-05-01-blue"], wrong=["aa/2026-05-01-red"])
    assert store.rank("old", task, now=NOW.date())[:2] == before[1::-1]
