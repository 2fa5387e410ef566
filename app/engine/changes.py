"""One writer at a time for keys and channels, so that what is checked still holds when it is written."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.database import Database
from app.store.revision import bump


@asynccontextmanager
async def changing(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction in which no other process changes keys or channels: the counter's row is locked by its first statement."""
    async with database.write() as connection:
        await bump(connection)
        yield connection
