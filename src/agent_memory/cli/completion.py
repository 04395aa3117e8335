"""`memory completion`: the script that teaches a shell our commands, options, agents and ids."""

from __future__ import annotations

import click

from agent_memory.cli.options import Call, Command, OneOf, pass_call, shared_options
from agent_memory.cli.render import put


@click.command(
    "completion",
    cls=Command,
    short_help="Print the completion script of a shell.",
    examples=(
        'eval "$(memory completion bash)"                                    # in ~/.bashrc',
        'eval "$(memory completion zsh)"                                     # in ~/.zshrc',
        "memory completion fish > ~/.config/fish/completions/memory.fish",
    ),
)
@click.argument("shell", type=OneOf(("bash", "zsh", "fish")))
@shared_options
@pass_call
@click.pass_context
def command(ctx: click.Context, call: Call, shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, "memory", "_MEMORY_COMPLETE").source()
    if call.json:
        from agent_memory.cli.json_output import print_json

        print_json({"shell": shell, "script": script})
    else:
        put(script)
