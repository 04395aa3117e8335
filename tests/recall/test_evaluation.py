"""The metrics of an evaluation, worked out by hand and by the scripts that come with the development data."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.errors import InvalidInput
from agent_memory.model import Memory, Record
from agent_memory.recall import evaluation, judgements
from agent_memory.recall.evaluation import Answer, Successors

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SETS = ("mcp-devbench", "precision-mem-bench", "openclaw-bm-bench/medium", "locomo-dev/session/conv-26")


def measured(
    ranked: dict[str, list[str]], grades: dict[str, dict[str, int]], successors: Successors | None = None
) -> dict[str, float | None]:
    answers = {task: Answer(ranked=paths, handed_over=paths[:2]) for task, paths in ranked.items()}
    found = evaluation.summary(evaluation.scores(answers, grades, successors))
    return {name: metric.value for name, metric in found.items()}


# -- by hand ----------------------------------------------------------------------------------------------------------


def test_the_metrics_of_one_task():
    found = measured({"T": ["x", "b", "a", "b"]}, {"T": {"a": 2, "b": 1, "c": 2, "x": 0}})
    ideal = 3 + 3 / math.log2(3) + 1 / 2
    assert found["ndcg_at_5"] == pytest.approx((1 / math.log2(3) + 3 / 2) / ideal)
    assert found["must_have_recall_at_5"] == found["must_have_recall_at_10"] == 1 / 2
    assert found["recall_at_5"] == 2 / 3
    assert found["mrr"] == 1 / 3
    assert found["precision_ranked"] == 2 / 3  # the second b does not count
    assert found["precision_handed_over"] == 1 / 2


def test_in_a_set_without_must_haves_every_relevant_memory_is_one():
    assert measured({"T": ["a", "x", "b"]}, {"T": {"b": 1, "x": 0}})["mrr"] == 1 / 3
    with_grade_2 = {"T": {"b": 1}, "U": {"c": 2}}
    assert measured({"T": ["b"], "U": ["x", "c"]}, with_grade_2)["mrr"] == 1 / 2


def test_the_first_five_and_the_first_ten_are_told_apart():
    ranked = [*"vwxyz", "a"]
    found = measured({"T": ranked}, {"T": {"a": 2}})
    assert (found["must_have_recall_at_5"], found["must_have_recall_at_10"], found["ndcg_at_5"]) == (0, 1, 0)


@pytest.mark.parametrize(
    ("ranked", "above"),
    [(["old"], 1), (["old", "new"], 1), (["new", "old"], 0), (["newest", "old"], 0), (["new"], 0), ([], 0),
     (["other", "old"], 1)],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_stale_above_fresh(ranked: list[str], above: float):
    successors = Successors(steps={"old": {"new", "other"}, "new": {"newest"}, "newest": {"old"}})
    grades = {"T": {"old": -1, "new": 2, "newest": 1, "other": 0}}
    assert measured({"T": ranked}, grades, successors)["stale_above_fresh"] == above


def test_stale_above_fresh_by_kind():
    successors = Successors(steps={"a": {"b"}, "c": {"d"}}, kinds={"a": "silent", "c": "explicit"})
    grades = {"T": {"a": -1, "b": 2, "c": -1, "d": 2}}
    found = evaluation.scores({"T": Answer(ranked=["a", "b", "d", "c"])}, grades, successors)
    kinds = evaluation.stale_by_kind(found)
    assert {kind: (m.value, m.n) for kind, m in kinds.items()} == {"explicit": (0.0, 1), "silent": (1.0, 1)}
    assert evaluation.summary(found)["stale_above_fresh"].n == 2


def test_nothing_relevant_is_an_answer_that_may_be_wrong():
    ranked: dict[str, list[str]] = {"N1": [], "N2": [], "N3": ["x"], "P1": [], "P2": ["a"]}
    found = measured(ranked, {"P1": {"a": 2}, "P2": {"a": 2}, "N2": {"x": 0}})
    assert found["nothing_precision"] == 2 / 3
    assert found["nothing_recall"] == 2 / 3
    assert found["wrongly_empty"] == 1 / 2
    assert found["mrr"] == 1 / 2  # tasks with nothing relevant are left out


def test_tokens_and_latency():
    answers = {f"T{n}": Answer(ranked=[], tokens=10 * n, every_file=1000, seconds=n / 100) for n in range(1, 21)}
    found = evaluation.summary(evaluation.scores(answers, {}))
    assert found["tokens_handed_over"].value == 105
    assert found["tokens_of_every_file"].value == 1000
    assert found["tokens_share"].value == pytest.approx(0.105)
    assert (found["seconds_p50"].value, found["seconds_p95"].value) == (0.1, 0.19)


def test_where_there_is_nothing_to_measure_there_is_no_number():
    assert {metric.value for metric in evaluation.summary([]).values()} == {None}
    assert measured({"T": ["a"]}, {"T": {"a": 1}})["stale_above_fresh"] is None


PATHS = st.sampled_from("abcdefgh")


@given(st.lists(PATHS), st.dictionaries(PATHS, st.integers(-1, 3)), st.dictionaries(PATHS, st.sets(PATHS)))
def test_every_share_lies_between_nothing_and_all(ranked, grades, steps):
    found = measured({"T": ranked}, {"T": grades}, Successors(steps=steps))
    assert all(value is None or 0 <= value <= 1 + 1e-9 for value in found.values())
    best = sorted((p for p in grades if grades[p] > 0), key=lambda p: -grades[p])
    if best:
        assert measured({"T": best}, {"T": grades})["ndcg_at_5"] == pytest.approx(1)


# -- by the scripts of the development data ---------------------------------------------------------------------------


def data(name: str) -> Path:
    if not (DATA / name).is_dir():
        pytest.skip(f"the development data is not beside the project (../shared/data/{name})")
    return DATA / name


def arbitrary_run(tasks: Iterable[str], grades: dict[str, dict[str, int]], paths: list[str]) -> dict[str, list[str]]:
    """Rankings of any length, some empty, which hold more of what is graded than chance would put there."""
    chance = random.Random(20261120)
    run = {}
    for task in tasks:
        graded = [path for path in sorted(grades.get(task, {})) if chance.random() < 0.6]
        ranked = [*graded, *chance.sample(paths, k=min(len(paths), chance.randint(0, 25)))]
        chance.shuffle(ranked)
        run[task] = [] if chance.random() < 0.15 else list(dict.fromkeys(ranked))
    return run


def written(run: dict[str, list[str]], to: Path) -> Path:
    to.write_text("".join(json.dumps({"id": task, "ranked": paths}) + "\n" for task, paths in run.items()))
    return to


def test_the_metrics_are_those_of_the_team_world(tmp_path: Path):
    world = data("team-world")
    tasks = judgements.read_tasks((world / "tasks.jsonl").read_text(), "tasks.jsonl")
    memories = world / "repo" / ".claude" / "agents-memory"
    paths = sorted(path.relative_to(memories).as_posix() for path in memories.rglob("*.md"))
    judged = judgements.read_grades((world / "qrels.tsv").read_text(), "qrels.tsv", tasks, paths)
    chains = judgements.read_chains((world / "chains.tsv").read_text(), "chains.tsv", paths)
    assert (judged.unknown_tasks, judged.unknown_paths) == ((), ())

    run = arbitrary_run([task.id for task in tasks], judged.grades, paths)
    done = subprocess.run(
        [sys.executable, world / "evaluate.py", written(run, tmp_path / "run.jsonl"), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    theirs = json.loads(done.stdout)
    assert theirs["future"] > 100
    days = {task.id: str(task.date) for task in tasks}
    asked = {t: [p for p in ranked if p.rsplit("/", 1)[1][:10] <= days[t]] for t, ranked in run.items()}
    found = evaluation.summary(
        evaluation.scores({t: Answer(ranked=r) for t, r in asked.items()}, judged.grades, chains)
    )

    names = {"ndcg5": "ndcg_at_5", "must5": "must_have_recall_at_5", "must10": "must_have_recall_at_10", "mrr": "mrr",
             "stale_above": "stale_above_fresh"}  # fmt: skip
    whole = theirs["groups"]["all"]
    assert {name: found[ours].value for name, ours in names.items()} == pytest.approx({n: whole[n] for n in names})
    assert (found["mrr"].n, found["stale_above_fresh"].n) == (whole["n"], whole["pairs"])
    empty = [length == 0 for length in theirs["negative"]]
    assert (found["nothing_recall"].value, found["nothing_recall"].n) == (sum(empty) / len(empty), len(empty))


@pytest.mark.parametrize("name", SETS)
def test_the_metrics_are_those_of_the_sets(name: str, tmp_path: Path):
    folder, sets = data(name), DATA / "sets.py"
    listed = subprocess.run([sys.executable, sets, "tasks", folder], capture_output=True, text=True, check=True).stdout
    tasks = judgements.read_tasks(listed, "tasks")
    subprocess.run([sys.executable, sets, "store", folder, tmp_path], check=True)
    paths = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md"))
    judged = judgements.read_grades((folder / "qrels.tsv").read_text(), "qrels.tsv", tasks, paths)
    assert (judged.unknown_tasks, judged.unknown_paths) == ((), ())

    run = arbitrary_run([task.id for task in tasks], judged.grades, paths)
    command: list[str | Path] = [sys.executable, sets, "score", folder, written(run, tmp_path / "run.jsonl")]
    scored = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    theirs = {metric: (float(value), int(n)) for metric, value, n in (line.split("\t") for line in scored.splitlines())}
    scores = evaluation.scores({t: Answer(ranked=r) for t, r in run.items()}, judged.grades)
    found = evaluation.summary(scores)
    names = {"R@5": "recall_at_5", "precision": "precision_ranked", "MRR": "mrr", "nothing": "nothing_recall"}
    for metric, ours in names.items():
        assert (found[ours].value or 0, found[ours].n) == pytest.approx(theirs.get(metric, (0, 0)), abs=6e-5), metric
    ndcg = evaluation.mean([evaluation.ndcg(run[t], grades, 10) for t, grades in judged.grades.items()])
    assert ndcg.value == pytest.approx(theirs["nDCG@10"][0], abs=6e-5)


# -- reading ----------------------------------------------------------------------------------------------------------

ONE = '{"id": "T1", "agent": "a", "task": "do it", "date": "2026-03-02", "category": "any"}\n'


def test_tasks_are_read():
    first, second = judgements.read_tasks(f"{ONE}\r\n\n{ONE.replace('T1', 'T2').replace('2026-03-02', '')}".replace(
        ', "date": ""', ""), "t.jsonl")  # fmt: skip
    assert first == judgements.Task(id="T1", agent="a", task="do it", date=dt.date(2026, 3, 2), place="t.jsonl:1")
    assert (second.id, second.date, second.place) == ("T2", None, "t.jsonl:4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.jsonl: there is no task"),
        (f"{ONE}{{", "t.jsonl:2: not JSON: Expecting property name"),
        ("[" * 100_000, "t.jsonl:1: not JSON"),
        ("1" * 5_000, "t.jsonl:1: not JSON"),
        (f"{ONE}[]", "t.jsonl:2: not an object"),
        ('{"id": 1, "agent": "a", "task": "b"}', "t.jsonl:1: 'id' is missing or no text"),
        ('{"id": "1", "task": "b"}', "t.jsonl:1: 'agent' is missing"),
        ('{"id": "1", "agent": "a", "task": " "}', "t.jsonl:1: 'task' is missing"),
        ('{"id": "1", "agent": "a", "task": "\\ud800"}', "t.jsonl:1: 'task' holds half a character"),
        (ONE + ONE, "t.jsonl:2: a second task 'T1'; the first is t.jsonl:1"),
        (ONE.replace("03-02", "02-30"), "t.jsonl:1: 'date' is not a day"),
        (ONE.replace('"2026-03-02"', "20260302"), "t.jsonl:1: 'date' is not a day"),
    ],
    ids=str,
)  # fmt: skip
def test_a_line_that_is_no_task_is_named(text: str, message: str):
    with pytest.raises(InvalidInput) as caught:
        judgements.read_tasks(text, "t.jsonl")
    assert caught.value.message.startswith(message)
    assert caught.value.hint or "second" in message


TASKS = (judgements.Task(id="T1", agent="a", task="x"), judgements.Task(id="T2", agent="b", task="y"))


def test_grades_are_read_and_strangers_are_told():
    text = "T1\ta/one.md\t2\r\n\nT1\tb/two.md\t-1\nT1\tb/two.md\t-1\nT9\ta/one.md\t1\nT2\tc/gone.md\t1\n"
    judged = judgements.read_grades(text, "q.tsv", TASKS, ["a/one.md", "b/two.md"])
    assert judged.grades == {"T1": {"a/one.md": 2, "b/two.md": -1}, "T2": {"c/gone.md": 1}}
    assert (judged.unknown_tasks, judged.unknown_paths) == (("T9",), ("c/gone.md",))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1 a/one.md 2", "not three fields"),
        ("T1\ta/one.md", "not three fields"),
        ("T1\t\t2", "not three fields"),
        ("T1\ta/one.md\tmust", "'must' is no grade"),
        ("T1\ta/one.md\t-2", "'-2' is no grade"),
        ("T1\ta/one.md\t٢", "'٢' is no grade"),
        ("T1\ta/two.md\t1", "another grade of a/two.md for T1"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_grade_is_named(line: str, message: str):
    with pytest.raises(InvalidInput) as caught:
        judgements.read_grades(f"T1\ta/two.md\t2\n{line}\n", "q.tsv", TASKS, ["a/one.md", "a/two.md"])
    assert caught.value.message.startswith(f"q.tsv:2: {message}")


def test_chains_are_read_by_the_names_of_their_columns():
    text = "new\tkind\told\nb.md\tsilent\ta.md\n\nx/c.md\texplicit\tx/b.md\n"
    found = judgements.read_chains(text, "c.tsv", ["x/a.md", "x/b.md", "x/c.md"])
    assert found.of("x/a.md") == {"x/b.md", "x/c.md"}
    assert found.kinds == {"x/a.md": "silent", "x/b.md": "explicit"}


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "c.tsv: no columns"), ("a\tb\n", "c.tsv:1: no columns"), ("old\tnew\na\n", "c.tsv:2: old or new is missing")],
)  # fmt: skip
def test_a_table_that_is_no_chain_is_named(text: str, message: str):
    with pytest.raises(InvalidInput) as caught:
        judgements.read_chains(text, "c.tsv", [])
    assert caught.value.message.startswith(message)


def test_a_path_may_be_shortened_as_long_as_it_is_clear():
    resolve = judgements.resolver(["a/x.md", "b/x.md", "b/sub/y-1.md", ".store/archive/c/z.md"])
    assert resolve("a/x.md", "b") == "a/x.md"
    assert resolve("/p/.claude/agents-memory/a/x.md", "b") == "a/x.md"
    assert resolve("a/x", "b") == "a/x.md"
    assert resolve("x.md", "b") == "b/x.md"
    assert resolve("x.md", "other") is None
    assert resolve("y:1", "other") == "b/sub/y-1.md"
    assert resolve("c/z.md", "") == ".store/archive/c/z.md"
    assert resolve("gone.md", "a") is None


# -- the store's own memories -----------------------------------------------------------------------------------------


def memory(path: str, body: str, *, name: str = "", description: str = "") -> Memory:
    return Memory(
        id=path.removesuffix(".md"), path=path, agent="a", name=name, description=description, body=body,
        date=dt.date(2026, 3, 2), date_source="name", fingerprint="",
    )  # fmt: skip


def record(path: str, superseded_by: tuple[str, ...] = ()) -> Record:
    return Record(
        number=1, path=path, id=path.removesuffix(".md"), agent="a", name="", date=dt.date(2026, 3, 2), type="note",
        date_source="name", description="", status="active", visibility="team", valid_until=None, to=None,
        fingerprint="", size=1, body_start=0, superseded_by=superseded_by,
    )  # fmt: skip


def test_a_memory_is_asked_for_by_its_description_without_the_words_of_its_title():
    told = memory("a/1.md", "Text.", name="Webhook retries", description="A webhook is retried five times in an hour.")
    (task,) = judgements.own_questions([told])
    assert (task.id, task.agent, task.task, task.date) == ("a/1.md", "a", "A is five times in an hour.", None)


def test_else_by_its_most_telling_sentence():
    rare = "# Log\n\nWe talked.\n\n- The pool was exhausted by idle transactions.\n\n```\nrare words of code\n```\n"
    common = [memory(f"a/{n}.md", "We met and talked about the weather again.", name="Log") for n in range(2, 5)]
    found = {task.id: task.task for task in judgements.own_questions([memory("a/1.md", rare, name="Log"), *common])}
    assert found["a/1.md"] == "The pool was exhausted by idle transactions."


def test_a_memory_that_says_nothing_beyond_its_title_is_not_asked_for():
    assert judgements.own_questions([memory("a/1.md", "# Retry policy\n\nRetry policy!\n", name="Retry policy")]) == ()
    assert judgements.own_questions([]) == ()


def test_sentences_leave_out_what_is_no_prose():
    text = "# Title\n\nOne is. Two e.g. three? *Four*\n> 1. five\n> - six\n\n| a | b |\n---\n~~~\ncode\n"
    assert judgements.sentences(text) == ["One is.", "Two e.g. three?", "*Four*", "five", "six"]


def test_a_memory_is_the_must_have_of_its_own_task_and_what_it_replaces_is_stale():
    records = [record("a/1.md", ("a/2",)), record("a/2.md", ("a/3", "a/gone")), record("a/3.md"), record("a/4.md")]
    successors = judgements.supersessions(records)
    tasks = [judgements.Task(id=path, agent="a", task="x") for path in ("a/3.md", "a/4.md")]
    assert judgements.own_grades(tasks, successors) == {
        "a/3.md": {"a/3.md": 2, "a/1.md": -1, "a/2.md": -1},
        "a/4.md": {"a/4.md": 2},
    }


def test_a_stale_memory_counts_only_where_its_successor_is_known_and_relevant():
    grades = {"a/old.md": -1, "a/new.md": 2}
    ranked = ["a/old.md", "a/new.md"]
    known = Successors(steps={"a/old.md": ["a/new.md"]})
    assert [stale.above for stale in evaluation.stale_places(ranked, grades, known)] == [True]
    assert evaluation.stale_places(ranked, grades, Successors()) == ()
    assert evaluation.stale_places(ranked, {"a/old.md": -1, "a/else.md": 2}, known) == ()
