"""Sections, headings, dates, links and paths of Markdown texts."""

import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_memory.files import markdown

quick = settings(deadline=None, max_examples=150)

LONG = ["word " * 30, "x" * 500, "- item " + "long " * 40, "a sentence. " * 20]
LINES = st.sampled_from(
    ["# One", "## Two", "### Three ###", "#", "#nope", "    # code", "", "", " ", "text", "- item", "  - deep",
    "```", "```py",
     "~~~~", "- ```sh", "  ```", "===", "---", "***", "| a | b |", "> quote", "> ```", "Key: value", "\u2028",
     "\x0b# odd", "é😀",
     *LONG]
)  # fmt: skip
BODIES = st.one_of(
    st.lists(LINES, max_size=60).flatmap(
        lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda eol: eol.join(lines))
    ),
    st.text(alphabet="#`~-=\n\r \tab.", max_size=80),
)


@quick
@given(BODIES, st.integers(1, 50))
def test_every_visible_character_is_in_exactly_one_section(body, first_line):
    """Sections are in order, do not overlap, leave out only white space, and know their line."""
    end = 0
    for section in markdown.sections(body, first_line):
        assert end <= section.start < section.end <= len(body)
        assert not body[end : section.start].strip()
        assert body[section.start : section.end].strip()
        assert section.line == first_line + body.count("\n", 0, section.start)
        end = section.end
    assert not body[end:].strip()


@quick
@given(BODIES)
def test_sections_are_never_much_too_long(body):
    """A passage has at most LONGEST characters."""
    assert all(s.end - s.start <= markdown.LONGEST for s in markdown.sections(body, 1))


def headings(body):
    return [s.heading for s in markdown.sections(body, 1)]


def texts(body):
    return [body[s.start : s.end] for s in markdown.sections(body, 1)]


def test_headings_make_a_path():
    """A heading stands below the nearest heading of a higher level."""
    body = "before\n# A\na\n## B ##\nb\n#### C\nc\n## D\nd\n# E\ne\n"
    assert headings(body) == ["", "A", "A > B", "A > B > C", "A > D", "E"]
    assert texts(body)[2] == "## B ##\nb"


def test_a_heading_without_text_joins_what_is_below_it():
    """A title and the first heading under it are one passage; headings of the same level are not joined."""
    assert headings("# A\n\n## B\ntext\n") == ["A > B"]
    assert texts("# A\n\n## B\ntext\n") == ["# A\n\n## B\ntext"]
    assert headings("## A\n## B\ntext\n## C") == ["A", "B", "C"]
    assert headings("Title\n===\n\n## B\ntext") == ["Title > B"]


@pytest.mark.parametrize(
    "code",
    ["```\n# no\n```", "~~~\n# no\n```\n# no\n~~~", "````\n```\n# no\n````", "- ```\n  # no\n  ```",
    "1. ```sh\n   # no\n   ```",
     "> ```\n> # no\n# no\n> ```", "```\n# no\n", "    # no", "\t# no", "\\# no", "#no", "#5 is done", "####### no",
     "text # no"],
)  # fmt: skip
def test_what_only_looks_like_a_heading_is_none(code):
    """Code, hashtags and issue numbers make no sections."""
    assert headings(f"# A\n\n{code}\n") == ["A"]
    assert markdown.first_heading(f"{code}\n") is None


@pytest.mark.parametrize("line", ["# A", "   # A", "#\tA", "###### A ######", "# A \r", "A\n===", "A\r\n-----\r"])
def test_headings_in_all_their_forms(line):
    """ATX headings may be indented, closed or followed by CR; a single line may be underlined."""
    assert markdown.first_heading(f"{line}\n\ntext") == "A"
    assert headings(f"{line}\n\ntext") == ["A"]


@pytest.mark.parametrize(
    "text",
    ["a\nb\n---\n", "Date: 2026-03-02\n---\n", "- a\n---\n", "> a\n---\n", "| a |\n---\n", "\n---\n", "***\n---\n"],
)
def test_a_thematic_break_is_no_underline(text):
    """People write `---` under paragraphs and metadata to separate, not to make headings."""
    assert markdown.first_heading(text) is None


def test_empty_headings_have_no_name():
    """The first heading is the first that says something."""
    assert markdown.first_heading("#\n\n## #\n\n### x") == "x"
    assert headings("#\n\ntext") == [""]
    assert markdown.first_heading("no heading") is None


def test_only_the_first_run_on_a_line_can_be_a_fence():
    """Three ticks inside a line open nothing."""
    assert headings("a ``` b ``` c\n# A\n``` d ``` e\n# B\n") == ["", "A", "B"]


def paragraphs(count):
    return "\n\n".join(
        "\n".join([f"p{number} begins".ljust(60, "w"), *["more".ljust(60, "w")] * 4]) for number in range(count)
    )


def test_a_long_section_is_cut_between_paragraphs():
    """Passages are some 1,200 to 2,000 characters of whole paragraphs, all under the same heading."""
    found = markdown.sections(f"# A\n\n{paragraphs(27)}\n", 1)
    assert {s.heading for s in found} == {"A"}
    assert all(900 <= s.end - s.start <= 2000 for s in found)
    assert all(text.startswith(("# A", "p")) for text in texts(f"# A\n\n{paragraphs(27)}\n"))


def test_a_long_list_is_cut_between_items():
    """Where there is no blank line, a list item is the place to cut."""
    body = "\n".join("- item\n" + "  more text of the item\n" * 3 for _ in range(60))
    assert all(text.startswith("- item") for text in texts(body.replace("\n\n", "\n")))


def test_a_block_of_code_stays_whole():
    """Code that fits into a passage is not cut, even if the passage before it gets short."""
    code = "```\n" + "\n\n".join(["line of code"] * 135) + "\n```"
    body = f"{'word ' * 60}\n\n{code}\n\n{paragraphs(4)}\n"
    assert any(code in text for text in texts(body))


def test_huge_code_is_cut_between_lines():
    """What cannot stay whole is cut at the ends of lines."""
    body = "```\n" + "line of code\n" * 1000 + "```\n"
    assert all(set(text.split("\n")) <= {"```", "line of code"} for text in texts(body))


def test_one_long_line_is_cut_between_sentences():
    """Text without line breaks is cut after a sentence, and without those after a word."""
    assert all(text.endswith(".") for text in texts("This is a sentence. " * 500))
    assert all(set(text.split(" ")) == {"word"} for text in texts("word " * 2000))


@pytest.mark.parametrize(
    "body",
    ["# a\n" * 200_000, "```\n" * 200_000, "```a" * 200_000, "`" * 800_000, "`a" * 400_000, "[[a" * 200_000,
    '](a.md "' * 100_000,
     "- item\n" * 100_000, "word " * 200_000, "#a" * 300_000, "\n" * 800_000, "a\n---\n\n" * 100_000, " " * 800_000,
     "- " * 300_000,
     "`a/b\n" * 100_000, "# " + "long " * 50_000 + "\n## x\ny" * 50_000],
    ids=lambda body: repr(body[:8]),
)  # fmt: skip
def test_no_text_is_slow(body):
    """Time grows with the length of a text, whatever is in it."""
    start = time.perf_counter()
    markdown.sections(body, 1), markdown.links(body), markdown.mentions(body), markdown.date_in_text(body)
    markdown.first_heading(body)
    assert time.perf_counter() - start < 8


@pytest.mark.parametrize(
    ("body", "day"),
    [
        ("# Log\n\nDate: 2026-03-02\n", date(2026, 3, 2)),
        ("**Date:** 2 March 2026", date(2026, 3, 2)),
        ("# Notes of March 12, 2026", date(2026, 3, 12)),
        ("# 1st Sept. 2026", date(2026, 9, 1)),
        ("Replaces 2025-01-01.\nDate: 2026-03-02", date(2026, 3, 2)),
        ("2026-02-31 and 2026-03-02", date(2026, 3, 2)),
        ("\n\n\n2026-03-02T10:00:00Z", date(2026, 3, 2)),
        ("a\nb\nc\nd\ne\n2026-03-02", None),
        ("see 2026-03-02-retry-policy", None),
        ("version 12026-03-021", None),
        ("may 2026 come", None),
        ("", None),
    ],
)
def test_the_date_of_a_text(body, day):
    """A day in the first lines is found in the usual forms; a labelled one comes first."""
    assert markdown.date_in_text(body) == day


def test_links_go_to_other_memories():
    """Wiki links and relative links to Markdown files are found once each, in order, without label and fragment."""
    body = (
        '[[a/x|label]] and [b](../b/y.md#part) and [c](<c/z.md> "title") [[#here]]'
        " [d](https://e.org/d.md) [e](/abs.md)\n"
        "[f](f.png) [[a/x]] `[[code]]` [g](mailto:x.md) [h](h.md)\n"
        "```\n[[fenced]] [i](i.md)\n```\nif [[ -f x ]]; then\n"
    )
    assert markdown.links(body) == ("a/x", "../b/y.md", "c/z.md", "h.md")


@pytest.mark.parametrize(
    ("code", "path"),
    [
        ("src/a/b.py", "src/a/b.py"),
        ("src/a/b.py:12", "src/a/b.py"),
        ("src/a/b.py:12-20", "src/a/b.py"),
        ("src/a/b.py:12:5", "src/a/b.py"),
        ("src/a/b.py#L12-L14", "src/a/b.py"),
        ("tests/test_x.py::TestY::test_z[a b]", None),
        ("tests/test_x.py::TestY::test_z", "tests/test_x.py"),
        ("alembic/versions", "alembic/versions"),
        ("conftest.py", "conftest.py"),
        ("Dockerfile", "Dockerfile"),
        ("app/[id]/(x)/page.tsx", "app/[id]/(x)/page.tsx"),
        ("src/**/*.py", "src/**/*.py"),
        ("https://a.org/b.py", None),
        ("//", None),
        ("1/2", None),
        (".py", None),
        ("*.md", None),
        ("pool.close", None),
        ("a = b/c", None),
        ("x", None),
        ("asyncpg", None),
    ],
)
def test_paths_in_inline_code(code, path):
    """A path has a slash or the name of a source file; line numbers and test names are taken off."""
    assert markdown.mentions(f"In `{code}` it is.") == ((path,) if path else ())


def test_only_inline_code_is_looked_at():
    """Fenced code and the text between two pieces of code say nothing."""
    assert markdown.mentions("src/a.py `x`/`y` ``b/c`` `a/b`\n\n```\n`c/d`\n```\n`wrapped\nhere` and `e/f` `a/b`") == (
        "a/b",
        "e/f",
    )


def test_a_list_of_all_files_is_cut():
    """At most two hundred paths count."""
    assert len(markdown.mentions(" ".join(f"`a/{number}x`" for number in range(300)))) == markdown.MOST_MENTIONS


@quick
@given(BODIES)
def test_any_text_can_be_read(body):
    """Nothing raises, and everything found stands in the text."""
    assert all(target in body for target in (*markdown.links(body), *markdown.mentions(body)))
    markdown.date_in_text(body)
    heading = markdown.first_heading(body)
    assert heading is None or heading in body
