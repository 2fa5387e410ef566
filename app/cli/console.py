"""How commands speak: results on standard output, trouble as one line on standard error, tables or JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias

import typer

from app.cli.outcome import fail, readable, run, screen
from app.domain.json import Json

__all__ = ["AsJson", "fail", "print_json", "print_table", "readable", "run", "screen"]

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


def print_json(value: Json) -> None:
    """JSON for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """A table for people; `empty` is what to say when there is nothing in it."""
    if not rows:
        typer.echo(empty)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    screen().print(table)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON.")
