"""The house rules as data, checked on the source text: nothing of the package is imported here.

Each checker is a function from a module to complaints. The first half of the tests shows every checker a small planted
source that it must complain about (and one that it must not), the second half runs them over the package.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest

PACKAGE = "agent_memory"
SOURCE = Path(__file__).resolve().parents[1] / "src" / PACKAGE

FLOORS = (  # from the roof down; a room may import from the floors below its own, and from itself
    ("cli",),
    ("bridges",),
    ("aio",),
    ("store",),
    ("upkeep",),
    ("team",),
    ("recall",),
    ("index",),
    ("files",),
    ("model", "errors"),
)
LEVEL = {room: level for level, floor in enumerate(reversed(FLOORS)) for room in floor}
LEVEL["__main__"] = len(FLOORS)  # `python -m agent_memory` stands on the roof and calls the command line
FRONT_DOOR = {"store", "model", "errors"}  # what `agent_memory/__init__.py` may hand out, and only on demand

SINGLE_ROOM = ("yaml", "slugify", "whoosh", "onnxruntime", "tokenizers")  # each imported by exactly one module
PREFIX_ONLY = {"sqlalchemy": ("index.",), "numpy": ("index.",), "click": ("cli",), "rich": ("cli",),
               "mcp": ("bridges.mcp",), "anyio": ("bridges.",), "uvicorn": ("bridges.mcp",),
               "anthropic": ("bridges.memory_tool",), "langgraph": ("bridges.langgraph",)}  # fmt: skip
MAY_ASK_ENVIRONMENT = ("cli", "store")
SLOW = {"sqlalchemy", "pydantic", "whoosh", "numpy", "onnxruntime"}  # what a cold search must not pay for
HOT = ("", "__main__", "cli", "cli.search", "cli.first_step", "bridges.hook", "store", "index.sqlite", "index.sync",
       "recall.search", "recall.ranking", "files.folder")  # fmt: skip

LONGEST_FILE = 399
LONG_FUNCTION, LONGEST_FUNCTION, LONG_SHARE = 30, 60, 0.10
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "service", "services", "common", "misc"}


@dataclass(frozen=True)
class Import:
    """One imported module, by its full dotted name.

    Attributes:
        name: For `from a import b` this is `a.b`: whether `b` is a module is settled by what exists.
        eager: It runs when the importing module is imported: not in a function and not for type checking only.
    """

    name: str
    line: int
    eager: bool


@dataclass(frozen=True)
class Module:
    """A source file; `name` is dotted and relative to the package, "" for the package itself."""

    name: str
    text: str = field(repr=False)
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def room(self) -> str:
        return self.name.split(".")[0]

    @cached_property
    def imports(self) -> list[Import]:
        return list(self._walk(self.tree.body, eager=True))

    def _walk(self, nodes: Iterable[ast.AST], *, eager: bool) -> Iterator[Import]:
        for node in nodes:
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno, eager) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                yield from (Import(f"{base}.{alias.name}", node.lineno, eager) for alias in node.names)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                yield from self._walk(ast.iter_child_nodes(node), eager=False)
            elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
                yield from self._walk(node.body, eager=False)
                yield from self._walk(node.orelse, eager=eager)
            else:
                yield from self._walk(ast.iter_child_nodes(node), eager=eager)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = [PACKAGE, *(part for part in self.name.split(".") if part)]
        parts = parts[: len(parts) - node.level + self.is_package]
        return ".".join([*parts, node.module] if node.module else parts)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        return (n for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def inside(name: str) -> str | None:
    """The dotted name relative to the package, or None for a name from elsewhere."""
    if name == PACKAGE:
        return ""
    return name.removeprefix(f"{PACKAGE}.") if name.startswith(f"{PACKAGE}.") else None


def imports_only_down(module: Module) -> Iterator[str]:
    """An import from a floor above, or from another room of the same floor."""
    for found in module.imports:
        target = inside(found.name)
        if not target or target.startswith("__version__"):
            if target is not None and module.room not in ("cli", "bridges", "__main__", ""):
                yield f"{module.name}:{found.line} imports the package's front door"
            continue
        room = target.split(".")[0]
        if module.name == "":
            if room not in FRONT_DOOR:
                yield f"__init__:{found.line} hands out {target}"
            elif found.eager and room == "store":
                yield f"__init__:{found.line} imports {target} before anybody asks for it"
        elif room not in LEVEL:
            yield f"{module.name}:{found.line} imports {target}, which stands on no floor"
        elif room != module.room and LEVEL[room] >= LEVEL[module.room]:
            yield f"{module.name}:{found.line} imports {target}, which is not below it"


def stands_on_a_floor(module: Module) -> Iterator[str]:
    """A module outside the list of floors."""
    if module.name and module.room not in LEVEL:
        yield f"{module.name} stands on no floor: give it a place in FLOORS"


def keeps_to_its_room(module: Module) -> Iterator[str]:
    """A third-party package outside the rooms that may know it."""
    for found in module.imports:
        top = found.name.split(".")[0]
        rooms = PREFIX_ONLY.get(top)
        if rooms and not any(f"{module.name}.".startswith(f"{room.rstrip('.')}.") for room in rooms):
            yield f"{module.name}:{found.line} imports {top}"


def asks_no_environment(module: Module) -> Iterator[str]:
    """Reading the environment below the edges."""
    if module.room in MAY_ASK_ENVIRONMENT:
        return
    names = {"environ", "environb", "getenv", "getenvb"}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os":
            yield f"{module.name}:{node.lineno} reads the environment"
        if isinstance(node, ast.ImportFrom) and node.module == "os" and names & {a.name for a in node.names}:
            yield f"{module.name}:{node.lineno} takes the environment"


def is_short_enough(module: Module) -> Iterator[str]:
    """A file that is too long, or a function that is much too long (from `def` to its last line)."""
    lines = module.text.count("\n")
    if lines > LONGEST_FILE:
        yield f"{module.name} has {lines} lines"
    for function in module.functions():
        if (length := extent(function)) > LONGEST_FUNCTION:
            yield f"{module.name}.{function.name} has {length} lines"


def extent(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, the docstring among them."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def says_what_it_is(module: Module) -> Iterator[str]:
    """A name that would fit anything."""
    if module.name.split(".")[-1] in EMPTY_NAMES:
        yield f"{module.name} has a name that says nothing"


def is_documented(module: Module) -> Iterator[str]:
    """A public function, method or class without a docstring, or a module with code and none."""
    if module.text.strip() and not ast.get_docstring(module.tree):
        yield f"{module.name or '__init__'} has no docstring"
    yield from _undocumented(module.name, module.tree.body)


def _undocumented(place: str, body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from _undocumented(place, node.body)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        marks = [ast.unparse(mark) for mark in node.decorator_list]
        excused = any(m.endswith((".setter", "overload", "override")) for m in marks)  # documented elsewhere
        if not excused and not ast.get_docstring(node):
            yield f"{place}.{node.name}:{node.lineno} has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(f"{place}.{node.name}", node.body)


CHECKERS: tuple[Callable[[Module], Iterator[str]], ...] = (
    imports_only_down, stands_on_a_floor, keeps_to_its_room, asks_no_environment, is_short_enough, says_what_it_is,
    is_documented,
)  # fmt: skip


def homes(modules: Iterable[Module], package: str) -> list[str]:
    """The modules that import a third-party package, wherever in their text."""
    return sorted(m.name for m in modules if any(i.name.split(".")[0] == package for i in m.imports))


def slow_imports(modules: Iterable[Module], entries: Iterable[str]) -> list[str]:
    """Chains by which importing one of the entries would import a slow package at once."""
    by_name = {m.name: m for m in modules}
    paths = {name: name or PACKAGE for name in entries if name in by_name}
    waiting, complaints = list(paths), []
    while waiting:
        name = waiting.pop()
        for found in (i for i in by_name[name].imports if i.eager):
            if (top := found.name.split(".")[0]) in SLOW:
                complaints.append(f"{paths[name]} > {top} (line {found.line})")
            parts = (inside(found.name) or "").split(".")
            for target in (".".join(parts[:depth]) for depth in range(1, len(parts) + 1)):
                if target in by_name and target not in paths:
                    paths[target] = f"{paths[name]} > {target}"
                    waiting.append(target)
    return sorted(complaints)


def too_many_long(modules: Iterable[Module]) -> list[str]:
    """The long functions, if their share is too large."""
    lengths = [(f"{m.name}.{f.name} ({extent(f)})", extent(f)) for m in modules for f in m.functions()]
    long = [name for name, length in lengths if length > LONG_FUNCTION]
    return long if len(long) > LONG_SHARE * len(lengths) else []


def house() -> list[Module]:
    """Every module of the package."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        package = parts[-1] == "__init__"
        found.append(Module(".".join(parts[:-1] if package else parts), path.read_text(encoding="utf-8"), package))
    return found


# --- each checker can fail ----------------------------------------------------------------------------------------

GOOD = [
    (imports_only_down, "recall.search", "from agent_memory.index import sqlite\nfrom . import ranking\nimport json"),
    (imports_only_down, "cli.search", "from agent_memory import store, __version__"),
    (imports_only_down, "", "from .model import Memory\ndef __getattr__(n):\n    from .store import MemoryStore"),
    (imports_only_down, "__main__", "from agent_memory.cli import main"),
    (stands_on_a_floor, "index.schema", ""),
    (keeps_to_its_room, "index.schema", "import sqlalchemy"),
    (keeps_to_its_room, "cli.show", "import click, rich.table"),
    (asks_no_environment, "store", "import os\nos.environ"),
    (asks_no_environment, "files.atomic", "import os\nos.environment_of_mine"),
    (is_short_enough, "index.sync", "def f():\n" + "    x = 1\n" * 59),
    (says_what_it_is, "index.sync", ""),
    (is_documented, "model", '"""M."""\nclass A:\n    """A."""\n    def _b(self): ...\n    def __len__(self): ...'),
]
BAD = [
    (imports_only_down, "files.format", "from agent_memory.index import sync"),
    (imports_only_down, "files.format", "def late():\n    from agent_memory.recall.search import search"),
    (imports_only_down, "files.format", "from ..store import MemoryStore"),
    (imports_only_down, "files.format", "from .. import store"),
    (imports_only_down, "files.format", "from agent_memory import MemoryStore"),
    (imports_only_down, "bridges.hook", "import agent_memory.cli.search"),
    (imports_only_down, "model", "from agent_memory.errors import Stale"),
    (imports_only_down, "", "from agent_memory.recall import search"),
    (imports_only_down, "", "from agent_memory.store import MemoryStore"),
    (imports_only_down, "store", "import agent_memory.attic"),
    (stands_on_a_floor, "attic.box", ""),
    (keeps_to_its_room, "recall.query", "def f():\n    import sqlalchemy.sql"),
    (keeps_to_its_room, "store", "from rich import print"),
    (keeps_to_its_room, "client", "import click"),
    (asks_no_environment, "recall.query", "import os\nos.environ['X']"),
    (asks_no_environment, "recall.query", "from os import getenv"),
    (is_short_enough, "index.sync", "def f():\n" + "    x = 1\n" * 60),
    (is_short_enough, "index.sync", "x = 1\n" * 400),
    (says_what_it_is, "index.utils", ""),
    (is_documented, "model", "x = 1"),
    (is_documented, "model", '"""M."""\ndef f(): ...'),
    (is_documented, "model", '"""M."""\nclass A:\n    """A."""\n    async def b(self): ...'),
]
Case = tuple[Callable[[Module], Iterator[str]], str, str]


@pytest.mark.parametrize("case", BAD, ids=lambda case: f"{case[0].__name__}-{case[1]}-{BAD.index(case)}")
def test_a_checker_sees_what_is_wrong(case: Case):
    checker, name, text = case
    assert len(list(checker(Module(name, text)))) == 1


@pytest.mark.parametrize("case", GOOD, ids=lambda case: f"{case[0].__name__}-{case[1]}-{GOOD.index(case)}")
def test_a_checker_leaves_alone_what_is_right(case: Case):
    checker, name, text = case
    assert not list(checker(Module(name, text, is_package=name == "")))


def test_every_checker_has_a_planted_fault():
    assert {checker for checker, _, _ in BAD} == set(CHECKERS)


def test_homes_counts_imports_inside_functions():
    texts = {"a": "import yaml", "b": "def f():\n    from yaml import load", "c": "import yamlish"}
    assert homes([Module(name, text) for name, text in texts.items()], "yaml") == ["a", "b"]


def test_slow_imports_follows_eager_imports_only():
    modules = [
        Module("cli", "from agent_memory.recall import search", is_package=True),
        Module("recall", "", is_package=True),
        Module("recall.search", "from ..index.schema import tables\ndef f():\n    import whoosh"),
        Module("index.schema", "import sqlalchemy"),
        Module("store", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pydantic"),
    ]
    assert slow_imports(modules, ["store"]) == []
    assert slow_imports(modules, ["cli"]) == ["cli > recall.search > index.schema > sqlalchemy (line 1)"]


def test_too_many_long_functions_are_seen():
    short, long = "def f():\n    x = 1\n", "def g():\n" + "    x = 1\n" * 30
    assert too_many_long([Module("a", short * 9 + long)]) == []
    assert too_many_long([Module("a", short * 8 + long)]) == ["a.g (31)"]


# --- the house as it stands ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.__name__)
def test_the_house_keeps_the_rule(checker: Callable[[Module], Iterator[str]]):
    modules = house()
    assert len(modules) > 1
    complaints = [complaint for module in modules for complaint in checker(module)]
    assert not complaints


@pytest.mark.parametrize("package", SINGLE_ROOM)
def test_a_package_lives_in_one_room(package: str):
    found = homes(house(), package)
    assert len(found) == 1


def test_a_cold_search_imports_nothing_slow():
    chains = slow_imports(house(), HOT)
    assert not chains


def test_nine_functions_of_ten_are_short():
    long = too_many_long(house())
    assert not long
