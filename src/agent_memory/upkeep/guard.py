"""How much of an agent's text may leave its folder in one run."""

from __future__ import annotations

from agent_memory.errors import Conflict
from agent_memory.upkeep.plan import Plan

_FEW = 3
"""Memories of one agent that may always go: of three notes one is a large share."""


def check(plan: Plan) -> None:
    """Refuse a plan that takes too much of an agent's active text out of its folder; what digests keep does not count.

    Raises:
        Conflict: Names the agent and the share.
    """
    moved = {folder.agent: 0 for folder in plan.folders}
    for action in plan.actions:
        moved[action.agent] += len(action.sources)
    for folder in plan.folders:
        share = 1 - folder.after / folder.before if folder.before else 0.0
        if share > plan.archive_share and moved[folder.agent] > _FEW:
            raise Conflict(
                f"{share:.0%} of the active text of {folder.agent} would go, more than the {plan.archive_share:.0%} "
                "that one run may take; nothing was done",
                hint="look at the plan with: memory compact, then accept it with: memory compact --apply --force",
            )
