"""`filmgate backup` and `filmgate restore`."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app import __version__
from app.cli.console import fail, run
from app.cli.local import missing_file
from app.engine.backup import BackedUp, back_up
from app.engine.restore import Restored, restore
from app.settings import Settings


def backup_command(
    target: Annotated[str, typer.Argument(metavar="DIR|FILE", help="A new file, or a folder in which one is made.")],
    files: Annotated[bool, typer.Option("--files", help="The stored results, too, where they lie in a folder.")] = False,
) -> None:
    """Write the database and what opens it to one file, while the gateway runs."""
    made = run(_back_up(target, files=files))
    held = [f"the database (schema {made.revision})"]
    held += ["the secret key that opens it"] if made.secret else []
    held += [f"{made.files} stored files"] if made.files is not None else []
    typer.echo(f"{made.path} holds {', '.join(held)}: {made.size:,} bytes. Keep it where nobody else can read it.")
    if not made.secret:
        typer.echo("FILMGATE_SECRET_KEY is not in it. Keep that too, elsewhere: without it no credential can be opened.")


def restore_command(
    source: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="What `filmgate backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Throw away what is in the database now.")] = False,
) -> None:
    """Put a backup back, with every gateway stopped; an older one is migrated to this version."""
    done = run(_restore(source, force=force))
    typer.echo(f"Restored the backup of {done.made_at} (schema {done.revision}) and {done.files} stored files.")
    if done.unopened:
        fail(f"What these have sealed does not open with the secret key in force: {', '.join(done.unopened)}. Set the old one.")


async def _back_up(target: str, *, files: bool) -> BackedUp:
    settings, now = Settings(), datetime.now(UTC)
    if (missing := missing_file(settings)) is not None:
        raise FileNotFoundError(f"There is no database {missing}: set FILMGATE_DATA_DIR to the folder of yours.")
    return await back_up(settings, _file(target, now), files=files, now=now, version=__version__)


async def _restore(source: Path, *, force: bool) -> Restored:
    return await restore(Settings(), source, force=force, now=datetime.now(UTC))


def _file(target: str, now: datetime) -> Path:
    """What the command names, or a file of its own in that folder."""
    path = Path(target)
    folder = path.is_dir() or target.endswith(("/", os.sep))
    return path / f"filmgate-{now:%Y%m%dT%H%M%SZ}.tar" if folder else path
