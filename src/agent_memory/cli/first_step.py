"""`memory first-step`: what the team knows that matters for a task, inside a budget of tokens."""

from __future__ import annotations

import sys
from typing import Any

import click

from agent_memory.cli.failure import Usage
from agent_memory.cli.options import COUNT, DAY, Call, Command, agent_option, pass_call, semantic_option, shared_options
from agent_memory.cli.render import flowed, note, on_terminal, readable

CARDS = ".claude/agents/"
"""Where the paths of cards begin; doctor says nothing of cards, so their problems are told here."""


@click.command(
    "first-step",
    cls=Command,
    short_help="Print what the team knows that matters for a task.",
    examples=(
        'memory first-step --agent api-engineer --task "Webhooks time out, add retries"',
        "memory first-step --agent api-engineer --task-file - < issue.md",
    ),
)
@agent_option("Who starts the task.", required=True)
@click.option("--task", metavar="TEXT", help="What the agent was told, as it is.")
@click.option("--task-file", metavar="FILE", help="A file that holds the task; - is stdin.")
@click.option(
    "--budget", metavar="N", type=COUNT, default=2000, show_default=True, help="Tokens at most (4 bytes each)."
)
@click.option("--budget-bytes", metavar="N", type=COUNT, help="Bytes at most, where that is less.")
@click.option("--file", "files", metavar="PATH", multiple=True, help="A file that the task touches; repeatable.")
@click.option("--branch", metavar="NAME", default="", help="The branch of the work; its words count as the task's.")
@click.option("--now", metavar="DAY", type=DAY, help="The day of the task, instead of today.")
@click.option("--git/--no-git", default=True, help="Ask git whether files that memories name have changed (default).")
@semantic_option
@shared_options
@pass_call
def command(call: Call, /, agent: str, task: str | None, task_file: str | None, **how: Any) -> None:
    """Print what the team knows that matters for a task.

    Nothing in the task is syntax. The answer is Markdown for the agent to read at its First Step: the memories that
    matter, with author, age and status, and what was left out; or one line where nothing is relevant.
    """
    if (task is None) == (task_file is None):
        raise Usage("give the task with --task or with --task-file, one of them", hint="see: memory first-step --help")
    if task_file is not None:
        from agent_memory.cli.body_input import read_text

        task = read_text(task_file)
    with call.store(by_meaning=True) as store:
        briefing = store.first_step(agent=agent, task=task or "", **how)
    if call.json:
        from agent_memory.cli.json_output import of_briefing, print_json

        print_json(of_briefing(briefing))
        return
    click.echo(flowed(readable(briefing.markdown), sys.stdout) if on_terminal() else briefing.markdown, nl=False)
    of_card = [problem for problem in briefing.problems if problem.path.startswith(CARDS)]
    note(briefing.fallback, [p for p in briefing.problems if p not in of_card], [str(problem) for problem in of_card])
