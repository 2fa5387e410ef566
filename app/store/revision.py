"""One counter that every change of keys, channels or credentials moves, so that caches know when to reload."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import revision

_CURRENT = select(revision.c.value)
_BUMP = update(revision).values(value=revision.c.value + 1)


async def current(connection: AsyncConnection) -> int:
    """The counter; read it before what it guards, so that a cache is at worst older than it says."""
    return int((await connection.execute(_CURRENT)).scalar_one())


async def bump(connection: AsyncConnection) -> None:
    """Moves the counter, in the transaction of the change itself."""
    await connection.execute(_BUMP)
