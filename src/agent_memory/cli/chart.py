"""The line of time as a picture that stands alone: no script, no font, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from agent_memory.cli.render import visible

if TYPE_CHECKING:
    from agent_memory.upkeep.timeline import Mark, Timeline

_WIDTH, _HEIGHT = 960, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 200, 64, 48
_COLORS = (
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948",
    "#b07aa1", "#ff9da7", "#9c755f", "#86bcb6", "#d37295", "#a0cbe8",
)  # fmt: skip
_MOST_AGENTS = 11
"""Agents with a colour of their own; the smaller ones share the last."""
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-size: 16px; font-weight: 600 } .quiet { fill: #777 } .axis { stroke: #ddd }
.mark { stroke: #c0392b; stroke-dasharray: 4 3 } .marked { fill: #c0392b; font-weight: 600 } .ground { fill: #fff }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .quiet { fill: #999 } .axis { stroke: #444 } .ground { fill: #1b1b1b }
  .mark { stroke: #ff8a7a } .marked { fill: #ff8a7a }
}
"""


def svg(found: Timeline) -> str:
    """Return the chart as an SVG file."""
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    label = 'role="img" aria-label="Tokens of the folders of all agents, month by month"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {label}>',
            f"<style>{_STYLE}</style>",
            f'<rect class="ground" width="{_WIDTH}" height="{_HEIGHT}"/>',
            *_content(found),
            "</svg>\n",
        ]
    )


def html(found: Timeline) -> str:
    """Return a page with the chart, and its numbers as tables."""
    rows = "".join(
        f"<tr><td>{month:%Y-%m}</td><td>{point.memories:,}</td><td>{point.tokens:,}</td></tr>"
        for month, point in zip(found.months, found.total, strict=True)
    )
    runs = "".join(
        f"<tr><td>{mark.day}</td><td>{escape(mark.id)}</td><td>{mark.moved:,}</td><td>{mark.tokens_before:,}</td>"
        f"<td>{mark.tokens_after:,}</td><td>{mark.undone or ''}</td></tr>"
        for mark in found.compactions
    )
    compactions = (
        "<h2>Compactions</h2><table><tr><th>day<th>id<th>moved<th>tokens before<th>tokens after<th>undone</tr>"
        f"{runs}</table>"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>Memory timeline</title>\n'
        "<style>body { font: 14px system-ui, sans-serif; margin: 2rem; color-scheme: light dark } svg {"
        " max-width: 100%; height: auto } td, th { padding: .2rem .8rem; text-align: right }"
        " td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left }</style>\n"
        f"{svg(found)}<h2>Months</h2><table><tr><th>month<th>memories<th>tokens</tr>{rows}</table>"
        f"{compactions if found.compactions else ''}</html>\n"
    )


def _content(found: Timeline) -> Iterator[str]:
    if not found.months:
        yield '<text class="title" x="24" y="36">no memories yet</text>'
        return
    now = found.total[-1]
    yield '<text class="title" x="24" y="30">Tokens of the agents\' folders</text>'
    yield f'<text class="quiet" x="24" y="48">{now.memories:,} memories, about {now.tokens:,} tokens now</text>'
    scale = _Scale(found)
    yield from scale.grid()
    yield from _areas(found, scale)
    for number, mark in enumerate(found.compactions):
        yield from _mark(mark, number, scale)


class _Scale:
    """From months and tokens to places in the picture."""

    def __init__(self, found: Timeline) -> None:
        self.months = found.months
        self.most = _round_up(max((point.tokens for point in found.total), default=1))
        for mark in found.compactions:
            self.most = max(self.most, _round_up(mark.tokens_before))

    def x(self, index: float) -> float:
        return _LEFT + index * (_WIDTH - _LEFT - _RIGHT) / max(len(self.months) - 1, 1)

    def y(self, tokens: float) -> float:
        return _HEIGHT - _BOTTOM - max(tokens, 0) * (_HEIGHT - _TOP - _BOTTOM) / self.most

    def grid(self) -> Iterator[str]:
        for step in range(5):
            tokens = self.most * step // 4
            y = self.y(tokens)
            yield f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="quiet" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tokens:,}</text>'
        every = -(-len(self.months) // 12)
        for index in range(0, len(self.months), every):
            x = self.x(index)
            label = (
                f"{self.months[index]:%b %Y}"
                if every > 1 or index == 0 or self.months[index].month == 1
                else f"{self.months[index]:%b}"
            )
            yield f'<text class="quiet" x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{label}</text>'


def _areas(found: Timeline, scale: _Scale) -> Iterator[str]:
    """Yield one band for each agent, the largest at the bottom, and its name beside it."""
    bands = [(agent, [point.tokens for point in points]) for agent, points in found.agents.items()]
    if len(bands) > _MOST_AGENTS + 1:
        rest = [sum(values) for values in zip(*(tokens for _, tokens in bands[_MOST_AGENTS:]), strict=True)]
        bands = [*bands[:_MOST_AGENTS], (f"{len(bands) - _MOST_AGENTS} others", rest)]
    below: Sequence[float] = [0] * len(found.months)
    if len(found.months) == 1:  # one month has no width
        bands = [(agent, [tokens[0], tokens[0]]) for agent, tokens in bands]
        below = [0, 0]
    for number, (agent, tokens) in enumerate(bands):
        above = [low + high for low, high in zip(below, tokens, strict=True)]
        points = [f"{scale.x(i):.1f},{scale.y(v):.1f}" for i, v in enumerate(above)]
        points += [f"{scale.x(i):.1f},{scale.y(v):.1f}" for i, v in reversed(list(enumerate(below)))]
        color = _COLORS[number % len(_COLORS)]
        name = escape(visible(agent))
        said = f"<title>{name}: {tokens[-1]:,} tokens</title>"
        yield f'<polygon points="{" ".join(points)}" fill="{color}">{said}</polygon>'
        y = _HEIGHT - _BOTTOM - 8 - number * 26
        yield f'<rect x="{_WIDTH - _RIGHT + 16}" y="{y - 10}" width="12" height="12" fill="{color}"/>'
        yield f'<text x="{_WIDTH - _RIGHT + 34}" y="{y}">{name[:22]}</text>'
        below = above


def _mark(mark: Mark, number: int, scale: _Scale) -> Iterator[str]:
    """Yield the line of a compaction, at its day."""
    first = scale.months[0]
    months = (mark.day.year - first.year) * 12 + mark.day.month - first.month
    x = scale.x(min(months, len(scale.months) - 1))
    saved = 1 - mark.tokens_after / mark.tokens_before if mark.tokens_before else 0
    said = f"{mark.day}: {-saved:+.0%}{' (undone)' if mark.undone else ''}"
    y = _TOP + 12 + number % 4 * 16
    yield f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{_HEIGHT - _BOTTOM}"/>'
    title = f"<title>{escape(mark.id)}</title>"
    yield f'<text class="marked" x="{x - 6:.1f}" y="{y}" text-anchor="end">{said}{title}</text>'


def _round_up(value: int) -> int:
    """Return a round number that is not smaller and has four round quarters."""
    step = 4
    while True:
        for factor in (1, 2, 2.5, 5):
            if step * factor >= value and step * factor % 4 == 0:
                return int(step * factor)
        step *= 10
