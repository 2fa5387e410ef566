"""`filmgate db`: the database itself."""

import typer

from app.cli.console import run
from app.settings import Settings
from app.store.migrate import migrate

app = typer.Typer(no_args_is_help=True, help="The database.")


@app.callback()
def database() -> None:
    """Keep `upgrade` a command of its own although it is the only one."""


@app.command()
def upgrade() -> None:
    """Bring the tables to what this version needs; makes the database if there is none."""
    run(_upgrade())
    typer.echo("The database is up to date.")


async def _upgrade() -> None:
    await migrate(Settings().database)
