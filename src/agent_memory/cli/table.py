"""Rows out: a table for people on a terminal, tab-separated lines for everything else."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import click

from agent_memory.cli.render import on_terminal, put, visible

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        cut: Whether it gives up its end where the terminal is too narrow.
    """

    name: str
    align: Literal["left", "right"] = "left"
    style: str = ""
    cut: bool = False


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print rows; off a terminal without a header, so that `cut`, `sort` and `awk` have only rows to read."""
    cells = [[visible(str(value)) for value in row] for row in rows]
    if not on_terminal():
        for row in cells:
            put("\t".join(row))
    elif cells:
        _print_rich(_table(columns, cells))


def _table(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.name, justify=column.align, style=column.style, no_wrap=True,
            overflow="ellipsis" if column.cut else "fold", ratio=1 if column.cut else None,
        )  # fmt: skip
    for row in cells:
        table.add_row(*map(Text, row))
    return table


def _print_rich(table: Table) -> None:
    from rich.console import Console

    context = click.get_current_context(silent=True)
    plain = context is not None and context.color is False
    Console(no_color=plain, highlight=False, width=shutil.get_terminal_size().columns).print(table)
