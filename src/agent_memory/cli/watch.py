"""`memory watch`: the index stays current while somebody works on the files."""

from __future__ import annotations

import sys
import time

import click

from agent_memory.cli.options import Call, Command, pass_call, semantic_option, shared_options
from agent_memory.cli.render import dim, put, say, visible
from agent_memory.cli.sync import summary


@click.command(
    "watch",
    cls=Command,
    short_help="Keep the index current while files change.",
    examples=("memory watch --json",),
)
@semantic_option
@shared_options
@pass_call
def command(call: Call) -> None:
    """Keep the index current while files change, and tell each change. Ctrl-C ends it.

    What a command writes, it indexes itself: nothing is told of that. No other command needs this: they all sync
    first. It spares long-lived readers that work.
    """
    with call.store(by_meaning=True) as store:
        if not call.json:
            say(f"watching {visible(str(store.root))}, Ctrl-C ends")
        try:
            for report in store.watch():
                if call.json:
                    from agent_memory.cli.json_output import of_report, print_json

                    print_json(of_report(report), line=True)
                else:
                    put(f"{dim(time.strftime('%H:%M:%S'))} {summary(report)}")
                sys.stdout.flush()
        except KeyboardInterrupt:
            return
