"""YAML front matter: found, read leniently, edited surgically, rendered. The only room that knows YAML."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo, field_validator

from agent_memory.errors import InvalidInput
from agent_memory.files import naming, simple_yaml
from agent_memory.model import Problem

if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml import SafeLoader as _Loader
else:
    from yaml import CSafeLoader as _Loader

LARGEST_BLOCK = 256 * 1024  # characters of the largest front matter that is read
MOST = 256  # entries of the longest list of tags, files or supersedes that is read

_OPEN = re.compile(r"---[ \t]*\r?\n")
_CLOSE = re.compile(r"\n(?:---|\.\.\.)[ \t]*(?:\r?\n(?:\r?\n)?|\Z)")
_LOOKS_LIKE_KEY = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*(?:\{|[\"']?[A-Za-z_][\w .-]{0,100}[\"']?[ \t]*:(?:\s|\Z))")


def _text(value: object) -> str:
    """Take a scalar as its text."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str):
        return value
    raise ValueError("wants a single value, not a list or mapping")


def _word(value: object) -> str:
    return _text(value).strip().lower()


def _day(value: object) -> dt.date:
    """Take a date, a datetime or an ISO text as a day."""
    if isinstance(value, dt.date):
        return value.date() if isinstance(value, dt.datetime) else value
    if (day := naming.iso_day(_text(value))) is None:
        raise ValueError("wants a date such as 2026-03-02")
    return day


def _texts(value: object, info: ValidationInfo) -> tuple[str, ...]:
    """Take a list of scalars, or a text with commas, as texts without blanks and repetitions."""
    if isinstance(value, list | tuple):
        items = [_text(item) for item in value if item is not None]
    else:
        items = [item.strip() for item in _text(value).split(",")]
    found = tuple(dict.fromkeys(item for item in items if item.strip()))
    if len(found) > MOST and info.field_name != "sources":  # a digest has as many sources as it has
        _note(info, f"has {len(found)} entries, only the first {MOST} count")
        return found[:MOST]
    return found


def _note(info: ValidationInfo, message: str) -> None:
    if info.context is not None:
        info.context.append((info.field_name, message))


def _names(value: object) -> str:
    """Take one name or a list of names as a text with commas."""
    return ", ".join(_text(item) for item in value) if isinstance(value, list | tuple) else _text(value)


Text = Annotated[str, BeforeValidator(_text)]
Names = Annotated[str, BeforeValidator(_names)]
Word = Annotated[str, BeforeValidator(_word)]
Day = Annotated[dt.date, BeforeValidator(_day)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class FrontMatter(BaseModel):
    """The keys we know, each optional; other keys are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Text = ""
    title: Text = ""
    description: Text = ""
    type: Word = "note"
    agent: Text = ""
    date: Day | None = None
    tags: Texts = ()
    status: Word = "active"
    supersedes: Texts = ()
    files: Texts = ()
    valid_until: Day | None = None
    to: Names | None = None
    sources: Texts = ()
    visibility: Word = "team"

    @field_validator("*", mode="wrap")
    @classmethod
    def _default_if_bad(cls, value: object, handler: Any, info: ValidationInfo) -> Any:
        """Note what is wrong with a key in the context and go on with its default."""
        name = info.field_name or ""
        try:
            return handler(value)
        except ValidationError as error:
            message = error.errors(include_url=False, include_input=False, include_context=False)[0]["msg"]
            _note(info, message.removeprefix("Value error, "))
            # Whoever tried to restrict a memory and slipped must not have opened it by that.
            return "private" if name == "visibility" else cls.model_fields[name].default


_KEYS = tuple(FrontMatter.model_fields)
_NONE = FrontMatter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stands before the body of a memory.

    Attributes:
        start: Offset of the body in the text; one empty line after the front matter is not part of the body.
        block: Offsets of the YAML between the fences; None without front matter.
        broken: There is front matter, but it cannot be read; the body begins after the opening fence.
    """

    front: FrontMatter = _NONE
    start: int = 0
    block: tuple[int, int] | None = None
    problems: tuple[Problem, ...] = ()
    broken: bool = False


def read(text: str, path: str) -> Head:
    """Find and read the front matter of a memory; whatever is wrong with it becomes a problem.

    A text that begins with a thematic break has none: the YAML is no mapping, or nothing closes it and no key follows.

    Args:
        path: Names the file in problems.
    """
    bare = Head(start=int(text.startswith("\ufeff")))
    if (opened := _OPEN.match(text, bare.start)) is None:
        return bare
    begin = opened.end()
    closed = _CLOSE.search(text, begin - 1)
    if closed is None or closed.start() - begin > LARGEST_BLOCK:
        wrong = "front matter has no closing ---" if closed is None else "front matter is too large"
        return _broken(text, begin, path, BadYaml(wrong, -1)) or bare
    end = max(begin, closed.start() + 1)
    block = text[begin:end]
    try:
        if (values := simple_yaml.read(block)) is None:
            values = load(block)
    except BadYaml as error:
        return _broken(text, begin, path, error) or bare
    if values is None:
        return bare
    front, wrong_keys = _known(values)
    problems = tuple(Problem(path=path, line=line_of(block, key), message=f"{key} {why}") for key, why in wrong_keys)
    return Head(front=front, start=closed.end(), block=(begin, end), problems=problems)


def line_of(block: str, key: str) -> int:
    """Return the line in the file on which a top-level key stands; the block begins on line 2."""
    match = re.search(rf"^[\"']?{re.escape(key)}[\"']?[ \t]*:", block, re.MULTILINE)
    return 2 + block.count("\n", 0, match.start()) if match else 2


def _broken(text: str, begin: int, path: str, error: BadYaml) -> Head | None:
    """Say what is wrong with front matter, unless what follows the fence does not look like front matter at all."""
    if not _LOOKS_LIKE_KEY.match(text, begin):
        return None
    restricted = re.search(r"^[\"']?visibility[\"']?[ \t]*:", text[begin : begin + LARGEST_BLOCK], re.MULTILINE)
    problem = Problem(path=path, line=error.line + 2, message=str(error))
    front = FrontMatter(visibility="private") if restricted else _NONE
    return Head(front=front, start=begin, problems=(problem,), broken=True)


def _known(values: Mapping[Any, object]) -> tuple[FrontMatter, list[tuple[str, str]]]:
    """Validate the keys we know; return what is wrong as (key, reason)."""
    wrong: list[tuple[str, str]] = []
    given = {key: value for key in _KEYS if (value := values.get(key)) is not None and value != ""}
    return FrontMatter.model_validate(given, context=wrong), wrong


class BadYaml(Exception):
    """YAML that cannot be read; `line` counts from 0 in the block."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _TextLoader(_Loader):
    """Gives every scalar but null as the text that was written: 1.10 and 2026-02-31 stay what they are."""

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  inherited
        """Take `<<` as a key like others (merging can make a small text explode), and a key that is a list as YAML."""
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(problem="expected a mapping", problem_mark=node.start_mark)
        values: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            plain = key is None or isinstance(key, str)
            values[key if plain else yaml.serialize(key_node)] = self.construct_object(value_node, deep=deep)
        return values

    def text(self, node: yaml.Node) -> str:
        """Take a scalar as it was written, without the line break that ends a block."""
        value = str(self.construct_scalar(node))  # type: ignore[arg-type]
        return value.removesuffix("\n") if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">") else value


for _tag in ("str", "int", "float", "bool", "timestamp", "merge", "value"):
    _TextLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _TextLoader.text)

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# Beyond some ten thousand levels libyaml's callers overflow the C stack, which nothing can catch.
_DEEP = re.compile(r"(?:[-?:][ \t]+){64}")


def load(block: str) -> dict[Any, Any] | None:
    """Read a block as YAML; None if it is no mapping.

    Raises:
        BadYaml: It is not YAML.
    """
    if odd := _UNPRINTABLE.search(block):
        raise BadYaml(f"character U+{ord(odd[0]):04X} is not allowed in YAML", block.count("\n", 0, odd.start()))
    if sum(map(block.count, ("[", "{", "? "))) > 1000 or _DEEP.search(block):
        raise BadYaml("front matter is nested too deeply", 0)
    try:
        values = yaml.load(block, Loader=_TextLoader)  # noqa: S506  a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.context, error.problem) if part)[:200]
        raise BadYaml(f"not valid YAML: {message}", mark.line if mark else 0) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadYaml("not valid YAML", 0) from error
    return values if isinstance(values, dict) else None


def render(pairs: Iterable[tuple[str, object]]) -> str:
    """Return the front matter of a new file, keys in the order given, lines ending in LF."""
    return "".join(["---\n", *(_line(key, value, "\n") for key, value in pairs), "---\n"])


def rewrite(block: str, changes: Mapping[str, object | None], eol: str) -> str:
    """Return a block with top-level keys set, or removed where the new value is None; the rest stays as it is.

    Comments inside a value that is replaced go with it. The caller reads the result again before believing it.

    Raises:
        BadYaml: The block is written in a way that cannot be edited safely.
    """
    # An alias has no place of its own in the composed tree, and what its anchor holds may be needed elsewhere.
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(block, Loader=_TextLoader)):
        raise BadYaml("aliases (*name) cannot be edited safely", -1)
    root = yaml.compose(block, Loader=_TextLoader)
    entries: list[tuple[yaml.Node, yaml.Node]] = root.value if isinstance(root, yaml.MappingNode) else []
    if isinstance(root, yaml.MappingNode) and root.flow_style:
        raise BadYaml("front matter in braces cannot be edited safely", 0)
    edits, new = [], ""
    for name, value in changes.items():
        hits = [entry for entry in entries if entry[0].value == name]
        if len(hits) > 1:
            raise BadYaml(f"{name} stands there twice", hits[1][0].start_mark.line)
        if hits:
            edits.append(_edit_of(block, hits[0], value, eol))
        else:
            new += _line(name, value, eol)
    for start, stop, text in sorted(edits, reverse=True):
        block = block[:start] + text + block[stop:]
    return block + new


def _edit_of(block: str, entry: tuple[yaml.Node, yaml.Node], new: object | None, eol: str) -> tuple[int, int, str]:
    """Return what to replace, from and to which offset, by which text."""
    key, value = entry
    start = key.start_mark.index
    if block[start - 1 : start] not in ("", "\n"):
        raise BadYaml("a key that does not begin its line cannot be edited safely", key.start_mark.line)
    colon = block.index(":", key.end_mark.index) + 1
    last = value
    while isinstance(last, yaml.CollectionNode) and not last.flow_style and last.value:
        last = last.value[-1][1] if isinstance(last, yaml.MappingNode) else last.value[-1]
    # A nested block's own end mark lies behind the comments that follow it; that of its last scalar does not.
    stop = max(colon, len(block[: last.end_mark.index].rstrip()))
    if new is None:
        return start, block.find("\n", stop) + 1 or len(block), ""
    begin = max(colon, value.start_mark.index)
    between = block[colon:begin].split("\n")
    if len(between) == 1:
        return begin, stop, f"{' ' if begin == colon else ''}{_written(new)}"
    comments = [line.rstrip() for line in between[1:] if "#" in line]
    return colon, stop, eol.join([f" {_written(new)} {between[0].strip()}".rstrip(), *comments])


def _line(key: str, value: object, eol: str) -> str:
    return f"{key if simple_yaml.is_plain_key(key) else _quoted(_text_of(key))}: {_written(value)}{eol}"


def texts_of(value: object) -> str | list[str]:
    """Return a value as `load` will read it."""
    return [_text_of(item) for item in value] if isinstance(value, list | tuple) else _text_of(value)


def _text_of(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float | dt.date):
        raise InvalidInput(f"front matter cannot hold a {type(value).__name__}", hint="use text, a date or a list")
    text = value.isoformat() if isinstance(value, dt.date) else str(value)
    if re.search("[\ud800-\udfff]", text):
        raise InvalidInput("the text holds half a character (a lone surrogate)", hint="pass valid Unicode")
    return text


def _written(value: object, *, in_list: bool = False) -> str:
    """Write a value plain where the fast path reads it back as it is, else in double quotes."""
    if isinstance(value, list | tuple) and not in_list:
        return f"[{', '.join(_written(item, in_list=True) for item in value)}]"
    text = _text_of(value)
    same = simple_yaml.flow_list(f"[{text}]") == [text] if in_list else simple_yaml.scalar(text) == text
    plain = same and text == text.strip() and "\n" not in text and not simple_yaml.is_odd(text)
    return text if plain or not isinstance(value, str) else _quoted(text)


def _quoted(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" if simple_yaml.is_odd(c) else c for c in json.dumps(text, ensure_ascii=False))
