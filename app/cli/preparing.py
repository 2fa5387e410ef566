"""What happens before `filmgate serve` serves: the database fits, and has what a first start makes."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__
from app.cli.outcome import run
from app.lean import leave_out_the_unused

if TYPE_CHECKING:  # a server of one process starts no other
    from multiprocessing.connection import Connection


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """What a server has to know; the keys were made just now, in the clear, and are None where nothing was made."""

    data_dir: Path
    drain_seconds: float
    admin_key: str | None = None
    client_key: str | None = None


def prepared() -> Prepared:
    """Prepares in this process, or in one of its own where the database has to be migrated: what that loads would stay for good.

    Ends the command when it does not work.
    """
    return run(_prepared(migrating=False)) or prepared_elsewhere()


def prepared_elsewhere() -> Prepared:
    """Prepares in a process of its own, so that one which only watches over workers stays small; ends the command likewise."""
    from multiprocessing import get_context

    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(sender,))
    process.start()
    sender.close()  # so that the end of the other process is the end of what it tells
    try:
        found: Prepared | None = receiver.recv()
    except EOFError:
        found = None
    process.join()
    if found is None:
        raise SystemExit(process.exitcode or 1)  # the reason stands on standard error
    return found


def _tell(sender: "Connection") -> None:
    sender.send(run(_prepared(migrating=True)))


async def _prepared(*, migrating: bool) -> Prepared | None:
    """None where it would have to migrate and is not to."""
    leave_out_the_unused()
    # after that, and 30 MB that a process which only watches over workers does without
    from app.engine.first_run import first_run
    from app.engine.secret import secrets_of
    from app.engine.spans import spans_of
    from app.engine.storage import assets_of
    from app.settings import Settings
    from app.store.database import Database
    from app.store.migrate import is_current, migrate
    from app.store.secrets import Vault

    settings = Settings()
    assets_of(settings)  # before anything is made: a storage that cannot be used ends here, as do traces that cannot be made
    spans_of(settings.otlp_endpoint, __version__).close()
    vault = Vault(secrets_of(settings))
    if not migrating and not await is_current(settings.database):
        return None
    await migrate(settings.database)
    database = Database.open(settings.database)
    try:
        made = await first_run(database, vault, settings, os.environ, datetime.now(UTC))
    finally:
        await database.close()
    return Prepared(settings.data_dir, settings.drain_seconds, made.admin_key, made.client_key)
