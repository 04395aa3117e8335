"""`memory completion`: the script that teaches a shell our commands, options, agents and ids."""

from __future__ import annotations

import click

from agent_memory.cli.options import Call, pass_call, shared_options
from agent_memory.cli.render import put


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@shared_options
@pass_call
@click.pass_context
def command(ctx: click.Context, call: Call, shell: str) -> None:
    """Print the completion script of a shell.

    \b
      eval "$(memory completion bash)"                                    # in ~/.bashrc
      eval "$(memory completion zsh)"                                     # in ~/.zshrc
      memory completion fish > ~/.config/fish/completions/memory.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, "memory", "_MEMORY_COMPLETE").source()
    if call.json:
        from agent_memory.cli.json_output import print_json

        print_json({"shell": shell, "script": script})
    else:
        put(script)
