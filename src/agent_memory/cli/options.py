"""Options that several commands share, and what they say about a call."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent_memory.cli.failure import Usage
from agent_memory.cli.render import note

if TYPE_CHECKING:
    from datetime import datetime

    from click.shell_completion import CompletionItem

    from agent_memory.index.embedding import Embedder
    from agent_memory.model import Record
    from agent_memory.store import MemoryStore

F = TypeVar("F", bound=Callable[..., Any])


class Call:
    """What one call of the program says beyond the words of its command.

    Attributes:
        root: The store, as `--root` names it.
        json: Answer in JSON.
        query: The query that is being answered, so that an error can point into it.
        clock: The time; None is the time now.
        no_semantic: Compare words only.
    """

    def __init__(self, *, clock: Callable[[], datetime] | None = None) -> None:
        self.clock = clock
        self.root: str | None = None
        self.json = False
        self.query = ""
        self.no_semantic = False

    def store(self, *, by_meaning: bool = False) -> MemoryStore:
        """Open the store that the call means.

        Args:
            by_meaning: Compare meaning too, where the extra `semantic` is installed and nobody says otherwise.
        """
        from agent_memory.cli.progress import progress
        from agent_memory.files import discover
        from agent_memory.store import MemoryStore, local_time

        place = discover.find(Path.cwd(), os.environ, root=self.root)
        embedder = self._embedder() if by_meaning else None
        store = MemoryStore.open(place, clock=self.clock or local_time, progress=progress(), embedder=embedder)
        if store.recovered:
            note(store.recovered)
        return store

    def _embedder(self) -> Embedder | None:
        if self.no_semantic or os.environ.get("MEMORY_SEMANTIC") == "0":
            return None
        from agent_memory.index import embedding

        return None if embedding.missing() else embedding.MiniLM()


pass_call = click.make_pass_decorator(Call, ensure=True)


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Note an option in the call, whether it stands before or after the command."""
    if value:
        setattr(ctx.ensure_object(Call), str(param.name), value)


def _keep_root(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    from agent_memory.files import discover

    discover.check_named(value)
    _keep(ctx, param, value)


def root_option(function: F) -> F:
    """Add `--root`."""
    return click.option(
        "--root",
        metavar="FOLDER",
        expose_value=False,
        callback=_keep_root,
        help="The store, or a project that has one.",
    )(function)


def json_option(function: F) -> F:
    """Add `--json`."""
    return click.option(
        "--json", is_flag=True, expose_value=False, callback=_keep, help="Answer in JSON (see docs/output.md)."
    )(function)


def semantic_option(function: F) -> F:
    """Add `--no-semantic`."""
    text = "Compare words only, also where the extra `semantic` is installed (the same: MEMORY_SEMANTIC=0)."
    return click.option("--no-semantic", is_flag=True, expose_value=False, callback=_keep, help=text)(function)


def shared_options(function: F) -> F:
    """Add the options that every command has."""
    return root_option(json_option(function))


def agent_option(text: str, *, required: bool = False) -> Callable[[F], F]:
    """Add `--agent`."""
    return click.option("--agent", metavar="NAME", required=required, help=text, shell_complete=complete_agent)


def reader_option(function: F) -> F:
    """Add `--as`."""
    text = "Who reads, its private memories included; else the agent."
    return click.option("--as", "reader", metavar="NAME", help=text, shell_complete=complete_agent)(function)


class Day(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A day, written 2026-03-02."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:  # noqa: ARG002
        """Read a day."""
        return value if isinstance(value, date) else day_of(_name(param), value)


def day_of(name: str, text: str) -> date:
    """Read a day; other forms that Python would take are refused, so that one form stands in all files.

    Args:
        name: What is given, for the error.
    """
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise Usage(f"{name} {text!r} is not a day", hint="write it as YYYY-MM-DD, such as 2026-03-02") from None


class Count(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A whole number from 1 to 999,999,999."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ARG002
        """Read a number."""
        if str(value).isdecimal() and len(str(value)) < 10 and int(value) > 0:
            return int(value)
        raise Usage(f"{_name(param)} {value!r} is not a whole number from 1 to 999,999,999", hint="such as 10")


class OneOf(click.Choice):  # type: ignore[type-arg]  # generic since click 8.2 only
    """One of a few words; the nearest is offered for any other."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        """Take one of the words as it is."""
        if value in self.choices:
            return value
        import difflib

        near = difflib.get_close_matches(str(value), self.choices, n=1)
        words = f"it is one of {', '.join(self.choices)}"
        raise Usage(f"{_name(param)} cannot be {value!r}", hint=f"did you mean {near[0]}?" if near else words)


def _name(param: click.Parameter | None) -> str:
    if param is None:
        return "the value"
    return param.opts[0] if isinstance(param, click.Option) else str(param.metavar or param.name).upper()


DAY = Day()
COUNT = Count()


def listed(values: Sequence[str]) -> list[str]:
    """Return the parts of values that may hold several, separated by commas."""
    return [part for value in values for item in value.split(",") if (part := item.strip())]


class Command(click.Command):
    """A command whose help ends in examples.

    Args:
        examples: Calls that work, a line each.
    """

    def __init__(self, *args: Any, examples: Sequence[str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the examples as they are, unwrapped."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"  {example}\n")


class QueryCommand(Command):
    """A command whose words are a query, in which `-word` means "without this word".

    It has no short options but `-h`, and an unknown word that begins with one dash belongs to the query. A word that
    begins with two dashes is taken for a misspelt option, unless it holds a blank or stands behind `--`.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        settings["context_settings"] = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
        super().__init__(*args, **settings)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse what looks like an option and is none."""
        end = args.index("--") if "--" in args else len(args)
        known = [name for param in self.get_params(ctx) for name in param.opts if name.startswith("--")]
        for word in args[:end]:
            name = word.partition("=")[0]
            if re.fullmatch(r"--[\w-]+", name) and name not in known:
                raise self._no_such_option(name, known)
        words = ["--help" if word == "-h" else word for word in args[:end]]
        return super().parse_args(ctx, words + args[end:])

    def _no_such_option(self, name: str, known: list[str]) -> Usage:
        import difflib

        near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
        quoted = f"o search for the text: memory {self.name} -- {name}"
        return Usage(f"no option {name}", hint=f"did you mean {near[0]}? T{quoted}" if near else f"t{quoted}")


# -- completion -------------------------------------------------------------------------------------------------------


def complete_reference(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer ids of memories; a failure offers nothing, because a shell has no place for it."""
    from click.shell_completion import CompletionItem

    try:
        with ctx.ensure_object(Call).store() as store:
            records = store.list(archived=True) + _own(store, ctx.params.get("reader") or ctx.params.get("agent"))
    except Exception:  # noqa: BLE001
        return []
    found = {r.id: r.name for r in records if r.id.startswith(incomplete)}
    return [CompletionItem(id_, help=name) for id_, name in found.items()]


def _own(store: MemoryStore, agent: str | None) -> tuple[Record, ...]:
    """The memories of who reads, the private ones among them."""
    return store.list(agent=agent, archived=True) if agent else ()


def complete_agent(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer names of agents."""
    from click.shell_completion import CompletionItem

    try:
        with ctx.ensure_object(Call).store() as store:
            agents = store.agents()
    except Exception:  # noqa: BLE001
        return []
    return [CompletionItem(agent) for agent in agents if agent.startswith(incomplete)]


references = click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_reference)
