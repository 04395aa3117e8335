"""A query means the same as SQL and as a look at each document."""

from __future__ import annotations

import atexit
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from agent_memory.errors import InvalidQuery
from agent_memory.index import schema
from agent_memory.index.analysis import analyse, analyse_joined
from agent_memory.index.where import EXPANSIONS, Where
from agent_memory.model import Memory, Section
from agent_memory.recall import parser
from agent_memory.recall import query as queries
from agent_memory.recall.bare import Everything, Words
from agent_memory.recall.clauses import (
    All,
    Any_,
    DateRange,
    Field,
    File,
    Fuzzy,
    Not,
    Phrase,
    Prefix,
    Wildcard,
    Word,
)
from agent_memory.recall.document import document
from agent_memory.recall.query import parse, plain

TODAY = date(2026, 7, 15)
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "query.md").read_text("utf-8")
SIGNS = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) != '"').replace("'", "''")
QUICK = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
THOROUGH = settings(QUICK, max_examples=700)


# -- a store: the tables of the index, filled without the code under test ---------------------------------------------


def memory(
    path="a/2026-01-01-x.md", *, name="x", kind="note", tags=(), status="active", supersedes=(), files=(), mentions=(),
    passages=("",), description="",
):  # fmt: skip
    """A memory whose body consists of the passages."""
    body, sections = "", []
    for passage in passages:
        sections.append(Section(heading="", start=len(body), end=len(body) + len(passage), line=1))
        body += passage + "\n\n"
    agent, _, file = path.removeprefix(".store/archive/").removesuffix(".md").rpartition("/")
    return Memory(
        id=f"{agent}/{file}", path=path, agent=agent, name=name, date=date.fromisoformat(file[:10]), date_source="name",
        body=body, fingerprint="", type=kind, tags=tuple(tags), status=status, supersedes=tuple(supersedes),
        files=tuple(files), mentions=tuple(mentions), sections=tuple(sections), description=description,
    )  # fmt: skip


def store(memories, *, page=2):
    """A database with the memories, numbered from 1; a row of the full-text table holds `page` passages."""
    db = sqlite3.connect(":memory:")
    for table in schema.tables.sorted_tables:
        db.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
    db.execute(
        f"""CREATE VIRTUAL TABLE pages USING fts5(title, about, text, exact, tokenize="ascii tokenchars '{SIGNS}'")"""
    )
    columns = ("team", "number", "path", "id", "agent", "name", "date", "type", "status", "archived", "visibility")
    others = [c.name for c in schema.tables.tables["memories"].columns if c.name not in columns and not c.nullable]
    marks = ",".join("?" * (len(columns) + len(others)))
    for number, m in enumerate(memories, 1):
        row = ("", number, m.path, m.id, m.agent, m.name, m.date.isoformat(), m.type, m.status, m.archived, "team")
        db.execute(f"INSERT INTO memories ({','.join([*columns, *others])}) VALUES ({marks})", row + (0,) * len(others))
        db.executemany("INSERT INTO tags (memory, tag) VALUES (?, ?)", {(number, t) for t in m.tags})
        db.executemany("INSERT INTO supersessions (memory, old) VALUES (?, ?)", {(number, o) for o in m.supersedes})
        files = {(number, f, f in m.files) for f in (*m.files, *m.mentions)}
        db.executemany("INSERT INTO files (memory, file, declared) VALUES (?, ?, ?)", files)
        title, title_exact = analyse_joined(m.name + " " + m.id.split("/")[-1].replace("-", " "))
        about, about_exact = analyse_joined(" ".join([m.description, *m.tags, *m.files, m.type]))
        passages = [analyse_joined(m.body[s.start : s.end]) for s in m.sections]
        for n in range(0, max(1, len(passages)), page):
            text = " ¶ ".join(stems for stems, _ in passages[n : n + page])
            exact = " ".join(forms for _, forms in passages[n : n + page])
            first = (title, about, text, f"{title_exact} {about_exact} {exact}")
            page_row = (number << 10 | n, *(first if n == 0 else ("", "", text, exact)))
            db.execute("INSERT INTO pages (rowid, title, about, text, exact) VALUES (?, ?, ?, ?, ?)", page_row)
    return db


def documents(memories):
    """What queries see of the memories, with the state that holds among them."""
    old = {o for m in memories for o in m.supersedes}
    states = ("archived" if m.archived else "superseded" if m.id in old else m.status for m in memories)
    return [document(m, state=state) for m, state in zip(memories, states, strict=True)]


def selected(db, clause):
    """Numbers of the memories that the clause selects by SQL."""
    sql = Where(db, today=TODAY)
    condition = clause.where(sql)
    inner = f"SELECT memories.number FROM memories WHERE ({condition}) AND 1"
    return {
        number for (number,) in db.execute(f"SELECT number FROM memories WHERE number IN ({inner})", sql.parameters)
    }


def matching(docs, clause):
    """Numbers of the documents that the clause matches."""
    return {number for number, doc in enumerate(docs, 1) if clause.matches(doc)}


# -- stores and queries out of few words, so that they meet ------------------------------------------------------------

WORDS = (
    "retry retries Retried policy policies webhook timeout draft the of uploadFile upload_file src/jobs/retry.py "
    "--no-cache retry.py 10:30 foo::bar naïve Straße 数据库 数据 Кэши "
    "don't a,b x¶y [x] C++ ru\u0308n v2 AND or retry-policy"
).split()
AGENTS, TYPES = ("worker", "Worker", "api", "straße"), ("note", "decision", "no?e")
TAGS = ("jobs", "Jobs", "web hooks", "a*b")
PATHS = ("src/jobs/retry.py", "src/Jobs/x.py", "./src/a.py", "src\\a.py", "app/[id]/page.tsx", "a", "docs/")
STATES = ("active", "draft", "archived", "superseded", "Active")
IDS = tuple(f"{agent}/2026-0{month}-1{month}-retry" for agent in ("worker", "api") for month in (1, 2, 3, 4))

COMMON = ["retry", "policy", "webhook", "Policies"] * 8

text = st.lists(st.sampled_from([*WORDS, *COMMON]), max_size=6).map(" ".join)
few = st.lists(st.sampled_from(TAGS), max_size=2)
memories = st.builds(
    lambda id_, archived, **rest: memory((".store/archive/" if archived else "") + id_ + ".md", **rest),
    st.sampled_from(IDS), st.booleans(), name=text, kind=st.sampled_from(TYPES), tags=few,
    status=st.sampled_from(STATES),
    supersedes=st.lists(st.sampled_from(IDS), max_size=1), files=st.lists(st.sampled_from(PATHS), max_size=2),
    mentions=st.lists(st.sampled_from(PATHS), max_size=1), passages=st.lists(text, max_size=5), description=text,
)  # fmt: skip
stores = st.lists(memories, max_size=5, unique_by=lambda m: m.path)

words = st.sampled_from([*WORDS, *COMMON, "missing"])
tokens = words.map(lambda word: (*analyse(word).stems, "x")[0]) | words.map(str.lower)
streams = st.sampled_from([("title", "about", "text"), ("text",), ("title",)])
globs = st.sampled_from("* re* *y r?tr* */*.py [x]* ? w*k*r s*/jobs/?* str?sse 数* ¶* a*".split())
somedays = st.none() | st.sampled_from([date(2026, m, 10 + d) for m in (1, 2, 3, 4) for d in range(5)])
leaves = st.one_of(
    st.just(Everything()),
    st.builds(Field, st.just("agent"), st.sampled_from([*AGENTS, "STRASSE"]) | globs),
    st.builds(Field, st.just("type"), st.sampled_from(TYPES) | globs),
    st.builds(Field, st.just("tag"), st.sampled_from(TAGS) | globs),
    st.builds(Field, st.just("status"), st.sampled_from(STATES) | globs),
    st.builds(File, st.sampled_from([*PATHS, "src/", "SRC\\jobs\\", "retry.py", "id]/"]) | globs),
    st.builds(DateRange, somedays, somedays),
    st.builds(Words, st.lists(tokens, max_size=3).map(tuple)),
    st.builds(Word, tokens, streams),
    st.builds(Phrase, st.lists(words, max_size=2).map(lambda w: tuple(analyse(" ".join(w)).stems)), streams),
    st.builds(Prefix, st.sampled_from(["", "r", "retr", "src/", "数", "¶", "--"])),
    st.builds(Wildcard, globs),
    st.builds(Fuzzy, words.map(str.lower), st.sampled_from([1, 2])),
)
clauses = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner), *(st.builds(join, st.lists(inner, max_size=3).map(tuple)) for join in (All, Any_))
    ),
    max_leaves=6,
)

operands = st.one_of(
    words, words.map("+{}".format), text.map('"{}"'.format), words.map("{}~".format), words.map("{:.3}*".format),
    st.sampled_from(AGENTS).map("agent:{}".format), st.sampled_from(TYPES).map("type:{}".format), globs,
    st.sampled_from(TAGS).map('tag:"{}"'.format), st.sampled_from(STATES).map("status:{}".format),
    st.sampled_from(PATHS).map("file:{}".format), words.map("name:{}".format), text.map('text:"{}"'.format),
    st.sampled_from("2026-01|[2026-01 TO 2026-02]|{2026-01 TO]|>2026-02|last-spring".split("|")).map("date:{}".format),
)  # fmt: skip
texts = st.recursive(
    operands,
    lambda inner: st.one_of(
        st.builds(str.format, st.sampled_from("{} {}|{} AND {}|{} OR {}|({} OR {}) {}".split("|")), *[inner] * 3),
        st.builds(str.format, st.sampled_from("NOT {}|-({})|({})|NOT ({})|+({})".split("|")), inner),
    ),
    max_leaves=6,
)  # fmt: skip
SIGNS_AND_WORDS = [*"\"()*?~:+-[]{}<> \n\x00\\/^|&!'", *" AND | OR | NOT |agent:|date:|file:|retry|~2".split("|")]
soup = st.lists(
    st.sampled_from(SIGNS_AND_WORDS) | st.text(max_size=3),
    max_size=12,
).map("".join)


@THOROUGH
@given(stores, clauses, st.integers(1, 3))
def test_a_value_selects_what_it_matches(memories, clause, page):
    """For any store and any clause, SQL selects exactly the memories that the clause matches."""
    with closing(store(memories, page=page)) as db:
        assert selected(db, clause) == matching(documents(memories), clause)


@THOROUGH
@given(stores, texts)
def test_a_text_selects_what_it_matches(memories, written):
    """For any store and any text that parses, SQL selects exactly the memories that the query matches."""
    try:
        query = parse(written, today=TODAY)
    except InvalidQuery:
        return
    with closing(store(memories)) as db:
        assert selected(db, query.where) == matching(documents(memories), query.where)
        ranking = query.ranking_tokens(Where(db, today=TODAY).expand)
    assert ranking[: len(query.tokens)] == query.tokens
    assert len(set(ranking)) == len(ranking)


@QUICK
@given(soup | texts | st.text(max_size=40))
def test_any_text_parses_or_is_refused(written):
    """Any text gives a query, whose SQL runs, or InvalidQuery with a position inside the text and a hint."""
    try:
        query = parse(written, today=TODAY)
    except InvalidQuery as refused:
        found = (0 <= refused.position <= len(written), bool(refused.hint))
    else:
        found = (query.text == written, selected(DB, query.where) == matching(DOCS, query.where))
    assert found == (True, True)


@QUICK
@given(st.lists(st.sampled_from([*WORDS, *"why? note: - + --v don't x!? e.g.".split()]) | st.text(max_size=8)))
def test_plain_words_need_no_whoosh(chunks):
    """The quick way for plain words and the way through Whoosh give equal values."""
    written = " ".join(chunks)
    if parser_is_needed(written):
        return
    assert parse(written, today=TODAY) == parser.parse(written, clean(written), today=TODAY) == plain(written)


def clean(written):
    return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", written)


def parser_is_needed(written):
    return re.search(queries._SYNTAX, clean(written))


# -- the documentation ------------------------------------------------------------------------------------------------


def example_store():
    lines = re.findall(r"^\| [A-E] \|(.*)\|$", PAGE, re.MULTILINE)
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [
        memory(
            f"{path}.md", kind=type_, tags=re.findall(r"\w+", tags), status=status, supersedes=[old] if old else (),
            files=re.findall(r"[^\s,]+", files), mentions=re.findall(r"`([^`]*/[^`]*)`", text), name=name,
            passages=text.split(" / "),
        )
        for path, type_, tags, status, old, files, name, text in rows
    ]  # fmt: skip


FINDS = re.findall(r"^\| (?:`([^`]*)`|``) \| ((?:[A-E] ?)+|nothing ?)\|.*\|$", PAGE, re.MULTILINE)
REFUSED = re.findall(r"^\| `([^`]+)` \| ([0-9]+) \| (.*) \|$", PAGE, re.MULTILINE)
EXAMPLE = example_store()
DB, DOCS = store(EXAMPLE), documents(EXAMPLE)
atexit.register(DB.close)


def test_the_page_has_examples():
    """The tables of the documentation are found."""
    assert (len(EXAMPLE), len(FINDS) > 75, len(REFUSED) > 20) == (5, True, True)


@pytest.mark.parametrize(("written", "found"), FINDS)
def test_what_the_documentation_finds(written, found):
    """Each query of the documentation finds the memories written beside it, in SQL and without."""
    where = parse(written, today=TODAY).where
    expected = {"ABCDE".index(key) + 1 for key in found.split() if key != "nothing"}
    assert (selected(DB, where), matching(DOCS, where)) == (expected, expected)


@pytest.mark.parametrize(("written", "position", "message"), REFUSED)
def test_what_the_documentation_refuses(written, position, message):
    """Each text the documentation calls wrong is refused at that place with that message."""
    with pytest.raises(InvalidQuery) as refused:
        parse(written, today=TODAY)
    assert (refused.value.position, str(refused.value)[: len(message)]) == (int(position), message)


@pytest.mark.parametrize("written", ["agent:STRASSE", "agent:str*SE", "tag:cafe\u0301", "tag:CAF\u00c9", "file:A/B.PY"])
def test_fields_do_not_mind_case_or_composition(written):
    """Values are compared without case and in composed form, paths also with "/" for a backslash."""
    memories = [memory("stra\u00dfe/2026-01-01-x.md", tags=["Caf\u00e9"], files=[".\\a\\b.py"]), memory()]
    where = parse(written, today=TODAY).where
    with closing(store(memories)) as db:
        assert (selected(db, where), matching(documents(memories), where)) == ({1}, {1})


# -- what ranks, limits, suggestions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "tokens", "exact"),
    [
        ("Retries uploadFile retries", "retri uploadfile upload file", "retries"),
        ('agent:x "retry policy" -draft +webhook', "retri polici webhook", "retry policy"),
        ("NOT (a1 OR NOT b1) name:c1 text:d1 tag:e1", "b1 c1 d1", ""),
        ("the", "", ""),
    ],
)
def test_what_ranks(written, tokens, exact):
    """Words rank, once each and in order, unless they are negated or the value of a field."""
    query = parse(written, today=TODAY)
    assert (query.tokens, query.exact) == (tuple(tokens.split()), tuple(exact.split()))


def test_words_of_a_pattern_rank():
    """The words of the store that a pattern stands for rank with the others; those of a negated pattern do not."""
    query = parse("policy web* -(ret*)", today=TODAY)
    assert set(query.ranking_tokens(Where(DB, today=TODAY).expand)) == {"polici", "webhook", "webhooks"}


def test_asking_for_the_archive():
    """A query asks for the archive where it names the status and does not negate it."""
    written = ("status:Archived", "x -status:archived", "-(x -status:archived)")
    assert [parse(text, today=TODAY).wants_archived for text in written] == [True, False, True]


def test_a_pattern_too_broad_is_refused():
    """A pattern for more words than can be asked for is refused by name and place, one for just as many is not."""
    just = " ".join(f"w{i}" for i in range(EXPANSIONS))
    with closing(store([memory(passages=[just])])) as db:
        assert selected(db, parse("w*", today=TODAY).where) == {1}
    with (
        closing(store([memory(passages=[f"{just} wx"])])) as db,
        pytest.raises(InvalidQuery, match="w\\* stands for more than 1,000 words") as refused,
    ):
        selected(db, parse("x OR w*", today=TODAY).where)
    assert refused.value.position == 5


@pytest.mark.parametrize(
    "written",
    [
        "x1 " * 3333, "x1 OR " * 199 + "x1", "x1* " * 200, '"' + "x1 " * 3000 + '"', "NOT " * 199 + "x1", "-x1 " * 100,
        "file:" + "ΐ" * 1000, "agent:*" + "*a" * 499, "\ufdfa*", "(x1 OR x2 AND NOT " * 8 + "x1" + ")" * 8,
        "x1 -(+x2 x3 " * 8 + "x1" + ")" * 8, "*a" * 30 + "*b",
    ],
)  # fmt: skip
def test_the_largest_queries_run(written):
    """What the limits allow, SQLite takes, in no time and with the same answer."""
    started = perf_counter()
    where = parse(written, today=TODAY).where
    assert selected(DB, where) == matching(DOCS, where)
    assert perf_counter() - started < 2


@pytest.mark.parametrize("written", ["x" * 10_001, "(" * 9 + "x" + ")" * 9, "x OR " * 201 + "x", "file:" + "x" * 1001])
def test_beyond_the_limits(written):
    """What is larger is refused."""
    with pytest.raises(InvalidQuery):
        parse(written, today=TODAY)


def test_plain_words_import_nothing_heavy():
    """Reading a plain query imports neither Whoosh nor SQLAlchemy nor pydantic."""
    code = (
        "import sys; from datetime import date; from agent_memory.recall.query import parse;"
        " parse('a plain query?', today=date.today());"
        " sys.exit(','.join({'whoosh', 'sqlalchemy', 'pydantic', 'sqlite3'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
