"""`python -m agent_memory` is the command `memory`."""

from __future__ import annotations

from agent_memory.cli import main

main()
