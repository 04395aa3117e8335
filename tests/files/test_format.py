"""Memory files as bytes: parsing, writing, editing."""

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent_memory.errors import InvalidInput, Unreadable
from agent_memory.files import format as formats
from agent_memory.files import naming
from agent_memory.model import TYPES, Stat

quick = settings(deadline=None, max_examples=200)
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def stat(path="agent/2026-03-02-retry-policy.md", mtime_ns=1_700_000_000_000_000_000):
    return Stat(path, 1, mtime_ns, mtime_ns, 1)


def parse(data, path="agent/2026-03-02-retry-policy.md"):
    return formats.parse(stat(path), data.encode() if isinstance(data, str) else data)


# --- reading ------------------------------------------------------------------------------------------------------


def test_a_file_without_front_matter_is_a_memory():
    """Folder, file name and first heading say all that is needed."""
    data = "# Retries\r\n\r\nFive times.\r\n"
    memory = parse(data).memory
    assert (memory.id, memory.agent, memory.name) == ("agent/2026-03-02-retry-policy", "agent", "Retries")
    assert (memory.date, memory.date_source, memory.body) == (date(2026, 3, 2), "name", data)
    assert memory.fingerprint == hashlib.sha256(data.encode()).hexdigest()
    assert not parse(data).problems


@pytest.mark.parametrize(
    ("front", "body", "path", "day", "source"),
    [
        ("date: 2026-01-01", "Date: 2026-02-02", "a/2026-03-03-x.md", date(2026, 1, 1), "front_matter"),
        ("name: x", "Date: 2026-02-02", "a/2026-03-03-x.md", date(2026, 3, 3), "name"),
        ("name: x", "Date: 2026-02-02", "a/x.md", date(2026, 2, 2), "text"),
        ("name: x", "text", "a/x.md", date(2023, 11, 14), "file_time"),
        ("date: soon", "text", "a/2026-02-31-x.md", date(2023, 11, 14), "file_time"),
    ],
)
def test_the_date_comes_from_the_first_place_that_has_one(front, body, path, day, source):
    """Front matter, then the name, then the text, then the file's time; and the memory says which."""
    memory = parse(f"---\n{front}\n---\n\n{body}\n", path).memory
    assert (memory.date, memory.date_source) == (day, source)


@pytest.mark.parametrize("mtime_ns", [-(2**63), 2**63 - 1])
def test_an_absurd_clock_loses_no_memory(mtime_ns):
    """A file time that is no date does not matter."""
    assert isinstance(formats.parse(stat("a/x.md", mtime_ns), b"x").memory.date, date)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("---\nname: A\ntitle: B\n---\n# C\n", "A"),
        ("---\ntitle: B\n---\n# C\n", "B"),
        ('---\nname: "  "\n---\n# C\n', "C"),
        ("---\ntype: note\n---\ntext\n", "retry policy"),
        ("", "retry policy"),
    ],
)
def test_the_name_comes_from_the_first_place_that_has_one(text, name):
    """Name, title, first heading, words of the file name."""
    assert parse(text).memory.name == name


def test_an_empty_file_is_a_memory():
    """There is nothing wrong with an empty file."""
    parsed = parse(b"")
    assert (parsed.memory.body, parsed.memory.sections, parsed.problems) == ("", (), ())


def test_archived_and_nested_files_keep_agent_and_id():
    """The archive is a place, not a part of the identity."""
    memory = parse("x", ".store/archive/agent/deep/2026-03-02-x.md").memory
    assert (memory.agent, memory.id, memory.archived) == ("agent", "agent/deep/2026-03-02-x", True)


@pytest.mark.parametrize(
    ("data", "line"), [(b"a\nb\0", 2), (b"x\n" * 9000 + b"\0", 9001), ("größe".encode("utf-16"), 1)]
)
def test_binary_files_are_refused_with_their_line(data, line):
    """A NUL byte anywhere means that this is no text."""
    with pytest.raises(Unreadable) as caught:
        parse(data)
    assert (caught.value.path, caught.value.line) == ("agent/2026-03-02-retry-policy.md", line)


def test_bad_utf8_is_told_and_read():
    """The rest of the memory stays useful; the problem names the line of the first bad byte."""
    parsed = parse(b"---\nname: x\n---\n# A\nGr\xf6\xdfe\n")
    assert [problem.line for problem in parsed.problems] == [5]
    assert "Gr\ufffd\ufffde" in parsed.memory.body


def test_supersedes_are_ids():
    """However a reference is written, it becomes an id; a bad one is told with its line and the others count."""
    parsed = parse(
        "---\nname: x\n"
        "supersedes: [2026-01-01-a.md, other/2026-01-02-b, '[[c]]', ../d, c, 2026-03-02-retry-policy]\n---\n"
    )
    assert parsed.memory.supersedes == ("agent/2026-01-01-a", "other/2026-01-02-b", "agent/c")
    assert [problem.line for problem in parsed.problems] == [3, 3]


def test_sections_know_their_line_in_the_file():
    """Front matter and BOM count."""
    data = "\ufeff---\nname: x\n---\n\n# A\ntext `a/b.py` [[c]]\n\n# B\ntext\n"
    memory = parse(data).memory
    assert [(s.heading, s.line) for s in memory.sections] == [("A", 5), ("B", 8)]
    assert (memory.links, memory.mentions) == (("c",), ("a/b.py",))


FILES = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from(
            ["---", "---\r", "...", "\ufeff", "name: x", "description: a: b", "tags: [a", "date: 2026-03-02", "# A",
            "", "text", "\xff", "```", "a:\n  b",
             "visibility: x", "supersedes: ../x", "? - a", "<<: *x", "\t", "\x85", "é", "type: !!binary x"]
        ),
        max_size=8,
    ).map(lambda lines: "\n".join(lines).encode("latin-1", "ignore")),
    st.text(max_size=60).map(str.encode),
)  # fmt: skip


@quick
@given(FILES)
def test_any_file_is_a_memory_or_unreadable(data):
    """No content stops the others: a file gives a memory, or an error that names it; and always the same."""
    if b"\0" in data:
        with pytest.raises(Unreadable):
            parse(data)
        return
    parsed = parse(data)
    assert parsed == parse(data)
    memory = parsed.memory
    assert data.decode(errors="replace").endswith(memory.body)
    for section in memory.sections:
        first = memory.body[section.start : section.end].split("\n")[0]
        assert first in data.decode(errors="replace").split("\n")[section.line - 1]
    assert all(
        1 <= (problem.line or 1) <= data.count(b"\n") + 1
        for problem in parsed.problems
        if b"\x85" not in data and b"\r" not in data
    )


def test_every_example_is_read():
    """All memories that come with the project have a name and sections, and their body written back gives the file."""
    for path in sorted(EXAMPLES.glob("**/agents-memory/**/*.md")):
        inside = path.parts[path.parts.index("agents-memory") + 1 :]
        data = path.read_bytes()
        parsed = formats.parse(stat("/".join(inside)), data)
        assert parsed.memory.name.strip()
        assert parsed.memory.sections or not parsed.memory.body.strip()
        if not parsed.problems:
            assert formats.replace_body(data, parsed.memory.body) == data


# --- writing ------------------------------------------------------------------------------------------------------

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
ODD_TEXTS = st.sampled_from(
    ["null", "~", "yes", "No", "1", "1.0", "0x1F", "2026-03-02", "a: b", "a # b", "#a", "- a", "[a]", "{a}", "'",
    '"', "\\n", "---", "x\ty", " lead",
     "trail ", "\r\n", "\n", "\x85", "\u2028", "\ufeff", "a\n---\nb", "!x", "&x", "*x", "%x", "@x", "`x`", "|", ">",
     "?", "=", "<<", "a,b", "😀", "\x1b[0m"]
)  # fmt: skip
TEXTS = st.one_of(st.text(CHARACTERS, max_size=30), ODD_TEXTS, st.tuples(ODD_TEXTS, ODD_TEXTS).map("".join))
SPOKEN = TEXTS.filter(str.strip)
LISTS = st.lists(SPOKEN, max_size=4, unique=True)
STEMS = st.from_regex(r"[a-z0-9][a-z0-9._ #:'\"é-]{0,12}[a-z0-9]", fullmatch=True).filter(lambda s: ".md" not in s)
IDS = (
    st.tuples(st.sampled_from(["agent", "b", "größe"]), STEMS).map("/".join).filter(lambda i: naming.reference(i) == i)
)
BODIES = st.one_of(
    TEXTS, st.lists(st.sampled_from(["---", "", "# A", "name: x", "```", "text", " ", "..."]),
    max_size=6).map("\n".join),
    st.lists(st.sampled_from(["---", "", "# A", "text"]), max_size=6).map("\r\n".join),
)  # fmt: skip


@settings(deadline=None, max_examples=250)
@given(
    topic=SPOKEN, body=BODIES, day=st.dates(), type=st.sampled_from(TYPES), description=TEXTS, tags=LISTS,
    supersedes=st.lists(IDS, max_size=3, unique=True), files=LISTS, valid_until=st.none() | st.dates(),
    to=st.none() | TEXTS.filter(bool),
    sources=LISTS, visibility=st.sampled_from(["team", "private", "lead"]), status=st.sampled_from(["active",
    "superseded"]),
)  # fmt: skip
def test_a_new_file_gives_back_what_was_written(body, topic, day, supersedes, **values):
    """Every text, day and list comes back exactly, and the body as it was given, with a line break at its end."""
    data = formats.new_file(agent="agent", topic=topic, body=body, day=day, supersedes=supersedes, **values)
    parsed = parse(data, "agent/OWN.md")
    assert not parsed.problems
    memory = parsed.memory
    assert memory.body == (body if not body or body.endswith("\n") else f"{body}\n")
    assert (memory.name, memory.date, memory.date_source, memory.supersedes) == (
        topic,
        day,
        "front_matter",
        tuple(supersedes),
    )
    for key, value in values.items():
        assert getattr(memory, key) == (tuple(value) if isinstance(value, list) else value)


def test_a_new_file_looks_as_people_would_write_it():
    """Keys in a fixed order, only those that say something, one empty line, then the body."""
    data = formats.new_file(
        agent="api-engineer", topic="Retry policy", body="Five times.", day=date(2026, 3, 2), type="decision",
        tags=["jobs"],
        supersedes=["api-engineer/2026-01-01-retries"],
    )  # fmt: skip
    assert data.decode() == (
        "---\ntype: decision\nname: Retry policy\nagent: api-engineer\ndate: 2026-03-02\ntags: [jobs]\nstatus: active\n"
        "supersedes: [api-engineer/2026-01-01-retries]\n---\n\nFive times.\n"
    )


@pytest.mark.parametrize(
    "values",
    [
        {"topic": " "},
        {"topic": "a\0"},
        {"body": "a\0"},
        {"body": "\ud800"},
        {"description": "\ud800"},
        {"tags": [str(n) for n in range(300)]},
    ],
)
def test_what_could_not_be_read_back_is_not_written(values):
    """A new memory that would be cut or unreadable is an error of the caller."""
    with pytest.raises(InvalidInput):
        formats.new_file(**({"agent": "a", "topic": "x", "body": "x", "day": date(2026, 3, 2)} | values))


@quick
@given(FILES, BODIES)
def test_a_new_body_leaves_the_rest_as_it_is(data, body):
    """Front matter and BOM stay byte for byte, the new body is read back; the old body gives the old file."""
    assume(b"\0" not in data)
    try:
        memory = parse(data).memory
        result = formats.replace_body(data, body)
    except Unreadable:
        assert data.lstrip(b"\xef\xbb\xbf").startswith(b"---")
        return
    except InvalidInput:
        assert body.lstrip("\ufeff").startswith("---") or body.startswith("\ufeff")
        return
    again = parse(result).memory
    assert again.body == body
    assert (again.type, again.tags, again.supersedes, again.visibility) == (
        memory.type,
        memory.tags,
        memory.supersedes,
        memory.visibility,
    )
    if b"\xef\xbf\xbd" not in memory.body.encode():
        assert formats.replace_body(data, memory.body) == data
        assert data.startswith(result[: len(result) - len(body.encode())].rstrip(b"\r\n"))


# --- editing ------------------------------------------------------------------------------------------------------

STYLES = [
    "{}: plain words", '{}: "quoted: x" # c', "{}: 'it''s'", "{}:   spaced   ", "{}:", "{}: # only a comment",
    "{}: [a, b]", "{}: [a,\n  b] # c",
    "{}:\n  - a\n  - b", "{}:\n- a\n- b: c\n  d: e\n-", "{}: # c\n  # d\n  - a", "{}: |\n  block\n\n  more",
    "{}: >-\n  folded\n  more\n", "{}: two\n  lines # c",
    "{}:\n  nested: x\n  deep:\n    y: z", "{0}: &{0} v", "{}: !!str 12", "{}: 2026-03-02", "{}: ~", '"{}": v',
    "{} : v", "{}: {{a: b}}",
    "{}: |+\n  keep\n\n", "{}: é😀", "{}: 1.10", "{}: |\n  # no comment\n", '{}: "two\n  lines"', "{}:\n  later",
    "{}: yes",
]  # fmt: skip
NAMES = ["name", "status", "tags", "date", "x-y", "unknown"]


@st.composite
def fronts(draw):
    """Front matter as parts: (key or None, text), comments and blank lines between."""
    names = draw(st.permutations(NAMES))[: draw(st.integers(1, 5))]
    parts = []
    for number, name in enumerate(names):
        parts += [
            (None, draw(st.sampled_from(["", f"# comment {number}\n", "\n", f"# one {number}\n\n# two {number}\n"])))
        ]
        parts += [(name, draw(st.sampled_from(STYLES)).format(name) + "\n")]
    return [*parts, (None, draw(st.sampled_from(["", "# last\n", "\n"])))]


NEW_VALUES = st.one_of(TEXTS, st.lists(TEXTS, max_size=3), st.dates(), st.booleans(), st.integers(), st.none())
CHANGES = st.dictionaries(st.sampled_from([*NAMES, "new", "on"]), NEW_VALUES, min_size=1, max_size=3)


@settings(deadline=None, max_examples=500)
@given(
    fronts(),
    CHANGES,
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
    st.sampled_from([b"body\n", b"\r\n# A\xff\n---\n", b""]),
)
def test_an_edit_changes_the_named_keys_and_nothing_else(parts, changes, eol, bom, body):
    """Other entries, comments, order, line endings, BOM and body stay as they are; YAML readers see the new values."""
    block = "".join(text for _, text in parts).replace("\n", eol)
    data = f"{bom}---{eol}{block}---{eol}{eol}".encode() + body
    removed_all = all(name is None or (name in changes and changes[name] is None) for name, _ in parts)
    added = any(value is not None and key not in [name for name, _ in parts] for key, value in changes.items())
    try:
        result = formats.edit("agent/x.md", data, changes=changes)
    except Unreadable:
        # Only comments would be left, which is no front matter; or blank lines would join a value that keeps them.
        assert (removed_all and not added and "#" in block) or ("|+" in block and None in changes.values())
        return
    before, after = yaml.load(block, Loader=Loader), inside(result, bom, eol, body)
    written = yaml.load(block, Loader=yaml.BaseLoader)
    new = yaml.load(after, Loader=Loader) or {}
    kept = [key for key in before if key not in changes]
    assert [key for key in new if key not in changes] == kept
    assert all(new[key] == before[key] for key in kept)
    for key, value in changes.items():
        if value is None:
            assert key not in new
        elif as_text(written.get(key)) != as_text(value):
            assert new[key] == value
    at = 0
    for name, text in parts:
        if name not in changes:
            at = after.index(text.replace("\n", eol), at) + len(text.replace("\n", eol))
    assert formats.edit("agent/x.md", result, changes=changes) == result


def inside(data, bom, eol, body):
    """Return the YAML of a file, after checking that all around it is as it was."""
    opening, closing = f"{bom}---{eol}".encode(), f"---{eol}{eol}".encode() + body
    assert data.startswith(opening)
    assert data.endswith(closing)
    return data[len(opening) : len(data) - len(closing)].decode()


def as_text(value):
    """Return a value so that those which are written alike are equal."""
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix("\n")


@quick
@given(fronts())
def test_setting_what_is_there_changes_nothing(parts):
    """An edit that says what the file says gives the same bytes."""
    block = "".join(text for _, text in parts)
    data = f"---\n{block}---\nbody".encode()
    loaded = yaml.load(block, Loader=yaml.BaseLoader)
    same = {
        key: value.removesuffix("\n")
        for key, value in loaded.items()
        if isinstance(value, str) and value not in ("", "~")
    }
    same |= {
        key: value
        for key, value in loaded.items()
        if isinstance(value, list) and all(isinstance(i, str) and i for i in value)
    }
    assert formats.edit("agent/x.md", data, changes=same) == data
    assert formats.edit("agent/x.md", data, changes={"absent": None}) == data
    assert formats.edit("agent/x.md", data) == data


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("text", ["", "text", "# A{}{}text{}", "{}{}text", "---{}{}text{}", "---{}# A{}---{}"])
def test_a_file_without_front_matter_gets_one(text, bom, eol):
    """The text becomes the body, byte for byte."""
    body = text.replace("{}", eol)
    result = formats.edit("agent/x.md", (bom + body).encode(), changes={"status": "superseded", "tags": []})
    used = eol if "{}" in text else "\n"
    assert result.decode() == f"{bom}---{used}status: superseded{used}tags: []{used}---{used}{used}{body}"
    assert parse(result).memory.body == body


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ("name: a: b\n", 2),
        ("{name: x}\n", 2),
        ("name: &a b\ny: *a\n", 1),
        ("x: y\nname: a\nname: b\n", 4),
        ("  name: a\n", 2),
        ("? name\n: a\n", 2),
        ("name: a\n  \nx: [\n", 5),
        ("# only\nname: a\n", 1),
    ],
)
def test_what_cannot_be_edited_safely_is_refused(block, line):
    """Broken YAML, braces, aliases, repeated or indented keys: the error names the place, and nothing is guessed."""
    for changes in ({"name": None}, {"name": "new", "other": None}):
        if block == "# only\nname: a\n" and changes["name"]:
            continue
        with pytest.raises(Unreadable) as caught:
            formats.edit("agent/x.md", f"---\n{block}---\nbody\n".encode(), changes=changes)
        assert (caught.value.path, caught.value.line) == ("agent/x.md", line)
        assert caught.value.hint


def test_a_broken_front_matter_keeps_its_body():
    """Where the body begins is a guess, so nothing is replaced."""
    for data in (b"---\nname: a: b\n---\nbody\n", b"---\nname: x\nbody\n"):
        with pytest.raises(Unreadable):
            formats.replace_body(data, "new")


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_a_body_is_put_after_a_fence_that_ends_the_file(eol):
    """A missing line break, and the empty line that is not part of the body, are added where they are needed."""
    head = f"---{eol}name: x{eol}---"
    for body in ("", "text", eol, f"{eol}{eol}text"):
        result = formats.replace_body(head.encode(), body)
        assert result.startswith(head.encode())
        assert parse(result).memory.body == body


def test_keys_and_body_can_change_together():
    """One call gives the file with both."""
    data = b"---\nname: x # why\n---\n\nold\n"
    assert formats.edit("a/x.md", data, changes={"name": "y"}, body="new\n") == b"---\nname: y # why\n---\n\nnew\n"


@pytest.mark.parametrize("value", [{"a": 1}, [["a"]], [None], object(), "\ud800"])
def test_values_that_are_no_scalars_are_refused(value):
    """Front matter that we write stays flat."""
    with pytest.raises(InvalidInput):
        formats.edit("a/x.md", b"---\nname: x\n---\n", changes={"name": value})


def test_a_file_time_is_taken_as_a_day_in_utc():
    """The same file has the same day on every machine."""
    moment = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    memory = formats.parse(stat("a/x.md", int(moment.timestamp() * 1e9)), b"x").memory
    assert memory.date == date(2026, 3, 2)
