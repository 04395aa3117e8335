"""`memory timeline`: how the folders grew and shrank, as a chart on the terminal or a page of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent_memory.cli.failure import Usage
from agent_memory.cli.options import Call, Command, pass_call, shared_options
from agent_memory.cli.render import bold, columns, dim, note, on_terminal, plural, put, visible
from agent_memory.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from agent_memory.upkeep.timeline import Mark, Point, Timeline

_BLOCKS = " ▏▎▍▌▋▊▉█"
_STEPS = "▁▂▃▄▅▆▇█"


@click.command(
    "timeline",
    cls=Command,
    short_help="Show how the folders grew and shrank.",
    examples=(
        "memory timeline",
        "memory timeline --out growth.svg",
        "memory timeline --out growth.html",
    ),
)
@click.option("--out", metavar="FILE", help="Write the chart to a page of its own: FILE.svg or FILE.html.")
@shared_options
@pass_call
def command(call: Call, out: str | None) -> None:
    """Show how the folders grew and shrank: memories and tokens at the end of each month, and the compactions.

    Off a terminal the rows are tab-separated, without a header: month, agent, memories, tokens.
    """
    if out is not None and not out.endswith((".svg", ".html")):
        raise Usage(f"--out {out!r} is neither .svg nor .html", hint="name it after what it shall be")
    if out is not None and not Path(out).parent.is_dir():
        raise NotFound(f"no folder {Path(out).parent}", hint="--out names a file that will be written")
    with call.store() as store:
        found = store.timeline()
    if out is not None:
        from agent_memory.cli import chart

        page = chart.svg(found) if out.endswith(".svg") else chart.html(found)
        Path(out).write_text(page, encoding="utf-8")
        put(out)
    elif call.json:
        from agent_memory.cli.json_output import print_json

        print_json(_values(found))
    elif on_terminal():
        _draw(found)
    else:
        for agent, points in found.agents.items():
            for month, point in zip(found.months, points, strict=True):
                put(f"{month:%Y-%m}\t{visible(agent)}\t{point.memories}\t{point.tokens}")
    if found.ahead and not call.json:
        said = f"{plural(found.ahead, 'memory is', 'memories are')} of a day to come and not counted yet"
        note(f"{said}; see: memory list 'date:>today'")


def _values(found: Timeline) -> dict[str, object]:
    return {
        "months": [f"{month:%Y-%m}" for month in found.months],
        "total": [_of_point(point) for point in found.total],
        "agents": [
            {"agent": agent, "points": [_of_point(point) for point in points]} for agent, points in found.agents.items()
        ],
        "compactions": [
            {
                "id": mark.id, "date": mark.day.isoformat(), "undone": mark.undone.isoformat() if mark.undone else None,
                "moved": mark.moved, "tokens_before": mark.tokens_before, "tokens_after": mark.tokens_after,
            }
            for mark in found.compactions
        ],
        "ahead": found.ahead,
    }  # fmt: skip


def _of_point(point: Point) -> dict[str, int]:
    return {"memories": point.memories, "tokens": point.tokens}


# -- on a terminal ----------------------------------------------------------------------------------------------------


def _draw(found: Timeline) -> None:
    if not found.months:
        put("no memories yet")
        return
    now = found.total[-1]
    put(f"{plural(now.memories, 'memory', 'memories')}, about {now.tokens:,} tokens\n")
    put(bold(f"{'month':<9}{'memories':>9}{'tokens':>12}"))
    most = max(point.tokens for point in found.total) or 1
    room = max(10, columns() - 52)
    for month, point in _shown(found):
        bar = _bar(point.tokens / most, room)
        marks = "  ".join(_marked(mark) for mark in found.compactions if mark.day.replace(day=1) == month)
        put(f"{month:%Y-%m}  {point.memories:>9,}{point.tokens:>12,}  {click.style(bar, fg='cyan')} {marks}".rstrip())
    put(f"\n{bold('tokens by agent')}, in the order of their largest months")
    width = max(map(len, found.agents))
    for agent, points in found.agents.items():
        line = _spark(points, most=max(point.tokens for point in points) or 1)
        put(f"{visible(agent):<{width}}  {line}  {points[-1].tokens:,}")


_MOST_MONTHS = 36


def _shown(found: Timeline) -> list[tuple[date, Point]]:
    pairs = list(zip(found.months, found.total, strict=True))
    if len(pairs) > _MOST_MONTHS:
        put(dim(f"the last {_MOST_MONTHS} of {len(pairs)} months; --out and --json have all"))
    return pairs[-_MOST_MONTHS:]


def _marked(mark: Mark) -> str:
    change = f"{mark.tokens_before:,} to {mark.tokens_after:,}"
    return dim(f"◇ undone: {change}") if mark.undone else click.style(f"◆ {change}", fg="yellow")


def _bar(share: float, room: int) -> str:
    eighths = round(max(share, 0) * room * 8)
    return "█" * (eighths // 8) + (_BLOCKS[eighths % 8] if eighths % 8 else "")


def _spark(points: Sequence[Point], *, most: int) -> str:
    return "".join(_STEPS[min(7, max(point.tokens, 0) * 8 // most)] for point in points[-_MOST_MONTHS:])
