"""The command line: words in, words out. One file is one command; `program` finds them."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def main() -> NoReturn:
    """Run the command `memory` with the words of this process, and end the process with its exit code."""
    gc.set_threshold(100_000)  # what imports make is no garbage; looking for it takes 3 % of a process that lives 0.1 s
    if calls_hook(sys.argv[1:]):
        try:
            from agent_memory.cli.unattended import hook

            hook(sys.argv[1:])
        except BaseException as error:  # noqa: BLE001  Ctrl-C, or half an installation
            os.write(2, f"memory: hook: {type(error).__name__}: {error}\n".encode("utf-8", "backslashreplace"))
        finally:
            os._exit(0)  # whatever happened: another code would block a prompt or keep an agent running
    from agent_memory.cli.program import program

    try:
        program.main(prog_name="memory")
    except SystemExit as end:
        if sys.stderr is not None:
            sys.stderr.flush()
        # Every file is closed and stdout is flushed. Taking modules apart one by one would cost a tenth of a search.
        os._exit(end.code if isinstance(end.code, int) else 0)


def calls_hook(words: Sequence[str]) -> bool:
    """Whether the words call `memory hook` and do not ask for its help."""
    rest = iter(words)
    for word in rest:
        if word == "--root":
            next(rest, "")
        elif not word.startswith("-"):
            return word == "hook" and not {"-h", "--help"} & {*words}
    return False
