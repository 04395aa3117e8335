"""Questions between agents: they wait, are answered once, and are private where their front matter says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from agent_memory.errors import Conflict, InvalidInput, NotFound, StorageFailed, Unreadable
from agent_memory.store.consulting import Consulting

QUESTION = "Does the retry actor keep the **order** of webhooks?\n\nI assume it does not.\n"
NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Consulting]:
    """A project whose team is api, worker, web; web has no memory, and `old` has one but no card."""
    for agent in ("api", "worker", "web"):
        card = tmp_path / f".claude/agents/{agent}.md"
        card.parent.mkdir(parents=True, exist_ok=True)
        card.write_text(f"---\nname: {agent}\ndescription: x\n---\n")
    with Consulting.init(tmp_path / ".claude/agents-memory", clock=lambda: NOW) as opened:
        plant(opened, "old/2026-01-01-note.md", "# Note\n")
        yield opened


def plant(store: Consulting, path: str, text: str) -> None:
    target = store.root / path
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)


def ids(found) -> list[str]:
    return [record.id for record in found]


def files(store: Consulting) -> list[str]:
    return sorted(path.relative_to(store.root).as_posix() for path in store.root.glob("*/*.md"))


def ask(store: Consulting, **given) -> str:
    return store.consult(**{"sender": "api", "to": "worker", "question": QUESTION} | given).id


# --- asking -------------------------------------------------------------------------------------------------------


def test_a_question_is_a_memory_of_the_asker(store: Consulting):
    memory = store.consult(sender="api", to="worker", question=QUESTION)
    assert memory.id == "api/2026-03-15-does-the-retry-actor-keep-the-order-of-webhooks"
    assert (memory.type, memory.to, memory.status, memory.body) == ("consultation", "worker", "open", QUESTION)
    assert memory.name == "Does the retry actor keep the **order** of webhooks?"
    assert ids(store.open_consultations("worker")) == [memory.id]
    assert store.open_consultations("api") == store.open_consultations("web") == ()
    assert store.open_consultations("worker")[0].to == "worker"


def test_a_topic_may_be_given_and_is_else_the_first_words(store: Consulting):
    assert store.consult(sender="api", to="web", question="x", topic="Order").name == "Order"
    long = store.consult(sender="api", to="web", question=f"\n---\n## {'many words ' * 20}\n\nmore")
    assert long.name.startswith("many words many")
    assert len(long.name) <= 74
    assert long.name.endswith(" \u2026")
    assert long.description.startswith(long.name.removesuffix(" \u2026"))
    assert store.consult(sender="api", to="web", question="???").name == "Question"


def test_several_may_be_asked(store: Consulting):
    asked = ask(store, to="worker, web,worker")
    assert ids(store.open_consultations("worker")) == ids(store.open_consultations("web")) == [asked]
    assert store.show(asked).to == "worker, web"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"to": "wroker"}, NotFound, "did you mean worker"),
        ({"sender": "apii"}, NotFound, "did you mean api"),
        ({"to": "worker, nobody-here"}, NotFound, "no agent nobody-here; there are: api, old, web, worker"),
        ({"to": "api"}, InvalidInput, "cannot ask itself"),
        ({"to": " , "}, InvalidInput, "nobody is asked"),
        ({"to": "../x"}, InvalidInput, "agent name"),
        ({"sender": ""}, InvalidInput, "empty"),
        ({"question": " \n"}, InvalidInput, "empty"),
        ({"question": "a\0b"}, InvalidInput, "NUL"),
        ({"topic": "  "}, InvalidInput, "blank"),
    ],
)
def test_what_cannot_be_asked_writes_nothing(store: Consulting, given, error, message):
    before = files(store)
    with pytest.raises(error, match=message):
        ask(store, **given)
    assert files(store) == before


def test_who_has_memories_but_no_card_is_known(store: Consulting):
    assert store.agents() == ("api", "old", "web", "worker")
    assert ids(store.open_consultations("old")) == []
    assert ask(store, to="old") in ids(store.open_consultations("old"))


def test_without_cards_anybody_may_be_asked(tmp_path: Path):
    with Consulting.init(tmp_path / "store", clock=lambda: NOW) as store:
        asked = ask(store)
        assert ids(store.open_consultations("worker")) == [asked]
        assert store.agents() == ("api",)


# --- answering ----------------------------------------------------------------------------------------------------


def test_an_answer_closes_the_question_and_reaches_the_asker(store: Consulting):
    asked = ask(store)
    body = store.show(asked).body
    answer = store.answer(asked, agent="worker", text="No: by age.\n")
    assert answer.agent == "worker"
    assert (answer.type, answer.to, answer.status, answer.sources) == ("consultation", "api", "answered", (asked,))
    assert answer.body == "No: by age.\n"
    assert store.open_consultations("worker") == ()
    assert (store.show(asked).status, store.show(asked).body) == ("answered", body)
    assert ids(store.answers_for("api")) == [answer.id]
    assert store.answers_for("worker") == ()  # the question it answered is addressed to it, but is no answer


def test_answers_since_a_day(store: Consulting):
    store.answer(ask(store), agent="worker", text="No.")
    assert len(store.answers_for("api", since=date(2026, 3, 15))) == 1
    assert store.answers_for("api", since=date(2026, 3, 16)) == ()


def test_a_stem_is_enough_to_answer(store: Consulting):
    asked = ask(store, topic="Order")
    assert store.answer("2026-03-15-order", agent="worker", text="No.").sources == (asked,)


def test_only_the_addressee_answers_and_only_once(store: Consulting):
    asked = ask(store)
    before = files(store)
    for agent, error in (("web", Conflict), ("api", Conflict), ("wroker", NotFound), ("a/b", InvalidInput)):
        with pytest.raises(error):
            store.answer(asked, agent=agent, text="No.")
    with pytest.raises(InvalidInput, match="empty"):
        store.answer(asked, agent="worker", text="\n")
    assert files(store) == before
    answer = store.answer(asked, agent="worker", text="No.")
    with pytest.raises(Conflict, match=r"worker has answered .* already"):
        store.answer(asked, agent="worker", text="Yes.")
    with pytest.raises(Conflict, match="itself an answer"):
        store.answer(answer.id, agent="api", text="Thanks.")
    assert len(files(store)) == len(before) + 1


def test_a_second_addressee_may_add_an_answer(store: Consulting):
    asked = ask(store, to="worker, web")
    first = store.answer(asked, agent="worker", text="No.")
    assert store.open_consultations("web") == ()
    second = store.answer(asked, agent="web", text="Never.")
    assert ids(store.answers_for("api")) == sorted([first.id, second.id])


def test_a_crash_between_answer_and_closing_is_finished_by_answering_again(store: Consulting, monkeypatch):
    asked = ask(store)

    def refuse(*_, **__):
        raise StorageFailed("no space")

    with monkeypatch.context() as broken:
        broken.setattr(Consulting, "edit", refuse)
        with pytest.raises(StorageFailed):
            store.answer(asked, agent="worker", text="No: by age.")
    assert ids(store.open_consultations("worker")) == [asked]
    (there,) = store.answers_for("api")
    before = files(store)
    again = store.answer(asked, agent="worker", text="No: by age.\n")
    assert again.id == there.id
    assert "there already" in again.notes[0]
    assert files(store) == before
    assert store.open_consultations("worker") == ()
    with pytest.raises(Conflict):
        store.answer(asked, agent="worker", text="No: by age.")


def test_another_answer_to_a_question_that_was_opened_again_supersedes_the_first(store: Consulting):
    asked = ask(store)
    first = store.answer(asked, agent="worker", text="No.")
    store.edit(asked, changes={"status": "open"})
    second = store.answer(asked, agent="worker", text="Yes, since today.")
    assert second.supersedes == (first.id,)
    assert ids(store.answers_for("api")) == [second.id]
    assert store.show(first.id).body == "No.\n"


def test_an_archived_answer_still_counts_and_an_archived_question_does_not_wait(store: Consulting):
    asked, other = ask(store), ask(store, topic="Other")
    store.archive(store.answer(asked, agent="worker", text="No.").id)
    with pytest.raises(Conflict, match="already"):
        store.answer(asked, agent="worker", text="No.")
    assert store.answers_for("api") == ()
    store.archive(other)
    assert store.open_consultations("worker") == ()
    with pytest.raises(Conflict, match="is archived"):
        store.answer(other, agent="worker", text="No.")


# --- by other hands -----------------------------------------------------------------------------------------------


def test_questions_and_answers_written_by_hand_count(store: Consulting):
    head = "---\ntype: Consultation\n"
    plant(store, "api/2026-03-02-q.md", f"{head}to: [worker, web]\nstatus: open\n---\n\n# Order?\n")
    plant(store, "api/2026-03-03-r.md", f"{head}to: worker\nstatus: open\nx: {{a: b}}\n---\n")
    plant(store, "old/2026-03-04-a.md", f"{head}to: api\nstatus: answered\nsources:\n  - api/2026-03-01-p\n---\nNo.\n")
    plant(store, "old/2026-03-05-b.md", f"{head}to: api\nstatus: answered\n---\nNo.\n")
    plant(store, "old/2026-03-06-c.md", f"{head}asked_by: api\n---\nNo.\n")
    assert ids(store.open_consultations("worker")) == ["api/2026-03-02-q", "api/2026-03-03-r"]
    assert ids(store.open_consultations("web")) == ["api/2026-03-02-q"]
    assert ids(store.answers_for("api")) == ["old/2026-03-04-a"]
    assert store.answer("api/2026-03-03-r", agent="worker", text="No.").status == "answered"
    assert "x: {a: b}" in (store.root / "api/2026-03-03-r.md").read_text()


def test_a_question_that_cannot_be_closed_is_not_answered(store: Consulting):
    plant(store, "api/2026-03-02-q.md", "---\n{type: consultation, to: worker, status: open}\n---\n\nOrder?\n")
    before = files(store)
    with pytest.raises(Unreadable):
        store.answer("api/2026-03-02-q", agent="worker", text="No.")
    assert files(store) == before


def test_what_is_no_consultation_cannot_be_answered(store: Consulting):
    with pytest.raises(InvalidInput, match="is no consultation"):
        store.answer("old/2026-01-01-note", agent="worker", text="No.")
    with pytest.raises(NotFound):
        store.answer("api/2026-03-02-q", agent="worker", text="No.")


def test_a_private_question_is_its_owners_alone(store: Consulting):
    asked = ask(store)
    store.edit(asked, changes={"visibility": "private"})
    assert store.open_consultations("worker") == ()
    with pytest.raises(NotFound):
        store.answer(asked, agent="worker", text="No.")


def test_a_private_answer_is_not_handed_to_the_asker(store: Consulting):
    answer = store.answer(ask(store), agent="worker", text="No.")
    store.edit(answer.id, changes={"visibility": "private"})
    assert store.answers_for("api") == ()
