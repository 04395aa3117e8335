"""`memory answer`: the answer to a question, which closes it."""

from __future__ import annotations

import click

from agent_memory.cli.options import Call, Command, agent_option, pass_call, shared_options


@click.command(
    "answer",
    cls=Command,
    short_help="Answer a question and close it.",
    examples=('memory answer api-engineer/2026-07-01-may-a-retry --agent worker-engineer "No: it is a row then."',),
)
@click.argument("id", metavar="ID")
@click.argument("text")
@agent_option("Who answers; one of those who were asked.", required=True)
@shared_options
@pass_call
def command(call: Call, id: str, text: str, agent: str) -> None:  # noqa: A002  the word for it everywhere
    """Answer a question and close it.

    The answer is a memory of the answerer; of the asker's file only the status changes.
    """
    with call.store() as store:
        memory = store.answer(id, agent=agent, text=text)
    if call.json:
        from agent_memory.cli.json_output import of_written, print_json

        print_json(of_written(memory))
        return
    click.echo(memory.id)
