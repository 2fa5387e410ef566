"""How a command ends: with what it found, or one line on standard error and an exit code. Knows no Typer: a server has none."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, NoReturn, TypeVar

from app.domain.errors import GatewayError

if TYPE_CHECKING:  # a server runs for months: 5 MB that only other commands need, 30 that who watches over workers does without
    from pydantic import ValidationError
    from rich.console import Console

_PIPE_WIDTH = 200  # columns, where nobody looks and nothing should be cut
_Result = TypeVar("_Result")


def screen(*, stderr: bool = False) -> "Console":
    """A Rich console on what standard output (or error) is at this moment."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _PIPE_WIDTH, highlight=False)


def fail(message: str, code: int = 1) -> NoReturn:
    """One line on standard error, and the end: 1 when something did not work, 2 when the command was not understood."""
    from rich.markup import escape

    line = " ".join(message.split())
    screen(stderr=True).print(f"[bold red]error:[/] {escape(line)}", soft_wrap=True)
    raise SystemExit(code)


def run(work: Coroutine[object, object, _Result]) -> _Result:
    """Runs what a command does; what it raises becomes a line and an exit code, never a traceback."""
    from pydantic import ValidationError
    from sqlalchemy.exc import SQLAlchemyError

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


def readable(error: "ValidationError") -> str:
    """The first thing that is wrong, without the value: it may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
