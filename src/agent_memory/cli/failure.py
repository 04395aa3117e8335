"""What goes wrong, as one line with a next step and an exit code; never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from agent_memory.cli.render import flowed, say, visible
from agent_memory.errors import InvalidQuery, MemoryStoreError

if TYPE_CHECKING:
    from agent_memory.cli.options import Call

INTERRUPTED = 130  # as a shell reports a process that SIGINT ended
READER_GONE = 141  # as a shell reports a process that SIGPIPE ended: the output is not complete


class Usage(MemoryStoreError):
    """The words of the call make no sense."""

    exit_code = 2


class ReaderGone(Exception):
    """The program that reads our output has closed the pipe."""


def guarded(run: Callable[[], object], call: Call, words: Sequence[str]) -> int:
    """Run one call and return its exit code; say on stderr what went wrong.

    Args:
        run: Returns an exit code, or anything else for success.
        words: The words of the call, in which `--json` may stand although parsing did not come to it.
    """
    _speak_every_alphabet()
    try:
        code = run()
        if sys.stdout is not None and not sys.stdout.closed:  # None: closed from the start; the SDK of MCP closes it
            sys.stdout.flush()
    except (ReaderGone, BrokenPipeError):
        _silence_stdout()
        return READER_GONE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  the outermost handler: whatever it is, people get a line
        return _report(error, call, as_json=call.json or "--json" in _before_dashes(words))
    return code if isinstance(code, int) else 0


def _report(error: Exception, call: Call, *, as_json: bool) -> int:
    kind, message, hint, code = _told(error)
    position = error.position if isinstance(error, InvalidQuery) else None
    if as_json:
        from agent_memory.cli.json_output import error_line

        say(error_line(kind, message, hint, code, position))
    else:
        text = flowed(f"memory: {visible(message)}", sys.stderr)
        name = "memory:" if os.environ.get("NO_COLOR") else click.style("memory:", fg="red")
        say(name + text.removeprefix("memory:"))
        if position is not None:
            _point_at(call.query, position)
        if hint:
            say(flowed(f"  hint: {visible(hint)}", sys.stderr))
    if kind == "Internal" and os.environ.get("MEMORY_DEBUG"):
        import traceback

        traceback.print_exception(error)
    return code


def _told(error: Exception) -> tuple[str, str, str, int]:
    """Kind, message, hint and exit code of an error."""
    if isinstance(error, MemoryStoreError):
        return type(error).__name__, error.message, error.hint, error.exit_code
    if isinstance(error, click.UsageError):
        return "Usage", _plain(error), _next_step(error), 2
    if isinstance(error, click.ClickException):
        return "Failed", _lower(error.format_message()), "", 1
    if isinstance(error, OSError):
        named = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return "System", f"{named}{error.strerror or error}", "", 1
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return "Internal", f"internal error: {what}", "please report this; MEMORY_DEBUG=1 shows where it happened", 1


def _plain(error: click.UsageError) -> str:
    """The message of click, in the form of ours."""
    if isinstance(error, click.NoSuchOption):
        return f"no option {error.option_name}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        if isinstance(error.param, click.Argument):
            return f"missing argument {str(error.param.metavar or error.param.name).rstrip('.')}"
        return f"missing option {error.param.opts[0]}"
    return _lower(error.format_message())


def _next_step(error: click.UsageError) -> str:
    see = f"see: {error.ctx.command_path if error.ctx else 'memory'} --help"
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        return f"did you mean {error.possibilities[0]}? {see}"
    return see


def _lower(message: str) -> str:
    first = message[:2]
    return (message if first.isupper() else message[:1].lower() + message[1:]).rstrip(".")


def _point_at(query: str, position: int) -> None:
    """Show the query with a mark under the place that does not parse."""
    line = visible(query)
    if "\n" not in query and len(line) == len(query) and len(query) <= 100:
        say(f"  {line}\n  {' ' * position}^")
    elif query:
        say(f"  at character {position + 1}: {visible(query[position : position + 40])}")


def _before_dashes(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words


def _speak_every_alphabet() -> None:
    """Let a terminal that lacks a character show another one, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")


def _silence_stdout() -> None:
    """Send what is still buffered to nowhere, so that the interpreter does not complain at its end."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
