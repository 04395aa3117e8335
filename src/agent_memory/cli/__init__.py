"""The command line: words in, words out. One file is one command; `program` finds them."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command `memory` with the words of this process, and end the process with its exit code."""
    from agent_memory.cli.program import program

    try:
        program.main(prog_name="memory")
    except SystemExit as end:
        if sys.stderr is not None:
            sys.stderr.flush()
        # Every file is closed and stdout is flushed. Taking modules apart one by one would cost a tenth of a search.
        os._exit(end.code if isinstance(end.code, int) else 0)
