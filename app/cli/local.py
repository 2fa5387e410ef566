"""The settings and the database of this machine, for commands that need no server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.engine.channels import ChannelDesk
from app.engine.gateway import Gateway
from app.engine.keys import KeyDesk
from app.engine.secret import BadSetup
from app.settings import Settings
from app.store.database import Database, async_url
from app.store.schema import Schema, schema_of
from app.wiring import idle_gateway

_SAID = {
    Schema.MISSING: "The database has no tables yet: run `filmgate db upgrade` or `filmgate serve`.",
    Schema.OLDER: "The database is older than this program: run `filmgate db upgrade`.",
    Schema.NEWER: "The database was migrated by a newer version of this program: use that version.",
}


@asynccontextmanager
async def local_gateway(settings: Settings | None = None) -> AsyncIterator[Gateway]:
    """A gateway that runs no jobs, on the database of the settings; raises BadSetup when that is not ready."""
    chosen = settings or Settings()
    problem = await database_problem(chosen)
    if problem is not None:
        raise BadSetup(problem)
    async with idle_gateway(chosen) as gateway:
        yield gateway


async def database_problem(settings: Settings) -> str | None:
    """Why the database cannot be used as it is, or None; makes nothing."""
    missing = missing_file(settings)
    if missing is not None:
        return f"There is no database {missing} yet: run `filmgate serve` here, or set FILMGATE_DATA_DIR to the folder of yours."
    database = Database.open(settings.database)
    try:
        return _SAID.get(await schema_of(database))
    finally:
        await database.close()


def missing_file(settings: Settings) -> Path | None:
    """The SQLite file that is not there, if that is so; raises ValueError for a URL that we cannot use."""
    url = async_url(settings.database)
    path = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    return path if path is not None and not path.exists() else None


def channels_of(gateway: Gateway) -> ChannelDesk:
    """The desk at which channels are changed."""
    return ChannelDesk(gateway.database, gateway.vault, gateway.now)


def keys_of(gateway: Gateway) -> KeyDesk:
    """The desk at which keys are changed."""
    return KeyDesk(gateway.database, gateway.vault, gateway.now)
