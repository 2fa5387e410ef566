"""Small named values that all processes share: generated secrets' hashes, marks of what was done once."""

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.inserts import inserts
from app.store.tables import settings

_GET = select(settings.c.value).where(settings.c.name == bindparam("name"))
_PUT = {
    name: insert.on_conflict_do_update(index_elements=[settings.c.name], set_={"value": insert.excluded.value})
    for name, insert in inserts(settings).items()
}
_PUT_NEW = {name: insert.on_conflict_do_nothing(index_elements=[settings.c.name]) for name, insert in inserts(settings).items()}


async def get(connection: AsyncConnection, name: str) -> str | None:
    """The value under this name."""
    found: str | None = (await connection.execute(_GET, {"name": name})).scalar_one_or_none()
    return found


async def put(connection: AsyncConnection, name: str, value: str) -> None:
    """Sets or replaces the value under this name."""
    await connection.execute(_PUT[connection.dialect.name], {"name": name, "value": value})


async def put_new(connection: AsyncConnection, name: str, value: str) -> bool:
    """Sets the value unless there is one; of several processes exactly one is told that it was the one."""
    result = await connection.execute(_PUT_NEW[connection.dialect.name], {"name": name, "value": value})
    return result.rowcount == 1
