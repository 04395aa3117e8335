"""The command line: words in, words out. One file is one command; `program` finds them."""

from __future__ import annotations


def main() -> None:
    """Run the command `memory` with the words of this process, and end the process with its exit code."""
    from agent_memory.cli.program import program

    program.main(prog_name="memory")
