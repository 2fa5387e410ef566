"""How commands speak: results on standard output, trouble as one line on standard error, tables or JSON."""

import asyncio
import json
import sys
from collections.abc import Coroutine, Mapping, Sequence
from typing import Annotated, NoReturn, TypeAlias, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import GatewayError
from app.domain.json import Json

_PIPE_WIDTH = 200  # columns, where nobody looks and nothing should be cut
_Result = TypeVar("_Result")

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


def screen(*, stderr: bool = False) -> Console:
    """A Rich console on what standard output (or error) is at this moment."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _PIPE_WIDTH, highlight=False)


def fail(message: str, code: int = 1) -> NoReturn:
    """One line on standard error, and the end: 1 when something did not work, 2 when the command was not understood."""
    line = " ".join(message.split())
    screen(stderr=True).print(f"[bold red]error:[/] {escape(line)}", soft_wrap=True)
    raise typer.Exit(code)


def run(work: Coroutine[object, object, _Result]) -> _Result:
    """Runs what a command does; what it raises becomes a line and an exit code, never a traceback."""
    try:
        return asyncio.run(work)
    except GatewayError as error:
        fail(f"{error.param}: {error.message}" if error.param not in (None, "id") else error.message)
    except ValidationError as error:
        fail(readable(error))
    except SQLAlchemyError as error:
        fail(f"the database does not answer as it should: {str(error).splitlines()[0]}")
    except (OSError, ValueError) as error:
        fail(str(error) or type(error).__name__)


def readable(error: ValidationError) -> str:
    """The first thing that is wrong, without the value: it may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def print_json(value: Json) -> None:
    """JSON for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """A table for people; `empty` is what to say when there is nothing in it."""
    if not rows:
        typer.echo(empty)
        return
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
