"""`memory eval`: what it asks a store, what it prints and writes, and what it says of files that do not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent_memory.cli import eval as evaluating
from agent_memory.errors import InvalidInput, NotFound
from agent_memory.model import Briefed, Briefing, Record
from agent_memory.recall.evaluation import summary
from agent_memory.recall.judgements import Task

RETRY = "worker-engineer/2026-03-02-retry-policy.md"
FLAKES = "worker-engineer/2026-06-10-known-flakes.md"
NUMERIC = "api-engineer/2026-02-16-money-as-numeric.md"
MINOR = "api-engineer/2026-04-30-money-in-minor-units.md"

TASKS = [
    {"id": "T1", "agent": "worker-engineer", "task": "webhook retry", "date": "2026-07-01"},
    {"id": "T2", "agent": "api-engineer", "task": "money in minor units"},
    {"id": "T3", "agent": "api-engineer", "task": "webhook retry", "date": "2026-03-01"},
]
QRELS = [("T1", RETRY, 2), ("T1", FLAKES, 1), ("T2", MINOR, 2), ("T2", NUMERIC, -1)]


def record(path: str, day: str, size: int) -> Record:
    return Record(
        number=1, path=path, id=path.removesuffix(".md"), agent="a", name="", date=date.fromisoformat(day), type="note",
        date_source="name", description="", status="active", visibility="team", valid_until=None, to=None,
        fingerprint="", size=size, body_start=0,
    )  # fmt: skip


@dataclass
class Ranker:
    """A store that answers from a table."""

    rankings: Mapping[str, Sequence[str]]
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def rank(self, agent: str | None, task: str, *, now: date | None = None, limit: int = 20) -> tuple[str, ...]:
        self.calls.append((agent, task, now))
        return tuple(self.rankings[task][:limit])

    def first_step(self, *, agent: str, task: str, now: date | None = None, receipt: bool = True) -> Briefing:
        if agent == "stranger":
            raise NotFound("no agent 'stranger'", hint="did you mean ranger?")
        assert not receipt
        self.calls.append((agent, task, now))
        memories = tuple(
            Briefed(record=record(path, "2026-01-01", 1), form="full", why="", score=1.0)
            for path in self.rankings[task][:1]
        )
        return Briefing(
            agent=agent, markdown="", memories=memories, left_out=(), nothing_relevant=not memories, tokens=7
        )


def test_a_store_is_asked_each_task_as_of_its_day():
    store = Ranker({"one": ["x", "y"], "two": []})
    tasks = [Task(id="1", agent="a", task="one", date=date(2026, 2, 1)), Task(id="2", agent="b", task="two")]
    records = [
        record("x", "2026-01-01", 9),
        record("y", "2026-02-02", 400),
        record(".store/archive/z", "2026-01-01", 1),
    ]
    ticks = iter([1.0, 1.5, 2.0, 2.25])
    one, two = evaluating.answered(
        store, tasks, records, today=date(2026, 3, 1), clock=lambda: next(ticks)
    ).values()  # fmt: skip
    assert (one.ranked, one.handed_over, one.tokens, one.every_file, one.seconds) == (("x", "y"), ["x"], 7, 3, 0.5)
    assert (two.ranked, two.handed_over, two.every_file, two.seconds) == ((), [], 103, 0.25)
    assert store.calls == [("a", "one", date(2026, 2, 1))] * 2 + [("b", "two", None)] * 2


def test_a_task_that_the_store_refuses_is_named_with_its_line():
    task = Task(id="1", agent="stranger", task="one", place="tasks.jsonl:7")
    with pytest.raises(InvalidInput, match=r"tasks.jsonl:7: no agent 'stranger' \(did you mean ranger\?\)"):
        evaluating.answered(Ranker({"one": []}), [task], [], today=date(2026, 3, 1), clock=lambda: 0.0)


def test_every_metric_has_a_label():
    assert list(summary([])) == list(evaluating.LABELS)


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(session: Any) -> Path:
    """Tasks, grades and chains, in the working directory."""
    folder: Path = session.folder
    (folder / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in TASKS))
    (folder / "qrels.tsv").write_text("".join(f"{task}\t{path}\t{grade}\n" for task, path, grade in QRELS))
    (folder / "chains.tsv").write_text(f"chain\tkind\told\tnew\nC1\texplicit\t{NUMERIC}\t{MINOR}\n")
    return folder


ASK = ("eval", "--tasks", "tasks.jsonl", "--qrels", "qrels.tsv")


def test_the_store_is_measured(session: Any, files: Path):
    found = json.loads(session.run(*ASK, "--json").stdout)
    assert found["version"] == 1
    assert found["memories"] == 5
    assert found["metrics"]["must_have_recall_at_5"] == {"value": 1.0, "n": 2}
    assert found["metrics"]["mrr"]["value"] == 1.0
    assert found["metrics"]["stale_above_fresh"] == {"value": 0.0, "n": 1}
    assert found["metrics"]["nothing_recall"]["n"] == 1
    assert found["metrics"]["wrongly_empty"] == {"value": 0.0, "n": 2}
    assert (found["stale_by_kind"], found["notes"]) == ({}, [])
    assert [row["task"] for row in found["tasks"]] == ["T1", "T2", "T3"]
    assert found["tasks"][1]["stale"] == [{"path": NUMERIC, "kind": None, "above": False}]


def test_memories_after_the_day_of_a_task_do_not_exist(session: Any, files: Path):
    session.run(*ASK, "--run", "out.jsonl")
    run = [json.loads(line) for line in (files / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in run] == ["T1", "T2", "T3"]
    assert run[0]["ranked"][0] == RETRY
    assert run[1]["ranked"][0] == MINOR
    assert set(run[2]["ranked"]) <= {NUMERIC}
    found = json.loads(session.run(*ASK, "--json").stdout)
    assert found["tasks"][2]["scores"]["tokens_of_every_file"] < found["tasks"][1]["scores"]["tokens_of_every_file"]


def test_the_store_stays_as_it_is(session: Any, files: Path):
    session.run("sync")
    before = {
        path: path.read_bytes() for path in session.root.rglob("*") if path.is_file() and "index" not in path.name
    }
    session.run(*ASK)
    session.run("eval", "--self")
    after = {path: path.read_bytes() for path in session.root.rglob("*") if path.is_file() and "index" not in path.name}
    assert after == before


def test_chains_say_what_replaces_what(session: Any, files: Path):
    found = json.loads(session.run(*ASK, "--chains", "chains.tsv", "--json").stdout)
    assert found["stale_by_kind"] == {"explicit": {"value": 0.0, "n": 1}}
    assert "stale above fresh, explicit\t0.000\t1\t\n" in session.run(*ASK, "--chains", "chains.tsv").stdout


def test_off_a_terminal_each_metric_is_a_line_of_fields(session: Any, files: Path):
    lines = session.run(*ASK).stdout.splitlines()
    assert len(lines) == len(evaluating.LABELS)
    assert {len(line.split("\t")) for line in lines} == {4}
    assert lines[1] == "must-have recall@5\t1.000\t2\tmust-haves among the first 5"


def test_the_memories_ask_for_themselves(session: Any):
    found = json.loads(session.run("eval", "--self", "--json").stdout)
    asked = [row["task"] for row in found["tasks"]]
    assert asked == sorted(asked)
    assert MINOR in asked
    assert NUMERIC not in asked  # superseded: the store is right not to find it
    assert found["metrics"]["must_have_recall_at_5"]["value"] == 1.0
    assert [row["stale"] for row in found["tasks"] if row["task"] == MINOR] == [
        [{"path": NUMERIC, "kind": None, "above": False}]
    ]
    some = json.loads(session.run("eval", "--self", "--sample", "2", "--json").stdout)
    assert len(some["tasks"]) == 2
    assert {row["task"] for row in some["tasks"]} <= set(asked)


def test_what_does_not_hold_today_is_not_asked_for(session: Any):
    session.run("add", "--agent", "x", "--topic", "Sale", "--valid-until", "2026-07-14", "--date", "2026-07-01",
                stdin="Prices of lamps are lower for two weeks.\n")  # fmt: skip
    session.run("add", "--agent", "x", "--topic", "Plan", "--date", "2026-08-01", stdin="Lamps will be taken off.\n")
    (session.root / "README.md").write_text("Notes about lamps, shades and candles that belong to nobody.\n")
    found = json.loads(session.run("eval", "--self", "--json").stdout)
    assert {row["task"].split("/")[0] for row in found["tasks"]} == {"api-engineer", "worker-engineer"}


def test_strangers_in_the_grades_are_notes(session: Any, files: Path):
    with (files / "qrels.tsv").open("a") as file:
        file.write(f"T9\t{RETRY}\t2\nT1\tworker-engineer/2020-01-01-no.md\t2\n")
    result = session.run(*ASK)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "note: qrels.tsv: 1 task not in tasks.jsonl, such as 'T9'; left out",
        "note: qrels.tsv: 1 path that no memory has, such as 'worker-engineer/2020-01-01-no.md'; counted as not found",
    ]
    found = json.loads(session.run(*ASK, "--json").stdout)
    assert len(found["notes"]) == 2
    assert found["metrics"]["must_have_recall_at_5"]["value"] == 0.75


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["eval"], 2, "give --tasks and --qrels, or --self"),
        (["eval", "--tasks", "tasks.jsonl"], 2, "give --tasks and --qrels"),
        (["eval", "--self", "--qrels", "qrels.tsv"], 2, "--self makes its own tasks"),
        ([*ASK[:3], "--qrels", "gone.tsv"], 3, "no file gone.tsv"),
        ([*ASK[:3], "--qrels", "."], 2, ". is a folder"),
        ([*ASK[:3], "--qrels", "tasks.jsonl"], 2, "tasks.jsonl:1: not three fields"),
        (["eval", "--tasks", "qrels.tsv", "--qrels", "qrels.tsv"], 2, "qrels.tsv:1: not JSON"),
        (["eval", "--tasks", "-", "--qrels", "-"], 2, "only one file can be stdin"),
        ([*ASK, "--chains", "qrels.tsv"], 2, "qrels.tsv:1: no columns old and new"),
        ([*ASK, "--run", "qrels.tsv"], 2, "--run would overwrite qrels.tsv"),
        ([*ASK, "--run", "gone/out.jsonl"], 3, "no folder gone"),
        ([*ASK, "--run", "."], 1, ".: Is a directory"),
        ([*ASK[:3], "--qrels", "latin.tsv"], 2, "latin.tsv:2: not UTF-8"),
        ([*ASK[:3], "--qrels", "elsewhere.tsv"], 2, "elsewhere.tsv: none of its paths is in this store"),
        ([*ASK[:3], "--qrels", "others.tsv"], 2, "others.tsv: none of its tasks is in tasks.jsonl"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_a_next_step(session: Any, files: Path, words: list[str], code: int, message: str):
    (files / "latin.tsv").write_bytes(b"T1\ta.md\t1\nT1\t\xe9.md\t1\n")
    (files / "elsewhere.tsv").write_text("T1\ta/b.md\t1\n")
    (files / "others.tsv").write_text(f"X1\t{RETRY}\t1\n")
    before = (files / "qrels.tsv").read_bytes()
    result = session.run(*words)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith(f"memory: {message}")
    assert (files / "qrels.tsv").read_bytes() == before
    if code != 1:
        assert "\n  hint: " in result.stderr


def test_an_empty_store_has_nothing_to_ask_for(session: Any):
    session.run("init", "--root", "empty")
    result = session.run("eval", "--self", "--root", "empty")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("memory: no memory says enough to be asked for\n  hint: ")


def test_tasks_may_come_from_stdin(session: Any, files: Path):
    tasks = (files / "tasks.jsonl").read_text()
    assert session.run("eval", "--tasks", "-", "--qrels", "qrels.tsv", stdin=tasks).exit_code == 0


@pytest.mark.parametrize(("columns", "told"), [(50, False), (120, True)])
def test_on_a_terminal_there_is_a_table_that_fits(
    session: Any, monkeypatch: pytest.MonkeyPatch, columns: int, told: bool
):
    for module in ("agent_memory.cli.eval", "agent_memory.cli.table"):
        monkeypatch.setattr(f"{module}.on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = session.run("eval", "--self").stdout.splitlines()
    assert lines[0] == "4 tasks, 5 memories"
    assert max(map(len, lines)) <= columns
    assert any("1 / place of the first must-have" in line for line in lines) == told
    assert sum(line.startswith(("nDCG@5 ", "MRR ", "latency p95 ")) for line in lines) == 3
