"""The command `memory`: finds its subcommands without importing them all, and ends every call in an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from agent_memory.cli import failure
from agent_memory.cli.options import Call, json_option, root_option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Mapping[str, Mapping[str, str]] = {
    "Read": {
        "search": "Find memories by a query, best first.",
        "first-step": "Print what the team knows that matters for a task.",
        "list": "List memories, newest first.",
        "show": "Print memories in full.",
        "receipts": "List the newest briefings and what came of them.",
        "why": "Tell in which briefings a memory was handed over.",
    },
    "Write": {
        "add": "Write a new memory.",
        "edit": "Change the text or the front matter of a memory.",
        "consult": "Ask another agent; it sees the question at its next First Step.",
        "answer": "Answer a question and close it.",
        "supersede": "Note that one memory replaces another.",
        "archive": "Move memories to the archive.",
        "restore": "Bring memories back from the archive or the trash.",
        "trash": "Move memories out of sight.",
        "feedback": "Note which memories of a briefing helped.",
    },
    "Care": {
        "init": "Create a memory store.",
        "sync": "Make the index equal to the files.",
        "watch": "Keep the index current while files change.",
        "compact": "Move what is over to the archive, old notes into digests.",
        "undo": "Take a compaction back, to the byte.",
        "timeline": "Show how the folders grew and shrank.",
        "doctor": "Prove that the index equals the files.",
        "stats": "Count memories, agents and tokens.",
        "eval": "Measure how well the store answers tasks.",
        "completion": "Print the completion script of a shell.",
    },
    "Runners": {
        "install": "Let an agent runner brief its agents.",
        "uninstall": "Take out what install wrote.",
        "hook": "Answer an event of an agent runner.",
        "mcp": "Serve the store to clients of the Model Context Protocol.",
        "export": "Write memories in the form that another program reads.",
        "import": "Take over the notes of another program.",
    },
}
"""Group -> command -> its short help; the module is named like the command."""

SHORT_HELP = {name: text for group in COMMANDS.values() for name, text in group.items()}


class Program(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of the help."""
        return list(SHORT_HELP)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in SHORT_HELP:
            return None
        name = "import_" if cmd_name == "import" else cmd_name.replace("-", "_")  # Python has the word for itself
        module = importlib.import_module(f"agent_memory.cli.{name}")
        command: click.Command = module.command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Answer a call without words with the help, as an error."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was named; offer the nearest where there is none."""
        name = args[0]
        if name in SHORT_HELP or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        import difflib

        near = difflib.get_close_matches(name, SHORT_HELP, n=1, cutoff=0.6)
        raise failure.Usage(f"no command {name!r}", hint=f"did you mean {near[0]}?" if near else "see: memory --help")

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that went away is told apart here, because click would end with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise failure.ReaderGone from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands of the help from the table, without importing them."""
        for group, commands in COMMANDS.items():
            with formatter.section(group):
                formatter.write_dl(list(commands.items()), col_max=14)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command from the table."""
        from click.shell_completion import CompletionItem

        items = [CompletionItem(name, help=text) for name, text in SHORT_HELP.items() if name.startswith(incomplete)]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run one call and end the process: nothing leaves here but an exit code."""
        words = sys.argv[1:] if args is None else list(args)
        call = extra.setdefault("obj", Call())
        extra["standalone_mode"] = False
        sys.exit(failure.guarded(lambda: super(Program, self).main(words, prog_name or "memory", **extra), call, words))


@click.command(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="The store is found by --root, MEMORY_ROOT, CLAUDE_PROJECT_DIR, or upwards from the working directory.",
)
@root_option
@json_option
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, help="Print the version and exit.",
              callback=lambda ctx, _, wanted: _print_version(ctx) if wanted else None)  # fmt: skip
@click.pass_context
def program(ctx: click.Context) -> None:
    """Dated Markdown memories for teams of AI coding agents."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def _print_version(ctx: click.Context) -> NoReturn:
    from agent_memory import __version__

    click.echo(f"memory {__version__}")
    ctx.exit()
