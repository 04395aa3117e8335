"""Moving several memories one after another: what was done is told even where one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from agent_memory.cli.render import put, visible

if TYPE_CHECKING:
    from agent_memory.cli.options import Call


def move_each(call: Call, ids: Iterable[str], move: Callable[[str], dict[str, object]]) -> None:
    """Move memories, and print the id of each.

    Commands look up all memories before they move the first, so that a slip of the pen moves nothing.

    Args:
        move: Moves one memory and returns what JSON tells of it, its `id` among that.
    """
    moved: list[dict[str, object]] = []
    try:
        for reference in ids:
            moved.append(move(reference))
            if not call.json:
                put(visible(str(moved[-1]["id"])))
    finally:
        if call.json and moved:
            from agent_memory.cli.json_output import print_json

            print_json({"memories": moved})
