"""Changes to a JSON text that leave every other byte of it as it was: a value goes in, and comes out again.

What is put into a container is written in the file's own way: with its indentation and its line ends, or on one line
where it has only one. Taking out is the exact reverse of putting in, down to containers that putting in had to make.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent_memory.errors import InvalidInput

_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()

Path = tuple[str | int, ...]
"""How to reach a value: keys of members and numbers of elements, from the outermost; "[]" is the end of an array."""


@dataclass(frozen=True, slots=True)
class Item:
    """A member of an object or an element of an array, by its place in the text.

    Attributes:
        key: Of a member; None for an element.
        start: Where it begins, with its key.
        value: Where its value begins.
        end: After its value.
    """

    key: str | None
    start: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class Container:
    """An object or an array, by its place in the text: `open` is at its bracket, `close` at the other one."""

    open: int
    close: int
    items: tuple[Item, ...]


class JsonText:
    """A JSON object as text.

    Args:
        text: May begin with a BOM.

    Raises:
        InvalidInput: It is no JSON object.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self.value = json.loads(text.removeprefix("\ufeff"))
        except RecursionError:
            raise InvalidInput("is nested too deeply") from None
        except json.JSONDecodeError as error:
            raise InvalidInput(f"is not JSON: line {error.lineno}: {error.msg}") from error
        except ValueError as error:  # a number of thousands of digits
            raise InvalidInput(f"is not JSON: {error}") from error
        if not isinstance(self.value, dict):
            raise InvalidInput("is not a JSON object")
        self._line = "\r\n" if "\r\n" in text else "\n"
        self._root = self._container(self._skip(1 if text.startswith("\ufeff") else 0))
        lead = text[self._root.open + 1 : self._root.items[0].start] if self._root.items else "\n  "
        self._unit = lead.rpartition("\n")[2] if "\n" in lead else None  # None: all on one line

    # -- changes ----------------------------------------------------------------------------------------------------

    def put(self, path: Path, value: object) -> JsonText:
        """Return the text with a value at the end of the array, or of the object, that `path` leads to.

        What is missing on the way is made.

        Raises:
            InvalidInput: Something on the way is neither an object nor, at the end, an array.
        """
        *way, last = path
        at = self._root
        for depth, name in enumerate(way):
            found = self._member(at, name)
            if found is None:
                return self._insert(at, depth, name, _nested((*way[depth + 1 :], last), value))
            kind = "array" if path[depth + 1] == "[]" else "object"
            if self.text[found.value] != {"array": "[", "object": "{"}[kind]:
                raise InvalidInput(f"has {json.dumps(name)} that is no {kind}")
            at = self._container(found.value)
        return self._insert(at, len(way), last, value)

    def drop(self, path: Path, doomed: Callable[[Any], bool]) -> JsonText:
        """Return the text without the elements of an array, or the member of an object, that are `doomed`.

        A container that is empty then goes as well, if `put` made it.
        """
        *way, last = path
        chain: list[tuple[Container, Item]] = []
        at = self._root
        for name in way:
            found = self._member(at, name)
            if found is None or self.text[found.value] not in "[{":
                return self
            chain.append((at, found))
            at = self._container(found.value)
        if (last == "[]") != (self.text[at.open] == "["):
            return self
        gone = [item for item in at.items if last in ("[]", item.key) and doomed(self._value(item))]
        if not gone:
            return self
        if len(gone) < len(at.items):
            return self._without(at, gone[-1]).drop(path, doomed)
        return self._emptied(at, chain)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _insert(self, at: Container, level: int, key: str | int, value: object) -> JsonText:
        """Put a value at the end of a container whose items stand `level + 1` deep."""
        name = "" if key == "[]" else f"{json.dumps(key, ensure_ascii=False)}: "
        item = self._break(level + 1) + name + self._rendered(value, level + 1)
        if at.items:
            end = at.items[-1].end
            return JsonText(f"{self.text[:end]},{item}{self.text[end:]}")
        blank = self.text[at.open + 1 : at.close]
        tail = self._break(level) + blank if blank or level == 0 else ""
        return JsonText(self.text[: at.open + 1] + item + tail + self.text[at.close :])

    def _without(self, at: Container, gone: Item) -> JsonText:
        """Take one of several items out."""
        index = at.items.index(gone)
        if index:
            return JsonText(self.text[: at.items[index - 1].end] + self.text[gone.end :])
        return JsonText(self.text[: gone.start] + self.text[at.items[1].start :])

    def _emptied(self, at: Container, chain: list[tuple[Container, Item]]) -> JsonText:
        """Take all items out, and the container if it was made for them; see `_insert` for how that shows."""
        level = len(chain)
        tail = self.text[at.items[-1].end : at.close]
        made = self._break(level)
        if chain and tail == made:
            parent, item = chain[-1]
            if len(parent.items) > 1:
                return self._without(parent, item)
            return self._emptied(parent, chain[:-1])
        blank = tail.removeprefix(made) if tail.startswith(made) else ""
        return JsonText(self.text[: at.open + 1] + blank + self.text[at.close :])

    def _break(self, level: int) -> str:
        return " " if self._unit is None else self._line + self._unit * level

    def _rendered(self, value: object, level: int) -> str:
        """Write a value whose first line stands `level` deep; a list of nothing but words stays on one line."""
        if value and (isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], dict | list))):
            opening, closing = "{}" if isinstance(value, dict) else "[]"
            named = value.items() if isinstance(value, dict) else [(None, inner) for inner in value]
            names = ["" if name is None else f"{json.dumps(name, ensure_ascii=False)}: " for name, _ in named]
            written = [self._rendered(inner, level + 1) for _, inner in named]
            inner = [f"{self._break(level + 1)}{name}{text}" for name, text in zip(names, written, strict=True)]
            return f"{opening}{','.join(inner)}{self._break(level)}{closing}"
        return json.dumps(value, ensure_ascii=False)

    def _value(self, item: Item) -> Any:
        return _DECODER.raw_decode(self.text, item.value)[0]

    def _member(self, at: Container, name: str | int) -> Item | None:
        """Return an element by its number or a member by its key; of several, the last one, which is what counts."""
        if isinstance(name, int):
            return at.items[name] if name < len(at.items) else None
        return next((item for item in reversed(at.items) if item.key == name), None)

    def _skip(self, at: int) -> int:
        found = _BLANK.match(self.text, at)
        return found.end() if found else at

    def _container(self, start: int) -> Container:
        """Find the items of the object or array that begins at `start`."""
        is_object = self.text[start] == "{"
        items: list[Item] = []
        at = self._skip(start + 1)
        while self.text[at] not in "]}":
            at = self._skip(at + 1) if self.text[at] == "," else at
            key, value = None, at
            if is_object:
                key, end = _DECODER.raw_decode(self.text, at)
                value = self._skip(self._skip(end) + 1)  # after the colon
            end = _DECODER.raw_decode(self.text, value)[1]
            items.append(Item(key, at, value, end))
            at = self._skip(end)
        return Container(start, at, tuple(items))


def _nested(names: Path, value: object) -> object:
    """Return a value inside the containers that a path names."""
    for name in reversed(names):
        value = [value] if name == "[]" else {name: value}
    return value
