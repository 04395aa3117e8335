"""Names of agents, files and memories."""

import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_memory.errors import InvalidInput
from agent_memory.files import naming

quick = settings(deadline=None, max_examples=150)
DAYS = st.dates()
STEMS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}[a-z0-9]", fullmatch=True).filter(lambda s: not s.endswith(".md"))
TOPICS = st.text(min_size=1).filter(lambda s: s.strip() and "\0" not in s)


@quick
@given(TOPICS)
def test_a_topic_always_gives_a_portable_name(topic):
    """Whatever the topic, its slug is short, lower-case ASCII and a name that every system takes."""
    slug = naming.topic_slug(topic)
    assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", slug)
    assert len(slug) <= naming.LONGEST_SLUG + len("-memory")
    assert slug not in {"con", "nul", "aux", "prn", "com1", "lpt9"}
    assert naming.topic_slug(topic) == slug


@pytest.mark.parametrize(
    ("topic", "slug"),
    [
        ("Retry policy for job actors", "retry-policy-for-job-actors"),
        ("Größe & Maß", "grosse-mass"),
        ("Заметка о почте", "zametka-o-pochte"),  # noqa: RUF001
        ("中文", "zhong-wen"),
        ("con", "con-memory"),
        ("COM1", "com1-memory"),
        ("x" * 200, "x" * 80),
    ],
)
def test_topics_become_readable_slugs(topic, slug):
    """Letters of any script become ASCII, and reserved words get a suffix."""
    assert naming.topic_slug(topic) == slug


def test_a_long_topic_is_cut_between_words():
    """No word is cut in two as long as one fits."""
    slug = naming.topic_slug("word " * 40)
    assert set(slug.split("-")) == {"word"}
    assert 70 < len(slug) <= 80


def test_a_topic_without_letters_is_told_apart_by_its_hash():
    """Two emoji give two names."""
    one, two = naming.topic_slug("🚀"), naming.topic_slug("🎉")
    assert re.fullmatch(r"memory-[0-9a-f]{8}", one)
    assert one != two


@pytest.mark.parametrize("topic", ["", "  \n", "a\0b"])
def test_an_unusable_topic_is_refused(topic):
    """A blank topic, or one with NUL, is an error of the caller."""
    with pytest.raises(InvalidInput):
        naming.topic_slug(topic)


@pytest.mark.parametrize(
    "agent", ["a", "senior-backend-engineer", "Agent_7", "v1.2", "größe", "агент", "हिन्दी", "x" * 64]
)
def test_good_agent_names_pass_as_they_are(agent):
    """Letters and digits of any script, dots, underscores and hyphens are fine."""
    assert naming.check_agent(agent) == agent


def test_agent_names_are_normalised():
    """Composed and decomposed spellings are one agent."""
    assert naming.check_agent("gro\u0308ße") == "größe"


@pytest.mark.parametrize(
    "agent",
    ["", ".", "..", "../x", "a/b", "a\\b", ".store", "-a", "a.", "a b", "a\n", "a\0", "a\x1b", "a\u200b", "a\ufe0f",
    "a\u202eb",
     "con", "NUL", "aux.md", "com¹", "x" * 65, "𐐀" * 64, "a:b", "~", "agents-memory", "[[a]]", "\ud800", "a\u3164"],
)  # fmt: skip
def test_bad_agent_names_are_refused_with_a_hint(agent):
    """What could leave the store, hide or break on another system is refused."""
    with pytest.raises(InvalidInput) as caught:
        naming.check_agent(agent)
    assert caught.value.hint
    assert str(caught.value).isprintable()


@quick
@given(st.text())
def test_an_accepted_agent_name_is_one_plain_folder(agent):
    """No accepted name can be anything but one visible folder below the root."""
    try:
        name = naming.check_agent(agent)
    except InvalidInput:
        return
    assert not set(name) & set('/\\:*?"<>|\0')
    assert name[0] not in ".-"
    assert name.isprintable()
    assert naming.check_agent(name) == name
    assert naming.reference(f"{name}/x") == f"{name}/x"


@quick
@given(DAYS, STEMS, st.integers(1, 99))
def test_file_names_sort_by_day_and_tell_it(day, slug, attempt):
    """The name begins with the day, which is read back, and attempts differ."""
    name = naming.file_name(day, slug, attempt)
    assert naming.date_in(name.removesuffix(".md")) == day
    assert name == f"{day.isoformat()}-{slug}{'' if attempt == 1 else f'-{attempt}'}.md"


@pytest.mark.parametrize(
    ("path", "id_", "agent"),
    [
        ("agent/2026-03-02-x.md", "agent/2026-03-02-x", "agent"),
        (".store/archive/agent/x.md", "agent/x", "agent"),
        ("agent/deep/down/x.md", "agent/deep/down/x", "agent"),
        ("README.md", "README", ""),
        ("agent/x.md.md", "agent/x.md", "agent"),
    ],
)
def test_ids_are_paths_without_place_and_suffix(path, id_, agent):
    """A memory keeps its id when it is archived."""
    assert naming.id_of(path) == id_
    assert naming.agent_of(path) == agent


@pytest.mark.parametrize(
    "text",
    ["agent/2026-03-02-x", "agent/2026-03-02-x.md", ".claude/agents-memory/agent/x.md", "./agent/x", "[[agent/x]]",
     "[[agent/x|the label]]", "[[agent/x#part]]", "agent/x.md#part", " agent/x \n", ".store/archive/agent/x.md",
     "agent//x",
     "a/agents-memory/b/agents-memory/agent/x"],
)  # fmt: skip
def test_every_way_to_name_a_memory_gives_its_id(text):
    """Paths, ids and wiki links mean the same memory, whoever writes them."""
    assert naming.reference(text) in ("agent/x", "agent/2026-03-02-x")
    assert naming.reference(text, agent="other") == naming.reference(text)


@pytest.mark.parametrize("text", ["2026-03-02-x", "2026-03-02-x.md", "./2026-03-02-x.md", "[[2026-03-02-x]]"])
def test_a_stem_alone_belongs_to_the_given_agent(text):
    """Without an agent the stem stays open."""
    assert naming.reference(text) == "2026-03-02-x"
    assert naming.reference(text, agent="agent") == "agent/2026-03-02-x"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "..",
        "../x",
        "a/../b",
        "a\\b",
        "/etc/passwd",
        "C:/x",
        "a\0",
        "a\nb",
        "a/",
        ".",
        ".md",
        "[[]]",
        "a/\x85",
        "\ud800",
    ],
)
def test_unusable_references_are_refused(text):
    """What leads out of the store, or to nothing, is an error of the caller."""
    with pytest.raises(InvalidInput) as caught:
        naming.reference(text)
    assert str(caught.value).isascii()


@quick
@given(st.text(alphabet="ab./\\[]|# \n\0-é", max_size=12), st.sampled_from([None, "agent"]))
def test_a_reference_never_leads_out(text, agent):
    """Any accepted reference is a relative path of plain parts."""
    try:
        wanted = naming.reference(text, agent=agent)
    except InvalidInput:
        return
    assert all(part not in ("", ".", "..") for part in wanted.split("/"))
    assert "\\" not in wanted


@quick
@given(st.lists(STEMS, min_size=2, max_size=4))
def test_an_id_refers_to_itself(parts):
    """The id of any file is a reference to it."""
    path = "/".join(parts) + ".md"
    assert naming.reference(naming.id_of(path)) == naming.id_of(path) == naming.reference(path)


@pytest.mark.parametrize(
    ("stem", "day", "words"),
    [
        ("2026-03-02-retry-policy", date(2026, 3, 2), "retry policy"),
        ("2026-02-31-x", None, "2026 02 31 x"),
        ("20260302-x", date(2026, 3, 2), "x"),
        ("20260302", date(2026, 3, 2), "20260302"),
        ("20261302-x", None, "20261302 x"),
        ("12345678-x", None, "12345678 x"),
        ("2026-03-021-x", None, "2026 03 021 x"),
        ("2026-03-02", date(2026, 3, 2), "2026-03-02"),
        ("notes_on  retries", None, "notes on retries"),
        ("x-2026-03-02", None, "x 2026 03 02"),
    ],
)
def test_dates_and_words_of_a_stem(stem, day, words):
    """Only a valid day at the beginning is a date; the words are the rest, and never nothing."""
    assert naming.date_in(stem) == day
    assert naming.words_of(stem) == words


@quick
@given(st.dates())
def test_iso_days_are_read_in_all_their_forms(day):
    """A date and a time of that day, padded or not, are the same day."""
    for text in (
        day.isoformat(),
        f"{day.isoformat()}T10:00:00Z",
        f"{day.isoformat()} 10:00 +2",
        f" {day.isoformat()} ",
    ):
        assert naming.iso_day(text) == day
    assert naming.iso_day(f"{day.year:04}-{day.month}-{day.day}") == day


@quick
@given(st.text(alphabet="0123456789-T: W", max_size=12))
def test_odd_days_never_raise(text):
    """What is no date is None."""
    found = naming.iso_day(text)
    assert found is None or isinstance(found, date)
