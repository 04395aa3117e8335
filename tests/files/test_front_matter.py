"""YAML front matter: found, read, rendered; editing is tested with whole files in test_format."""

from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent_memory.errors import InvalidInput
from agent_memory.files import front_matter, simple_yaml
from agent_memory.files.front_matter import FrontMatter, read

quick = settings(deadline=None, max_examples=300)
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

PIECES = st.sampled_from(
    ["a", "Word", "é", "ß", "1", "12", "1.5", "0x1F", "2026-03-02", "2026-02-31", "2026-03-02-retries", "yes", "No",
    "null", "~", "true",
     ": ", ":", " #", "#", ",", ", ", "[", "]", "{", "}", '"', "'", "\\", "-", "- ", "?", "!", "&a", "*a", "|", ">",
     "%", "@", "`", "=",
     "<<", ".", "/", " ", "  ", "\t", "\x85", "\xa0", "\u2028", "\ufeff", "😀", "_", "+", "12:30", "1e3", ".inf",
     "z  b", "\n", "\n  ", "\r"]
)  # fmt: skip
VALUES = st.one_of(
    st.lists(PIECES, max_size=5).map("".join),
    st.lists(st.lists(PIECES, max_size=3).map("".join), max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    st.lists(st.lists(PIECES, max_size=3).map("".join), max_size=3).map(lambda items: '["' + '", "'.join(items) + '"]'),
    st.lists(PIECES, max_size=4).map(lambda parts: f'"{"".join(parts)}"'),
    st.lists(PIECES, max_size=4).map(lambda parts: f"'{''.join(parts)}'"),
)
KEYS = st.sampled_from(
    ["name", "date", "tags", "x-y", "a", "yes", "No", "on", "null", "_", "1", "<<", "a b", "", "é", "- a", "  a"]
)
SEPARATORS = st.sampled_from([": ", ":  ", ":", ":\t"])
BLOCKS = st.one_of(
    st.lists(
        st.one_of(st.tuples(KEYS, SEPARATORS, VALUES).map("".join), st.sampled_from(["", "# c", " # c", "#"])),
        max_size=4,
    ),
    st.lists(st.tuples(st.just("a"), st.just(": "), VALUES).map("".join), min_size=1, max_size=1),
).flatmap(lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda eol: "".join(line + eol for line in lines)))


@settings(deadline=None, max_examples=1500)
@given(BLOCKS)
@example("date: 2026-03-02\ntags: [a, b-c, d.e]\nname: 300 lines, or so\nx: \"a: b\"\ny: 'c # d'\nz:\n")
@example("name: a:\n")
@example("name: a #b\n")
@example("tags: [a, null]\n")
@example("name: x\nname: y\n")
def test_the_fast_path_reads_as_yaml_does(block):
    """Whatever block the fast path accepts, YAML 1.1 reads to equal values of equal types, in the same order."""
    fast = simple_yaml.read(block)
    if fast is not None:
        slow = yaml.load(block, Loader=Loader)
        assert list(fast.items()) == list((slow or {}).items())
        assert repr(fast) == repr(slow or {})


@pytest.mark.parametrize(
    "block",
    ["name: x\n", "description: Cursor based lists with after and limit\n", "tags: [paging, lists]\n",
    "date: 2026-03-02\n",
     "supersedes: agent/2026-03-02-x.md\n", "supersedes: 2026-03-02-x.md\n", 'description: "a: b"\n',
     'tags: ["a", "b c"]\n',
     "description: 300 changed lines\n", "description: 61,000 deliveries\n", "tags: []\n", "to:\n",
     "# c\n\nname: größe\n"],
)  # fmt: skip
def test_usual_front_matter_takes_the_fast_path(block):
    """Simple values do not pay for YAML."""
    assert simple_yaml.read(block) is not None
    assert simple_yaml.read(block.replace("\n", "\r\n")) == simple_yaml.read(block)


@quick
@given(st.one_of(BLOCKS, st.text(max_size=60)))
def test_the_slow_path_agrees_where_yaml_gives_text(block):
    """What YAML reads as text we read as that text, and what it cannot read never raises anything but BadYaml."""
    try:
        ours = front_matter.load(block)
        theirs = yaml.load(block, Loader=Loader)
    except (front_matter.BadYaml, yaml.YAMLError, ValueError, TypeError):
        return
    if isinstance(theirs, dict) and ours is not None:
        for key, value in theirs.items():
            if isinstance(key, str) and isinstance(value, str) and "<<" not in block:
                assert ours[key] == value or ours[key] == value.removesuffix("\n")


def parsed(block, eol="\n"):
    text = f"---\n{block}---\n\nbody\n".replace("\n", eol)
    head = read(text, "a/x.md")
    assert text[head.start :] == f"body{eol}"
    return head


def front(block):
    head = parsed(block)
    assert not head.problems
    return head.front


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_all_known_keys_are_read(eol):
    """Every key arrives, whatever the line endings."""
    block = (
        "type: Decision\nname: Retries\ndescription: >\n  How we\n  retry\nagent: a\ndate: 2026-03-02\n"
        "tags: [a, 1, 2.0, yes]\nstatus: ACTIVE\nsupersedes:\n- b/x\nfiles: a.py, b.py\n"
        "valid_until: 2026-04-01T10:00:00Z\nto: b\nsources: [c, d]\n"
        "visibility: Lead\nunknown: {x: [y]}\n1: 2\n? [a, b]\n: c\n"
    )
    assert parsed(block, eol).front == FrontMatter(
        type="decision", name="Retries", description="How we retry", agent="a", date=date(2026, 3, 2), tags=("a",
        "1", "2.0", "yes"),
        status="active", supersedes=("b/x",), files=("a.py", "b.py"), valid_until=date(2026, 4, 1), to="b",
        sources=("c", "d"),
        visibility="lead",
    )  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        "1.10",
        "0x1F",
        "1_000",
        "012",
        "yes",
        "2026-03-02",
        "2026-02-31",
        "12:30",
        "1e3",
        ".inf",
        "=",
        "2026-03-02T10:00:00Z",
    ],
)
def test_numbers_and_dates_in_the_place_of_text_stay_as_written(value):
    """A name that looks like a number, a truth value or a date is the text that was typed."""
    assert front(f"name: {value}\n").name == value
    assert front(f"tags: [{value}]\n").tags == (value,)


@pytest.mark.parametrize("value", ["", "~", "null", '""', "[]", "# nothing"])
def test_keys_without_a_value_are_as_good_as_absent(value):
    """Null and empty values give the default, without a word."""
    assert (
        front("".join(f"{key}: {value}\n" for key in FrontMatter.model_fields if key in ("tags", "files")))
        == FrontMatter()
    )
    if value != "[]":
        assert front("".join(f"{key}: {value}\n" for key in FrontMatter.model_fields)) == FrontMatter()


@pytest.mark.parametrize("value", ["{a: b}", "[a, b]", "!!binary aGk=", "!!set {a, b}"])
@pytest.mark.parametrize("key", ["name", "description", "type", "date", "status", "to", "valid_until", "visibility"])
def test_a_bad_key_is_a_problem_and_the_others_stay(key, value):
    """Nested values where a scalar is wanted name the key and its line, and cost nothing else."""
    if (key, value) == ("to", "[a, b]"):
        assert parsed(f"{key}: {value}\n").front.to == "a, b"  # a consultation may have several addressees
        return
    head = parsed(f"# comment\n{key}: {value}\nagent: me\n")
    assert [(p.path, p.line) for p in head.problems] == [("a/x.md", 3)]
    assert head.problems[0].message.startswith(f"{key} wants")
    expected = "private" if key == "visibility" else getattr(FrontMatter(), key)
    assert getattr(head.front, key) == expected
    assert head.front.agent == "me"


@pytest.mark.parametrize("value", ["soon", "2026-02-31", "12", "[2026-01-01]", "2026", "03/02/2026"])
def test_a_date_that_is_none_is_a_problem(value):
    """Only ISO days and times are dates."""
    head = parsed(f"date: {value}\n")
    assert head.front.date is None
    assert head.problems[0].line == 2


@pytest.mark.parametrize(
    "value", ["2026-3-2", "2026-03-02", "2026-03-02 10:00", '"2026-03-02"', "2026-03-02T23:59:59-08:00", "20260302"]
)
def test_dates_are_read_in_all_forms_of_iso(value):
    """The day counts as it is written, without a shift of time zones."""
    assert front(f"date: {value}\n").date == date(2026, 3, 2)


@pytest.mark.parametrize("key", ["tags", "files", "supersedes"])
def test_long_lists_are_cut(key):
    """At most MOST entries count, and the cut is told."""
    head = parsed(f"{key}: [{', '.join(f'x{number}' for number in range(300))}]\n")
    assert len(getattr(head.front, key)) == front_matter.MOST
    assert "300" in head.problems[0].message
    assert not parsed(f"sources: [{', '.join(f'x{number}' for number in range(300))}]\n").problems


def test_a_broken_block_is_told_with_its_line_and_read_as_body():
    """Nothing in a memory becomes unsearchable because of YAML."""
    text = "---\nname: x\ndescription: a: b\n---\n\nbody\n"
    head = read(text, "a/x.md")
    assert head.broken
    assert head.problems[0].line == 3
    assert text[head.start :] == "name: x\ndescription: a: b\n---\n\nbody\n"


def test_a_missing_closing_fence_is_told():
    """Front matter that never ends is a problem on line 1, and the text stays."""
    text = "---\nname: x\n\n# A\n"
    head = read(text, "a/x.md")
    assert (head.problems[0].line, head.broken, text[head.start :]) == (1, True, "name: x\n\n# A\n")


@pytest.mark.parametrize(
    "block", ["visibility: lead\ndescription: a: b\n---\n", "visibility: lead\n", "visibility: [lead]\n---\n"]
)
def test_a_slip_does_not_open_a_restricted_memory(block):
    """Where a visibility was given but cannot be read, it is the narrowest."""
    assert read(f"---\n{block}\nbody", "a/x.md").front.visibility == "private"


@pytest.mark.parametrize(
    "text",
    ["", "text", "---", "----\nname: x\n---\n", "--- \n\ntext\n\n---\n", "---\n# Title\n---\ntext",
    "---\n- a\n---\n", "---\ntext",
     "---\nSome text, with: a colon: or `two`\n".replace("Some", "(Some)") + "---\n", " ---\nname: x\n---\n",
     "# A\n---\nname: x\n---\n"],
)  # fmt: skip
def test_a_thematic_break_is_no_front_matter(text):
    """A text that only begins with a line is left whole, with and without a BOM."""
    for bom in ("", "\ufeff"):
        head = read(bom + text, "a/x.md")
        assert (head.block, head.problems, head.start) == (None, (), len(bom))


@pytest.mark.parametrize(
    ("text", "body"),
    [("---\n---\nx", "x"), ("---\n---\n\n\nx", "\nx"), ("---\nname: x\n...\nx", "x"),
    ("---  \r\nname: x\r\n---\t\r\n\r\nx", "x"),
     ("---\nname: x\n---", ""), ("---\nname: x\n---\n \nx", " \nx"), ("---\n{name: x}\n---\nx", "x"),
     ("---\nname: |\n  ---\n---\nx", "x")],
)  # fmt: skip
def test_the_body_begins_after_the_closing_fence_and_one_empty_line(text, body):
    """Both fences may carry spaces, `...` closes too, and only a truly empty line is skipped."""
    for bom in ("", "\ufeff"):
        head = read(bom + text, "a/x.md")
        assert (bom + text)[head.start :] == body
        assert not head.problems


@pytest.mark.parametrize(
    "block",
    ["a: &a [x, x]\n" + "".join(f"{c}: &{c} [{', '.join([f'*{p}'] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi",
    strict=True)) + "tags: *i\nname: *i\n",
     "a: &a {x: 1}\n" + "".join(f"{c}: &{c} {{<<: [{', '.join([f'*{p}'] * 9)}]}}\n" for p, c in zip("abcdefgh",
     "bcdefghi", strict=True)) + "<<: *i\n",
     "name: " + "[" * 60_000 + "\n", "name: " + "{a: " * 30_000 + "\n", "name:\n  " + "- " * 60_000 + "x\n",
     "name:\n  " + "? " * 60_000 + "x\n",
     "name: &a [*a]\n", "\n".join(" " * n + "a:" for n in range(600)) + "\n",
     "name: " + "[" * 400 + "]" * 400 + "\n"],
    ids=["aliases", "merges", "open-lists", "open-maps", "dashes", "marks", "itself", "indented", "closed-lists"],
)  # fmt: skip
def test_bombs_are_read_or_refused_but_never_go_off(block):
    """Aliases, merges and deep nesting cost neither memory nor the process."""
    text = f"---\n{block}---\n\nbody\n"
    head = read(text, "a/x.md")
    assert all(len(problem.message) < 500 for problem in head.problems)
    assert head.front.name == ""


def test_a_huge_block_is_told_and_not_read():
    """More than LARGEST_BLOCK characters are a mistake, and body."""
    head = read(f"---\nname: {'x' * front_matter.LARGEST_BLOCK}\n---\n", "a/x.md")
    assert head.broken
    assert head.problems[0].line == 1


@quick
@given(
    st.one_of(
        BLOCKS.map(lambda b: f"---\n{b}---\nx"),
        st.text(alphabet="-\r\n\ufeff.:abn {}[]&*#\"'?!|>", max_size=40).map("---\n".__add__),
    )
)
def test_any_text_can_be_read(text):
    """Nothing raises, and the body is always the end of the text."""
    head = read(text, "a/x.md")
    assert 0 <= head.start <= len(text)
    assert head.broken == (head.block is None and bool(head.problems))


SCALARS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.lists(PIECES, max_size=4).map("".join),
    st.sampled_from(
        [
            "",
            " ",
            "null",
            "yes",
            "1.0",
            "2026-03-02",
            "- a",
            "a: b",
            "a #b",
            "[a]",
            "\n",
            "'",
            '"',
            "\\",
            "---",
            "\x00",
            "\ufffe",
            "\x7f",
        ]
    ),
)


@quick
@given(
    st.dictionaries(
        SCALARS, st.one_of(SCALARS, st.lists(SCALARS, max_size=4), st.dates(), st.booleans(), st.integers()), max_size=4
    )
)
def test_what_is_rendered_is_yaml_for_the_same_values(pairs):
    """Any YAML reader gets back text as that text, days as days, numbers as numbers, whatever is in them."""
    block = front_matter.render(pairs.items())
    assert block.startswith("---\n")
    assert block.endswith("---\n")
    assert (yaml.load(block[4:-4], Loader=Loader) or {}) == pairs
    assert not read(f"{block}\nbody", "a/x.md").broken


def test_simple_values_are_rendered_plain():
    """People see no quotes where none are needed."""
    pairs = [
        ("type", "decision"),
        ("name", "Retry policy: how"),
        ("date", date(2026, 3, 2)),
        ("tags", ["jobs", "1"]),
        ("on", "Größe"),
    ]
    assert front_matter.render(pairs) == (
        '---\ntype: decision\nname: "Retry policy: how"\ndate: 2026-03-02\ntags: [jobs, "1"]\n"on": Größe\n---\n'
    )


@pytest.mark.parametrize("value", [{"a": 1}, None, b"x", [["a"]], [None], "\ud800", object()])
def test_what_is_no_scalar_cannot_be_rendered(value):
    """Nested values, bytes and half characters are an error of the caller."""
    with pytest.raises(InvalidInput):
        front_matter.render([("name", value)])
