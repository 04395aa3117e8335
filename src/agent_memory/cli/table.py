"""Rows out: a table for people on a terminal, tab-separated lines for everything else."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import click

from agent_memory.cli.render import cut, on_terminal, put, visible, width_of

NARROW = 24
"""Columns that a cut column should keep; before it has fewer, spare columns are left out."""


class Column(NamedTuple):
    """One column.

    Attributes:
        cut: It gives up its end where the terminal is too narrow; every other column is shown whole.
        spare: It is left out where that gives a cut column room.
    """

    name: str
    align: Literal["left", "right"] = "left"
    style: str = ""
    cut: bool = False
    spare: bool = False


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print rows; off a terminal without a header, so that `cut`, `sort` and `awk` have only rows to read."""
    cells = [[visible(str(value)) for value in row] for row in rows]
    if not on_terminal():
        for row in cells:
            put("\t".join(row))
    elif cells:
        _print_rich(columns, cells, shutil.get_terminal_size().columns)


def _print_rich(columns: Sequence[Column], cells: Sequence[Sequence[str]], room: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    widths = _fitted(columns, cells, room)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for column, width in zip(columns, widths, strict=True):
        if width:
            table.add_column(column.name, justify=column.align, style=column.style, no_wrap=True, min_width=width)
    for row in cells:
        table.add_row(*[Text(cut(text, width)) for text, width in zip(row, widths, strict=True) if width])
    context = click.get_current_context(silent=True)
    plain = context is not None and context.color is False
    Console(no_color=plain, highlight=False, width=room).print(table)


def _fitted(columns: Sequence[Column], cells: Sequence[Sequence[str]], room: int) -> list[int]:
    """Widths of the columns; 0 for one that is left out."""
    texts = zip([column.name for column in columns], *cells, strict=True)
    widths = [max(map(width_of, column)) for column in texts]
    whole = sum(width + 2 for width, column in zip(widths, columns, strict=True) if not column.cut)
    if room - whole < NARROW:
        widths = [0 if column.spare else width for width, column in zip(widths, columns, strict=True)]
        whole = sum(width + 2 for width, column in zip(widths, columns, strict=True) if width and not column.cut)
    left = max(room - whole, NARROW // 2)
    return [min(width, left) if column.cut else width for width, column in zip(widths, columns, strict=True)]
