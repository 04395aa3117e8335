"""The real model: the same text gives the same vector, near meanings are near, and no text breaks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent_memory.index import embedding, vectors
from agent_memory.index.embedding import WINDOW, EmbedderFailed, MiniLM

lacking = embedding.missing()
pytestmark = pytest.mark.skipif(bool(lacking), reason=f"the extra `semantic` is not installed: {', '.join(lacking)}")


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM()


def cosine(model: MiniLM, one: str, other: str) -> float:
    a, b = model.embed([one, other])
    return float(a @ b / ((a @ a) * (b @ b)) ** 0.5)


def test_the_words_of_a_text_are_those_the_model_was_trained_with(model: MiniLM):
    model.embed(["load it"])
    assert model._model is not None
    tokenizer = model._model[0]
    known = {
        "Hello, World!": [101, 7592, 1010, 2088, 999, 102],
        "cafés resumé": [101, 23812, 13746, 102],
        "deliver_webhook()": [101, 8116, 1035, 4773, 6806, 6559, 1006, 1007, 102],
        "": [101, 102],
    }
    assert {text: tokenizer.encode(text).ids for text in known} == known
    assert len(tokenizer.encode("word " * 1000).ids) == WINDOW


def test_a_paraphrase_without_a_common_word_is_near_and_another_subject_is_not(model: MiniLM):
    note = "Retries for webhooks\nFive attempts within one hour, then the delivery counts as lost."
    near = cosine(model, "How often do we try again when a customer's endpoint does not answer?", note)
    far = cosine(model, "The photo upload of the courier app looks blurred on old phones", note)
    assert near > far + 0.2


def test_a_text_has_the_same_vector_alone_and_in_company(model: MiniLM):
    texts = ["Webhooks retry five times.", "Ice. " * 80, "x"]
    together = model.embed(texts)
    assert [row.tobytes() for row in together] == [model.embed([text])[0].tobytes() for text in texts]


def test_another_process_makes_the_same_vectors(model: MiniLM):
    code = (
        "import sys; from agent_memory.index.embedding import MiniLM;"
        "sys.stdout.write(MiniLM().embed(['Webhooks retry five times.']).tobytes().hex())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ})
    assert done.stdout == model.embed(["Webhooks retry five times."]).tobytes().hex()


@pytest.mark.parametrize("text", ["", " \n", "\0\ud800\uffff", "漢" * 600, "x" * 1_000_000, "Температура посылки"])
def test_no_text_breaks_it(model: MiniLM, text: str):
    row = model.embed([text])
    assert row.shape == (1, model.dimensions)
    assert abs(row).sum() > 0


def test_no_texts_are_no_rows(model: MiniLM):
    assert model.embed([]).shape == (0, model.dimensions)


def test_a_missing_module_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedding, "_NEEDED", ("numpy", "no_such_module"))
    with pytest.raises(EmbedderFailed, match="not installed: no_such_module"):
        MiniLM().embed(["x"])


def test_the_vocabulary_goes_with_the_package():
    words = Path(embedding.__file__).with_name("minilm.txt").read_text(encoding="utf-8").split("\n")
    assert (len(words), words[0], words[101], words[-1]) == (30_523, "[PAD]", "[CLS]", "")


def test_importing_the_rooms_imports_no_model():
    code = (
        f"import sys, {embedding.__name__}, {vectors.__name__}; "
        "print([m for m in ('numpy', 'onnxruntime', 'tokenizers', 'concurrent.futures') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
