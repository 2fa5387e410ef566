"""Runs migrations: for `app.store.migrate`, for the `alembic` command, and on a connection that a caller opened."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from app.settings import Settings
from app.store.database import async_url
from app.store.migrate import sole_connection
from app.store.tables import whole_metadata


def url() -> str:
    """The database given by the caller, else the one of the settings."""
    given = context.config.attributes.get("url")
    return str(given) if given else Settings().database


def run(connection: Connection) -> None:
    """Runs what is asked for, inside the connection's transaction."""
    context.configure(
        connection=connection,
        target_metadata=whole_metadata(),
        compare_type=True,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


async def online() -> None:
    """Opens the database for this process alone and runs."""
    async with sole_connection(url()) as connection:
        await connection.run_sync(run)


def offline() -> None:
    """Prints the SQL instead of running it (`alembic upgrade head --sql`)."""
    context.configure(url=async_url(url()), target_metadata=whole_metadata(), literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    offline()
elif (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    asyncio.run(online())
