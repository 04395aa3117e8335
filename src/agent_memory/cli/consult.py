"""`memory consult`: a question that waits for another agent's next First Step."""

from __future__ import annotations

import click

from agent_memory.cli.options import Call, Command, pass_call, shared_options


@click.command(
    "consult",
    cls=Command,
    short_help="Ask another agent; it sees the question at its next First Step.",
    examples=('memory consult --from api-engineer --to worker-engineer "May a retry outlive its message?"',),
)
@click.option("--from", "sender", metavar="AGENT", required=True, help="Who asks.")
@click.option("--to", metavar="AGENT", required=True, help="Who is asked; several with commas.")
@click.option("--topic", metavar="TEXT", help="The title, instead of the question's first words.")
@click.argument("question")
@shared_options
@pass_call
def command(call: Call, sender: str, to: str, topic: str | None, question: str) -> None:
    """Ask another agent; it sees the question at its next First Step."""
    with call.store() as store:
        memory = store.consult(sender=sender, to=to, question=question, topic=topic)
    if call.json:
        from agent_memory.cli.json_output import of_written, print_json

        print_json(of_written(memory))
        return
    click.echo(memory.id)
