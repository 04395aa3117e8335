"""Options that several commands share, and what they say about a call."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent_memory.cli.failure import Usage

if TYPE_CHECKING:
    from datetime import datetime

    from click.shell_completion import CompletionItem

    from agent_memory.store import MemoryStore

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True, kw_only=True)
class Call:
    """What one call of the program says beyond the words of its command.

    Attributes:
        root: The store, as `--root` names it.
        json: Answer in JSON.
        query: The query that is being answered, so that an error can point into it.
        clock: The time; None is the time now.
    """

    root: str | None = None
    json: bool = False
    query: str = ""
    clock: Callable[[], datetime] | None = None

    def store(self) -> MemoryStore:
        """Open the store that the call means."""
        from agent_memory.cli.progress import progress
        from agent_memory.files import discover
        from agent_memory.store import MemoryStore, local_time

        place = discover.find(Path.cwd(), os.environ, root=self.root)
        return MemoryStore.open(place, clock=self.clock or local_time, progress=progress())


pass_call = click.make_pass_decorator(Call, ensure=True)


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Note an option in the call, whether it stands before or after the command."""
    if value:
        setattr(ctx.ensure_object(Call), str(param.name), value)


def root_option(function: F) -> F:
    """Add `--root`."""
    return click.option(
        "--root", metavar="FOLDER", expose_value=False, callback=_keep, help="The store, or a project that has one."
    )(function)


def json_option(function: F) -> F:
    """Add `--json`."""
    return click.option(
        "--json", is_flag=True, expose_value=False, callback=_keep, help="Answer in JSON (see docs/output.md)."
    )(function)


def shared_options(function: F) -> F:
    """Add the options that every command has."""
    return root_option(json_option(function))


def agent_option(text: str, *, required: bool = False) -> Callable[[F], F]:
    """Add `--agent`."""
    return click.option("--agent", metavar="NAME", required=required, help=text, shell_complete=complete_agent)


class Day(click.ParamType):
    """A day, written 2026-03-02."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read a day; other forms that Python would take are refused, so that one form stands in all files."""
        if isinstance(value, date):
            return value
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                raise ValueError(value)
            return date.fromisoformat(value)
        except ValueError:
            name = param.opts[0] if param else "the date"
            raise Usage(f"{name} {value!r} is not a day", hint="write it as YYYY-MM-DD, such as 2026-03-02") from None


DAY = Day()


def listed(values: Sequence[str]) -> list[str]:
    """Return the parts of values that may hold several, separated by commas."""
    return [part for value in values for item in value.split(",") if (part := item.strip())]


class QueryCommand(click.Command):
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
        quoted = f"to search for it: memory {self.name} -- {name}"
        return Usage(f"no option {name}", hint=f"did you mean {near[0]}? {quoted}" if near else quoted)


# -- completion -------------------------------------------------------------------------------------------------------


def complete_reference(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer ids of memories; a failure offers nothing, because a shell has no place for it."""
    from click.shell_completion import CompletionItem

    try:
        with ctx.ensure_object(Call).store() as store:
            records = store.list(archived=True)
    except Exception:  # noqa: BLE001
        return []
    return [CompletionItem(r.id, help=r.name) for r in records if r.id.startswith(incomplete)]


def complete_agent(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer names of agents."""
    from click.shell_completion import CompletionItem

    try:
        with ctx.ensure_object(Call).store() as store:
            agents = {r.agent for r in store.list(archived=True)}
    except Exception:  # noqa: BLE001
        return []
    return [CompletionItem(agent) for agent in sorted(agents) if agent.startswith(incomplete)]


references = click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_reference)
