"""Which word of the store was meant."""

from __future__ import annotations

from datetime import date
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from whoosh.support.levenshtein import damerau_levenshtein

from agent_memory.recall.query import parse
from agent_memory.recall.spelling import distance, near, suggest


@settings(deadline=None, max_examples=300)
@given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.integers(1, 2))
@example("ca", "abc", 2)
def test_distance_is_whooshs(a, b, limit):
    """The distance is that of Whoosh up to the limit, and the quick test agrees with it."""
    expected = damerau_levenshtein(a, b) if a and b else max(len(a), len(b))
    assert min(distance(a, b, limit), limit + 1) == min(expected, limit + 1)
    assert near(a, limit)(b) == (expected <= limit)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Retyr webhook", "retry webhook"),
        ('agent:wrker +uploadFlie, text:polcy "retyr policy"', 'agent:wrker +uploadfile, text:policy "retry policy"'),
        ("retri", None),
        ("web* retyr~ xyzzyq --retyr -retyr", None),
        ("agent:retyr OR date:[2026 TO]", None),
    ],
)
def test_did_you_mean(written, meant):
    """A word the store does not have becomes the nearest written form it has; values and patterns stay."""
    vocabulary = "retry retri webhook webhooks policy polici policies uploadfile upload file worker".split()
    assert suggest(parse(written, today=date(2026, 7, 15)), vocabulary) == meant


def test_did_you_mean_is_quick():
    """Fifty thousand words are looked through in less than a tenth of a second."""
    vocabulary = [f"{a}{i}" for i in range(12_500) for a in ("retr", "webho", "policy", "queue")]
    started = process_time()
    suggest(parse("retyrs webhoko", today=date(2026, 7, 15)), [*vocabulary, "retries"])
    assert process_time() - started < 0.1 * 3  # of this process alone; three times over for a busy machine
