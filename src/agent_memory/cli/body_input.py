"""Words in: the text of a memory, from a file, from stdin, or from the editor of the person who types."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from agent_memory.errors import InvalidInput, NotFound

_SCISSORS = "<!-- ---- everything from this line on is dropped ----"


def read_text(file: str) -> str:
    """Return what a file, or stdin for "-", holds.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is not UTF-8.
    """
    name = "stdin" if file == "-" else file
    try:
        data = _stdin() if file == "-" else Path(file).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"no file {file}", hint="give a file, or - for stdin") from None
    except IsADirectoryError:
        raise InvalidInput(f"{file} is a folder", hint="give a file, or - for stdin") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{name}:{line}: not UTF-8", hint="save it as UTF-8") from None


def _stdin() -> bytes:
    return b"" if sys.stdin is None else sys.stdin.buffer.read()


def somebody_types() -> bool:
    """Whether a person sits at stdin, who can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()  # None where stdin was closed


def written_in_editor(about: str) -> str:
    """Let a person write a new text, and return it.

    Args:
        about: What the text will be, told below it.

    Raises:
        InvalidInput: Nothing was written.
    """
    template = f"\n\n{_SCISSORS}\n{about}\nWrite the memory in Markdown above; an empty text writes nothing. -->\n"
    text = click.edit(template, extension=".md")
    body = (text or "").partition(_SCISSORS)[0].strip()
    if not body:
        raise InvalidInput("nothing was written in the editor, so there is no memory", hint="the store is as it was")
    return f"{body}\n"


def changed_in_editor(body: str) -> str | None:
    """Let a person change a text; return the new one, or None if it is the same. Line ends stay as they were."""
    plain = body.replace("\r\n", "\n")
    text = click.edit(plain, extension=".md", require_save=False)
    if text is None or text in (plain, f"{plain}\n"):
        return None
    return text.replace("\n", "\r\n") if body.count("\n") == body.count("\r\n") > 0 else text


def keep(text: str) -> str:
    """Save a text that a person wrote and the store did not take, and return where."""
    import tempfile

    handle, name = tempfile.mkstemp(prefix="memory-", suffix=".md")
    with open(handle, "wb") as file:  # noqa: PTH123  a descriptor, not a path
        file.write(text.encode("utf-8", "surrogateescape"))
    return name
